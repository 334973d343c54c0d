"""Zarr stores as other programs leave them."""

import zarr


def new_zarr(path, arrays):
    """A Zarr file or folder of format 2, whichever zarr writes it."""
    options = {"zarr_format" if int(zarr.__version__.split(".")[0]) >= 3 else "zarr_version": 2}
    group = zarr.open_group(str(path), mode="w", **options)
    for name, array in arrays.items():
        group[name] = array
    return path
