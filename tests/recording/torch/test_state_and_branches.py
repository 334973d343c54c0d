"""State wherever a network keeps it, what it computes beside its output, experts that see some rows."""

import collections
import threading

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


class Slots:
    __slots__ = ("n", "seen")

    def __init__(self):
        self.n = 0


class Called:
    n = 0

    def __call__(self):
        self.n += 1
        return self.n


class Moved(nn.Module):
    """Changes something of its own in each run, and what it returns with it."""

    shared = 0

    def __init__(self, start, move):
        super().__init__()
        self.fc, self.act, self.out, self.move = nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2), move
        self.kept = start()

    def forward(self, x):
        hidden = self.fc(x)
        shift = self.move(self)
        return self.out(self.act(hidden + 0.3 * shift))


def count_in_slots(net):
    net.kept.n += 1
    net.kept.seen = "x"
    return net.kept.n


def count_in_order(net):
    net.kept[len(net.kept)] = 1
    return len(net.kept)


def count_in_class(net):
    type(net).shared += 1
    return type(net).shared


def shift_past_the_counter(net):
    net.out.bias.data.add_(0.1)
    return 1


def replace_a_parameter(net):
    net.out.bias = nn.Parameter(net.out.bias + 0.1)
    return 1


def freeze(net):
    net.fc.weight.requires_grad_(False)
    net.fc.weight.grad = None
    return 1


def grow(net):
    net.more = nn.Linear(2, 2)
    return 1


def hook(net):
    net.out.register_forward_hook(lambda *_: None)
    return 1


MOVED = {
    "slots": (Slots, count_in_slots),
    "an object that is called": (Called, lambda net: net.kept()),
    "an ordered dict": (collections.OrderedDict, count_in_order),
    "a dict of lists": (
        lambda: collections.defaultdict(list),
        lambda net: net.kept["a"].append(1) or len(net.kept["a"]),
    ),
    "the class": (int, count_in_class),
    "the data of a parameter": (int, shift_past_the_counter),
    "a parameter in another's place": (int, replace_a_parameter),
    "gradients": (int, freeze),
    "a new module": (int, grow),
    "a hook": (int, hook),
}


def look_at(net):
    kept = net.kept
    return (
        *(kept.n if hasattr(kept, "n") else dict(kept) if isinstance(kept, dict) else kept,),
        *(hasattr(kept, "seen"), type(net).shared, net.out.bias.tolist(), net.fc.weight.requires_grad),
        *(id(net.fc.weight.grad), id(net.out.bias), list(net._modules), len(net.out._forward_hooks)),
    )


@pytest.mark.parametrize("case", MOVED)
def test_whatever_moves_is_put_back_and_moves_no_spike(case):
    torch.manual_seed(0)
    network = Moved(*MOVED[case])
    network.fc.weight.grad = torch.ones(8, 6)
    before = look_at(network)
    with torch.no_grad():
        alone = (network.fc(torch.from_numpy(X)) + 0.3 > 0).numpy()
    for batch_size in (1, 5, 12):
        raster = a2n.record(network, X, layers="act", batch_size=batch_size)
        np.testing.assert_array_equal(raster.to_dense(), alone)
        assert look_at(network) == before


class Failing(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.fc, self.norm, self.act = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU()
        self.error, self.log = error, []

    def forward(self, x):
        self.log.append(x)
        if len(x) == 2:  # the last batch
            raise self.error
        return self.act(self.norm(self.fc(x)))


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), RuntimeError("no"), MemoryError(), KeyError("k")]
)
def test_a_recording_that_is_broken_off_leaves_the_network_as_it_was(error):
    network = Failing(error).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises((type(error), ValueError)):
        a2n.record(network, X, layers="act", batch_size=10)
    assert network.training
    assert network.norm.training
    assert network.log == []
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    with pytest.raises((type(error), ValueError)):  # not locked either
        a2n.record(network, X, layers="act", batch_size=10)


def test_four_threads_record_one_network():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2)
    ).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    expected = a2n.record(network, X, layers="2", progress=False)
    found = [None] * 4

    def record(k):
        found[k] = a2n.record(network, X, layers="2", batch_size=k + 1, progress=False)

    threads = [threading.Thread(target=record, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(raster.to_dense().tolist() == expected.to_dense().tolist() for raster in found)
    assert all(module.training for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


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


class Graph(nn.Module):
    """Holds which nodes are neighbors as a sparse buffer."""

    def __init__(self, layout):
        super().__init__()
        neighbors = (torch.rand(5, 5) < 0.5).float()
        self.register_buffer("neighbors", getattr(neighbors, f"to_sparse{layout}")())
        self.fc, self.act, self.out = nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)

    def forward(self, x):
        hidden = self.act(self.fc(x))
        flat = hidden.transpose(0, 1).flatten(1)
        mixed = torch.sparse.mm(self.neighbors, flat).unflatten(1, (len(x), -1)).transpose(0, 1)
        return self.out(mixed).mean(1)


@pytest.mark.parametrize("layout", ["", "_csr"])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_sparse_buffers(layout):
    torch.manual_seed(0)
    network = Graph(layout)
    before = network.neighbors.to_dense().clone()
    x = np.random.default_rng(0).standard_normal((12, 5, 3)).astype("float32")
    raster = a2n.record(network, x, batch_size=5)
    assert raster.layers == ["act"]
    with torch.no_grad():
        expected = network.act(network.fc(torch.tensor(x))).flatten(1).numpy() > 0
    np.testing.assert_array_equal(raster.to_dense(), expected)
    assert torch.equal(network.neighbors.to_dense(), before)
    assert network.neighbors.layout == (torch.sparse_csr if layout else torch.sparse_coo)


class WithOptions(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.act, self.out = nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)

    def forward(self, x, labels=None, use_cache=True, mask=None):
        assert use_cache is False
        assert mask is None
        return self.out(self.act(self.fc(x)))


def test_options_and_labels_in_batches_that_are_dicts():
    torch.manual_seed(0)
    network = WithOptions()
    options = {"use_cache": False, "mask": None}
    whole = a2n.record(network, {"x": X, "labels": np.arange(12), **options})
    assert whole.samples["label"].tolist() == list(range(12))
    batches = [{"x": X[i : i + 5], "labels": np.arange(12)[i : i + 5], **options} for i in (0, 5, 10)]
    assert a2n.record(network, batches) == whole
    with torch.no_grad():
        expected = network.fc(torch.tensor(X)).numpy() > 0
    np.testing.assert_array_equal(whole.to_dense(), expected)
