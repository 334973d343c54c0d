"""Every kind of torch network, against the modules called by hand."""

import numpy as np
import pytest

import ann2neo as a2n
from tests.recording.models import inputs, record_dense

torch = pytest.importorskip("torch")
F, nn = torch.nn.functional, torch.nn
models = pytest.importorskip("tests.recording.torch_models")
N, mlp, with_weights = models.N, models.mlp, models.with_weights


def by_hand(*functions):
    """Functions that take and give tensors, one after the other, as a function of arrays."""

    def run(x):
        value = torch.tensor(x)
        with torch.no_grad():
            for function in functions:
                value = function(value)
        return value.numpy()

    return run


def bits(values, threshold=0):
    return values.reshape(len(values), -1) > threshold


@pytest.mark.parametrize("inplace", [False, True])
def test_sequential_network(inplace):
    model, x = mlp(inplace=inplace), inputs(N, 6)
    copy = mlp()
    expected = [by_hand(*copy[:n])(x) for n in range(1, 6)]
    assert 0 < bits(expected[3]).mean() < 1
    raster = a2n.record(model, x, batch_size=8)
    assert raster.layers == ["3"]
    np.testing.assert_array_equal(raster.to_dense(), bits(expected[3]))
    # What a layer gave, not what a ReLU in place made of it.
    raster = a2n.record(model, x, layers=["0", "2", "4"], threshold=-1, batch_size=8)
    np.testing.assert_array_equal(raster.to_dense(), np.hstack([bits(e, -1) for e in expected[::2]]))
    assert a2n.record(model, x, layers="all").layers == ["1", "3", "4"]
    np.testing.assert_array_equal(record_dense(model, x, model[2]), bits(expected[2]))


def test_annotations_name_network_framework_device_and_weights():
    model, x = mlp(), inputs(4, 6)
    said = a2n.record(model, x).annotations
    assert said["network"] == "Sequential"
    assert said["framework"] == f"torch {torch.__version__}"
    assert said["backend"] == "cpu"
    assert said["weights_hash"] == a2n.record(mlp(), x).annotations["weights_hash"]
    assert said["weights_hash"] != a2n.record(with_weights(mlp(), 5), x).annotations["weights_hash"]
    assert a2n.record(model, x, annotations={"network": "mine"}).annotations["network"] == "mine"


@pytest.mark.parametrize("dtype", [">f8", np.float16, torch.bfloat16, "gradient", "reversed", "fixed"])
def test_floats_of_any_kind_take_the_precision_of_the_network(dtype):
    model, x = mlp(), inputs(N, 6)
    if dtype == "reversed":
        given = x[::-1].copy()[::-1]
    elif dtype == "fixed":
        given = x.copy()
        given.flags.writeable = False
    elif dtype == "gradient":
        given = torch.tensor(x, requires_grad=True)
    else:
        given = torch.tensor(x).to(dtype) if dtype is torch.bfloat16 else x.astype(dtype)
    np.testing.assert_array_equal(record_dense(model, given, "3"), record_dense(model, x, "3"))


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "float32", "float64"])
def test_activations_are_compared_in_the_precision_of_the_network(precision):
    # Whole-number weights: other sums differ by where in memory the samples lie.
    model = with_weights(nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 1)))
    model[0].weight.data /= 8
    model = model.to(getattr(torch, precision))
    x = inputs(N, 6)
    with torch.no_grad():
        values = model[:2](torch.tensor(x).to(getattr(torch, precision)))
    middle = values.flatten().sort().values[values.numel() // 2]
    # A level that only the network's own precision takes for that value.
    for level in (float(middle), float(middle) - 1e-9):
        own = values > torch.tensor(level, dtype=torch.float64).to(values.dtype)
        np.testing.assert_array_equal(record_dense(model, x, "1", threshold=level), own.numpy())


def functional_values(model, x):
    model = model.eval()
    first = by_hand(model.conv, model.norm, torch.relu)(x)
    return first, by_hand(nn.Flatten(), model.fc, torch.relu)(first)


def test_functions_between_modules():
    model, x = with_weights(models.Functional()), inputs(N, 2, 5, 4)
    model.fc.weight.data, model.fc.bias.data = model.fc.weight.data[:, :36], model.fc.bias.data
    first, second = functional_values(model, x)
    raster = a2n.record(model, x, layers="relu", batch_size=8)
    assert raster.layers == ["relu:0", "relu:1"]
    np.testing.assert_array_equal(raster.to_dense(), np.hstack([bits(first), bits(second)]))
    assert a2n.record(model, x).layers == ["relu:1"]
    assert a2n.record(model, x, layers="all").layers == ["conv", "relu:0", "relu:1", "out"]


@pytest.mark.parametrize(
    "function",
    [
        F.relu,
        torch.relu,
        torch.Tensor.relu,
        torch.relu_,
        lambda x: F.relu(input=x),
        lambda x: F.relu(x, inplace=True),
        lambda x: x.relu_(),
    ],
)
def test_every_way_to_call_a_function(function):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(6, 5))
            self.out = nn.Linear(5, 2)

        def forward(self, x):
            x = function(self.inner(x))
            x -= 2  # in place, after the function
            return self.out(x)

    model, x = with_weights(Net()), inputs(N, 6)
    values = by_hand(model.inner)(x)
    np.testing.assert_array_equal(record_dense(model, x, "relu"), bits(values))
    np.testing.assert_array_equal(record_dense(model, x, "inner.0", threshold=-1), bits(values, -1))
    assert a2n.record(model, x, layers="all").layers == ["relu", "out"]


def test_functions_inside_modules_carry_their_path():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(6, 6)

        def forward(self, x):
            return x + F.gelu(self.fc(x))

    class Swish(nn.Module):
        def forward(self, x):
            return x * torch.sigmoid(x)

    model = with_weights(nn.Sequential(Block(), nn.Linear(6, 6), Swish(), Block(), nn.Linear(6, 2)))
    raster = a2n.record(model, inputs(N, 6), layers="all")
    assert raster.layers == ["0.gelu", "2", "3.gelu", "4"]
    swish = by_hand(*model[:3])(inputs(N, 6))
    np.testing.assert_array_equal(raster.select(layer="2").to_dense(), bits(swish))


@pytest.mark.parametrize("inplace", [False, True])
def test_module_used_twice_is_recorded_at_each_use(inplace):
    model, x = with_weights(models.Residual(inplace)), inputs(N, 6)
    once = by_hand(model.fc1, torch.relu)(x)
    before = by_hand(model.fc2)(once)
    twice = np.maximum(before + x, 0)
    raster = a2n.record(model, x, layers="relu", batch_size=8)
    assert raster.layers == ["relu:0", "relu:1"]
    np.testing.assert_array_equal(raster.to_dense(), np.hstack([bits(once), bits(twice)]))
    np.testing.assert_array_equal(record_dense(model, x, model.relu), raster.to_dense())
    np.testing.assert_array_equal(record_dense(model, x, "fc2", threshold=-3), bits(before, -3))
    assert a2n.record(model, x).layers == ["relu:1"]
    assert a2n.record(model, x, layers="all").layers == ["relu:0", "fc2", "relu:1", "out"]


def test_samples_are_never_overwritten():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 2))
    for make in (np.array, torch.tensor):
        x = make(inputs(N, 6).tolist())
        a2n.record(model, x, layers="0")
        np.testing.assert_array_equal(np.asarray(x), inputs(N, 6))
        a2n.record(model, [x], layers="0")
        np.testing.assert_array_equal(np.asarray(x), inputs(N, 6))


class Wrapped(nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.body = wrap(nn.Sequential(nn.Linear(6, 5), nn.ReLU()))
        self.out = nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.body(x))


def compile_eager(module):
    return torch.compile(module, backend="eager")


def compile_in_place(module):
    module.compile(backend="eager")
    return module


@pytest.mark.parametrize("wrap", [compile_eager, nn.DataParallel, compile_in_place])
def test_compiled_and_parallel_networks_are_the_network_inside(wrap):
    x, expected = inputs(N, 6), record_dense(mlp(), inputs(N, 6), "3")
    outer = wrap(mlp())
    raster = a2n.record(outer, x, layers="all", batch_size=8)
    assert raster.layers == ["1", "3", "4"]
    assert raster.annotations["network"] == "Sequential"
    np.testing.assert_array_equal(raster.select(layer="3").to_dense(), expected)
    assert raster.annotations == a2n.record(mlp(), x, layers="all").annotations
    inner = with_weights(Wrapped(wrap))
    assert a2n.record(inner, x, layers="all").layers == ["body.1", "out"]
    plain = with_weights(Wrapped(lambda module: module))
    for layer in ("body", "body.0"):
        np.testing.assert_array_equal(record_dense(inner, x, layer), record_dense(plain, x, layer))


def test_several_inputs_and_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.LSTM(3, 4, batch_first=True)
            self.out = nn.Linear(4, 2)

        def forward(self, a, b):
            steps, (hidden, _) = self.cell(a)
            return {"p": self.out(steps[:, -1]), "q": (hidden[0] + b, None)}

    torch.manual_seed(0)
    model, a, b = Two(), inputs(N, 5, 3), inputs(N, 4)
    with torch.no_grad():
        steps = model.cell(torch.tensor(a))[0].numpy()
    for given in ((a, b), {"b": b, "a": a}):
        raster = a2n.record(model, given, layers="cell[0]", batch_size=8)
        np.testing.assert_array_equal(raster.to_dense(), bits(steps))
        assert list(raster.units["step"].unique()) == [0, 1, 2, 3, 4]
    assert a2n.record(model, (a, b), layers="all").layers == ["cell[0]", "out"]
    assert a2n.record(model, (a, b)).layers == ["cell[0]"]
    # The states of torch's recurrent layers have their layers first.
    with torch.no_grad():
        hidden = model.cell(torch.tensor(a))[1][0][0].numpy()
    np.testing.assert_array_equal(record_dense(model, (a, b), "cell[1]", batch_size=8), bits(hidden))


def test_data_loaders():
    model, x, y = mlp(), inputs(N, 6), np.arange(N) % 3
    data = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
    expected = a2n.record(model, x, labels=y)
    assert a2n.record(model, torch.utils.data.DataLoader(data, batch_size=8)) == expected
    without = torch.utils.data.DataLoader(torch.tensor(x), batch_size=8)
    assert a2n.record(model, without) == a2n.record(model, x)
    assert a2n.record(model, torch.tensor(x), labels=torch.tensor(y)) == expected
    with pytest.raises(ValueError, match="is the data set batched"):
        a2n.record(model, data)
    # The column sample_index would not be true, nor would labels given beside.
    drawn = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True)
    with pytest.raises(ValueError, match="in the order of the data set, got a DataLoader with a Random"):
        a2n.record(model, drawn)


def token_ids(n_tokens=5):
    return np.random.default_rng(0).integers(0, 11, (N, n_tokens))


def test_tokens_as_samples():
    torch.manual_seed(0)
    model, ids = models.Feedforward(), token_ids()
    mask = np.arange(5) < np.random.default_rng(1).integers(1, 6, N)[:, None]
    loader = torch.utils.data.DataLoader(
        [{"input_ids": i, "attention_mask": m} for i, m in zip(ids, mask, strict=True)], batch_size=8
    )
    values = by_hand(model.words, lambda v: v * torch.tensor(mask)[..., None], model.up, model.act)(ids)
    for samples in ({"input_ids": ids, "attention_mask": mask}, loader):
        raster = a2n.record(model, samples, layers="act", conv_units="channels", batch_size=8)
        np.testing.assert_array_equal(raster.to_dense(), values.reshape(-1, 7) > 0)
        at = raster.samples
        # As the documentation of `record` leaves padding out.
        kept = raster.select(samples=np.flatnonzero(mask[at["sample_index"], at["step"]]))
        np.testing.assert_array_equal(kept.to_dense(), values[mask] > 0)
    assert a2n.record(model, ids).layers == ["act"]
    every = a2n.record(model, ids, layers="all")
    assert every.layers == ["act", "down"]
    assert set(every.units["step"]) == set(range(5))


def test_transformer_layers_of_torch():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 1, 7, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x = inputs(N, 5, 4)
    raster = a2n.record(model, x, layers="all", conv_units="channels", batch_size=8)
    assert "layers.1.relu" in raster.layers
    assert a2n.record(model, x).layers == ["layers.1.relu"]
    noted = []
    handle = model.layers[0].linear1.register_forward_hook(lambda m, i, o: noted.append(o))
    with torch.no_grad():
        model.eval()(torch.tensor(x))
    handle.remove()
    bits_found = record_dense(model, x, "layers.0.relu", batch_size=N, conv_units="channels")
    np.testing.assert_array_equal(bits_found, noted[0].numpy().reshape(-1, 7) > 0)


def test_a_tiny_gpt2_of_transformers():
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        n_layer=2,
        n_head=2,
        n_embd=8,
        n_inner=12,
        n_positions=8,
        vocab_size=11,
        bos_token_id=0,
        eos_token_id=0,
    )
    model, ids = transformers.GPT2Model(config), token_ids()
    raster = a2n.record(model, {"input_ids": ids}, layers="h.0.mlp.act", conv_units="channels")
    assert (raster.n_units, raster.n_samples) == (12, N * 5)
    noted = []
    handle = model.h[0].mlp.act.register_forward_hook(lambda m, i, o: noted.append(o))
    with torch.no_grad():
        model.eval()(input_ids=torch.tensor(ids))
    handle.remove()
    np.testing.assert_array_equal(raster.to_dense(), noted[0].numpy().reshape(-1, 12) > 0)
    assert a2n.record(model, ids).layers == ["h.1.mlp.act"]
