"""The formats of files that hold activations: their endings, and what opens one.

Imports nothing heavy: the command line asks it for its help.
"""

from __future__ import annotations

FORMATS = {
    "npy": ((".npy",), "ann2neo.recording.files.readers:open_npy"),
    "npz": ((".npz",), "ann2neo.recording.files.readers:open_npz"),
    "hdf5": ((".h5", ".hdf5"), "ann2neo.recording.files.readers:open_hdf5"),
    "zarr": ((".zarr", ".zarr.zip"), "ann2neo.recording.files.readers:open_zarr"),
    "pt": ((".pt",), "ann2neo.recording.files.tensor_files:open_tensor"),
    "safetensors": ((".safetensors",), "ann2neo.recording.files.tensor_files:open_safetensors"),
    "mat": ((".mat",), "ann2neo.recording.files.readers:open_mat"),
    "txt": ((".txt",), "ann2neo.recording.files.readers:open_txt"),
    "torchlens": ((), "ann2neo.recording.files.tensor_files:open_torchlens"),
    "arrow": ((), "ann2neo.recording.files.tensor_files:open_dataset"),
    "thingsvision": ((), "ann2neo.recording.files.thingsvision:thingsvision"),
}
"""Format → endings of the names of files, and "module:function" that takes a path and an ExitStack."""
