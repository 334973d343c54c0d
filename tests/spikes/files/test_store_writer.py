"""What a store leaves on disk: overwriting, failures midway, and StoreWriter as `record` uses it."""

import itertools
import os
import shutil
import zipfile
from unittest import mock

import numpy as np
import pytest
import zarr

from ann2neo import SpikeRaster
from ann2neo.spikes import packing
from ann2neo.spikes.files.store import StoreWriter
from tests.spikes.stores import make_known, small_chunks


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["r.zarr", "r.zip"])
def test_overwrite(tmp_path, name, overwrite):
    path = tmp_path / name
    make_known().save(path)
    other = make_known(70, annotations={})
    if overwrite:
        other.save(path, overwrite=True)
    else:
        with pytest.raises(FileExistsError, match=r"exists; pass overwrite=True to replace it"):
            other.save(path)
    assert SpikeRaster.load(path) == (other if overwrite else make_known())
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["r.zarr", "r.zip"])
@pytest.mark.parametrize("kind", ["directory store", "zip store", "empty directory", "link"])
def test_overwrite_whatever_kind_of_store_is_there(tmp_path, name, kind):
    path, other = tmp_path / name, tmp_path / "other.zarr"
    if kind == "empty directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(make_known(70).save(other))
    else:
        make_known(70).save(tmp_path / ("x.zip" if kind == "zip store" else "x.zarr")).rename(path)
    make_known().save(path, overwrite=True)
    assert SpikeRaster.load(path) == make_known()
    assert path.is_file() == (name == "r.zip")
    # As of any file: what the link points to is replaced, the link stays.
    assert path.is_symlink() == (kind == "link")
    if kind == "link":
        assert SpikeRaster.load(other) == make_known()


def test_overwrite_spares_other_things(tmp_path):
    precious = tmp_path / "data.zarr" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")
    zarr.open_group(str(tmp_path / "foreign.zarr"), mode="w")
    (tmp_path / "thesis.zip").write_text("years of work")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.writestr("picture.png", b"")
    names = ["data.zarr", "foreign.zarr", "pictures.zip", "thesis.zip"]
    for name in names:
        with pytest.raises(FileExistsError, match="something else than a raster; it is not replaced"):
            make_known().save(tmp_path / name, overwrite=True)
    assert precious.read_text() == (tmp_path / "thesis.zip").read_text() == "years of work"
    assert sorted(os.listdir(tmp_path)) == names


@pytest.mark.parametrize("name", ["r", "r.npy", "r.zarr.txt", "."])
def test_other_names_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"path must end in \.zarr \(a directory\) or \.zip"):
        make_known().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


class TestWriter:
    """StoreWriter, as `record` uses it."""

    def finish(self, writer, raster, **changes):
        arguments = {
            "n_samples": raster.n_samples,
            "units": raster.units,
            "samples": raster.samples,
            "sampling_period": raster.sampling_period,
            "annotations": raster.annotations,
        }
        writer.finish(**{**arguments, **changes})

    @pytest.mark.parametrize("name", ["r.zarr", "r.zip"])
    def test_block_by_block_through_a_packer(self, tmp_path, name):
        raster = make_known(1000)
        with small_chunks(3, words=2), StoreWriter(tmp_path / name, 3) as writer:
            packer = packing.Packer(3, flush=writer.write)
            for first in range(0, 1000, 77):
                packer.append([raster.to_dense()[first : first + 77]], [0.5])
            packer.finish()
            self.finish(writer, raster)
        assert SpikeRaster.load(tmp_path / name) == raster

    @pytest.mark.parametrize("name", ["r.zarr", "r.zip"])
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_exception_midway(self, tmp_path, name, error):
        def interrupt():
            with StoreWriter(tmp_path / name, 3, overwrite=True) as writer:
                writer.write(make_known().words)
                raise error

        with pytest.raises(error):
            interrupt()
        assert os.listdir(tmp_path) == []
        make_known().save(tmp_path / name)
        with pytest.raises(error):
            interrupt()
        assert os.listdir(tmp_path) == [name]
        assert SpikeRaster.load(tmp_path / name) == make_known()

    def test_left_without_finish(self, tmp_path):
        with StoreWriter(tmp_path / "r.zarr", 3) as writer:
            writer.write(make_known().words)
        assert os.listdir(tmp_path) == []

    def test_never_entered(self, tmp_path):
        StoreWriter(tmp_path / "r.zarr", 3)
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"n_samples": 300},
            {"n_samples": 300, "samples": make_known(300).samples},
            {"n_samples": 0},
            {"units": make_known().units.drop(columns="layer")},
            {"samples": make_known().samples[:-1]},
            {"sampling_period": 0},
            {"annotations": {"a": np.nan}},
        ],
    )
    def test_bad_argument_of_finish(self, tmp_path, changes):
        make_known(70).save(tmp_path / "r.zarr")
        with StoreWriter(tmp_path / "r.zarr", 3, overwrite=True) as writer:
            writer.write(make_known().words)
            with pytest.raises(ValueError, match=r"must|lacks|were written"):
                self.finish(writer, make_known(), **changes)
        assert os.listdir(tmp_path) == ["r.zarr"]
        assert SpikeRaster.load(tmp_path / "r.zarr") == make_known(70)

    @pytest.mark.parametrize("shapes", [[(2, 1)], [(3, 2)], [(3, 0)], [(3, 1), (4, 1)]])
    def test_blocks_of_wrong_shape(self, tmp_path, shapes):
        with small_chunks(3), StoreWriter(tmp_path / "r.zarr", 3) as writer:
            for shape in shapes[:-1]:
                writer.write(np.zeros(shape, np.uint64))
            with pytest.raises(ValueError, match=r"words must come in blocks of shape \(3, 1\)"):
                writer.write(np.zeros(shapes[-1], np.uint64))

    @pytest.mark.parametrize("name", ["r.zarr", "r.zip"])
    def test_any_rename_may_fail(self, tmp_path, name):
        """Zarr's own renames of chunks and metadata as well as the last ones."""
        make_known(70).save(tmp_path / name)
        replace = os.replace
        for failing in itertools.count(1):
            calls = itertools.count(1)

            def flaky(*paths, calls=calls, failing=failing):
                if next(calls) == failing:
                    raise OSError("disk on fire")
                replace(*paths)

            with mock.patch("os.replace", flaky):
                try:
                    make_known().save(tmp_path / name, overwrite=True)
                    break
                except OSError:
                    pass
            assert os.listdir(tmp_path) == [name]
            assert SpikeRaster.load(tmp_path / name) == make_known(70)
        assert failing >= 2
        assert os.listdir(tmp_path) == [name]
        assert SpikeRaster.load(tmp_path / name) == make_known()

    def test_target_that_appears_meanwhile(self, tmp_path):
        with StoreWriter(tmp_path / "r.zip", 3) as writer:
            writer.write(make_known().words)
            make_known(70).save(tmp_path / "r.zip")
            with pytest.raises(FileExistsError, match="overwrite=True"):
                self.finish(writer, make_known())
        assert SpikeRaster.load(tmp_path / "r.zip") == make_known(70)


OTHERS = {
    "an array": lambda path: (path / "mine").mkdir(),
    "a store": lambda path: SpikeRaster.from_dense(np.eye(3, dtype=bool)).save(path / "inner.zarr"),
    "a store among the chunks": lambda path: shutil.copytree(path / "units", path / "words" / "units"),
    "a file named like a chunk": lambda path: (path / "0.0").write_text("mine"),
    "a further column": lambda path: (path / "units" / "extra").mkdir(),
    "a link": lambda path: (path / "units" / "self").symlink_to("."),
    "a link named like a part": lambda path: _replace_by_link(path / "samples"),
}


def _replace_by_link(folder):
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


@pytest.mark.parametrize("what", OTHERS)
def test_what_somebody_put_into_a_store_keeps_it_from_being_replaced(tmp_path, what):
    raster = SpikeRaster.from_dense(np.eye(5, dtype=bool))
    path = raster.save(tmp_path / "a.zarr")
    OTHERS[what](path)
    before = sorted(path.rglob("*"))
    with pytest.raises(FileExistsError, match="too; it is not replaced"):
        raster.save(path, overwrite=True)
    assert sorted(path.rglob("*")) == before


def test_what_somebody_put_into_a_zip_file_keeps_it_from_being_replaced(tmp_path):
    raster = SpikeRaster.from_dense(np.eye(5, dtype=bool))
    path = raster.save(tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "mine")
    with pytest.raises(FileExistsError, match=r"holds notes\.txt too; it is not replaced"):
        raster.save(path, overwrite=True)
    assert SpikeRaster.load(path) == raster
