"""Recorder and statistics against a theorem: how many second-layer units of a random network are dead.

arXiv:2412.06829: with weights and biases symmetric about 0, a second-layer unit is active at no input
with probability 1 / 2^(n₁ + 1) for n₁ ≤ n₀ units and inputs before it, (2^n₀ + 1) / 4^(n₀ + 1) for
n₁ = n₀ + 1. For n₁ ≤ n₀ the first layer takes every value of [0, ∞)^n₁, and the unit is dead if and only
if its n₁ weights and its bias all are at most 0.
"""

import numpy as np
import pytest
from scipy import stats

import ann2neo as a2n

torch = pytest.importorskip("torch")


class Blocks(torch.nn.Module):
    """Second-layer units that each have first-layer units of their own."""

    def __init__(self, n_units, n_first):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(n_units, n_first, dtype=torch.float64))
        self.bias = torch.nn.Parameter(torch.randn(n_units, dtype=torch.float64))

    def forward(self, first):
        """Pre-activations of the second layer."""
        blocks = first.reshape(len(first), *self.weight.shape)
        return torch.einsum("sui,ui->su", blocks, self.weight) + self.bias


def record_second(first, second, inputs):
    """The second layer's rectifier, recorded."""
    network = torch.nn.Sequential(first, torch.nn.ReLU(), second, torch.nn.ReLU()).double()
    return a2n.record(network, inputs, layers=["3"], progress=False)


def silent(raster):
    """Number of units that two statistics agree to be silent."""
    rates = a2n.firing_rate(raster)
    share = a2n.rate_distribution(raster)["silent_fraction"].item()
    assert share == np.mean(rates == 0)
    return int(np.count_nonzero(rates == 0))


@pytest.mark.parametrize(("n_inputs", "n_first"), [(1, 1), (3, 2), (7, 5)])
def test_as_many_as_the_theorem_says(n_inputs, n_first):
    torch.manual_seed(n_first)
    n_units = 10_000
    first = torch.nn.Linear(n_inputs, n_first).double()
    second = torch.nn.Linear(n_first, n_units).double()
    for parameter in second.parameters():
        torch.nn.init.normal_(parameter)
    # Inputs at which the first layer is silent, and at which one unit of it alone is active, far out:
    # where the second layer's activation can be largest.
    wanted = np.vstack([-np.ones(n_first), 1e9 * np.eye(n_first) - 1])
    weight, bias = (p.detach().numpy() for p in first.parameters())
    corners = (wanted - bias) @ np.linalg.pinv(weight).T
    raster = record_second(first, second, corners)
    p = 2.0 ** -(n_first + 1)
    assert stats.binomtest(silent(raster), n_units, p).pvalue > 1e-4
    # The units themselves, by their weights.
    parts = np.column_stack([one.detach().numpy() for one in second.parameters()])
    np.testing.assert_array_equal(raster.spike_counts == 0, (parts <= 0).all(axis=1))
    # And no other input wakes one that is dead.
    anywhere = np.random.default_rng(0).standard_t(1, (500, n_inputs))
    assert not (record_second(first, second, anywhere).spike_counts[raster.spike_counts == 0]).any()


@pytest.mark.parametrize("n_inputs", [1, 2])
def test_one_unit_more_than_inputs(n_inputs):
    torch.manual_seed(n_inputs)
    n_first, n_units = n_inputs + 1, 1500
    first = torch.nn.Linear(n_inputs, n_first * n_units).double()
    for parameter in first.parameters():
        torch.nn.init.normal_(parameter)
    weight, bias = (p.detach().numpy() for p in first.parameters())
    weight, bias = weight.reshape(n_units, n_first, n_inputs), bias.reshape(n_units, n_first)
    # A piecewise linear function is largest at a corner of its pieces or far out along an edge; for two
    # inputs the corners are where two of three lines meet, the edges the lines.
    if n_inputs == 1:
        corners = (-bias / weight[..., 0]).reshape(-1, 1)
        far = np.array([[-1e9], [1e9]])
    else:
        pairs = [[0, 1], [0, 2], [1, 2]]
        corners = np.concatenate(
            [np.linalg.solve(weight[:, two], -bias[:, two, None])[..., 0] for two in pairs]
        )
        along = np.stack([-weight[..., 1], weight[..., 0]], axis=-1).reshape(-1, 2)
        foot = (-bias[..., None] * weight / (weight**2).sum(-1, keepdims=True)).reshape(-1, 2)
        far = np.concatenate([foot + 1e6 * along, foot - 1e6 * along])
    raster = record_second(first, Blocks(n_units, n_first), np.concatenate([corners, far]))
    p = (2**n_inputs + 1) / 4 ** (n_inputs + 1)
    found = silent(raster)
    assert stats.binomtest(found, n_units, p).pvalue > 1e-4
    # The formula for fewer units would be wrong here; for two inputs the two are too near to tell.
    assert n_inputs == 2 or stats.binomtest(found, n_units, 2.0 ** -(n_first + 1)).pvalue < 1e-4
