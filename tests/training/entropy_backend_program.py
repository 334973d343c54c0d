"""Run by test_entropy_regularizer.py under each other Keras backend."""

import sys

if __name__ == "__main__":
    # `fit` would import TensorFlow, where it is installed, to ask whether the data are of its kind.
    sys.modules["tensorflow"] = None

from tests.training import test_entropy_regularizer as tests

if __name__ == "__main__":
    tests.test_value_is_the_entropy(65)
    tests.test_a_layer_adds_strength_times_entropy()
    tests.test_gradient_is_the_one_of_the_notes(3)
    assert tests.train_entropy(0.1, 0) < 1
