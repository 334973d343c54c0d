"""Bad input: an error names the argument, its domain and the value given."""

import decimal

import numpy as np
import pandas as pd
import pytest

from ann2neo import SpikeRaster

WORDS = np.array([[5], [3]], np.uint64)
RASTER = SpikeRaster(WORDS, 3, pd.DataFrame({"layer": ["a", "b"], "unit_index": [0, 0]}))


@pytest.mark.parametrize(
    ("active", "error", "message"),
    [
        (np.zeros((2, 2, 2)), ValueError, r"active must have shape \(n_samples, n_units\).*\(2, 2, 2\)"),
        (np.zeros(3), ValueError, r"active must have shape .*\(3,\)"),
        (True, ValueError, r"active must have shape .*\(\)"),
        ([[1, 0], [1]], ValueError, r"active must have shape .* no array"),
        (np.zeros((0, 3)), ValueError, r"active must have at least one sample and one unit.*\(0, 3\)"),
        (np.zeros((3, 0)), ValueError, r"active must have at least one sample and one unit.*\(3, 0\)"),
        ([[0, 1], [2, 0]], ValueError, r"active must hold only 0 and 1, got 2 at sample 1, unit 0"),
        ([[0, -1]], ValueError, r"active must hold only 0 and 1, got -1 at sample 0, unit 1"),
        ([[0.0, 0.5]], ValueError, r"active must hold only 0 and 1, got 0\.5 .*ann2neo\.record"),
        ([[np.nan, 0.5]], ValueError, r"active must hold only 0 and 1, got nan at sample 0, unit 0"),
        ([["a", "b"]], TypeError, r"active must be boolean or hold 0 and 1, got dtype <U1"),
        ([[None, True]], TypeError, r"active must be boolean or hold 0 and 1, got dtype object"),
        ([[1j, 0]], TypeError, r"active must be boolean or hold 0 and 1, got dtype complex128"),
    ],
)
def test_active(active, error, message):
    with pytest.raises(error, match=message):
        SpikeRaster.from_dense(active)


@pytest.mark.parametrize(
    ("words", "n_samples", "message"),
    [
        (WORDS.astype(np.int64), 3, r"words must be uint64 .* got int64 of shape \(2, 1\)"),
        (WORDS.astype(">u8"), 3, r"words must be uint64"),
        (WORDS.astype(bool), 3, r"words must be uint64 .* got bool"),
        (WORDS[0], 3, r"words must be uint64 of shape \(n_units ≥ 1, 1\).* got uint64 of shape \(1,\)"),
        (WORDS[:0], 3, r"words must be uint64 .* \(0, 1\)"),
        (WORDS, 65, r"shape \(n_units ≥ 1, 2\) for 65 samples, got uint64 of shape \(2, 1\)"),
        (np.zeros((2, 2), np.uint64), 64, r"shape \(n_units ≥ 1, 1\) for 64 samples"),
        (WORDS, 2, r"words has bits set beyond n_samples = 2"),
        (np.array([[0, 2]], np.uint64), 65, r"words has bits set beyond n_samples = 65"),
    ],
)
def test_words(words, n_samples, message):
    with pytest.raises(ValueError, match=message):
        SpikeRaster(words, n_samples)


def test_the_last_bit_of_a_full_word_is_no_dirty_tail():
    assert SpikeRaster(np.array([[2**63]], np.uint64), 64).spike_counts == [1]


@pytest.mark.parametrize(
    ("n_samples", "error"),
    [
        (0, ValueError),
        (-3, ValueError),
        (3.0, TypeError),
        ("3", TypeError),
        (None, TypeError),
        (True, TypeError),
    ],
)
def test_n_samples(n_samples, error):
    with pytest.raises(error, match=rf"n_samples must be .*at least 1, got {n_samples!r}"):
        SpikeRaster(WORDS, n_samples)


@pytest.mark.parametrize("period", [0, -0.001, np.inf, -np.inf, np.nan, 10**400, np.float32(0)])
def test_sampling_period_out_of_range(period):
    with pytest.raises(ValueError, match=r"sampling_period must be positive and finite.*got "):
        SpikeRaster(WORDS, 3, sampling_period=period)


@pytest.mark.parametrize(
    "period", ["0.001", True, np.True_, None, [1], 1j, np.complex128(1), decimal.Decimal(1)]
)
def test_sampling_period_of_wrong_type(period):
    with pytest.raises(
        TypeError, match=r"sampling_period must be a number of seconds or a time with a unit, got "
    ):
        SpikeRaster(WORDS, 3, sampling_period=period)


@pytest.mark.parametrize("period", [1, np.int64(1), np.float32(1.0)])
def test_sampling_period_becomes_a_float(period):
    assert type(SpikeRaster(WORDS, 3, sampling_period=period).sampling_period) is float


@pytest.mark.parametrize("name", ["units", "samples"])
@pytest.mark.parametrize(
    ("selection", "error", "message"),
    [
        ([], ValueError, "must be a non-empty 1-D array of int or bool, got \\[\\]"),
        (np.array([], int), ValueError, "must be a non-empty 1-D array"),
        (1, ValueError, "must be a non-empty 1-D array of int or bool, got 1"),
        ([[0]], ValueError, "must be a non-empty 1-D array"),
        ([[0], [0, 1]], ValueError, "must be a non-empty 1-D array"),
        ([0.0], ValueError, "must be a non-empty 1-D array"),
        (["0"], ValueError, "must be a non-empty 1-D array"),
        (slice(1), ValueError, r"must be a non-empty 1-D array.*slice\(None, 1, None\)"),
        ([0, 5], IndexError, r"must lie in \[-\d, \d\), got 0 to 5"),
        ([-4], IndexError, r"must lie in \[-\d, \d\), got -4 to -4"),
        (np.array([2**64 - 1], np.uint64), IndexError, r"must lie in .* got 18446744073709551615"),
        (np.array([100], np.int8), IndexError, r"must lie in .* got 100"),
        ([True] * 5, ValueError, r"mask must have length \d, got 5"),
        ([False], ValueError, r"mask must have length \d, got 1"),
    ],
)
def test_selections(name, selection, error, message):
    with pytest.raises(error, match=f"{name} {message}"):
        RASTER.select(**{name: selection})


def test_a_mask_that_selects_nothing():
    with pytest.raises(ValueError, match="samples mask selects nothing"):
        RASTER.select(samples=[False] * 3)


def test_units_are_counted_within_the_layer():
    with pytest.raises(IndexError, match=r"units must lie in \[-1, 1\), got 1 to 1"):
        RASTER.select(layer="b", units=[1])


@pytest.mark.parametrize("layer", ["c", ["a", "c"], [], 0, [0], [None]])
def test_unknown_layer(layer):
    with pytest.raises(ValueError, match=r"layer must be one of \['a', 'b'\], got"):
        RASTER.select(layer=layer)


@pytest.mark.parametrize("unit", [2, -3])
def test_spike_indices_out_of_range(unit):
    with pytest.raises(IndexError, match=rf"unit must lie in \[-2, 2\), got {unit}"):
        RASTER.spike_indices(unit)


@pytest.mark.parametrize(
    ("annotations", "error", "message"),
    [
        ({"a": np.nan}, ValueError, r"annotations\['a'\] must be finite, got nan"),
        ({"a": [1.0, np.inf]}, ValueError, r"annotations\['a'\] must be finite, got inf"),
        (
            {"a": {"b": 1}},
            TypeError,
            r"annotations\['a'\] must be a str, .*flat list.* got \{'b': 1\} \(dict\)",
        ),
        ({"a": [[1]]}, TypeError, r"annotations\['a'\] must be .* got \[1\] \(list\)"),
        ({"a": np.eye(2)}, TypeError, r"annotations\['a'\] must be"),
        ({"a": {1, 2}}, TypeError, r"annotations\['a'\] must be .*\(set\)"),
        ({"a": b"x"}, TypeError, r"annotations\['a'\] must be .*\(bytes\)"),
        ({"a": 1j}, TypeError, r"annotations\['a'\] must be .*\(complex\)"),
        ({"a": object()}, TypeError, r"annotations\['a'\] must be .*\(object\)"),
        ({1: "a"}, TypeError, "annotations keys must be non-empty str, got 1"),
        ({"": "a"}, TypeError, "annotations keys must be non-empty str, got ''"),
        ([("a", 1)], TypeError, "annotations must be a mapping, got"),
        (0, TypeError, "annotations must be a mapping, got 0"),
    ],
)
def test_annotations(annotations, error, message):
    with pytest.raises(error, match=message):
        SpikeRaster(WORDS, 3, annotations=annotations)


def test_annotations_become_plain_values():
    given = {
        "f": np.float32(0.5),
        "i": np.int8(3),
        "b": np.True_,
        "s": np.str_("x"),
        "a": np.arange(2),
        "t": (1, "b"),
    }
    found = SpikeRaster(WORDS, 3, annotations=given).annotations
    assert found == {"f": 0.5, "i": 3, "b": True, "s": "x", "a": [0, 1], "t": [1, "b"]}
    assert [type(value) for value in found.values()] == [float, int, bool, str, list, list]
    assert type(found["a"][0]) is int
