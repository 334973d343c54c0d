"""Elephant's surrogates and processes over the bridge: same spikes, on the grid."""

import random

import neo
import numpy as np
import pandas as pd
import pytest
import quantities as pq
from elephant import spike_train_generation as generation
from elephant import spike_train_surrogates as methods
from hypothesis import given, settings
from hypothesis import strategies as st

from ann2neo import SpikeRaster, as_raster, to_spiketrains
from ann2neo.exchange.elephant.bridge import (
    elephant_process,
    elephant_spiketrains,
    elephant_surrogates,
)
from ann2neo.exchange.elephant.methods import PROCESSES, SURROGATES, seed_globals
from tests.strategies import rasters

OPTIONS = {
    "dither_spikes": {"dither": 3 * pq.ms},
    "dither_spike_train": {"shift": 3 * pq.ms},
    "jitter_spikes": {"bin_size": 10 * pq.ms},
    "bin_shuffling": {"max_displacement": 5},
    "trial_shifting": {"dither": 5 * pq.ms, "trial_length": 50 * pq.ms, "trial_separation": 0 * pq.ms},
    "gamma": {"shape_factor": 2.0},
    "lognormal": {"sigma": 0.5},
    "inverse_gaussian": {"cv": 0.5},
}
SILENT, ALWAYS_ON, ONE_SPIKE = 0, 1, 2


def generator(seed=0):
    return np.random.default_rng(seed)


def global_state():
    return np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002


def assert_same_state(before):
    now = global_state()
    np.testing.assert_equal(now[0], before[0])
    assert now[1] == before[1]


@pytest.fixture(scope="module")
def raster():
    """A silent unit, an always-on one, one of a single spike, two others that are silent at sample 0."""
    active = generator(7).random((500, 5)) < 0.3
    active[:, SILENT] = False
    active[:, ALWAYS_ON] = True
    active[:, ONE_SPIKE] = np.arange(500) == 3
    active[0, 3:] = False
    units = pd.DataFrame({"layer": ["conv"] * 3 + ["dense"] * 2, "unit_index": [0, 1, 2, 0, 1]})
    samples = pd.DataFrame({"sample_index": np.arange(500)[::-1], "label": np.arange(500) % 10})
    return SpikeRaster.from_dense(active, units, samples, annotations={"network": "mlp", "seed": 3})


def run(raster, name, seed=0, n_surrogates=1):
    """Elephant's own trains, and what of them is on the grid."""
    rng, options = generator(seed), OPTIONS.get(name, {})
    return list(elephant_spiketrains(raster, name, n_surrogates=n_surrogates, rng=rng, **options))


def draw(raster, name, seed=0, n_surrogates=1, **on_grid):
    """The rasters that users get."""
    function = elephant_process if name in PROCESSES else elephant_surrogates
    options = {"n_surrogates": n_surrogates, **on_grid, **OPTIONS.get(name, {})}
    return list(function(raster, name, rng=generator(seed), **options))


EVERY = [*SURROGATES, *PROCESSES]


@pytest.mark.parametrize("name", EVERY)
class TestEveryMethod:
    def test_keep_returns_trains_with_names_and_annotations(self, raster, name):
        originals = to_spiketrains(raster)
        for made in run(raster, name, n_surrogates=3):
            for train, original in zip(made.spiketrains, originals, strict=True):
                assert isinstance(train, neo.SpikeTrain)
                assert (train.name, train.annotations) == (original.name, original.annotations)
                assert train.annotations is not original.annotations
                assert (train.t_start, train.t_stop) == (original.t_start, original.t_stop)
                assert (train.sampling_rate, train.units) == (original.sampling_rate, original.units)
            np.testing.assert_array_equal(made.n_spikes, [len(train) for train in made.spiketrains])
            assert made.n_spikes[SILENT] == 0

    def test_round_counts_what_it_does(self, raster, name):
        (rounded,) = run(raster, name)
        assert draw(raster, name, on_grid="round") == [rounded.raster]
        np.testing.assert_array_equal(
            rounded.raster.spike_counts, rounded.n_spikes - rounded.n_collisions
        )
        dense = rounded.raster.to_dense()
        for unit, train in enumerate(rounded.spiketrains):
            times = train.magnitude
            samples = np.minimum(np.rint(times).astype(int), 499)
            np.testing.assert_array_equal(np.flatnonzero(dense[:, unit]), np.unique(samples))
            assert rounded.n_off_grid[unit] == np.sum(np.abs(times - samples) > 1e-6)

    def test_rasters_keep_tables_and_annotations(self, raster, name):
        for made in draw(raster, name, on_grid="round", n_surrogates=2):
            pd.testing.assert_frame_equal(made.units, raster.units)
            pd.testing.assert_frame_equal(made.samples, raster.samples)
            assert made.sampling_period == raster.sampling_period
            said = {"surrogate": f"elephant.{name}", "network": "mlp", "seed": 3}
            assert said.items() <= made.annotations.items()

    def test_the_generator_decides_alone(self, raster, name):
        trains = [train.magnitude for train in run(raster, name)[0].spiketrains]
        with seed_globals(generator(99)):
            np.random.random(17)  # noqa: NPY002
            random.random()
            before = global_state()
            again = run(raster, name)[0].spiketrains
            other = run(raster, name, seed=1)[0].spiketrains
            assert_same_state(before)
        for train, same in zip(trains, again, strict=True):
            np.testing.assert_array_equal(train, same.magnitude)
        assert any(not np.array_equal(a, b.magnitude) for a, b in zip(trains, other, strict=True))

    def test_surrogates_of_one_call_share_nothing(self, raster, name):
        first, second = run(raster, name, n_surrogates=2)
        assert not any(a is b for a, b in zip(first.spiketrains, second.spiketrains, strict=True))
        same = [np.array_equal(a, b) for a, b in zip(first.spiketrains, second.spiketrains, strict=True)]
        assert not all(same)

    @pytest.mark.parametrize("period", [0.0005, 1 / 3])
    def test_other_sampling_periods(self, raster, name, period):
        scale = period / 0.001
        scaled = SpikeRaster(raster.words, 500, raster.units, sampling_period=period)
        options = {
            k: v * scale if hasattr(v, "rescale") else v for k, v in OPTIONS.get(name, {}).items()
        }
        (made,) = elephant_spiketrains(scaled, name, rng=generator(), **options)
        assert made.raster.n_samples == 500
        assert made.raster.sampling_period == period
        assert made.raster.annotations["surrogate"] == f"elephant.{name}"
        if name == "bin_shuffling":
            assert (made.n_off_grid + made.n_collisions == 0).all()


@pytest.mark.parametrize("name", ["dither_spikes", "randomise_spikes", "shuffle_isis"])
def test_spikes_are_those_of_elephants_own_door(raster, name):
    options = dict(OPTIONS.get(name, {}))
    dt = options.pop("dither", None)
    with seed_globals(generator()):
        expected = [methods.surrogates(t, 1, name, dt=dt, **options)[0] for t in to_spiketrains(raster)]
    for train, other in zip(run(raster, name)[0].spiketrains, expected, strict=True):
        np.testing.assert_array_equal(train.magnitude, other.magnitude)


def test_gamma_spikes_are_those_of_elephants_class(raster):
    with seed_globals(generator()):
        expected = [
            generation.StationaryGammaProcess(
                rate=len(train) / (500 * pq.ms), t_start=0 * pq.ms, t_stop=500 * pq.ms, shape_factor=2.0
            ).generate_spiketrain()
            for train in to_spiketrains(raster)
        ]
    for train, other in zip(run(raster, "gamma")[0].spiketrains, expected, strict=True):
        np.testing.assert_array_equal(train.magnitude, other.magnitude)


class TestOnGrid:
    def test_bin_shuffling_stays_and_keeps_counts(self, raster):
        for made in draw(raster, "bin_shuffling", n_surrogates=3):
            bins = [one.to_dense().reshape(50, 10, 5).sum(axis=1) for one in (raster, made)]
            np.testing.assert_array_equal(*bins)
            assert made != raster

    def test_shuffle_isis_stays_unless_a_unit_spikes_at_sample_0(self, raster):
        quiet_start = raster.select(units=[SILENT, ONE_SPIKE, 3, 4])
        (made,) = draw(quiet_start, "shuffle_isis")
        np.testing.assert_array_equal(made.spike_counts, quiet_start.spike_counts)
        # The first "interval" of an always-on unit is 0: moved, it puts two spikes in one sample.
        with pytest.raises(ValueError, match="'conv/1', 0 are off it and 1 share"):
            draw(raster, "shuffle_isis")
        (made,) = run(raster, "shuffle_isis")
        np.testing.assert_array_equal(made.n_collisions, [0, 1, 0, 0, 0])
        assert made.n_off_grid.sum() == 0

    def test_what_leaves_the_grid_is_refused_with_unit_and_counts(self, raster):
        with pytest.raises(
            ValueError, match=r"elephant\.dither_spikes left the sample grid in 4 of 5 units"
        ):
            draw(raster, "dither_spikes", on_grid="raise")
        with pytest.raises(ValueError, match=r"elephant\.poisson left the sample grid"):
            draw(raster, "poisson", on_grid="raise")

    def test_spikes_at_the_end_of_the_recording_go_to_the_last_sample(self):
        (made,) = elephant_spiketrains(
            np.ones((50, 1)), "dither_spikes", rng=generator(), dither=200 * pq.ms, edges=False
        )
        # Elephant moves spikes beyond the ends to these: 0, which is a sample, and t_stop, which is not.
        times = made.spiketrains[0].magnitude
        assert 5 < np.sum(times == 0) < 45
        assert 5 < np.sum(times == 50) < 45
        assert made.raster.to_dense()[[0, 49], 0].all()
        assert made.n_off_grid[0] == np.sum(times != 0)

    def test_share_of_a_poisson_process_that_rounding_loses(self):
        raster = as_raster(generator(1).random((20000, 4)) < [0.1, 0.3, 0.5, 0.9])
        (made,) = elephant_spiketrains(raster, "poisson", rng=generator(2))
        rate = made.n_spikes / 20000
        lost = 1 - (1 - np.exp(-rate)) / rate
        sd = np.sqrt(rate * np.exp(-rate) / 20000) / rate
        assert np.all(np.abs(made.n_collisions / made.n_spikes - lost) < 4 * sd)
        expected = raster.spike_counts
        assert np.all(np.abs(made.n_spikes - expected) < 4 * np.sqrt(expected))

    @given(rasters(max_samples=100, max_units=4), st.integers(0, 99))
    @settings(max_examples=25, deadline=None)
    def test_any_raster(self, raster, seed):
        words = raster.words.copy()
        (made,) = elephant_surrogates(raster, "bin_shuffling", rng=generator(seed), max_displacement=4)
        np.testing.assert_array_equal(made.spike_counts, raster.spike_counts)
        pd.testing.assert_frame_equal(made.samples, raster.samples)
        np.testing.assert_array_equal(raster.words, words)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"method": "permutation"},
            ValueError,
            "method must be one of .*shuffle_isis.* got 'permutation'",
        ),
        ({"n_surrogates": 0}, ValueError, "n_surrogates must be at least 1, got 0"),
        ({"on_grid": "keep"}, ValueError, "on_grid must be one of .* got 'keep'"),
        ({"rng": 1}, TypeError, "rng must be a numpy.random.Generator, got 1"),
        ({"dither": 3 * pq.ms}, TypeError, "unexpected keyword argument 'dither'"),
        ({"method": "dither_spikes"}, TypeError, "missing 1 required positional argument: 'dither'"),
    ],
)
def test_faults_are_refused(raster, arguments, error, message):
    before = global_state()
    with pytest.raises(error, match=message):
        elephant_surrogates(raster, **{"method": "shuffle_isis", "rng": generator(), **arguments})
    assert_same_state(before)


def test_unknown_process(raster):
    with pytest.raises(ValueError, match=r"process must be one of .*gamma.* got 'weibull'"):
        elephant_process(raster, process="weibull", rng=generator())


class TestSeededGlobals:
    def test_seeds_both_and_restores_both(self):
        np.random.standard_normal()  # noqa: NPY002 (leaves half a pair behind, which is state too)
        before = global_state()
        drawn = []
        for seed in (1, 1, 2):
            with seed_globals(generator(seed)):
                drawn.append((np.random.random(), random.random()))  # noqa: NPY002
            assert_same_state(before)
        assert drawn[0] == drawn[1]
        assert drawn[0][0] != drawn[2][0]
        assert drawn[0][1] != drawn[2][1]

    def test_restores_after_an_exception(self):
        before = global_state()

        def interrupt():
            with seed_globals(generator()):
                np.random.random(3)  # noqa: NPY002
                random.random()
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupt()
        assert_same_state(before)

    def test_restores_when_elephant_raises(self, raster):
        before = global_state()
        with pytest.raises(ValueError, match="refractory"):
            elephant_process(raster, rng=generator(), refractory_period=100 * pq.ms)
        assert_same_state(before)
