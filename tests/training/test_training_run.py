"""Training: fast passes against `fit`, what is frozen, what is reproducible, and what is refused."""

import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import ann2neo as a2n
from ann2neo import training
from ann2neo.recording.keras.weights import hash_weights
from ann2neo.training import Condition, StoppingRule, clone
from tests.training import own_models

SHORT = Condition("short", "initial", "true", "all", StoppingRule(3))
ON_LAST = dataclasses.replace(SHORT, name="last", trainable=1)


def data(n=64, whole=False, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    x = np.eye(6)[2 * y] + rng.normal(0, 0.7, (n, 6))
    return (np.clip(np.rint(x), 0, 3).astype(int) if whole else x), y


# A last batch of what is left, and samples held out.
UNEVEN = {"using": data(70), "validation_split": 0.1}


def train_short(condition=SHORT, network=None, using=None, seed=1, **options):
    """Full batches only, none held out, if not told otherwise: every size takes a graph of its own."""
    network = own_models.straight() if network is None else network
    rng = np.random.default_rng(seed)
    options = {"rng": rng, "batch_size": 16, "validation_split": 0, "progress": False, **options}
    return training.train(condition, network, data() if using is None else using, **options)


@pytest.fixture(scope="module")
def plain():
    """What `trained` gives without arguments."""
    return train_short()


def values(network):
    return [np.array(weight.numpy()) for weight in network.weights]


MODELS = {"straight": own_models.straight, "branched": own_models.build_branched, "subclassed": None}


def model(name):
    if MODELS[name] is not None:
        return MODELS[name]()
    network = own_models.Subclassed(5)
    network(np.zeros((1, 6)))
    return network


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("straight", {}),
        # Seven full batches, more than the graph does at a turn, and one of seven.
        ("branched", {**UNEVEN, "batch_size": 8, "optimizer": keras.optimizers.Adam(0.01)}),
        ("subclassed", {}),
    ],
)
def test_fast_is_fit(name, options):
    network = model(name)
    condition = dataclasses.replace(SHORT, labels="random", stop=StoppingRule(2))
    fast, slow = (train_short(condition, network, fast=way, **options) for way in (True, False))
    assert [fast.provenance["fast"], slow.provenance["fast"]] == [True, False]
    for a, b in zip(values(fast.network), values(slow.network), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    shown = fast.history.drop(columns="seconds")
    np.testing.assert_allclose(shown, slow.history[shown.columns], rtol=1e-3, atol=1e-4)
    assert np.array_equal(fast.labels, slow.labels)
    assert any((a != b).any() for a, b in zip(values(network), values(fast.network), strict=True))


def test_against_steps_done_by_hand():
    """One pass in full batches, gradients of softmax and cross-entropy written out."""
    network = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, "softmax")])
    x, y = data(80)
    found = train_short(SHORT.with_stop(epochs=1), network, (x, y), validation_split=0.2)
    kernel, bias = values(network)
    order = np.random.default_rng(1).permutation(64)
    right, losses = 0, []
    for rows in order.reshape(4, 16):
        logits = x[rows] @ kernel + bias
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        right += np.sum(p.argmax(axis=1) == y[rows])
        losses.append(-np.log(p[np.arange(16), y[rows]]).mean())
        error = (p - np.eye(3)[y[rows]]) / 16
        kernel, bias = kernel - 0.1 * x[rows].T @ error, bias - 0.1 * error.sum(axis=0)
    np.testing.assert_allclose(values(found.network)[0], kernel, atol=1e-5)
    np.testing.assert_allclose(values(found.network)[1], bias, atol=1e-5)
    row = found.history.iloc[0]
    assert (row.loss, row.accuracy) == (pytest.approx(np.mean(losses), rel=1e-5), right / 64)
    logits = x[64:] @ kernel + bias
    val_loss = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(16), y[64:]])
    assert row.val_loss == pytest.approx(val_loss, rel=1e-5)
    assert row.val_accuracy == np.mean(logits.argmax(axis=1) == y[64:])


@pytest.mark.parametrize("fast", [True, False])
def test_same_seed_same_weights(fast):
    network = own_models.build_branched()
    once = SHORT.with_stop(epochs=2)
    first, second = (train_short(once, network, seed=5, fast=fast) for _ in range(2))
    assert first.provenance == second.provenance


def test_another_seed_other_weights(plain):
    other = train_short(seed=6).provenance
    assert other["start_weights_hash"] == plain.provenance["start_weights_hash"]
    assert other["weights_hash"] != plain.provenance["weights_hash"]


_PROGRAM = """
import numpy as np
from ann2neo import training

def weights_hash():
    rng = np.random.default_rng(0)
    network = training.build("mlp", 8, input_shape=(6,), n_classes=3, rng=rng)
    data = rng.random((32, 6)), rng.integers(0, 3, 32)
    condition = training.GENERALIZING.with_stop(epochs=3)
    options = {"batch_size": 16, "validation_split": 0, "progress": False}
    found = training.train(condition, network, data, rng=rng, **options)
    return found.provenance["weights_hash"]
"""


def test_same_seed_same_weights_in_another_process():
    here: dict = {}
    exec(_PROGRAM, here)
    command = [sys.executable, "-W", "ignore", "-c", f"{_PROGRAM}\nprint(weights_hash())"]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert there == here["weights_hash"]()


def test_what_is_passed_in_is_left_alone():
    network = own_models.build_branched()
    network.compile("adam", "mse")
    optimizer, before = network.optimizer, values(network)
    x, y = data()
    kept = x.copy(), y.copy()
    train_short(dataclasses.replace(ON_LAST, labels="random"), network, (x, y))
    assert all(np.array_equal(a, b) for a, b in zip(before, values(network), strict=True))
    assert all(layer.trainable for layer in network._flatten_layers())
    assert (network.optimizer, network.loss) == (optimizer, "mse")
    assert np.array_equal(kept[0], x)
    assert np.array_equal(kept[1], y)


@pytest.mark.parametrize(
    ("trainable", "moving", "fast"),
    [
        (1, {"classes"}, False),
        (2, {"norm", "classes"}, True),
        (("within", "left"), {"within", "left"}, True),
    ],
)
def test_only_chosen_layers_move(trainable, moving, fast):
    network = own_models.build_branched()
    found = train_short(dataclasses.replace(SHORT, trainable=trainable), network, fast=fast)
    moved = {
        before.path.split("/")[-2]
        for before, after in zip(network.weights, found.network.weights, strict=True)
        if before.numpy().tobytes() != after.numpy().tobytes()
    }
    assert moved == moving


def test_what_the_network_freezes_stays_frozen():
    network = own_models.straight()
    network.get_layer("second").trainable = False
    found = train_short(dataclasses.replace(SHORT, trainable=2), network)
    same = [np.array_equal(a, b) for a, b in zip(values(network), values(found.network), strict=True)]
    assert same == [False, False, True, True, False, False]


def test_a_frozen_weight_that_moves_is_noticed():
    network = own_models.straight()
    clone.freeze(network, 1)
    frozen = clone.list_frozen_values(network)
    clone.check_unchanged(frozen)
    network.get_layer("first").bias.assign(np.ones(8))
    with pytest.raises(RuntimeError, match=r"frozen weights have changed.*first/bias"):
        clone.check_unchanged(frozen)


def test_history_and_provenance(plain):
    network = own_models.straight()
    found = train_short(network=network, seed=3, **UNEVEN)
    assert found.history.columns.tolist() == [
        "training_epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds",
    ]  # fmt: skip
    assert found.history.training_epoch.tolist() == [1, 2, 3]
    assert (found.history.seconds > 0).all()
    said = found.provenance
    assert json.loads(json.dumps(said)) == said
    raster = a2n.record(found.network, data()[0], progress=False).with_annotations(**said)
    assert raster.annotations["condition"] == "short"
    assert said["weights_hash"] == hash_weights(found.network)
    assert said["start_weights_hash"] != said["weights_hash"]
    assert (said["seed"], said["epochs_run"], said["stopped_by"]) == ("3", 3, "epochs")
    assert said["training_accuracy"] == found.history.accuracy.iloc[-1]
    # The state that is noted draws the same once more.
    rng = np.random.default_rng(99)
    rng.bit_generator.state = json.loads(plain.provenance["rng_state"])
    again = train_short(rng=rng)
    assert again.provenance["weights_hash"] == plain.provenance["weights_hash"]


def test_untrained():
    network = own_models.straight()
    found = train_short(training.RANDOM, network)
    assert len(found.history) == 0
    assert found.provenance["training_accuracy"] is None
    assert found.provenance["weights_hash"] == hash_weights(network)
    assert found.network is not network


def test_random_labels_are_permuted_and_kept(plain):
    y = data()[1]
    found = train_short(dataclasses.replace(training.RANDOM, labels="random"))
    assert np.array_equal(np.sort(found.labels), np.sort(y))
    assert (found.labels != y).any()
    assert np.array_equal(plain.labels, y)


@pytest.mark.parametrize("fast", [True, False])
def test_stopping_rules(fast):
    by_accuracy = train_short(SHORT.with_stop(epochs=50, accuracy=0.7), fast=fast, learning_rate=0.3)
    assert by_accuracy.provenance["stopped_by"] == "accuracy"
    reached = by_accuracy.history.accuracy >= 0.7
    assert reached.sum() == 1
    assert reached.iloc[-1]
    still = train_short(SHORT.with_stop(epochs=50, plateau=3), fast=fast, learning_rate=1e-9)
    assert still.provenance["stopped_by"] == "plateau"
    assert len(still.history) == 4


@pytest.mark.parametrize("fast", [True, False])
def test_an_accuracy_that_is_just_reached_stops(fast):
    """As a share in float32, 9 of 10 is below 0.9, and 41 of 41 times 1/41 is below 1."""
    for n, n_wrong, accuracy in ((10, 1, 0.9), (41, 0, 1.0)):
        network, (x, _) = own_models.straight(), data(n)
        labels = np.argmax(network.predict(x, verbose=0), -1)
        labels[:n_wrong] = (labels[:n_wrong] + 1) % 3
        stop = SHORT.with_stop(epochs=4, accuracy=accuracy)
        found = train_short(stop, network, (x, labels), fast=fast, learning_rate=1e-9, batch_size=4)
        assert (found.provenance["epochs_run"], found.provenance["stopped_by"]) == (1, "accuracy")
        assert found.provenance["training_accuracy"] == accuracy


@pytest.mark.parametrize(("n", "batch_size"), [(48, 24), (46, 32)])
def test_fast_is_fit_to_the_last_bit_with_batch_normalization(n, batch_size):
    """Averages over a number of samples that is no power of two."""
    keras.utils.set_random_seed(0)
    kinds = [keras.layers.Dense(32, "relu"), keras.layers.BatchNormalization()]
    hidden = keras.layers.Dense(20, "relu", name="hidden")
    network = keras.Sequential([keras.Input((6,)), *kinds, hidden, keras.layers.Dense(3, "softmax")])
    options = {"using": data(n), "batch_size": batch_size}
    fast, slow = (train_short(SHORT, network, fast=way, **options) for way in (True, False))
    for a, b in zip(values(fast.network), values(slow.network), strict=True):
        np.testing.assert_array_equal(a, b)
    assert fast.history.accuracy.tolist() == slow.history.accuracy.tolist()


def test_callbacks_see_batches_and_may_stop():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    found = train_short(callbacks=[Watch()], **UNEVEN)
    assert found.provenance["fast"] is False
    assert found.provenance["stopped_by"] == "callback"
    # 63 samples to train with: four batches a pass.
    assert seen == [0, 1, 2, 3] * 2
    with pytest.raises(ValueError, match="fast=True is not possible: callbacks"):
        train_short(callbacks=[Watch()], fast=True)


@pytest.mark.parametrize("stops_at", [None, 1])
def test_callbacks_between_passes_leave_training_fast(stops_at):
    """They see the same, the weights come out the same, and they may stop."""

    class Watch(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_begin(self, logs=None):
            self.seen.append(("begin", self.params["epochs"]))

        def on_epoch_begin(self, epoch, logs=None):
            self.seen.append(epoch)

        def on_epoch_end(self, epoch, logs=None):
            weights = np.concatenate([np.ravel(value) for value in values(self.model)])
            self.seen.append((epoch, sorted(logs), round(logs["val_loss"], 5), weights.tolist()))
            self.model.stop_training = epoch == stops_at

        def on_train_end(self, logs=None):
            self.seen.append("end")

    watches = Watch(), Watch()
    fast, slow = (
        train_short(callbacks=[watch], fast=way, **UNEVEN)
        for watch, way in zip(watches, ("auto", False), strict=True)
    )
    assert (fast.provenance["fast"], slow.provenance["fast"]) == (True, False)
    assert watches[0].seen == watches[1].seen
    assert fast.provenance["stopped_by"] == slow.provenance["stopped_by"]
    assert fast.provenance["stopped_by"] == ("epochs" if stops_at is None else "callback")
    assert len(fast.history) == (3 if stops_at is None else 2)
    for a, b in zip(values(fast.network), values(slow.network), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_callback_may_bring_the_best_weights_back_to_fast_passes():
    class Best(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.first = self.model.get_weights()

        def on_train_end(self, logs=None):
            self.model.set_weights(self.first)

    best = Best()
    found = train_short(callbacks=[best])
    assert found.provenance["fast"] is True
    for a, b in zip(found.network.get_weights(), best.first, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("fast", [True, False])
def test_divergence(fast):
    with pytest.raises(training.DivergedError, match=r"short: loss is (nan|inf)") as caught:
        train_short(SHORT.with_stop(epochs=9), using=(data()[0] * 1e18, data()[1]), fast=fast)
    assert isinstance(caught.value, FloatingPointError)
    assert 1 <= len(caught.value.history) < 9


def test_whole_numbers_and_no_validation():
    found = train_short(network=own_models.build_embedded(), using=data(whole=True), validation_split=0)
    assert found.history.val_loss.isna().all()
    assert found.provenance["validation_accuracy"] is None


def test_logits(plain):
    with pytest.raises(ValueError, match="must end in a softmax, or be trained with from_logits=True"):
        train_short(network=own_models.straight(None))
    # The same weights as `plain` started from.
    logits = train_short(network=own_models.straight(None), from_logits=True)
    pairs = zip(values(logits.network), values(plain.network), strict=True)
    assert all(np.allclose(a, b, atol=1e-5) for a, b in pairs)


def test_conditions_follow_from_another():
    network = own_models.straight()
    short = [c.with_stop(epochs=min(1, c.stop.epochs)) for c in training.CONDITIONS.values()]
    options = {"rng": np.random.default_rng(0), "validation_split": 0, "progress": False}
    # The generalizing one last: it has to be trained before those that start from it.
    order = [*short[2:], short[0], short[1]]
    found = training.train_conditions(network, data(), order, **options)
    assert list(found) == [c.name for c in order]
    starts = {name: one.provenance["start_weights_hash"] for name, one in found.items()}
    generalizing = found["Generalizing"].provenance["weights_hash"]
    untrained = hash_weights(network)
    assert starts == {
        "Random": untrained,
        "Generalizing": untrained,
        "MemRetrainLast": generalizing,
        "MemRetrainAll": generalizing,
        "MemRandomLast": untrained,
    }
    seeds = [tuple(one.provenance["spawn_key"]) for one in found.values()]
    assert len(set(seeds)) == 5
    with pytest.raises(ValueError, match=r"'Generalizing' starts from initial.*'MemRandomLast'"):
        train_short(training.GENERALIZING, found["MemRandomLast"])
    with pytest.raises(ValueError, match=r"'MemRetrainAll' starts from generalizing.*'Random'"):
        train_short(training.MEM_RETRAIN_ALL, found["Random"])
    assert train_short(training.RANDOM, found["Random"]).provenance["start_weights_hash"] == untrained
    with pytest.raises(ValueError, match="start from generalizing weights: add GENERALIZING"):
        training.train_conditions(network, data(), short[2:], **options)
    with pytest.raises(ValueError, match="conditions must differ in name"):
        training.train_conditions(network, data(), [short[0]] * 2, **options)


def test_frameworks_are_imported_late():
    code = "import sys; from ann2neo import training; training.RANDOM; print('keras' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
