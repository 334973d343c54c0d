"""Cells that fit models of the process to a trained network's units."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo.study import Results, Study, write_report
from ann2neo.study.analysis.paper_order import find_memorizing
from ann2neo.study.analysis.process_findings import (
    judge_poisson,
    summarize_models,
    summarize_populations,
)
from ann2neo.study.cells import condition_cell
from ann2neo.study.cells.cell_files import State, Work
from ann2neo.study.cells.process_cell import (
    QUANTITIES,
    compare_populations,
    describe_population,
    poisson_gain,
    run,
)
from ann2neo.study.config.cell import locate_cell
from ann2neo.study.config.process_settings import ProcessSettings
from ann2neo.study.config.settings import Network, Subset
from ann2neo.study.figures.process_figures import draw_process_figures

pytest.importorskip("keras", reason="the tensorflow extra is not installed")
pytest.importorskip("sklearn", reason="the demo extra is not installed")

STUDY = Study(
    "small",
    (Network("mlp", (10,)),),
    ("digits",),
    ("Random",),
    seeds=(0, 1),
    window=20,
    process=ProcessSettings(n_samples=310, n_simulations=4),
    subset=Subset(400, 260),
    keep_weights=True,
)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a study as it is when it has been run."""
    out = tmp_path_factory.mktemp("process")
    (out / "study.toml").write_text(STUDY.to_toml())
    for cell in STUDY.cells():
        folder = locate_cell(cell, out)
        folder.mkdir(parents=True)
        plan = STUDY.plan(cell)
        work = Work(plan, folder, None if plan.start is None else locate_cell(plan.start, out))
        rows = (run if cell.kind == "process" else condition_cell.run)(work)
        State("ok", rows=rows, settings=plan.list_settings()).save(folder)
    return out


def test_a_process_cell_for_each_condition_cell():
    assert [cell.key for cell in STUDY.cells()] == [
        f"{kind}-mlp-10-digits-Random-{seed}" for kind in ("condition", "process") for seed in (0, 1)
    ]
    assert Study.from_text(STUDY.to_toml()) == STUDY
    other = dataclasses.replace(STUDY, process=ProcessSettings(n_simulations=5))
    assert other.plan(STUDY.cells()[2]).list_settings() != STUDY.plan(STUDY.cells()[2]).list_settings()
    assert other.plan(STUDY.cells()[0]).list_settings() == STUDY.plan(STUDY.cells()[0]).list_settings()


def test_models_and_populations_of_each_split_and_order(out):
    results = Results.load(out)
    table = results.processes
    assert len(table) == 2 * 2 * 2 * 6
    assert set(table["model"]) == {*STUDY.process.models, "poisson"}
    assert table["n_units"].between(5, 10).all()
    best = table[table["model"] != "poisson"].groupby(["seed", "split", "order"])["best_fraction"].sum()
    np.testing.assert_allclose(best, 1)
    gain = table.groupby("model")["gain"].mean()
    assert gain["class"] > 0.02
    assert gain["bernoulli"] == 0 > gain["poisson"]
    assert len(results.simulated) == 2 * 2 * 2 * 3 * len(QUANTITIES)
    inside = results.simulated.set_index("quantity")
    assert (inside["least"] <= inside["simulated"]).all()
    results.save(out, overwrite=True)
    for name in ("process.csv", "simulated.csv"):
        assert (out / name).is_file()


def test_findings_pictures_and_report(out, tmp_path):
    results = Results.load(out)
    # Another condition to compare with: the same networks, their class telling more.
    better = results.processes.assign(condition="Generalizing", gain=results.processes["gain"] + 0.1)
    others = [results.processes.assign(condition=name) for name in ("MemRetrainLast", "MemRandomLast")]
    both = pd.concat([*others, better])
    found = summarize_models(both)
    rows = found[(found["compared_with"] != "") & (found["measure"] == "gain")]
    np.testing.assert_allclose(rows["value"], -0.1)
    assert set(rows["condition"]) == {"MemRetrainLast", "MemRandomLast"}
    assert (found["n"] == 2).sum() > 0
    assert any("undecided" in text for text in judge_poisson(found, find_memorizing(results)))
    assert judge_poisson(found, ["Other"]) == []
    means = summarize_populations(results.simulated)
    assert (means["n"] == 2).all()
    assert means["n_inside"].between(0, 2).all()
    figures = draw_process_figures(results)
    assert len(figures) == 8
    page = write_report(results, tmp_path / "report.html").read_text()
    assert "Models of the process" in page
    assert 'id="process_models_train_permutation"' in page


def test_populations_have_what_they_are_drawn_by():
    rng = np.random.default_rng(0)
    drive = rng.random((2000, 1))
    active = rng.random((2000, 9)) < 0.6 * drive
    samples = pd.DataFrame({"sample_index": np.arange(2000), "label": (4 * drive[:, 0]).astype(int)})
    raster = a2n.SpikeRaster.from_dense(active, samples=samples)
    fano, sd, entropy, synchrony, skewness = describe_population(raster, 100)
    n_active = active.sum(axis=1)
    assert fano == pytest.approx(a2n.fanofactor(raster, 100).mean())
    assert sd == pytest.approx(a2n.fanofactor(raster, 100).std())
    assert 2 < entropy < 8
    assert synchrony == pytest.approx(n_active.var() / active.var(axis=0).sum())
    assert skewness == pytest.approx(pd.Series(n_active).skew(), rel=0.01)
    rows = compare_populations(raster, a2n.compare_processes(raster), 100, 19, rng)
    table = pd.DataFrame(rows).set_index(["population", "quantity"])
    assert table.loc[("bernoulli", "synchrony"), "most"] < synchrony
    # The drive makes all of the correlation: classes leave little of it, pairs nothing.
    close = table.loc[("correlated", "synchrony")]
    assert close["least"] <= synchrony <= close["most"]
    assert table.loc[("class", "synchrony"), "simulated"] > 0.8 * synchrony
    assert table["exact"].all()
    silent = describe_population(a2n.as_raster(np.zeros((300, 3))), 100)
    np.testing.assert_equal(silent, (np.nan, np.nan, 0.0, np.nan, np.nan))


def test_poisson_counts_by_likelihoods():
    for rate in (0.02, 0.5, 0.9):
        n, k = 1000, int(1000 * rate)
        bernoulli = k * np.log2(rate) + (n - k) * np.log2(1 - rate)
        poisson = (k * np.log(rate) - n * rate) / np.log(2)
        assert poisson_gain(np.array([rate]))[0] == pytest.approx((poisson - bernoulli) / n)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keep_weights": False}, "process must be left out without networks and keep_weights = true"),
        ({"process": {"models": ("class",)}}, "models must begin with 'bernoulli' and 'class'"),
        ({"process": {"models": ("bernoulli", "glm")}}, "each of models must be one of"),
        ({"process": {"orders": ("shuffled",)}}, "each of orders must be one of"),
        ({"process": {"n_samples": 9}}, "n_samples must be at least 100, got 9"),
        ({"process": {"n_simulations": 1}}, "n_simulations must be at least 2"),
    ],
)
def test_refusals(change, message):
    table = {"process": {}, **change}
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(STUDY, **{**table, "process": ProcessSettings(**table["process"])})
