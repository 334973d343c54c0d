"""Every kind of Keras network, against a model cut at the layer or the layers called by hand."""

import keras
import numpy as np
import pytest
from keras import layers as kl

import ann2neo as a2n
from tests.recording.models import cut, inputs, mlp, record_dense, with_weights

N = 21  # two batches of 8 and a last one of 5


def test_sequential_model():
    model, x = mlp(), inputs(N, 6)
    raster = a2n.record(model, x, layers=["first", "second"], batch_size=8)
    expected = cut(model, "first", "second")(x)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(raster.to_dense(), expected)
    assert raster.layers == ["first", "second"]
    np.testing.assert_array_equal(raster.units["unit_index"], [*range(9), *range(7)])
    np.testing.assert_array_equal(raster.samples["sample_index"], range(N))


def test_annotations_name_network_framework_and_weights():
    model, x = mlp(name="judge"), inputs(4, 6)
    said = a2n.record(model, x).annotations
    assert said["network"] == "judge"
    assert said["framework"] == f"keras {keras.__version__}"
    assert said["backend"] == keras.backend.backend()
    assert said["weights_hash"] == a2n.record(mlp(), x).annotations["weights_hash"]
    other = a2n.record(with_weights(mlp(), seed=5), x)
    assert said["weights_hash"] != other.annotations["weights_hash"]
    assert a2n.record(model, x, annotations={"network": "mine"}).annotations["network"] == "mine"


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64, np.float16])
def test_inputs_of_any_type(dtype):
    model, x = mlp(), np.abs(inputs(N, 6)).astype(dtype)
    np.testing.assert_array_equal(record_dense(model, x, "first"), cut(model, "first")(x))


def multi_input():
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    hidden = kl.Dense(5, "relu", name="joined")(kl.Concatenate()([a, b]))
    outputs = {"p": kl.Dense(2, name="p")(hidden), "q": kl.Dense(1, name="q")(hidden)}
    return with_weights(keras.Model({"a": a, "b": b}, outputs))


@pytest.mark.parametrize("as_tuple", [False, True])
def test_several_inputs_and_outputs(as_tuple):
    model, x = multi_input(), {"a": inputs(N, 4), "b": inputs(N, 3, seed=2)}
    expected = np.hstack([cut(model, "joined")(x), cut(model, "p", "q")(x)])
    if as_tuple:
        model = keras.Model([model.inputs[0], model.inputs[1]], list(model.outputs))
        x = (x["a"], x["b"])
    np.testing.assert_array_equal(record_dense(model, x, ["joined", "p", "q"]), expected)
    assert a2n.record(model, x).layers == ["joined"]


def test_one_input_in_a_tuple():
    model, x = mlp(), inputs(N, 6)
    np.testing.assert_array_equal(record_dense(model, (x,), "first"), cut(model, "first")(x))


def test_shared_layer_records_each_use():
    shared = kl.Dense(6, "relu", name="sh")
    start = keras.Input((6,))
    model = with_weights(keras.Model(start, kl.Dense(1, name="out")(shared(shared(start)))))
    x = inputs(N, 6)
    once = np.asarray(shared(x))
    expected = np.hstack([once, np.asarray(shared(once))]) > 0
    assert not np.array_equal(expected[:, :6], expected[:, 6:])
    raster = a2n.record(model, x, layers="sh", batch_size=8)
    assert raster.layers == ["sh:0", "sh:1"]
    np.testing.assert_array_equal(raster.to_dense(), expected)
    np.testing.assert_array_equal(record_dense(model, x, shared), expected)
    np.testing.assert_array_equal(record_dense(model, x, "sh:1"), expected[:, 6:])


def test_nested_model_used_twice():
    inner = keras.Sequential([keras.Input((4,)), kl.Dense(4, "relu", name="d")], name="enc")
    a, b = keras.Input((4,)), keras.Input((4,))
    joined = kl.Concatenate()([inner(a), inner(b)])
    model = with_weights(keras.Model([a, b], kl.Dense(1, name="out")(joined)))
    x = inputs(N, 4), inputs(N, 4, seed=2)
    expected = np.hstack([np.asarray(inner(one)) > 0 for one in x])
    assert not np.array_equal(expected[:, :4], expected[:, 4:])
    assert a2n.record(model, x, layers="enc.d").layers == ["enc.d:0", "enc.d:1"]
    for name in ("enc.d", "d", "enc", inner, inner.get_layer("d")):
        np.testing.assert_array_equal(record_dense(model, x, name), expected)
    assert a2n.record(model, x, layers="all").layers == ["enc.d:0", "enc.d:1", "out"]


class Loop(keras.Model):
    """Calls a list of layers, and one of them again if `again`; takes no `training`."""

    def __init__(self, again=0):
        super().__init__(name="loop")
        self.blocks = [kl.Dense(5, "relu", name=f"block{i}") for i in range(3)]
        self.head = kl.Dense(2, name="head")
        self.again = again

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        for _ in range(self.again):
            x = self.blocks[-1](x)
        return self.head(x)


@pytest.mark.parametrize("eager", [False, True])
def test_subclassed_model_that_loops_over_layers(eager):
    model, x = Loop(), inputs(N, 5)
    model(x[:1])
    with_weights(model).compile(run_eagerly=eager)
    expected, value = [], x
    for block in model.blocks:
        value = np.asarray(block(value))
        expected.append(value > 0)
    raster = a2n.record(model, x, layers="all", batch_size=8)
    assert raster.layers == ["block0", "block1", "block2", "head"]
    head = np.asarray(model.head(value)) > 0
    np.testing.assert_array_equal(raster.to_dense(), np.hstack([*expected, head]))
    np.testing.assert_array_equal(record_dense(model, x, "last_hidden"), expected[-1])


def test_subclassed_model_of_models_and_composite_layers():
    class Block(keras.layers.Layer):
        def __init__(self, name):
            super().__init__(name=name)
            self.inner = kl.Dense(4, "relu", name="inner")

        def call(self, x, training=False):
            return x + self.inner(x)

    class Deep(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [Block("one"), Block("two")]

        def call(self, x, training=False):
            for part in self.parts:
                x = part(x, training=training)
            return x

    model, x = Deep(), inputs(N, 4)
    model(x[:1])
    with_weights(model)
    one = np.asarray(model.parts[0].inner(x))
    two = np.asarray(model.parts[1].inner(x + one))
    raster = a2n.record(model, x, layers="all", batch_size=8)
    assert raster.layers == ["one.inner", "two.inner"]
    np.testing.assert_array_equal(raster.to_dense(), np.hstack([one, two]) > 0)
    np.testing.assert_array_equal(record_dense(model, x, "two", threshold=1), x + one + two > 1)


def test_layers_called_another_number_of_times_are_refused():
    model, x = Loop(), inputs(N, 5)
    model(x[:1])
    model.compile(run_eagerly=True)
    growing = iter([0, 0, 1])

    def batches():
        for start in (0, 8):
            model.again = next(growing)
            yield x[start : start + 8]
        model.again = 1
        yield x[16:]

    assert record_dense(model, batches(), "block0").shape == (N, 5)
    growing = iter([0, 1])
    with pytest.raises(ValueError, match=r"\['block2'\] as often"):
        record_dense(model, batches(), "block2")


def test_recurrent_outputs_and_states():
    start = keras.Input((5, 3))
    _, hidden, _ = kl.LSTM(4, return_sequences=True, return_state=True, name="lstm")(start)
    model = with_weights(keras.Model(start, kl.Dense(1, name="out")(hidden)))
    x = inputs(N, 5, 3)
    expected = [np.asarray(part) for part in model.get_layer("lstm")(x)]
    assert expected[2].max() > 1
    raster = a2n.record(model, x, layers="lstm", batch_size=8)
    assert raster.layers == ["lstm[0]", "lstm[1]", "lstm[2]"]
    flat = np.hstack([part.reshape(N, -1) for part in expected])
    np.testing.assert_array_equal(raster.to_dense(), flat > 0)
    # The cell state leaves the range of tanh: no false warning that it cannot be silent.
    np.testing.assert_array_equal(record_dense(model, x, "lstm[2]", threshold=-1.5), expected[2] > -1.5)
    units = raster.select(layer="lstm[0]").units
    np.testing.assert_array_equal(units["step"], np.repeat(np.arange(5), 4))
    np.testing.assert_array_equal(units["channel"], np.tile(np.arange(4), 5))


def test_embedding_time_distributed_and_bidirectional():
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            kl.Embedding(7, 3, name="words"),
            kl.TimeDistributed(kl.Dense(4, "relu"), name="each"),
            kl.Bidirectional(kl.GRU(2, return_sequences=True), name="both"),
            kl.GlobalMaxPooling1D(name="pool"),
            kl.Dense(1, name="out"),
        ]
    )
    with_weights(model)
    x = np.random.default_rng(0).integers(0, 7, (N, 5))
    raster = a2n.record(model, x, layers=["words", "each", "both", "pool"], batch_size=8)
    np.testing.assert_array_equal(raster.to_dense(), cut(model, *raster.layers)(x))
    assert a2n.record(model, x, layers="all").layers == ["each", "both", "out"]
    assert a2n.record(model, x).layers == ["both"]
    assert list(raster.select(layer="each").units["step"].unique()) == [0, 1, 2, 3, 4]


def test_float16_is_compared_as_float16():
    model = keras.Sequential(
        [keras.Input((6,)), kl.Dense(9, "tanh", name="h"), kl.Dense(1)], name="half"
    )
    half = keras.Sequential(
        [keras.Input((6,)), kl.Dense(9, "tanh", name="h", dtype="mixed_float16"), kl.Dense(1)]
    )
    rng = np.random.default_rng(0)
    half.set_weights([rng.normal(0, 0.1, w.shape) for w in with_weights(model).get_weights()])
    x = inputs(N, 6)
    values = keras.Model(half.inputs, half.get_layer("h").output).predict(x, verbose=0)
    assert values.dtype == np.float16
    level = float(np.sort(values, axis=None)[values.size // 2]) + 1e-9
    np.testing.assert_array_equal(
        record_dense(half, x, "h", threshold=level), values > np.float16(level)
    )


def test_quantized_layers():
    model, x = mlp(), inputs(N, 6)
    for name in ("first", "second"):
        model.get_layer(name).quantize("int8")
    assert model.get_layer("first").quantization_mode == "int8"
    np.testing.assert_array_equal(record_dense(model, x, "first"), cut(model, "first")(x))
