"""Every public function that takes a recording takes one on disk: opened, a path, parts in a folder."""

import dataclasses
import functools
import inspect
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo import patterns
from ann2neo.spikes import packing
from ann2neo.spikes.files.stored_parts import PART_NAME

N_SAMPLES, N_UNITS = 500, 6
CUT = 200

rng = functools.partial(np.random.default_rng, 0)
few = {"n_surrogates": 20, "rng": 0, "progress": False}


def seeded(function, *arguments, **options):
    """A call with a generator of its own."""

    def call(*recordings):
        given = {**options, "rng": rng()} if "rng" in options else options
        return function(*recordings, *arguments, **given)

    return call


def write(function, name):
    def call(recording, folder):
        path = function(recording, folder / name, overwrite=True)
        return a2n.load(path)

    return call


ONE = {
    "accumulate": lambda r: a2n.accumulate(a2n.Intervals, r).result(),
    "adf_test": a2n.adf_test,
    "as_raster": a2n.as_raster,
    "autocorrelation": seeded(a2n.autocorrelation, 5),
    "bootstrap": seeded(a2n.bootstrap, a2n.firing_rate, rng=0, n_resamples=20, progress=False),
    "change_point_test": seeded(a2n.change_point_test, [50], **few),
    "compare_processes": seeded(a2n.compare_processes, ("bernoulli", "markov")),
    "concat": lambda r: a2n.concat([r], over="samples"),
    "correlation": a2n.correlation,
    "cv": a2n.cv,
    "cv2": a2n.cv2,
    "eigenspectrum": a2n.eigenspectrum,
    "elephant_process": seeded(a2n.elephant_process, rng=0, on_grid="round"),
    "elephant_spiketrains": seeded(a2n.elephant_spiketrains, "randomise_spikes", rng=0),
    "elephant_surrogates": seeded(a2n.elephant_surrogates, "shuffle_isis", rng=0, on_grid="round"),
    "fano_test": a2n.fano_test,
    "fanofactor": seeded(a2n.fanofactor, 50),
    "firing_rate": a2n.firing_rate,
    "fit_poisson": a2n.fit_poisson,
    "fit_process": lambda r: a2n.simulate(a2n.fit_process(r, "markov"), rng=rng()),
    "instantaneous_rate": seeded(a2n.instantaneous_rate, "gaussian", 0.005),
    "isi": a2n.isi,
    "label_suspicion": a2n.label_suspicion,
    "ljung_box_test": a2n.ljung_box_test,
    "log10_rate_histogram": a2n.log10_rate_histogram,
    "lv": a2n.lv,
    "lvr": a2n.lvr,
    "mean_firing_rate": a2n.mean_firing_rate,
    "mutual_information_test": seeded(a2n.mutual_information_test, "label", **few),
    "pairwise_information": a2n.pairwise_information,
    "plot_fano": a2n.plot_fano,
    "plot_raster": a2n.plot_raster,
    "plot_rates": a2n.plot_rates,
    "poisson_assumptions": a2n.poisson_assumptions,
    "population_coupling": a2n.population_coupling,
    "rate_distribution": a2n.rate_distribution,
    "removable_units": a2n.removable_units,
    "rescaling_test": lambda r: a2n.rescaling_test(
        a2n.fit_process(a2n.as_raster(r), "bernoulli"), r, rng=rng()
    ),
    "runs_test": a2n.runs_test,
    "signal_noise_correlation": a2n.signal_noise_correlation,
    "spike_counts": seeded(a2n.spike_counts, 50),
    "summarize": a2n.summarize,
    "summarize_information": a2n.summarize_information,
    "surrogate_test": seeded(a2n.surrogate_test, a2n.cv, **few),
    "surrogates": seeded(a2n.surrogates, "shuffle_isis", rng=0),
    "to_block": lambda r: a2n.from_block(a2n.to_block(r)),
    "to_pynapple": lambda r: [train.t for train in a2n.to_pynapple(r).units.values()],
    "to_spikeinterface": lambda r: a2n.from_spikeinterface(a2n.to_spikeinterface(r)),
    "to_spiketrains": lambda r: [train.times.magnitude for train in a2n.to_spiketrains(r)],
    "to_xarray": lambda r: a2n.from_xarray(a2n.to_xarray(r)),
    "tuning": a2n.tuning,
    "tuning_test": seeded(a2n.tuning_test, **few),
    "patterns.PatternCounts.update": lambda r: patterns.PatternCounts().update(r).result(),
    "patterns.class_separation": patterns.class_separation,
    "patterns.conditional_entropy": lambda r: patterns.conditional_entropy(r, "label"),
    "patterns.is_saturated": patterns.is_saturated,
    "patterns.mutual_information": lambda r: patterns.mutual_information(r, "label"),
    "patterns.n_patterns": patterns.n_patterns,
    "patterns.overfitting_underfitting_indicator": patterns.overfitting_underfitting_indicator,
    "patterns.pattern_counts": patterns.pattern_counts,
    "patterns.pattern_coverage": patterns.pattern_coverage,
    "patterns.pattern_distance": patterns.pattern_distance,
    "patterns.pattern_entropy": patterns.pattern_entropy,
    "patterns.summarize_patterns": patterns.summarize_patterns,
    "patterns.top_pattern_fraction": patterns.top_pattern_fraction,
    "patterns.unit_information": patterns.unit_information,
}
TWO = {
    "compare": lambda a, b: a2n.compare(a, b, rng=rng(), n_surrogates=99),
    "equivalence": lambda a, b: a2n.equivalence(a, b, margin=0.1),
    "ks_test": a2n.ks_test,
    "nearest_patterns": lambda a, b: a2n.nearest_patterns(a, b, 3),
    "patterns.compare_patterns": patterns.compare_patterns,
    "patterns.flip_rate": patterns.flip_rate,
    "patterns.jaccard": patterns.jaccard,
    "patterns.pattern_turnover": patterns.pattern_turnover,
    "patterns.spike_jaccard": patterns.spike_jaccard,
    "patterns.weighted_jaccard": patterns.weighted_jaccard,
}
WRITTEN = {
    "save": write(a2n.save, "a.nix"),
    "write_netcdf": write(a2n.write_netcdf, "a.nc"),
    "write_nix": write(a2n.write_nix, "b.nix"),
    "write_nwb": write(a2n.write_nwb, "a.nwb"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    draw = np.random.default_rng(1)
    units = pd.DataFrame({"layer": ["a"] * N_UNITS, "unit_index": np.arange(N_UNITS)})
    samples = pd.DataFrame({"sample_index": np.arange(N_SAMPLES), "label": np.arange(N_SAMPLES) % 3})
    rate = np.array([0.1, 0.5, 0.3, 0.2, 0.4, 0.6]) + 0.2 * (np.arange(N_SAMPLES) % 3 == 1)[:, None]
    raster = a2n.SpikeRaster.from_dense(draw.random((N_SAMPLES, N_UNITS)) < rate, units, samples)
    folder = tmp_path_factory.mktemp("doors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_BUFFER_BYTES", 2 * 8 * N_UNITS)
        raster.save(folder / "one.zarr")
        (folder / "parts").mkdir()
        for number, ends in enumerate([(0, CUT), (CUT, N_SAMPLES)]):
            raster.select(samples=np.arange(*ends)).save(folder / "parts" / PART_NAME.format(number))
    return folder


def flatten(found):
    """Whatever a function returns, as arrays and numbers one after the other."""
    if isinstance(found, np.ndarray):
        return [found]
    if hasattr(found, "to_frame") and callable(found.to_frame):
        found = found.to_frame()
    if isinstance(found, a2n.SpikeRaster):
        return [found.to_dense(), found.units.to_numpy(), found.samples.to_numpy()]
    if isinstance(found, pd.DataFrame):
        return [found]
    if type(found).__module__.startswith("matplotlib"):
        return [found.get_xlim(), found.get_ylim(), *(line.get_xydata() for line in found.lines)]
    if isinstance(found, Mapping):
        return [leaf for key, value in found.items() for leaf in (key, *flatten(value))]
    if dataclasses.is_dataclass(found):
        return flatten({f.name: getattr(found, f.name) for f in dataclasses.fields(found)})
    if hasattr(found, "keys") and hasattr(found, "counts"):
        return [found.keys, found.counts]
    if isinstance(found, (list, tuple, Iterator)):
        return [leaf for item in found for leaf in flatten(item)]
    return [found]


def assert_same(found, expected):
    found, expected = flatten(found), flatten(expected)
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, other, check_exact=True)
        elif callable(one) or isinstance(one, str) or one is None:
            assert type(one) is type(other)
        else:
            np.testing.assert_array_equal(one, other)


def sources(folder):
    yield a2n.open_raster(folder / "one.zarr")
    yield str(folder / "one.zarr")
    yield folder / "parts"


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_what_is_on_disk_is_taken_as_what_is_in_memory(folder, name, recwarn):
    function, several = (ONE[name], 1) if name in ONE else (TWO[name], 2)
    raster = a2n.SpikeRaster.load(folder / "one.zarr")
    expected = function(*[raster] * several)
    # What comes one by one comes once.
    expected = list(expected) if isinstance(expected, Iterator) else expected
    for source in sources(folder):
        assert_same(function(*[source] * several), expected)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_on_disk_is_written_as_what_is_in_memory(folder, name, tmp_path):
    raster = a2n.SpikeRaster.load(folder / "one.zarr")
    expected = WRITTEN[name](raster, tmp_path)
    for source in sources(folder):
        assert_same(WRITTEN[name](source, tmp_path), expected)


def takes_a_recording(function):
    annotations = [str(p.annotation) for p in inspect.signature(function).parameters.values()]
    return any("Raster" in said or said == "Side" for said in annotations)


def test_every_public_function_that_takes_a_recording_is_here():
    public = {name: getattr(a2n, name) for name in a2n.__all__}
    public |= {f"patterns.{name}": getattr(patterns, name) for name in patterns.__all__}
    taken = {
        name for name, found in public.items() if inspect.isfunction(found) and takes_a_recording(found)
    }
    known = {name.removeprefix("patterns.") for name in (*ONE, *TWO, *WRITTEN)}
    assert {name for name in taken if name.removeprefix("patterns.") not in known} == set()
