"""Elephant unchanged: its functions on a recorded block, values against NumPy where NumPy has one."""

import numpy as np
import pytest

from tests.exchange.elephant_checks import pairs, patterns, rates, surrogates  # noqa: F401
from tests.exchange.elephant_checks.recording import ALWAYS_ON, CHECKS, SILENT, TWINS, recorded

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture(scope="module")
def recording():
    return recorded()


@pytest.fixture(scope="module")
def ran():
    """Names of Elephant's callables that were called and whose check passed."""
    return set()


class Counted:
    """Passes calls on and remembers that there were any."""

    def __init__(self, called):
        self.called, self.calls = called, 0

    def __call__(self, *args, **options):
        self.calls += 1
        return self.called(*args, **options)


def run(name, recording, ran):
    called, check = CHECKS[name]
    counted = Counted(called)
    check(counted, recording)
    assert counted.calls, f"the check of {name} never calls it"
    ran.add(name)


def test_the_recording_has_a_silent_an_always_on_and_two_equal_units(recording):
    firing = recording.active.mean(axis=1)
    assert firing[SILENT] == 0
    assert firing[ALWAYS_ON] == 1
    assert np.array_equal(*recording.active[list(TWINS)])
    assert np.all((firing[2:] > 0.02) & (firing[2:] < 0.95))


@pytest.mark.parametrize("name", CHECKS)
def test_elephant(name, recording, ran):
    run(name, recording, ran)


def test_at_least_forty_public_callables_of_elephant_were_run(recording, ran):
    for name in sorted(set(CHECKS) - ran):
        run(name, recording, ran)
    assert all(name.startswith("elephant.") for name in ran)
    assert not any(part.startswith("_") for name in ran for part in name.split("."))
    assert len(ran) >= 40
