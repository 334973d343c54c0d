"""Raster → NIX → raster through Neo's NixIO: what it loses comes back, what it refuses is carried."""

import sys

import h5py
import neo
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ann2neo import SpikeRaster, as_raster, read_nix, to_block, write_nix
from ann2neo.exchange.nix import _bound_size
from tests.exchange.nwb.test_file import with_columns
from tests.strategies import rasters

# NixIO collects garbage whenever it closes a file.
pytestmark = pytest.mark.usefixtures("few_objects_to_collect")


@st.composite
def odd_tables(draw):
    raster = draw(rasters(max_samples=20, max_units=3))
    samples = draw(with_columns(raster.samples))
    ends = [name for name in samples if samples[name].dtype.kind not in "bif"]
    return SpikeRaster(
        raster.words,
        raster.n_samples,
        draw(with_columns(raster.units)),
        # Text that ends in NUL is refused by to_block.
        samples.assign(**{name: samples[name].str.rstrip("\0") for name in ends}),
        sampling_period=draw(st.floats(1e-9, 1e3)),
        annotations={**raster.annotations, "a/b": [1, "x"], "big": 2**70, "network": "n\0"},
    )


@given(odd_tables())
@settings(max_examples=4)
def test_a_file_gives_the_raster_back(tmp_path_factory, raster):
    path = tmp_path_factory.mktemp("nix") / "one.nix"
    assert write_nix(raster, path) == path
    assert read_nix(path) == raster


def test_what_nixio_cannot_hold(tmp_path):
    """Named, beside the property: slashes, mixed lists, None, missing values, single samples."""
    units = pd.DataFrame(
        {"layer": ["a/b", "\0"], "unit_index": [0, 0], "x/y": [1, 2], ".": [3, 4], "neo_name": ["", "b"]}
    )
    samples = pd.DataFrame({"sample_index": [4], "label": ["a\0b"], "p/q": [np.nan], "on": [True]})
    about = {
        "none": None,
        "mixed": [1, "a", None],
        "a/b": 1,
        "t_start": 5,
        ".": 0,
        "empty": [],
        "no": "",
    }
    raster = SpikeRaster.from_dense([[True, False]], units, samples, annotations=about)
    assert read_nix(write_nix(raster, tmp_path / "one.nix")) == raster


def test_several_recordings(raster, tmp_path):
    parts = {
        "train": raster.select(samples=np.arange(90)),
        "test": raster.select(samples=np.arange(90, 150)),
    }
    path = write_nix(to_block(parts), tmp_path / "one.nix")
    assert read_nix(path, "test") == parts["test"]
    assert read_nix(path, 0) == parts["train"]
    with pytest.raises(ValueError, match=r"block has 2 segments \['train', 'test'\]"):
        read_nix(path)


def test_neos_nixio_reads_the_block(raster, dense, tmp_path):
    path = write_nix(raster, tmp_path / "one.nix")
    with neo.NixIO(str(path), "ro") as file:
        (block,) = file.read_all_blocks()
    assert as_raster(block) == raster
    (segment,) = block.segments
    for train, active in zip(segment.spiketrains, dense.T, strict=True):
        np.testing.assert_array_equal(train.magnitude, np.flatnonzero(active))
    assert [train.name for train in segment.spiketrains][:2] == ["conv/1/0", "conv/1/1"]
    assert [group.name for group in block.groups] == ["conv/1", "dense"]
    assert segment.annotations["network"] == "mlp"


def test_files_that_neo_wrote(raster, tmp_path):
    block = to_block(raster)
    block.annotations.clear()
    with neo.NixIO(str(tmp_path / "neo.nix"), "ow") as file:
        file.write_block(block)
    with pytest.raises(ValueError, match="do not say their sampling period"):
        read_nix(tmp_path / "neo.nix")
    found = read_nix(tmp_path / "neo.nix", 0, sampling_period=0.001)
    np.testing.assert_array_equal(found.words, raster.words)
    with neo.NixIO(str(tmp_path / "neo.nix"), "rw") as file:
        file.write_block(to_block(raster))
    with pytest.raises(ValueError, match=r"neo\.nix must hold one Block, got 2"):
        read_nix(tmp_path / "neo.nix")


def test_the_callers_block_stays_as_it_is(raster, block, tmp_path):
    before = block.segments[0].spiketrains[0].annotations.copy()
    write_nix(block, tmp_path / "one.nix")
    assert block.segments[0].spiketrains[0].annotations == before
    assert list(block.annotations) == ["ann2neo"]


class TestRefusals:
    def test_an_existing_file(self, raster, tmp_path):
        path = tmp_path / "one.nix"
        path.write_text("mine")
        with pytest.raises(FileExistsError, match=r"one\.nix exists; pass overwrite=True"):
            write_nix(raster, path)
        assert path.read_text() == "mine"
        assert read_nix(write_nix(raster, path, overwrite=True)) == raster

    def test_names_with_nul(self, raster, tmp_path):
        with pytest.raises(ValueError, match="source must have names without NUL"):
            write_nix({"a\0": raster}, tmp_path / "one.nix")

    def test_a_failed_write_leaves_nothing(self, raster, tmp_path, monkeypatch):
        def write_block(io, block):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(neo.NixIO, "write_block", write_block)
        with pytest.raises(OSError, match=r"one\.nix could not be written: .*No space left"):
            write_nix(raster, tmp_path / "one.nix")
        assert not list(tmp_path.iterdir())

    def test_nothing_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no NIX file at .*one\.nix"):
            read_nix(tmp_path / "one.nix")

    def test_truncated_and_foreign_files(self, raster, tmp_path):
        path = write_nix(raster, tmp_path / "one.nix")
        data = path.read_bytes()
        for part in (data[: len(data) // 2], b"spikes", b""):
            path.write_bytes(part)
            with pytest.raises(ValueError, match=r"one\.nix is not a NIX file, or is truncated"):
                read_nix(path)
        with h5py.File(path, "w") as file:
            file["x"] = 1
        with pytest.raises(ValueError, match=r"one\.nix is not a NIX file"):
            read_nix(path)
        assert not h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)

    def test_missing_nixio(self, raster, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "nixio", None)
        for task in (
            lambda: write_nix(raster, tmp_path / "a.nix"),
            lambda: read_nix(tmp_path / "a.nix"),
        ):
            with pytest.raises(ImportError, match=r"pip install .*\[nix\]"):
                task()


def test_the_room_that_is_claimed_suffices(tmp_path):
    """What write_nix claims before is more than NixIO takes, for many trains, samples and columns."""
    for n_samples, n_units, n_columns in ((10, 10, 4), (3000, 1, 4)):
        columns = {f"c{i}": ["some text"] for i in range(n_columns)}
        units = pd.DataFrame({"layer": ["a"] * n_units, "unit_index": range(n_units)})
        samples = pd.DataFrame({"sample_index": range(n_samples), "label": range(n_samples)})
        raster = SpikeRaster.from_dense(
            np.ones((n_samples, n_units)),
            units.assign(**{name: text * n_units for name, text in columns.items()}),
            samples.assign(**{name: text * n_samples for name, text in columns.items()}),
        )
        size = write_nix(raster, tmp_path / "one.nix", overwrite=True).stat().st_size
        assert 0.2 < size / _bound_size(raster) < 1


def test_errors_name_the_file(tmp_path):
    block, segment = neo.Block(), neo.Segment(name="a")
    segment.spiketrains.append(neo.SpikeTrain([0.0113], units="s", t_stop=1.0))
    block.segments.append(segment)
    for name, one, message in (
        ("off.nix", block, "off the sample grid"),
        ("none.nix", neo.Block(), "block has no segments"),
    ):
        with neo.NixIO(str(tmp_path / name), "ow") as io:
            io.write_block(one)
        with pytest.raises(ValueError, match=rf"{name}: .*{message}"):
            read_nix(tmp_path / name, sampling_period=0.001)
    path = write_nix({"a": np.eye(3, dtype=bool), "b": np.eye(3, dtype=bool)}, tmp_path / "two.nix")
    with pytest.raises(ValueError, match=r"two\.nix: block has 2 segments"):
        read_nix(path)
    with pytest.raises(TypeError, match="segment must be an index or a name"):
        read_nix(path, 1.5)
