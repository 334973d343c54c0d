"""A torch network is run in inference mode and left as it was found, also when recording raises."""

import gc
import weakref

import numpy as np
import pytest

import ann2neo as a2n
from tests.recording.models import inputs, record_dense

torch = pytest.importorskip("torch")
nn = torch.nn
models = pytest.importorskip("tests.recording.torch_models")
N = models.N


class MoodError(Exception):
    pass


class Moody(nn.Module):
    """Counts its calls, in a buffer and beside it, and raises when asked to."""

    def __init__(self):
        super().__init__()
        self.register_buffer("n_calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("sum", torch.zeros(9))
        self.register_buffer("nothing", None)
        self.fail, self.last = False, None

    def forward(self, x):
        self.n_calls += 1
        self.sum = self.sum + x.sum(0)
        self.last = x
        if self.fail:
            raise MoodError
        return x


def build_with_everything():
    """A network in the middle of its training."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.ReLU(inplace=True), Moody(), nn.Dropout(0.5)),
        *(nn.utils.parametrizations.spectral_norm(nn.Linear(9, 4)), nn.ReLU(), nn.Linear(4, 1)),
    )
    model[0].weight.requires_grad_(False)
    model[1].eval()
    model[0].register_forward_hook(lambda module, args, returned: returned * 2)
    x = torch.tensor(inputs(N, 6))
    model(x).sum().backward()
    return model


def state(model):
    """All that recording could touch."""
    parameters = dict(model.named_parameters())
    return {
        "values": {name: value.tolist() for name, value in model.state_dict().items()},
        "tensors": {name: id(t) for name, t in [*parameters.items(), *model.named_buffers()]},
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "training": [module.training for module in model.modules()],
        "hooks": [
            (list(m._forward_hooks), list(m._forward_pre_hooks), list(m._forward_hooks_always_called))
            for m in model.modules()
        ],
        "grads": {n: None if p.grad is None else p.grad.tolist() for n, p in parameters.items()},
        "requires_grad": {name: p.requires_grad for name, p in parameters.items()},
        "calls": [(m.n_calls.item(), id(m.last)) for m in model.modules() if isinstance(m, Moody)],
        "rng": torch.get_rng_state().tolist(),
        "grad_enabled": torch.is_grad_enabled(),
    }


def test_network_is_left_as_found():
    model, x = build_with_everything(), inputs(N, 6)
    before = state(model)
    raster = a2n.record(model, x, layers="all", batch_size=8)
    assert state(model) == before
    assert raster == a2n.record(model, x, layers="all", batch_size=8)
    assert state(model) == before
    expected = model.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_array_equal(raster.select(layer="7").to_dense(), expected > 0)


def yield_and_fail(model):
    yield inputs(8, 6)
    raise MoodError


def moody_at_once(model):
    model[3].fail = True
    return inputs(N, 6)


@pytest.mark.parametrize(
    ("samples", "options", "error"),
    [
        (yield_and_fail, {}, MoodError),
        (moody_at_once, {}, MoodError),
        (lambda _: inputs(N, 6), {"layers": "no such"}, ValueError),
        (lambda _: inputs(N, 5), {}, ValueError),
        (lambda _: [inputs(8, 6), inputs(8, 5)], {}, ValueError),
        (lambda _: np.full((N, 6), 3e38), {"layers": "0"}, ValueError),
        (lambda _: inputs(N, 6), {"threshold": [1.0, 2.0]}, ValueError),
    ],
)
def test_network_is_left_as_found_by_exceptions(samples, options, error):
    model = build_with_everything()
    given = samples(model)
    before = state(model)
    with pytest.raises(error):
        a2n.record(model, given, batch_size=8, **options)
    assert state(model) == before


def test_a_module_that_raises_and_is_caught_does_not_shift_the_others():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.moody, self.fc = Moody(), nn.Linear(6, 3)
            self.moody.sum = torch.zeros(6)
            self.moody.fail = True

        def forward(self, x):
            try:
                self.moody(x)
            except MoodError:
                return torch.relu(self.fc(x))

    assert a2n.record(Careful(), inputs(N, 6), layers="all").layers == ["relu"]


def test_networks_that_draw_do_so_apart_from_everyone_else():
    class Noisy(nn.Module):
        def forward(self, x):
            return torch.relu(x + torch.randn_like(x))

    model, x = nn.Sequential(Noisy(), nn.Linear(6, 1)), inputs(16, 6)
    torch.manual_seed(3)
    expected = [(torch.tensor(x[i : i + 8]) + torch.randn(8, 6)).numpy() for i in (0, 8)]
    torch.manual_seed(3)
    with pytest.warns(UserWarning, match="^'0': values are others each time"):
        raster = a2n.record(model, x, layers="0", batch_size=8)
    np.testing.assert_array_equal(raster.to_dense(), np.concatenate(expected) > 0)

    def augment():
        for start in (0, 8):
            drawn.append(torch.randn(1).item())
            yield x[start : start + 8]

    drawn = []
    with pytest.warns(UserWarning, match="^'0': values are others each time"):
        a2n.record(model, augment(), layers="0")
    torch.manual_seed(3)
    assert drawn == [torch.randn(1).item() for _ in range(2)]


def test_modes_are_set_without_calling_eval():
    class Merging(nn.Linear):
        def train(self, mode=True):
            raise MoodError

    model = nn.Sequential(Merging(6, 5), nn.ReLU(), nn.Dropout(0.9), nn.Linear(5, 1))
    before = state(model)
    raster = a2n.record(model, inputs(N, 6), layers=["1", "2"])
    assert state(model) == before
    np.testing.assert_array_equal(*(raster.select(layer=layer).to_dense() for layer in "12"))


def test_gradients_can_be_taken_across_a_recording():
    def gradient(*, record):
        model = build_with_everything()
        loss = model(torch.tensor(inputs(N, 6))).sum()
        if record:
            a2n.record(model, inputs(N, 6), layers="all")
        loss.backward()
        return model[5].parametrizations.weight.original.grad.tolist()

    assert gradient(record=True) == gradient(record=False)


def test_networks_from_torchs_inference_mode():
    with torch.inference_mode():
        model = models.with_weights(
            nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
        )
    expected = record_dense(
        models.with_weights(nn.Sequential(nn.Linear(6, 4), nn.ReLU())), inputs(N, 6), "1"
    )
    np.testing.assert_array_equal(record_dense(model, inputs(N, 6), "2"), expected)


def test_activations_of_one_batch_are_held():
    model, made, counts = models.mlp(), [], []

    def note(module, args, returned):
        if len(returned) == 8:  # and no small trial
            made.append(weakref.ref(returned))
            counts.append(sum(ref() is not None for ref in made))

    for module in model:
        module.register_forward_hook(note)
    gc.collect()
    gc.disable()
    try:
        a2n.record(model, (inputs(8, 6, seed=i) for i in range(4)), layers="1")
    finally:
        gc.enable()
    assert len(counts) == 4 * len(model)
    # What is recorded is held as it is, beside what goes into a module and out of it.
    assert max(counts) <= 3


class Keeping(nn.Module):
    """Keeps what it saw in all kinds of places."""

    def __init__(self):
        super().__init__()
        self.log, self.cache, self.seen = [], {"last": None, "deep": [{"n": 0}]}, set()
        self.total, self.array = torch.zeros(5), np.zeros(2)
        self.rng = np.random.default_rng(0)
        self.fc, self.act = nn.Linear(6, 5), nn.ReLU()
        self.count = 0

    def forward(self, x):
        self.log.append(len(x))
        self.cache["last"], self.cache["deep"][0]["n"] = x, self.cache["deep"][0]["n"] + 1
        self.seen.add(len(x))
        self.array += 1
        self.rng.random()
        self.count += 1
        hidden = self.act(self.fc(x))
        self.total += hidden.sum(0)
        return hidden * 1.0


def test_state_outside_of_buffers_is_put_back():
    model = Keeping()
    model(torch.tensor(inputs(3, 6)))
    log, total = model.log, model.total
    said = repr((model.log, model.cache, model.seen, model.total, model.array, model.count))
    drawn = repr(model.rng.bit_generator.state)
    a2n.record(model, inputs(N, 6), layers="act", batch_size=8)
    assert model.log is log
    assert said == repr((model.log, model.cache, model.seen, model.total, model.array, model.count))
    assert drawn == repr(model.rng.bit_generator.state)
    assert model.total is total


@pytest.mark.parametrize("where", ["attribute", "list", "dict", "buffer"])
def test_state_that_moves_the_layers_is_put_back_before_each_batch(where):
    class Adding(nn.Module):
        def __init__(self):
            super().__init__()
            self.keep = [torch.zeros(6)]
            self.named, self.plain = {"sum": torch.zeros(6)}, torch.zeros(6)
            self.register_buffer("known", torch.zeros(6))

        def forward(self, x):
            kept = {
                "attribute": self.plain,
                "list": self.keep[0],
                "dict": self.named["sum"],
                "buffer": self.known,
            }[where]
            out = x + kept
            kept += 1
            return out

    torch.manual_seed(0)
    model, x = nn.Sequential(Adding(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)), inputs(N, 6)
    rasters = [a2n.record(model, x, batch_size=size) for size in (1, 4, 64)]
    with torch.no_grad():
        expected = model[1](torch.tensor(x)).numpy() > 0
    for raster in rasters:
        np.testing.assert_array_equal(raster.to_dense(), expected)
        assert raster.annotations["state"] == "put back before each batch"


def test_weights_that_a_forward_changes_are_put_back():
    class MaxNorm(nn.Linear):
        def forward(self, x):
            with torch.no_grad():
                self.weight.div_(self.weight.norm(dim=1, keepdim=True))
            return super().forward(x)

    torch.manual_seed(0)
    model = nn.Sequential(MaxNorm(6, 5), nn.ReLU(), nn.Linear(5, 2))
    before = model[0].weight.detach().clone()
    a2n.record(model, inputs(N, 6), batch_size=8)
    assert torch.equal(model[0].weight, before)


def test_threads_take_turns():
    from concurrent.futures import ThreadPoolExecutor

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(0.5), nn.Linear(9, 3)
    ).train()
    x = inputs(200, 6)
    expected = a2n.record(model, x, layers="all", batch_size=16)
    before = state(model)
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(
                lambda _: a2n.record(model, x, layers="all", batch_size=16, progress=False), range(8)
            )
        )
    assert all(raster == expected for raster in found)
    assert state(model) == before
