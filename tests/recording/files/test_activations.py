"""Activations that other extractors left: read as they are, a slice at a time, or refused by name."""

import json
import shutil
import zipfile

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ann2neo import open_activations, record
from ann2neo.recording.files import readers
from tests.recording.foreign_zarr import new_zarr

h5py = pytest.importorskip("h5py", reason="the hdf5 extra is not installed")


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).standard_normal((70, 6)).astype(np.float32)


def write(path, arrays):
    """A file of several arrays, in the form that the ending of its name says."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".zarr":
        new_zarr(path, arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array
    return path


def dense(path, **options):
    with open_activations(path, **options) as layers:
        return record(layers, progress=False, batch_size=16)


def one_file(path, values):
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")
    {
        ".npy": lambda: np.save(path, values),
        ".pt": lambda: torch.save(torch.from_numpy(values), path),
        ".mat": lambda: scipy.io.savemat(path, {"features": values}),
        ".txt": lambda: np.savetxt(path, values),
    }[path.suffix]()
    return path


SEVERAL = ["a.npz", "a.h5", "a.hdf5", "a.zarr"]


class TestFiles:
    @pytest.mark.parametrize("name", ["a.npy", "a.pt", "a.mat", "a.txt"])
    def test_one_array(self, tmp_path, values, name):
        raster = dense(one_file(tmp_path / name, values))
        assert raster == record(values, progress=False)
        assert raster.layers == ["activations"]

    @pytest.mark.parametrize("name", SEVERAL)
    def test_the_only_array_is_taken_and_labels_beside_it_are_not(self, tmp_path, values, name):
        path = write(tmp_path / name, {"fc1": values, "labels": np.arange(70)})
        assert dense(path) == record({"fc1": values}, progress=False)

    @pytest.mark.parametrize("name", SEVERAL)
    def test_several_arrays_are_chosen_by_key(self, tmp_path, values, name):
        arrays = {"in": values, "out": values[:, ::-1].copy(), "conv": values.reshape(70, 3, 2)}
        path = write(tmp_path / name, arrays)
        message = r"a\.\w+ has several arrays, choose one or more by key: .*'out' float32 \(70, 6\)"
        with pytest.raises(ValueError, match=message):
            dense(path)
        assert dense(path, keys=["out", "conv"]) == record(
            {"out": arrays["out"], "conv": arrays["conv"]}, progress=False
        )
        with pytest.raises(ValueError, match=r"has no key 'fc9': it holds .*'out'"):
            dense(path, keys=["fc9"])
        with pytest.raises(TypeError, match=r"keys must be a sequence of str, such as \['out'\]"):
            dense(path, keys="out")

    @pytest.mark.parametrize("name", ["a.h5", "a.zarr"])
    def test_keys_are_paths(self, tmp_path, values, name):
        path = write(tmp_path / name, {"block/fc1": values, "block/deep/fc2": values})
        assert dense(path, keys=["block/deep/fc2"]).layers == ["block/deep/fc2"]

    def test_a_zarr_array_by_itself_and_in_a_zip_file(self, tmp_path, values):
        new_zarr(tmp_path / "group.zarr", {"x": values})
        folder = shutil.copytree(tmp_path / "group.zarr" / "x", tmp_path / "array.zarr")
        assert dense(folder) == record(values, progress=False)
        zipped = shutil.make_archive(str(tmp_path / "a.zarr"), "zip", tmp_path / "group.zarr")
        assert dense(zipped) == record({"x": values}, progress=False)
        renamed = shutil.copytree(folder, tmp_path / "without an ending")
        assert dense(renamed) == record(values, progress=False)

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_members_of_npz_files_are_read_slice_by_slice(self, tmp_path, values, save, order):
        save(tmp_path / "a.npz", a=np.asarray(values, order=order), big=np.zeros((70, 1)))
        with open_activations(tmp_path / "a.npz", keys=["a"]) as layers:
            for start, stop in ((0, 9), (9, 40), (60, 99), (3, 5), (5, 5)):
                assert_array_equal(layers["a"][start:stop], values[start:stop])
            with pytest.raises(TypeError, match="read in their order: leave rng out"):
                layers["a"][np.array([3, 1])]

    def test_matlab_files_with_a_variable_an_image(self, tmp_path, values):
        scipy.io.savemat(tmp_path / "a.mat", {f"im{k}": row for k, row in enumerate(values)})
        assert dense(tmp_path / "a.mat") == record(values, progress=False)

    def test_bfloat16(self, tmp_path, values):
        torch = pytest.importorskip("torch", reason="the torch extra is not installed")
        torch.save(torch.from_numpy(values).to(torch.bfloat16), tmp_path / "a.pt")
        assert dense(tmp_path / "a.pt") == record(values, progress=False)

    def test_form_where_the_name_does_not_tell(self, tmp_path, values):
        path = one_file(tmp_path / "a.npy", values).rename(tmp_path / "data")
        with pytest.raises(
            ValueError, match=r"data must end in one of \['\.npy', .*or its format be said"
        ):
            dense(path)
        assert dense(path, format="npy") == record(values, progress=False)
        with pytest.raises(ValueError, match=r"format must be one of .*got 'onnx'"):
            dense(path, format="onnx")


class TestMatlab:
    def test_a_matrix_of_any_name_beside_labels(self, tmp_path, values):
        labels = np.arange(len(values))
        scipy.io.savemat(tmp_path / "a.mat", {"X": values, "y": labels, "kind": "relu"})
        for options in ({}, {"keys": ["X"]}):
            assert_array_equal(dense(tmp_path / "a.mat", **options).to_dense(), values > 0)
        scipy.io.savemat(tmp_path / "one.mat", {"acts": values})
        assert dense(tmp_path / "one.mat").layers == ["acts"]

    def test_two_matrices_are_chosen_by_key(self, tmp_path, values):
        scipy.io.savemat(tmp_path / "a.mat", {"fc1": values, "features": -values})
        with pytest.raises(ValueError, match=r"several arrays, choose .*'fc1' float32 \(70, 6\)"):
            dense(tmp_path / "a.mat")
        assert_array_equal(dense(tmp_path / "a.mat", keys=["fc1"]).to_dense(), values > 0)

    def test_vectors_that_may_be_labels_are_not_stacked(self, tmp_path):
        scipy.io.savemat(tmp_path / "a.mat", {"x": np.arange(9.0), "y": np.arange(9)})
        with pytest.raises(ValueError, match="no array of samples × units"):
            dense(tmp_path / "a.mat")

    @pytest.mark.parametrize("format", [None, "hdf5", "mat"])
    def test_version_7_3(self, tmp_path, values, format):
        path = tmp_path / "a.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            for name, array in (("acts", values), ("y", np.arange(70.0)[:, None])):
                file[name] = array.T
                file[name].attrs["MATLAB_class"] = np.bytes_("double")
            file["name"] = np.zeros((3, 1), np.uint16)
            file["name"].attrs["MATLAB_class"] = np.bytes_("char")
            file["#refs#/a"] = np.ones((4, 5))
        with path.open("r+b") as stream:
            stream.write(b"MATLAB 7.3 MAT-file".ljust(512))
        raster = dense(path, format=format)
        assert raster.layers == ["acts"]
        assert_array_equal(raster.to_dense(), values > 0)


class TestOtherThings:
    """Numbers that are no activations."""

    def test_weights_of_a_network(self, tmp_path, values):
        write(tmp_path / "a.npz", {"fc1.weight": values, "fc1.bias": values[0]})
        with pytest.raises(ValueError, match="weights of a network"):
            dense(tmp_path / "a.npz")
        assert dense(tmp_path / "a.npz", keys=["fc1.weight"]).n_units == 6

    @pytest.mark.parametrize("kind", ["layers", "attributes", "nir"])
    def test_files_of_networks(self, tmp_path, values, kind):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            if kind == "layers":
                file["layers/dense/vars/0"] = values
            elif kind == "attributes":
                file["dense/dense/k"] = values
                file.attrs["keras_version"] = "3"
            else:
                file["node/nodes/1/weight"], file["version"] = values, "1.0"
                file["node/edges"] = [[0, 1]]
        with pytest.raises(ValueError, match=r"weights of a Keras model|NIR graph"):
            dense(tmp_path / "a.h5", keys=[] if kind != "layers" else ["layers/dense/vars/0"])

    @pytest.mark.parametrize(
        ("name", "times"),
        [
            ("spike_times", np.arange(3, 903, 3, dtype=np.uint64)[:, None]),
            ("acts", np.arange(3, 903, 3)[None]),
            ("acts", np.cumsum(np.random.default_rng(0).exponential(size=50))[:, None]),
            ("acts", np.column_stack([np.arange(3, 303), np.arange(300) % 7])),
            ("spike_clusters", np.random.default_rng(0).integers(0, 9, (40, 1))),
        ],
    )
    def test_times_of_a_spike_sorter(self, tmp_path, name, times):
        np.save(tmp_path / f"{name}.npy", times)
        with pytest.raises(ValueError, match="looks like times of spikes"):
            dense(tmp_path / f"{name}.npy")

    @pytest.mark.parametrize("width", [1, 2, 3])
    def test_activations_of_few_units_are_none(self, tmp_path, values, width):
        np.save(tmp_path / "a.npy", values[:, :width])
        assert_array_equal(dense(tmp_path / "a.npy").to_dense(), values[:, :width] > 0)

    @pytest.mark.parametrize("kind", ["link", "storage", "virtual"])
    def test_hdf5_that_reads_from_other_files(self, tmp_path, values, kind):
        (tmp_path / "raw").write_bytes(values.tobytes())
        write(tmp_path / "other.h5", {"x": values})
        with h5py.File(tmp_path / "a.h5", "w") as file:
            if kind == "link":
                file["inner/x"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
            elif kind == "storage":
                file.create_dataset("x", values.shape, "f4", external=str(tmp_path / "raw"))
            else:
                layout = h5py.VirtualLayout(values.shape, "f4")
                layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", values.shape)
                file.create_virtual_dataset("x", layout)
        with pytest.raises(ValueError, match=r"refused: (it is a link to another|its values lie in an)"):
            dense(tmp_path / "a.h5")

    def test_hdf5_that_stores_nothing_of_what_it_says(self, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("x", (10**7, 1000), "f4", chunks=(100, 1000))
        with pytest.raises(ValueError, match="of its 40000000000 bytes it stores 0"):
            dense(tmp_path / "a.h5")

    def test_hdf5_whose_groups_hold_one_another(self, tmp_path, values):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["g/x"] = values
            file["g/h"] = file["g"]
            file["soft"] = h5py.SoftLink("/g/x")
        assert dense(tmp_path / "a.h5").layers == ["g/x"]


class TestDamage:
    def test_tensors_whose_checksum_is_wrong(self, tmp_path, values):
        path = one_file(tmp_path / "a.pt", values)
        whole = bytearray(path.read_bytes())
        whole[whole.find(values.tobytes()) + 3] ^= 0x80
        path.write_bytes(whole)
        with pytest.raises(ValueError, match=r"a\.pt cannot be read as pt: the checksum of"):
            dense(path)

    @pytest.mark.parametrize("codec", ["blosc", "zlib", "zstd", "lz4", "bz2", "lzma", None])
    @pytest.mark.parametrize("keep", [0, 10, 20, 0.5, -4, -1])
    def test_chunks_that_were_cut_short(self, tmp_path, values, codec, keep):
        import numcodecs

        names = {"blosc": "Blosc", "zlib": "Zlib", "zstd": "Zstd", "lz4": "LZ4", "bz2": "BZ2"}
        compressor = codec and getattr(numcodecs, names.get(codec, "LZMA"))()
        config = None if compressor is None else compressor.get_config()
        folder = tmp_path / "a.zarr"
        folder.mkdir()
        metadata = {"zarr_format": 2, "shape": [70, 6], "chunks": [35, 6], "dtype": "<f4", "order": "C"}
        metadata |= {"compressor": config, "filters": None, "fill_value": 0.0}
        (folder / ".zarray").write_text(json.dumps(metadata))
        for number, half in enumerate((values[:35], values[35:])):
            chunk = half.tobytes() if compressor is None else bytes(compressor.encode(half))
            (folder / f"{number}.0").write_bytes(chunk)
        assert_array_equal(dense(folder).to_dense(), values > 0)
        chunk = (folder / "1.0").read_bytes()
        (folder / "1.0").write_bytes(chunk[: keep if isinstance(keep, int) else len(chunk) // 2])
        with pytest.raises(ValueError, match=r"a\.zarr (is damaged|cannot be read)"):
            dense(folder)

    def test_chunks_that_are_not_there(self, tmp_path, values):
        path = new_zarr(tmp_path / "a.zarr", {"x": values})
        next(file for file in path.rglob("*") if file.name[0].isdigit()).unlink()
        with pytest.warns(UserWarning, match=r"1 of \d+ chunks of 'x' are not stored"):
            dense(path)

    def test_in_another_process(self, tmp_path, values):
        path = write(tmp_path / "a.h5", {"fc1": values, "fc2": -values})
        assert dense(path, keys=["fc2"], isolated=True) == dense(path, keys=["fc2"])
        with pytest.raises(ValueError, match="several arrays, choose"):
            dense(path, isolated=True)


class TestRefused:
    def test_nothing_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no file .*a\.npy"):
            dense(tmp_path / "a.npy")

    @pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5", "a.zarr.zip", "a.pt", "a.mat", "a.txt"])
    @pytest.mark.parametrize("content", [b"", b"not what it says", b"PK\x03\x04 neither"])
    def test_foreign_files(self, tmp_path, name, content):
        if name.endswith(".pt"):
            pytest.importorskip("torch", reason="the torch extra is not installed")
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} (cannot be read as|has no array)"):
            dense(tmp_path / name)

    @pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5", "a.pt", "a.mat"])
    def test_truncated_files(self, tmp_path, values, name):
        path = tmp_path / name
        (write if path.suffix in (".npz", ".h5") else one_file)(
            path, {"x": values} if path.suffix in (".npz", ".h5") else values
        )
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=rf"{name} (cannot be read as|is damaged)"):
            dense(path)

    def test_a_damaged_member(self, tmp_path, values):
        # Longer than what is read ahead when it is opened.
        path = write(tmp_path / "a.npz", {"x": np.tile(values, (200, 1))})
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.npz is damaged"):
            dense(path)

    def test_what_fails_elsewhere_is_not_the_files_fault(self, tmp_path, values):
        path = write(tmp_path / "a.npz", {"x": values})
        with pytest.raises(OSError, match=r"^No space left$"), open_activations(path):
            raise OSError("No space left")

    @pytest.mark.parametrize("name", SEVERAL)
    def test_files_without_activations(self, tmp_path, name):
        path = write(tmp_path / name, {"labels": np.arange(5)})
        with pytest.raises(
            ValueError, match=r"has no array of samples × units: it holds 'labels' int64"
        ):
            dense(path)

    def test_what_would_be_unpickled(self, tmp_path, monkeypatch):
        called = []
        monkeypatch.setattr("pickle.loads", lambda *args, **options: called.append(args))
        evil = np.array([[{}]], object)
        np.save(tmp_path / "a.npy", evil, allow_pickle=True)
        np.savez(tmp_path / "a.npz", x=evil)
        for name in ("a.npy", "a.npz"):
            with pytest.raises(ValueError, match=name):
                dense(tmp_path / name)
        assert not called

    def test_zarr_chunks_that_are_pickles(self, tmp_path, values):
        path = new_zarr(tmp_path / "a.zarr", {"x": values})
        metadata = path / "x" / ".zarray"
        text = metadata.read_text()
        assert '"filters": null' in text
        metadata.write_text(text.replace('"filters": null', '"filters": [{"id": "pickle"}]'))
        with pytest.raises(ValueError, match=r"a\.zarr cannot be read as zarr: .*(refused|pickle)"):
            dense(path)

    def test_tensors_that_are_other_objects(self, tmp_path):
        torch = pytest.importorskip("torch", reason="the torch extra is not installed")
        torch.save({"x": 3, "y": ["z"]}, tmp_path / "a.pt")
        with pytest.raises(ValueError, match=r"a\.pt cannot be read as pt: it holds a dict, not a t"):
            dense(tmp_path / "a.pt")
        torch.save(zipfile.ZipFile, tmp_path / "a.pt")
        with pytest.raises(ValueError, match=r"a\.pt cannot be read as pt: Weights only"):
            dense(tmp_path / "a.pt")


class TestThingsvision:
    """Names as thingsvision's `save_features` and `extract_features` make them."""

    def save(self, folder, values, **parts):
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in parts.items():
            np.save(folder / f"{name.replace('to', '-')}.npy", values[rows])
        return folder

    def test_one_file(self, tmp_path, values):
        folder = self.save(tmp_path / "fc1", values, features=slice(None))
        (folder / "file_names.txt").write_text("a.jpg")
        assert dense(folder) == record({"fc1": values}, progress=False)

    @pytest.mark.parametrize(
        "parts",
        [
            {"features_0to20": (0, 20), "features_20to60": (20, 60), "features_60to70": (60, 70)},
            {"features_8to70": (8, 70), "features_0to8": (0, 8)},
            {"features_test_0to70": (0, 70)},
            {"features_01": (0, 20), "features_02": (20, 70)},
        ],
    )
    def test_parts(self, tmp_path, values, parts):
        parts = {name: slice(*ends) for name, ends in parts.items()}
        assert dense(self.save(tmp_path / "fc1", values, **parts)).to_dense().tolist() == (
            (values > 0).tolist()
        )

    def test_a_folder_a_module(self, tmp_path, values):
        self.save(tmp_path / "features.3", values, features_0to70=slice(0, 70))
        self.save(
            tmp_path / "classifier", -values, features_0to9=slice(0, 9), features_9to70=slice(9, 70)
        )
        with pytest.raises(ValueError, match=r"choose one or more by key: 'classifier' .*'features\.3'"):
            dense(tmp_path)
        modules = ["features.3", "classifier"]
        expected = record({"features.3": values, "classifier": -values}, progress=False)
        assert dense(tmp_path, keys=modules) == expected

    def test_hdf5_in_parts(self, tmp_path, values):
        with h5py.File(tmp_path / "features.hdf5", "w") as file:
            file["features_01"], file["features_02"] = values[:50], values[50:]
        assert_array_equal(dense(tmp_path).to_dense(), values > 0)

    def test_tensors(self, tmp_path, values):
        torch = pytest.importorskip("torch", reason="the torch extra is not installed")
        for first, end in ((0, 64), (64, 70)):
            torch.save(
                torch.from_numpy(values[first:end].copy()), tmp_path / f"features_{first}-{end}.pt"
            )
        assert_array_equal(dense(tmp_path).to_dense(), values > 0)

    @pytest.mark.parametrize(
        ("parts", "message"),
        [
            (
                {"features_0to20": (0, 20), "features_30to70": (30, 70)},
                "lacks the part that begins with 20",
            ),
            ({"features_02": (20, 70)}, "lacks the part that begins with 0"),
            ({"features_0to20": (0, 19)}, "features_0-20 of .* holds 19 samples"),
            ({"features": (0, 70), "features_0to70": (0, 70)}, "is there as range and as whole"),
            (
                {"features_train": (0, 70), "features_test": (0, 70)},
                r"by key: 'run/features_test' .*'run/features_train'",
            ),
            ({"other": (0, 70)}, r"it holds no files features\*\.npy"),
        ],
    )
    def test_parts_that_do_not_join(self, tmp_path, values, parts, message):
        parts = {name: slice(*ends) for name, ends in parts.items()}
        with pytest.raises(ValueError, match=message):
            dense(self.save(tmp_path / "run", values, **parts))

    def test_parts_of_different_units(self, tmp_path, values):
        self.save(tmp_path, values, features_0to20=slice(0, 20))
        self.save(tmp_path, values[:, :4], features_20to70=slice(20, 70))
        with pytest.raises(ValueError, match=r"differ in their units: \[\(4,\), \(6,\)\]"):
            dense(tmp_path)

    def test_the_same_in_two_formats(self, tmp_path, values):
        self.save(tmp_path, values, features=slice(None))
        np.savetxt(tmp_path / "features.txt", values)
        with pytest.raises(ValueError, match="holds 'features' in several formats"):
            dense(tmp_path)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 30), st.integers(0, 30))
def test_parts_are_sliced_as_one_array(lengths, start, stop):
    whole = np.arange(sum(lengths) * 2).reshape(-1, 2)
    parts = readers.Parts(np.split(whole, np.cumsum(lengths)[:-1]), "x")
    assert parts.shape == whole.shape
    if start < min(stop, len(whole)):
        assert_array_equal(parts[start:stop], whole[start:stop])
