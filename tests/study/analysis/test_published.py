"""The published numbers: all there, and what is wrong with them found."""

import numpy as np
import pandas as pd
import pytest

from ann2neo.study.analysis.published import CELL, largest_cv_percent, read_published


def find_flagged(table, kind):
    frame = read_published(table)
    return frame[frame["flag"].str.startswith(kind)]


def rates_and_fano():
    numbers = pd.concat([read_published("firing_rate"), read_published("fano")])
    return numbers.pivot_table(index=CELL, columns="quantity", values="value")


@pytest.mark.parametrize(
    ("table", "n", "networks"), [("accuracy", 144, 3), ("firing_rate", 368, 3), ("fano", 184, 3)]
)
def test_whole_tables(table, n, networks):
    frame = read_published(table)
    assert len(frame) == n
    assert frame["network"].nunique() == networks
    assert frame["value"].notna().all()
    assert not frame.duplicated([*CELL, "quantity"]).any()


def test_numbers_of_the_text():
    # From the paper's tables 1, 2 and 5, rows "Dense 64 MNIST Train" and "denseNet 512 cifar10 Test".
    def value(table, quantity, *cell):
        frame = read_published(table)
        return frame.loc[(frame[[*CELL, "quantity"]] == [*cell, quantity]).all(axis=1), "value"].item()

    first, last = ("mlp", 64, "mnist", "train"), ("densenet121", 512, "cifar10", "test")
    assert value("accuracy", "accuracy_percent", *first, "MemRandomLast") == 41.22
    assert value("firing_rate", "firing_rate", *first, "Random") == 0.45
    assert value("firing_rate", "cv_firing_rate_percent", *last, "MemRetrainAll") == 74.02
    assert value("fano", "fanofactor", *last, "Generalizing") == 0.57


def test_a_copy_is_handed_out():
    frame = read_published("fano")
    frame["value"] = 0
    assert read_published("fano")["value"].min() > 0


def test_unknown_table():
    with pytest.raises(ValueError, match="table must be one of"):
        read_published("table 2")


def test_the_six_impossible_variations():
    found = find_flagged("firing_rate", "impossible")
    cells = set(found[CELL].itertuples(index=False, name=None))
    expected = {("cnn", w, "mnist", "train", "MemRetrainLast") for w in (64, 128, 256, 512)}
    expected |= {("cnn", w, "fashion_mnist", "train", "MemRetrainLast") for w in (256, 512)}
    assert cells == expected
    assert set(found["quantity"]) == {"cv_firing_rate_percent"}


@pytest.mark.parametrize("n_on", [1, 7, 50, 99])
def test_the_bound_is_reached_by_rates_of_0_and_1(n_on):
    rates = np.repeat([1.0, 0.0], [n_on, 100 - n_on])
    mean = n_on / 100
    reached = 100 * rates.std() / rates.mean()
    assert reached < largest_cv_percent(mean)
    # The bound at the smallest mean that rounds to this one, which rates of 0 and 1 reach.
    rates = np.repeat([1.0, 0.0], [10 * n_on - 5, 1005 - 10 * n_on])
    assert largest_cv_percent(mean) == pytest.approx(100 * rates.std() / rates.mean())


def test_copied_rows_are_copies_and_break_the_identity_of_rate_and_fano_factor():
    copies = find_flagged("firing_rate", "misprint")
    assert len(copies) == 12
    numbers = rates_and_fano()
    source = {
        ("mlp", 128, "fashion_mnist", "train"): ("mlp", 128, "mnist", "train"),
        ("mlp", 256, "mnist", "test"): ("mlp", 256, "fashion_mnist", "test"),
        ("mlp", 512, "fashion_mnist", "train"): ("mlp", 512, "mnist", "train"),
    }
    rate = ["firing_rate", "cv_firing_rate_percent"]
    off = (numbers["fanofactor"] - (1 - numbers["firing_rate"])).abs()
    for cell in {tuple(row) for row in copies[CELL].to_numpy()}:
        assert (
            numbers.loc[cell, rate].tolist() == numbers.loc[(*source[cell[:4]], cell[4]), rate].tolist()
        )
        # A binary train has a Fano factor near 1 − rate; all untrained networks have a rate near .5.
        if cell[4] != "Random":
            assert off[cell] > 0.06
            assert off[(*source[cell[:4]], cell[4])] < 0.02


def test_suspicious_numbers():
    (accuracy,) = find_flagged("accuracy", "suspicious")[[*CELL, "value"]].to_numpy().tolist()
    assert accuracy == ["mlp", 128, "fashion_mnist", "validation", "Generalizing", 98.28]
    variation = find_flagged("firing_rate", "suspicious")
    assert set(variation["value"]) == {235.44, 294.91, 237.65}


def test_missing_points():
    found = find_flagged("fano", "misprint")
    assert sorted(found["value"]) == [0.83, 0.95, 0.97]
