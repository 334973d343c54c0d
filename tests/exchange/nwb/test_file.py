"""Raster → NWB → raster: everything comes back; what cannot be written or read is refused plainly."""

import subprocess
import sys
import warnings
from datetime import UTC, datetime, timedelta, timezone

import h5py
import neo
import numpy as np
import pandas as pd
import pytest
import quantities as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from ann2neo import SpikeRaster, from_block, read_nwb, read_nwb_block, to_block, write_nwb
from ann2neo.exchange.nwb import reading, writing
from tests.strategies import rasters

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone(timedelta(hours=2)))

# NWB's own names, those of Neo's and pynapple's columns, and what HDF5 or Python treats in its own way.
CLASHING = [
    *("id", "spike_times", "spike_times_index", "obs_intervals", "waveform_mean", "electrode_group"),
    *("start_time", "stop_time", "tags", "timeseries", "timeseries_index", "resolution"),
    *("name", "description", "colnames", "columns", "fields", "parent", "add_row", "segment", "block"),
    *("_name", "rate", "start", "end", "layer_index", "unit", "label_index", "a/b", "a_b", "a.b"),
    *(".", "9", "日本"),
]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@st.composite
def odd_tables(draw):
    """A raster whose tables have columns of every kind, of names that mean something to others."""
    raster = draw(rasters(max_samples=70, max_units=4))
    return SpikeRaster(
        raster.words,
        raster.n_samples,
        draw(with_columns(raster.units)),
        draw(with_columns(raster.samples)),
        sampling_period=draw(st.floats(1e-6, 0.01)),
        annotations={**raster.annotations, "network": draw(texts), "half": "\ud800"},
    )


@st.composite
def with_columns(draw, table):
    for name in draw(st.lists(st.sampled_from(CLASHING), max_size=4, unique=True)):
        kind = draw(
            st.sampled_from([st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), texts])
        )
        values = draw(st.lists(kind, min_size=len(table), max_size=len(table)))
        table = table.assign(**{name: np.array(values) if kind is not texts else values})
    return table


def quietly(function, *arguments, **options):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "sampling_period is", UserWarning)
        return function(*arguments, **options, progress=False)


class TestRoundTrip:
    @given(rasters())
    @settings(max_examples=5)
    def test_a_file_gives_the_raster_back(self, tmp_path_factory, raster):
        path = tmp_path_factory.mktemp("nwb") / "one.nwb"
        assert quietly(write_nwb, raster, path) == path
        assert read_nwb(path) == raster

    @given(odd_tables())
    @settings(max_examples=8)
    def test_whatever_the_columns_are_called_and_hold(self, tmp_path_factory, raster):
        path = quietly(write_nwb, raster, tmp_path_factory.mktemp("nwb") / "one.nwb")
        assert read_nwb(path) == raster

    @given(rasters(max_samples=70), rasters(max_samples=70), st.floats(1e-9, 1e3))
    @settings(max_examples=3)
    def test_blocks_come_back_from_a_directory(self, tmp_path_factory, first, second, period):
        second = SpikeRaster(
            second.words, second.n_samples, second.units, second.samples, sampling_period=period
        )
        block = to_block({"z": first, "a": second})
        folder = tmp_path_factory.mktemp("nwb")
        assert quietly(write_nwb, block, folder, subject="net 1") == folder
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
        assert files == ["sub-net-1", "sub-net-1/sub-net-1_ses-a.nwb", "sub-net-1/sub-net-1_ses-z.nwb"]
        assert_same_block(read_nwb_block(folder), block)

    @given(st.floats(1e-9, 0.01))
    @settings(max_examples=4)
    def test_spikes_of_every_sampling_period(self, tmp_path_factory, period):
        dense = np.random.default_rng(0).random((3000, 3)) < 0.5
        raster = SpikeRaster.from_dense(dense, sampling_period=period)
        path = write_nwb(raster, tmp_path_factory.mktemp("nwb") / "one.nwb", progress=False)
        assert read_nwb(path) == raster
        with h5py.File(path) as file:
            times = np.concatenate([np.flatnonzero(column) for column in dense.T]) * period
            np.testing.assert_array_equal(file["units/spike_times"][:], times)

    @pytest.mark.parametrize("block", [64, 128, 192])
    def test_blocks_of_spikes_join(self, raster, tmp_path, monkeypatch, block):
        monkeypatch.setattr(writing, "BLOCK", block)
        monkeypatch.setattr(reading, "BLOCK", block)
        path = write_nwb(raster, tmp_path / "one.nwb", progress=False)
        assert read_nwb(path) == raster

    @pytest.mark.parametrize("value", [False, True])
    @pytest.mark.parametrize("shape", [(1, 1), (1, 4), (200, 1)])
    def test_constant_units_and_single_samples(self, tmp_path, shape, value):
        raster = SpikeRaster.from_dense(np.full(shape, value))
        assert read_nwb(write_nwb(raster, tmp_path / "one.nwb")) == raster

    @pytest.mark.parametrize("compression", [0, 9])
    def test_compression(self, tmp_path, compression):
        dense = np.random.default_rng(0).random((6000, 4)) < 0.5
        path = write_nwb(dense, tmp_path / "one.nwb", compression=compression)
        np.testing.assert_array_equal(read_nwb(path).to_dense(), dense)
        with h5py.File(path) as file:
            found = {
                file[name].compression_opts for name in ("units/spike_times", "intervals/trials/id")
            }
            assert file["units/spike_times"].compression_opts == (compression or None), found
            assert file["intervals/trials/start_time"].compression == ("gzip" if compression else None)

    def test_one_recording_in_a_directory_is_read_as_a_file_is(self, raster, tmp_path):
        write_nwb(raster, tmp_path)
        assert [path.name for path in tmp_path.rglob("*.nwb")] == ["sub-mlp_ses-recording.nwb"]
        assert read_nwb(tmp_path) == raster == from_block(read_nwb_block(tmp_path / "sub-mlp"))

    def test_thousands_of_units(self, tmp_path):
        raster = SpikeRaster.from_dense(np.random.default_rng(3).random((30, 3_000)) < 0.2)
        assert read_nwb(write_nwb(raster, tmp_path / "one.nwb")) == raster


def assert_same_block(found, expected):
    assert (found.name, found.annotations) == (expected.name, expected.annotations)
    assert [group.name for group in found.groups] == [group.name for group in expected.groups]
    for one, other in zip(found.segments, expected.segments, strict=True):
        assert (one.name, one.annotations) == (other.name, other.annotations)
        assert from_block(found, one.name) == from_block(expected, other.name)
        for train, same in zip(one.spiketrains, other.spiketrains, strict=True):
            np.testing.assert_array_equal(train.magnitude, same.magnitude)
            assert (train.name, train.t_stop) == (same.name, same.t_stop)
            assert train.sampling_rate == same.sampling_rate
            pd.testing.assert_series_equal(pd.Series(train.annotations), pd.Series(same.annotations))
        np.testing.assert_array_equal(one.epochs[0].labels, other.epochs[0].labels)


class TestMetadata:
    def text(self, path, name):
        with h5py.File(path) as file:
            return file[name].asstr()[()]

    def test_says_that_it_is_an_artificial_network(self, raster, tmp_path):
        raster = raster.with_annotations(
            threshold=0.25, condition="Random", weights_hash="c0ffee", framework="keras 3.15.0"
        )
        path = write_nwb(raster, tmp_path / "one.nwb")
        assert "artificial neural network, mlp, not of a living being" in self.text(
            path, "session_description"
        )
        assert "not a living being" in self.text(path, "general/subject/description")
        assert self.text(path, "general/subject/subject_id") == "mlp"
        experiment = self.text(path, "general/experiment_description")
        for said in ("threshold: 0.25", "condition: Random", "weights hash: c0ffee"):
            assert said in experiment
        assert '"widths": [64, 10]' in self.text(path, "general/notes")
        with h5py.File(path) as file:
            software = dict(file["general/was_generated_by"].asstr()[:])
        assert software["keras"] == "3.15.0"
        assert {"ann2neo", "pynwb", "numpy"} <= set(software)

    def test_says_what_is_not_known(self, dense, tmp_path):
        path = write_nwb(dense, tmp_path / "one.nwb")
        said = self.text(path, "general/experiment_description")
        assert said.endswith("Not stated: condition, threshold, weights hash, framework.")
        assert "general/experimenter" not in h5py.File(path)

    def test_session_start_time(self, raster, tmp_path):
        def start(raster, **options):
            path = write_nwb(raster, tmp_path / "one.nwb", overwrite=True, **options)
            time = datetime.fromisoformat(self.text(path, "session_start_time"))
            return time, self.text(path, "session_description").partition("session_start_time is ")[2]

        before = datetime.now(UTC)
        now, why = start(raster)
        assert before <= now <= datetime.now(UTC)
        assert why.startswith("when this file was written, since")
        dated = raster.with_annotations(session_start_time="2026-05-04T12:00:00+02:00")
        assert start(dated) == (NOON, "as the recording says.")
        later = NOON + timedelta(days=1)
        assert start(dated, session_start_time=later) == (later, "as given by whoever wrote this file.")

    def test_subject_and_further_fields(self, raster, tmp_path):
        subject = {"subject_id": "net 7", "species": "Mus musculus", "date_of_birth": NOON}
        fields = {"experimenter": "Mull, Anna", "institution": "日本", "notes": "mine"}
        path = write_nwb(raster, tmp_path / "one.nwb", subject=subject, metadata=fields)
        assert self.text(path, "general/subject/subject_id") == "net 7"
        assert self.text(path, "general/institution") == "日本"
        assert self.text(path, "general/notes") == "mine"
        with h5py.File(path) as file:
            assert "age" not in file["general/subject"]

    def test_every_file_has_its_own_identifier(self, raster, tmp_path):
        paths = [write_nwb(raster, tmp_path / name) for name in ("a.nwb", "b.nwb")]
        assert len({self.text(path, "identifier") for path in paths}) == 2

    @pytest.mark.parametrize("period", [0.02, 1.0])
    def test_warns_of_coarse_samples(self, dense, tmp_path, period):
        raster = SpikeRaster.from_dense(dense, sampling_period=period)
        with pytest.warns(UserWarning, match=f"sampling_period is {period} s; above 0.01 s nwbinsp"):
            write_nwb(raster, tmp_path / "one.nwb")

    def test_warns_of_what_a_raster_does_not_hold(self, block, raster, tmp_path):
        block.segments[0].events.append(neo.Event([1] * pq.s, labels=["x"]))
        with pytest.warns(UserWarning, match="segment 'recording' has 1 Event beside its spike trains"):
            write_nwb(block, tmp_path / "one.nwb")
        assert read_nwb(tmp_path / "one.nwb") == raster


class TestRefusals:
    def test_an_existing_file(self, raster, tmp_path):
        path = tmp_path / "one.nwb"
        path.write_text("mine")
        with pytest.raises(FileExistsError, match=r"one\.nwb exists; pass overwrite=True"):
            write_nwb(raster, path)
        assert path.read_text() == "mine"
        write_nwb(raster, path, overwrite=True)
        assert read_nwb(path) == raster

    def test_a_directory_of_the_name(self, raster, tmp_path):
        (tmp_path / "one.nwb").mkdir()
        with pytest.raises(FileExistsError, match=r"one\.nwb is a directory"):
            write_nwb(raster, tmp_path / "one.nwb", overwrite=True)

    def test_one_of_several_files_exists(self, raster, tmp_path):
        write_nwb({"b": raster}, tmp_path)
        with pytest.raises(FileExistsError, match=r"sub-mlp_ses-b\.nwb exists"):
            write_nwb({"a": raster, "b": raster}, tmp_path)
        assert [path.name for path in tmp_path.rglob("*.*")] == ["sub-mlp_ses-b.nwb"]

    def test_a_directory_that_is_not_there(self, raster, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"the directory .*nowhere does not exist"):
            write_nwb(raster, tmp_path / "nowhere" / "one.nwb")
        with pytest.raises(ValueError, match=r"path must end in \.nwb or be a directory that exists"):
            write_nwb(raster, tmp_path / "nowhere")

    def test_several_recordings_in_one_file(self, raster, tmp_path):
        with pytest.raises(ValueError, match=r"path must be a directory for 2 recordings, \['a', 'b'\]"):
            write_nwb({"a": raster, "b": raster}, tmp_path / "one.nwb")

    def test_names_that_become_the_same_file(self, raster, tmp_path):
        with pytest.raises(ValueError, match=r"\['a b', 'a/b'\] would become the files"):
            write_nwb({"a b": raster, "a/b": raster}, tmp_path)

    def test_several_networks(self, raster, tmp_path):
        other = raster.with_annotations(network="cnn")
        with pytest.raises(ValueError, match=r"several networks, \['mlp', 'cnn'\]"):
            write_nwb({"a": raster, "b": other}, tmp_path)

    def test_segments_without_different_names(self, block, tmp_path):
        block.segments.append(neo.Segment(name="recording"))
        with pytest.raises(ValueError, match="source must have Segments of different names"):
            write_nwb(block, tmp_path)

    @pytest.mark.parametrize("subject", ["a/b", "a\\b", "", "日本", {"subject_id": "/"}])
    def test_subjects_that_no_path_can_hold(self, raster, tmp_path, subject):
        with pytest.raises(ValueError, match="subject must have a letter or digit"):
            write_nwb(raster, tmp_path / "one.nwb", subject=subject)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"subject": {"name": "x"}}, ValueError, "subject must hold fields among .*'name'"),
            ({"subject": 5}, TypeError, "subject must be a str or a mapping .* got 5"),
            ({"subject": ["net"]}, TypeError, r"subject must be a str or a mapping .* got \['net'\]"),
            (
                {"subject": {"date_of_birth": datetime(2026, 5, 4)}},
                ValueError,
                r"subject\['date_of_birth'\] must have a time zone, got 2026-05-04",
            ),
            ({"subject": {"subject_id": 3}}, TypeError, "subject must be a str, .* got 3"),
            ({"metadata": {"identifier": "x"}}, ValueError, "metadata must hold .*got 'identifier'"),
            ({"metadata": "lab"}, TypeError, "metadata must be a mapping .*got 'lab'"),
            ({"compression": 10}, ValueError, "compression must be an int from 0 to 9, got 10"),
            ({"compression": "gzip"}, TypeError, "compression must be an int from 0 to 9, got 'gzip'"),
            ({"session_start_time": "now"}, TypeError, r"must be a datetime\.datetime, got 'now'"),
            (
                {"session_start_time": datetime(2026, 5, 4)},
                ValueError,
                "session_start_time must have a time zone, got 2026-05-04",
            ),
            (
                {"session_start_time": datetime.now(UTC) + timedelta(days=1)},
                ValueError,
                "session_start_time must not lie in the future",
            ),
        ],
    )
    def test_options(self, raster, tmp_path, options, error, message):
        with pytest.raises(error, match=message):
            write_nwb(raster, tmp_path / "one.nwb", **options)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("said", "message"),
        [("monday", "ISO 8601, got 'monday'"), (3, "got 3"), ("2026-05-04", "must have a time zone")],
    )
    def test_annotated_start_time(self, raster, tmp_path, said, message):
        with pytest.raises(ValueError, match=rf"annotations\['session_start_time'\].*{message}"):
            write_nwb(raster.with_annotations(session_start_time=said), tmp_path / "one.nwb")

    def test_missing_pynwb(self, raster, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pynwb", None)
        with pytest.raises(ImportError, match=r"pip install .*\[nwb\]"):
            write_nwb(raster, tmp_path / "one.nwb")


FULL_DISK = """
import resource, sys, numpy as np, ann2neo as a2n
raster = a2n.as_raster(np.random.default_rng(0).random((60_000, 40)) < 0.5)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
for write, path in zip((a2n.write_nwb, a2n.write_nix, a2n.write_netcdf), sys.argv[1:]):
    try:
        write(raster, path, overwrite=True)
    except OSError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_fills_leaves_what_was_there(raster, tmp_path):
    paths = [tmp_path / "one.nwb", tmp_path / "one.nix", tmp_path / "one.nc"]
    for path in paths:
        path.write_text("mine")
    task = [sys.executable, "-c", FULL_DISK, *map(str, paths)]
    result = subprocess.run(task, capture_output=True, text=True, check=True)
    for path, line in zip(paths, result.stdout.splitlines(), strict=True):
        assert line == f"{path} could not be written: [Errno 27] File too large"
    assert {path: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(paths, "mine")


def test_a_failure_in_the_second_of_two_files_leaves_neither(raster, tmp_path, monkeypatch):
    written = []

    def spike_times(raster):
        written.append(raster)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        yield from []

    monkeypatch.setattr(writing, "_spike_times", spike_times)
    with pytest.raises(OSError, match=r"ses-b\.nwb could not be written: .*No space left"):
        write_nwb({"a": raster, "b": raster}, tmp_path)
    assert not list(tmp_path.iterdir())
