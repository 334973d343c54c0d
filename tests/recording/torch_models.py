"""Torch networks for the tests, with whole-number weights: sums are exact whatever the batch shape."""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

N = 21  # two batches of 8 and a last one of 5


def with_weights(network, seed=0):
    """The network with weights drawn from −2 to 2; those of a normalization stay as they are."""
    rng = np.random.default_rng(seed)
    for module in network.modules():
        if "Norm" not in type(module).__name__:
            for weight in module._parameters.values():
                if weight is not None:
                    weight.data = torch.tensor(rng.integers(-2, 3, weight.shape), dtype=weight.dtype)
    return network


def mlp(activation=nn.ReLU, **options):
    return with_weights(
        nn.Sequential(
            nn.Linear(6, 9),
            activation(**options),
            nn.Linear(9, 7),
            activation(**options),
            nn.Linear(7, 3),
        )
    )


class Functional(nn.Module):
    """A convolutional network that calls functions between its modules."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 2)
        self.norm = nn.BatchNorm2d(3)
        self.fc = nn.Linear(36, 5)
        self.out = nn.Linear(5, 2)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        x = torch.relu(self.fc(x.flatten(1)))
        return F.log_softmax(self.out(x), dim=1)


class Residual(nn.Module):
    """One activation module used twice, and sums in place, as torchvision's blocks have them."""

    def __init__(self, inplace=True):
        super().__init__()
        self.fc1, self.fc2, self.out = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.relu = nn.ReLU(inplace=inplace)

    def forward(self, x):
        identity = x
        x = self.relu(self.fc1(x))
        x = self.fc2(x)
        x += identity
        x = self.relu(x)
        return self.out(x)


class Feedforward(nn.Module):
    """The block of a transformer that has the units: tokens go through it one by one."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 4)
        self.up = nn.Linear(4, 7)
        self.act = nn.GELU()
        self.down = nn.Linear(7, 4)

    def forward(self, input_ids, attention_mask=None):
        x = self.words(input_ids)
        if attention_mask is not None:
            x = x * attention_mask[..., None]
        return {"hidden": self.down(self.act(self.up(x))) + x, "loss": x.sum()}
