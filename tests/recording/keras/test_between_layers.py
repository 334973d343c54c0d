"""What a Keras model computes between its layers, and layers that hold weights beside layers."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import ann2neo as a2n

X = np.random.default_rng(0).standard_normal((24, 6)).astype("float32")
STEPS = np.random.default_rng(1).standard_normal((24, 5, 6)).astype("float32")


class Between(keras.Model):
    def __init__(self, function):
        super().__init__()
        self.first, self.second = layers.Dense(8, name="first"), layers.Dense(3, name="second")
        self.function = function

    def call(self, x):
        return self.second(self.function(self.first(x)))


def functional(function):
    given = keras.Input((6,))
    hidden = function(layers.Dense(8, name="first")(given))
    return keras.Model(given, layers.Dense(3, name="second")(hidden))


FUNCTIONS = {
    "relu": ops.relu,
    "gelu": ops.gelu,
    "tanh": ops.tanh,
    "softmax": ops.softmax,
    "sin": ops.sin,
    "exp": ops.exp,
    "square": ops.square,
    "absolute": ops.abs,
    "sign": ops.sign,
}


@pytest.mark.parametrize("make", [Between, functional])
@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions_between_layers(case, make):
    keras.utils.set_random_seed(0)
    model = make(FUNCTIONS[case])
    model(X)
    first = model.get_layer("first")
    name = "second:input" if make is Between else case
    raster = a2n.record(model, X, threshold=0.2)
    assert raster.layers[0].rstrip("_0123456789") == name
    values = ops.convert_to_numpy(FUNCTIONS[case](first(X)))
    undecided = np.abs(values - 0.2) < 1e-5
    assert ((raster.to_dense() == (values > 0.2)) | undecided).all()
    assert a2n.list_layers(model, X)["in_last_hidden"].sum() == 1


CHOSEN = {
    "maximum": lambda h: ops.maximum(h, 0.0),
    "clip": lambda h: ops.clip(h, 0.0, 1.0),
    "where": lambda h: ops.where(h > 0, h, 0.1 * h),
    "multiply": lambda h: h * ops.sigmoid(h),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_operations_of_no_name(case):
    keras.utils.set_random_seed(0)
    model = functional(CHOSEN[case])
    raster = a2n.record(model, X)
    assert raster.layers[0].rstrip("_0123456789") == case
    first = keras.Model(model.inputs[0], model.get_layer("first").output)
    expected = ops.convert_to_numpy(CHOSEN[case](first(X))) > 0
    np.testing.assert_array_equal(raster.to_dense(), expected)


def test_operations_on_the_way_to_a_mean_are_none():
    def norm(h):
        return h / ops.sqrt(ops.mean(ops.square(h), -1, keepdims=True) + 1e-6)

    assert a2n.record(functional(norm), X, layers="all").layers == ["first", "second"]


class Dropping(keras.Layer):
    """Weights of its own, and a layer inside that hands on what they make."""

    def __init__(self, inner):
        super().__init__(name="dropping")
        self.inner = inner

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 8), name="kernel")

    def call(self, x):
        return self.inner(x @ self.kernel)


def test_weights_before_a_layer_that_computes_nothing():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), Dropping(layers.Dropout(0.5)), layers.Dense(2)])
    raster = a2n.record(model, X, layers="all")
    assert raster.layers[0] == "dropping"
    expected = X @ ops.convert_to_numpy(model.layers[0].kernel) > 0
    np.testing.assert_array_equal(raster.select(layer="dropping").to_dense(), expected)
    active = keras.Sequential([keras.Input((6,)), Dropping(layers.ReLU(name="r")), layers.Dense(2)])
    assert a2n.record(active, X, layers="all").layers[0] == "dropping.r"


class OwnWeights(keras.Model):
    def __init__(self, *, shifts):
        super().__init__()
        self.first, self.out = layers.Dense(8, "relu", name="first"), layers.Dense(2, name="out")
        self.kernel = self.add_weight(shape=(8, 8), name="kernel")
        self.shift = self.add_weight(shape=(8,), name="shift", initializer="ones")
        self.shifts = shifts

    def call(self, x):
        hidden = self.first(x)
        return self.out(hidden + self.shift if self.shifts else ops.relu(hidden @ self.kernel))


def test_weights_of_the_model_itself():
    keras.utils.set_random_seed(0)
    model = OwnWeights(shifts=False)
    model(X)
    raster = a2n.record(model, X)
    assert raster.layers == ["out:input"]
    assert a2n.record(model, X, layers="all").layers == ["first", "out:input", "out"]
    hidden = ops.convert_to_numpy(model.first(X))
    np.testing.assert_array_equal(raster.to_dense(), hidden @ ops.convert_to_numpy(model.kernel) > 0)
    shifted = OwnWeights(shifts=True)
    shifted(X)
    assert a2n.record(shifted, X, layers="all").layers == ["first", "out"]


def of_several(layer, choose):
    given = keras.Input((5, 6))
    made = layer(given, given) if isinstance(layer, layers.MultiHeadAttention) else layer(given)
    return keras.Model(given, layers.Dense(2, name="out")(layers.Flatten()(choose(made))))


def test_further_outputs_are_not_taken_for_the_layer():
    lstm = layers.LSTM(4, return_state=True, return_sequences=True, name="lstm")
    model = of_several(lstm, lambda made: made[1])
    assert a2n.record(model, STEPS).layers == ["lstm[0]"]
    assert a2n.record(model, STEPS, layers="all").layers == ["lstm[0]", "out"]
    assert a2n.record(model, STEPS, layers="lstm[2]").n_units == 4

    def attend(given):
        return layers.MultiHeadAttention(2, 3, name="mha")(given, given, return_attention_scores=True)

    given = keras.Input((5, 6))
    model = keras.Model(given, layers.Dense(2, name="out")(layers.Flatten()(attend(given)[0])))
    assert a2n.record(model, STEPS).layers == ["mha[0]"]


def test_a_lambda_that_chooses_by_size_is_a_layer():
    keras.utils.set_random_seed(0)

    def take_largest(h):
        return ops.max(ops.reshape(h, (-1, 4, 2)), -1)

    largest = layers.Lambda(take_largest, output_shape=(4,), name="largest")
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8), largest, layers.Dense(2)])
    assert "largest" in a2n.record(model, X, layers="all").layers
    moved = layers.Lambda(lambda h: h[:, ::-1], name="moved")
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8), moved, layers.Dense(2)])
    assert "moved" not in a2n.record(model, X, layers="all").layers


class WithOptions(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(8, "relu", name="hidden"), layers.Dense(2, name="out")

    def call(self, x, negate=False, mask=None, scale=1.0):
        return self.out(self.hidden(-x if negate else x) * scale)


@pytest.mark.parametrize(
    ("samples", "sign"),
    [
        (X, 1),
        ({"x": X, "negate": False, "mask": None}, 1),
        ({"x": X, "negate": True}, -1),
        ((X, True), -1),
        ([{"x": X[:9], "negate": True}, {"x": X[9:], "negate": True}], -1),
    ],
)
def test_options_beside_the_samples(samples, sign):
    keras.utils.set_random_seed(0)
    model = WithOptions()
    model(X)
    raster = a2n.record(model, samples)
    assert raster.layers == ["hidden"]
    expected = ops.convert_to_numpy(model.hidden(sign * X)) > 0
    np.testing.assert_array_equal(raster.to_dense(), expected)


def test_options_that_a_graph_does_not_take():
    given = {name: keras.Input((6,), name=name) for name in "ab"}
    hidden = layers.Dense(8, "relu", name="hidden")(layers.Add()(list(given.values())))
    model = keras.Model(given, layers.Dense(2)(hidden))
    raster = a2n.record(model, {"a": X, "b": X, "use_cache": False, "mask": None})
    assert raster == a2n.record(model, {"a": X, "b": X})


class Failing(keras.Model):
    def __init__(self, error):
        super().__init__()
        self.hidden, self.error = layers.Dense(8, name="hidden"), error

    def call(self, x):
        if len(x) != 3:
            raise self.error
        return self.hidden(x)


@pytest.mark.parametrize("error", [KeyError("k"), AssertionError("a"), IndexError("i")])
def test_what_a_model_raises_is_told(error):
    model = Failing(error)
    model(X[:3])
    with pytest.raises(ValueError, match="samples do not fit network 'failing"):
        a2n.record(model, X, layers="hidden")


def test_complex_numbers_are_refused():
    with pytest.raises(TypeError, match="samples must be real numbers or bool, got dtype complex64"):
        a2n.record(functional(ops.tanh), X.astype("complex64"))


ENDS = {
    "scaled": lambda y: 2 * ops.tanh(y),
    "scaled by a layer": lambda y: layers.Rescaling(2.0)(layers.Activation("tanh")(y)),
    "scaled by a function": lambda y: layers.Lambda(lambda v: 2 * v)(layers.Activation("tanh")(y)),
    "reshaped": lambda y: layers.Reshape((3, 1))(layers.Activation("tanh")(y)),
    "cut": lambda y: ops.clip(ops.tanh(y), -0.5, 0.5),
    "two beside each other": lambda y: layers.Concatenate()([ops.tanh(y), ops.softplus(y)]),
    "softmax": layers.Softmax(),
}


@pytest.mark.parametrize("case", ENDS)
def test_what_bounds_the_output_is_not_hidden(case):
    given = keras.Input((6,))
    hidden = layers.Dense(8, "relu", name="hidden")(given)
    model = keras.Model(given, ENDS[case](layers.Dense(3, name="out")(hidden)))
    assert a2n.record(model, X).layers == ["hidden"]
    both = keras.Model(given, {"y": model.output, "features": hidden})
    assert a2n.record(both, X).layers == ["hidden"]


def test_what_a_layer_reads():
    keras.utils.set_random_seed(0)
    given = keras.Input((6,))
    gate, up = layers.Dense(9, "silu", name="gate")(given), layers.Dense(9, name="up")(given)
    model = keras.Model(given, layers.Dense(4, name="down")(layers.Multiply()([gate, up])))
    raster = a2n.record(model, X, layers="down:input", batch_size=7)
    expected = ops.convert_to_numpy(model.get_layer("gate")(X) * model.get_layer("up")(X)) > 0
    np.testing.assert_array_equal(raster.to_dense(), expected)
