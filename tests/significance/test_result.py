"""TestResult: what it keeps, shows and refuses."""

import copy
import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ann2neo.significance.result import TestResult

pvalues = hnp.arrays(
    float, st.integers(1, 30), elements=st.one_of(st.floats(0, 1), st.just(float("nan")))
)


def result(pvalue, statistic=None, **columns):
    n = len(pvalue)
    units = pd.DataFrame({"layer": ["dense"] * n, "unit_index": np.arange(n), "gain": np.arange(n) / 2})
    statistic = np.arange(n) + 1.0 if statistic is None else statistic
    return TestResult(statistic, pvalue, "nothing happens", "a test", {"lag": 3}, units, columns)


@given(pvalues)
def test_frame_and_significance(pvalue):
    found = result(pvalue, flag=~np.isnan(pvalue))
    frame = found.to_frame()
    assert list(frame) == ["layer", "unit_index", "gain", "statistic", "pvalue", "flag"]
    np.testing.assert_array_equal(frame["pvalue"], pvalue)
    assert found.n_tested == np.sum(~np.isnan(pvalue))
    raw, adjusted, holm = (
        found.significant(alpha=0.1, adjust=a) for a in (None, "benjamini-hochberg", "holm")
    )
    assert not raw[np.isnan(pvalue)].any()
    assert np.all(holm <= adjusted)
    assert np.all(adjusted <= raw)
    assert raw.dtype == bool


def test_significant_golden():
    # Benjamini–Hochberg by hand: .01·3/1, .02·3/2, .9 → .03, .03, .9.
    found = result([0.01, np.nan, 0.02, 0.9])
    assert found.significant(alpha=0.03).tolist() == [True, False, True, False]
    assert found.significant(alpha=0.029).tolist() == [False] * 4
    assert found.significant(alpha=0.01, adjust=None).tolist() == [True, False, False, False]


def test_nothing_inside_can_be_changed():
    given_pvalue = np.array([0.5, 0.1])
    found = result(given_pvalue, lag=np.array([1, 2]))
    given_pvalue[0] = 0
    assert found.pvalue[0] == 0.5
    for array in (found.statistic, found.pvalue, found.columns["lag"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(TypeError):
        found.parameters["lag"] = 4
    with pytest.raises(AttributeError):
        found.null = "another"
    frame = found.to_frame()
    frame.loc[0, "pvalue"] = 1
    assert found.pvalue[0] == 0.5


def test_pickles_and_copies():
    found = result([0.5, np.nan], lag=np.array([1, 2]))
    for twin in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        pd.testing.assert_frame_equal(twin.to_frame(), found.to_frame())
        assert twin.parameters == found.parameters
        assert (twin.null, twin.method) == (found.null, found.method)


def test_repr_says_what_was_found():
    text = repr(result([1e-6, np.nan, 0.9]))
    for part in ("a test", "nothing happens", "lag=3", "3 units, 2 tested, 1 undefined", "1 of 2"):
        assert part in text
    assert "0 tested" in repr(result([np.nan]))


@pytest.mark.parametrize("pvalue", [[0.2, 0.5, 0.04], [np.nan, np.nan], [1.0]])
def test_plot(pvalue):
    statistic = np.where(np.isnan(pvalue), np.nan, 2.0)
    axes = result(pvalue, statistic).plot()
    assert [ax.get_xlabel() for ax in axes] == ["statistic", "p-value"]
    _, mine = plt.subplots(2, 1)
    assert result(pvalue).plot(ax=mine)[0] is mine[0]
    with pytest.raises(ValueError, match="ax must be a pair of matplotlib Axes, got 1"):
        result(pvalue).plot(ax=mine[0])
    plt.close("all")


def test_faults_are_named():
    with pytest.raises(ValueError, match=r"pvalue must lie in \[0, 1\] or be NaN, got 1.5"):
        result([1.5])
    with pytest.raises(ValueError, match=r"statistic must have shape \(2,\)"):
        result([0.5, 0.5], statistic=[1.0])
    with pytest.raises(ValueError, match=r"flag must have shape \(1,\)"):
        result([0.5], flag=[True, False])
    with pytest.raises(TypeError, match=r"units must be a pandas\.DataFrame"):
        TestResult([1.0], [0.5], "", "", {}, None)
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\), got 5"):
        result([0.5]).significant(alpha=5)
    with pytest.raises(TypeError, match=r"alpha must be a number in \(0, 1\), got 'a'"):
        result([0.5]).significant(alpha="a")
    with pytest.raises(ValueError, match="method must be one of"):
        result([0.5]).significant(adjust="sidak")
    with pytest.raises(ValueError, match=r"no column named as a result, got \['gain'\]"):
        result([0.5], gain=[1]).to_frame()
