"""Run by test_callbacks.py under each Keras backend."""

import sys

if __name__ == "__main__":
    # `fit` would import TensorFlow, where it is installed, to ask whether the data are of its kind.
    sys.modules["tensorflow"] = None

from tests.monitoring import test_batch_norm, test_callbacks

if __name__ == "__main__":
    test_callbacks.test_training_is_bit_identical_with_and_without_a_monitor({})
    test_callbacks.test_each_look_is_the_network_of_that_step()
    test_callbacks.test_diverged_training_says_when()
    test_batch_norm.test_inference_is_then_what_training_mode_gives()
    test_batch_norm.test_the_network_is_as_it_was_also_if_the_block_raises()
    test_batch_norm.test_training_is_bit_identical_with_looks_by_such_averages()
    test_batch_norm.test_weights_that_training_mode_changes_are_as_they_were_within_too()
    test_batch_norm.test_a_network_not_yet_built()
