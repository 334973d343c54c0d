"""Schedules against a list of the steps they should choose."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ann2neo import monitoring
from ann2neo.monitoring.schedules import as_schedule


def choose_steps(schedule, calls):
    return [step for before, step in itertools.pairwise(calls) if schedule.is_due(before, step)]


@given(st.integers(1, 9), st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_every_k_steps_however_many_run_between_calls(k, sizes):
    calls = [0, *np.cumsum(sizes).tolist()]
    expected = [b for a, b in itertools.pairwise(calls) if any(s % k == 0 for s in range(a + 1, b + 1))]
    assert choose_steps(as_schedule(k), calls) == expected


@given(st.lists(st.integers(0, 40), min_size=1), st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_given_steps(steps, sizes):
    calls = [0, *np.cumsum(sizes).tolist()]
    expected = [b for a, b in itertools.pairwise(calls) if set(range(a + 1, b + 1)) & set(steps)]
    assert choose_steps(as_schedule(steps), calls) == expected


def test_ends_of_passes_choose_no_batch():
    schedule = as_schedule("training_epoch")
    assert schedule.training_epochs
    assert choose_steps(schedule, range(20)) == []


@given(st.integers(1, 10**6), st.integers(1, 200))
def test_log_spaced_steps(last, n_steps):
    steps = monitoring.log_spaced(last, n_steps)
    assert steps.dtype == np.int64
    assert steps[-1] == last
    assert n_steps == 1 or steps[0] == 1
    assert np.all(np.diff(steps) > 0)
    assert len(steps) <= n_steps


@pytest.mark.parametrize(
    ("every", "error", "match"),
    [
        (0, ValueError, "every must be at least 1, got 0"),
        (True, TypeError, "every must be an int"),
        (2.5, TypeError, "every must be an int"),
        (None, TypeError, "every must be an int"),
        ("epoch", ValueError, "'training_epoch' or steps, got 'epoch'"),
        ([], TypeError, r"steps as int, got \[\]"),
        ([1.5], TypeError, "steps as int"),
        ([3, -1], ValueError, "0 or more, got -1"),
    ],
)
def test_bad_schedules(every, error, match):
    with pytest.raises(error, match=match):
        as_schedule(every)
