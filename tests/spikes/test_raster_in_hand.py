"""A raster in a notebook and in a user's hand: HTML, length, brackets, NumPy."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n

ACTIVE = np.random.default_rng(0).random((250, 4)) < 0.3
UNITS = pd.DataFrame({"layer": ["fc1", "fc1", "<b>fc2", "fc3"], "unit_index": [0, 1, 0, 0]})


@pytest.fixture(scope="module")
def raster():
    return a2n.SpikeRaster.from_dense(ACTIVE, UNITS, annotations={"network": "<script>"})


class Parsed(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html_has_numbers_layers_and_spikes_and_escapes_names(raster):
    page = Parsed(raster._repr_html_())
    assert page.open == []
    assert {"b", "script"}.isdisjoint(tag for tag, _ in page.tags)
    for name in ("fc1", "<b>fc2", "fc3", "<script>"):
        assert name in page.text
    assert "4 units × 250 samples of 1 ms" in page.text[0]
    (path,) = [attributes for tag, attributes in page.tags if tag == "path"]
    assert path["d"].count("M") == ACTIVE[:160].sum()
    row = page.text[page.text.index("<b>fc2") :][:3]
    assert row[1:] == ["1", f"{ACTIVE[:, 2].mean():.3g}"]


def test_html_of_a_large_raster_stays_small():
    many = pd.DataFrame({"layer": [f"layer{k}" for k in range(500)], "unit_index": 0})
    raster = a2n.SpikeRaster.from_dense(np.ones((3000, 500), bool), many)
    html = raster._repr_html_()
    assert len(html) < 150_000
    assert "… and 488 more layers" in html


def test_brackets_take_samples_or_layers(raster):
    assert raster[:100] == raster.select(samples=np.arange(100))
    assert raster[-5:].samples["sample_index"].tolist() == [245, 246, 247, 248, 249]
    assert raster[::50].n_samples == 5
    assert raster["fc1"] == raster.select(layer="fc1")
    assert raster[["fc3", "fc1"]] == raster.select(layer=["fc3", "fc1"])
    for key in (3, [0, 1], (slice(3), slice(2)), None):
        with pytest.raises(TypeError, match=r"takes a slice of samples or names of layers .* got "):
            raster[key]
    with pytest.raises(ValueError, match="got 'fc9'"):
        raster["fc9"]
    with pytest.raises(ValueError, match="samples"):
        raster[300:]


def test_length_and_arrays(raster):
    assert len(raster) == 250
    np.testing.assert_array_equal(np.asarray(raster), ACTIVE)
    np.testing.assert_array_equal(raster.to_numpy(), ACTIVE)
    assert np.asarray(raster, dtype=np.float32).dtype == np.float32
    assert np.mean(raster) == ACTIVE.mean()
    with pytest.raises(ValueError, match="copy must not be False"):
        np.array(raster, copy=False)
    with pytest.raises(TypeError, match="not iterable"):
        iter(raster)
