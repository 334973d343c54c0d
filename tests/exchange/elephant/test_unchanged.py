"""Elephant unchanged: each row of the page on its functions is run, against NumPy where NumPy has it."""

import warnings

import numpy as np
import pytest

from tests.exchange.elephant_checks import (  # noqa: F401
    helpers,
    pairs,
    patterns,
    rates,
    signals,
    surrogates,
)
from tests.exchange.elephant_checks.faults import FAULTS
from tests.exchange.elephant_checks.page import SILENT_UNITS, VERDICTS, find_public, read_page
from tests.exchange.elephant_checks.recording import ALWAYS_ON, CHECKS, MS, SILENT, TWINS, record_spikes
from tests.exchange.elephant_checks.silent import CALLS, describe

pytestmark = pytest.mark.usefixtures("seeded")
ROWS = {row.name: row for row in read_page()}
NOT_RUN = "not run"
FAULTY = ("needs", "off the grid", "means nothing")


@pytest.fixture(scope="module")
def recording():
    return record_spikes()


class Watched:
    """Passes calls on and notes which options they had."""

    def __init__(self, called):
        self.called, self.options, self.n_calls = called, set(), 0

    def __call__(self, *arguments, **options):
        self.n_calls += 1
        self.options |= set(options)
        return self.called(*arguments, **options)


def checks_of(row):
    return [check for called, check in CHECKS.values() if called is row.called]


def test_the_recording_has_a_silent_an_always_on_and_two_equal_units(recording):
    firing = recording.active.mean(axis=1)
    assert firing[SILENT] == 0
    assert firing[ALWAYS_ON] == 1
    assert np.array_equal(*recording.active[list(TWINS)])
    assert np.all((firing[2:] > 0.02) & (firing[2:] < 0.95))


def test_the_page_has_every_public_function_of_elephant_once():
    assert len(ROWS) == len(read_page()) > 150
    assert set(ROWS) == find_public()


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_function_does_what_the_page_says(name, recording):
    row = ROWS[name]
    assert row.verdict in VERDICTS
    assert row.silent in SILENT_UNITS
    given = Watched(row.called)
    for check in checks_of(row):
        check(given, recording)
    if row.verdict in FAULTY:
        FAULTS[name](recording)
    if row.verdict not in ("means nothing", "no trains"):
        assert given.n_calls
    if row.verdict == "no trains":
        assert given.n_calls or row.words.endswith(NOT_RUN)
    if row.verdict == "needs":
        assert set(row.arguments) <= given.options
    key = name.removeprefix("elephant.")
    assert (row.silent == "–") == (key not in CALLS)
    if key in CALLS:
        assert describe(key, recording) == row.silent


def test_what_is_checked_is_on_the_page():
    public = [row.called for row in ROWS.values()]
    assert not [name for name, (called, _) in CHECKS.items() if not any(called is one for one in public)]


def test_faults_and_silent_units_are_of_functions_on_the_page():
    assert {f"elephant.{name}" for name in CALLS} <= set(ROWS)
    faulty = {row.name for row in ROWS.values() if row.verdict in FAULTY}
    assert set(FAULTS) == faulty


def test_neos_time_slice_includes_both_ends(recording):
    always = recording.trains[ALWAYS_ON]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(always.time_slice(100 * MS, 200 * MS)) == 101
