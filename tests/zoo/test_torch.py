"""A zoo of torch networks: each layer recorded has the bits that plain hooks give, one sample at a time,
and each layer with weights or an activation function is recorded, or said why not."""

import warnings

import numpy as np
import pytest

import ann2neo as a2n

torch = pytest.importorskip("torch")
nn = torch.nn
zoo = pytest.importorskip("tests.zoo.torch_networks")

ACTIVATIONS = tuple(
    getattr(nn, name)
    for name in (
        "ReLU",
        "GELU",
        "SiLU",
        "Tanh",
        "ELU",
        "Mish",
        "PReLU",
        "Softplus",
        "Sigmoid",
        "Hardswish",
    )
)


@torch.no_grad()
def one_at_a_time(model, x):
    """Path → what the module returned for each sample alone, where it returned one tensor per call."""
    found = {}

    def hook(path):
        def note(module, args, returned):
            first = returned[0] if isinstance(returned, tuple) and returned else returned
            if isinstance(first, torch.Tensor) and first.dim():
                found.setdefault((path, now[0]), []).append(first.clone())

        return note

    handles = [m.register_forward_hook(hook(path)) for path, m in model.named_modules() if path]
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    now = [0]
    for now[0] in range(len(x)):
        model(torch.tensor(x[now[0] : now[0] + 1]))
    for handle in handles:
        handle.remove()
    for module, mode in modes:
        module.training = mode
    return found


def check(model, x, batch_size):
    own = one_at_a_time(model, x)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        raster = a2n.record(model, x, layers="all", batch_size=batch_size, progress=False)
    told = " ".join(str(warning.message) for warning in said)
    n_compared = 0
    for layer in raster.layers:
        path = layer.removesuffix("[0]")
        values = [own.get((path, k)) for k in range(len(x))]
        if any(value is None for value in values):
            continue
        # Of a spiking layer the calls are time steps.
        values = torch.stack([torch.stack(value).flatten() for value in values]).numpy()
        close = np.abs(values) < 1e-4 * np.abs(values).max()
        found = raster.select(layer=layer).to_dense()
        assert found.shape == values.shape
        assert ((found == (values > 0)) | close).all(), layer
        n_compared += 1
    assert n_compared
    table = a2n.list_layers(model, x[:batch_size])
    for path, module in model.named_modules():
        weighted = any(weight is not None for weight in module._parameters.values())
        if not (weighted or isinstance(module, ACTIVATIONS)) or (path, 0) not in own:
            continue
        rows = table[table["module"] == path]
        taken = any(layer.partition("[")[0].partition(":")[0] == path for layer in raster.layers)
        assert taken or f"'{path}" in told or (len(rows) and (rows["reason"] != "").all()), path
    assert table["in_last_hidden"].sum() <= 1


@pytest.mark.parametrize("name", zoo.OWN)
def test_own_networks(name):
    make, kind = zoo.OWN[name]
    torch.manual_seed(0)
    # Dynamic quantization takes its scale from the whole batch: only alone a sample has bits of its own.
    check(make(), zoo.samples_of(kind), 1 if "quantized" in name else 6)


@pytest.mark.parametrize(
    "name",
    ["gpt-2", "llama", "qwen2", "bert", "distilbert", "opt", "t5 encoder", "mixtral", "mamba"],
)
def test_networks_of_transformers(name):
    pytest.importorskip("transformers")
    kind, configure = zoo.of_transformers()[name]
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = kind(configure())
    check(model, zoo.samples_of(zoo.TOKENS), 6)


def test_dynamic_quantization_is_refused_in_batches():
    make, kind = zoo.OWN["dynamically quantized"]
    with pytest.raises(ValueError, match=r"'2'.*shown alone, with batch_size=1"):
        a2n.record(make(), zoo.samples_of(kind), layers="all")
