"""Surrogates drawn by several workers: the same result to the last bit, whoever draws which."""

import functools
import multiprocessing
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from ann2neo.significance.surrogate_methods.table import METHODS
from ann2neo.significance.surrogate_significance import surrogate_test
from ann2neo.significance.surrogates import surrogates
from ann2neo.statistics.fano import fanofactor
from ann2neo.statistics.intervals import cv
from tests.significance.surrogate_rasters import generator, independent, pairs, sticky

pytestmark = pytest.mark.filterwarnings(
    "ignore:a single unit of:UserWarning",
    "ignore:no Gaussian has all:UserWarning",
    "ignore:.* samples are few for:UserWarning",
)

quiet = functools.partial(surrogate_test, progress=False)


def warn_and_count(raster):
    """Spikes, with something to say."""
    warnings.warn("a word about the statistic", stacklevel=2)
    return raster.spike_counts + raster.words[:, 0] % np.uint64(7)


class TestWorkers:
    @pytest.mark.parametrize(
        ("statistic", "options"),
        [
            (fanofactor, {}),
            (fanofactor, {"method": "shuffle_isis"}),
            (cv, {"method": "permutation"}),
            (pairs, {"method": "correlated"}),
            (pairs, {"method": "circular_shift", "adjust": "max-t"}),
            (pairs, {"method": "bin_shuffling", "bin_size": 20, "whole_layer": True}),
            (fanofactor, {"stop_at": 10}),
            (pairs, {"stop_at": 10}),
        ],
    )
    def test_results_are_the_same_to_the_last_bit(self, statistic, options, monkeypatch):
        # Several pieces of Fano factors too.
        monkeypatch.setattr("ann2neo.significance.surrogate_laws.null_values._DRAWN_AT_ONCE", 40_000)
        raster = sticky(1000, 0.2, 10, seed=5)
        one, three = (
            quiet(raster, statistic, rng=generator(1), n_surrogates=150, workers=workers, **options)
            for workers in (1, 3)
        )
        assert one.columns.keys() == three.columns.keys()
        np.testing.assert_array_equal(one.pvalue, three.pvalue)
        for name, values in one.columns.items():
            np.testing.assert_array_equal(values, three.columns[name])

    def test_other_processes_give_the_same_and_warn_once(self):
        raster = sticky(500, 0.2, 4, seed=5)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            found = []
            for workers in (1, pool):
                with pytest.warns(UserWarning, match="a word") as said:
                    found.append(
                        quiet(raster, warn_and_count, rng=generator(1), n_surrogates=40, workers=workers)
                    )
                assert sum("a word" in str(one.message) for one in said) == 1
        np.testing.assert_array_equal(found[0].pvalue, found[1].pvalue)
        np.testing.assert_array_equal(found[0].columns["null_sd"], found[1].columns["null_sd"])

    def test_filters_of_warnings_are_as_before(self):
        before = list(warnings.filters)
        quiet(sticky(500, 0.2, 4, seed=5), pairs, rng=generator(1), n_surrogates=40, workers=2)
        assert warnings.filters == before

    @pytest.mark.parametrize("workers", [0, -1, 1.5, "two", None])
    def test_refuses_what_does_not_work(self, workers):
        with pytest.raises((TypeError, ValueError), match=f"workers must be .*{workers}"):
            quiet(independent(100, 2, 0), pairs, rng=generator(), n_surrogates=3, workers=workers)


def test_a_surrogate_depends_on_its_number_alone():
    raster = sticky(300, 0.2, 4, seed=5)
    for method, options in {
        **{name: {} for name in METHODS},
        "bin_shuffling": {"bin_size": 9},
        "inhomogeneous": {"window": 9},
    }.items():
        few, many = (
            list(surrogates(raster, method, n_surrogates=n, rng=generator(3), **options)) for n in (2, 5)
        )
        assert few == many[:2]
        assert len({one.words.tobytes() for one in many}) > 1
