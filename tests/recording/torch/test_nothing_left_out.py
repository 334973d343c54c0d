"""What "all" and "last_hidden" take of networks as they are built today, by kind."""

import copy
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import ann2neo as a2n
from tests.recording.models import inputs

torch = pytest.importorskip("torch")
F, nn = torch.nn.functional, torch.nn
parametrizations = nn.utils.parametrizations
N = 20


def bits(values):
    return values.detach().flatten(1).numpy() > 0


def with_head(layer, width=4, **more):
    torch.manual_seed(0)
    model = nn.Sequential()
    for name, module in {"hidden": layer, "norm": nn.LayerNorm(width), **more}.items():
        model.add_module(name, module)
    model.add_module("head", nn.Linear(width, 2))
    return model.eval()


@pytest.mark.parametrize(
    "wrap",
    [
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        parametrizations.orthogonal,
        lambda layer: (
            torch.nn.utils.parametrize.register_parametrization(layer, "bias", nn.Softplus()) and layer
        ),
    ],
)
def test_parametrized_layers_are_layers(wrap):
    model, x = with_head(wrap(nn.Linear(6, 4))), inputs(N, 6)
    raster = a2n.record(model, x, layers="all")
    assert raster.layers[-2:] == ["hidden", "head"]
    expected = bits(model.hidden(torch.tensor(x)))
    np.testing.assert_array_equal(raster.select(layer="hidden").to_dense(), expected)


class LowRank(nn.Module):
    def __init__(self, scale=1.0, own=False, dropout=False):
        super().__init__()
        self.base, self.scale = nn.Linear(6, 4), scale
        self.down, self.up = nn.Linear(6, 2, bias=False), nn.Linear(2, 4, bias=False)
        self.own = nn.Parameter(torch.randn(6, 4)) if own else None
        self.drop = nn.Dropout(0.5) if dropout else nn.Identity()

    def forward(self, x):
        found = self.base(x) + self.scale * self.up(self.down(self.drop(x)))
        return found if self.own is None else found + x @ self.own


class Inner(nn.Module):
    """A layer with weights of its own and a module inside, which acts on what they make."""

    def __init__(self, inner, inplace=False):
        super().__init__()
        self.weight, self.inner = nn.Parameter(torch.randn(4, 6)), inner

    def forward(self, x):
        return self.inner(F.linear(x, self.weight))


class NormedLinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 4))

    def forward(self, x):
        return F.normalize(x, dim=1) @ F.normalize(self.weight, dim=0)


class FeatureEmbedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 6))

    def forward(self, x):
        return (x[:, None] * self.weight).sum(-1)


class MyNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6))

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


LAYERS = {
    "adapter": LowRank,
    "scaled adapter": lambda: LowRank(0.5),
    "adapter with weights of its own": lambda: LowRank(own=True),
    "adapter with dropout": lambda: LowRank(dropout=True),
    "dropout inside": lambda: Inner(nn.Dropout()),
    "identity inside": lambda: Inner(nn.Identity()),
    "named a norm": NormedLinear,
    "named an embedding": FeatureEmbedding,
    "convolution": lambda: nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 1, 3), nn.Flatten()),
}


@pytest.mark.parametrize("case", LAYERS)
def test_layers_made_of_parts_and_odd_names(case):
    model, x = with_head(LAYERS[case]()), inputs(N, 6)
    raster = a2n.record(model, x, layers="all")
    name = "hidden.1" if case == "convolution" else "hidden"
    assert {name, "head"} <= set(raster.layers)
    expected = bits(model.hidden(torch.tensor(x)))
    np.testing.assert_array_equal(raster.select(layer=name).to_dense(), expected)


def test_an_activation_function_inside_a_layer_stands_for_it():
    model, x = with_head(Inner(nn.ReLU())), inputs(N, 6)
    raster = a2n.record(model, x, layers="all")
    assert raster.layers == ["hidden.inner", "head"]


def test_normalizations_by_what_they_do():
    model = nn.Sequential(MyNorm(), nn.Linear(6, 4), nn.RMSNorm(4), nn.ReLU(), nn.Linear(4, 2))
    assert a2n.record(model, inputs(N, 6), layers="all").layers == ["1", "3", "4"]


def test_rectifiers_by_what_they_do():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(5))

        def forward(self, x):
            x = self.layers[0](x)
            x = x * (x > 0)
            x = self.layers[1](x).clamp(min=0)
            x = torch.maximum(self.layers[2](x), torch.zeros(()))
            h = self.layers[3](x)
            x = torch.where(h > 0, h, torch.zeros_like(h))
            return self.layers[4](x) * 2.0

    torch.manual_seed(0)
    model, x = Net(), inputs(N, 6)
    found = a2n.record(model, x, layers="activations")
    assert [layer.partition(":")[0] for layer in found.layers] == ["mul", "clamp", "maximum", "where"]
    with torch.no_grad():
        value = torch.tensor(x)
        for layer, name in zip(model.layers, found.layers, strict=False):
            value = layer(value).relu()
            np.testing.assert_array_equal(found.select(layer=name).to_dense(), bits(value))
    assert a2n.record(model, x).layers == ["where"]


def test_classes_derived_from_rectifiers():
    class ReLU(nn.ReLU):
        pass

    model = nn.Sequential(nn.Linear(6, 4), ReLU(), nn.Linear(4, 2))
    monitoring = pytest.importorskip("ann2neo.monitoring.rectifiers")
    assert monitoring.find_rectifiers(model, inputs(N, 6)) == ["1"]
    assert a2n.record(model, inputs(N, 6), layers="activations").layers == ["1"]


def test_packed_sequences_are_named():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(5, 6, batch_first=True), nn.Linear(6, 3)

        def forward(self, x, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            return self.head(self.lstm(packed)[1][0][0])

    x, lengths = inputs(N, 7, 5), np.random.default_rng(0).integers(2, 8, N)
    with pytest.warns(UserWarning, match=r"leaves out 'lstm\[0\]"):
        assert a2n.record(Reader(), (x, lengths), layers="all").layers == ["head"]


def test_experts_that_see_their_own_rows_are_named():
    class Mixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate, self.head = nn.Linear(6, 2), nn.Linear(6, 2)
            self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 6), nn.ReLU()) for _ in range(2))

        def forward(self, x):
            out, chosen = torch.zeros_like(x), self.gate(x).argmax(1)
            for k, expert in enumerate(self.experts):
                rows = (chosen == k).nonzero()[:, 0]
                out[rows] = expert(x[rows])
            return self.head(out)

    torch.manual_seed(1)
    model, x = Mixture(), inputs(N, 6)
    with pytest.warns(UserWarning, match=r"leaves out .*'experts.0.1'.*'experts.1.1'"):
        assert a2n.record(model, x, layers="all").layers == ["gate", "head"]
    # Neither the router nor another layer stands in for the experts.
    with pytest.raises(ValueError, match=r"the network is 'experts\.1\.1', which can"):
        a2n.record(model, x)


def test_dynamically_quantized_layers_are_recorded_or_named():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = with_head(nn.Linear(6, 4))
        model = torch.ao.quantization.quantize_dynamic(copy.deepcopy(plain), {nn.Linear})
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        layers = a2n.record(model, inputs(N, 6), layers="all").layers
    told = " ".join(str(w.message) for w in said)
    assert all(name in layers or repr(name) in told for name in ("hidden", "head"))


@dataclass
class Outcome:
    logits: torch.Tensor
    features: torch.Tensor


class Features(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU())
        self.head, self.make = nn.Linear(4, 3), make

    def forward(self, x):
        features = self.body(x)
        return self.make(self.head(features), features)


class Policy(nn.Module):
    def __init__(self, bound):
        super().__init__()
        self.fc, self.act, self.last = nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)
        self.tanh, self.bound = nn.Tanh(), bound

    def forward(self, x):
        return self.bound(self.tanh(self.last(self.act(self.fc(x)))))


class Tokens(nn.Module):
    """Attention over tokens, and an MLP over tokens in the batch."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6))
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        h = x + self.attention(x, x, x, need_weights=False)[0]
        h = h + self.mlp(h.flatten(0, 1)).view_as(h)
        return self.head(h.mean(1))


LAST = {
    "tuple": (lambda: Features(lambda logits, f: (logits, f)), "body.3"),
    "features first": (lambda: Features(lambda logits, f: [f, logits]), "body.3"),
    "dict": (lambda: Features(lambda logits, f: {"features": f, "logits": logits}), "body.3"),
    "dataclass": (lambda: Features(Outcome), "body.3"),
    "scaled": (lambda: Policy(lambda y: 2 * y), "act"),
    "shifted and cut": (lambda: Policy(lambda y: (y + 1).clamp(0.1, 1.9)), "act"),
    "reshaped": (lambda: Policy(lambda y: y.reshape(-1, 2, 1)), "act"),
    "summed": (lambda: Policy(lambda y: y.sum(-1)), "act"),
}


@pytest.mark.parametrize("case", LAST)
def test_last_hidden_layer(case):
    make, expected = LAST[case]
    raster = a2n.record(make(), inputs(N, 6))
    assert raster.layers == [expected]
    assert raster.annotations["last_hidden"].startswith(f"{expected}: the last activation function (")


def test_last_hidden_layer_behind_reshaped_rows():
    raster = a2n.record(Tokens(), inputs(N, 3, 6))
    assert raster.layers == ["mlp.1"]
    assert raster.n_units == 24


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(6, 9), nn.Linear(6, 9), nn.Linear(9, 6)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


def test_what_a_layer_reads():
    torch.manual_seed(0)
    model, x = nn.Sequential(Gated(), Gated(), nn.Linear(6, 2)), inputs(N, 6)
    with torch.no_grad():
        value = torch.tensor(x)
        first = F.silu(model[0].gate(value)) * model[0].up(value)
        value = model[0].down(first)
        second = F.silu(model[1].gate(value)) * model[1].up(value)
    np.testing.assert_array_equal(a2n.record(model, x, layers="0.down:input").to_dense(), bits(first))
    both = a2n.record(model, x, layers="*.down:input", batch_size=8)
    assert both.layers == ["0.down:input", "1.down:input"]
    np.testing.assert_array_equal(both.to_dense(), np.hstack([bits(first), bits(second)]))


def test_ways_to_ask_for_layers():
    torch.manual_seed(0)
    model = nn.Sequential(Gated(), nn.ReLU(), Gated(), nn.Linear(6, 2))
    x = inputs(N, 6)

    def names(layers):
        return a2n.record(model, x, layers=layers).layers

    assert names("*.up") == ["0.up", "2.up"]
    assert names(nn.Linear) == ["0.gate", "0.up", "0.down", "2.gate", "2.up", "2.down", "3"]
    assert names(lambda row: row.kind == "silu") == ["0.silu", "2.silu"]
    assert names(lambda row: row.n_units == 2) == ["3"]
    assert names("activations") == ["0.silu", "1", "2.silu"]
    assert names(["1", "*.silu"]) == ["1", "0.silu", "2.silu"]
    with pytest.raises(ValueError, match=r"layers='\*.none' fits no layer of the network"):
        names("*.none")
    with pytest.raises(ValueError, match=r"did you mean '0.gate'"):
        names("0.gates")
    with pytest.raises(ValueError, match="each layer once"):
        names(["*.up", "0.up"])


def test_list_layers_says_what_can_be_recorded():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 2)), inputs(N, 6)
    table = a2n.list_layers(model, x).set_index("layer")
    assert table.index.tolist() == ["0", "1", "2", "3"]
    assert table["in_all"].tolist() == [True, False, True, True]
    assert table["in_last_hidden"].tolist() == [False, False, True, False]
    assert table.loc["1", "reason"] == "goes straight into an activation function"
    assert table["weights"].tolist() == ["0", "0", "0", "3"]
    assert table["n_units"].tolist() == [4, 4, 4, 2]
    inputs_too = a2n.list_layers(model, x, inputs=True)["layer"].tolist()
    assert inputs_too[:2] == ["0:input", "0"]
