"""Damage to our HDF5 files is found before HDF5 comes across it."""

import h5py
import numpy as np
import pytest

from ann2neo import SpikeRaster, read_netcdf, read_nwb, write_netcdf, write_nwb
from tests.spikes.stores import make_known

WRITERS = {"a.nc": (write_netcdf, read_netcdf), "a.nwb": (write_nwb, read_nwb)}


@pytest.fixture(params=WRITERS)
def file(request, tmp_path):
    write, read = WRITERS[request.param]
    return write(make_known(), tmp_path / request.param), read


def test_any_byte(file):
    path, read = file
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.choice(len(whole), 40, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        if place >= len(whole) - 27:  # of the seal itself: what it seals is whole
            continue
        with pytest.raises(ValueError, match=rf"{path.name} is damaged: its checksum does not match"):
            read(path)


def test_a_file_that_others_changed_has_no_seal(file):
    path, read = file
    with h5py.File(path, "a") as opened:
        opened.attrs["mine"] = np.arange(5)
    assert read(path) == make_known()


def test_what_others_changed_of_it_is_noticed(file):
    path, read = file
    with h5py.File(path, "a") as opened:
        place = "intervals/trials/label" if read is read_nwb else "label"
        opened[place][3] = "another"
    with pytest.raises(ValueError, match="was changed since it was written"):
        read(path)


@pytest.mark.parametrize("value", [2, 63, -1])
def test_values_other_than_0_and_1(tmp_path, value):
    path = write_netcdf(np.eye(3, dtype=bool), tmp_path / "a.nc")
    with h5py.File(path, "a") as opened:
        opened["spikes"][0, 1] = value
    with pytest.raises(ValueError, match=rf"spikes must be 0 or 1, got {value}"):
        read_netcdf(path)


@pytest.mark.parametrize("kind", ["link", "storage"])
def test_files_that_read_from_others(tmp_path, kind):
    raster = SpikeRaster.from_dense(np.eye(5, dtype=bool))
    (tmp_path / "raw").write_bytes(bytes(200))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.arange(5) * 0.001
    path = write_nwb(raster, tmp_path / "a.nwb")
    with h5py.File(path, "a") as opened:
        del opened["units/spike_times"]
        if kind == "link":
            opened["units/spike_times"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
        else:
            raw = [(str(tmp_path / "raw"), 0, 40)]
            opened["units"].create_dataset("spike_times", (5,), "f8", external=raw)
    with pytest.raises(ValueError, match=r"is refused: it (is a link|lies in)|refused: its values lie"):
        read_nwb(path)
    path = write_netcdf(raster, tmp_path / "a.nc")
    with h5py.File(path, "a") as opened:
        if kind == "link":
            opened["more"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
        else:
            opened.create_dataset("more", (5,), "f8", external=[(str(tmp_path / "raw"), 0, 40)])
    with pytest.raises(ValueError, match="is refused"):
        read_netcdf(path, variable="spikes")
