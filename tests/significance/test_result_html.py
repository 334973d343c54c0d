"""Results in notebooks: their numbers, in words, with names escaped."""

import re

import numpy as np
import pandas as pd

import ann2neo as a2n

ACTIVE = np.random.default_rng(0).random((2000, 6)) < np.array([0.3, 0.5, 0.2, 0.4, 0, 0.6])
UNITS = pd.DataFrame({"layer": ["a", "a", "<i>", "<i>", "<i>", "a"], "unit_index": range(6)})
RASTER = a2n.SpikeRaster.from_dense(ACTIVE, UNITS)


def rows(html):
    found = re.findall(r"<tr><th>(.*?)</th>(.*?)</tr>", html)
    return {name: re.findall(r"<td>(.*?)</td>", cells) for name, cells in found}


def test_result():
    result = a2n.fano_test(RASTER, null="poisson")
    html = result._repr_html_()
    assert "<i>" not in html
    found = rows(html)
    tested = ~np.isnan(result.pvalue)
    for name, layer in (("a", "a"), ("&lt;i&gt;", "<i>")):
        own = (UNITS["layer"] == layer).to_numpy()
        assert found[name][:2] == ["3", str((own & tested).sum())]
        assert found[name][2] == f"{np.nanmedian(result.statistic[own]):.4g}"
        assert found[name][3] == str(result.significant(adjust=None)[own].sum())
        assert found[name][4] == str(result.significant()[own].sum())
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" fill', html)]
    assert heights.index(60.0) == np.histogram(result.pvalue[tested], 20, (0, 1))[0].argmax()


def test_result_without_a_tested_unit():
    silent = a2n.fano_test(np.zeros((300, 2), bool), null="poisson")
    assert "No unit could be tested." in silent._repr_html_()


def test_assumptions_in_words():
    battery = a2n.poisson_assumptions(RASTER)
    html = battery._repr_html_()
    assert "<i>" not in html
    for row in battery.verdicts().to_dict("records"):
        line = next(
            line
            for line in html.split("<tr>")
            if f"<td>{row['test']}</td>" in line and row["layer"].strip("<>") in line.split("</th>")[0]
        )
        assert f"<strong>{row['verdict']}</strong>" in line
        assert f"<td>{row['n_tested']} of 3</td>" in line
