"""Where the channels of a torch network's layers lie, and which of its modules have units."""

import numpy as np
import pytest

import ann2neo as a2n
from tests.recording.models import inputs

torch = pytest.importorskip("torch")
nn = torch.nn
N = 9


class Do(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def last(x):
    return x.movedim(1, -1)


def first(x):
    return x.movedim(-1, 1)


CHANNELS = {
    "convolution": ([nn.Conv2d(2, 5, 2)], "0", "first"),
    "activation after it": ([nn.Conv2d(2, 5, 2), nn.BatchNorm2d(5), nn.ReLU()], "2", "first"),
    "function after it": ([nn.Conv2d(2, 5, 2), Do(lambda x: x + 1), Do(torch.relu)], "2", "first"),
    "pooling": ([nn.Conv2d(2, 5, 2), nn.MaxPool2d(2)], "1", "first"),
    "group norm": (
        [Do(lambda x: x.repeat(1, 3, 1, 1)[:, :5]), nn.GroupNorm(1, 5), nn.ReLU()],
        "2",
        "first",
    ),
    "nothing known": ([Do(lambda x: x.repeat(1, 3, 1, 1)[:, :5])], "0", "first"),
    "convnext": ([nn.Conv2d(2, 2, 1), Do(last), nn.Linear(2, 5), nn.GELU(), Do(first)], "3", "last"),
    "and back": (
        [nn.Conv2d(2, 2, 1), Do(last), nn.LayerNorm(2), Do(first), nn.Conv2d(2, 5, 1), nn.ReLU()],
        "5",
        "first",
    ),
    "patches": ([nn.Conv2d(2, 3, 2), nn.Flatten(2), Do(last), nn.Linear(3, 5), nn.GELU()], "4", "last"),
    "one axis": ([nn.Flatten(2), nn.Conv1d(2, 5, 2), nn.ReLU()], "2", "first"),
    "tokens": ([nn.Flatten(2), Do(last), Do(lambda x: x.repeat(1, 1, 3)[..., :5])], "2", "last"),
    "recurrent": ([nn.Flatten(2), Do(last), nn.GRU(2, 5, batch_first=True)], "2[0]", "last"),
    "attention": (
        [
            nn.Flatten(2),
            Do(last),
            nn.Linear(2, 5),
            nn.TransformerEncoderLayer(5, 1, 3, batch_first=True),
        ],
        "3.self_attn",
        "last",
    ),
}


@pytest.mark.parametrize("case", CHANNELS)
def test_where_the_channels_lie(case):
    modules, layer, where = CHANNELS[case]
    torch.manual_seed(0)
    model, x = nn.Sequential(*modules), inputs(N, 2, 4, 4)
    noted = []
    module = model.get_submodule(layer.split("[")[0])
    handle = module.register_forward_hook(
        lambda m, i, o: noted.append(o[0] if isinstance(o, tuple) else o)
    )
    with torch.no_grad():
        model.eval()(torch.tensor(x))
    handle.remove()
    values = np.moveaxis(noted[0].numpy(), 1, -1) if where == "first" else noted[0].numpy()
    assert values.shape[-1] == 5
    by_channel = a2n.record(model, x, layers=layer, conv_units="channels", threshold=0.1)
    np.testing.assert_array_equal(by_channel.to_dense(), values.reshape(-1, 5) > 0.1)
    raster = a2n.record(model, x, layers=layer, threshold=0.1)
    units = raster.units
    axes = ["row", "column"] if values.ndim == 4 else ["step"]
    found = values[(slice(None), *(units[axis] for axis in axes), units["channel"])]
    np.testing.assert_array_equal(raster.to_dense(), found > 0.1)


def test_what_has_units():
    class Head(nn.Module):
        """Weights of its own, and modules inside."""

        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4))
            self.gate = nn.Linear(4, 4)

        def forward(self, x):
            return self.scale * x * torch.sigmoid(self.gate(x))

    class Dense(nn.Module):
        """A layer with its activation function, as Keras has them."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 4))

        def forward(self, x):
            return torch.relu(x @ self.weight)

    model = nn.Sequential(
        *(
            nn.Embedding(7, 4),
            nn.LayerNorm(4),
            nn.Linear(4, 4),
            nn.Dropout(),
            nn.PReLU(),
            Head(),
            Dense(),
        ),
        *(nn.LSTM(4, 4, batch_first=True), Do(lambda returned: returned[0]), nn.Linear(4, 2)),
    )
    ids = np.random.default_rng(0).integers(0, 7, (N, 3))
    found = a2n.record(model, ids, layers="all", threshold=0.6).layers
    # In inference mode dropout hands its input on, so that the linear layer's values reach the PReLU.
    assert found == ["4", "5.sigmoid", "5.mul:1", "6.relu", "7[0]", "9"]
    assert a2n.record(model, ids).layers == ["6.relu"]
