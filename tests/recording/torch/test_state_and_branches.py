"""State wherever a network keeps it, what it computes beside its output, experts that see some rows."""

import numpy as np
import pytest

import ann2neo as a2n

torch = pytest.importorskip("torch")
nn = torch.nn
X = np.random.default_rng(0).standard_normal((12, 6)).astype("float32")


class Membrane(nn.Module):
    """Leaks from run to run, kept where it is told."""

    def __init__(self, keep):
        super().__init__()
        self.fc, self.out, self.keep = nn.Linear(6, 8), nn.Linear(8, 2), keep
        self.kept, self.listed, self.n_calls = {}, [], 0

    def forward(self, x):
        now = self.fc(3 * x)
        before = self.kept.get("v") if self.keep == "dict" else (self.listed or [None])[-1]
        if before is not None and before.shape == now.shape:
            now = 0.9 * before + now
        self.n_calls += 1
        if self.keep == "dict":
            self.kept["v"] = now
        else:
            self.listed.append(now)
        return self.out((now > 1).to(x.dtype))


@pytest.mark.parametrize("keep", ["dict", "list"])
def test_spikes_do_not_depend_on_batches_and_nothing_is_kept(keep):
    torch.manual_seed(0)
    network = Membrane(keep)
    with torch.no_grad():
        alone = (network.fc(3 * torch.from_numpy(X)) > 1).numpy()
    for batch_size in (1, 3, 4, 12):
        raster = a2n.record(network, X, layers="out:input", batch_size=batch_size)
        np.testing.assert_array_equal(raster.to_dense(), alone)
        assert raster.annotations["state"] == "put back before each batch"
    assert (network.kept, network.listed, network.n_calls) == ({}, [], 0)


class Outside(nn.Module):
    """Keeps a count where no network can be looked at."""

    def __init__(self):
        super().__init__()
        self.fc, self.act, self.out = nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)

    def forward(self, x):
        COUNT.append(1)
        return self.out(self.act(self.fc(x) + 0.3 * len(COUNT)))


COUNT = []


@pytest.mark.parametrize("batch_size", [1, 4])
def test_state_that_cannot_be_put_back_is_refused(batch_size):
    with pytest.raises(ValueError, match=r"'act'.*(other values each time|depend on the other samples)"):
        a2n.record(Outside(), X, layers="act", batch_size=batch_size)


class Heads(nn.Module):
    def __init__(self, head):
        super().__init__()
        self.fc, self.act, self.out, self.head = nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4), head

    def forward(self, x):
        hidden = self.act(self.fc(x))
        return self.head(hidden, self.out(hidden))


HEADS = {
    "computed beside": lambda h, o: (torch.tanh(h), o)[1],
    "a dict of a dict": lambda h, o: {"a": {"b": o}, "features": (h,)},
    "softmax": lambda h, o: o.softmax(-1),
    "reshaped": lambda h, o: o.sigmoid().view(-1, 2, 2),
    "scaled": lambda h, o: 2 * torch.tanh(o) + 1,
    "clipped": lambda h, o: torch.tanh(o).clamp(-0.5, 0.5),
}


@pytest.mark.parametrize("head", HEADS)
def test_the_last_hidden_layer_lies_on_the_way_to_the_output(head):
    raster = a2n.record(Heads(HEADS[head]), X)
    assert raster.layers == ["act"]


def test_an_encoder_that_returns_its_features_has_no_hidden_layer():
    with pytest.raises(ValueError, match=r"no hidden layer; name the layers to record among .*'act'"):
        a2n.record(Heads(lambda h, o: h), X)


class Routed(nn.Module):
    """Experts that see the rows of samples above or below a level."""

    def __init__(self, level):
        super().__init__()
        self.level = level
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 8), nn.ReLU()) for _ in range(2))
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        hidden = torch.zeros(len(x), 8)
        for expert, mine in zip(
            self.experts, (x[:, 0] <= self.level, x[:, 0] > self.level), strict=True
        ):
            if mine.any():
                hidden[mine] = expert(x[mine])
        return self.out(hidden)


def test_an_expert_that_saw_all_samples_of_the_trial_but_not_all_is_refused():
    x = np.tile(X[:1], (100, 1))
    x[:, 1] = np.arange(100) / 100
    x[97, 0] = 50.0  # no sample of the trial
    with pytest.raises(ValueError, match=r"'experts\.0\.1' cannot be recorded: it gave 99 rows for 100"):
        a2n.record(Routed(40.0), x, layers="experts.0.1")


def test_an_expert_that_starves_in_the_trial_is_left_out_of_all_with_a_word():
    x = np.tile(X[:1], (100, 1))
    x[:, 1] = np.arange(100) / 100
    x[97, 0] = 50.0
    with pytest.warns(UserWarning, match=r"leaves out 'experts\.0\.1': it gave 99 rows for 100 samples"):
        raster = a2n.record(Routed(40.0), x, layers="all")
    assert raster.layers == ["out"]
    assert raster.n_samples == 100


def test_nested_tensors_are_refused_in_words():
    with pytest.warns(UserWarning, match="prototype"):
        nested = torch.nested.nested_tensor([torch.zeros(3, 6), torch.zeros(2, 6)])
    with pytest.raises(TypeError, match="samples must be of one length, got a nested tensor"):
        a2n.record(nn.Sequential(nn.Linear(6, 3), nn.ReLU()), nested)
