"""Trains from pynapple's and SpikeInterface's own generators and files: read, or refused by name.

Nothing is lost in silence: spikes are counted, what else there was is kept or told. Neo's random Blocks
are in neo/test_trains_of_others.py.
"""

import warnings
from collections import Counter

import numpy as np
import pytest

import ann2neo as a2n
from ann2neo.exchange.elephant.methods import seed_globals


def read(source, **options):
    """The raster and all that was said, or None and why not."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            raster = a2n.as_raster(source, **options)
        except ValueError as error:
            return None, str(error)
    return raster, " ".join(str(one.message) for one in told)


def count_lost(raster, n_spikes, said):
    """Spikes that are neither there nor told of."""
    told = sum(
        int(word)
        for word, after in zip(said.split(), said.split()[1:], strict=False)
        if after == "of" and word.isdigit()
    )
    return n_spikes - int(raster.spike_counts.sum()) - told


class TestPynapple:
    @pytest.fixture
    def groups(self):
        nap = pytest.importorskip("pynapple", reason="the pynapple extra is not installed")
        rng = np.random.default_rng(0)
        span = nap.IntervalSet(0, 20)
        with seed_globals(rng), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trains = {k: nap.Ts(np.sort(rng.uniform(0, 20, 40)), time_support=span) for k in (1, 4, 9)}
            group = nap.TsGroup(trains, time_support=span, metadata={"area": ["V1", "V1", "CA1"]})
            return {
                "random": group,
                "jittered": nap.jitter_timestamps(group, max_jitter=0.01, keep_tsupport=True),
                "shifted": nap.shift_timestamps(group, min_shift=0.0, max_shift=1.0),
                "shuffled": nap.shuffle_ts_intervals(group),
                "resampled": nap.resample_timestamps(group),
                "without a span": nap.TsGroup({k: nap.Ts(t.index) for k, t in trains.items()}),
                "restricted": group.restrict(nap.IntervalSet([0, 10], [5, 15])),
                "one unit": group[[4]],
                "of a threshold": nap.TsGroup(
                    {0: nap.Tsd(np.arange(20.0), rng.random(20)).threshold(0.5)}
                ),
                "silent": nap.TsGroup({0: nap.Ts(np.zeros(0), time_support=span)}, time_support=span),
                "whole": nap.TsGroup(
                    {0: nap.Ts(np.arange(0, 20, 0.5), time_support=span)}, time_support=span
                ),
            }

    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_each_is_read_or_refused_by_name(self, groups):
        outcomes = Counter()
        for name, group in groups.items():
            n_spikes = sum(len(group[key]) for key in group.keys())  # noqa: SIM118
            exact, why = read(group, sampling_period=0.5)
            if exact is None:
                assert any(
                    word in why for word in ("off the sample grid", "time support of one", "span")
                )
                outcomes["not on a grid"] += 1
            else:
                assert count_lost(exact, n_spikes, why) == 0
                outcomes["on a grid"] += 1
            options = {"bin_size": 0.01, "binary": "clip", "t_stop_spikes": "keep"}
            binned, said = read(group, **options)
            if binned is None:
                assert name in ("restricted", "of a threshold")
                assert "time support of one interval, got " in said
                outcomes["refused"] += 1
                continue
            outcomes["binned"] += 1
            assert count_lost(binned, n_spikes, said) == 0
            if name in ("random", "jittered", "shuffled"):
                assert list(binned.units["id"]) == [1, 4, 9]
            if name == "random":
                assert list(binned.units["area"]) == ["V1", "V1", "CA1"]
        assert outcomes["binned"] == len(groups) - 2
        assert outcomes["on a grid"] >= 2


class TestSpikeInterface:
    @pytest.fixture
    def sortings(self, tmp_path):
        core = pytest.importorskip("spikeinterface.core", reason="the extra is not installed")
        one = {"durations": [5.0], "sampling_frequency": 30_000.0, "seed": 0}
        sorting = core.generate_sorting(num_units=4, **one)
        _, truth = core.generate_ground_truth_recording(
            num_channels=4, num_units=3, noise_kwargs={"noise_levels": 1.0}, **one
        )
        sorting.register_recording(
            core.generate_recording(num_channels=2, durations=[5.0], sampling_frequency=30_000.0)
        )
        core.NpzSortingExtractor.write_sorting(sorting, tmp_path / "a.npz")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of provenance and the recording, which it does not save
            sorting.save(folder=tmp_path / "folder")
            sorting.save(folder=tmp_path / "a.zarr", format="zarr")
        return {
            "generated": sorting,
            "ground truth": truth,
            "two segments": core.generate_sorting(num_units=2, durations=[2.0, 3.0], seed=1),
            "empty units": core.generate_sorting(num_units=5, empty_units=["1", "3"], **one),
            "dense": core.generate_sorting(
                num_units=2, firing_rates=400.0, refractory_period_ms=0.1, **one
            ),
            "synchronous": core.generate_sorting(num_units=3, add_spikes_on_borders=True, **one),
            "selected": sorting.select_units(sorting.unit_ids[[3, 1]]),
            "npz": core.NpzSortingExtractor(tmp_path / "a.npz"),
            "folder": core.load(tmp_path / "folder"),
            "zarr": core.load(tmp_path / "a.zarr"),
            "slice": sorting.frame_slice(30_000, 60_000),
        }

    def test_each_is_read_or_refused_by_name(self, sortings):
        outcomes = Counter()
        for name, sorting in sortings.items():
            if sorting.get_num_segments() > 1:
                assert "sorting must have one segment, got 2" in read(sorting)[1]
                outcomes["refused"] += 1
                continue
            n_spikes = sum(sorting.count_num_spikes_per_unit().values())
            n_frames = 30_000 if name == "slice" else 150_000
            if not sorting.has_recording():
                assert "n_samples must be given" in read(sorting)[1]
                outcomes["length unknown"] += 1
            options = {"n_samples": n_frames}
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                frames = a2n.from_spikeinterface(sorting, **options)
                binned = a2n.from_spikeinterface(sorting, bin_size=0.001, binary="clip", **options)
            said = " ".join(str(one.message) for one in told)
            assert frames.spike_counts.sum() == n_spikes
            assert count_lost(binned, n_spikes, said) == 0
            for key in sorting.get_property_keys():
                assert key in frames.units or repr(key) in said
            ids = [str(one) for one in sorting.unit_ids]
            assert [str(one) for one in frames.units.get("id", range(len(ids)))] == ids
            outcomes["read"] += 1
        assert outcomes["read"] == len(sortings) - 1
        assert outcomes["refused"] == 1
