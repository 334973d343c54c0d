"""A seeded slice of the table of false positives: no cell above its interval."""

import pytest

from tests.calibration.cells import TESTS, Cell
from tests.calibration.false_positives import run_cell


@pytest.mark.parametrize("group", TESTS)
@pytest.mark.parametrize("rate", [0.02, 0.5])
def test_no_cell_is_above(group, rate):
    rows = run_cell(group, Cell(rate, 200, "independent"), 4, seed=3)
    assert rows
    assert [row for row in rows if row["verdict"] == "above"] == []
