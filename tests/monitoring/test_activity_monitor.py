"""The neutral core against `record` and `summarize`, look by look."""

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers as kl

import ann2neo as a2n
from ann2neo import monitoring
from ann2neo.monitoring import layer_traces
from ann2neo.monitoring.layer_traces import LayerTrace
from ann2neo.recording.observation import Site
from tests.recording.models import inputs, mlp, with_weights

COLUMNS = ["firing_rate", "cv_firing_rate_percent", "fanofactor"]
PROBES = {"train": inputs(70, 6), "test": inputs(43, 6, seed=2)[:40]}


def convolutional():
    """Two layers with different positions."""
    layers = [
        keras.Input((6, 5, 1)),
        kl.Conv2D(3, 2, activation="relu", name="first"),
        kl.Conv2D(2, 3, activation="relu", name="second"),
        kl.Flatten(),
        kl.Dense(2),
    ]
    return with_weights(keras.Sequential(layers))


def expect(model, probes, steps, layers, window=10, **options):
    """The monitor's table by way of `record`, the weights drawn anew for each step."""
    # Layers with different positions cannot be recorded together.
    groups = [[layer] for layer in layers] if "conv_units" in options else [layers]
    rows = []
    for step in steps:
        with_weights(model, seed=step)
        for probe, samples in probes.items():
            for group in groups:
                raster = a2n.record(model, samples, layers=group, progress=False, **options)
                summary = a2n.summarize(raster, window=window)[COLUMNS]
                rows += [[step, probe, layer, *summary.loc[layer]] for layer in group]
    return pd.DataFrame(rows, columns=["step", "probe", "layer", *COLUMNS])


def watch_steps(monitor, model, steps):
    for step in steps:
        monitor.observe(with_weights(model, seed=step), step)
    return monitor.to_frame()


def check_same(found, wanted):
    assert found["training_epoch"].isna().all()
    pd.testing.assert_frame_equal(
        found.drop(columns="training_epoch"), wanted, rtol=1e-12, check_dtype=False
    )


@pytest.mark.parametrize("options", [{}, {"threshold": {"first": 1.5, "second": 0.5}}])
def test_is_what_recordings_say(options):
    layers = ["first", "second"]
    monitor = monitoring.ActivityMonitor(PROBES, layers=layers, **options)
    found = watch_steps(monitor, mlp(), range(2))
    check_same(found, expect(mlp(), PROBES, range(2), layers, **options))


def test_channels_of_layers_with_different_positions():
    probes = {"train": inputs(9, 6, 5, 1), "test": inputs(6, 6, 5, 1, seed=2)}
    monitor = monitoring.ActivityMonitor(
        probes, layers=["first", "second"], conv_units="channels", window=6
    )
    found = watch_steps(monitor, convolutional(), range(2))
    layers = ["first", "second"]
    wanted = expect(convolutional(), probes, range(2), layers, window=6, conv_units="channels")
    check_same(found, wanted)


def test_probes_larger_than_a_batch():
    monitor = monitoring.ActivityMonitor(PROBES, batch_size=33)
    check_same(watch_steps(monitor, mlp(), [0]), expect(mlp(), PROBES, [0], ["second"]))


def test_memory_is_bounded_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(layer_traces, "_BUFFER_BYTES", 3 * 8 * 2 * 7)
    monitor = monitoring.ActivityMonitor(PROBES)
    found = watch_steps(monitor, mlp(), range(8))
    assert monitor._n_slots == 3
    monkeypatch.undo()
    pd.testing.assert_frame_equal(
        found, watch_steps(monitoring.ActivityMonitor(PROBES), mlp(), range(8))
    )


@settings(max_examples=50)
@given(st.data())
def test_traces_are_rasters(data):
    n_samples = data.draw(st.integers(2, 150))
    start = data.draw(st.integers(0, n_samples - 2))
    stop = data.draw(st.integers(start + 2, n_samples))
    window = data.draw(st.integers(1, (stop - start) // 2))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    looks = rng.random((2, n_samples, 3), np.float32) - rng.random(3, np.float32)
    trace = LayerTrace(Site("a", (3,)), 0.0, False, looks[0], n_samples)
    for slot, activations in enumerate(looks):
        cut = data.draw(st.integers(0, n_samples))
        for first, last in ((0, cut), (cut, n_samples)):
            if last > first:
                assert trace.pack(slot, first, activations[first:last], last - first, check=False)
    slots = slice(0, 2)
    for slot, activations in enumerate(looks):
        raster = a2n.SpikeRaster.from_dense(activations[start:stop] > 0)
        np.testing.assert_array_equal(trace.raster(slot, start, stop).words, raster.words)
        np.testing.assert_array_equal(
            trace.firing_rates(slots, start, stop)[slot], a2n.firing_rate(raster)
        )
        whole = raster.select(samples=np.arange((stop - start) // window * window))
        found = trace.fanofactors(slots, start, stop, window)[slot]
        np.testing.assert_array_equal(found, a2n.fanofactor(whole, window))


def test_statistics_of_the_user_see_the_raster_of_one_probe_and_layer():
    seen = []

    def statistic(raster):
        seen.append((raster.n_samples, *raster.layers, raster.n_units))
        return raster.spike_counts.max()

    monitor = monitoring.ActivityMonitor(PROBES, layers="all", statistics={"largest": statistic})
    found = watch_steps(monitor, mlp(), range(2))
    assert set(seen[:6]) == {
        (n, name, k) for n in (70, 40) for name, k in (("first", 9), ("second", 7), ("out", 3))
    }
    raster = a2n.record(mlp_at(1), PROBES["test"], layers="first", progress=False)
    row = found[(found["step"] == 1) & (found["probe"] == "test") & (found["layer"] == "first")]
    assert row["largest"].item() == raster.spike_counts.max()


def mlp_at(step):
    return with_weights(mlp(), seed=step)


def test_rasters_by_channel_say_the_position():
    def check(raster):
        assert list(raster.samples) == ["sample_index", "row", "column"]
        assert raster.samples["sample_index"].max() == 7
        return raster.samples["row"].max()

    probes = {"first": inputs(8, 6, 5, 1), "second": inputs(8, 6, 5, 1, seed=2)}
    monitor = monitoring.ActivityMonitor(
        probes, layers="second", conv_units="channels", window=6, statistics={"rows": check}
    )
    assert watch_steps(monitor, convolutional(), [0])["rows"].tolist() == [2, 2]


@pytest.mark.parametrize("value", ["text", None, np.ones(2)])
def test_a_statistic_that_is_no_number_is_refused_at_the_first_look(value):
    monitor = monitoring.ActivityMonitor(PROBES, statistics={"mine": lambda raster: value})
    with pytest.raises(TypeError, match=r"statistics\['mine'\] of layer 'second'.* must be a number"):
        monitor.observe(mlp(), 0)


def test_a_statistic_that_fails_later_costs_only_its_own_value():
    calls = []

    def moody(raster):
        calls.append(raster)
        return 1 / (len(calls) - 2)

    monitor = monitoring.ActivityMonitor({"a": PROBES["train"]}, statistics={"moody": moody})
    model = mlp()
    for step in range(3):
        monitor.observe(model, step)
    with pytest.warns(UserWarning, match=r"statistics\['moody'\].*NaN at step 1: ZeroDivisionError"):
        found = monitor.to_frame()
    np.testing.assert_array_equal(found["moody"], [-1, np.nan, 1])
    assert found[COLUMNS].notna().all(axis=None)


def test_silent_layers_have_no_fano_factor():
    model = mlp()
    for weight in model.get_layer("second").weights:
        weight.assign(np.zeros(weight.shape))
    monitor = monitoring.ActivityMonitor(PROBES)
    monitor.observe(model, 0)
    found = monitor.to_frame()
    assert (found["firing_rate"] == 0).all()
    assert found[["cv_firing_rate_percent", "fanofactor"]].isna().all(axis=None)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_diverged_network_is_named_with_its_step_and_what_was_seen_is_kept(value):
    monitor, model = monitoring.ActivityMonitor(PROBES), mlp()
    monitor.observe(model, 0, 0)
    kernel = model.get_layer("first").kernel
    before = kernel.numpy()
    kernel.assign(np.full(kernel.shape, value))
    with pytest.raises(
        FloatingPointError, match=rf"diverged by step 7: .*{value} among its weights.*first"
    ):
        monitor.observe(model, 7, 1)
    assert monitor.to_frame()["step"].unique().tolist() == [0]
    kernel.assign(before)
    monitor.observe(model, 8, 1)
    assert monitor.to_frame()["step"].unique().tolist() == [0, 8]


def test_activations_beyond_the_range_are_named():
    samples = np.full((20, 6), 3e38, np.float32)
    monitor, model = monitoring.ActivityMonitor({"a": samples}, layers="first"), mlp()
    first = model.get_layer("first")
    first.kernel.assign(np.ones(first.kernel.shape))
    with pytest.raises(FloatingPointError, match=r"diverged by step 3: layer 'first' has NaN or inf"):
        monitor.observe(model, 3)
    assert monitor.to_frame().empty


def test_weights_too_large_to_sum_are_no_divergence():
    model = mlp()
    model.get_layer("out").kernel.assign(np.full((7, 3), 3e38))
    monitor = monitoring.ActivityMonitor(PROBES)
    monitor.observe(model, 0)
    assert len(monitor.to_frame()) == 2


def test_another_network_must_have_the_same_layers():
    monitor = monitoring.ActivityMonitor(PROBES)
    monitor.observe(mlp(), 0)
    monitor.observe(mlp(), 1)
    other = keras.Sequential([keras.Input((6,)), kl.Dense(4, "relu", name="second"), kl.Dense(1)])
    with pytest.raises(ValueError, match=r"layers watched so far.* take another monitor"):
        monitor.observe(other, 2)


def test_the_latest_ratess():
    monitor = monitoring.ActivityMonitor(PROBES, layers=["first", "second"])
    with pytest.raises(ValueError, match="nothing was observed yet"):
        monitor.latest_rates("train")
    for step in range(3):
        monitor.observe(mlp_at(step), step)
        found = monitor.to_frame().iloc[-4:].set_index(["probe", "layer"])["firing_rate"]
        assert monitor.latest_rates("test").mean() == found["test", "first"]
        assert monitor.latest_rates("train", "second").mean() == found["train", "second"]
    with pytest.raises(ValueError, match=r"layer must be one of .*got 'third'"):
        monitor.latest_rates("train", "third")
    with pytest.raises(ValueError, match=r"probe must be one of .*got 'third'"):
        monitor.latest_rates("third")


def test_networks_with_several_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((2,), name="b")
    hidden = kl.Dense(5, "relu", name="hidden")(kl.Concatenate()([a, b]))
    model = with_weights(keras.Model({"a": a, "b": b}, kl.Dense(1)(hidden)))
    probes = {
        "one": {"b": inputs(20, 2), "a": inputs(20, 4)},
        "two": {"b": inputs(30, 2), "a": inputs(30, 4)},
    }
    check_same(
        watch_steps(monitoring.ActivityMonitor(probes), model, [0]),
        expect(model, probes, [0], ["hidden"]),
    )


def test_torch_modules_in_a_plain_loop():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(8, 1)
    )
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.from_numpy(rng.integers(-2, 3, tuple(weight.shape)).astype(np.float32)))
    monitor = monitoring.ActivityMonitor(PROBES, layers="1")
    rates = []
    for step in range(3):
        monitor.observe(model, step)
        raster = a2n.record(model, PROBES["test"], layers="1", progress=False)
        rates.append(a2n.firing_rate(raster).mean())
        with torch.no_grad():
            model[0].bias += 1
    found = monitor.to_frame()
    np.testing.assert_allclose(found.loc[found["probe"] == "test", "firing_rate"], rates)
    with torch.no_grad():
        model[0].weight[0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="diverged by step 3"):
        monitor.observe(model, 3)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_saved_tables_come_back(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    monitor = monitoring.ActivityMonitor(PROBES)
    monitor.observe(mlp(), 0, 0)
    path = monitor.save(tmp_path / f"m.{suffix}")
    found = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
    pd.testing.assert_frame_equal(found, monitor.to_frame(), check_dtype=suffix == "parquet")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        monitor.save(path)
    monitor.save(path, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    def break_off(self, path, **options):
        path.write_text("half")
        raise OSError("disk full")

    monitor = monitoring.ActivityMonitor(PROBES)
    path = monitor.save(tmp_path / "m.csv")
    before = path.read_text()
    monitor.observe(mlp(), 0)
    monkeypatch.setattr(pd.DataFrame, "to_csv", break_off)
    with pytest.raises(OSError, match="disk full"):
        monitor.save(path, overwrite=True)
    assert path.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.csv"]
    with pytest.raises(ValueError, match=r"\.csv or \.parquet, got .*m\.txt"):
        monitor.save(tmp_path / "m.txt")
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        monitor.save(tmp_path / "nowhere" / "m.csv")


def test_a_monitor_that_has_seen_nothing_has_an_empty_table():
    found = monitoring.ActivityMonitor(PROBES, statistics={"mine": len}).to_frame()
    assert list(found) == ["step", "training_epoch", "probe", "layer", *COLUMNS, "mine"]
    assert found.empty


@pytest.mark.parametrize(
    ("probes", "options", "error", "match"),
    [
        (inputs(20, 6), {}, TypeError, "probes must be a dict of name to samples"),
        ({}, {}, TypeError, "with one set at least"),
        ({1: inputs(20, 6)}, {}, TypeError, "probes must have names, non-empty str, got 1"),
        ({"a": inputs(0, 6)}, {}, ValueError, r"probes\['a'\]: samples must hold at least one sample"),
        ({"a": []}, {}, ValueError, r"probes\['a'\] must hold at least one sample"),
        ({"a": 3}, {}, TypeError, r"probes\['a'\]: samples must be an array"),
        ({"a": np.full((20, 6), np.nan)}, {}, ValueError, r"probes\['a'\] must be finite, sample 0"),
        (
            {"a": inputs(20, 6), "b": inputs(20, 5)},
            {},
            ValueError,
            "probes must be samples of one shape",
        ),
        ({"a": inputs(19, 6)}, {"window": 10}, ValueError, r"probes\['a'\]: window must fit at least 2"),
        (PROBES, {"window": 0}, ValueError, "window must be at least 1"),
        (PROBES, {"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        (PROBES, {"conv_units": "pixels"}, ValueError, "conv_units must be one of"),
        (PROBES, {"statistics": {"firing_rate": len}}, ValueError, "must not be called 'firing_rate'"),
        (PROBES, {"statistics": {"step": len}}, ValueError, "must not be called 'step'"),
        (PROBES, {"statistics": {"": len}}, TypeError, "statistics must have names"),
        (PROBES, {"statistics": {"a": 3}}, TypeError, r"statistics\['a'\] must be a function"),
        (PROBES, {"statistics": [len]}, TypeError, "statistics must be a dict"),
    ],
)
def test_bad_arguments(probes, options, error, match):
    with pytest.raises(error, match=match):
        monitoring.ActivityMonitor(probes, **options)


@pytest.mark.parametrize(
    ("options", "arguments", "error", "match"),
    [
        (
            {"layers": "third"},
            (0,),
            ValueError,
            "layers must be 'all', 'activations', 'last_hidden' or among",
        ),
        ({"threshold": np.ones(3)}, (0,), ValueError, r"shape \(7,\); got shape \(3,\)"),
        ({}, (-1,), ValueError, "step must be at least 0, got -1"),
        ({}, (1.5,), TypeError, "step must be an int"),
        ({}, (0, 0.5), TypeError, "training_epoch must be an int"),
    ],
)
def test_bad_looks(options, arguments, error, match):
    monitor = monitoring.ActivityMonitor(PROBES, **options)
    with pytest.raises(error, match=match):
        monitor.observe(mlp(), *arguments)


def test_steps_must_rise_and_networks_must_be_networks():
    monitor = monitoring.ActivityMonitor(PROBES)
    monitor.observe(mlp(), 3)
    with pytest.raises(ValueError, match="step must be at least 4, got 3"):
        monitor.observe(mlp(), 3)
    with pytest.raises(TypeError, match=r"network must be a keras\.Model"):
        monitor.observe(np.ones((20, 7)), 4)


def test_windows_of_channels_are_checked_at_the_first_look():
    probes = {"a": inputs(2, 6, 5, 1)}
    monitor = monitoring.ActivityMonitor(probes, layers="second", conv_units="channels", window=10)
    with pytest.raises(ValueError, match=r"probes\['a'\]: window must fit at least 2"):
        monitor.observe(convolutional(), 0)


def test_samples_beyond_the_last_window_are_told_of():
    with pytest.warns(UserWarning, match="the last 3 of 43 samples are left out"):
        monitoring.ActivityMonitor({"a": inputs(43, 6)})
