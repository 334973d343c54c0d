"""Channels followed through moved axes. Which is which can be seen: each has a value of its own."""

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from tests.recording.models import inputs

torch = pytest.importorskip("torch")
nn = torch.nn
F = torch.nn.functional
N, LEVEL = 6, 1.5
# As many channels as steps, rows or columns: sizes do not tell one from another.
C = 5


class Moved(nn.Module):
    """A layer whose unit in channel c always gives c, then `move`, then an activation function."""

    def __init__(self, kind, move):
        super().__init__()
        self.layer = kind(C, C, 1) if kind in (nn.Conv1d, nn.Conv2d) else kind(C, C)
        nn.init.zeros_(self.layer.weight)
        self.layer.bias.data = torch.arange(C, dtype=torch.float32)
        self.move = move
        self.out = nn.Linear(1, 2)

    def forward(self, x):
        found = torch.relu(self.move(self.layer(x)))
        return self.out(found.flatten(1).mean(1, keepdim=True))


def samples(kind):
    return inputs(N, C, C, C) if kind is nn.Conv2d else inputs(N, C, C)


def knows_truly(kind, move):
    """Whether the channels are known; if they are, they are the true ones."""
    model, x = Moved(kind, move), samples(kind)
    with torch.no_grad():
        values = model.move(model.layer(torch.tensor(x)))[0].numpy()
    raster = a2n.record(model, x, layers="relu", threshold=LEVEL)
    np.testing.assert_array_equal(raster.to_dense(), np.tile(values.ravel() > LEVEL, (N, 1)))
    if values.ndim > 1 and "channel" not in raster.units:
        with pytest.raises(ValueError, match=r"layer 'relu', .* is not known.*Record a layer before"):
            a2n.record(model, x, layers="relu", threshold=LEVEL, conv_units="channels")
        return False
    by_channel = a2n.record(model, x, layers="relu", threshold=LEVEL, conv_units="channels")
    if values.ndim > 1:
        of_channel = pd.Series(values.ravel()).groupby(raster.units["channel"].to_numpy())
        pd.testing.assert_series_equal(of_channel.min(), of_channel.max())
        expected = np.tile(of_channel.min() > LEVEL, (by_channel.n_samples, 1))
        np.testing.assert_array_equal(by_channel.to_dense(), expected)
    assert by_channel.n_samples * by_channel.n_units == N * raster.n_units
    return True


KNOWN = {
    "transpose": (nn.Conv1d, lambda x: x.transpose(1, 2)),
    "mT": (nn.Conv1d, lambda x: x.mT),
    "swapaxes": (nn.Conv1d, lambda x: torch.swapaxes(x, -1, -2)),
    "swapdims and back": (nn.Conv1d, lambda x: x.swapdims(1, 2).swapdims(2, 1)),
    "in place": (nn.Conv1d, lambda x: x.transpose_(1, 2)),
    "linear": (nn.Linear, lambda x: x.transpose(1, 2)),
    "linear to the front and back": (nn.Linear, lambda x: x.mT.clone().mT),
    "permute": (nn.Conv2d, lambda x: x.permute(0, 2, 3, 1)),
    "to the middle": (nn.Conv2d, lambda x: x.permute(0, 3, 1, 2) * 1),
    "movedim": (nn.Conv2d, lambda x: x.movedim(1, -1).contiguous()),
    "moveaxis": (nn.Conv2d, lambda x: torch.moveaxis(x, source=1, destination=-1) + 1e-3),
    "patches": (nn.Conv2d, lambda x: x.flatten(2).transpose(1, 2)),
    "patches, copied": (nn.Conv2d, lambda x: x.permute(0, 2, 3, 1).flatten(1, 2)),
    "patches by reshape": (nn.Conv2d, lambda x: x.permute(0, 2, 3, 1).reshape(len(x), -1, C)),
    "a part of the channels": (nn.Conv1d, lambda x: x.chunk(2, dim=1)[0].transpose(1, 2)),
    "a part of the steps": (nn.Conv1d, lambda x: x[:, :, 1:].mT),
    "one column": (nn.Conv2d, lambda x: x[..., 0].mT),
    "a new axis": (nn.Conv1d, lambda x: x.mT[:, None]),
    "joined": (nn.Conv1d, lambda x: torch.cat([x.mT, x.mT], 1)),
    "residual": (nn.Conv1d, lambda x: x.mT + 0 * torch.tanh(x.mT)),
    "masked": (nn.Linear, lambda x: x * torch.ones(1, C, 1)),
    "pooled": (nn.Conv1d, lambda x: F.max_pool1d(x, 2).mT),
    "normalized": (nn.Conv1d, lambda x: F.layer_norm(x.mT, (C,)).mul(0).add(torch.arange(C))),
    "weights of one's own": (nn.Conv1d, lambda x: x.mT @ torch.eye(C)),
    "functional": (nn.Linear, lambda x: F.linear(x, torch.eye(C)).mT),
    "functional convolution": (nn.Conv1d, lambda x: F.conv1d(x, torch.eye(C)[..., None]).mT),
}

UNKNOWN = {
    "einsum": (nn.Conv1d, lambda x: torch.einsum("ncl->nlc", x)),
    "weights from the left": (nn.Conv1d, lambda x: torch.eye(C) @ x),
    "heads": (nn.Linear, lambda x: x.reshape(len(x), C, C, 1)[..., 0].view(len(x), 1, C * C)),
    "split": (nn.Conv1d, lambda x: x.reshape(len(x), C * C, 1)),
    "sources that disagree": (nn.Conv1d, lambda x: x + x.mT),
    "summed over": (nn.Conv2d, lambda x: x.sum(1)),
    "partly copied": (nn.Conv1d, lambda x: x[:, ::2].mT),
}


@pytest.mark.parametrize("case", KNOWN)
def test_channels_are_followed(case):
    assert knows_truly(*KNOWN[case])


@pytest.mark.parametrize("case", UNKNOWN)
def test_channels_that_are_not_known_are_not_guessed(case):
    assert not knows_truly(*UNKNOWN[case])


STEPS = [
    lambda x: x.transpose(1, 2),
    lambda x: x.transpose(-1, -2),
    lambda x: x.movedim(1, -1),
    lambda x: x.movedim(-1, 1),
    lambda x: x.contiguous(),
    lambda x: x + 0,
    lambda x: x[:, :, x.shape[2] // 2 :],
    lambda x: x[:, -1:],
    lambda x: x.unsqueeze(1),
    lambda x: x.unsqueeze(-1),
    lambda x: x.squeeze(1),
    lambda x: x.flatten(-2),
    lambda x: x.reshape(len(x), 1, *x.shape[1:]),
    lambda x: x.unfold(-1, 1, 1),
]


@pytest.mark.parametrize("seed", range(40))
def test_any_sequence_of_moves(seed):
    rng = np.random.default_rng(seed)
    steps = rng.choice(len(STEPS), rng.integers(1, 7))
    kind = (nn.Conv1d, nn.Conv2d, nn.Linear)[rng.integers(3)]

    def move(x):
        for step in steps:
            x = STEPS[step](x) if x.ndim > 2 else x
        return x

    knows_truly(kind, move)


def test_functions_under_vmap_are_left_alone():
    move = torch.vmap(lambda rows: rows.mT)
    assert not knows_truly(nn.Conv1d, lambda x: move(x).flatten(1).view(len(x), C, C))
