"""Every Keras backend that is installed, each in a process of its own."""

import pytest

from tests.keras_backends import NEEDS, run_under


@pytest.mark.parametrize("backend", NEEDS)
def test_recording_under(backend):
    run_under(backend, "tests.recording.backend_program", backend)
