"""Tensors that others left in files: safetensors, dicts that torch saved, bundles and caches."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ann2neo import open_activations, record

torch = pytest.importorskip("torch", reason="the torch extra is not installed")
RNG = np.random.default_rng(0)
FIRST = RNG.standard_normal((70, 6)).astype(np.float32)
SECOND = RNG.standard_normal((70, 2, 3)).astype(np.float16)


def dense(path, keys=(), **options):
    with open_activations(path, keys=keys, **options) as layers:
        raster = record(layers, progress=False, batch_size=16)
        return raster.layers, raster.to_dense()


def write_safetensors(path, arrays, change=lambda header: None):
    """As the format is described; `change` spoils the header."""
    header, blobs = {"__metadata__": {"by": "hand"}}, b""
    kinds = {"float32": "F32", "float16": "F16", "uint16": "BF16", "int64": "I64", "bool": "BOOL"}
    for name, array in arrays.items():
        ends = [len(blobs), len(blobs) + array.nbytes]
        kind = kinds[str(array.dtype)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": ends}
        blobs += array.tobytes()
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + blobs)
    return path


class TestSafetensors:
    def test_layers_by_name(self, tmp_path):
        path = write_safetensors(tmp_path / "a.safetensors", {"x": FIRST, "y.z": SECOND})
        layers, found = dense(path, ["y.z", "x"])
        assert layers == ["y.z", "x"]
        assert_array_equal(found, np.hstack([SECOND.reshape(70, -1), FIRST]) > 0)
        assert_array_equal(dense(path, ["x"], isolated=True)[1], FIRST > 0)

    def test_as_the_library_writes_them(self, tmp_path):
        library = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
        tensors = {"x": torch.tensor(FIRST), "half": torch.tensor(FIRST).bfloat16()}
        library.save_file(tensors, tmp_path / "a.safetensors", metadata={"note": "x"})
        _, found = dense(tmp_path / "a.safetensors", ["x", "half"])
        expected = np.hstack([FIRST, tensors["half"].float().numpy()]) > 0
        assert_array_equal(found, expected)
        with open_activations(tmp_path / "a.safetensors", keys=["half"]) as layers:
            assert_array_equal(layers["half"][3:9], tensors["half"][3:9].float().numpy())

    def test_weights_of_a_network(self, tmp_path):
        path = write_safetensors(tmp_path / "a.safetensors", {"fc.weight": FIRST, "fc.bias": FIRST[0]})
        with pytest.raises(ValueError, match="holds the weights of a network"):
            dense(path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda h: h["x"].update(data_offsets=[0, 10_000]), "lies outside of the file"),
            (lambda h: h["x"].update(data_offsets=[0, 40]), "not as long as its shape"),
            (lambda h: h["x"].update(shape=[-70, -6]), "lies outside of the file"),
            (lambda h: h["x"].update(dtype="F8_E4M3"), "is of 'F8_E4M3'"),
            (lambda h: h["x"].pop("shape"), "does not describe the tensor 'x'"),
        ],
    )
    def test_headers_that_lie(self, tmp_path, change, message):
        path = write_safetensors(tmp_path / "a.safetensors", {"x": FIRST}, change)
        with pytest.raises(ValueError, match=rf"cannot be read as safetensors: .*{message}"):
            dense(path)

    @pytest.mark.parametrize("keep", [4, 30, 500])
    def test_files_cut_short(self, tmp_path, keep):
        path = write_safetensors(tmp_path / "a.safetensors", {"x": FIRST})
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(ValueError, match="cannot be read as safetensors"):
            dense(path)


class TestTorch:
    def test_dicts_of_tensors(self, tmp_path):
        first, second = torch.tensor(FIRST), torch.tensor(SECOND)
        torch.save({"encoder": {"mlp": first}, "heads": [second, 3], "n": 70}, tmp_path / "a.pt")
        layers, found = dense(tmp_path / "a.pt", ["encoder/mlp", "heads/0"])
        assert layers == ["encoder/mlp", "heads/0"]
        assert_array_equal(found, np.hstack([FIRST, SECOND.reshape(70, -1)]) > 0)

    def test_one_tensor_in_a_dict(self, tmp_path):
        torch.save({"acts": torch.tensor(FIRST), "labels": torch.arange(70)}, tmp_path / "a.pt")
        layers, found = dense(tmp_path / "a.pt")
        assert layers == ["acts"]
        assert_array_equal(found, FIRST > 0)

    def test_a_state_is_none(self, tmp_path):
        torch.save(torch.nn.Linear(6, 4).state_dict(), tmp_path / "a.pt")
        with pytest.raises(ValueError, match="holds the weights of a network"):
            dense(tmp_path / "a.pt")

    def test_names_that_are_there_twice(self, tmp_path):
        torch.save({"a": {"b": torch.ones(2, 2)}, "a/b": torch.ones(2, 2)}, tmp_path / "a.pt")
        with pytest.raises(ValueError, match="several tensors called 'a/b'"):
            dense(tmp_path / "a.pt")


def write_bundle(folder, entries):
    (folder / "blobs").mkdir(parents=True)
    tensors = []
    for number, (label, array) in enumerate(entries):
        place = f"blobs/{number:010}.safetensors"
        write_safetensors(folder / place, {"data": array})
        tensors.append(
            {
                "label": label,
                "kind": "out",
                "relative_path": place,
                "backend": "safetensors",
                "shape": list(array.shape),
            }
        )
    (folder / "manifest.json").write_text(json.dumps({"tlspec_version": 9, "tensors": tensors}))
    (folder / "metadata.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    return folder


class TestTorchlens:
    def test_outputs_by_label(self, tmp_path):
        path = write_bundle(
            tmp_path / "kept", [("linear_1_1:1", SECOND), ("relu_1_2:1", FIRST), ("relu_1_2:2", -FIRST)]
        )
        layers, found = dense(path, ["relu_1_2", "relu_1_2:2"])
        assert layers == ["relu_1_2", "relu_1_2:2"]
        assert_array_equal(found, np.hstack([FIRST, -FIRST]) > 0)

    def test_as_the_package_writes_them(self, tmp_path):
        package = pytest.importorskip("torchlens", reason="torchlens is not installed")
        network = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
        package.save(package.trace(network, torch.tensor(FIRST)), tmp_path / "kept")
        expected = record(network, FIRST, layers="1", progress=False)
        assert_array_equal(dense(tmp_path / "kept", ["relu_1_2"])[1], expected.to_dense())

    def test_files_outside_of_it(self, tmp_path):
        path = write_bundle(tmp_path / "kept", [("relu", FIRST)])
        text = (path / "manifest.json").read_text()
        (path / "manifest.json").write_text(text.replace("blobs/", "../blobs/"))
        with pytest.raises(ValueError, match="names a file outside of it"):
            dense(path)


def write_dataset(folder, arrays, n_files=2, **state):
    arrow = pytest.importorskip("pyarrow", reason="the arrow extra is not installed")
    folder.mkdir()
    features, files = {}, []
    for name, array in arrays.items():
        if array.ndim == 3:
            features[name] = {"shape": array.shape[1:], "dtype": str(array.dtype), "_type": "Array2D"}
        else:
            inner = {"dtype": str(array.dtype), "_type": "Value"}
            features[name] = {"feature": inner, "length": array.shape[1], "_type": "List"}
    features["text"] = {"dtype": "string", "_type": "Value"}
    for number, rows in enumerate(np.array_split(np.arange(70), n_files)):
        columns = {name: arrow.array(array[rows].tolist()) for name, array in arrays.items()}
        table = arrow.table({**columns, "text": ["x"] * len(rows)})
        files.append({"filename": f"data-{number:05}-of-{n_files:05}.arrow"})
        with arrow.ipc.new_stream(str(folder / files[-1]["filename"]), table.schema) as stream:
            stream.write_table(table, max_chunksize=16)
    (folder / "state.json").write_text(json.dumps({"_data_files": files, **state}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


class TestDatasets:
    @pytest.mark.parametrize("n_files", [1, 3])
    def test_columns_of_numbers(self, tmp_path, n_files):
        arrays = {"blocks.0.hook_mlp_out": SECOND.astype(np.float32), "tokens": FIRST}
        path = write_dataset(tmp_path / "cache", arrays, n_files)
        layers, found = dense(path, ["blocks.0.hook_mlp_out", "tokens"])
        assert layers == list(arrays)
        assert_array_equal(found, np.hstack([SECOND.reshape(70, -1), FIRST]) > 0)

    def test_as_the_package_writes_them(self, tmp_path):
        package = pytest.importorskip("datasets", reason="datasets is not installed")
        features = package.Features(
            {"hook": package.Array2D(shape=(2, 3), dtype="float32"), "id": package.Value("int64")}
        )
        rows = {"hook": SECOND.astype(np.float32).tolist(), "id": list(range(70))}
        whole = package.Dataset.from_dict(rows, features=features)
        whole.save_to_disk(tmp_path / "cache", num_shards=3)
        assert_array_equal(dense(tmp_path / "cache")[1], SECOND.reshape(70, -1) > 0)

    def test_rows_in_another_order(self, tmp_path):
        path = write_dataset(tmp_path / "cache", {"x": FIRST}, _indices_files=[{"filename": "i.arrow"}])
        with pytest.raises(ValueError, match="its rows were put in another order"):
            dense(path)
