"""SpikeRaster → Neo: what Neo and Elephant expect, from which an equal raster comes back."""

import copy
import pickle
import re

import neo
import numpy as np
import pandas as pd
import pytest
import quantities as pq
from hypothesis import given, settings
from numpy.testing import assert_array_equal

from ann2neo import SpikeRaster, as_raster, from_block, to_block, to_spiketrains
from ann2neo.exchange.neo.block import SAMPLES
from tests.strategies import rasters


class TestToSpiketrains:
    def test_times_are_float64_milliseconds_of_the_sample_index(self, raster, dense):
        trains = to_spiketrains(raster)
        assert type(trains) is list
        for train, active in zip(trains, dense.T, strict=True):
            assert train.units == pq.ms
            assert train.dtype == np.float64
            assert_array_equal(train.magnitude, np.flatnonzero(active))

    @pytest.mark.parametrize("period", [0.001, 0.0005, 1 / 3, 1.0])
    def test_the_span_ends_with_the_last_sample(self, dense, period):
        for train, active in zip(
            to_spiketrains(SpikeRaster.from_dense(dense, sampling_period=period)), dense.T, strict=True
        ):
            assert train.t_start == 0 * pq.ms
            assert float(train.t_stop.rescale(pq.ms)) == 150 * (period * 1000)
            assert_array_equal(train.magnitude, np.flatnonzero(active) * (period * 1000))
            assert float(train.sampling_rate.rescale(pq.Hz)) == pytest.approx(1 / period, rel=1e-15)

    def test_trains_carry_name_and_row_of_the_unit_table(self, raster):
        trains = to_spiketrains(raster)
        assert [t.name for t in trains] == ["conv/1/0", "conv/1/1", "conv/1/2", "dense/0", "dense/1"]
        assert trains[4].annotations == {"layer": "dense", "unit_index": 1}

    def test_trains_share_nothing_that_can_be_changed(self, raster):
        first, second, *_ = to_spiketrains(raster)
        first.annotate(area="V1")
        first.t_stop = 1 * pq.s
        assert "area" not in second.annotations
        assert second.t_stop == 150 * pq.ms

    def test_takes_what_as_raster_takes(self, dense):
        assert [len(train) for train in to_spiketrains(dense)] == list(dense.sum(axis=0))


class TestToBlock:
    def test_parents_are_set(self, block):
        (segment,) = block.segments
        assert segment.block is block
        assert all(train.segment is segment for train in segment.spiketrains)
        assert segment.epochs[0].segment is segment
        block.check_relationships()

    def test_a_group_a_layer_holds_its_trains(self, block):
        trains = block.segments[0].spiketrains
        assert [group.name for group in block.groups] == ["conv/1", "dense"]
        for group, members in zip(block.groups, (range(3), range(3, 5)), strict=True):
            assert [id(train) for train in group.spiketrains] == [id(trains[i]) for i in members]

    def test_an_epoch_has_an_interval_a_sample_with_its_label(self, block):
        (epoch,) = block.segments[0].epochs
        assert epoch.name == SAMPLES
        assert_array_equal(epoch.times.rescale(pq.ms).magnitude, np.arange(150))
        assert_array_equal(epoch.durations.rescale(pq.ms).magnitude, np.ones(150))
        assert list(epoch.labels) == [str(i % 10) for i in range(150)]
        assert_array_equal(epoch.array_annotations["label"], np.arange(150) % 10)
        assert_array_equal(epoch.array_annotations["sample_index"], np.arange(150)[::-1])

    def test_intervals_of_recordings_without_labels_are_unlabelled(self, dense):
        assert list(to_block(dense).segments[0].epochs[0].labels) == [""] * 150

    def test_annotations_are_those_of_the_segment(self, block):
        assert block.name == "mlp"
        assert block.segments[0].annotations == {"network": "mlp", "seed": 3, "widths": [64, 10]}

    def test_a_mapping_gives_a_segment_a_raster(self, raster):
        train, test = raster.select(samples=np.arange(100)), raster.select(samples=np.arange(100, 150))
        block = to_block({"train": train, "test": test})
        assert [segment.name for segment in block.segments] == ["train", "test"]
        assert [float(segment.t_stop) for segment in block.segments] == [100, 50]
        assert [len(group.spiketrains) for group in block.groups] == [6, 4]
        assert [t.segment.name for t in block.groups[1].spiketrains] == [
            "train",
            "train",
            "test",
            "test",
        ]
        assert from_block(block, "train") == train
        assert from_block(block, 1) == from_block(block, -1) == from_block(block, np.int64(1)) == test

    @pytest.mark.parametrize(
        ("splits", "name"), [(["test"] * 150, "test"), (["train"] * 50 + ["test"] * 100, "recording")]
    )
    def test_the_only_segment_is_named_by_the_only_split(self, raster, splits, name):
        samples = raster.samples.assign(dataset_split=splits)
        (segment,) = to_block(SpikeRaster(raster.words, 150, samples=samples)).segments
        assert segment.name == name

    def test_refuses_an_empty_mapping(self):
        with pytest.raises(ValueError, match="rasters must hold at least one raster"):
            to_block({})

    def test_refuses_keys_that_are_the_same_as_text(self, raster):
        with pytest.raises(ValueError, match=r"keys that differ as text, got \[1, '1'\]"):
            to_block({1: raster, "1": raster})

    def test_refuses_labels_that_neo_would_cut(self, raster):
        samples = raster.samples.assign(label=["a", "b\0"] * 75)
        with pytest.raises(ValueError, match=r"samples\['label'\] must not end in NUL.*'b\\x00'"):
            to_block(SpikeRaster(raster.words, 150, samples=samples))


class TestRoundTrip:
    @given(rasters())
    @settings(deadline=None)
    def test_a_block_gives_the_raster_back(self, raster):
        assert from_block(to_block(raster)) == raster

    @given(rasters(max_samples=70, max_units=3), rasters(max_samples=70, max_units=3))
    @settings(deadline=None, max_examples=30)
    def test_so_does_each_of_several_segments(self, first, second):
        block = to_block({"first": first, "second": second})
        assert from_block(block, "first") == first
        assert as_raster(block.segments[1]) == second

    @given(rasters(max_samples=70))
    @settings(deadline=None, max_examples=50)
    def test_trains_alone_keep_spikes_units_and_period(self, raster):
        found = as_raster(to_spiketrains(raster), sampling_period=raster.sampling_period)
        assert_array_equal(found.to_dense(), raster.to_dense())
        pd.testing.assert_frame_equal(found.units, raster.units)

    @pytest.mark.parametrize("period", [0.001, 0.0005, 0.02, 1 / 3])
    def test_trains_alone_know_their_period(self, dense, period):
        found = as_raster(to_spiketrains(SpikeRaster.from_dense(dense, sampling_period=period)))
        assert found.sampling_period == pytest.approx(period, rel=1e-15)
        assert_array_equal(found.to_dense(), dense)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 4), (64, 1), (200, 1)])
    @pytest.mark.parametrize("value", [False, True])
    def test_constant_units_and_single_samples(self, shape, value):
        raster = SpikeRaster.from_dense(np.full(shape, value))
        assert from_block(to_block(raster)) == raster
        assert as_raster(to_spiketrains(raster)) == raster

    def test_ten_thousand_units(self):
        raster = SpikeRaster.from_dense(np.random.default_rng(3).random((30, 10_000)) < 0.2)
        block = to_block(raster)
        assert len(block.groups[0].spiketrains) == 10_000
        assert from_block(block) == raster

    @pytest.mark.parametrize(
        "labels", [["", "a", ""], ["a\0b", " ", "日本"], ["x" * 300, "y", ""], ["nan", "None", "1"]]
    )
    def test_texts_in_the_sample_table(self, labels):
        samples = pd.DataFrame({"sample_index": range(3), "label": labels})
        raster = SpikeRaster.from_dense(np.eye(3, dtype=bool), samples=samples)
        assert list(from_block(to_block(raster)).samples["label"]) == labels

    def test_columns_of_every_kind(self):
        columns = {
            "flag": [True, False],
            "real": [0.5, np.nan],
            "text": ["", "b\0"],
            "whole": [-(2**63), 7],
        }
        units = pd.DataFrame({"unit_index": [4, 9], "layer": ["a", "a"], **columns})
        samples = pd.DataFrame({**columns, "text": ["", "b"], "sample_index": [1, 0]})
        raster = SpikeRaster.from_dense(np.eye(2, dtype=bool), units, samples)
        assert from_block(to_block(raster)) == raster

    @pytest.mark.parametrize("through", [copy.deepcopy, lambda block: pickle.loads(pickle.dumps(block))])
    def test_a_copied_block(self, raster, block, through):
        assert from_block(through(block)) == raster

    def test_added_removed_and_reordered_segments(self, raster):
        other = raster.select(samples=np.arange(70))
        block = to_block({"a": raster, "b": other})
        extra = neo.Segment(name="surrogates")
        extra.spiketrains.extend(to_spiketrains(raster))
        block.segments = [extra, block.segments[1]]
        assert from_block(block, "b") == other
        assert_array_equal(from_block(block, "surrogates").words, raster.words)

    def test_reordered_trains_keep_their_rows(self, raster, block):
        segment = block.segments[0]
        order = [3, 0, 4, 1, 2]
        segment.spiketrains = [segment.spiketrains[i] for i in order]
        assert from_block(block) == raster.select(units=order)


NEO_ARGUMENTS = [
    *("name", "description", "file_origin", "index", "rec_datetime", "file_datetime", "annotations"),
    *("times", "units", "t_start", "t_stop", "dtype", "copy", "sampling_rate", "waveforms"),
    *("left_sweep", "array_annotations", "self", "cls", "labels", "durations", "segment", "unit"),
]


class TestNamesThatNeoKeepsForItself:
    @pytest.mark.parametrize("name", NEO_ARGUMENTS)
    def test_annotation(self, raster, name):
        raster = raster.with_annotations(**{name: "said"}) if name != "self" else _annotate(raster, name)
        block = to_block(raster)
        assert "said" in block.segments[0].annotations.values()
        assert block.segments[0].name == "recording"
        for one in (block, copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
            assert from_block(one) == raster

    @pytest.mark.parametrize("name", NEO_ARGUMENTS)
    def test_unit_and_sample_column(self, raster, name):
        units, samples = raster.units, raster.samples
        units[name], samples[name] = np.arange(5) * 0.5, np.arange(150) * 0.25
        raster = SpikeRaster(raster.words, 150, units, samples)
        block = to_block(raster)
        trains = block.segments[0].spiketrains
        assert trains[3].name == "dense/0"
        assert_array_equal(trains[1].magnitude, np.arange(150))
        for one in (block, copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
            assert from_block(one) == raster

    def test_column_gets_an_underscore_and_another_if_that_is_taken(self, raster):
        units = raster.units.assign(name_=1, name=2, times=3)
        raster = SpikeRaster(raster.words, 150, units)
        place = {"layer": "conv/1", "unit_index": 0}
        assert to_spiketrains(raster)[0].annotations == {**place, "name_": 1, "name__": 2, "times_": 3}
        assert from_block(to_block(raster)) == raster


def _annotate(raster, name):
    return SpikeRaster(raster.words, raster.n_samples, raster.units, annotations={name: "said"})


def test_errors_quote_long_things_shortly(raster):
    with pytest.raises(ValueError, match=re.escape("got [0, '0', ")) as caught:
        to_block({key: raster for number in range(100) for key in (number, str(number))})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("block", [1, 40, 2**20])
def test_trains_are_as_neo_would_make_them_one_by_one(monkeypatch, block):
    monkeypatch.setattr("ann2neo.exchange.neo.block._BLOCK", block)
    active = np.random.default_rng(0).random((130, 9)) < [0, 0, 0.1, 0.5, 1, 0, 0.9, 0.2, 0]
    for period in (0.001, 1 / 3):
        raster = SpikeRaster.from_dense(active, sampling_period=period)
        for unit, train in enumerate(to_spiketrains(raster)):
            dt = period * 1000
            alone = neo.SpikeTrain(
                np.flatnonzero(active[:, unit]) * dt,
                t_stop=130 * dt,
                units=pq.ms,
                sampling_rate=1000 / dt * pq.Hz,
                name=f"units/{unit}",
                layer="units",
                unit_index=unit,
            )
            assert set(vars(train)) == set(vars(alone))
            np.testing.assert_array_equal(train.magnitude, alone.magnitude)
            assert (train.name, train.annotations, train.dtype) == (
                alone.name,
                alone.annotations,
                alone.dtype,
            )
            for attribute in ("t_start", "t_stop", "sampling_rate", "units"):
                ours, neos = getattr(train, attribute), getattr(alone, attribute)
                assert float(ours) == float(neos)
                assert ours.dimensionality == neos.dimensionality
            for attribute in (
                "description",
                "file_origin",
                "waveforms",
                "segment",
                "unit",
                "left_sweep",
            ):
                assert getattr(train, attribute) == getattr(alone, attribute)
            assert dict(train.array_annotations) == dict(alone.array_annotations) == {}
            assert pickle.loads(pickle.dumps(train)).annotations == alone.annotations


def test_changing_one_train_leaves_the_others():
    active = np.ones((5, 3), bool)
    first, second, third = to_spiketrains(active)
    first.annotate(mark=1)
    first.array_annotate(weight=np.arange(5))
    first.name = "changed"
    first.t_stop += 3 * pq.ms
    first.t_start -= 1 * pq.ms
    first.sampling_rate *= 2
    first[0] = 0.5 * pq.ms
    for train, unit in ((second, 1), (third, 2)):
        assert train.annotations == {"layer": "units", "unit_index": unit}
        assert dict(train.array_annotations) == {}
        assert train.name == f"units/{unit}"
        assert (float(train.t_start), float(train.t_stop)) == (0, 5)
        assert float(train.sampling_rate) == 1000
        np.testing.assert_array_equal(train.magnitude, np.arange(5))
