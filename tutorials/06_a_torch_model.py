# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A torch model
#
# `record` takes any `torch.nn.Module`: it hooks what you name, runs your samples through the network
# and leaves it as it was. Here we train a small convolutional network and watch its spikes while it
# learns, look at one of its layers, and go on to a transformer, where a token is a sample.
#
# It takes a few seconds, and needs `pip install '.[demo,torch]'`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from elephant.statistics import cv, isi
from sklearn.datasets import load_digits
from torch import nn

import ann2neo as a2n
from ann2neo.monitoring import ActivityMonitor

rng = np.random.default_rng(0)
torch.manual_seed(0)
torch.set_num_threads(1)  # enough for networks this small

# %% [markdown]
# ## A network
#
# 1,797 images of 8 × 8 pixels, in random order and without their mean. The network calls one ReLU as
# a module, and another as a function.

# %%
digits = load_digits()
order = rng.permutation(len(digits.target))
images = (digits.images - digits.images.mean(axis=0))[order] / 16
images = images.astype("float32")[:, None]  # channel, row, column
labels = digits.target[order]
x_test, y_test = images[:900], labels[:900]
x_train, y_train = torch.tensor(images[900:]), torch.tensor(labels[900:])


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3)
        self.act = nn.ReLU(inplace=True)
        self.dense = nn.Linear(6 * 6 * 6, 32)
        self.out = nn.Linear(32, 10)

    def forward(self, x):
        x = self.act(self.conv(x))
        x = nn.functional.relu(self.dense(x.flatten(1)))
        return self.out(x)


network = Network()
a2n.record(network, x_test, layers="all").layers

# %% [markdown]
# These are the layers that have units: `act` is the module, `relu` the function, and `out` what the
# network returns. `conv` and `dense` are not among them, because their values go straight into a
# ReLU; name them if you want the values before it.
#
# ## Watch it learn
#
# An `ActivityMonitor` works in any training loop. Each look at the network shows it the same images,
# in inference mode, and keeps one bit per unit and image.

# %%
monitor = ActivityMonitor({"test": x_test[:200]}, layers=["act", "relu"])
optimizer = torch.optim.Adam(network.parameters(), 0.003)

step = 0
monitor.observe(network, step)
for _training_epoch in range(10):
    for batch in torch.randperm(len(x_train)).split(64):
        loss = nn.functional.cross_entropy(network(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        monitor.observe(network, step)

with torch.no_grad():
    correct = network(torch.tensor(x_test)).argmax(1).numpy() == y_test
print(f"recognizes {correct.mean():.0%} of the test images")

# %%
seen = monitor.to_frame()
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for (layer, rows), color in zip(seen.groupby("layer"), ("#0072b2", "#d55e00"), strict=True):
    left.plot(rows["step"], rows["firing_rate"], color=color, label=layer)
    right.plot(rows["step"], rows["fanofactor"], color=color, label=layer)
left.set(xlabel="batches trained", ylabel="spikes an image")
right.set(xlabel="batches trained", ylabel="Fano factor")
left.legend(frameon=False)

# %% [markdown]
# ## Record a layer
#
# The function is called by its name, as a module is by its path. Labels may come with the samples, as
# from a `DataLoader`.

# %%
data = torch.utils.data.TensorDataset(torch.tensor(x_test), torch.tensor(y_test))
raster = a2n.record(network, torch.utils.data.DataLoader(data, batch_size=128), layers="relu")
raster

# %% [markdown]
# From here on it makes no difference which framework the spikes came from. Elephant, for example:

# %%
trains = a2n.to_spiketrains(raster)
p = raster.spike_counts / raster.n_samples
interval_cv = np.array([cv(isi(train)) if len(train) > 2 else np.nan for train in trains])
print(f"CV of the intervals is {np.nanmean(interval_cv):.2f}, a coin's {np.sqrt(1 - p).mean():.2f}")

# %% [markdown]
# ## Where the units of a convolution lie
#
# Units carry their channel, row and column. torch lays them out channel by channel, Keras row by row;
# with these columns it does not matter. Here is how often each unit of the convolution is active.

# %%
convolution = a2n.record(network, x_test, layers="act")
rates = convolution.units.assign(p=convolution.spike_counts / convolution.n_samples)

figure, panels = plt.subplots(1, 6, figsize=(9, 1.9), layout="constrained")
for (channel, units), axes in zip(rates.groupby("channel"), panels, strict=True):
    drawn = axes.imshow(units.pivot(index="row", columns="column", values="p"), vmin=0, vmax=1)
    axes.set(title=f"channel {channel}", xticks=[], yticks=[])
figure.colorbar(drawn, ax=panels, label="spikes an image")

# %% [markdown]
# ## Tokens as samples
#
# In a transformer the units sit in the feed-forward part of each layer, and a sequence goes through
# it token by token. We read each image as a sequence of 8 rows: a row is a token.

# %%
width = 16


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.place = nn.Parameter(0.3 * torch.randn(8, width))
        layer = nn.TransformerEncoderLayer(width, 2, 32, dropout=0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.out = nn.Linear(width, 10)

    def forward(self, rows):
        return self.out(self.encoder(self.embed(rows) + self.place).mean(1))


reader = Reader()
optimizer = torch.optim.Adam(reader.parameters(), 0.01)
for _training_epoch in range(10):
    for batch in torch.randperm(len(x_train)).split(64):
        loss = nn.functional.cross_entropy(reader(x_train[batch, 0]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

a2n.record(reader, x_test[:, 0], layers="all").layers

# %% [markdown]
# `encoder.layers.0.relu` is the one: the function that the layer calls between its two linear parts.
# With `conv_units="channels"` each of its 32 units gets one train, and every token is a sample. For a
# model of the transformers library it would be called `h.0.mlp.act`, say, and the samples be a dict
# with `input_ids`.

# %%
tokens = a2n.record(
    reader,
    x_test[:, 0],
    layers="encoder.layers.0.relu",
    conv_units="channels",
    labels=y_test,
)
tokens.samples.head(10)

# %% [markdown]
# The column `step` is the place of the token in its sequence, here the row of the image. Do units
# care which row they read?

# %%
active = tokens.to_dense()
by_row = np.stack([active[tokens.samples["step"] == row].mean(axis=0) for row in range(8)])
by_peak = np.lexsort((-by_row.max(axis=0), by_row.argmax(axis=0)))

figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
drawn = axes.imshow(by_row[:, by_peak], aspect="auto", vmin=0, vmax=1)
axes.set(xlabel="unit, by the row that it likes best", ylabel="row of the image", xticks=[])
figure.colorbar(drawn, label="spikes a token")

# %% [markdown]
# Three things to take along:
#
# - name a layer by its path, or a function by the path of the module that calls it and its own name;
# - the network is run in inference mode and left as it was: modes, hooks, gradients, buffers and
#   random state;
# - a network on a GPU stays there, and only its bits leave it.
