"""A short seeded slice of the campaign on files: see files.py."""

from functools import partial

import pytest

from tests.campaigns import files
from tests.campaigns.activation_files import mutate_activations

SLICES = {
    "kills": (partial(files.kill_writers, 6, every=40), 12),
    "disk": (partial(files.fill_disks, 6), 6),
    "mutations": (partial(files.mutate_files, 5), 25),
    "activations": (partial(mutate_activations, 14), 14),
    "rivals": (partial(files.meet_rivals, 1), 5),
}


@pytest.mark.parametrize("part", SLICES)
def test_nothing_is_lost_wrong_or_left_behind(part, tmp_path, monkeypatch):
    if part == "activations":
        pytest.importorskip("torch", reason="the torch extra is not installed")
    monkeypatch.setattr(files.isolation, "SECONDS", 30)
    run, n_outcomes = SLICES[part]
    outcomes = list(run(1, tmp_path))
    assert len(outcomes) >= n_outcomes
    assert not [one for one in outcomes if files.is_bad(one)]
