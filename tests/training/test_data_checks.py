"""What is said when network and data do not fit: one line that names what is wrong."""

import re

import keras
import numpy as np
import pytest

from ann2neo.training import as_dataset
from ann2neo.training.data_checks import check_fit
from ann2neo.training.datasets import Dataset
from tests.training import own_models

dense = keras.layers.Dense
Y = np.arange(9) % 3


def of(shape=(6,), y=Y):
    return as_dataset((np.ones((9, *shape)), y))


def build_subclassed():
    network = own_models.Subclassed(5, name="subclassed")
    network(np.zeros((1, 6)))
    return network


def functional(*final):
    inputs = keras.Input((6,))
    outputs = [layer(inputs) for layer in final]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name="own")


def of_two_inputs():
    both = [keras.Input((6,)), keras.Input((4,))]
    return keras.Model(both, dense(3, "softmax")(keras.layers.Concatenate()(both)), name="both")


@pytest.mark.parametrize("shape", [(5,), (6, 6), (2, 3, 1)])
def test_samples_of_another_shape(shape):
    with pytest.raises(ValueError, match="data do not fit") as caught:
        check_fit(own_models.straight(), of(shape), False)
    assert str(caught.value) == (
        f"data do not fit network 'straight': x_train has samples of shape {shape}, "
        "the network takes (6,)"
    )
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (of_two_inputs, "the network takes (6,) and (4,)"),
        # What it takes is written in its layers only.
        (build_subclassed, "expected axis -1 of input shape to have value 6"),
    ],
)
def test_samples_a_network_cannot_take(network, reason):
    with pytest.raises(ValueError, match=r"^data do not fit network .* of shape \(5,\)") as caught:
        check_fit(network(), of((5,)), False)
    message = str(caught.value)
    assert reason in message
    assert message.isprintable()
    assert len(message) < 400


def test_sizes_left_open_agree_with_any():
    """The reason is Keras' where the shapes agree."""
    images = keras.Input((None, None, 1))
    small = keras.layers.Flatten()(keras.layers.Conv2D(3, 5)(images))
    network = keras.Model(images, keras.layers.Activation("softmax")(small), name="open")
    check_fit(network, of((5, 5, 1)), False)
    with pytest.raises(ValueError, match=r"takes \(None, None, 1\): .+"):
        check_fit(network, of((3, 3, 1)), False)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            of(y=Y + 1),
            "y_train must be class numbers from 0 to 2, as network 'own' has 3 outputs, got 3",
        ),
        (
            as_dataset((np.ones((9, 6)), Y, np.ones((9, 6)), Y + 2)),
            "y_test must be class numbers from 0 to 2, as network 'own' has 3 outputs, got 4",
        ),
        (
            Dataset("four", np.ones((9, 6)), Y, np.ones((0, 6)), Y[:0], n_classes=4),
            "network 'own' must answer a sample with 4 numbers, one a class, got outputs of shape (3,)",
        ),
    ],
)
def test_more_classes_than_outputs(data, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_fit(functional(dense(3, "softmax")), data, False)


def test_more_outputs_than_classes():
    check_fit(functional(dense(5, "softmax")), of(), False)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [dense(1, "sigmoid")],
            r"must answer a sample with 3 numbers, one a class, got outputs of shape \(1,\)$",
        ),
        ([keras.layers.Reshape((3, 2))], r"must answer a sample with 3 numbers.* of shape \(3, 2\)$"),
        ([dense(3), dense(3)], "must have one output, the classes, got a list of 2$"),
        ([dense(3, "sigmoid")], "must end in a softmax, or be trained with from_logits=True; .* sum to"),
    ],
)
def test_networks_that_answer_otherwise(layers, message):
    with pytest.raises(ValueError, match=f"^network 'own' {message}"):
        check_fit(functional(*layers), of(), False)


def test_logits_need_no_softmax():
    check_fit(functional(dense(3)), of(), True)
