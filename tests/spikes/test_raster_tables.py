"""What the tables hold, alike under pandas 2 and 3."""

import numpy as np
import pandas as pd
import pytest

from ann2neo.spikes import raster_tables


def normalize(table, **options):
    options = {"name": "units", "n_rows": len(table), "required": {}, **options}
    return raster_tables.normalize_table(table, **options)


STR = normalize(pd.DataFrame({"a": ["x"]}))["a"].dtype
INT, FLOAT, BOOL = np.dtype(np.int64), np.dtype(np.float64), np.dtype(bool)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([1, 2], np.uint8), INT),
        (np.array([1, 2**63 - 1], np.uint64), INT),
        (np.array([-1, 2], ">i4"), INT),
        (pd.array([1, 2], dtype="Int32"), INT),
        (pd.array([1, 2], dtype="UInt64"), INT),
        (np.array([0.5, np.nan], np.float16), FLOAT),
        (np.array([0.5, np.inf], np.float32), FLOAT),
        (pd.array([0.5, 1.5], dtype="Float32"), FLOAT),
        (np.array([True, False]), BOOL),
        (pd.array([True, False], dtype="boolean"), BOOL),
        (["x", "y"], STR),
        (np.array(["x", "y"], object), STR),
        (np.array(["x", "y"], "U1"), STR),
        (pd.array(["x", "y"], dtype="string"), STR),
        (pd.Categorical(["x", "y"]), STR),
        (pd.Categorical([3, 1]), INT),
        (pd.Categorical([3.5, 1.5]), FLOAT),
        (pd.Categorical([True, False]), BOOL),
        (pd.arrays.SparseArray([0, 1]), INT),
    ],
)
def test_columns_of_one_kind_come_to_one_width(values, dtype):
    table = pd.DataFrame({"a": values}, index=[7, 3])
    column = normalize(table)["a"]
    assert column.dtype == dtype
    assert column.to_list() == pytest.approx(list(values), nan_ok=True)
    assert list(column.index) == [0, 1]
    assert raster_tables.same(normalize(table), normalize(normalize(table)))


def test_str_columns_say_what_this_pandas_says():
    assert pd.Series(["x"]).dtype == STR


@pytest.mark.parametrize(
    "values",
    [
        ["x", None],
        ["x", np.nan],
        np.array(["x", np.nan], object),
        [np.nan, "x"],
        pd.array(["x", None], dtype="string"),
        pd.array([1, None], dtype="Int64"),
        pd.array([True, None], dtype="boolean"),
        pd.array([0.5, None], dtype="Float64"),
        pd.Categorical(["x", None]),
        pd.Categorical([1, None]),
        [pd.Timestamp(0), pd.NaT],
        [None, None],
    ],
    ids=repr,
)
def test_missing_values(values):
    with pytest.raises(ValueError, match=r"units\['a'\] has missing values; give every row a value"):
        normalize(pd.DataFrame({"a": values}))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, "x"], r"1 \(int\)"),
        (["x", 1], r"1 \(int\)"),
        (["x", True], r"True \(bool\)"),
        ([True, 1], r"True \(bool\)"),
        (["x", b"y"], r"b'y' \(bytes\)"),
        ([[1], [2]], r"\[1\] \(list\)"),
        ([1j, 2j], r"1j \(complex\)"),
        (pd.to_datetime([0, 1]), r"\(Timestamp\)"),
        (pd.to_timedelta([0, 1]), r"\(Timedelta\)"),
        (np.array([1, 2], object), r"object with 1 \(int\)"),
        ([2**64, 1], r"18446744073709551616 \(int\)"),
    ],
    ids=repr,
)
def test_mixed_and_other_types(values, found):
    with pytest.raises(TypeError, match=rf"units\['a'\] must be of one type, .*got dtype .*{found}"):
        normalize(pd.DataFrame({"a": values}))


def test_whole_numbers_beyond_int64():
    with pytest.raises(ValueError, match=r"units\['a'\] must fit in int64, got 9223372036854775808"):
        normalize(pd.DataFrame({"a": np.array([1, 2**63], np.uint64)}))


GOOD = pd.DataFrame({"layer": ["a", "b"], "unit_index": [0, 1]})


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (GOOD.iloc[:1], ValueError, "units must have 2 rows, got 1"),
        (GOOD[["layer"]], ValueError, r"units lacks the column 'unit_index'; it has \['layer'\]"),
        (pd.concat([GOOD, GOOD], axis=1), ValueError, "units has a column name twice"),
        (GOOD.assign(**{"": 1}), TypeError, "units column names must be non-empty str, got ''"),
        (GOOD.rename(columns={"layer": 0}).assign(layer="a"), TypeError, "column names .* got 0"),
        (GOOD.to_dict("list"), TypeError, r"units must be a pandas\.DataFrame, got dict"),
        (GOOD["layer"], TypeError, r"units must be a pandas\.DataFrame, got Series"),
        (GOOD.assign(layer=[3, 4]), TypeError, r"units\['layer'\] must hold str, got int, 3 in"),
        (
            GOOD.assign(unit_index=[0.0, 1]),
            TypeError,
            r"units\['unit_index'\] must hold int, got float, 0\.0",
        ),
        (
            GOOD.assign(unit_index=["0", "1"]),
            TypeError,
            r"units\['unit_index'\] must hold int, got str, '0'",
        ),
        (GOOD.assign(unit_index=[True, False]), TypeError, r"must hold int, got bool, True"),
    ],
)
def test_tables_that_do_not_fit(table, error, message):
    with pytest.raises(error, match=message):
        normalize(table, n_rows=2, required=raster_tables.UNITS)


def test_a_table_without_columns_has_rows_still():
    assert len(normalize(pd.DataFrame(index=range(3)))) == 3


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda t: t, True),
        (lambda t: t.set_axis([5, 6]), True),
        (lambda t: t.astype({"i": np.int8, "f": np.float32}), True),
        (lambda t: t.astype({"s": "category"}), True),
        (lambda t: t.astype({"i": float}), False),
        (lambda t: t.assign(f=[0.5, 0.25]), False),
        (lambda t: t[["i", "s", "f"]], False),
        (lambda t: t.assign(s=["x", "z"]), False),
        (lambda t: t.iloc[::-1], False),
    ],
)
def test_same_whatever_widths_they_came_with(change, same):
    table = pd.DataFrame({"i": [1, 2], "f": [0.5, np.nan], "s": ["x", "y"]})
    assert raster_tables.same(normalize(table), normalize(change(table))) is same


def stack(*columns):
    return raster_tables.stack_tables([normalize(pd.DataFrame(c)) for c in columns], name="units")


def test_stacked_rows_stand_under_one_another():
    found = stack({"a": [1], "s": ["x"]}, {"s": ["y", "z"], "a": [2, 3]})
    pd.testing.assert_frame_equal(found, normalize(pd.DataFrame({"a": [1, 2, 3], "s": ["x", "y", "z"]})))


@pytest.mark.parametrize("coordinate", raster_tables.COORDINATES)
def test_stacked_fills_coordinates(coordinate):
    found = stack({"a": [1]}, {"a": [2], coordinate: [5]}, {"a": [3]})
    pd.testing.assert_frame_equal(
        found, normalize(pd.DataFrame({"a": [1, 2, 3], coordinate: [-1, 5, -1]}))
    )


def test_stacked_fills_real_columns():
    found = stack({"a": [1]}, {"a": [2], "f": [0.5]}, {"a": [3], "f": [np.nan]})
    np.testing.assert_array_equal(found["f"], [np.nan, 0.5, np.nan])


@pytest.mark.parametrize("values", [[1], [True], ["x"]])
def test_stacked_refuses_to_invent(values):
    with pytest.raises(ValueError, match="units: the column 'b' is in some rasters and not in others"):
        stack({"a": [1]}, {"a": [1], "b": values})


@pytest.mark.parametrize("values", [[1.0], [True], ["x"]])
def test_stacked_refuses_to_mix_types(values):
    with pytest.raises(TypeError, match="units: the column 'a' has another type in another raster"):
        stack({"a": [1]}, {"a": values})


def test_stacked_leaves_its_arguments_alone():
    parts = [normalize(pd.DataFrame({"a": [1]})), normalize(pd.DataFrame({"a": [2], "row": [3]}))]
    raster_tables.stack_tables(parts, name="units")
    assert [list(part.columns) for part in parts] == [["a"], ["a", "row"]]
