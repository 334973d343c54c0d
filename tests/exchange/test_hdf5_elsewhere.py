"""HDF5 files that read from other files: refused in every format, whichever way they go about it."""

import shutil

import numpy as np
import pytest

import ann2neo as a2n

h5py = pytest.importorskip("h5py", reason="the hdf5 extra is not installed")
NEEDED = {"nwb": "pynwb", "nix": "nixio", "nc": "h5netcdf"}


@pytest.fixture(params=NEEDED)
def path(request, tmp_path):
    pytest.importorskip(NEEDED[request.param])
    return a2n.save(np.eye(6, dtype=bool), tmp_path / f"a.{request.param}")


def find_numbers(path):
    """A data set of spikes."""
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fbi" and item.size >= 6:
            found.append(name)

    with h5py.File(path) as file:
        file.visititems(visit)
    wanted = [name for name in found if "spike" in name or "data_arrays" in name]
    return wanted[0]


def by_link(file, name, other):
    del file[name]
    file[name] = h5py.ExternalLink(str(other), name)


def by_a_linked_group(file, name, other):
    parent = name.rpartition("/")[0]
    del file[parent]
    file[parent] = h5py.ExternalLink(str(other), parent)


def by_a_soft_link(file, name, other):
    """To a place that lies elsewhere."""
    file["elsewhere"] = h5py.ExternalLink(str(other), "/")
    del file[name]
    file[name] = h5py.SoftLink(f"/elsewhere/{name}")


def by_storage(file, name, other):
    old = file[name]
    shape, dtype, about = old.shape, old.dtype, dict(old.attrs)
    del file[name]
    data = other.with_suffix(".bin")
    data.write_bytes(bytes(int(np.prod(shape)) * dtype.itemsize))
    new = file.create_dataset(name, shape, dtype, external=[(str(data), 0, h5py.h5f.UNLIMITED)])
    for key, value in about.items():
        if key not in ("DIMENSION_LIST", "REFERENCE_LIST"):
            new.attrs[key] = value


def by_a_virtual_data_set(file, name, other):
    old = file[name]
    shape, dtype = old.shape, old.dtype
    del file[name]
    layout = h5py.VirtualLayout(shape, dtype)
    layout[:] = h5py.VirtualSource(str(other), name, shape=shape)
    file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("elsewhere", [by_link, by_a_soft_link, by_storage, by_a_virtual_data_set])
@pytest.mark.parametrize("isolated", [False, True])
def test_data_in_another_file(path, elsewhere, isolated):
    check_refusal(path, elsewhere, isolated)


# NetCDF's spikes lie in no group.
@pytest.mark.parametrize("path", ["nwb", "nix"], indirect=True)
@pytest.mark.parametrize("isolated", [False, True])
def test_a_group_in_another_file(path, isolated):
    check_refusal(path, by_a_linked_group, isolated)


def check_refusal(path, elsewhere, isolated):
    other = path.with_name("other.h5")
    shutil.copy(path, other)
    name = find_numbers(path)
    with h5py.File(path, "r+") as file:
        elsewhere(file, name, other)
    with pytest.raises(ValueError, match=rf"{path.name}.*(another file|no 'spikes'|refused)"):
        a2n.load(path, isolated=isolated)


def test_references_and_links_within_the_file_are_followed(path):
    raster = a2n.load(path)
    name = find_numbers(path)
    with h5py.File(path, "r+") as file:
        if path.suffix == ".nwb":
            file.attrs["of_somebody"] = file[name].ref
            file.move(name, "moved")
            file[name] = h5py.SoftLink("/moved")
        else:
            file[name].attrs["more"] = np.arange(3)
    assert a2n.load(path) == raster


def test_an_attribute_that_netcdf_does_not_know(tmp_path):
    pytest.importorskip("h5netcdf")
    path = a2n.save(np.eye(6, dtype=bool), tmp_path / "a.nc")
    with h5py.File(path, "r+") as file:
        file.attrs["of_somebody"] = file["spikes"].ref
    with pytest.raises(ValueError, match=r"a\.nc is not a NetCDF file of spikes, or is damaged"):
        a2n.load(path)


def test_links_in_a_circle(tmp_path):
    pytest.importorskip("pynwb")
    path = a2n.save(np.eye(6, dtype=bool), tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        del file["units/layer"]
        file["units/layer"] = h5py.SoftLink("/units/layer")
        file["units/self"] = file["units"]
    with pytest.raises(ValueError, match=r"a\.nwb is damaged"):
        a2n.load(path)
