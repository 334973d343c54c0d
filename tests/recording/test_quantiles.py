"""Quantiles of each unit, in one pass and in more."""

import keras
import numpy as np
import pytest

import ann2neo as a2n
from ann2neo.recording import narrowing, quantiles

Q = [0.01, 0.25, 0.5, 0.9, 0.99]
RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal((1000, 7))


@pytest.mark.parametrize("q", Q)
@pytest.mark.parametrize("n", [1, 2, 3, 10, 999, 1000])
def test_in_one_pass_they_are_those_of_numpy(q, n):
    found = a2n.unit_quantiles(NORMAL[:n], q=q, batch_size=64)["activations"]
    np.testing.assert_array_equal(found, np.quantile(NORMAL[:n], q, axis=0, method="inverted_cdf"))


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(quantiles, "MEMORY", 2**12)
    monkeypatch.setattr(narrowing, "LEAST_ROWS", 100)


LAWS = {
    "normal": NORMAL,
    "rectified": np.maximum(NORMAL, 0),
    "heavy tails": np.exp(30 * NORMAL),
    "nearly all doubles": np.sign(NORMAL) * 2.0 ** (1023 * np.tanh(NORMAL)),
    "two values": (NORMAL > 0.7).astype(float),
    "one value": np.full((1000, 3), 4.0),
    "sorted": np.sort(NORMAL, axis=0),
    "periodic": np.tile([[0.0], [5.0]], (500, 3)) + 0.01 * NORMAL[:, :3],
    "of two halves": np.concatenate([NORMAL[:500], NORMAL[500:] + 100]),
    "neighbors": 1 + np.finfo(float).eps * np.round(5 * NORMAL),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("q", Q)
def test_in_more_passes_they_are_the_same(little_memory, law, q):
    values = LAWS[law]
    found = a2n.unit_quantiles(values, q=q, batch_size=100)["activations"]
    np.testing.assert_array_equal(found, np.quantile(values, q, axis=0, method="inverted_cdf"))


def test_a_sketch_that_missed_them_is_made_good(little_memory, monkeypatch):
    monkeypatch.setattr(
        narrowing.Sample, "bracket", lambda self, q: (np.full(7, 50.0), np.full(7, 60.0))
    )
    found = a2n.unit_quantiles(NORMAL, q=0.3, batch_size=100)["activations"]
    np.testing.assert_array_equal(found, np.quantile(NORMAL, 0.3, axis=0, method="inverted_cdf"))


def test_no_more_is_held_than_was_said(little_memory):
    sample = narrowing.Sample(2**14)
    for _ in range(200):
        sample.add(RNG.standard_normal((100, 7)))
        assert sum(part.nbytes for part in sample._kept) <= 2**14
    assert sample.n_rows == 20_000
    assert not sample.is_whole


def test_as_threshold_they_give_each_unit_of_a_keras_model_its_rate():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, "gelu", name="h"), keras.layers.Dense(2, name="o")]
    )
    x = RNG.standard_normal((200, 4)).astype("float32")
    levels = a2n.unit_quantiles(model, x, 0.75, layers=["h", "o"], batch_size=33)
    hidden = keras.ops.convert_to_numpy(model.layers[0](x)).astype(float)
    expected = np.quantile(hidden, 0.75, axis=0, method="inverted_cdf")
    np.testing.assert_allclose(levels["h"], expected, rtol=1e-5, atol=1e-6)
    raster = a2n.record(model, x, layers=["h", "o"], threshold=levels, batch_size=33)
    assert (raster.to_dense().sum(axis=0) == 50).all()


def test_as_threshold_they_give_each_unit_of_a_torch_network_its_rate(little_memory):
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.GELU(), torch.nn.Linear(6, 2))
    x = RNG.standard_normal((400, 4)).astype("float32")
    levels = a2n.unit_quantiles(network, x, 0.9, layers="all", batch_size=50)
    with torch.no_grad():
        hidden = torch.cat([network[:2](torch.from_numpy(x[k : k + 50])) for k in range(0, 400, 50)])
    expected = np.quantile(hidden.numpy(), 0.9, axis=0, method="inverted_cdf")
    np.testing.assert_array_equal(levels["1"], expected)
    raster = a2n.record(network, x, layers="all", threshold=levels, batch_size=50)
    assert (raster.to_dense().sum(axis=0) == 40).all()


def test_of_channels_and_tokens_under_a_mask():
    values = RNG.standard_normal((30, 5, 3))
    mask = RNG.random((30, 5)) < 0.6
    found = a2n.unit_quantiles(values, q=0.5, conv_units="channels", mask=mask, batch_size=7)
    np.testing.assert_array_equal(
        found["activations"], np.quantile(values[mask], 0.5, axis=0, method="inverted_cdf")
    )


def test_of_layers_with_other_positions_together():
    wide, deep = RNG.standard_normal((30, 5, 3)), RNG.standard_normal((30, 2, 4))
    found = a2n.unit_quantiles({"wide": wide, "deep": deep}, q=0.5, conv_units="channels", layers="all")
    for name, values in (("wide", wide), ("deep", deep)):
        flat = values.reshape(-1, values.shape[-1])
        expected = np.quantile(flat, 0.5, axis=0, method="inverted_cdf")
        np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize(
    ("q", "error", "message"),
    [
        (0, ValueError, r"q must lie in \(0, 1\), got 0"),
        (1.0, ValueError, r"q must lie in \(0, 1\), got 1"),
        (90, ValueError, r"q must lie in \(0, 1\), got 90"),
        (np.nan, ValueError, r"q must lie in \(0, 1\)"),
        ("half", TypeError, "q must be a number"),
    ],
)
def test_what_is_no_quantile(q, error, message):
    with pytest.raises(error, match=message):
        a2n.unit_quantiles(NORMAL, q=q)


class Changing:
    """Batches that are others each time they are read."""

    def __init__(self, grows):
        self.grows, self.n_read = grows, 0

    def __iter__(self):
        self.n_read += 1
        yield from np.split(NORMAL[: 1000 - 100 * self.grows * self.n_read] + self.n_read, 10)


@pytest.mark.parametrize("grows", [0, 1])
def test_samples_that_change(little_memory, grows):
    with (
        pytest.warns(UserWarning, match="returned another batch when it was asked for the first one"),
        pytest.raises(ValueError, match="must give the same activations each time they are read"),
    ):
        a2n.unit_quantiles(Changing(grows), q=0.5)


def test_what_has_no_quantiles(little_memory):
    with pytest.raises(ValueError, match=r"must be finite .* those of layer 'activations' are not"):
        a2n.unit_quantiles(np.array([[1.0], [np.nan]]), q=0.5)
    with pytest.raises(ValueError, match="samples must be what can be read twice"):
        a2n.unit_quantiles((NORMAL[k : k + 100] for k in range(0, 1000, 100)), q=0.5)
    with pytest.raises(ValueError, match="mask must leave at least one position"):
        a2n.unit_quantiles(np.ones((2, 3, 1)), q=0.5, conv_units="channels", mask=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="layer 'activations' has 6 in a batch of 2; got 8"):
        a2n.unit_quantiles(np.ones((2, 3, 1)), q=0.5, conv_units="channels", mask=np.ones((2, 4)))
