"""Window counts, and what is said of windows that do not fit."""

import functools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ann2neo import SpikeRaster
from ann2neo.statistics.autocorrelation import autocorrelation
from ann2neo.statistics.correlation import correlation
from ann2neo.statistics.fano import fanofactor
from ann2neo.statistics.summary import summarize
from ann2neo.statistics.windows import CutWindows, count_in_windows, spike_counts
from tests.statistics.chunking import cut_rasters
from tests.strategies import dense

WINDOWED = {
    "spike_counts": spike_counts,
    "fanofactor": fanofactor,
    "correlation": correlation,
    "summarize": functools.partial(summarize, by=None),
}


def quiet_counts(raster, window):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return spike_counts(raster, window)


@given(dense(), st.data())
def test_against_a_loop(active, data):
    window = data.draw(st.integers(1, len(active)))
    n_windows = len(active) // window
    expected = active[: n_windows * window].reshape(n_windows, window, -1).sum(axis=1).T
    found = quiet_counts(active, window)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int64


@given(dense(), st.data())
def test_windows_start_anywhere(active, data):
    start = data.draw(st.integers(0, len(active) - 1))
    window = data.draw(st.integers(1, len(active) - start))
    n_windows = (len(active) - start) // window
    found = count_in_windows(SpikeRaster.from_dense(active), window, n_windows, start)
    expected = active[start : start + n_windows * window].reshape(n_windows, window, -1).sum(axis=1).T
    np.testing.assert_array_equal(found, expected)


@given(cut_rasters(), st.sampled_from([1, 2, 3, 7, 63, 64, 65, 100, 300]))
def test_cutting_windows_apart_changes_nothing(cut, window):
    raster, chunks = cut
    windows = CutWindows(window)
    found = np.concatenate([windows.update(chunk) for chunk in chunks], axis=1)
    n_windows = raster.n_samples // window
    np.testing.assert_array_equal(found, count_in_windows(raster, window, n_windows))
    assert windows.stop == raster.n_samples


@pytest.mark.parametrize("name", WINDOWED)
def test_remainder_is_told_to_the_caller(name):
    message = "the last 3 of 23 samples are left out: they fill no window of 5"
    with pytest.warns(UserWarning, match=message) as seen:
        WINDOWED[name](np.eye(23), window=5)
    assert [warning.filename for warning in seen] == [__file__]


@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize("n_samples", [64, 65, 130])
def test_window_longer_than_the_recording(name, n_samples):
    with pytest.raises(ValueError, match=rf"window .* {n_samples} samples, got {n_samples + 1}$"):
        WINDOWED[name](np.eye(n_samples), window=n_samples + 1)


@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize("window", [0, -3])
def test_window_too_small(name, window):
    with pytest.raises(ValueError, match=f"window must be at least 1, got {window}"):
        WINDOWED[name](np.eye(4), window=window)


@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize("window", [2.0, "2", None, True])
def test_window_is_an_int(name, window):
    with pytest.raises(TypeError, match="window must be an int of at least 1, got"):
        WINDOWED[name](np.eye(4), window=window)


def test_whole_windows_leave_nothing_to_say():
    # Warnings are errors here.
    np.testing.assert_array_equal(
        spike_counts(np.ones((128, 2), bool), np.int32(64)), np.full((2, 2), 64)
    )


def test_as_many_windows_as_needed():
    active = np.eye(5)
    assert fanofactor(active, 5).shape == (5,)
    for call in (lambda: fanofactor(active, 5, ddof=1), lambda: correlation(active, 3)):
        with pytest.raises(
            ValueError, match="window must fit at least 2 × into the recording's 5 samples"
        ):
            call()


def test_only_stretches_that_meet_merge():
    raster, wider = SpikeRaster.from_dense(np.eye(7)), SpikeRaster.from_dense(np.ones((7, 8)))
    first = CutWindows(5)
    first.update(raster)
    for later, message in (
        (CutWindows(4, 7), "later must have window 5, got 4"),
        (CutWindows(5, 8), "later must start at sample 7, got 8"),
    ):
        with pytest.raises(ValueError, match=message):
            first.merge(later)
    later = CutWindows(5, 7)
    later.update(wider)
    with pytest.raises(ValueError, match="later must have 7 units, as those before; got 8"):
        first.merge(later)
    with pytest.raises(ValueError, match="chunk must have 7 units, as those before; got 8"):
        first.update(wider)


def test_max_lag_leaves_something_to_compare():
    with pytest.raises(ValueError, match="max_lag must be less than n_samples = 4, got 4"):
        autocorrelation(np.eye(4), 4)
