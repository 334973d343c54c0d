"""What layers of one's own keep outside of variables, and in them; sums of layers inside a layer."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import ann2neo as a2n
from ann2neo.recording.repeated_observation import watch

X = np.random.default_rng(0).standard_normal((12, 6)).astype("float32")


class Membrane(keras.Layer):
    """Leaks from batch to batch, kept where it is told."""

    def __init__(self, keep):
        super().__init__(name="membrane")
        self.keep, self.kept, self.listed, self.n_calls = keep, {}, [], 0
        self.log = np.zeros(3)

    def call(self, x):
        before = self.kept.get("v") if self.keep == "dict" else (list(self.listed) or [None])[-1]
        if before is not None and before.shape == x.shape:
            x = 0.9 * before + x
        self.n_calls += 1
        self.log[0] += 1
        if self.keep == "dict":
            self.kept["v"] = x
        else:
            self.listed.append(x)
        return ops.cast(x > 1, "float32")

    def compute_output_shape(self, shape):
        return shape


class Counting(keras.Layer):
    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.count.assign_add(1.0)
        return ops.relu(x + 0.3 * self.count)


def make_model(layer):
    given = keras.Input((6,))
    hidden = layers.Dense(8, name="before")(3 * given)
    return keras.Model(given, layers.Dense(2)(layer(hidden)))


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("keep", ["dict", "list"])
def test_state_in_containers_moves_no_spike_and_is_left_as_it_was(keep, eager):
    keras.utils.set_random_seed(0)
    layer = Membrane(keep)
    model = make_model(layer)
    model.run_eagerly = eager
    layer.kept.clear()
    layer.listed.clear()
    layer.n_calls, layer.log[0] = 0, 0
    before = ops.convert_to_numpy(model.get_layer("before")(3 * X))
    for batch_size in (1, 3, 12):
        raster = a2n.record(model, X, layers="membrane", batch_size=batch_size)
        np.testing.assert_array_equal(raster.to_dense(), before > 1)
        assert raster.annotations["state"] == "put back before each batch"
    assert (dict(layer.kept), list(layer.listed), layer.n_calls, layer.log[0]) == ({}, [], 0, 0)


def test_a_variable_that_counts_batches_moves_no_spike():
    layer = Counting(name="counting")
    model = make_model(layer)
    found = [a2n.record(model, X, layers="counting", batch_size=size) for size in (1, 3, 12)]
    assert all((raster.to_dense() == found[0].to_dense()).all() for raster in found)
    assert float(layer.count) == 0


def test_states_of_stateful_layers_go_on():
    steps = np.random.default_rng(0).standard_normal((8, 5, 6)).astype("float32")
    lstm = layers.LSTM(7, stateful=True, name="lstm")
    model = keras.Sequential([keras.Input(batch_shape=(4, 5, 6)), lstm, layers.Dense(2)])
    raster = a2n.record(model, steps, layers="lstm", batch_size=4)
    lstm.reset_states()
    expected = np.concatenate([ops.convert_to_numpy(lstm(part)) for part in (steps[:4], steps[4:])])
    np.testing.assert_array_equal(raster.to_dense(), expected > 0)


class LowRank(keras.Layer):
    """A layer and its adapter."""

    def __init__(self):
        super().__init__(name="adapted")
        self.base, self.down, self.up = layers.Dense(8), layers.Dense(2), layers.Dense(8)

    def call(self, x):
        return self.base(x) + self.up(self.down(x))


class Block(keras.Layer):
    """A branch with an activation function, beside nothing."""

    def __init__(self):
        super().__init__(name="block")
        self.first, self.second = layers.Dense(5, "relu"), layers.Dense(8)

    def call(self, x):
        return x + self.second(self.first(x))


def test_a_sum_of_layers_is_one_layer_and_a_branch_is_not():
    model = make_model(LowRank())
    raster = a2n.record(model, X, layers="all")
    assert "adapted" in raster.layers
    hidden = 3 * X @ model.get_layer("before").get_weights()[0]
    expected = ops.convert_to_numpy(model.get_layer("adapted")(hidden))
    np.testing.assert_array_equal(raster.select(layer="adapted").to_dense(), expected > 0)
    assert "block" not in a2n.record(make_model(Block()), X, layers="all").layers


@pytest.mark.parametrize("eager", [False, True])
def test_looks_leave_the_model_as_it_was(eager):
    keras.utils.set_random_seed(0)
    layer = Membrane("dict")
    model = make_model(layer)
    model.run_eagerly = eager
    layer.kept.clear()
    layer.n_calls, layer.log[0] = 0, 0
    watched = watch(model, [X], "membrane")
    found = []
    for _ in range(3):
        watched.look(lambda activations: found.append(activations[0] > 0))
    before = ops.convert_to_numpy(model.get_layer("before")(3 * X)) > 1
    assert all(np.array_equal(one, before) for one in found)
    assert (dict(layer.kept), layer.n_calls, layer.log[0]) == ({}, 0, 0)


class Slots:
    __slots__ = ("n",)

    def __init__(self):
        self.n = 0


OUTSIDE = [0]


class Moving(keras.Layer):
    """Shifts by something that it changes at each call."""

    shared = 0

    def __init__(self, move):
        super().__init__(name="moving")
        self.move, self.slots = move, Slots()

    def build(self, shape):
        self.shift = self.add_weight(shape=(), initializer="zeros", name="shift")

    def call(self, x):
        return ops.relu(x + 0.05 * self.move(self))


def count_in_slots(layer):
    layer.slots.n += 1
    return layer.slots.n


def count_in_class(layer):
    type(layer).shared += 1
    return type(layer).shared


def count_in_weight(layer):
    layer.shift.assign_add(1.0)
    return layer.shift


def switch_training(layer):
    layer.trainable = not layer.trainable
    return 1


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("move", [count_in_slots, count_in_class, count_in_weight, switch_training])
def test_whatever_moves_is_put_back_and_moves_no_spike(move, eager):
    keras.utils.set_random_seed(0)
    layer = Moving(move)
    model = make_model(layer)
    model.run_eagerly = eager
    layer.slots.n, Moving.shared, layer.trainable = 0, 0, True
    layer.shift.assign(0.0)
    expected = ops.convert_to_numpy(model.get_layer("before")(3 * X)) + 0.05 > 0
    for batch_size in (1, 5, 12):
        raster = a2n.record(model, X, layers="moving", batch_size=batch_size)
        np.testing.assert_array_equal(raster.to_dense(), expected)
        assert (layer.slots.n, Moving.shared, float(layer.shift), layer.trainable) == (0, 0, 0, True)


def count_outside(layer):
    OUTSIDE[0] += 1
    return OUTSIDE[0]


@pytest.mark.parametrize("move", [count_outside, lambda layer: np.random.default_rng().random()])
def test_what_cannot_be_put_back_is_told(move):
    model = make_model(Moving(move))
    model.run_eagerly = True
    with pytest.warns(UserWarning, match=r"'moving': values are others each time the same samples are"):
        a2n.record(model, X, layers="moving")
