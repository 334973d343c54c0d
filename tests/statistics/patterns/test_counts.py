"""Pattern histograms: exact, and the same however they are put together."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo.spikes import pattern_kernels
from ann2neo.statistics.patterns import counts as module
from ann2neo.statistics.patterns.counts import PatternCounts, pattern_counts
from ann2neo.statistics.patterns.histogram import count_histogram
from tests.strategies import rasters

SIZES = (1, 7, 63, 64, 65, 128, 1000)


@st.composite
def draw_repeated(draw, sizes=SIZES, max_samples=150):
    """Boolean arrays whose patterns repeat, at unit counts around the words' ends."""
    n_units = draw(st.sampled_from(sizes))
    few = st.sets(st.sampled_from([0, 31, 62, 63, 64, 127, 999]), max_size=4)
    on = draw(st.lists(few, min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pool = rng.random((len(on), n_units)) < draw(st.sampled_from([0, 0.5, 1]))
    for pattern, units in zip(pool, on, strict=True):
        flipped = [unit for unit in units if unit < n_units]
        pattern[flipped] = ~pattern[flipped]
    return pool[rng.integers(len(pool), size=draw(st.integers(1, max_samples)))]


def brute_force(active):
    return Counter(map(tuple, np.asarray(active).tolist()))


def as_counter(found):
    return Counter(dict(zip(map(tuple, found.to_dense().tolist()), found.counts.tolist(), strict=True)))


def count_labeled(found):
    patterns = found.to_dense().tolist()
    return Counter({(tuple(patterns[a]), found.labels[b]): c for a, b, c in found.cells.tolist()})


@given(draw_repeated())
def test_equal_to_brute_force(active):
    found = pattern_counts(active)["units"]
    assert as_counter(found) == brute_force(active)
    assert found.keys.shape == (len(found.counts), -(-active.shape[1] // 64))
    assert (found.n_units, found.n_samples) == active.shape[::-1]


@settings(max_examples=40)
@given(rasters(max_units=70))
def test_each_layer_by_brute_force(raster):
    active, layers = raster.to_dense(), raster.units["layer"].to_numpy()
    found = pattern_counts(raster)
    assert list(found) == raster.layers
    for layer, counts in found.items():
        assert as_counter(counts) == brute_force(active[:, layers == layer])
    assert as_counter(pattern_counts(raster, None)["all"]) == brute_force(active)
    if "label" in raster.samples:
        labels = raster.samples["label"].tolist()
        joint = pattern_counts(raster, None, labels="label")["all"]
        assert count_labeled(joint) == Counter(zip(map(tuple, active.tolist()), labels, strict=True))
        assert as_counter(joint) == brute_force(active)


def test_units_of_a_group_need_not_lie_together():
    active = np.random.default_rng(0).random((200, 6)) < 0.5
    units = pd.DataFrame({"layer": "a", "unit_index": range(6), "channel": [0, 1, 0, 1, 2, 0]})
    found = pattern_counts(a2n.SpikeRaster.from_dense(active, units), by="channel")
    assert {channel: as_counter(counts) for channel, counts in found.items()} == {
        channel: brute_force(active[:, units["channel"] == channel]) for channel in (0, 1, 2)
    }


@pytest.mark.parametrize("fingerprint", [False, True])
def test_no_two_sparse_patterns_are_one(fingerprint):
    # The first and the 64th unit on is not none on; nor is any unit or pair another.
    n_units = 130
    active = np.zeros((1 + n_units + n_units * (n_units - 1) // 2, n_units), bool)
    first, second = np.triu_indices(n_units)
    active[np.arange(1, len(active)), first] = True
    active[np.arange(1, len(active)), second] = True
    found = pattern_counts(active, fingerprint=fingerprint)["units"]
    assert found.counts.tolist() == [1] * len(active)
    pair = np.zeros((2, 64), bool)
    pair[1, [0, 63]] = True
    assert pattern_counts(pair, fingerprint=fingerprint)["units"].counts.tolist() == [1, 1]


@settings(max_examples=50)
@given(draw_repeated(sizes=(5, 64, 70)), st.data())
def test_any_split_in_any_order(active, data):
    options = data.draw(st.sampled_from([{}, {"fingerprint": True}, {"max_patterns": 3}]))
    labels = data.draw(st.sampled_from([None, "int", "str"]))
    labels = None if labels is None or "max_patterns" in options else np.arange(len(active)) % 3
    if labels is not None and data.draw(st.booleans()):
        labels = np.array(["ä", "b", "c"])[labels]
    expected = pattern_counts(active, labels=labels, **options)["units"]
    part = np.random.default_rng(data.draw(st.integers(0, 99))).integers(5, size=len(active))
    parts = []
    for number in data.draw(st.permutations(np.unique(part).tolist())):
        chosen = part == number
        parts.append(PatternCounts(**options))
        parts[-1].update(active[chosen], None if labels is None else labels[chosen])
    streamed = PatternCounts(**options)
    for p in parts:
        streamed = streamed.merge(p)
    assert streamed.result()["units"] == expected
    while len(parts) > 1:
        one = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        two = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        parts.append(one.merge(two))
    found = parts[0].merge(PatternCounts(**options)).result()["units"]
    assert found == expected
    assert found.keys.tobytes() == expected.keys.tobytes()


def test_fed_in_many_chunks():
    active = np.random.default_rng(0).random((3000, 70)) < 0.02
    seen = PatternCounts()
    for start in range(0, 3000, 100):
        seen.update(active[start : start + 100])
        if start == 1500:
            assert as_counter(seen.result()["units"]) == brute_force(active[: start + 100])
    assert seen.result() == pattern_counts(active)


def test_long_rasters_are_counted_stretch_by_stretch(monkeypatch):
    active = np.random.default_rng(0).random((1000, 9)) < 0.4
    labels = np.arange(1000) // 900  # the second label does not occur in the first stretches
    expected = pattern_counts(active, labels=labels)
    monkeypatch.setattr(module, "_STRETCH", 128)
    assert pattern_counts(active, labels=labels) == expected
    assert as_counter(expected["units"]) == brute_force(active)


def test_patterns_of_one_hash_are_told_apart(monkeypatch):
    active = np.random.default_rng(0).random((400, 70)) < 0.02
    keys = np.zeros(10, np.uint64)
    keys.flags.writeable = False
    monkeypatch.setattr(pattern_kernels, "hash_keys", lambda n_words, lane: keys)
    found = pattern_counts(active)["units"]
    assert as_counter(found) == brute_force(active)
    half = pattern_counts(active[::2])["units"], pattern_counts(active[1::2])["units"]
    assert half[0].merge(half[1]) == half[1].merge(half[0]) == found
    sets = [set(brute_force(part)) for part in (active[::2], active[1::2])]
    assert a2n.patterns.jaccard(*half) == len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@settings(max_examples=30)
@given(draw_repeated())
def test_fingerprints_count_alike(active):
    exact, short = (pattern_counts(active, fingerprint=f)["units"] for f in (False, True))
    assert sorted(exact.counts.tolist()) == sorted(short.counts.tolist())
    assert short.keys.shape == (exact.counts.size, 2)
    assert a2n.patterns.pattern_entropy(short) == pytest.approx(
        a2n.patterns.pattern_entropy(exact), abs=1e-12
    )
    with pytest.raises(ValueError, match="fingerprints do not give patterns back"):
        short.to_dense()


def test_a_sketch_keeps_exact_counts_of_some_patterns():
    rng = np.random.default_rng(0)
    active = (rng.integers(500, size=(4000, 1)) >> np.arange(9)) & 1
    exact, sketch = (pattern_counts(active, max_patterns=m)["units"] for m in (None, 100))
    assert sketch.counts.size == 100
    assert as_counter(sketch).items() <= as_counter(exact).items()
    np.testing.assert_array_equal(sketch.keys, exact.keys[:100])
    roomy = pattern_counts(active, max_patterns=512)["units"]
    assert as_counter(roomy) == as_counter(exact)
    assert a2n.patterns.n_patterns(roomy) == a2n.patterns.n_patterns(exact) == exact.counts.size


def test_a_sketch_estimates_as_closely_as_it_says():
    size, n_each, n_common = 101, 1500, 1000
    rng = np.random.default_rng(1)
    distinct, similarity, appeared = [], [], []
    for _ in range(100):
        pool = rng.integers(2**62, size=2 * n_each - n_common)
        bits = (pool[:, None] >> np.arange(62)) & 1
        one, two = (
            pattern_counts(a, max_patterns=size)["units"] for a in (bits[:n_each], bits[-n_each:])
        )
        distinct.append(a2n.patterns.n_patterns(one) / n_each)
        similarity.append(a2n.patterns.jaccard(one, two))
        appeared.append(a2n.patterns.pattern_turnover(one, two).appeared)
    bound = 1 / np.sqrt(size - 1)
    assert abs(np.mean(distinct) - 1) < 4 * bound / np.sqrt(100)
    assert 0.8 * bound < np.std(distinct) < 1.2 * bound
    true, spread = n_common / (2 * n_each - n_common), np.sqrt(0.5 * 0.5 / size)
    assert abs(np.mean(similarity) - true) < 4 * spread / np.sqrt(100)
    assert np.std(similarity) < 1.2 * spread
    assert abs(np.mean(appeared) / (n_each - n_common) - 1) < 0.1


def test_what_a_histogram_says_of_itself():
    active = np.eye(3, dtype=bool)[[0, 1, 1, 2]]
    found = pattern_counts(active, labels=["a", "b", "b", "b"])["units"]
    assert repr(found) == "PatternHistogram: 3 units × 4 samples, 3 patterns, 2 labels"
    sketch = pattern_counts(active, max_patterns=2)["units"]
    assert repr(sketch).startswith("PatternHistogram: 3 units × 4 samples, 2 patterns kept (0.")
    assert found != sketch
    assert found != "histogram"
    assert found == pattern_counts(active[::-1], labels=["b", "b", "b", "a"])["units"]
    assert found != pattern_counts(active, labels=["b", "a", "b", "b"])["units"]
    for array in (found.keys, found.counts, found.labels, found.cells):
        assert not array.flags.writeable
    with pytest.raises(TypeError, match="unhashable"):
        hash(found)


def test_histogram_of_part_of_a_raster():
    active = np.random.default_rng(0).random((300, 5)) < 0.3
    words = a2n.as_raster(active).words
    assert as_counter(count_histogram(words, 64, 250)) == brute_force(active[64:250])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"by": "colour"},
            ValueError,
            r"by must be None or one of \['layer', 'unit_index'\], got 'colour'",
        ),
        ({"labels": "label"}, ValueError, "labels must be a column of the sample table, one of"),
        (
            {"labels": [0, 1]},
            ValueError,
            r"labels must have shape \(3,\), a label per sample, got \(2,\)",
        ),
        ({"labels": 3}, ValueError, r"labels must have shape \(3,\), a label per sample, got \(\)"),
        ({"labels": [0, np.nan, 1]}, ValueError, "labels must not be missing or NaN"),
        ({"labels": [0, 1, 1], "max_patterns": 3}, ValueError, "labels must be None with max_patterns"),
        ({"max_patterns": 0}, ValueError, "max_patterns must be at least 1, got 0"),
        ({"max_patterns": 2.5}, TypeError, "max_patterns must be an int"),
    ],
)
def test_refusals(options, error, message):
    with pytest.raises(error, match=message):
        pattern_counts(np.eye(3), **options)


def test_what_does_not_add_up():
    three, four = pattern_counts(np.eye(3))["units"], pattern_counts(np.eye(4))["units"]
    with pytest.raises(ValueError, match="histograms must agree in n_units, got 3 and 4"):
        three.merge(four)
    for options in ({"fingerprint": True}, {"max_patterns": 9}):
        with pytest.raises(ValueError, match=f"histograms must agree in {next(iter(options))}"):
            three.merge(pattern_counts(np.eye(3), **options)["units"])
    labeled = pattern_counts(np.eye(3), labels=[0, 1, 1])["units"]
    with pytest.raises(ValueError, match="histograms must both have labels or both have none"):
        labeled.merge(three)
    with pytest.raises(ValueError, match="histograms must both have labels or both have none"):
        PatternCounts().update(np.eye(9)).update(np.eye(9)[:1], labels=[0])
    with pytest.raises(ValueError, match=r"labels must be of one kind, got 0 \(int64\) and 'a'"):
        labeled.merge(pattern_counts(np.eye(3), labels=list("aab"))["units"])
    with pytest.raises(ValueError, match=r"chunk must have the units \{'units': 3\}, as those before"):
        PatternCounts().update(np.eye(3)).update(np.eye(4))
    with pytest.raises(ValueError, match="later must have 3 units"):
        PatternCounts().update(np.eye(3)).merge(PatternCounts().update(np.eye(4)))
    with pytest.raises(ValueError, match="later must have fingerprint False, got True"):
        PatternCounts().merge(PatternCounts(fingerprint=True).update(np.eye(3)))
    with pytest.raises(ValueError, match="no samples yet: call update first"):
        PatternCounts().result()


def test_histograms_of_several_layers_are_not_one():
    with pytest.raises(TypeError, match=r"expected one histogram, got those of \['units'\]: take one"):
        a2n.patterns.pattern_entropy(a2n.patterns.pattern_counts(np.eye(3)))
    with pytest.raises(ValueError, match=r"by must be None or one of .*, got \['layer'\]"):
        a2n.patterns.pattern_counts(np.eye(3), by=["layer"])


def test_labels_of_any_width_are_the_same_labels():
    active, labels = np.random.default_rng(0).random((60, 5)) < 0.5, np.arange(60) % 3
    seen = a2n.patterns.PatternCounts()
    for part, kind in ((slice(0, 30), np.uint8), (slice(30, 60), np.int64)):
        seen.update(active[part], labels=labels[part].astype(kind))
    assert seen.result()["units"] == a2n.patterns.pattern_counts(active, labels=labels)["units"]


def test_labels_of_another_kind_leave_what_was_counted():
    active, labels = np.eye(4), np.arange(4)
    seen = a2n.patterns.PatternCounts().update(active, labels=labels)
    with pytest.raises(ValueError, match=r"of one kind, got 0 \(int64\) and 0.5 \(float64\)"):
        seen.update(active[:1], labels=[0.5])
    assert seen.result()["units"] == a2n.patterns.pattern_counts(active, labels=labels)["units"]
    for counts in (seen, seen.result()["units"]):
        with pytest.raises(TypeError, match=r"(later|other) must be a Pattern\w+, got 3"):
            counts.merge(3)


def test_a_histogram_leaves_the_callers_arrays_alone():
    made = a2n.patterns.pattern_counts(np.random.default_rng(0).random((50, 3)) < 0.5)["units"]
    keys, counts = made.keys.copy(), made.counts.copy()
    histogram = a2n.patterns.PatternHistogram(3, 50, keys, counts)
    assert keys.flags.writeable
    assert counts.flags.writeable
    counts[0] += 1
    assert histogram == made
    view = keys[:]
    view.flags.writeable = False
    histogram = a2n.patterns.PatternHistogram(3, 50, view, made.counts)
    keys[0] = 7
    assert histogram == made


@pytest.mark.parametrize(
    ("keys", "counts", "message"),
    [
        (lambda keys: keys, [-1, 51], "counts must be at least 1, got -1"),
        (lambda keys: keys, [0, 50], "counts must be at least 1, got 0"),
        (lambda keys: keys, [20, 20], "counts must add up to n_samples = 50, got 40"),
        (lambda keys: keys[::-1], [20, 30], "keys must be in the order of their hashes"),
        (lambda keys: keys.astype(int), [20, 30], "keys must be uint64"),
        (lambda keys: keys, [50], "counts must be int64 of shape"),
    ],
)
def test_what_is_no_histogram_is_refused(keys, counts, message):
    active = np.arange(50)[:, np.newaxis] < 20
    made = a2n.patterns.pattern_counts(active)["units"]
    with pytest.raises(ValueError, match=message):
        a2n.patterns.PatternHistogram(1, 50, keys(made.keys), np.array(counts))


@given(raster=rasters(), workers=st.integers(2, 4), seed=st.integers(0, 9))
@settings(max_examples=40)
def test_workers_count_the_same(raster, workers, seed):
    labels = np.random.default_rng(seed).choice(["a", "bb", "c"], raster.n_samples)
    labels[-1] = "only here"
    for options in ({}, {"labels": labels}, {"max_patterns": 3}):
        one = pattern_counts(raster, **options)
        several = pattern_counts(raster, workers=workers, **options)
        assert one.keys() == several.keys()
        assert all(histogram == several[name] for name, histogram in one.items())
    pd.testing.assert_frame_equal(
        a2n.patterns.summarize_patterns(raster, labels=labels),
        a2n.patterns.summarize_patterns(raster, labels=labels, workers=workers),
    )


def test_labels_of_another_length_are_refused_before_work_is_shared_out():
    with pytest.raises(ValueError, match=r"labels must have shape \(9,\), .* got \(8,\)"):
        pattern_counts(np.eye(9), labels=np.arange(8), workers=2)
