"""Masks leave positions out, labels may be one per position, trials show samples again."""

import keras
import numpy as np
import pytest
from keras import layers as kl

import ann2neo as a2n
from tests.recording.models import inputs, with_weights

torch = pytest.importorskip("torch")

N, STEPS = 10, 6
X = inputs(N, STEPS, 3)
LENGTHS = np.arange(N) % STEPS + 1
MASK = np.arange(STEPS) < LENGTHS[:, None]
TOKENS = np.arange(N * STEPS).reshape(N, STEPS)


@pytest.fixture(scope="module")
def tagger():
    start = keras.Input((STEPS, 3), name="x")
    hidden = kl.Dense(5, "relu", name="h")(start)
    return with_weights(keras.Model({"x": start}, kl.Dense(2)(hidden)))


def per_token(model, **options):
    given = {"layers": "h", "conv_units": "channels", "batch_size": 4}
    return a2n.record(model, options.pop("samples", {"x": X}), **given, **options)


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_mask_leaves_positions_out_and_labels_stay_with_theirs(tagger, drawn, streamed):
    samples = [{"x": X[i : i + 4]} for i in range(0, N, 4)] if streamed else {"x": X}
    rng = np.random.default_rng(0) if drawn else None
    raster = per_token(tagger, samples=samples, mask=MASK, labels=TOKENS, rng=rng)
    at = raster.samples
    assert raster.n_samples == MASK.sum()
    assert np.array_equal(at["label"], TOKENS[at["sample_index"], at["step"]])
    whole = per_token(tagger)
    rows = at["sample_index"] * STEPS + at["step"]
    assert np.array_equal(raster.to_dense(), whole.to_dense()[rows])
    assert sorted(at["label"]) == TOKENS[MASK].tolist()
    assert (at["sample_index"].is_monotonic_increasing) != drawn


def test_a_mask_by_its_name_and_labels_inside(tagger):
    batch = {"x": X, "attention_mask": MASK.astype(int), "labels": TOKENS}
    raster = per_token(tagger, samples=batch, mask="attention_mask")
    assert raster == per_token(tagger, mask=MASK, labels=TOKENS)
    streamed = [{key: value[i : i + 3] for key, value in batch.items()} for i in range(0, N, 3)]
    assert per_token(tagger, samples=streamed, mask="attention_mask") == raster


def test_labels_per_position_are_left_out_aloud_where_samples_are_rows(tagger):
    with pytest.warns(UserWarning, match=r"shape \(10, 6\), are one per position and left out"):
        raster = a2n.record(tagger, {"x": X, "labels": TOKENS}, layers="h")
    assert "label" not in raster.samples


def test_one_label_per_sample_is_that_of_all_its_positions(tagger):
    raster = per_token(tagger, samples={"x": X, "label": np.arange(N)}, mask=MASK)
    assert np.array_equal(raster.samples["label"], raster.samples["sample_index"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": MASK[:, :4]}, r"mask must have an entry per .*\('n_samples', 6\) here; got .* 4\)"),
        ({"mask": MASK[:5]}, "mask must have a row per sample, got 5 for sample"),
        ({"mask": MASK[0]}, r"shape \(n_samples, ...\), got \(6,\)"),
        ({"mask": TOKENS}, "mask must be boolean"),
        ({"mask": "attention"}, r"mask='attention' must be an entry of the samples, got \['x'\]"),
        ({"labels": TOKENS[:, :3]}, r"one per position, got shape \(4, 3\) for 6 positions"),
    ],
)
def test_masks_and_labels_that_do_not_fit(tagger, options, message):
    with pytest.raises(ValueError, match=message):
        per_token(tagger, **options)


def test_a_mask_needs_positions(tagger):
    with pytest.raises(ValueError, match="conv_units='channels' alone; got conv_units='all'"):
        a2n.record(tagger, {"x": X}, layers="h", mask=MASK)


def noisy_keras():
    start = keras.Input((4,))
    dropped = kl.Dropout(0.5)(start)
    model = keras.Model(start, kl.Dense(1)(kl.Dense(30, "relu", name="h")(dropped)))
    return with_weights(model), "h"


def noisy_torch():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Dropout(0.5), torch.nn.Linear(4, 30), torch.nn.ReLU(), torch.nn.Linear(30, 1)
    )
    return network.train(), "2"


FLAT = inputs(25, 4)


@pytest.mark.parametrize("build", [noisy_keras, noisy_torch])
def test_trials_with_dropout(build):
    network, layer = build()
    options = {"layers": layer, "batch_size": 8, "labels": np.arange(25)}
    plain = a2n.record(network, FLAT, **options)

    def show(seed):
        rng = np.random.default_rng(seed)
        return a2n.record(network, FLAT, trials=3, stochastic=True, rng=rng, **options)

    raster = show(0)
    assert raster == show(0)
    assert raster != show(1)
    at = raster.samples
    assert at["trial"].tolist() == np.repeat([0, 1, 2], 25).tolist()
    assert at["sample_index"].tolist() == at["label"].tolist() == [*range(25)] * 3
    trials = raster.to_dense().reshape(3, 25, -1)
    assert (trials[0] != trials[1]).any()
    # Without the noise again, the network is as it was.
    assert a2n.record(network, FLAT, **options) == plain
    if build is noisy_torch:
        assert all(module.training for module in network.modules())


def test_trials_with_an_augmentation():
    model = keras.Sequential([keras.Input((4,)), kl.Dense(30, "relu", name="h"), kl.Dense(1)])
    with_weights(model)

    def shift(x, rng):
        return x + rng.integers(-1, 2, x.shape).astype("float32")

    raster = a2n.record(
        model, FLAT, layers="h", trials=2, augment=shift, rng=np.random.default_rng(0), batch_size=25
    )
    rng = np.random.default_rng(0)
    for trial in range(2):
        shown = a2n.record(model, shift(FLAT, rng), layers="h").to_dense()
        rows = np.flatnonzero(raster.samples["trial"] == trial)
        assert np.array_equal(raster.select(samples=rows).to_dense(), shown)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 2}, "trials=2 shows the same samples to the same network: give stochastic=True"),
        ({"trials": 2, "stochastic": True}, "rng must be given with trials, stochastic or augment"),
        ({"trials": 0}, "trials must be at least 1"),
        (
            {"stochastic": True, "rng": np.random.default_rng(0)},
            "needs a network with dropout or noise layers, and found none",
        ),
        (
            {"augment": lambda x, rng: x[:1], "rng": np.random.default_rng(0)},
            r"augment must return as many samples as it was given \(25\), got 1",
        ),
    ],
)
def test_trials_that_make_no_sense(options, message):
    model = keras.Sequential([keras.Input((4,)), kl.Dense(3, "relu"), kl.Dense(1)])
    with pytest.raises(ValueError, match=message):
        a2n.record(model, FLAT, **options)


def test_trials_of_what_can_be_read_once():
    model, layer = noisy_keras()
    with pytest.raises(ValueError, match="can be read once"):
        a2n.record(
            model, iter([FLAT]), layers=layer, trials=2, stochastic=True, rng=np.random.default_rng(0)
        )
