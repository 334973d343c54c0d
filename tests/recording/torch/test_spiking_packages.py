"""Networks of packages for spiking networks: their spikes are what is recorded, step by step."""

import numpy as np
import pytest

import ann2neo as a2n

torch = pytest.importorskip("torch")
nn = torch.nn
N, STEPS = 10, 4
X = np.random.default_rng(0).standard_normal((N, STEPS, 6)).astype("float32")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


class Spiking(nn.Module):
    """A layer of spiking units, called at each step or with all of them."""

    def __init__(self, units, run):
        super().__init__()
        self.fc, self.units, self.out, self.run = nn.Linear(6, 8), units, nn.Linear(8, 2), run

    def forward(self, x):
        spikes = self.run(self.units, 8 * self.fc(x.transpose(0, 1)))
        return self.out(spikes).sum(0)


def in_turn(step, currents, state):
    spikes = []
    for current in currents:
        now, state = step(current, state)
        spikes.append(now)
    return torch.stack(spikes)


def snntorch():
    package = pytest.importorskip("snntorch", reason="snnTorch is not installed")

    def run(units, currents):
        return in_turn(units, currents, units.init_leaky())

    return package.Leaky(beta=0.8), run, "units[0]", None


def snntorch_with_hidden_state():
    package = pytest.importorskip("snntorch", reason="snnTorch is not installed")

    def run(units, currents):
        return torch.stack([units(current) for current in currents])

    return package.Leaky(beta=0.8, init_hidden=True), run, "units", lambda units: units.reset_mem()


def snntorch_synaptic():
    package = pytest.importorskip("snntorch", reason="snnTorch is not installed")

    def run(units, currents):
        def step(current, state):
            spikes, *rest = units(current, *state)
            return spikes, rest

        return in_turn(step, currents, units.init_synaptic())

    return package.Synaptic(alpha=0.7, beta=0.8), run, "units[0]", None


def norse():
    package = pytest.importorskip("norse.torch", reason="norse is not installed")
    return package.LIFCell(), lambda units, currents: in_turn(units, currents, None), "units[0]", None


def spikingjelly(mode):
    package = pytest.importorskip("spikingjelly.activation_based", reason="spikingjelly is missing")
    from spikingjelly.activation_based import functional, neuron

    def run(units, currents):
        if mode == "m":
            return units(currents)
        return torch.stack([units(current) for current in currents])

    assert package
    return neuron.LIFNode(step_mode=mode), run, "units", functional.reset_net


PACKAGES = {
    "snnTorch": snntorch,
    "snnTorch, hidden state": snntorch_with_hidden_state,
    "snnTorch, synaptic": snntorch_synaptic,
    "norse": norse,
    "spikingjelly, step by step": lambda: spikingjelly("s"),
    "spikingjelly, all steps": lambda: spikingjelly("m"),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_spikes_are_those_of_the_package(name):
    torch.manual_seed(0)
    units, run, layer, reset = PACKAGES[name]()
    network = Spiking(units, run).eval()
    with torch.no_grad():
        spikes = run(units, 8 * network.fc(torch.tensor(X).transpose(0, 1)))
        if reset is not None:
            reset(units)
    expected = spikes.transpose(0, 1).flatten(1).numpy() > 0
    assert 0.05 < expected.mean() < 0.95
    for batch_size in (1, 3, N):
        raster = a2n.record(network, X, batch_size=batch_size)
        assert raster.layers == [layer]
        np.testing.assert_array_equal(raster.to_dense(), expected)
    tokens = a2n.record(network, X, layers=layer, conv_units="channels")
    np.testing.assert_array_equal(tokens.to_dense(), expected.reshape(-1, 8))
    assert layer in a2n.record(network, X, layers="all").layers
