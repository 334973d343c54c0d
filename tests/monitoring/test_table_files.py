"""Tables of monitors as files: what each kind of file needs."""

import pandas as pd
import pytest

from ann2neo.monitoring.table_files import write_table


def test_parquet_alone_needs_pyarrow(tmp_path, monkeypatch):
    def refuse(name, *, extra):
        raise ImportError(f"{name} is missing")

    monkeypatch.setattr("ann2neo.monitoring.table_files.require", refuse)
    table = pd.DataFrame({"step": [1, 2]})
    assert write_table(table, tmp_path / "looks.csv").read_text() == "step\n1\n2\n"
    with pytest.raises(ImportError, match="pyarrow is missing"):
        write_table(table, tmp_path / "looks.parquet")
    assert [file.name for file in tmp_path.iterdir()] == ["looks.csv"]
