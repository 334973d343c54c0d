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
# # Record a network and analyze it with Elephant
#
# A node of a neural network is active for an image or it is not. Show the images one after another,
# and every node leaves a spike train. Here we train a small network on handwritten digits, record
# its hidden layer as if with an electrode array, and analyze the spike trains with
# [Elephant](https://elephant.readthedocs.io) and [viziphant](https://viziphant.readthedocs.io),
# both unchanged.
#
# It takes half a minute, and needs `pip install '.[demo]'`.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import quantities as pq
import scipy.cluster.hierarchy
from elephant.conversion import BinnedSpikeTrain
from elephant.kernels import GaussianKernel
from elephant.spike_train_correlation import correlation_coefficient
from elephant.statistics import cv, instantaneous_rate, isi, mean_firing_rate
from sklearn.datasets import load_digits
from viziphant.rasterplot import rasterplot

import ann2neo as a2n

rng = np.random.default_rng(0)

# %% [markdown]
# ## A network
#
# 1,797 images of 8 × 8 pixels, half to train with, half to record with. We subtract the mean image:
# otherwise all inputs are positive, and most hidden nodes are active for nearly every image. The
# start weights get seeds of their own and the images are shuffled once by `rng`, so the same spikes
# come out each time.

# %%
digits = load_digits()
order = rng.permutation(len(digits.target))
images = ((digits.data - digits.data.mean(axis=0))[order] / 16).astype("float32")
labels = digits.target[order]
x_test, y_test = images[:900], labels[:900]
x_train, y_train = images[900:], labels[900:]


def weights(seed):
    return keras.initializers.GlorotUniform(seed=seed)


model = keras.Sequential(
    [
        keras.Input((64,)),
        keras.layers.Dense(64, activation="relu", kernel_initializer=weights(1), name="hidden"),
        keras.layers.Dense(10, activation="softmax", kernel_initializer=weights(2), name="output"),
    ],
    name="digits_mlp",
)
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=15, batch_size=64, shuffle=False, verbose=0)
print(f"recognizes {model.evaluate(x_test, y_test, verbose=0)[1]:.0%} of the test images")

# %% [markdown]
# ## Record it
#
# `record` shows the test images in an order drawn from `rng` and keeps which hidden nodes were
# active: which had an activation above 0. The result is a `SpikeRaster`: a bit for each node and
# image.

# %%
raster = a2n.record(model, x_test, labels=y_test, rng=rng)
raster

# %% [markdown]
# An image is a time bin of 1 ms. `to_block` makes a Neo `Block` of it, with one spike train for
# each node (a *unit*) and an `Epoch` that says when which digit was shown. **From here on
# everything is Neo and Elephant.**

# %%
block = a2n.to_block(raster)
segment = block.segments[0]
trains = list(segment.spiketrains)
epoch = segment.epochs[0]

first = trains[0]
print(first.name, "fires", len(first), "times between", first.t_start, "and", first.t_stop)
print("the first images are", ", ".join(epoch.labels[:10]))

# %% [markdown]
# The first 150 images, drawn by viziphant: a mark where a unit (row) was active for an image
# (column).

# %%
figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
beginning = [train.time_slice(None, 149 * pq.ms) for train in trains]
rasterplot(beginning, axes=axes, color="black", marker="|", s=12)
axes.set(xlabel="time (ms), an image each", ylabel="hidden unit", xlim=(-1, 150), ylim=(-1, 64))
axes.set_title("Spike trains of the hidden layer")

# %% [markdown]
# ## 1. Firing rates
#
# A unit that is active for every second image fires at 500 Hz, because we let an image last 1 ms.
# The number that means something is the **probability $p$ to be active for an image**: the rate
# times 1 ms.

# %%
dt = 1 * pq.ms
p = np.array([(mean_firing_rate(train) * dt).simplified.item() for train in trains])

print(f"p is {p.mean():.2f} on average, from {p.min():.2f} to {p.max():.2f}")

# %% [markdown]
# ## 2. Regularity: the CV of the intervals
#
# Think of a unit for which the images come like tosses of a coin: active with probability $p$,
# whatever came before. Its intervals then have a coefficient of variation of $\sqrt{1-p}$. It is
# **not 1**, as for a Poisson process in continuous time, because a unit cannot fire twice for one
# image. So compare with $\sqrt{1-p}$.
#
# (A unit with fewer than three spikes has no CV. Here every unit has hundreds.)

# %%
interval_cv = np.array([cv(isi(train)) for train in trains])

print(f"CV is {interval_cv.mean():.2f} on average, the coin's is {np.sqrt(1 - p).mean():.2f}")

# %% [markdown]
# ## 3. Variability: the Fano factor
#
# Count the spikes in windows of 20 images, and divide the variance of the counts by their mean.
# Elephant's `fanofactor` does that for trials of one unit; for windows of one long train bin it
# with `BinnedSpikeTrain`. The coin's Fano factor is $1-p$: the more often a unit is active, the
# less its counts can vary.

# %%
window = 20 * pq.ms


def windowed_fano(trains):
    counts = BinnedSpikeTrain(trains, bin_size=window).to_array()
    return counts.var(axis=1) / counts.mean(axis=1)


fano = windowed_fano(trains)
print(f"Fano factor is {fano.mean():.2f} on average, the coin's is {1 - p.mean():.2f}")

# %%
grid = np.linspace(0, 1, 200)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.plot(grid, np.sqrt(1 - grid), color="black", label=r"coin: $\sqrt{1-p}$")
left.plot(p, interval_cv, "o", color="#0072b2", markersize=4, label="hidden unit")
left.set(xlabel="p, spikes an image", ylabel="CV of the intervals", xlim=(0, 1), ylim=(0, 1.4))
right.plot(grid, 1 - grid, color="black", label=r"coin: $1-p$")
right.plot(p, fano, "o", color="#d55e00", markersize=4, label="hidden unit")
right.set(xlabel="p, spikes an image", ylabel="Fano factor", xlim=(0, 1), ylim=(0, 1.4))
for axes in (left, right):
    axes.legend(frameon=False, loc="lower left")

# %% [markdown]
# The units follow the curves. That is no property of the network but of the experiment: the images
# came in random order, so what a unit does for one says nothing about the next. The scatter of the
# Fano factors is what 45 windows leave to chance.
#
# ## 4. Correlation
#
# The units are not independent of **each other**: they see the same image.
# `correlation_coefficient` compares every pair, image by image. Neuroscientists compare it with the
# *signal correlation*, that of the pair's tuning curves: how often each unit is active for a 0, a
# 1, … a 9.

# %%
binned = BinnedSpikeTrain(trains, bin_size=dt)
correlation = correlation_coefficient(binned)

active = binned.to_bool_array()
digit_shown = epoch.labels.astype(int)
# a row per unit, a column per digit
tuning = np.stack([active[:, digit_shown == digit].mean(axis=1) for digit in range(10)], axis=1)
signal_correlation = np.corrcoef(tuning)

# %%
similar = scipy.cluster.hierarchy.linkage(tuning, "average", metric="correlation")
unit_order = scipy.cluster.hierarchy.leaves_list(similar)  # units with similar tuning side by side
pairs = np.triu_indices(len(trains), k=1)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained", width_ratios=(1.2, 1))
matrix = correlation[np.ix_(unit_order, unit_order)]
np.fill_diagonal(matrix, np.nan)
drawn = left.imshow(matrix, cmap="RdBu_r", vmin=-0.7, vmax=0.7, origin="lower")
left.set(xlabel="hidden unit, by tuning", ylabel="hidden unit, by tuning")
figure.colorbar(drawn, ax=left, label="correlation")
right.plot(signal_correlation[pairs], correlation[pairs], "o", markersize=2, alpha=0.4, color="#009e73")
right.set(xlabel="signal correlation of the pair", ylabel="correlation of the pair")

# %% [markdown]
# Units are correlated as far as they like the same digits.
#
# ## 5. Rates over time
#
# Now the same recording, its images put in the order of their digits: `select` reorders a raster.
# Elephant's `instantaneous_rate` smooths each train with a Gaussian of 10 images.

# %%
by_digit = raster.select(samples=np.argsort(y_test[raster.samples["sample_index"]], kind="stable"))
segment = a2n.to_block(by_digit).segments[0]
rates = instantaneous_rate(
    [segment.spiketrains[unit] for unit in unit_order],
    sampling_period=dt,
    kernel=GaussianKernel(10 * pq.ms),
    border_correction=True,
)

# %%
figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
drawn = axes.imshow(
    rates.magnitude.T / 1000, aspect="auto", vmin=0, vmax=1, interpolation="nearest", origin="lower"
)
starts = np.searchsorted(segment.epochs[0].labels.astype(int), np.arange(11))
for start in starts[1:-1]:
    axes.axvline(start - 0.5, color="white", linewidth=0.8)
axes.set(xticks=(starts[:-1] + starts[1:]) / 2, xticklabels=range(10))
axes.set(xlabel="digit shown", ylabel="hidden unit, by tuning")
figure.colorbar(drawn, label="p, spikes an image")

# %% [markdown]
# In this order the rates jump from digit to digit, as those of a neuron with a preferred stimulus
# do. The Fano factor notices. Nothing in the network has changed, only the order in which it saw
# the images.

# %%
fano_by_digit = windowed_fano(list(segment.spiketrains))

print(f"Fano factor {fano.mean():.2f} in random order, {fano_by_digit.mean():.2f} digit by digit")

# %% [markdown]
# Two things to take along:
#
# - a unit's CV and Fano factor are to be compared with $\sqrt{1-p}$ and $1-p$, not with 1;
# - they say something about the network only if you know the order of the images. With `rng`,
#   `record` draws one at random, which makes recordings comparable.
