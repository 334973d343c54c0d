"""Rows that do not belong to their samples are found, whatever hides them."""

import numpy as np
import pytest

from ann2neo.recording.row_proof import DEPENDS, choose_trials, choose_whole_trials, find_fault

TOLERANCE = 1e-3


def judge(layer, n_samples=40, trials=None):
    x = np.random.default_rng(0).standard_normal((n_samples, 3)).astype(np.float32)
    trials = trials or choose_trials(n_samples)
    whole, *parts = (layer(x[rows]) for rows in trials)
    return find_fault(whole, parts, trials, TOLERANCE)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 8, 9, 40])
def test_rows_of_their_own_samples_pass(n_samples):
    assert judge(lambda x: np.maximum(x, 0), n_samples) == ""
    assert judge(lambda x: x[:, :1] > 0, n_samples) == ""


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: x - x.mean(0),
        lambda x: x / np.abs(x).sum(),
        lambda x: x[np.argsort(x[:, 0])],
        lambda x: np.cumsum(x, 0),
        lambda x: (x > x.mean(0)).astype(np.float32),
        lambda x: np.roll(x, 1, 0),
        lambda x: x[::-1],
    ],
)
def test_rows_that_depend_on_others_do_not(layer):
    assert judge(layer) == DEPENDS
    assert judge(layer, 8, choose_whole_trials(np.arange(8))) == DEPENDS


def test_rows_that_depend_on_the_largest():
    assert judge(lambda x: x / np.abs(x).max()) == DEPENDS


@pytest.mark.parametrize("n_samples", [1, 2, 40])
def test_other_axes_first(n_samples):
    fault = "its first axis is not the samples"
    assert fault in judge(lambda x: x.T, n_samples)
    assert fault in judge(lambda x: np.repeat(x, 2, 0), n_samples)
    assert fault in judge(lambda x: np.zeros((9, len(x))), n_samples)
    assert fault in judge(lambda x: x[x[:, 0] > 0], 40)


def test_a_place_that_is_not_always_come_to():
    trials = choose_trials(40)
    fault = find_fault(np.ones((9, 2)), [np.ones((1, 2)), None], trials, TOLERANCE)
    assert fault == "the network comes to it with some samples and not with others"


def test_other_orders_of_summing_are_no_fault():
    rng = np.random.default_rng(1)
    assert judge(lambda x: x * (1 + 1e-5 * rng.standard_normal(x.shape))) == ""
