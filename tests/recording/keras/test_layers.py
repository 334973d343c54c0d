"""Which layers are recorded, what they are called, and where their units lie."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl

import ann2neo as a2n
from ann2neo.recording.keras.activations import name_activation
from ann2neo.recording.keras.calls import Call, find_paths
from ann2neo.recording.keras.layers import find_places, make_site
from tests.recording.models import cut, inputs, mlp, record_dense, with_weights

N = 21


def two_encoders():
    def encoder(name, inner):
        return keras.Sequential([keras.Input((4,)), kl.Dense(4, "relu", name=inner)], name=name)

    start = keras.Input((4,))
    joined = kl.Concatenate()([encoder("a", "d")(start), encoder("b", "d")(start)])
    outer = kl.Dense(3, "relu", name="outer")(joined)
    return with_weights(keras.Model(start, kl.Dense(1, name="out")(outer)))


def test_a_name_that_fits_several_layers_is_refused_with_the_candidates():
    model = two_encoders()
    with pytest.raises(ValueError, match=re.escape("could be any of ['a.d', 'b.d']")):
        a2n.record(model, inputs(N, 4), layers="d")
    assert a2n.record(model, inputs(N, 4), layers=["b.d", "a.d"]).layers == ["b.d", "a.d"]


def test_a_full_name_is_never_ambiguous():
    inner = keras.Sequential([keras.Input((4,)), kl.Dense(4, "relu", name="d")], name="enc")
    model = keras.Sequential(
        [keras.Input((4,)), inner, kl.Dense(5, "relu", name="d"), kl.Dense(1, name="out")]
    )
    assert a2n.record(model, inputs(N, 4), layers="d").n_units == 5
    assert a2n.record(model, inputs(N, 4), layers="enc.d").n_units == 4


def test_unknown_layers_are_refused_with_those_there_are():
    model, x = mlp(), inputs(N, 6)
    with pytest.raises(ValueError, match=r"among \['first', 'second', 'out'\], got 'third'"):
        a2n.record(model, x, layers="third")
    with pytest.raises(ValueError, match=r"got <Dense.*calls \['first', 'second', 'out'\]"):
        a2n.record(model, x, layers=kl.Dense(3))
    with pytest.raises(ValueError, match=r"at least one of \['first'.*got \[\]"):
        a2n.record(model, x, layers=[])
    with pytest.raises(ValueError, match="each layer once"):
        a2n.record(model, x, layers=["first", model.get_layer("first")])


def test_layer_objects_and_names_mix():
    model, x = mlp(), inputs(N, 6)
    expected = cut(model, "second", "first")(x)
    np.testing.assert_array_equal(record_dense(model, x, [model.get_layer("second"), "first"]), expected)


def test_last_hidden_and_all_leave_out_what_has_no_nodes():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            kl.Dense(5, name="linear"),
            kl.BatchNormalization(name="norm"),
            kl.Activation("relu", name="act"),
            kl.Dropout(0.5),
            kl.Dense(4, name="late"),
            kl.Dense(2, name="logits"),
            kl.Softmax(name="soft"),
        ]
    )
    x = inputs(N, 6)
    assert a2n.record(with_weights(model), x).layers == ["act"]
    with pytest.warns(UserWarning, match="soft"):
        assert a2n.record(model, x, layers="all").layers == ["linear", "act", "late", "logits", "soft"]
    np.testing.assert_array_equal(record_dense(model, x, ["norm", "act"]), cut(model, "norm", "act")(x))


def test_last_hidden_without_activation_functions_is_the_last_layer_before_the_output():
    model = keras.Sequential([keras.Input((6,)), kl.Dense(5, name="a"), kl.Dense(4, name="b")])
    assert a2n.record(model, inputs(3, 6)).layers == ["a"]


def test_network_without_hidden_layers():
    model = keras.Sequential([keras.Input((6,)), kl.Dense(2, name="only")])
    with pytest.raises(ValueError, match=r"no hidden layer.*\['only'\]"):
        a2n.record(model, inputs(3, 6))
    assert a2n.record(model, inputs(3, 6), layers="only").n_units == 2


def test_network_without_weights():
    model = keras.Sequential([keras.Input((6, 2)), kl.MaxPooling1D(2, name="pool")])
    with pytest.raises(ValueError, match=r"no layer with weights.*\['pool'\]"):
        a2n.record(model, inputs(3, 6, 2))
    np.testing.assert_array_equal(
        record_dense(model, inputs(3, 6, 2), "pool"), cut(model, "pool")(inputs(3, 6, 2))
    )


def test_layers_of_the_same_name():
    class Twins(keras.Model):
        def __init__(self):
            super().__init__()
            self.one, self.two = kl.Dense(4, "relu", name="d"), kl.Dense(3, "relu", name="d")

        def call(self, x):
            return self.two(self.one(x))

    model, x = Twins(), inputs(N, 4)
    model(x[:1])
    for layers in ("all", "d"):
        with pytest.raises(ValueError, match="several layers called 'd'"):
            a2n.record(model, x, layers=layers)
    assert a2n.record(model, x, layers=model.two).n_units == 3


def test_convolutions_carry_channel_row_and_column():
    model = with_weights(
        keras.Sequential(
            [
                keras.Input((5, 4, 2)),
                kl.Conv2D(3, 2, activation="relu", name="conv"),
                kl.Flatten(),
                kl.Dense(2, "relu", name="dense"),
                kl.Dense(1),
            ]
        )
    )
    x = inputs(N, 5, 4, 2)
    values = keras.Model(model.inputs, model.get_layer("conv").output).predict(x, verbose=0)
    raster = a2n.record(model, x, layers=["conv", "dense"], batch_size=8)
    for row in range(raster.n_units - 2):
        unit = raster.units.iloc[row]
        expected = values[:, unit["row"], unit["column"], unit["channel"]] > 0
        np.testing.assert_array_equal(raster.to_dense()[:, row], expected)
    assert (raster.select(layer="dense").units[["channel", "row", "column"]] == -1).all(axis=None)

    channels = a2n.record(model, x, layers="conv", conv_units="channels", batch_size=8, labels=range(N))
    assert list(channels.units["channel"]) == [0, 1, 2]
    assert channels.n_samples == N * 4 * 3
    for time in range(channels.n_samples):
        at = channels.samples.iloc[time]
        assert at["label"] == at["sample_index"]
        expected = values[at["sample_index"], at["row"], at["column"]] > 0
        np.testing.assert_array_equal(channels.to_dense()[time], expected)


@pytest.mark.parametrize(
    ("layer", "first"),
    [
        (kl.Conv2D(4, 3, data_format="channels_first"), True),
        (kl.Conv2D(4, 3, data_format="channels_last"), False),
        (kl.TimeDistributed(kl.Conv2D(4, 3, data_format="channels_first")), True),
        (kl.Activation("relu"), True),
        (kl.BatchNormalization(axis=1), True),
        (kl.Dense(4), False),
    ],
)
def test_where_the_channels_lie(layer, first):
    """On sites alone: TensorFlow on a CPU cannot run channels_first."""
    beside = kl.Conv2D(1, 1, data_format="channels_last" if layer.name == "x" else "channels_first")
    value = np.zeros((2, 4, 5, 6), np.float32)
    if not isinstance(layer, kl.TimeDistributed) and not isinstance(layer, kl.Conv2D):
        layer.build(value.shape)
    paths = {id(layer): ("it", layer), id(beside): ("beside", beside)}
    (output,) = find_places(paths, [Call(layer, [], [value])])
    found = make_site(output, paths)
    assert found.axes() == (("channel", "row", "column") if first else ("row", "column", "channel"))
    assert found.units()["channel"].max() == (3 if first else 5)


def test_where_channels_lie_must_be_known():
    act, one, other = kl.Activation("relu"), kl.Conv2D(1, 1, data_format="channels_first"), kl.Flatten()
    paths = {id(layer): (layer.name, layer) for layer in (act, one, other)}
    (output,) = find_places(paths, [Call(act, [], [np.zeros((2, 4, 5, 6))])])
    with pytest.raises(ValueError, match="both channels_first and channels_last"):
        make_site(output, paths)


@pytest.mark.parametrize("kind", ["functional", "nested"])
def test_channels_are_not_guessed_after_a_permute(kind):
    x = inputs(N, 6, 4)
    front = [kl.Conv1D(5, 1, name="conv"), kl.Permute((2, 1)), kl.ReLU(name="act")]
    if kind == "nested":
        front = [keras.Sequential([keras.Input((6, 4)), *front], name="inner")]
    back = [kl.Dense(3, "relu", name="dense"), kl.ReLU(name="after"), kl.Flatten(), kl.Dense(1)]
    model = with_weights(keras.Sequential([keras.Input((6, 4)), *front, *back]))
    for layer in ["act"] if kind == "functional" else ["inner.act", "inner"]:
        assert "channel" not in a2n.record(model, x, layers=layer).units
        with pytest.raises(ValueError, match=rf"'{layer}', shape \(5, 6\) a sample, is not known"):
            a2n.record(model, x, layers=layer, conv_units="channels")
    for layer, n_channels in [("conv", 5), ("dense", 3), ("after", 3)]:
        assert a2n.record(model, x, layers=layer, conv_units="channels").n_units == n_channels


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (kl.Dense(1), "linear"),
        (kl.Dense(1, "sigmoid"), "sigmoid"),
        (kl.ReLU(), "relu"),
        (kl.ReLU(negative_slope=0.1), "leaky_relu"),
        (kl.ELU(), "elu"),
        (kl.ELU(alpha=2.0), "scaled elu"),
        (kl.Softmax(), "softmax"),
        (kl.TimeDistributed(kl.Dense(1, "softplus")), "softplus"),
        (kl.Bidirectional(kl.LSTM(1)), "bidirectional tanh"),
        (kl.Flatten(), "linear"),
    ],
)
def test_activation_names(layer, name):
    assert name_activation(layer) == name


def test_own_recurrent_layers_are_one_node():
    class MyLSTM(kl.LSTM):
        def call(self, sequences, initial_state=None, mask=None, training=False):
            return super().call(sequences, initial_state, mask, training)

    model = keras.Sequential([keras.Input((5, 3)), MyLSTM(4, name="mine"), kl.Dense(1, name="out")])
    assert [path for path, _ in find_paths(model).values()] == ["mine", "out"]
    x = inputs(N, 5, 3)
    np.testing.assert_array_equal(record_dense(with_weights(model), x, "mine"), cut(model, "mine")(x))


def test_subclassed_model_whose_layers_cannot_be_observed():
    class Bare(keras.Model):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 2))

        def call(self, x):
            return keras.ops.matmul(x, self.kernel)

    model = Bare()
    model(inputs(1, 4))
    with pytest.raises(
        ValueError, match=r"no layer of this network could be observed.*record\(activations"
    ):
        a2n.record(model, inputs(N, 4))


def test_layers_inside_a_compiled_function():
    class Compiled(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = kl.Dense(3, "relu", name="inner")

        @tf.function
        def call(self, x):
            return self.inner(x)

    model, x = Compiled(), inputs(N, 4)
    model.inner.build((None, 4))
    model.built = True
    with pytest.raises(
        ValueError,
        match=r"'inner' cannot be recorded: it runs inside a compiled function.*run_functions_eagerly",
    ):
        a2n.record(model, x, layers="inner")
    tf.config.run_functions_eagerly(True)
    try:
        bits = record_dense(model, x, "inner")
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_array_equal(bits, np.asarray(model.inner(x)) > 0)


def test_network_without_weights_yet():
    with pytest.raises(ValueError, match="'unbuilt' has no weights yet: build it"):
        a2n.record(keras.Sequential([kl.Dense(3)], name="unbuilt"), inputs(3, 4))


def test_samples_that_do_not_fit_the_network():
    message = (
        r"samples do not fit .* is \(3, 5\) of float32, it takes \(None, 6\).*is the data set batched"
    )
    with pytest.raises(ValueError, match=message):
        a2n.record(mlp(), inputs(3, 5))


def test_layer_whose_first_axis_is_not_the_samples():
    start = keras.Input((4,))
    folded = kl.Lambda(lambda x: keras.ops.reshape(x, (-1, 2)), output_shape=(2,), name="fold")(start)
    model = keras.Model(start, kl.Dense(1)(folded))
    with pytest.raises(ValueError, match="'fold' cannot be recorded: it gave 16 rows for 8 samples"):
        a2n.record(model, inputs(8, 4), layers="fold")
