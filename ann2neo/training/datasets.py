"""Data to train on: checked once, read-only after that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.spikes.argument_checks import check_choice, check_count, check_rng


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and labels to train and to test with.

    Parameters
    ----------
    name : str
    x_train, x_test : array, shape (n_samples, \\*input_shape)
        Finite numbers. Real ones become float32, whole ones keep their type. `load` gives images in
        [0, 1]; scale your own as your network expects them. There may be no test samples.
    y_train, y_test : array of int, shape (n_samples,) or (n_samples, 1)
        Classes, from 0 to ``n_classes - 1``. They become int64.
    n_classes : int

    Attributes
    ----------
    input_shape : tuple of int
        Shape of a sample.

    Raises
    ------
    TypeError
        If a type does not fit: labels that are not whole numbers, arrays of objects.
    ValueError
        If shapes or lengths differ, a label is out of range or a number is not finite.

    Notes
    -----
    The arrays are read-only views; large ones are not copied.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.zeros((4, 3)), np.array([0, 1, 1, 0])
    >>> data = Dataset("mine", x, y, x[:1], y[:1], n_classes=2)
    >>> data.input_shape, data.x_train.dtype.name
    ((3,), 'float32')
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    n_classes: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_classes", check_count(self.n_classes, "n_classes"))
        for part in ("train", "test"):
            x = _check_samples(getattr(self, f"x_{part}"), f"x_{part}")
            y = _check_labels(getattr(self, f"y_{part}"), f"y_{part}", self.n_classes)
            if len(x) != len(y):
                raise ValueError(
                    f"x_{part} and y_{part} must be equally long, got {len(x)} and {len(y)} samples"
                )
            object.__setattr__(self, f"x_{part}", _read_only(x))
            object.__setattr__(self, f"y_{part}", _read_only(y))
        if not len(self.x_train):
            raise ValueError("x_train must have at least one sample")
        if self.x_test.shape[1:] != self.input_shape:
            raise ValueError(
                f"x_test must have samples of shape {self.input_shape}, as x_train has, "
                f"got {self.x_test.shape[1:]}"
            )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a sample."""
        return self.x_train.shape[1:]

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}, {len(self.x_train):,} training and {len(self.x_test):,} test "
            f"samples of shape {self.input_shape}, {self.n_classes} classes)"
        )

    def subset(self, n_train: int, n_test: int, *, rng: np.random.Generator) -> Dataset:
        """Some of the samples, drawn without replacement, in the order drawn.

        Raises
        ------
        ValueError
            If more are asked for than there are.

        Examples
        --------
        >>> import numpy as np
        >>> load("digits").subset(100, 20, rng=np.random.default_rng(0))
        Dataset('digits', 100 training and 20 test samples of shape (8, 8, 1), 10 classes)
        """
        rng = check_rng(rng)
        wanted = {"n_train": (n_train, self.x_train), "n_test": (n_test, self.x_test)}
        drawn = []
        for name, (count, samples) in wanted.items():
            # An empty test part is allowed.
            if (name == "n_train" or count != 0) and check_count(count, name) > len(samples):
                raise ValueError(f"{name} must be at most {len(samples)}, got {count}")
            drawn.append(rng.permutation(len(samples))[:count])
        train, test = drawn
        return Dataset(
            self.name,
            self.x_train[train],
            self.y_train[train],
            self.x_test[test],
            self.y_test[test],
            self.n_classes,
        )

    def downscale(self, side: int) -> Dataset:
        """Smaller images: the mean of each square of pixels, `side` by `side`.

        Raises
        ------
        ValueError
            If the samples are no images, or `side` does not divide their height and width.

        Examples
        --------
        >>> load("digits").downscale(2).input_shape
        (4, 4, 1)
        """
        side, shape = check_count(side, "side"), self.input_shape
        if len(shape) != 3 or shape[0] % side or shape[1] % side:
            raise ValueError(f"side must divide height and width of samples {shape}, got {side}")
        small = [
            x.reshape(len(x), shape[0] // side, side, shape[1] // side, side, shape[2]).mean((2, 4))
            for x in (self.x_train, self.x_test)
        ]
        return Dataset(self.name, small[0], self.y_train, small[1], self.y_test, self.n_classes)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : {"digits", "mnist", "fashion_mnist", "cifar10"}
        ``"digits"`` comes with scikit-learn: 8 × 8 pixels, 80 % of each class to train with.
    data_dir : path, optional
        Folder with ``NAME.npz``, as Keras keeps it, or ``NAME_jpeg.npz`` (``jpeg_train``, all images'
        JPEG bytes; ``offsets_train``; ``y_train``; the same for ``test``). Without it, the folder in
        the environment variable ``ANN2NEO_DATA`` if it has the file, and else Keras' downloader.

    Returns
    -------
    Dataset
        Images float32 in [0, 1], shape (n, height, width, channels).

    Raises
    ------
    ValueError
        If the name is unknown, or the file, which is named, does not hold what its name says.
    FileNotFoundError
        If `data_dir` has no such file, or it could not be downloaded.

    Examples
    --------
    >>> load("digits")
    Dataset('digits', 1,438 training and 359 test samples of shape (8, 8, 1), 10 classes)
    """
    from ann2neo.training import dataset_files

    check_choice(name, "name", ("digits", *dataset_files.IMAGES))
    if name == "digits":
        return Dataset(name, *dataset_files.digits(), n_classes=10)
    source, arrays = dataset_files.images(name, data_dir)
    try:
        return Dataset(name, *arrays, n_classes=10)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source}: {error}") from error


def as_dataset(data: Any) -> Dataset:
    """`data` as a Dataset: one itself, or arrays.

    Parameters
    ----------
    data : Dataset or tuple of arrays
        ``(x_train, y_train)`` or ``(x_train, y_train, x_test, y_test)``. As many classes as the
        largest label says.

    Returns
    -------
    Dataset

    Raises
    ------
    TypeError, ValueError
        As for `Dataset`.

    Examples
    --------
    >>> import numpy as np
    >>> as_dataset((np.zeros((4, 3)), np.array([0, 1, 1, 2])))
    Dataset('arrays', 4 training and 0 test samples of shape (3,), 3 classes)
    """
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 4):
        given = f"{len(data)} of them" if isinstance(data, (tuple, list)) else f"{type(data).__name__}"
        raise TypeError(
            "data must be a Dataset or arrays (x_train, y_train) or (x_train, y_train, x_test, y_test), "
            f"got {given}"
        )
    x_train = _check_samples(data[0], "x_train")
    y_train = _check_labels(data[1], "y_train")
    x_test, y_test = (x_train[:0], y_train[:0]) if len(data) == 2 else data[2:]
    largest = max(int(y.max(initial=0)) for y in (y_train, _check_labels(y_test, "y_test")))
    return Dataset("arrays", x_train, y_train, x_test, y_test, n_classes=largest + 1)


def random_labels(y: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Permute labels: what they say of the samples is lost, how many there are of each is kept.

    Parameters
    ----------
    y : array of int, shape (n_samples,)
    rng : numpy.random.Generator
        Gives the order.

    Returns
    -------
    array, shape (n_samples,)
        About one label in `n_classes` is right by chance, as for labels drawn at random.

    Examples
    --------
    >>> import numpy as np
    >>> random_labels(np.array([0, 0, 1, 1]), rng=np.random.default_rng(0))
    array([1, 0, 0, 1])
    """
    return check_rng(rng).permutation(_check_labels(y, "y"))


def noisy_labels(
    y: np.ndarray, fraction: float, *, n_classes: int, rng: np.random.Generator
) -> np.ndarray:
    """Replace some labels by wrong ones, each other class being as likely: symmetric label noise.

    Parameters
    ----------
    y : array of int, shape (n_samples,)
        Classes, from 0 to ``n_classes - 1``.
    fraction : float
        In [0, 1]: the probability that a label is replaced.
    n_classes : int
        At least 2.
    rng : numpy.random.Generator
        Draws which, and by what.

    Returns
    -------
    array of int64, shape (n_samples,)
        Those that differ from `y` are the wrong ones.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its domain.

    See Also
    --------
    random_labels : all of them exchanged, some of which are right by chance.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(1000) % 10
    >>> wrong = noisy_labels(y, 0.4, n_classes=10, rng=np.random.default_rng(0)) != y
    >>> float(wrong.mean().round(2))
    0.37
    """
    rng, n_classes = check_rng(rng), check_count(n_classes, "n_classes", least=2)
    labels = _check_labels(y, "y", n_classes)
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)):
        raise TypeError(f"fraction must be a number in [0, 1], got {fraction!r:.60}")
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must lie in [0, 1], got {fraction!r}")
    wrong = rng.random(len(labels)) < fraction
    shift = rng.integers(1, n_classes, len(labels))
    return np.where(wrong, (labels + shift) % n_classes, labels)


def _check_samples(value: Any, name: str) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim < 2:
        raise ValueError(f"{name} must have shape (n_samples, *input_shape), got {array.shape}")
    if array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
        # A sum is finite only if all are, and needs no array of its own; it may overflow though.
        with np.errstate(over="ignore", invalid="ignore"):
            broken = not np.isfinite(array.sum()) and not np.isfinite(array).all()
        if broken:
            raise ValueError(f"{name} must be finite, got NaN or infinity among its values")
    return array


def _check_labels(value: Any, name: str, n_classes: int | None = None) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} must be class numbers of shape (n_samples,), got shape {array.shape}"
            + ("; for one-hot rows pass y.argmax(axis=1)" if array.ndim == 2 else "")
        )
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be whole numbers, from 0, got dtype {array.dtype}")
    if array.size and int(array.min()) < 0:
        raise ValueError(f"{name} must be class numbers from 0, got {array.min()}")
    if n_classes is not None and array.size and int(array.max()) >= n_classes:
        raise ValueError(f"{name} must lie in [0, {n_classes}), got {array.max()}")
    return array.astype(np.int64)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
