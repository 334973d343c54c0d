"""What kind of file somebody has, said by name where this package does not read it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from ann2neo.extras import require

_HDF5 = b"\x89HDF\r\n\x1a\n"


def name_kind(path: Path) -> str:
    """What a file or folder of a known kind is and what reads it, as an end of an error; or nothing.

    Of kinds that other packages read: Kilosort and Phy folders, SONATA, NWB 1, NWB in Zarr, Keras.
    """
    with suppress(OSError, ValueError, KeyError, RuntimeError, AttributeError, ImportError, TypeError):
        if path.is_dir():
            return _name_folder({child.name for child in path.iterdir()}, path)
        if not path.is_file():  # a pipe would be waited for without end
            return ""
        with path.open("rb") as stream:
            begin = stream.read(128)
        if begin.startswith(_HDF5):
            with require("h5py", extra="hdf5").File(path, "r") as file:
                return _name_hdf5(file)
        return _name_bytes(begin, path)
    return ""


def is_dandi(path: Path) -> bool:
    """Whether it is a folder of NWB files in DANDI's layout."""
    pattern = "sub-*_ses-*.nwb"
    return path.is_dir() and (any(path.glob(pattern)) or any(path.glob(f"sub-*/{pattern}")))


def _name_folder(inside: set[str], path: Path) -> str:
    if {"spike_times.npy", "params.py"} <= inside or {"spike_times.npy", "spike_clusters.npy"} <= inside:
        return (
            "; it is a folder of Kilosort or Phy: read it with spikeinterface.extractors.read_phy or "
            "read_kilosort, which as_raster takes"
        )
    if inside & {".zattrs", "zarr.json"}:
        for name in inside & {".zattrs", "zarr.json"}:
            if "nwb_version" in (path / name).read_text(encoding="utf-8"):
                return "; it is NWB in Zarr: read it with hdmf_zarr and write it as HDF5"
    return ""


def _name_bytes(begin: bytes, path: Path) -> str:
    if begin.startswith(b"\x93NUMPY"):
        if path.stem.startswith(("spike_", "templates", "amplitudes", "channel_")):
            return (
                f"; it is a NumPy array of a spike sorter: read its folder, {path.parent}, with "
                "spikeinterface.extractors.read_phy or read_kilosort, which as_raster takes"
            )
        return (
            "; it is a NumPy array: give as_raster the array if it holds bits of samples × units, or "
            "record if it holds activations (ann2neo convert)"
        )
    if begin.startswith(b"MATLAB"):
        return "; it is a MATLAB file: see open_activations"
    if begin.startswith(b"CDF"):
        return "; it is NetCDF 3"
    if begin.startswith(b"PK"):
        kind = "of NumPy arrays" if path.suffix.lower() == ".npz" else ""
        return f"; it is a zip archive {kind}".rstrip() + (": see open_activations" if kind else "")
    if begin.startswith(b"\x80"):
        return "; it is a pickle, which is never read: it could run anything"
    if begin and all(byte in b"\t\r\n" or byte >= 32 for byte in begin):
        return "; it is a text file: read its times with pandas and make neo.SpikeTrains of them"
    return ""


def _name_hdf5(file: Any) -> str:
    if "nwb_version" in file.attrs:
        return f"; it is NWB {_text(file.attrs['nwb_version'])}"
    if "nwb_version" in file:
        version = _text(file["nwb_version"][()])
        return f"; it is NWB 1 ({version}), which pynwb cannot read either: convert it to NWB 2"
    if "spikes" in file and ("magic" in file.attrs or "version" in file.attrs or _is_sonata(file)):
        return (
            "; it is SONATA: its spikes are spikes/POPULATION/timestamps, in ms, and node_ids; make a "
            "neo.SpikeTrain of those of each id, which as_raster takes"
        )
    if file.attrs.get("format") in ("nix", b"nix"):
        return "; it is NIX: read it with read_nix"
    if {"keras_version", "layer_names", "model_config"} & set(file.attrs):
        return "; it is a Keras model or its weights"
    return f"; it is HDF5 with {sorted(file)[:5]}"


def _is_sonata(file: Any) -> bool:
    spikes = file["spikes"]
    return "timestamps" in spikes or any("timestamps" in spikes[name] for name in spikes)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
