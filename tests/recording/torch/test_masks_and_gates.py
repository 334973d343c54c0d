"""Masks, choices among units, gates and random numbers between layers: recorded as what the next layer
reads, or named."""

import numpy as np
import pytest

import ann2neo as a2n

torch = pytest.importorskip("torch")
F, nn = torch.nn.functional, torch.nn
N = 24
X = np.random.default_rng(0).standard_normal((N, 6)).astype("float32")


class Net(nn.Module):
    """What lies between `first` or `gate`, and `second`, is `between`."""

    def __init__(self, between, width=8):
        super().__init__()
        self.first, self.gate, self.second = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(width, 3)
        self.codes, self.between = nn.Embedding(5, 8), between

    def forward(self, x):
        return self.second(self.between(self, x))


def fill_below(net, x):
    h = net.first(x)
    h[h < 0.1] = 0
    return h


def copy_above(net, x):
    h, made = net.first(x), torch.zeros(len(x), 8)
    made[h > 0] = h[h > 0]
    return made


def keep_largest(net, x):
    h = net.first(x)
    values, places = h.topk(3, -1)
    return torch.zeros_like(h).scatter(-1, places, values)


def keep_winners(net, x):
    h = net.first(x).relu()
    return h * (h >= h.topk(3, -1).values[..., -1:])


def keep_by_mask(net, x):
    h = net.first(x)
    kept = torch.zeros_like(h, dtype=torch.bool)
    kept.scatter_(1, h.topk(2, 1).indices, True)
    return h.masked_fill(~kept, 0)


def keep_by_place(net, x):
    h = net.first(x).clone()
    h[(h < 0.1).nonzero(as_tuple=True)] = 0
    return h


def win_locally(net, x):
    h = net.first(x).view(-1, 4, 2)
    return (h * (h == h.max(-1, keepdim=True).values)).flatten(1)


def choose_by_rank(net, x):
    h = net.first(x)
    return torch.where(h >= torch.kthvalue(h, 5, -1, keepdim=True).values, h, 0.0)


def quantize(net, x):
    h = net.first(x)
    return h + (h.round() - h).detach()


def compute_elsewhere(net, x):
    return torch.from_numpy(np.maximum(net.first(x).numpy(), 0.2))


BETWEEN = {
    "a mask in place": (fill_below, "__setitem__"),
    "a copy by a mask": (copy_above, "__setitem__"),
    "the largest, scattered": (keep_largest, "scatter"),
    "winners of a rectifier": (keep_winners, "mul"),
    "a mask turned round": (keep_by_mask, "masked_fill"),
    "places": (keep_by_place, "__setitem__"),
    "local winners": (win_locally, "mul"),
    "a rank": (choose_by_rank, "where"),
    "maxout": (lambda net, x: net.first(x).view(-1, 4, 2).max(-1).values, "max[0]"),
    "maxout without places": (lambda net, x: net.first(x).view(-1, 4, 2).amax(-1), "amax"),
    "maxout of halves": (lambda net, x: torch.maximum(*net.first(x).chunk(2, -1)), "maximum"),
    "the larger of two layers": (lambda net, x: torch.max(net.first(x), net.gate(x)), "max"),
    "softmax": (lambda net, x: F.softmax(net.first(x), -1), "softmax"),
    "threshold": (lambda net, x: F.threshold(net.first(x), 0.3, 0), "threshold"),
    "a gate": (lambda net, x: net.first(x) * torch.sigmoid(net.gate(x)), "mul"),
    "a product": (lambda net, x: net.first(x) * net.gate(x), "mul"),
    "a product by Einstein": (
        lambda net, x: torch.einsum("nd,nd->nd", net.first(x), net.gate(x)),
        "einsum",
    ),
    "a mixture": (
        lambda net, x: torch.lerp(net.first(x).tanh(), net.gate(x), net.first(x).sigmoid()),
        "lerp",
    ),
    "steps": (lambda net, x: torch.round(net.first(x)), "round"),
    "the largest as a code": (
        lambda net, x: F.one_hot(net.first(x).argmax(-1), 8).float(),
        "one_hot",
    ),
    "a code book": (
        lambda net, x: net.codes(torch.cdist(net.first(x), net.codes.weight).argmin(-1)),
        "codes",
    ),
    "lengths": (
        lambda net, x: torch.view_as_complex(net.first(x).view(-1, 4, 2)).abs(),
        "abs",
    ),
    "a square of a rectifier": (lambda net, x: net.first(x).relu() ** 2, "pow"),
    "NumPy": (compute_elsewhere, "second:input"),
}


@pytest.mark.parametrize("case", BETWEEN)
@pytest.mark.parametrize("batch_size", [1, 7, N])
def test_what_the_next_layer_reads_is_recorded(case, batch_size):
    between, layer = BETWEEN[case]
    torch.manual_seed(0)
    with torch.no_grad():
        width = between(Net(between), torch.tensor(X)).shape[-1]
        net = Net(between, width)
        values = np.concatenate([between(net, torch.tensor(X[k : k + 1])).numpy() for k in range(N)])
    raster = a2n.record(net, X, threshold=0.15, batch_size=batch_size)
    assert raster.layers == [layer]
    np.testing.assert_array_equal(raster.to_dense(), values > 0.15)
    assert layer in a2n.record(net, X, layers="all", threshold=0.15).layers
    assert a2n.list_layers(net, X).set_index("layer").loc[layer, "in_all"]


def test_steps_by_a_gradient_that_is_handed_through():
    torch.manual_seed(0)
    assert a2n.record(Net(quantize), X, layers="all", threshold=0.15).layers == ["round", "second"]


NONE = {
    "the largest is taken off": lambda net, x: net.first(x) - net.first(x).amax(-1, keepdim=True),
    "a sum of exponentials": lambda net, x: net.first(x) - net.first(x).logsumexp(-1, keepdim=True),
    "a scale for each sample": lambda net, x: net.first(x) * net.gate(x).mean(-1, keepdim=True),
    "a mask of the samples": lambda net, x: net.first(x).masked_fill(x[:, :1] > 0, 0.0),
    "zeros beside": lambda net, x: torch.where(torch.arange(8) > 3, net.first(x), 0.0),
}


@pytest.mark.parametrize("case", NONE)
def test_what_is_no_function_of_a_unit(case):
    torch.manual_seed(0)
    layers = a2n.record(Net(NONE[case]), X, layers="all").layers
    assert {layer.partition(":")[0] for layer in layers} <= {"first", "gate", "second"}


TIED = {
    "matmul": lambda h, weight: h @ weight.T,
    "linear": F.linear,
    "einsum": lambda h, weight: torch.einsum("nd,kd->nk", h, weight),
    "cdist": torch.cdist,
    "norm": lambda h, weight: (h[:, None] - weight).norm(dim=-1),
    "sum": lambda h, weight: ((h[:, None] - weight) ** 2).sum(-1),
    "mean": lambda h, weight: -(h[:, None] * weight).mean(-1),
}


@pytest.mark.parametrize("product", TIED)
def test_tied_weights_make_the_output(product):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.codes, self.hidden = nn.Embedding(5, 8), nn.Linear(8, 8)

        def forward(self, tokens):
            return TIED[product](self.hidden(self.codes(tokens)).relu(), self.codes.weight)

    torch.manual_seed(0)
    model, tokens = Tied(), np.arange(N) % 5
    assert a2n.record(model, tokens).layers == ["relu"]
    assert a2n.record(model, tokens, layers="all").layers == ["relu", product]


def test_a_scale_for_each_unit_is_no_product():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = nn.Linear(6, 8), nn.Linear(8, 3)
            self.scale = nn.Parameter(torch.ones(8))

        def forward(self, x):
            return self.out((self.hidden(x).relu() * self.scale).sum(1))

    steps = np.random.default_rng(1).standard_normal((N, 5, 6)).astype("float32")
    assert a2n.record(Scaled(), steps, layers="all").layers == ["relu", "out"]


def test_a_mixture_of_experts_is_no_gate():
    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.router, self.out = nn.Linear(6, 2), nn.Linear(6, 3)
            self.experts = nn.ModuleList(
                nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 6)) for _ in range(2)
            )

        def forward(self, x):
            weights = self.router(x).softmax(-1)
            made = sum(weights[:, k : k + 1] * expert(x) for k, expert in enumerate(self.experts))
            return self.out(made)

    torch.manual_seed(0)
    assert a2n.record(Experts(), X).layers == ["experts.1.1"]


def test_channels_of_images_that_are_let_through():
    class Squeezing(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.gate = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 1)
            self.project, self.out = nn.Conv2d(4, 5, 1), nn.Linear(5, 2)

        def forward(self, x):
            h = self.hidden(x)
            h = h * self.gate(h.mean((2, 3), keepdim=True)).sigmoid()
            return self.out(self.project(h).mean((2, 3)))

    torch.manual_seed(0)
    images = np.random.default_rng(0).standard_normal((N, 2, 6, 6)).astype("float32")
    model = Squeezing()
    raster = a2n.record(model, images)
    assert raster.layers == ["mul"]
    with torch.no_grad():
        h = model.hidden(torch.tensor(images))
        values = h * model.gate(h.mean((2, 3), keepdim=True)).sigmoid()
    np.testing.assert_array_equal(raster.to_dense(), (values.flatten(1) > 0).numpy())


def test_a_highway_lets_its_samples_through():
    class Highway(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.gate, self.out = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2)

        def forward(self, x):
            gate = self.gate(x).sigmoid()
            return self.out(gate * self.fc(x).relu() + (1 - gate) * x)

    torch.manual_seed(0)
    raster = a2n.record(Highway(), X, layers="all", threshold=0.01)
    assert raster.layers == ["sigmoid", "relu", "mul:0", "out"]


DRAWN = {
    "dropout": (lambda net, x: F.dropout(net.first(x).relu()), "relu", "second"),
    "noise": (lambda net, x: (net.first(x) + torch.randn(len(x), 8)).relu(), "first", "relu"),
    "noise of NumPy": (
        lambda net, x: (net.first(x) + torch.from_numpy(np.random.random((len(x), 8)))).float().relu(),  # noqa: NPY002
        "first",
        "relu",
    ),
    "Gumbel": (lambda net, x: F.gumbel_softmax(net.first(x), hard=True), None, "gumbel_softmax"),
    "chances": (lambda net, x: net.first(x).sigmoid().bernoulli(), "sigmoid", "bernoulli"),
    "a drawn code": (
        lambda net, x: net.codes(torch.multinomial(net.first(x).softmax(-1)[:, :5], 1)[:, 0]),
        "first",
        "codes",
    ),
}


@pytest.mark.parametrize("case", DRAWN)
@pytest.mark.parametrize("batch_size", [1, N])
def test_layers_behind_random_numbers_are_named(case, batch_size):
    between, steady, drawn = DRAWN[case]
    torch.manual_seed(0)
    net = Net(between)
    options = {"threshold": 0.15, "batch_size": batch_size}
    with pytest.warns(UserWarning, match=rf"{drawn}'.*: values are others each time") as said:
        raster = a2n.record(net, X, layers="all", **options)
    assert steady is None or f"'{steady}'" not in str(said[0].message)
    with pytest.warns(UserWarning, match="values are others each time"):
        assert raster == a2n.record(net, X, layers="all", **options)
    if steady is not None:
        a2n.record(net, X, layers=steady, **options)  # warns of nothing
    # Asked for, they are trials.
    rng = np.random.default_rng(0)
    trials = a2n.record(net, X, layers=drawn, trials=2, stochastic=True, rng=rng, **options)
    first, second = (trials.select(samples=trials.samples["trial"] == k).to_dense() for k in (0, 1))
    assert (first != second).any()
