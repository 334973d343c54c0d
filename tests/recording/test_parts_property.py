"""Parts of a recording, however ragged and whoever made them first, are the recording."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ann2neo as a2n

torch = pytest.importorskip("torch")

N_INPUTS = 3


@pytest.fixture(scope="module")
def network():
    """Of small whole numbers, so that activations are exact whatever the size of a batch."""
    generator = torch.Generator().manual_seed(0)
    layers = [torch.nn.Linear(N_INPUTS, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4), torch.nn.ReLU()]
    made = torch.nn.Sequential(*layers, torch.nn.Linear(4, 2))
    with torch.no_grad():
        for weights in made.parameters():
            weights.copy_(torch.randint(-2, 3, weights.shape, generator=generator))
    return made


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_ragged_parts_in_any_order_are_the_recording(network, data):
    n_samples = data.draw(st.one_of(st.sampled_from([1, 63, 64, 65, 130]), st.integers(1, 150)))
    cuts = data.draw(st.sets(st.integers(1, max(1, n_samples - 1)), max_size=5))
    edges = [0, *sorted(cut for cut in cuts if cut < n_samples), n_samples]
    layers = data.draw(st.sampled_from(["all", "last_hidden", ["0"], ["3", "1"]]))
    samples = np.random.default_rng(n_samples).integers(-3, 4, (n_samples, N_INPUTS)).astype(np.float32)
    labels = np.arange(n_samples) % 3

    def record(start, stop):
        return a2n.record(
            network,
            samples[start:stop],
            labels=labels[start:stop],
            layers=layers,
            first_sample=start,
            batch_size=data.draw(st.integers(1, 70)),
            progress=False,
        )

    ends = list(itertools.pairwise(edges))
    made = {place: record(*place) for place in data.draw(st.permutations(ends))}
    parts = [made[place] for place in ends]
    whole = record(0, n_samples)
    # Parts may have been shown in batches of another size, which is all that may tell them apart.
    annotations = dict(whole.annotations)
    assert a2n.concat(parts, over="samples", annotations=annotations) == whole
