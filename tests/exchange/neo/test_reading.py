"""Neo → SpikeRaster: trains from anywhere on a sample grid, and what is refused."""

import copy
import json

import neo
import numpy as np
import pandas as pd
import pytest
import quantities as pq
from elephant.spike_train_surrogates import shuffle_isis
from neo.core.spiketrainlist import SpikeTrainList
from numpy.testing import assert_array_equal

from ann2neo import SpikeRaster, as_raster, from_block, to_block, to_spiketrains
from ann2neo.exchange.grid import OFF_GRID
from ann2neo.exchange.neo.block import CONFIGURATION, SAMPLES

SILENT, ENDS = 0, 2


def trains_at(*times, t_stop=10.0, units="ms", rate=1000 * pq.Hz, **options):
    """A train per list of times, in the span and at the rate said."""
    return [
        neo.SpikeTrain(t, t_stop=t_stop, units=units, sampling_rate=rate, name=f"unit {i}", **options)
        for i, t in enumerate(times)
    ]


class TestAsRaster:
    def test_block_segment_and_lists(self, raster, block, dense):
        segment = block.segments[0]
        assert as_raster(block) == raster
        assert as_raster(segment) == raster
        multiplexed = SpikeTrainList(items=to_spiketrains(raster))
        for trains in (segment.spiketrains, multiplexed, list(multiplexed), tuple(multiplexed)):
            found = as_raster(trains)
            assert_array_equal(found.to_dense(), dense)
            pd.testing.assert_frame_equal(found.units, raster.units)

    def test_single_train(self, block, dense):
        found = as_raster(block.segments[0].spiketrains[3])
        assert_array_equal(found.to_dense(), dense[:, [3]])

    def test_segment_without_a_block(self, raster, block):
        alone = copy.deepcopy(block.segments[0])
        alone.block = None
        found = as_raster(alone)
        assert_array_equal(found.words, raster.words)
        assert found.layers == ["conv/1", "dense"]
        pd.testing.assert_frame_equal(found.samples, raster.samples)
        said = {"network": "mlp", "seed": 3, "widths": [64, 10], "segment_name": "recording"}
        assert dict(found.annotations) == said

    def test_boolean_array(self, dense):
        assert_array_equal(as_raster(dense).to_dense(), dense)

    def test_multiplexed_spike_trains(self):
        trains = SpikeTrainList.from_spike_time_array(
            np.array([0.0, 2.0, 1.0, 4.0]),
            np.array([0, 0, 2, 2]),
            [0, 1, 2],
            units="ms",
            t_stop=5 * pq.ms,
        )
        found = as_raster(trains, sampling_period=0.001)
        assert_array_equal(found.to_dense().T, [[1, 0, 1, 0, 0], [0] * 5, [0, 1, 0, 0, 1]])

    def test_trains_in_seconds(self, dense):
        trains = [
            neo.SpikeTrain(np.flatnonzero(a) * 0.001, t_stop=0.15, units="s", sampling_rate=1 * pq.kHz)
            for a in dense.T
        ]
        assert_array_equal(as_raster(trains).to_dense(), dense)

    def test_trains_in_different_units_of_time(self):
        in_ms, in_s = trains_at([0, 1000], t_stop=1001.0)[0], trains_at([1], t_stop=1.001, units="s")[0]
        found = as_raster([in_ms, in_s])
        assert found.n_samples == 1001
        assert list(found.spike_indices(1)) == [1000]

    def test_trains_that_do_not_start_at_zero(self):
        trains = trains_at([-3, 4], [0], t_start=-3.0, t_stop=5.0)
        assert_array_equal(
            as_raster(trains).to_dense().T, np.array([np.isin(range(8), s) for s in ([0, 7], 3)])
        )

    def test_unsorted_times(self):
        (train,) = trains_at([7, 2, 5])
        assert list(as_raster(train).spike_indices(0)) == [2, 5, 7]

    def test_trains_without_annotations(self):
        assert_array_equal(as_raster(trains_at([1], [2])).units["unit_index"], [0, 1])
        assert as_raster(trains_at([1], [2])).layers == ["units"]

    def test_annotations_that_not_every_train_has_are_left_out_with_a_warning(self):
        first, second = trains_at([1], [2], depth=3.5)
        first.annotate(area="V1", quality=1)
        second.annotate(quality="good")
        with pytest.warns(UserWarning, match="trains say as 'area', 'quality': it is left out"):
            found = as_raster([first, second])
        assert list(found.units.columns) == ["layer", "unit_index", "depth", "name"]

    def test_a_foreign_layer_that_is_a_number_does_not_count_as_a_name(self):
        trains = trains_at([1], [2], layer=4, unit_index=7)
        units = as_raster(trains).units
        assert list(units["layer"]) == ["units"] * 2
        assert list(units["unit_index"]) == [0, 1]
        assert list(units["layer_"]) == [4, 4]
        assert list(units["unit_index_"]) == [7, 7]

    def test_foreign_annotations_of_a_segment_that_do_not_fit_are_left_out_with_a_warning(self):
        segment = neo.Segment(subject="M1", table={"a": 1}, gain=np.array([1.0, 2.0]), bad=float("nan"))
        segment.spiketrains.extend(trains_at([1]))
        with pytest.warns(
            UserWarning, match=r"segment None and its block say as 'table', 'bad': it is left out"
        ):
            found = as_raster(segment)
        assert dict(found.annotations) == {"subject": "M1", "gain": [1.0, 2.0]}

    def test_a_foreign_epoch_called_samples_that_is_another_thing(self):
        segment = neo.Segment()
        segment.spiketrains.extend(trains_at([1], t_stop=3.0))
        for times in ([0.0, 1.5, 2.0], [5.0, 6.0, 7.0], [0.0, 1.0], [2.0, 1.0, 0.0]):
            epoch = neo.Epoch(times, durations=[1.0] * len(times), units="ms", name=SAMPLES)
            epoch.array_annotate(label=np.arange(len(times)))
            segment.epochs.append(epoch)
        assert list(as_raster(segment).samples.columns) == ["sample_index"]

    @pytest.mark.parametrize(("late", "fits"), [(OFF_GRID, True), (1.001 * OFF_GRID, False)])
    def test_an_epoch_may_be_off_the_grid_as_far_as_spikes_may(self, late, fits):
        segment = neo.Segment()
        segment.spiketrains.extend(trains_at([1], t_stop=3.0))
        epoch = neo.Epoch([late, 1.0, 2.0], durations=[1.0] * 3, units="ms", name=SAMPLES)
        epoch.array_annotate(label=np.arange(3))
        segment.epochs.append(epoch)
        assert ("label" in as_raster(segment).samples) == fits

    def test_sliced_segment_keeps_its_samples(self, raster):
        silent_at_the_end = raster.select(units=[SILENT, ENDS])
        part = to_block(silent_at_the_end).segments[0].time_slice(20 * pq.ms, 60 * pq.ms)
        found = as_raster(part)
        expected = silent_at_the_end.select(samples=np.arange(20, 60))
        assert_array_equal(found.words, expected.words)
        pd.testing.assert_frame_equal(found.samples[list(expected.samples)], expected.samples)

    def test_elephant_surrogates_of_our_trains(self, dense, seeded):
        dense = dense.copy()
        dense[0] = False
        found = as_raster([shuffle_isis(train)[0] for train in to_spiketrains(dense)])
        assert_array_equal(found.spike_counts, dense.sum(axis=0))
        assert list(found.spike_indices(ENDS)) == [149]
        moved, original = found.spike_indices(3), np.flatnonzero(dense[:, 3])
        assert not np.array_equal(moved, original)
        assert sorted(np.diff(moved, prepend=0)) == sorted(np.diff(original, prepend=0))

    def test_elephant_surrogates_that_double_a_spike_are_refused(self, dense, seeded):
        # Elephant takes the time to the first spike for an interval: one of 0 ms, moved, doubles a spike
        with pytest.raises(ValueError, match="has 2 spikes in the sample at"):
            as_raster([shuffle_isis(train)[0] for train in to_spiketrains(dense)])


class TestRefusals:
    """Every one says what is wrong, with which train and which value."""

    @pytest.mark.parametrize(
        ("trains", "message"),
        [
            (
                trains_at([1], [2.5]),
                "train 'unit 1' has a spike at 2.5 ms, off the sample grid of 1.0 ms",
            ),
            (trains_at([1.00001]), "spike at 1.00001 ms, off the sample grid"),
            (trains_at([np.nan]), "spike at nan ms, off the sample grid"),
            (
                trains_at([3, 10]),
                "train 'unit 0' has a spike at 10.0 ms, outside the 10 samples from 0.0 ms",
            ),
            (trains_at([2, 2]), "train 'unit 0' has 2 spikes in the sample at 2.0 ms"),
            (trains_at([2, 7, 2]), "train 'unit 0' has 2 spikes in the sample at 2.0 ms"),
            (
                trains_at([1], t_stop=9.5),
                "trains span 9.5 ms, which is not a whole number of samples of 1.0",
            ),
            (trains_at([], t_stop=0.0), "trains span 0.0 ms"),
            (
                trains_at([1]) + trains_at([1], t_stop=11.0),
                "'unit 0' has 0.0 to 10.0 ms, .* 0.0 to 11.0 ms",
            ),
            (
                trains_at([1]) + trains_at([1], t_start=1.0),
                "'unit 0' has 0.0 to 10.0 ms, .* 1.0 to 10.0 ms",
            ),
            (
                trains_at([1], rate=1 * pq.Hz),
                r"do not say their sampling period .*1 Hz\): pass sampling_period=…",
            ),
            (trains_at([1], rate=None), "do not say their sampling period"),
            (
                trains_at([1]) + trains_at([1], rate=500 * pq.Hz),
                r"differ in sampling_rate: \[500.0, 1000.0\]",
            ),
            (trains_at([1], units="m", t_start=0.0), "t_start of train 'unit 0' must be a time"),
            (
                trains_at([1], units="dimensionless", t_start=0.0),
                "t_start of train 'unit 0' must be a time",
            ),
            (trains_at([1], units=pq.m / pq.s, t_start=0.0), "t_start of train 'unit 0' must be a time"),
            (SpikeTrainList(), "expected at least one SpikeTrain, got none"),
            (neo.Segment(), "expected at least one SpikeTrain, got none"),
        ],
    )
    def test_trains_that_are_not_on_a_grid(self, trains, message):
        with pytest.raises(ValueError, match=message):
            as_raster(trains)

    def test_unnamed_train(self):
        with pytest.raises(ValueError, match=r"train without a name has a spike at 0\.5 ms"):
            as_raster(neo.SpikeTrain([0.5], units="ms", t_stop=3, sampling_rate=1 * pq.kHz))

    def test_our_own_trains_of_one_hertz_look_like_neos_default(self):
        trains = to_spiketrains(SpikeRaster.from_dense(np.eye(3, dtype=bool), sampling_period=1.0))
        with pytest.raises(ValueError, match="do not say their sampling period"):
            as_raster(trains)
        assert as_raster(trains, sampling_period=1.0).sampling_period == 1.0

    @pytest.mark.parametrize(
        ("source", "what"),
        [
            ([*trains_at([1]), 3], "a int among them"),
            ([*trains_at([1]), neo.Segment()], "a Segment among them"),
            (neo.Group(), "got a Group"),
        ],
    )
    def test_other_things_than_trains(self, source, what):
        with pytest.raises(TypeError, match=f"expected .*SpikeTrain.* {what}"):
            as_raster(source)

    def test_empty_list(self):
        with pytest.raises(TypeError, match=r"expected a SpikeRaster, .* list of SpikeTrain.*got \[\]"):
            as_raster([])

    def test_contradictory_sampling_period(self, block):
        for source in (block, block.segments[0]):
            with pytest.raises(
                ValueError, match=r"sampling_period is 0.001 s in this recording, got 0.002"
            ):
                as_raster(source, sampling_period=0.002)
            assert as_raster(source, sampling_period=0.001) == from_block(block)
        for trains in (trains_at([0, 2, 6]), trains_at([0, 2], rate=1 * pq.Hz) + trains_at([4])):
            with pytest.raises(ValueError, match=r"is 0.001 s in train 'unit 0', .* 1000 Hz, got 0.002"):
                as_raster(trains, sampling_period=0.002)
            assert as_raster(trains, sampling_period=0.001).n_samples == 10

    def test_segment_that_is_not_chosen_or_not_there(self, raster):
        empty, two = neo.Block(), to_block({"a": raster, "b": raster})
        with pytest.raises(ValueError, match=r"block has no segments"):
            from_block(empty)
        for read in (from_block, as_raster):
            with pytest.raises(
                ValueError, match=r"block has 2 segments \['a', 'b'\]; pass segment=… to choose"
            ):
                read(two)
        with pytest.raises(ValueError, match=r"segment must be the name of one .*\['a', 'b'\], got 'c'"):
            from_block(two, "c")
        for index in (2, -3):
            with pytest.raises(ValueError, match=f"segment must be an index below 2, got {index}"):
                from_block(two, index)
        for segment in (True, 1.0):
            with pytest.raises(TypeError, match=f"segment must be an index or a name, got {segment}"):
                from_block(two, segment)
        with pytest.raises(TypeError, match=r"block must be a neo\.Block, got a Segment"):
            from_block(two.segments[0])

    @pytest.mark.parametrize(
        "text",
        [
            "{",
            "[]",
            "3",
            b"\xff",
            json.dumps({"format": 1}),
            json.dumps({"recordings": []}),
            json.dumps({"format": 1, "recordings": [3]}),
            json.dumps({"format": 1, "recordings": [{"segment": "recording"}]}),
            json.dumps({"format": 1, "recordings": {"segment": "recording"}}),
            json.dumps({"format": 2, "recordings": []}),
        ],
    )
    def test_damaged_configuration(self, block, text):
        block.annotations[CONFIGURATION] = text
        for source in (block, block.segments[0]):
            with pytest.raises(ValueError, match="block annotation 'ann2neo' cannot be read"):
                as_raster(source)

    def test_two_segments_of_the_name_that_the_configuration_describes(self, raster, block):
        twin = neo.Segment(name="recording")
        twin.spiketrains.extend(to_spiketrains(raster))
        block.segments.append(twin)
        with pytest.raises(ValueError, match="block has 2 segments named 'recording'"):
            from_block(block, 1)

    def test_recording_that_lost_its_samples(self, block):
        block.segments[0].epochs = []
        with pytest.raises(ValueError, match=r"lacks the Epoch 'samples' of 150 intervals"):
            from_block(block)

    def test_recording_that_lost_its_labels(self, block):
        del block.segments[0].epochs[0].array_annotations["label"]
        with pytest.raises(ValueError, match="sample column 'label', its Epoch 'samples' lacks"):
            from_block(block)

    def test_recording_whose_trains_were_replaced(self, block):
        block.segments[0].spiketrains = trains_at([1], layer="a", unit_index=0)
        with pytest.raises(ValueError, match="recorded with 150 samples, its trains span 10;"):
            from_block(block)
        block.segments[0].spiketrains = trains_at([1], t_stop=150.0)
        block.segments[0].spiketrains[0].annotate(unit_index=2)
        with pytest.raises(
            ValueError, match="unit column 'layer', its trains do not all have this annotation"
        ):
            from_block(block)
