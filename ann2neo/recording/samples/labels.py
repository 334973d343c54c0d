"""Labels, given apart or inside the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.recording.samples.inputs import as_array, is_option, list_arrays

_KEYS = ("labels", "label")


class LabelReader:
    """Tells labels from inputs in what comes as a batch."""

    def __init__(
        self,
        given: npt.NDArray[Any] | None,
        *,
        leave_out: bool,
        takes: Callable[[str], bool] | None,
    ) -> None:
        self.given = given
        self._leave_out = leave_out
        self._takes = takes

    def split(self, inputs: Any, beside: Any) -> tuple[Any, npt.NDArray[Any] | None]:
        """The inputs without what is no input, and labels: those beside them, or an entry among them."""
        key = self._find_key(inputs)
        if key is not None and beside is None:
            beside = inputs[key]
        if key is not None and self._takes is not None and not self._takes(key):
            inputs = {name: value for name, value in inputs.items() if name != key}
        if self._leave_out or self.given is not None or beside is None:
            return inputs, None
        name = "labels inside samples (labels=False leaves them out)"
        return inputs, check_labels(beside, name, per_position=True)

    def _find_key(self, inputs: Any) -> str | None:
        if self._takes is None or not isinstance(inputs, Mapping):
            return None
        found = [key for key in _KEYS if key in inputs and not is_option(inputs[key])]
        others = [value for key, value in inputs.items() if key not in found]
        return found[0] if found and list_arrays(tuple(others)) else None


def check_labels(labels: Any, name: str, *, per_position: bool = False) -> npt.NDArray[Any]:
    """Labels as an array of int, bool, float or str: one per sample, or one per position of each.

    Bytes, as TensorFlow has text, are UTF-8.
    """
    try:
        array = as_array(labels)
    except ValueError as error:
        raise ValueError(f"{name} must be one int, float or str per sample: {error!s:.120}") from None
    if array.dtype.kind == "S" or (
        array.dtype == object and array.size and all(isinstance(label, bytes) for label in array.flat)
    ):
        array = _decode(array, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype == object and all(isinstance(label, str) for label in array.flat):
        array = array.astype(str)
    whole = array.dtype.kind in "biU"
    if array.ndim == 2 and per_position and whole and not _is_one_hot(array):
        return array
    if array.ndim != 1 or array.dtype.kind not in "biufU":
        hint = "; for one-hot rows pass labels=rows.argmax(axis=1)" if array.ndim == 2 else ""
        if array.ndim == 0:
            hint = " (is the data set batched?)"
        raise ValueError(
            f"{name} must be one int, float or str per sample, shape (n_samples,), got shape "
            f"{array.shape} of {array.dtype}{hint}"
        )
    return array


def _decode(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    try:
        text = [label.decode() for label in array.ravel().tolist()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be text in UTF-8 where they are bytes: {error}") from None
    return np.array(text, str).reshape(array.shape)


def _is_one_hot(rows: npt.NDArray[Any]) -> bool:
    return rows.dtype.kind in "bi" and bool(
        ((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all()
    )
