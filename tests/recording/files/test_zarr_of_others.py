"""Zarr arrays that are damaged, hostile, or somebody's working folder."""

import json
import os
import shutil
import zipfile
import zlib

import numcodecs
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ann2neo as a2n

VALUES = np.random.default_rng(0).standard_normal((70, 6)).astype("<f4")
CODECS = {
    "zlib": numcodecs.Zlib(),
    "gzip": numcodecs.GZip(),
    "blosc": numcodecs.Blosc(),
    "lz4": numcodecs.LZ4(),
    "zstd": numcodecs.Zstd(),
    "none": None,
}


def write(folder, codec="zlib", shape=(70, 6), chunks=(35, 6), **attributes):
    """An array of two chunks, as other programs write it."""
    folder.mkdir(exist_ok=True)
    compressor = CODECS[codec]
    metadata = {"zarr_format": 2, "shape": list(shape), "chunks": list(chunks), "dtype": "<f4"}
    metadata |= {"order": "C", "filters": None, "fill_value": 0.0}
    metadata["compressor"] = None if compressor is None else compressor.get_config()
    (folder / ".zarray").write_text(json.dumps(metadata))
    for number, half in enumerate((VALUES[:35], VALUES[35:])):
        chunk = half.tobytes() if compressor is None else bytes(compressor.encode(half))
        (folder / f"{number}.0").write_bytes(chunk)
    return folder


def read(path, **options):
    with a2n.open_activations(path, **options) as layers:
        return next(iter(layers.values()))[:]


@pytest.mark.parametrize("codec", CODECS)
def test_a_chunk_of_nothing(tmp_path, codec):
    """As a full disk leaves it: some codecs make zeros of it."""
    path = write(tmp_path / "a.zarr", codec)
    assert_array_equal(read(path), VALUES)
    (path / "1.0").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.zarr .*damaged: its chunk 1\.0 is empty"):
        read(path)


def test_a_chunk_that_unpacks_to_no_end(tmp_path):
    path = write(tmp_path / "a.zarr")
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(2**24)) for _ in range(16)) + packer.flush()
    (path / "1.0").write_bytes(bomb)
    with pytest.raises(ValueError, match=rf"chunk 1\.0 has {len(bomb)} bytes"):
        read(path)
    shutil.make_archive(str(tmp_path / "b.zarr"), "zip", path)
    with pytest.raises(ValueError, match=rf"chunk 1\.0 has {len(bomb)} bytes"):
        read(tmp_path / "b.zarr.zip")


def test_a_blosc_chunk_that_says_it_becomes_more(tmp_path):
    path = write(tmp_path / "a.zarr", "blosc")
    chunk = bytearray((path / "1.0").read_bytes())
    chunk[4:8] = (2**31 - 1).to_bytes(4, "little")
    (path / "1.0").write_bytes(chunk)
    with pytest.raises(ValueError, match=r"chunk 1\.0 is not as long as it says"):
        read(path)


def test_an_array_that_stores_nothing_of_what_it_says(tmp_path):
    path = write(tmp_path / "a.zarr", shape=(10**12, 6))
    with pytest.raises(ValueError, match=r"is refused: of its 24000000000000 bytes it stores \d+"):
        read(path)


def test_a_chunk_that_is_a_link_to_elsewhere(tmp_path):
    """As an archive may hold it: any file of the system would be read as numbers."""
    path = write(tmp_path / "a.zarr", "none")
    secret = tmp_path / "secret"
    (path / "1.0").rename(secret)
    (path / "1.0").symlink_to(secret)
    with pytest.raises(ValueError, match=r"1\.0 is refused: it is a link to another file"):
        read(path)
    (path / "1.0").unlink()
    (path / "1.0").symlink_to("0.0")
    assert_array_equal(read(path), np.vstack([VALUES[:35]] * 2))
    (tmp_path / "link.zarr").symlink_to(path)
    assert len(read(tmp_path / "link.zarr")) == 70


def test_somebodys_own_files_beside_the_chunks(tmp_path):
    path = write(tmp_path / "a.zarr", "blosc")
    (path / "notes.txt").write_text("mine")
    (path / "backup").mkdir()
    (path / "backup" / "0.0.txt").write_text("mine")
    os.symlink(".", path / "self")
    assert_array_equal(read(path), VALUES)


@pytest.mark.parametrize("name", ["a.zarr", "a.zarr.zip"])
def test_a_raster_holds_no_activations(tmp_path, name):
    path = a2n.as_raster(np.eye(4, dtype=bool)).save(tmp_path / name)
    with pytest.raises(ValueError, match="it holds spikes of this package, not activations"):
        read(path)


def test_names_in_a_zip_that_are_no_text(tmp_path):
    """Python stumbles over them with errors of other kinds."""
    path = a2n.as_raster(np.eye(4, dtype=bool)).save(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    at = data.rfind(b"words/0.0")
    data[at] = 0xB7
    with zipfile.ZipFile(path) as archive:
        flags = data.rfind(b"PK\x01\x02", 0, at) + 8
        assert archive.namelist()
    data[flags + 1] |= 0x08  # names are UTF-8
    path.write_bytes(data)
    for options in ({}, {"isolated": True}):
        with pytest.raises(ValueError, match=r"a\.zip is not a raster's Zarr store, or is damaged"):
            a2n.load(path, **options)
    with pytest.raises(FileExistsError, match="something else than a raster"):
        a2n.as_raster(np.eye(4, dtype=bool)).save(path, overwrite=True)


class TestNoUnitsOrSamples:
    @pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
    @pytest.mark.parametrize("ending", ["npy", "npz", "h5", "pt"])
    def test_are_refused_in_words(self, tmp_path, shape, ending):
        path, array = tmp_path / f"a.{ending}", np.zeros(shape)
        if ending == "npy":
            np.save(path, array)
        elif ending == "npz":
            np.savez(path, a=array)
        elif ending == "h5":
            h5py = pytest.importorskip("h5py", reason="the hdf5 extra is not installed")
            with h5py.File(path, "w") as file:
                file["a"], file["b"] = array, h5py.Empty("f4")
        else:
            torch = pytest.importorskip("torch", reason="the torch extra is not installed")
            torch.save(torch.zeros(shape), path)
        message = "must hold at least one sample and one unit, got shape"
        with pytest.raises(ValueError, match=message), a2n.open_activations(path):
            pass


@pytest.mark.parametrize("order", [[0, 1], [1, 0], [1, 0, 2], [2, 1, 0]])
def test_times_beside_numbers_of_units_are_no_activations(tmp_path, order):
    rng = np.random.default_rng(0)
    table = np.column_stack([np.sort(rng.uniform(0, 20, 50)), rng.integers(0, 5, (50, len(order) - 1))])
    np.save(tmp_path / "a.npy", table[:, order])
    with pytest.raises(ValueError, match="looks like times of spikes"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("n_samples", [3, 4, 10])
def test_few_activations_may_ascend_by_chance(tmp_path, n_samples):
    ascending = np.sort(np.random.default_rng(0).random(n_samples))
    np.save(tmp_path / "a.npy", np.column_stack([np.ones(n_samples), ascending]))
    assert read(tmp_path / "a.npy").shape == (n_samples, 2)
