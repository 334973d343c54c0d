"""Models as users have them, none of them made by `ann2neo.training`."""

import keras

layers = keras.layers


def build_branched():
    """Functional, with a nested model, dropout, batch normalization and a penalty on weights."""
    inner_input = keras.Input((6,))
    inner = keras.Model(inner_input, layers.Dense(5, "tanh", name="within")(inner_input), name="nested")
    inputs = keras.Input((6,))
    left = layers.Dropout(0.3)(layers.Dense(7, "relu", name="left", kernel_regularizer="l2")(inputs))
    right = layers.BatchNormalization(name="norm")(inner(inputs))
    joined = layers.Concatenate()([left, right])
    return keras.Model(inputs, layers.Dense(3, "softmax", name="classes")(joined), name="branched")


def build_embedded():
    """Takes whole numbers."""
    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(4, 3, name="embedding"),
            layers.Flatten(),
            layers.Dense(3, "softmax", name="classes"),
        ]
    )


def straight(final="softmax"):
    """Three dense layers, always the same."""
    first, second, third = (keras.initializers.GlorotUniform(seed) for seed in (4, 5, 6))
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, "relu", name="first", kernel_initializer=first),
            layers.Dense(7, "relu", name="second", kernel_initializer=second),
            layers.Dense(3, final, name="third", kernel_initializer=third),
        ],
        name="straight",
    )


@keras.saving.register_keras_serializable("ann2neo_tests")
class Subclassed(keras.Model):
    """Can be made anew: Keras keeps what its constructor was given."""

    def __init__(self, width=4, **options):
        super().__init__(**options)
        self.width = width
        self.first = layers.Dense(width, "relu", name="first")
        self.second = layers.Dense(3, "softmax", name="second")

    def call(self, inputs):
        return self.second(self.first(inputs))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


class Unrepeatable(Subclassed):
    """Says nothing of how it was made."""

    def get_config(self):
        raise NotImplementedError("no configuration")
