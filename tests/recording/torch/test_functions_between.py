"""What acts as an activation function or as weights without being called so is recorded, or named."""

import warnings

import numpy as np
import pytest

import ann2neo as a2n

torch = pytest.importorskip("torch")
F, nn = torch.nn.functional, torch.nn
N = 20
X = np.random.default_rng(0).standard_normal((N, 6)).astype("float32")
STEPS = np.random.default_rng(1).standard_normal((N, 5, 6)).astype("float32")


class Between(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.first, self.second, self.function = nn.Linear(6, 8), nn.Linear(8, 3), function

    def forward(self, x):
        return self.second(self.function(self.first(x)))


class Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return (x > 0).to(x.dtype)


def tanh_gelu(h):
    return 0.5 * h * (1 + torch.tanh(0.7978845608 * (h + 0.044715 * h**3)))


FUNCTIONS = {
    "sin": torch.sin,
    "exp": torch.exp,
    "square": lambda h: h**2,
    "abs": torch.abs,
    "clamp": lambda h: h.clamp(0, 1),
    "where": lambda h: torch.where(h > 0, h, 0.1 * h),
    "sign": torch.sign,
    "mul": lambda h: h * torch.sigmoid(1.7 * h),
    "gelu": tanh_gelu,
    "gt": lambda h: (h > 0.1).float(),
    "spikes": Step.apply,
    "scaled and shifted": lambda h: 2 * torch.sin(h),
}


@pytest.mark.parametrize("case", FUNCTIONS)
@pytest.mark.filterwarnings("ignore:layer .* is always above the threshold")
def test_functions_of_no_name(case):
    torch.manual_seed(0)
    model = Between(FUNCTIONS[case])
    raster = a2n.record(model, X, threshold=0.2)
    with torch.no_grad():
        values = model.function(model.first(torch.tensor(X)))
    values = values / 2 if case.startswith("scaled") else values
    np.testing.assert_array_equal(raster.to_dense(), (values > 0.2).numpy())
    assert raster.layers[0] in a2n.record(model, X, layers="all").layers


NONE = {
    "a norm written out": lambda h: h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6),
    "a length": lambda h: h / h.abs().amax(-1, keepdim=True),
    "a mask from elsewhere": lambda h: h.masked_fill(torch.arange(8) > 5, 0.0),
    "attention": lambda h: (h @ h.new_ones(8, 8)).softmax(-1) * h,
}


@pytest.mark.parametrize("case", NONE)
def test_functions_that_are_none(case):
    torch.manual_seed(0)
    model = Between(NONE[case])
    assert a2n.record(model, X, layers="all").layers == ["first", "second"]
    assert a2n.record(model, X).layers == ["first"]


class Stored(nn.Module):
    """Weights that are no parameters."""

    def __init__(self, store):
        super().__init__()
        weight = torch.randn(6, 8)
        if store == "buffer":
            self.register_buffer("weight", weight)
        elif store == "attribute":
            self.weight = weight
        else:
            scale = weight.abs().max() / 127
            self.register_buffer("codes", torch.round(weight / scale).to(torch.int8))
            self.register_buffer("scale", scale)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        weight = self.codes.float() * self.scale if hasattr(self, "codes") else self.weight
        return self.out(x @ weight)


@pytest.mark.parametrize("store", ["buffer", "attribute", "codes"])
def test_weights_that_are_no_parameters(store):
    torch.manual_seed(0)
    model = Stored(store)
    raster = a2n.record(model, X, layers="all")
    assert raster.layers == ["matmul", "out"]
    inside = nn.Sequential(Stored(store))
    assert a2n.record(inside, X).layers == ["0.matmul"]


def test_an_adjacency_matrix_is_no_layer():
    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("adjacency", torch.rand(5, 5))
            self.fc, self.out = nn.Linear(6, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.out((self.adjacency @ self.fc(x)).relu())

    assert a2n.record(Graph(), STEPS, layers="all").layers == ["fc", "relu", "out"]


class LastState(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn, self.out = kind(6, 7, batch_first=True), nn.Linear(7, 2)

    def forward(self, x):
        state = self.rnn(x)[1]
        return self.out((state[0] if isinstance(state, tuple) else state)[-1])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_recurrent_layer_of_which_the_last_state_goes_on(kind):
    model = LastState(kind)
    raster = a2n.record(model, STEPS)
    assert raster.layers == ["rnn[0]"]
    with torch.no_grad():
        expected = model.rnn(torch.tensor(STEPS))[0].flatten(1).numpy() > 0
    np.testing.assert_array_equal(raster.to_dense(), expected)


def test_attention_weights_are_no_nodes():
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.out = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 2)

        def forward(self, x):
            return self.out(self.attention(x, x, x)[0])

    assert a2n.record(Attending(), STEPS, layers="all").layers == ["attention[0]", "out"]
    assert a2n.record(Attending(), STEPS, layers="attention[1]").n_units == 25


@pytest.mark.parametrize(
    "end", [lambda y: y.softmax(-1), lambda y: 2 * torch.tanh(y), lambda y: y.sigmoid().reshape(-1, 3)]
)
def test_what_bounds_the_output_is_not_hidden(end):
    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(6, 3)

        def forward(self, x):
            return end(self.out(x))

    with pytest.raises(ValueError, match="network has no hidden layer"):
        a2n.record(Policy(), X)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_scripted_parts_are_named():
    part = torch.jit.script(nn.Sequential(nn.ReLU(), nn.Linear(8, 8)))
    model = nn.Sequential(nn.Linear(6, 8), part, nn.ReLU(), nn.Linear(8, 2))
    with pytest.warns(UserWarning, match=r"leaves out '1': it is compiled by TorchScript"):
        assert a2n.record(model, X, layers="all").layers == ["0", "2", "3"]
    table = a2n.list_layers(model, X).set_index("layer")
    assert "TorchScript" in table.loc["1", "reason"]
    with pytest.raises(ValueError, match="layer '1' cannot be recorded: it is compiled by TorchScript"):
        a2n.record(model, X, layers="1")


def test_functions_that_were_compiled_are_seen():
    function = torch.compile(lambda h: torch.relu(h) * 2, backend="eager")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert a2n.record(Between(function), X, layers="all").layers == ["relu", "second"]


def test_networks_under_vmap_are_named():
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.act, self.out = nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2)

        def forward(self, x):
            return self.out(torch.vmap(lambda row: self.act(self.fc(row)))(x))

    for batch_size in (1, 8):
        with pytest.warns(UserWarning, match=r"leaves out 'act': it runs inside torch.vmap"):
            raster = a2n.record(Mapped(), X, layers="all", batch_size=batch_size)
        assert raster.layers == ["out:input", "out"]


def test_a_network_of_one_dict():
    class OfDict(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.act, self.out = nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2)

        def forward(self, batch):
            return self.out(self.act(self.fc(batch["x"])) * batch["weight"][:, None])

    torch.manual_seed(0)
    model = OfDict()
    raster = a2n.record(model, {"x": X, "weight": np.ones(N, "float32")})
    with torch.no_grad():
        np.testing.assert_array_equal(raster.to_dense(), (model.fc(torch.tensor(X)) > 0).numpy())
    with pytest.raises(ValueError, match=r"samples do not fit network 'OfDict'.*weight"):
        a2n.record(model, {"x": X, "y": X})


def masked():
    return np.ma.masked_array(X, X > 2)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (masked, "got an array with masked entries"),
        (lambda: torch.empty(4, 6, device="meta"), "a tensor on the meta device"),
        (lambda: X.astype("complex64"), "samples must be real numbers or bool"),
        (lambda: np.array([["a"] * 6] * 4), "samples must be real numbers or bool"),
    ],
)
def test_samples_without_numbers(samples, message):
    with pytest.raises((TypeError, ValueError), match=message):
        a2n.record(Between(torch.sin), samples())


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_samples_in_odd_numbers():
    model = Between(torch.sin)
    expected = a2n.record(model, X)
    assert a2n.record(model, X.astype(np.longdouble)) == expected
    coarse = torch.quantize_per_tensor(torch.tensor(X), 0.1, 0, torch.qint8)
    assert a2n.record(model, coarse) == a2n.record(model, coarse.dequantize())


def test_guards_of_exported_networks_are_told():
    program = torch.export.export(Between(torch.sin).eval(), (torch.zeros(4, 6),)).module()
    with pytest.raises(ValueError, match="samples do not fit network"):
        a2n.record(program, X, layers="all")


def test_predicates_answer_yes_or_no():
    with pytest.raises(TypeError, match="must return True or False for a layer"):
        a2n.record(Between(torch.sin), X, layers=lambda row: np.array([True, False]))
