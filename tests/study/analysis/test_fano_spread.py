"""The CV of Fano factors without noise: against the exact correction, and the shipped MNIST table."""

import numpy as np
import pytest

import ann2neo as a2n
from ann2neo.study.analysis.fano_spread import correct_fano_spread
from ann2neo.study.cells.result_tables import Results
from ann2neo.study.report.indicator_section import write_fano_spread


def results_of(raster, *without):
    table = a2n.summarize(raster).reset_index(drop=True).assign(
        status="ok", network="mlp", width=raster.n_units, dataset="mnist", condition="Random",
        split="train", seed=0, n_samples=raster.n_samples,
    )  # fmt: skip
    table = table.drop(columns=list(without))
    return Results(None, table), table


@pytest.mark.parametrize("n_samples", [10_000, 30_000])
def test_first_order_is_near_the_exact_correction(n_samples):
    rng = np.random.default_rng(0)
    rates = rng.beta(1.2, 6, 300).clip(0.01)
    raster = a2n.as_raster(rng.random((n_samples, 300), np.float32) < rates)
    results, table = results_of(raster)
    exact = table["cv_fanofactor_corrected_percent"][0]
    assert correct_fano_spread(results)["corrected"][0] == pytest.approx(exact, rel=1e-12)
    # A table that lacks it, of a version before.
    results, table = results_of(raster, "cv_fanofactor_corrected_percent")
    found = correct_fano_spread(results).iloc[0]
    assert found["recorded"] == pytest.approx(table["cv_fanofactor_percent"][0])
    assert found["corrected"] == pytest.approx(exact, abs=0.4)
    # Independent samples: what is left is the spread of 1 − rate.
    assert found["from_rates"] == pytest.approx(found["corrected"], abs=1.5)


def test_the_report_says_it():
    rng = np.random.default_rng(0)
    results, _ = results_of(a2n.as_raster(rng.random((2000, 20)) < rng.uniform(0.1, 0.9, 20)))
    section = write_fano_spread(results)
    assert "from the rates alone" in section
    assert section.count("<tr>") == 2
