"""Data sets: what is checked, what files may hold, and that random labels are a permutation."""

import io
import os
import re

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ann2neo import training
from ann2neo.training import Dataset


def arrays(n_train=6, n_test=4, shape=(28, 28), n_classes=10):
    rng = np.random.default_rng(0)
    found = {}
    for part, n in (("train", n_train), ("test", n_test)):
        found[f"x_{part}"] = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
        found[f"y_{part}"] = rng.integers(0, n_classes, n, dtype=np.uint8)
    return found


def jpegs(n_train=5, n_test=3, size=(32, 32)):
    image = pytest.importorskip("PIL.Image", reason="the plot extra is not installed")
    rng = np.random.default_rng(1)
    found = {}
    for part, n in (("train", n_train), ("test", n_test)):
        contents = []
        for level in rng.integers(0, 256, (n, 1, 1, 3)):
            buffer = io.BytesIO()
            pixels = np.broadcast_to(level, (*size, 3)).astype(np.uint8)
            image.fromarray(pixels).save(buffer, "JPEG")
            contents.append(buffer.getvalue())
        found[f"jpeg_{part}"] = np.frombuffer(b"".join(contents), np.uint8)
        found[f"offsets_{part}"] = np.cumsum([0, *map(len, contents)])
        found[f"y_{part}"] = rng.integers(0, 10, n)
    return found


def test_digits():
    sklearn_datasets = pytest.importorskip("sklearn.datasets", reason="the demo extra is not installed")
    data = training.load("digits")
    whole = sklearn_datasets.load_digits()
    assert data.input_shape == (8, 8, 1)
    together = np.concatenate([data.x_train, data.x_test])
    assert together.dtype == np.float32
    assert (together.min(), together.max()) == (0, 1)
    # Every image once, with its own label.
    labels = np.concatenate([data.y_train, data.y_test])
    rows = np.column_stack([together.reshape(-1, 64) * 16, labels])
    expected = np.column_stack([whole.data, whole.target])
    assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    counts = np.bincount(whole.target)
    assert np.array_equal(np.bincount(data.y_test), np.rint(0.2 * counts))
    again = training.load("digits")
    assert np.array_equal(data.x_train, again.x_train)
    # Shuffled: neighbours are of one class as often as chance has it.
    assert np.mean(data.y_train[1:] == data.y_train[:-1]) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_keras_file(name, tmp_path, monkeypatch):
    content = arrays()
    np.savez(tmp_path / f"{name}.npz", **content)
    data = training.load(name, tmp_path)
    assert data.name == name
    assert data.x_train.shape == (6, 28, 28, 1)
    assert data.x_test.dtype == np.float32
    assert np.array_equal(np.rint(data.x_train[..., 0] * 255), content["x_train"])
    assert np.array_equal(data.y_test, content["y_test"])
    assert data.y_test.dtype == np.int64
    monkeypatch.setenv("ANN2NEO_DATA", str(tmp_path))
    assert np.array_equal(training.load(name).x_test, data.x_test)


def test_cifar10_has_a_column_of_labels(tmp_path):
    content = arrays(shape=(32, 32, 3))
    content |= {key: content[key][:, None] for key in ("y_train", "y_test")}
    np.savez(tmp_path / "cifar10.npz", **content)
    assert training.load("cifar10", tmp_path).y_train.shape == (6,)


def test_jpeg_file(tmp_path):
    content = jpegs()
    np.savez(tmp_path / "cifar10_jpeg.npz", **content)
    data = training.load("cifar10", tmp_path)
    assert data.x_train.shape == (5, 32, 32, 3)
    levels = np.random.default_rng(1).integers(0, 256, (5, 3))
    assert np.abs(data.x_train.mean(axis=(1, 2)) * 255 - levels).max() < 3
    assert np.array_equal(data.y_test, content["y_test"])


def change(content, **changes):
    return {key: value for key, value in {**content, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": None}, "must hold x_train, y_train, x_test, y_test, and holds"),
        (
            {"x_train": np.zeros((6, 28, 27), np.uint8)},
            r"images of shape \(28, 28, 1\).*\(6, 28, 27, 1\)",
        ),
        ({"x_train": np.zeros((6, 784), np.uint8)}, r"got shape \(6, 784\)"),
        ({"x_train": np.zeros((6, 28, 28))}, "must be uint8, 0 to 255, got dtype float64"),
        ({"x_test": np.zeros((3, 28, 28), np.uint8)}, "equally long, got 3 and 4"),
        ({"y_train": np.full(6, 10)}, r"y_train must lie in \[0, 10\), got 10"),
        ({"y_train": np.full(6, -1)}, "class numbers from 0, got -1"),
        ({"y_train": np.zeros(6)}, "y_train must be whole numbers, from 0, got dtype float64"),
        ({"y_test": np.full(4, "cat")}, "y_test must be whole numbers, from 0, got dtype <U3"),
        ({"x_train": np.array([None] * 6)}, "cannot be read as .npz: Object arrays"),
    ],
)
def test_broken_keras_files(changes, message, tmp_path):
    np.savez(tmp_path / "mnist.npz", **change(arrays(), **changes))
    with pytest.raises(ValueError, match=message) as refused:
        training.load("mnist", tmp_path)
    assert str(refused.value).startswith(str(tmp_path / "mnist.npz"))


def test_broken_jpeg_files(tmp_path):
    content = jpegs()
    offsets, jpeg = content["offsets_train"], content["jpeg_train"]
    cut = np.delete(jpeg, slice(offsets[3] - 40, offsets[3]))
    moved = np.where(np.arange(6) < 3, offsets, offsets - 40)
    broken = [
        ({"offsets_train": offsets[::-1]}, "rise from 0 to"),
        ({"offsets_train": offsets + 1}, "rise from 0 to"),
        ({"offsets_train": offsets.astype(float)}, "whole numbers"),
        ({"jpeg_train": jpeg[:-1]}, "rise from 0 to"),
        ({"jpeg_train": jpeg.astype(int)}, "one row of uint8"),
        ({"jpeg_train": cut, "offsets_train": moved}, "image 2 is no whole JPEG"),
        ({"offsets_test": None}, "must hold .*offsets_test"),
    ]
    for changes, message in broken:
        np.savez(tmp_path / "cifar10_jpeg.npz", **change(content, **changes))
        with pytest.raises(ValueError, match=message):
            training.load("cifar10", tmp_path)
    np.savez(tmp_path / "cifar10_jpeg.npz", **jpegs(size=(16, 16)))
    with pytest.raises(ValueError, match=r"images of shape \(32, 32, 3\)"):
        training.load("cifar10", tmp_path)


def test_files_that_are_none(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"--data-dir.* must hold mnist.npz or mnist_jpeg.npz"):
        training.load("mnist", tmp_path)
    one_array = io.BytesIO()
    np.save(one_array, np.zeros(3))
    for content in (b"PK\x03\x04 not a zip", b"5,0,0,0\n", b"", one_array.getvalue()):
        (tmp_path / "mnist.npz").write_bytes(content)
        with pytest.raises(ValueError, match=r"mnist.npz cannot be read as \.npz: it is no zip archive"):
            training.load("mnist", tmp_path)
    np.savez(tmp_path / "mnist.npz", **arrays(400, 400))
    whole = (tmp_path / "mnist.npz").read_bytes()
    (tmp_path / "mnist.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"mnist.npz cannot be read as \.npz"):
        training.load("mnist", tmp_path)
    with pytest.raises(ValueError, match=r"name must be one of .*'imagenet'"):
        training.load("imagenet")


def test_without_file_and_network(tmp_path, monkeypatch, caplog):
    def load_data():
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    monkeypatch.delenv("ANN2NEO_DATA", raising=False)
    message = r"mnist could not be .*URL fetch failure.*put mnist.npz.* \(--data-dir\).*ANN2NEO_DATA"
    with pytest.raises(FileNotFoundError, match=f"^{message}"):
        training.load("mnist")
    assert not caplog.records
    monkeypatch.setenv("ANN2NEO_DATA", str(tmp_path))
    lacking = f"ANN2NEO_DATA is {tmp_path}, which has neither mnist.npz nor mnist_jpeg.npz"
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(lacking)}, and {message}"):
        training.load("mnist")
    assert [record.getMessage() for record in caplog.records] == [f"{lacking}; asking Keras' downloader"]


def test_by_keras_downloader(monkeypatch):
    content = arrays()
    parts = [(content[f"x_{part}"], content[f"y_{part}"]) for part in ("train", "test")]
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: parts)
    monkeypatch.delenv("ANN2NEO_DATA", raising=False)
    assert np.array_equal(training.load("mnist").y_train, content["y_train"])


@pytest.mark.skipif("ANN2NEO_DATA" not in os.environ, reason="ANN2NEO_DATA names no folder of data")
def test_real_files():
    mnist = training.load("mnist")
    assert (mnist.x_train.shape, mnist.x_test.shape) == ((60000, 28, 28, 1), (10000, 28, 28, 1))
    assert np.bincount(mnist.y_train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    cifar = training.load("cifar10")
    assert (cifar.x_train.shape, cifar.x_test.shape) == ((50000, 32, 32, 3), (10000, 32, 32, 3))
    assert np.bincount(cifar.y_train).tolist() == [5000] * 10


def dataset(**changes):
    values = {
        "name": "mine",
        "x_train": np.arange(12.0).reshape(4, 3),
        "y_train": np.array([0, 1, 2, 1]),
        "x_test": np.zeros((2, 3)),
        "y_test": np.array([0, 2]),
        "n_classes": 3,
    }
    return Dataset(**{**values, **changes})


def test_dataset_is_read_only():
    data = dataset(x_train=np.arange(12).reshape(4, 3))
    assert data.x_train.dtype.kind == "i"
    for array in (data.x_train, data.y_train, data.x_test, data.y_test):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x_train": np.zeros(4)}, ValueError, "x_train must have shape"),
        ({"x_train": np.zeros((4, 3), object)}, TypeError, "x_train must hold real numbers.*object"),
        ({"x_train": np.array([[1, 2, np.nan]] * 4)}, ValueError, "x_train must be finite"),
        ({"x_train": np.zeros((0, 3)), "y_train": np.zeros(0, int)}, ValueError, "at least one"),
        ({"x_test": np.zeros((2, 4))}, ValueError, r"x_test must have samples of shape \(3,\).*\(4,\)"),
        ({"y_test": np.zeros(2)}, TypeError, "y_test must be whole numbers"),
        ({"y_test": np.zeros(2, bool)}, TypeError, "y_test must be whole numbers.*bool"),
        ({"y_train": np.eye(4, 3, dtype=int)}, ValueError, r"y.argmax\(axis=1\)"),
        ({"y_train": np.array([0, 1, 2, 3])}, ValueError, r"y_train must lie in \[0, 3\), got 3"),
        ({"y_train": np.array([0, 1, 2])}, ValueError, "equally long, got 4 and 3"),
        ({"n_classes": 0}, ValueError, "n_classes must be at least 1"),
    ],
)
def test_datasets_out_of_domain(changes, error, message):
    with pytest.raises(error, match=message):
        dataset(**changes)


def test_large_finite_numbers_are_finite():
    assert dataset(x_train=np.full((4, 3), 3e38)).x_train.max() == np.float32(3e38)


def test_arrays_as_dataset():
    data = dataset()
    assert training.as_dataset(data) is data
    four = training.as_dataset((data.x_train, data.y_train, data.x_test, data.y_test))
    assert (four.n_classes, len(four.x_test)) == (3, 2)
    two = training.as_dataset([np.zeros((3, 2)), np.array([[0], [4], [1]])])
    assert (two.n_classes, len(two.x_test), two.y_train.tolist()) == (5, 0, [0, 4, 1])
    for wrong in (data.x_train, (data.x_train,), None):
        with pytest.raises(TypeError, match="data must be a Dataset or arrays"):
            training.as_dataset(wrong)


def test_subset():
    data = dataset()
    part = data.subset(3, 1, rng=np.random.default_rng(0))
    assert (len(part.x_train), len(part.x_test), part.n_classes) == (3, 1, 3)
    rows = {tuple(x): y for x, y in zip(data.x_train, data.y_train, strict=True)}
    assert all(rows[tuple(x)] == y for x, y in zip(part.x_train, part.y_train, strict=True))
    assert len({tuple(x) for x in part.x_train}) == 3
    assert len(data.subset(4, 0, rng=np.random.default_rng(0)).x_test) == 0
    for counts, message in (
        ((5, 1), "n_train must be at most 4"),
        ((0, 1), "n_train must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            data.subset(*counts, rng=np.random.default_rng(0))


def test_noisy_labels_are_wrong_as_often_as_said_and_all_classes_alike():
    y = np.repeat(np.arange(4), 5000)
    noisy = training.noisy_labels(y, 0.3, n_classes=5, rng=np.random.default_rng(0))
    wrong = noisy != y
    # 20,000 draws: standard deviation .0032.
    assert abs(wrong.mean() - 0.3) < 0.013
    shift = np.bincount((noisy - y) % 5, minlength=5)[1:] / wrong.sum()
    np.testing.assert_allclose(shift, 0.25, atol=0.025)
    options = {"n_classes": 5, "rng": np.random.default_rng(0)}
    np.testing.assert_array_equal(training.noisy_labels(y, 0.0, **options), y)
    assert (training.noisy_labels(y, 1, **options) != y).all()


@pytest.mark.parametrize(
    ("fraction", "n_classes", "error", "message"),
    [
        (1.2, 3, ValueError, r"fraction must lie in \[0, 1\], got 1.2"),
        (float("nan"), 3, ValueError, r"fraction must lie in \[0, 1\], got nan"),
        ("a", 3, TypeError, r"fraction must be a number in \[0, 1\], got 'a'"),
        (0.2, 1, ValueError, "n_classes must be at least 2, got 1"),
        (0.2, 2, ValueError, r"y must lie in \[0, 2\), got 2"),
    ],
)
def test_noisy_labels_refuse(fraction, n_classes, error, message):
    rng = np.random.default_rng(0)
    with pytest.raises(error, match=message):
        training.noisy_labels(np.array([0, 1, 2]), fraction, n_classes=n_classes, rng=rng)


@given(st.lists(st.integers(0, 20), min_size=1), st.integers(0, 2**32))
def test_random_labels_keep_the_counts(labels, seed):
    y = np.array(labels)
    drawn = training.random_labels(y, rng=np.random.default_rng(seed))
    assert np.array_equal(np.sort(drawn), np.sort(y))
    assert np.array_equal(drawn, training.random_labels(y, rng=np.random.default_rng(seed)))


def test_random_labels_know_nothing_of_the_true_ones():
    y = np.repeat(np.arange(10), 2000)
    right = [np.mean(training.random_labels(y, rng=np.random.default_rng(s)) == y) for s in range(20)]
    # A share of matches has mean 1/10 and variance about 0.09/n.
    assert np.mean(right) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / len(y) / 20))
    with pytest.raises(TypeError, match="rng must be a"):
        training.random_labels(y, rng=0)
