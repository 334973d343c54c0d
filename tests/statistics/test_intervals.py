"""Inter-spike intervals: CV, CV2, LV, LvR."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import quantities as pq
from elephant import statistics as elephant
from hypothesis import example, given
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo.statistics.intervals import Intervals, cv, cv2, isi, lv, lvr
from tests.statistics.chunking import assert_same_bits, cut_rasters, feed, merge
from tests.strategies import dense

# Spikes far apart, and intervals about the size of the kernel's table.
intervals = st.lists(
    st.one_of(st.integers(1, 5), st.sampled_from([30, 31, 32, 33, 63, 64, 65]), st.integers(1, 60_000)),
    max_size=12,
)


def train(gaps, first=0, after=0):
    """A unit that fires first at `first`, then with these intervals."""
    spikes = first + np.cumsum([0, *gaps])
    active = np.zeros((spikes[-1] + 1 + after, 1), bool)
    active[spikes] = True
    return active


def exactly(gaps, refractoriness=0):
    """CV², CV2, LV and LvR of intervals as fractions."""
    n, total = len(gaps), sum(gaps)
    pairs = [(Fraction(abs(b - a), a + b), a + b) for a, b in itertools.pairwise(gaps)]
    return (
        Fraction(n * sum(d * d for d in gaps), total * total) - 1,
        sum(2 * relative for relative, _ in pairs) / (n - 1),
        3 * sum(relative**2 for relative, _ in pairs) / (n - 1),
        3 * sum(r**2 * (1 + Fraction(4 * refractoriness, s)) for r, s in pairs) / (n - 1),
    )


def all_of(active, refractoriness=0):
    """The same by the package, units one after another."""
    seen = Intervals().update(a2n.as_raster(active))
    return np.array([seen.cv() ** 2, seen.cv2(), seen.lv(), seen.lvr(refractoriness)])


def test_computed_by_hand():
    # Intervals 1, 3, 2: mean 2, variance 2/3; |d' − d| / (d' + d) = 1/2, 1/5.
    active = train([1, 3, 2])
    np.testing.assert_array_equal(isi(active)[0], [1, 3, 2])
    np.testing.assert_allclose(cv(active), [np.sqrt(2 / 3) / 2], rtol=1e-15)
    np.testing.assert_allclose(cv2(active), [0.7], rtol=1e-15)
    np.testing.assert_allclose(lv(active), [3 * (1 / 4 + 1 / 25) / 2], rtol=1e-15)
    # R = 5 ms: 1 + 20/4 and 1 + 20/5.
    np.testing.assert_allclose(lvr(active, R=0.005), [3 * (6 / 4 + 5 / 25) / 2], rtol=1e-15)


@given(dense(max_samples=200))
def test_intervals_of_each_unit(active):
    found = isi(active)
    assert len(found) == active.shape[1]
    for unit, gaps in enumerate(found):
        np.testing.assert_array_equal(gaps, np.diff(np.flatnonzero(active[:, unit])))
        assert gaps.dtype == np.int64


@pytest.mark.parametrize("period", [0.001, 0.0005])
def test_as_elephant(period):
    rng = np.random.default_rng(7)
    active = rng.random((3001, 8)) < [0.002, 0.01, 0.05, 0.2, 0.5, 0.8, 0.99, 1]
    raster = a2n.SpikeRaster.from_dense(active, sampling_period=period)
    gaps = [elephant.isi(spikes) for spikes in a2n.to_spiketrains(raster)]
    for mine, theirs in zip(isi(raster), gaps, strict=True):
        np.testing.assert_allclose(mine * period * 1000, theirs.rescale(pq.ms).magnitude, rtol=1e-12)
    for ours, reference in ((cv, elephant.cv), (cv2, elephant.cv2), (lv, elephant.lv)):
        expected = [float(reference(gap)) for gap in gaps]
        np.testing.assert_allclose(ours(raster), expected, rtol=1e-12, atol=1e-14)
    for refractoriness in (0, 0.0005, 0.001, 0.005, 0.1):
        expected = [elephant.lvr(gap, R=refractoriness * pq.s) for gap in gaps]
        np.testing.assert_allclose(lvr(raster, R=refractoriness), expected, rtol=1e-12, atol=1e-14)


@given(intervals.filter(lambda gaps: len(gaps) >= 2), st.integers(0, 70), st.integers(0, 70))
@example([60_000, 1, 60_000], 0, 0)
@example([31, 31, 32, 32, 31], 63, 1)
@example([50_000, 50_001, 50_000], 5, 5)
def test_against_fractions(gaps, first, after):
    expected = np.array([float(value) for value in exactly(gaps, 5)])
    found = all_of(train(gaps, first, after), 5)[:, 0]
    # To rounding where values are not small themselves; sums hold 2^-61 a pair.
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_nearly_regular_trains_keep_their_digits():
    gaps = [1000, 1001] * 20
    expected = np.array([float(value) for value in exactly(gaps)])
    np.testing.assert_allclose(all_of(train(gaps))[:, 0], expected, rtol=1e-11, atol=0)


def test_degenerate_units():
    active = np.zeros((100, 6), bool)
    active[40, 1] = active[[3, 99], 2] = active[[3, 50, 97], 3] = active[:, 4] = True
    active[[0, 1, 3], 5] = True
    raster = a2n.as_raster(active)
    assert [gaps.size for gaps in isi(raster)] == [0, 0, 1, 2, 99, 2]
    for statistic in (cv, cv2, lv, lvr):
        values = statistic(raster)
        np.testing.assert_array_equal(np.isnan(values), [True, True, True, False, False, False])
        np.testing.assert_array_equal(values[3:5], 0)
        assert values[5] > 0
        assert np.isnan(statistic(active[:1])).all()


@given(dense())
def test_backwards_is_the_same(active):
    assert_same_bits(all_of(active), all_of(active[::-1]))


@given(dense(), st.integers(2, 70))
def test_slower_is_the_same(active, factor):
    slow = np.zeros((len(active) * factor, active.shape[1]), bool)
    slow[::factor] = active
    np.testing.assert_allclose(all_of(slow)[:3], all_of(active)[:3], rtol=1e-12, atol=1e-14)


def test_independent_spikes_have_a_cv_below_one():
    # Geometric intervals: √(1 − p).
    rate = np.repeat([0.1, 0.5, 0.9], 30)
    active = np.random.default_rng(2).random((20_000, 90)) < rate
    # The standard error of the mean CV of 30 units of 2,000 intervals is about 1/√60,000.
    found = cv(active).reshape(3, 30).mean(axis=1)
    np.testing.assert_allclose(found, np.sqrt(1 - rate[::30]), rtol=0, atol=0.015)


def test_long_recordings_do_not_overflow():
    # n Σd² = 3·10¹⁹ > 2^63 with two million spikes in a row and one, four million later.
    n = 2_000_000
    words = np.zeros((1, 3 * n // 64), np.uint64)
    words[0, : n // 64] = 2**64 - 1
    words[0, -1] = 2**63
    raster = a2n.SpikeRaster(words, 3 * n)
    gaps, gap = n - 1, 2 * n
    squares, total = gaps + gap**2, gaps + gap
    expected = np.sqrt(float(Fraction((gaps + 1) * squares, total**2) - 1))
    np.testing.assert_allclose(cv(raster), [expected], rtol=1e-14)


@pytest.mark.parametrize("value", [-0.001, np.inf, np.nan])
def test_refractoriness_out_of_range(value):
    with pytest.raises(ValueError, match="R must be a finite number of seconds, at least 0, got "):
        lvr(np.eye(3), R=value)


def test_refractoriness_may_be_a_time():
    active = np.array([[1], [0], [0], [1], [1]])
    assert lvr(active, R=5 * pq.ms) == lvr(active, R=0.005) != lvr(active)


@pytest.mark.parametrize("value", [None, "5", True])
def test_refractoriness_is_a_number(value):
    with pytest.raises(TypeError, match="R must be a finite number of seconds, at least 0, got "):
        lvr(np.eye(3), R=value)


@given(cut_rasters())
def test_cutting_changes_nothing(cut):
    raster, chunks = cut
    whole = Intervals().update(raster)
    for way in (feed, merge):
        found = way(lambda start: Intervals(start=start), chunks)
        for name in ("result", "cv", "cv2", "lv"):
            assert_same_bits(getattr(found, name)(), getattr(whole, name)())
        assert_same_bits(found.lvr(5.0), whole.lvr(5.0))


@given(intervals, st.integers(0, 70), st.data())
def test_cutting_long_intervals_changes_nothing(gaps, first, data):
    raster = a2n.as_raster(train(gaps, first))
    spikes = raster.spike_indices(0)
    cuts = data.draw(st.sets(st.sampled_from([*spikes.tolist(), *(spikes + 1).tolist()]), max_size=5))
    edges = sorted({0, raster.n_samples} | {cut for cut in cuts if 0 < cut < raster.n_samples})
    chunks = [raster.select(samples=np.arange(*ends)) for ends in itertools.pairwise(edges)]
    whole = all_of(raster, 3)
    for way in (feed, merge):
        found = way(lambda start: Intervals(start=start), chunks)
        assert_same_bits(np.array([found.cv() ** 2, found.cv2(), found.lv(), found.lvr(3)]), whole)


@given(st.lists(st.tuples(st.integers(1, 140), st.integers(2, 70)), min_size=1, max_size=5), st.data())
def test_runs_over_words(runs, data):
    # Runs of spikes with pauses between, as long as two words and about as long as one.
    gaps = [gap for length, pause in runs for gap in [1] * length + [pause]]
    active = train(gaps, data.draw(st.integers(0, 64)))
    np.testing.assert_allclose(all_of(active, 3)[:, 0], [float(x) for x in exactly(gaps, 3)], rtol=1e-12)
    np.testing.assert_array_equal(cv(active), Intervals().update(active).cv())
    cut = data.draw(st.integers(1, len(active) - 1))
    found = Intervals().update(active[:cut]).update(active[cut:])
    assert_same_bits(
        np.array([found.cv() ** 2, found.cv2(), found.lv(), found.lvr(3)]), all_of(active, 3)
    )


def test_accumulator_refuses():
    for method in ("result", "cv2", "lv"):
        with pytest.raises(ValueError, match="no samples yet"):
            getattr(Intervals(), method)()
    three, two = a2n.as_raster(np.eye(3)), a2n.as_raster(np.ones((3, 2)))
    with pytest.raises(ValueError, match="later must start at sample 3, got 0"):
        Intervals().update(three).merge(Intervals().update(three))
    with pytest.raises(ValueError, match="later must have 3 units, as those before; got 2"):
        Intervals().update(three).merge(Intervals(start=3).update(two))
    with pytest.raises(ValueError, match="chunk must have 3 units, as those before; got 2"):
        Intervals().update(three).update(two)


@given(dense(max_units=6), st.integers(1, 40))
def test_alone_as_together(active, spread):
    # Each statistic has a loop of its own; its sums are those of the loop of all, to the last bit.
    spaced = np.zeros((len(active) * spread, active.shape[1]), bool)
    spaced[::spread] = active
    seen = Intervals().update(spaced)
    for function in (cv, cv2, lv):
        np.testing.assert_array_equal(function(spaced), getattr(seen, function.__name__)())
