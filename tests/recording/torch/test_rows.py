"""A row of a recording is that of its sample, whatever a layer does with the batch, or it is refused."""

import warnings

import numpy as np
import pytest

import ann2neo as a2n
from tests.recording.models import inputs

torch = pytest.importorskip("torch")
nn = torch.nn
N = 30


class Do(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


class SortedExperts(nn.Module):
    """Rows in the order of their experts."""

    def __init__(self):
        super().__init__()
        self.gate, self.weight = nn.Linear(6, 4), nn.Parameter(torch.randn(4, 6, 9))
        self.act, self.head = nn.ReLU(), nn.Linear(9, 3)

    def forward(self, x):
        expert = self.gate(x).argmax(-1)
        order = expert.argsort(stable=True)
        hidden = self.act(torch.einsum("ni,nij->nj", x[order], self.weight[expert[order]]))
        return self.head(hidden[order.argsort()])


class Merged(nn.Module):
    """Frames in the batch, by sample or by frame."""

    def __init__(self, by_sample):
        super().__init__()
        self.by_sample, self.fc, self.act, self.head = (
            by_sample,
            nn.Linear(6, 5),
            nn.ReLU(),
            nn.Linear(5, 2),
        )

    def forward(self, x):
        n = len(x)
        frames = x.flatten(0, 1) if self.by_sample else x.transpose(0, 1).flatten(0, 1)
        hidden = self.act(self.fc(frames))
        by_sample = hidden.unflatten(0, (n, -1) if self.by_sample else (-1, n))
        return self.head(by_sample.mean(1 if self.by_sample else 0))


class Embeddings(nn.Module):
    """The classes, two of them, run through an encoder of their own."""

    def __init__(self, n_classes):
        super().__init__()
        self.classes = nn.Embedding(n_classes, 5)
        self.encoder = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
        self.body = nn.Sequential(nn.Linear(6, 5), nn.ReLU())

    def forward(self, x):
        return self.body(x) @ self.encoder(self.classes.weight).T


CENTERED = {
    "mean": lambda h: h - h.mean(0),
    "minimum": lambda h: h - h.amin(0, keepdim=True),
    "standard deviation": lambda h: h / (h.std(0) + 1e-3) if len(h) > 1 else h,
    "ranks": lambda h: h.argsort(0).float() - 2,
    "softmax over the batch": lambda h: h.softmax(0) - 0.1,
    "rolled": lambda h: h.roll(1, 0),
    "flipped": lambda h: h.flip(0),
}


@pytest.mark.parametrize("case", CENTERED)
def test_layers_that_look_at_the_whole_batch_are_refused(case):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), Do(CENTERED[case]), nn.ReLU(), nn.Linear(5, 2))
    with pytest.raises(ValueError, match="layer '2' cannot be recorded: its rows depend on the other"):
        a2n.record(model, inputs(N, 6), layers="2")
    with pytest.warns(UserWarning, match=r"layers='all' leaves out .*'2'.*its rows depend"):
        assert "2" not in a2n.record(model, inputs(N, 6), layers="all").layers
    # Each alone has a row of its own, and so every batch of one is taken.
    alone = a2n.record(model, inputs(N, 6), layers="2", batch_size=1).to_dense()
    with torch.no_grad():
        expected = [model[:3](torch.tensor(row[None]))[0].numpy() > 0 for row in inputs(N, 6)]
    np.testing.assert_array_equal(alone, expected)


def drop_beyond(capacity):
    """Rows beyond what an expert has room for are dropped."""

    def drop(h):
        kept = torch.zeros_like(h)
        for chosen in (h[:, 0] > h[:, 1], h[:, 0] <= h[:, 1]):
            rows = chosen.nonzero()[:capacity, 0]
            kept[rows] = h[rows]
        return kept

    return drop


def take_neighbors(h):
    return torch.cat([h[:9], h[8:9], h[10:]]) if len(h) > 10 else h


LATE = {
    "capacity": drop_beyond(8),
    "mean of many": lambda h: h - h.mean(0) if len(h) > 20 else h,
    "the last two": lambda h: torch.cat([h[:-2], 0 * h[-2:]]) if len(h) > 20 else h,
    "the place": lambda h: h * (torch.arange(len(h)) < 25)[:, None],
    "a neighbor's": take_neighbors,
}


@pytest.mark.parametrize("case", LATE)
def test_what_only_a_whole_batch_shows(case):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Sigmoid(), Do(LATE[case]), nn.Linear(5, 4), nn.Tanh())
    x = np.random.default_rng(0).standard_normal((N, 6)).astype("float32")
    with pytest.raises(ValueError, match="layer '4' cannot be recorded: its rows depend on the other"):
        a2n.record(model, x, layers="4")
    with pytest.warns(UserWarning, match=r"layers='all' leaves out .*'4': its rows depend"):
        assert "4" not in a2n.record(model, x, layers="all", threshold=0.5).layers
    a2n.record(model, x, layers="4", batch_size=5)


@pytest.mark.parametrize("batch_size", [3, 8, 30])
def test_a_scale_of_the_whole_batch_is_found_though_it_moves_little(batch_size):
    def quantize(h):
        scale = h.abs().max() / 127
        return torch.round(h / scale) * scale

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), Do(quantize), nn.Linear(5, 4), nn.Tanh())
    x = np.random.default_rng(0).standard_normal((N, 6)).astype("float32")
    with pytest.raises(ValueError, match="layer '3' cannot be recorded: its rows depend on the other"):
        a2n.record(model, x, layers="3", batch_size=batch_size)


@pytest.mark.parametrize("seed", range(6))
def test_rows_mixed_with_others_that_are_drawn(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(
        Do(lambda x: 0.7 * x + 0.3 * x[torch.randperm(len(x))]), nn.Linear(6, 5), nn.ReLU()
    )
    x = np.random.default_rng(0).standard_normal((N, 6)).astype("float32")
    with pytest.raises(ValueError, match="layer '2' cannot be recorded: its rows depend on the other"):
        a2n.record(model, x, layers="2")
    noisy = nn.Sequential(nn.Linear(6, 5), Do(lambda h: h + torch.randn(h.shape)), nn.ReLU())
    with pytest.warns(UserWarning, match="'2': values are others each time"):
        assert a2n.record(noisy, x, layers="2").n_samples == N


def test_batch_norm_without_statistics_is_refused():
    model = nn.Sequential(
        nn.Linear(6, 5), nn.BatchNorm1d(5, track_running_stats=False), nn.ReLU(), nn.Linear(5, 2)
    )
    with pytest.raises(ValueError, match="last hidden layer of the network is '2', which cannot"):
        a2n.record(model, inputs(N, 6))


def test_a_proof_of_one_sample_does_not_hold_for_more():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), Do(CENTERED["mean"]), nn.ReLU(), nn.Linear(5, 2))
    with pytest.raises(ValueError, match="'2' cannot be recorded: its rows depend"):
        a2n.record(model, [inputs(1, 6), inputs(7, 6)], layers="2")


def test_rows_sorted_by_expert_are_refused_also_where_the_trial_sees_one_expert():
    torch.manual_seed(0)
    model = SortedExperts()
    x = inputs(400, 6)
    with torch.no_grad():
        experts = model.gate(torch.tensor(x)).argmax(-1).numpy()
    # The samples of the trial all have the same expert, those between them others.
    few = np.unique(np.linspace(0, 99, 32).astype(int))
    same, others = x[experts == experts[0]], x[experts != experts[0]]
    batch = np.array(others[:100])
    batch[few] = same[: len(few)]
    with pytest.raises(ValueError, match="layer 'act' cannot be recorded: its rows depend"):
        a2n.record(model, batch, layers="act")


@pytest.mark.parametrize("by_sample", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_frames_in_the_batch_are_steps(by_sample, batch_size):
    torch.manual_seed(0)
    model, x = Merged(by_sample), inputs(N, 4, 6)
    with torch.no_grad():
        expected = model.act(model.fc(torch.tensor(x))).numpy() > 0
    raster = a2n.record(model, x, batch_size=batch_size)
    assert raster.layers == ["act"]
    np.testing.assert_array_equal(raster.to_dense(), expected.reshape(N, -1))
    assert raster.units["step"].tolist() == np.repeat(np.arange(4), 5).tolist()
    by_channel = a2n.record(model, x, conv_units="channels", batch_size=batch_size)
    np.testing.assert_array_equal(by_channel.to_dense(), expected.reshape(-1, 5))


@pytest.mark.parametrize("n_classes", [1, 2, 3, 4, 5])
def test_layers_that_do_not_depend_on_the_samples_are_none_of_theirs(n_classes):
    torch.manual_seed(0)
    model, x = Embeddings(n_classes), inputs(N, 6)
    assert a2n.record(model, x).layers == ["body.1"]
    with pytest.warns(UserWarning, match=r"leaves out .*'encoder.1'"):
        assert a2n.record(model, x, layers="all").layers == ["body.1", "matmul"]


def test_two_samples_are_enough():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert a2n.record(model, inputs(2, 6), layers="all").n_samples == 2


def test_layers_of_other_positions_come_as_a_mapping():
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(36, 5), nn.ReLU()),
    )
    x, names = inputs(N, 1, 9, 9), ["1", "3", "6"]
    options = {"conv_units": "channels", "batch_size": 8}
    found = a2n.record(model, x, layers=names, **options, rng=np.random.default_rng(3))
    assert list(found) == names
    for name, raster in found.items():
        alone = a2n.record(model, x, layers=name, **options, rng=np.random.default_rng(3))
        assert raster == alone
    levels = {"1": 0.5, "3": 0.1, "6": 0.0}
    found = a2n.record(
        model, (part for part in (x[:9], x[9:])), layers=names, threshold=levels, **options
    )
    assert found["1"] == a2n.record(model, x, layers="1", threshold=0.5, **options)
    with pytest.raises(ValueError, match="store takes layers that share their positions"):
        a2n.record(model, x, layers=names, store="none.zarr", **options)
