"""A monitor's table as curves for TensorBoard."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ann2neo.extras import require

_KEYS = ("step", "training_epoch", "probe", "layer")


class ScalarLog:
    """Writes event files that TensorBoard shows as curves called ``layer/probe/column``.

    Needs TensorFlow only: a scalar is a tensor that carries the name of TensorBoard's plugin, as
    ``tf.summary.write`` describes.

    Parameters
    ----------
    directory : str or Path
        As for ``tf.summary.create_file_writer``.
    """

    def __init__(self, directory: str | Path) -> None:
        self._tf = require("tensorflow", extra="tensorflow")
        self._writer = self._tf.summary.create_file_writer(str(directory))
        self._metadata = self._tf.compat.v1.SummaryMetadata()
        self._metadata.plugin_data.plugin_name = "scalars"
        self._n_written = 0

    def write(self, table: pd.DataFrame) -> None:
        """Write the rows that were not there at the last call."""
        new = table.iloc[self._n_written :]
        values = new.drop(columns=list(_KEYS))
        names = new["layer"] + "/" + new["probe"] + "/"
        with self._writer.as_default():
            for name, step, row in zip(names, new["step"], values.itertuples(index=False), strict=True):
                for column, value in zip(values.columns, row, strict=True):
                    tensor = self._tf.constant(float(value), self._tf.float32)
                    self._tf.summary.write(name + column, tensor, int(step), self._metadata)
        self._writer.flush()
        self._n_written = len(table)
