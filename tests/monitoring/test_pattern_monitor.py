"""Patterns of a network in training, against recordings at the same steps."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers as kl

import ann2neo as a2n
from ann2neo import monitoring, training
from tests.recording.models import inputs, mlp, with_weights

PROBES = {"train": inputs(13, 6, 5, 1), "test": inputs(9, 6, 5, 1, seed=2)}
LABELS = {"train": [2, 0, 0, 7, 2, 0, 2, 7, 0, 0, 2, 0, 2], "test": list("bacabbbca")}
KEYS = ["step", "probe", "layer"]
REFERENCES = ("initial", "previous")


def convolutional():
    """Layers with different positions; one has no rectifier."""
    layers = [
        keras.Input((6, 5, 1)),
        kl.Conv2D(3, 2, activation="relu", name="first"),
        kl.Conv2D(2, 3, name="linear"),
        kl.PReLU(shared_axes=[1, 2], alpha_initializer=keras.initializers.Constant(0.25), name="second"),
        kl.Flatten(),
        kl.Dense(2, "softmax", name="output"),
    ]
    return keras.Sequential(layers)


def at(model, step):
    """The model at a step: weights drawn anew."""
    rng = np.random.default_rng(step)
    for layer in model.layers:
        if not isinstance(layer, kl.PReLU):
            for weight in layer.trainable_variables:
                weight.assign(rng.integers(-2, 3, weight.shape).astype(np.float32))
    return model


def expect(model, steps, layers, probes=PROBES, labels=None, **options):
    """The monitor's table by way of `record`, `summarize_patterns` and `compare_patterns`."""
    rows, seen = [], {}
    for step in steps:
        at(model, step)
        for probe, samples in probes.items():
            for layer in layers:
                own = None if labels is None else labels[probe]
                now = a2n.record(model, samples, layers=layer, labels=own, progress=False, **options)
                row = {"step": step, "probe": probe, "layer": layer}
                column = None if labels is None else "label"
                row |= a2n.patterns.summarize_patterns(now, labels=column).iloc[0].to_dict()
                if column is not None:
                    row["class_separation"] = a2n.patterns.class_separation(now, column)
                    row["unit_information"] = a2n.patterns.unit_information(now, column).mean()
                first, last = seen.setdefault((probe, layer), (now, None))
                for name, before in (("initial", first), ("previous", last)):
                    compared = a2n.patterns.compare_patterns(
                        now if before is None else before, now
                    ).iloc[0]
                    row |= {
                        f"{column}_{name}": np.nan if before is None else value
                        for column, value in compared.items()
                    }
                seen[probe, layer] = (first, now)
                rows.append(row)
    return pd.DataFrame(rows)


def watch_steps(monitor, model, steps):
    for step in steps:
        monitor.observe(at(model, step), step)
    return monitor.to_frame()


def check_same(found, wanted):
    assert found["training_epoch"].isna().all()
    pd.testing.assert_frame_equal(
        found.drop(columns="training_epoch"), wanted, rtol=1e-12, check_dtype=False
    )


@pytest.mark.parametrize("batch_size", [250, 8])
def test_is_what_recordings_say(batch_size):
    monitor = monitoring.PatternMonitor(PROBES, batch_size=batch_size, conv_units="channels")
    found = watch_steps(monitor, convolutional(), [0, 3, 4])
    assert monitor.layers == ["first", "second"]
    assert (monitor.probes, monitor.last_step) == (["train", "test"], 4)
    wanted = expect(convolutional(), [0, 3, 4], ["first", "second"], conv_units="channels")
    assert wanted["jaccard_previous"].between(0.05, 0.95).any()
    check_same(found, wanted)


def test_options_are_those_of_record():
    options = {"threshold": 1.5, "conv_units": "all"}
    monitor = monitoring.PatternMonitor(PROBES, layers=["first"], **options)
    found = watch_steps(monitor, convolutional(), [0, 1])
    check_same(found, expect(convolutional(), [0, 1], ["first"], **options))


def test_jaccard_of_patterns_that_occur_often(tmp_path):
    monitor = monitoring.PatternMonitor(
        PROBES, conv_units="channels", min_count=4, snapshots=tmp_path / "kept"
    )
    model, steps = convolutional(), [0, 3, 4]
    found = watch_steps(monitor, model, steps)
    rasters = [
        a2n.record(at(model, s), PROBES["test"], layers="first", conv_units="channels") for s in steps
    ]
    own = found[(found["probe"] == "test") & (found["layer"] == "first")]
    wanted = [a2n.patterns.jaccard(rasters[0], raster, min_count=4) for raster in rasters]
    assert own["jaccard_initial"].tolist() == wanted
    assert wanted[1:] != [a2n.patterns.jaccard(rasters[0], raster) for raster in rasters[1:]]
    replayed = monitoring.Snapshots(tmp_path / "kept").replay(("initial",), min_count=4, progress=False)
    assert replayed["jaccard_initial"].tolist() == found["jaccard_initial"].tolist()
    with pytest.raises(ValueError, match="min_count must be at least 1, got 0"):
        monitoring.PatternMonitor(PROBES, min_count=0)


@pytest.mark.parametrize("conv_units", ["channels", "all"])
def test_labels_are_followed(conv_units):
    options = {"labels": LABELS, "conv_units": conv_units}
    found = watch_steps(monitoring.PatternMonitor(PROBES, **options), convolutional(), [0, 3, 4])
    check_same(found, expect(convolutional(), [0, 3, 4], ["first", "second"], **options))
    if conv_units == "channels":
        assert found["mutual_information"].between(0.01, 1).all()
        assert not found["joint_saturated"].all()
    assert (
        found.columns.get_loc("conditional_entropy") == found.columns.get_loc("always_on_fraction") + 1
    )


def test_labels_are_followed_in_dense_layers():
    probes, labels = {"x": inputs(200, 6)}, {"x": np.arange(200) % 3 == 0}
    monitor = monitoring.PatternMonitor(probes, labels=labels, batch_size=64)
    found = watch_steps(monitor, mlp(), [0, 1])
    check_same(found, expect(mlp(), [0, 1], monitor.layers, probes, labels))
    assert found["mutual_information"].gt(0).all()
    # What was given may change afterwards.
    labels["x"][:] = True
    monitor.observe(at(mlp(), 1), 2)
    bits = monitor.to_frame().set_index("step")["mutual_information"]
    assert bits[2].tolist() == bits[1].tolist()


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0] * 20, TypeError, "labels must be a dict of probe to labels, got"),
        ({}, ValueError, r"labels must name each probe, \['x'\], got \[\]"),
        ({"x": [0] * 20, "y": [0] * 20}, ValueError, r"each probe, \['x'\], got \['x', 'y'\]"),
        ({"x": [0] * 19}, ValueError, r"labels\['x'\] must have one entry per sample \(20\), got 19"),
        ({"x": np.eye(20)}, ValueError, r"labels\['x'\] must be one int, .* got shape \(20, 20\)"),
        ({"x": [None] * 20}, ValueError, r"labels\['x'\] must be one int, .* of object"),
        ({"x": [0.0, np.nan] * 10}, ValueError, r"labels\['x'\] must not be NaN, that of sample 1 is"),
    ],
)
def test_bad_labels_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        monitoring.PatternMonitor({"x": inputs(20, 6)}, labels=labels)


def test_columns_have_their_kinds():
    monitor = monitoring.PatternMonitor({"x": inputs(20, 6)}, labels={"x": np.arange(20)})
    empty = monitor.to_frame()
    assert len(empty) == 0
    monitor.observe(mlp(), 0, 0)
    found = monitor.to_frame()
    pd.testing.assert_series_equal(found.dtypes, empty.dtypes)
    assert found[["saturated", "joint_saturated"]].dtypes.eq(bool).all()
    assert found["n_patterns"].dtype == np.int64
    assert found["training_epoch"].tolist() == [0, 0]


X = np.random.default_rng(0).random((64, 8, 8, 1), dtype=np.float32)
Y = (X.mean(axis=(1, 2, 3)) > 0.5).astype(np.int64)


def fit_with(*callbacks):
    rng = np.random.default_rng(1)
    model = training.build("resnet", 4, blocks=1, input_shape=(8, 8, 1), n_classes=2, rng=rng)
    options = {"loss": "sparse_categorical_crossentropy", "jit_compile": False}
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), **options)
    model.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0, callbacks=list(callbacks))
    return model


def test_fit_is_watched_and_not_perturbed():
    monitor = monitoring.PatternMonitor({"train": X[:20]}, conv_units="channels")
    callback = monitoring.MonitorCallback(monitor, every=[1, 2, 8])
    model = fit_with(callback)
    plain = fit_with()
    for one, two in zip(model.variables, plain.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    found = callback.to_frame()
    looks = found.drop_duplicates("step")
    assert looks["step"].tolist() == [0, 1, 2, 8]
    assert looks["training_epoch"].tolist() == [0, 1, 1, 2]
    relus = [layer.name for layer in model.layers if isinstance(layer, kl.ReLU)]
    assert found["layer"].tolist() == relus * 4
    last = found[(found["step"] == 8) & (found["layer"] == "hidden")].iloc[0]
    options = {"conv_units": "channels", "progress": False}
    raster = a2n.record(model, X[:20], layers="hidden", **options)
    assert last["entropy"] == pytest.approx(a2n.patterns.pattern_entropy(raster), abs=1e-12)
    assert found.loc[found["step"] == 8, "flip_rate_initial"].between(0.001, 0.7).all()


def test_torch_loop_sees_functions_too():
    torch = pytest.importorskip("torch")

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = torch.nn.Linear(6, 9), torch.nn.Linear(9, 7)
            self.act = torch.nn.LeakyReLU()
            self.three = torch.nn.Linear(7, 2)

        def forward(self, x):
            return self.three(self.act(self.two(torch.relu(self.one(x)))))

    torch.manual_seed(0)
    network, samples = Network(), torch.from_numpy(inputs(40, 6))
    monitor = monitoring.PatternMonitor({"x": samples})
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    rasters = []
    for step in range(3):
        monitor.observe(network, step)
        rasters.append(a2n.record(network, samples, layers=monitor.layers, progress=False))
        optimizer.zero_grad()
        (network(samples) ** 2).mean().backward()
        optimizer.step()
    found = monitor.to_frame()
    assert len(monitor.layers) == 2
    for step, raster in enumerate(rasters):
        rows = found[found["step"] == step].set_index("layer")
        summary = a2n.patterns.summarize_patterns(raster)
        np.testing.assert_allclose(rows["entropy"], summary["entropy"], rtol=1e-12)
        compared = a2n.patterns.compare_patterns(rasters[0], raster)
        np.testing.assert_allclose(rows["weighted_jaccard_initial"], compared["weighted_jaccard"])
    assert compared["flip_rate"].min() > 0


def test_diverged_training_keeps_what_was_seen():
    monitor, model = monitoring.PatternMonitor({"x": inputs(20, 6)}), mlp()
    monitor.observe(model, 0)
    model.get_layer("first").kernel.assign(np.full((6, 9), np.nan, np.float32))
    with pytest.raises(FloatingPointError, match="training diverged by step 1"):
        monitor.observe(model, 1)
    assert monitor.to_frame()["step"].unique().tolist() == [0]
    monitor.observe(with_weights(model), 1)
    assert (monitor.to_frame()["flip_rate_previous"].dropna() == 0).all()


def test_refusals(tmp_path):
    probes = {"x": inputs(20, 6)}
    with pytest.raises(ValueError, match="conv_units must be one of"):
        monitoring.PatternMonitor(probes, conv_units="some")
    monitor = monitoring.PatternMonitor(probes)
    with pytest.raises(TypeError, match="step must be an int"):
        monitor.observe(mlp(), 0.5)
    monitor.observe(mlp(), 5)
    with pytest.raises(ValueError, match="step must be at least 6, got 5"):
        monitor.observe(mlp(), 5)
    with pytest.raises(ValueError, match="training_epoch must be at least 0"):
        monitor.observe(mlp(), 6, -1)
    other = keras.Sequential([keras.Input((6,)), kl.Dense(3, "relu", name="else")])
    with pytest.raises(ValueError, match="layers watched so far"):
        monitor.observe(other, 6)
    linear = keras.Sequential([keras.Input((6,)), kl.Dense(3, name="flat")])
    with pytest.raises(ValueError, match="no layer with a ReLU or its kin"):
        monitoring.PatternMonitor(probes).observe(linear, 0)
    with pytest.raises(TypeError, match="monitor must be"):
        monitoring.MonitorCallback("monitor")
    path = monitor.save(tmp_path / "patterns.csv")
    assert len(pd.read_csv(path)) == 2
