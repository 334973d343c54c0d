"""What code of the user's own computes between the layers of a Keras model: recorded as what the next
layer reads, or named."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import ann2neo as a2n

N = 24
X = np.random.default_rng(0).standard_normal((N, 6)).astype("float32")


class Net(keras.Model):
    """What lies between `first` or `gate`, and `second`, is `between`."""

    def __init__(self, between):
        super().__init__(name="net")
        self.first, self.gate = layers.Dense(8, name="first"), layers.Dense(8, name="gate")
        self.second, self.codes = layers.Dense(3, name="second"), layers.Embedding(5, 8, name="codes")
        self.seeds, self.between = keras.random.SeedGenerator(3), between
        self.kernel = self.add_weight(shape=(8, 5), name="kernel")

    def call(self, x):
        return self.second(self.between(self, x))


def make(between):
    keras.utils.set_random_seed(0)
    net = Net(between)
    for layer in (net.first, net.gate):
        layer.build((None, 6))
    net.codes.build((None,))
    net(X[:3])
    return net


def keep_winners(net, x):
    h = net.first(x)
    return ops.where(h >= ops.top_k(h, 3)[0][:, -1:], h, 0.0)


def soften(net, x):
    h = net.first(x)
    return ops.sign(h) * ops.maximum(ops.abs(h) - 0.1, 0)


def split_gate(net, x):
    h, gate = ops.split(net.first(x), 2, -1)
    return h * ops.silu(gate)


def add_rectified(net, x):
    h = net.first(x)
    return ops.relu(h) + h


BETWEEN = {
    "clip": lambda net, x: ops.clip(net.first(x), -0.5, 0.5),
    "where": lambda net, x: ops.where(net.first(x) > 0.1, net.first(x), 0.0),
    "maximum": lambda net, x: ops.maximum(net.first(x), 0),
    "relu": lambda net, x: ops.relu(net.first(x)),
    "softmax": lambda net, x: ops.softmax(net.first(x)),
    "a gate": lambda net, x: net.first(x) * ops.sigmoid(net.gate(x)),
    "a product": lambda net, x: net.first(x) * net.gate(x),
    "a square of a rectifier": lambda net, x: ops.square(ops.relu(net.first(x))),
    "halves": split_gate,
    "winners": keep_winners,
    "a soft threshold": soften,
    "the larger of two layers": lambda net, x: ops.maximum(net.first(x), net.gate(x)),
    "maxout": lambda net, x: ops.max(ops.reshape(net.first(x), (-1, 4, 2)), -1),
    "steps": lambda net, x: ops.round(net.first(x)),
    "comparison": lambda net, x: ops.cast(net.first(x) > 0.1, "float32"),
    "the largest as a code": lambda net, x: ops.one_hot(ops.argmax(net.first(x), -1), 8),
    "a sum with a rectifier": add_rectified,
    "NumPy": lambda net, x: ops.convert_to_tensor(np.maximum(np.asarray(net.first(x)), 0.2)),
}


@pytest.mark.parametrize("case", BETWEEN)
def test_what_the_next_layer_reads_is_recorded(case):
    net = make(BETWEEN[case])
    net.run_eagerly = case == "NumPy"
    values = np.concatenate([ops.convert_to_numpy(net.between(net, X[k : k + 1])) for k in range(N)])
    undecided = np.abs(values - 0.15) < 1e-5
    for batch_size in (7, N):
        raster = a2n.record(net, X, threshold=0.15, batch_size=batch_size)
        assert raster.layers == ["second:input"]
        assert ((raster.to_dense() == (values > 0.15)) | undecided).all()
    assert a2n.record(net, X, layers="all", threshold=0.15).layers[-2:] == ["second:input", "second"]
    assert a2n.list_layers(net, X).set_index("layer").loc["second:input", "in_last_hidden"]


NONE = {
    "a norm written out": lambda h: h / ops.sqrt(ops.mean(h * h, -1, keepdims=True) + 1e-6),
    "the largest is taken off": lambda h: h - ops.max(h, -1, keepdims=True),
    "a sum": lambda h: 2 * h + 1,
    "a mask from elsewhere": lambda h: ops.where(ops.arange(8) > 3, h, 0.0),
    "attention": lambda h: ops.matmul(
        ops.softmax(ops.matmul(h[:, :, None], h[:, None, :])), h[:, :, None]
    )[..., 0],
}


@pytest.mark.parametrize("case", NONE)
def test_what_is_no_function_of_a_unit(case):
    net = make(lambda net, x: NONE[case](net.first(x)))
    assert a2n.record(net, X, layers="all").layers == ["first", "second"]


def test_codes_that_the_network_chose():
    def choose(net, x):
        far = ops.sum((net.first(x)[:, None] - net.codes.embeddings) ** 2, -1)
        return net.codes(ops.argmin(far, -1))

    assert a2n.record(make(choose), X, layers="all").layers == ["first", "codes", "second"]


class Tied(keras.Model):
    def __init__(self, product, active=True):
        super().__init__()
        self.codes = layers.Embedding(5, 8, name="codes")
        self.hidden = layers.Dense(8, "relu" if active else None, name="hidden")
        self.product = product

    def call(self, tokens):
        return self.product(self.hidden(self.codes(tokens)), self.codes.embeddings)


TIED = {
    "matmul": lambda h, weight: ops.matmul(h, ops.transpose(weight)),
    "operator": lambda h, weight: h @ ops.transpose(weight),
    "einsum": lambda h, weight: ops.einsum("nd,kd->nk", h, weight),
    "softmax": lambda h, weight: ops.softmax(h @ ops.transpose(weight)),
}
TOKENS = np.arange(N) % 5


@pytest.mark.parametrize("case", TIED)
def test_tied_weights_make_the_output(case):
    model = Tied(TIED[case])
    model(TOKENS)
    assert a2n.record(model, TOKENS).layers == ["hidden"]
    product = "einsum" if case == "einsum" else "matmul"
    with pytest.warns(UserWarning, match=f"leaves out .*'{product}'.*: it is computed between layers"):
        assert a2n.record(model, TOKENS, layers="all").layers == ["hidden"]
    reasons = a2n.list_layers(model, TOKENS).set_index("layer")["reason"]
    assert "put it into a layer of its own" in reasons[product]


def test_tied_weights_of_a_functional_model():
    tokens = keras.Input((), dtype="int32")
    codes = layers.Embedding(5, 8, name="codes")
    hidden = layers.Dense(8, "relu", name="hidden")(codes(tokens))
    out = ops.matmul(hidden, ops.transpose(codes.embeddings))
    model = keras.Model(tokens, out)
    assert a2n.record(model, TOKENS).layers == ["hidden"]
    assert a2n.record(model, TOKENS, layers="all").layers[1].startswith("matmul")


def by_numpy(h, weight):
    """Keras' symbolic tensors cannot follow this."""
    if isinstance(h, keras.KerasTensor):
        raise TypeError
    return ops.softmax(ops.matmul(h, ops.transpose(weight)))


def test_tied_weights_out_of_sight():
    model = Tied(by_numpy)
    model(TOKENS)
    assert a2n.record(model, TOKENS).layers == ["hidden"]
    with pytest.warns(UserWarning, match="leaves out 'output': it is computed between layers"):
        assert a2n.record(model, TOKENS, layers="all").layers == ["hidden"]


@pytest.mark.parametrize("batch_size", [1, 7, N])
def test_functions_out_of_sight(batch_size):
    def gate(net, x):
        h = net.first(x)
        if isinstance(h, keras.KerasTensor):
            raise TypeError
        return ops.clip(h, -0.3, 0.3) * net.gate(x)

    net = make(gate)
    expected = ops.convert_to_numpy(gate(net, X)) > 0
    raster = a2n.record(net, X, batch_size=batch_size)
    assert raster.layers == ["second:input"]
    np.testing.assert_array_equal(raster.to_dense(), expected)


def test_a_mixture_of_experts_is_no_gate():
    class Experts(keras.Model):
        def __init__(self):
            super().__init__()
            self.router, self.out = layers.Dense(2, name="router"), layers.Dense(3, name="out")
            self.experts = [layers.Dense(6, "relu", name=f"expert{k}") for k in range(2)]

        def call(self, x):
            weights = ops.softmax(self.router(x))
            return self.out(sum(weights[:, k : k + 1] * self.experts[k](x) for k in range(2)))

    model = Experts()
    model(X)
    assert a2n.record(model, X).layers == ["expert1"]
    with pytest.warns(UserWarning, match="leaves out 'softmax': it is computed between layers"):
        a2n.record(model, X, layers="all")


def test_channels_of_images_that_are_let_through():
    images = np.random.default_rng(0).standard_normal((N, 6, 6, 2)).astype("float32")
    given = keras.Input((6, 6, 2))
    hidden = layers.Conv2D(4, 3, name="hidden")(given)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(hidden)
    gate = layers.Conv2D(4, 1, activation="sigmoid", name="gate")(gate)
    let = layers.Multiply(name="let")([hidden, gate])
    out = layers.Dense(2, name="out")(layers.GlobalAveragePooling2D()(layers.Conv2D(5, 1)(let)))
    model = keras.Model(given, out)
    raster = a2n.record(model, images)
    assert raster.layers == ["let"]
    values = keras.Model(given, let)(images)
    np.testing.assert_array_equal(raster.to_dense(), ops.convert_to_numpy(values).reshape(N, -1) > 0)


def test_a_function_that_no_layer_reads_is_named():
    model = Tied(lambda h, weight: ops.relu(h) @ ops.transpose(weight), active=False)
    model(TOKENS)
    with pytest.warns(UserWarning, match="leaves out 'relu', 'matmul': it is computed between layers"):
        assert a2n.record(model, TOKENS, layers="all").layers == ["hidden"]
    with pytest.raises(ValueError, match="last hidden layer of the network is 'relu', which cannot"):
        a2n.record(model, TOKENS)


def test_what_a_composite_layer_returns():
    class Block(layers.Layer):
        def __init__(self):
            super().__init__(name="block")
            self.inner = layers.Dense(6, name="inner")

        def call(self, x):
            return ops.clip(self.inner(x) + x, -1, 1)

    keras.utils.set_random_seed(0)
    block = Block()
    model = keras.Sequential([keras.Input((6,)), block, layers.Dense(2)])
    raster = a2n.record(model, X)
    assert raster.layers == ["block"]
    np.testing.assert_array_equal(raster.to_dense(), ops.convert_to_numpy(block(X)) > 0)


DRAWN = {
    "a seed of its own": lambda net, x: net.first(x) + keras.random.normal((len(x), 8), seed=net.seeds),
    "the seed of all": lambda net, x: net.first(x) + keras.random.normal((len(x), 8)),
    "dropout": lambda net, x: keras.random.dropout(net.first(x), 0.5, seed=net.seeds),
}


@pytest.mark.parametrize("case", DRAWN)
def test_layers_behind_random_numbers_are_named(case):
    net = make(lambda net, x: ops.relu(DRAWN[case](net, x)))
    with pytest.warns(UserWarning, match="'second:input', 'second': values are others each time"):
        a2n.record(net, X, layers="all")
    a2n.record(net, X, layers="first")  # warns of nothing
    if case == "the seed of all":
        return
    with pytest.warns(UserWarning, match="values are others each time"):
        first = a2n.record(net, X)
    with pytest.warns(UserWarning, match="values are others each time"):
        assert first == a2n.record(net, X)
    rng = np.random.default_rng(0)
    trials = a2n.record(net, X, trials=2, stochastic=True, rng=rng)
    first, second = (trials.select(samples=trials.samples["trial"] == k).to_dense() for k in (0, 1))
    assert (first != second).any()


def test_code_that_needs_values_is_run_as_it_is_written():
    def scale(net, x):
        return ops.relu(net.first(x)) * (2.0 if float(ops.max(ops.abs(x))) < 99 else 3.0)

    net = make(scale)
    expected = ops.convert_to_numpy(net.first(X)) > 0
    np.testing.assert_array_equal(a2n.record(net, X, batch_size=7).to_dense(), expected)


def test_looking_at_the_code_leaves_no_trace():
    net = make(BETWEEN["a gate"])
    before = [(layer.name, len(layer._inbound_nodes)) for layer in [net, *net.layers]]
    name = layers.ReLU().name
    a2n.record(net, X)
    assert before == [(layer.name, len(layer._inbound_nodes)) for layer in [net, *net.layers]]
    number = int(name.rpartition("_")[2]) if name[-1].isdigit() else 0
    assert layers.ReLU().name == f"re_lu_{number + 1}"
    assert not any("symbolic_call" in vars(layer) for layer in [net, *net.layers])
