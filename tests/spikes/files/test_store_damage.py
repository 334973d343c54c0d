"""Damaged and foreign stores: refused by a ValueError that names the path."""

import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import Zstd

from ann2neo import SpikeRaster
from ann2neo.spikes.files import store, zarr_arrays
from tests.spikes.stores import (
    assert_refused,
    both,
    edit_json,
    files_of,
    is_chunk,
    loads_equal,
    make_known,
    small_chunks,
    zip_folder,
)


def test_every_file_is_missed(saved, tmp_path):
    folder, _ = saved
    names = files_of(folder)
    assert sum(map(is_chunk, names)) > 15
    for name in names:
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        # Only this empty marker says nothing.
        if name.endswith(".zgroup"):
            assert SpikeRaster.load(folder) == make_known()
        else:
            message = "is not a raster's" if name == ".zattrs" else "is damaged"
            for path in both(folder, tmp_path):
                assert_refused(path, message)
        (folder / name).write_bytes(kept)
    assert SpikeRaster.load(folder) == make_known()


def test_flipped_bytes_in_chunks(saved, tmp_path):
    folder, _ = saved
    for name in filter(is_chunk, files_of(folder)):
        whole = (folder / name).read_bytes()
        for place in {0, 2, len(whole) // 2, len(whole) - 1}:
            damaged = bytearray(whole)
            damaged[place] ^= 0x10
            (folder / name).write_bytes(damaged)
            assert_refused(folder)
        assert_refused(zip_folder(folder, tmp_path / "again.zip"))
        (folder / name).write_bytes(whole)


def test_swapped_chunks(saved):
    folder, _ = saved
    one, other = folder / "words" / "0.0", folder / "words" / "0.1"
    (kept, swapped) = one.read_bytes(), other.read_bytes()
    assert kept != swapped
    one.write_bytes(swapped)
    other.write_bytes(kept)
    assert_refused(folder, r"checksum of chunk 0 of array 'words' does not match")


def test_a_part_is_checked_where_it_is_read(saved):
    folder, _ = saved
    (folder / "words" / "0.1").unlink()
    (folder / "samples" / "0" / "1").unlink()
    with small_chunks(3):
        for start, stop in [(0, 50), (128, 200), (191, 192)]:
            part = SpikeRaster.load(folder, start=start, stop=stop)
            assert part == make_known().select(samples=np.arange(start, stop))
        for start, stop in [(0, 51), (63, 65), (99, 101), (127, 128), (0, None)]:
            with pytest.raises(ValueError, match=r"is damaged: chunk \S*1 is missing"):
                SpikeRaster.load(folder, start=start, stop=stop)


def test_only_the_chunks_needed_are_read(saved):
    folder, _ = saved
    for name in filter(is_chunk, files_of(folder)):
        needed = name.startswith("units/") or name == "words/0.1"
        needed |= name.startswith("samples/") and name.endswith("/2")
        if not needed:
            (folder / name).unlink()
    part = SpikeRaster.load(folder, start=101, stop=128)
    assert part == make_known().select(samples=np.arange(101, 128))


@pytest.mark.parametrize("keep", [0, 1, 10, 100, 0.5, 0.9, 0.99, -1])
def test_truncated_zip(saved, keep):
    _, path = saved
    whole = path.read_bytes()
    size = keep if isinstance(keep, int) else int(keep * len(whole))
    path.write_bytes(whole[:size])
    assert_refused(path, "is not a raster's Zarr store, or is damaged")


def test_flipped_bytes_in_a_zip(saved):
    _, path = saved
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 61):
        damaged = bytearray(whole)
        damaged[place] ^= 0x20
        path.write_bytes(damaged)
        # A date inside the archive may change without harm; anything else must be noticed.
        refused += not loads_equal(path)
    assert refused > 20


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        (".zattrs", {"n_samples": 199}),
        (".zattrs", {"n_samples": 201}),
        (".zattrs", {"n_samples": 0}),
        (".zattrs", {"n_samples": "200"}),
        (".zattrs", {"n_samples": None}),
        (".zattrs", {"sampling_period": -1}),
        (".zattrs", {"annotations": {"a": {"b": 1}}}),
        (".zattrs", {"annotations": None, "sampling_period": None}),
        ("words/.zattrs", {"crc32": []}),
        ("words/.zattrs", {"crc32": None}),
        ("words/.zarray", {"shape": [3, 3]}),
        ("words/.zarray", {"shape": [2, 4]}),
        ("words/.zarray", {"shape": [3, 10**15]}),
        ("words/.zarray", {"chunks": [3, 2]}),
        ("words/.zarray", {"chunks": [3, 0]}),
        ("words/.zarray", {"dtype": "<i8"}),
        ("words/.zarray", {"dtype": ">u8"}),
        ("words/.zarray", {"compressor": None}),
        ("words/.zarray", {"zarr_format": 3}),
        ("samples/.zattrs", {"columns": ["sample_index"] * 2}),
        ("samples/.zattrs", {"columns": ["label", "sample_index", "seen"]}),
        ("samples/.zattrs", {"columns": []}),
        ("samples/1/.zattrs", {"categories": ["one"]}),
        ("samples/1/.zattrs", {"categories": [1, 2, 3, 4, 5, 6, 7]}),
        ("units/0/.zattrs", {"categories": None}),
    ],
)
def test_metadata_that_contradict_the_data(saved, tmp_path, file, changes):
    folder, _ = saved
    edit_json(folder / file, **changes)
    for path in both(folder, tmp_path):
        assert_refused(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff\xfe", '"text"'])
@pytest.mark.parametrize("file", [".zattrs", "words/.zarray", "words/.zattrs", "samples/.zattrs"])
def test_metadata_that_are_no_json_mapping(saved, tmp_path, file, text):
    folder, _ = saved
    (folder / file).write_bytes(text.encode("latin-1"))
    for path in both(folder, tmp_path):
        assert_refused(path)


@pytest.mark.parametrize("version", [4, 99, "2", None, 0])
def test_other_format_version(saved, tmp_path, version):
    folder, _ = saved
    edit_json(folder / ".zattrs", format_version=version)
    for path in both(folder, tmp_path):
        assert_refused(path, rf"has format version {version!r}, this ann2neo reads 3; upgrade")


def test_foreign_files(tmp_path):
    group = zarr.open_group(str(tmp_path / "group.zarr"), mode="w")
    group.attrs["n_samples"] = 3
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zarr").write_text("plain text")
    (tmp_path / "empty.zip").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    np.save(tmp_path / "array.npy", np.eye(3))
    for path in sorted(tmp_path.iterdir()):
        assert_refused(path, "is not a raster's Zarr store")


def test_zattrs_of_another_format(saved):
    folder, _ = saved
    edit_json(folder / ".zattrs", format="other")
    assert_refused(folder, r"its format is not 'ann2neo\.SpikeRaster'")


def test_lack_of_permission_is_no_damage(saved, monkeypatch):
    folder, _ = saved
    monkeypatch.setattr(Path, "read_bytes", lambda path: (_ for _ in ()).throw(PermissionError(path)))
    with pytest.raises(PermissionError):
        store.load(folder, SpikeRaster)


def _packed(chunk):
    """A chunk of other bytes: twice the frame, a frame of another size, or one that does not say it."""
    values = np.frombuffer(Zstd().decode(chunk), np.uint8)
    frame = Zstd(level=1).encode(values)
    longer = Zstd(level=1).encode(np.concatenate([values, np.zeros(2**20, np.uint8)]))
    unsaid = bytearray(frame)
    unsaid[4] &= 0b00011111
    return {
        "twice": frame + frame,
        "longer": longer,
        "size not said": bytes(unsaid),
        "truncated": frame[: len(frame) // 2],
        "no frame": b"PK" + frame[2:],
        "header alone": frame[:5],
        "nothing": b"",
        "zlib": zlib.compress(values.tobytes()),
    }


@pytest.mark.parametrize("name", list(_packed(Zstd().encode(np.zeros(64, np.uint8)))))
def test_chunks_that_hold_something_else(saved, tmp_path, name):
    folder, _ = saved
    chunk = folder / "words" / "0.0"
    chunk.write_bytes(_packed(chunk.read_bytes())[name])
    for path in both(folder, tmp_path):
        assert_refused(path)


@given(st.binary(max_size=40_000), st.integers(1, 19))
@settings(max_examples=60)
def test_the_size_that_a_frame_says_is_its_size(data, level):
    frame = bytes(Zstd(level=level).encode(data))
    assert zarr_arrays._zstd_size(frame) == len(data) or not data


@pytest.mark.parametrize("name", ["a.zarr", "a.zip"])
def test_a_chunk_that_unpacks_to_no_end(tmp_path, name):
    raster = make_eye()
    path = raster.save(tmp_path / "a.zarr")
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(2**24)) for _ in range(16)) + packer.flush()
    (path / "words" / "0.0").write_bytes(bomb[: len(bomb) // 16])
    if name == "a.zip":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for file in path.rglob("*"):
                archive.write(file, file.relative_to(path).as_posix())
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"{name} is damaged: .*words/0\.0 has"):
            SpikeRaster.load(tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**22


def make_eye():
    return SpikeRaster.from_dense(np.eye(5, dtype=bool))
