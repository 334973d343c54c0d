"""Malicious stores: refused, and nothing in them is unpickled."""

import contextlib
import json
import os
import pickle
import shutil
import zlib

import numcodecs
import pytest
import zarr

from ann2neo import SpikeRaster
from tests.spikes.stores import (
    assert_refused,
    both,
    edit_json,
    files_of,
    is_chunk,
    loads_equal,
    make_known,
)


class Bomb:
    """Unpickling this makes a file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


PICKLED = {
    "dtype": "|O",
    "filters": [{"id": "pickle", "protocol": 5}],
    "compressor": None,
    "fill_value": 0,
}

# The one combination that both zarr 2 and zarr 3 decode.
LIVE = {"filters": [{"id": "vlen-utf8"}], "compressor": {"id": "pickle", "protocol": 5}}


@pytest.fixture
def bomb(tmp_path, monkeypatch):
    """A payload, after showing that it goes off when decoded, and the marker it makes."""
    marker = tmp_path / "marker"
    payload = pickle.dumps(Bomb(marker))
    # Later versions of numcodecs and zarr refuse by themselves, unless told otherwise.
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    told = {"array.allow_unsafe_pickle_decode": True}
    with zarr.config.set(told) if hasattr(zarr, "config") else contextlib.nullcontext():
        numcodecs.Pickle().decode(payload)
        assert marker.is_dir()
        marker.rmdir()
        yield payload, marker


def arm(array, payload, **changes):
    """Turn an array into one whose chunks are unpickled."""
    metadata = {**PICKLED, **changes}
    edit_json(array / ".zarray", **metadata)
    if (metadata["compressor"] or {}).get("id") == "zlib":
        payload = zlib.compress(payload)
    for chunk in filter(is_chunk, files_of(array)):
        (array / chunk).write_bytes(payload)


@pytest.mark.parametrize("array", ["words", "units/0", "units/1", "samples/0", "samples/1"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"filters": None, "compressor": {"id": "pickle", "protocol": 5}},
        {"dtype": "<u8"},
        {"dtype": "<u8", "filters": None, "compressor": {"id": "pickle", "protocol": 5}},
        {"dtype": "<u8", "compressor": {"id": "zlib", "level": 1}},
        {"dtype": [["a", "|O"]]},
        LIVE,
    ],
)
def test_pickles_are_refused_before_they_are_decoded(saved, tmp_path, bomb, array, changes):
    folder, _ = saved
    payload, marker = bomb
    arm(folder / array, payload, **changes)
    for path in both(folder, tmp_path):
        assert_refused(path)
        assert not marker.exists()


def test_plain_zarr_would_set_the_bomb_off(saved, bomb):
    folder, _ = saved
    payload, marker = bomb
    arm(folder / "words", payload, **LIVE)
    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever comes after the damage is done)
        zarr.open_group(str(folder), mode="r")["words"][...]
    assert marker.exists()


def test_pickles_behind_a_link(saved, tmp_path, bomb):
    folder, _ = saved
    payload, marker = bomb
    shutil.move(folder / "words", tmp_path / "elsewhere")
    (folder / "words").symlink_to(tmp_path / "elsewhere")
    arm(tmp_path / "elsewhere", payload, **LIVE)
    assert_refused(folder, "is damaged")
    assert not marker.exists()


def test_pickles_in_an_array_in_place_of_a_table(saved, tmp_path, bomb):
    folder, _ = saved
    payload, marker = bomb
    shutil.copy(folder / "words" / ".zarray", folder / "units" / ".zarray")
    (folder / "units" / "0.0").write_bytes(payload)
    edit_json(folder / "units" / ".zarray", **{**PICKLED, **LIVE})
    loads_equal(folder)
    assert not marker.exists()


def test_pickles_in_consolidated_metadata(saved, bomb):
    folder, _ = saved
    payload, marker = bomb
    metadata = {
        name: json.loads((folder / name).read_text()) for name in files_of(folder) if not is_chunk(name)
    }
    metadata["words/.zarray"] |= {**PICKLED, **LIVE}
    (folder / ".zmetadata").write_text(json.dumps({"metadata": metadata, "zarr_consolidated_format": 1}))
    (folder / "words" / "0.0").write_bytes(payload)
    assert_refused(folder)
    assert not marker.exists()


def test_metadata_of_format_3_are_ignored(saved):
    folder, _ = saved
    for place in (folder, folder / "words"):
        kind = "group" if place == folder else "array"
        (place / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": kind}))
    assert SpikeRaster.load(folder) == make_known()
