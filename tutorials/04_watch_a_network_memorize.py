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
# # Watch a network memorize
#
# A network can learn what digits look like, or it can learn by heart which label belongs to which
# image. While it learns by heart its hidden units fall silent. Here we look at a network after every
# batch of its training, give it random labels half way, and see it happen: in the firing rates, in
# the spike trains, and by a callback that raises the alarm.
#
# It takes a few seconds, and needs `pip install '.[demo]'`.

# %%
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np

import ann2neo as a2n
from ann2neo import monitoring, training

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)  # the order of the batches in fit
data = training.load("digits")

# %% [markdown]
# ## A monitor
#
# A `MonitorCallback` has a monitor look at the network that Keras trains. After every batch an
# `ActivityMonitor` shows it two small sets of images, 100 it trains on and 100 it does not, and keeps
# which hidden units were active. The training itself is not touched: its weights come out the same, bit
# for bit, with the monitor or without.
#
# Any number that can be computed from a layer's spike trains can be followed as well. We add the
# share of units that were active for none of the images.


# %%
def silent_fraction(raster):
    return np.mean(raster.spike_counts == 0)


probes = {"train": data.x_train[:100], "test": data.x_test[:100]}
monitor = monitoring.ActivityMonitor(probes, statistics={"silent_fraction": silent_fraction})
watch = monitoring.MonitorCallback(monitor)

model = training.build("mlp", 64, input_shape=data.input_shape, n_classes=10, rng=rng)
model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])

# %% [markdown]
# ## True labels, then random ones
#
# Eight passes over the training images with their labels, eight with the labels shuffled among the
# images. The monitor counts on from one `fit` to the next.

# %%
options = {"batch_size": 32, "epochs": 8, "verbose": 0, "callbacks": [watch]}
model.fit(data.x_train, data.y_train, **options)
changed_at = watch.step
before = a2n.record(model, data.x_test, progress=False)

random_labels = training.random_labels(data.y_train, rng=rng)
model.fit(data.x_train, random_labels, **options)
after = a2n.record(model, data.x_test, progress=False)

table = monitor.to_frame()
table.tail(4)

# %% [markdown]
# A row for each step and probe: `step` counts batches, 0 is the network before training.
# `firing_rate` is the mean over the hidden units of how often they were active,
# `cv_firing_rate_percent` how much it differs from unit to unit, `fanofactor` how much the counts in
# windows of 10 images vary.

# %%
curves = {
    "firing_rate": "firing rate\n(spikes an image)",
    "fanofactor": "Fano factor",
    "silent_fraction": "share of silent units",
}
colors = {"train": "#0072b2", "test": "#d55e00"}
figure, panels = plt.subplots(3, 1, figsize=(9, 7), sharex=True, layout="constrained")
for axes, (column, label) in zip(panels, curves.items(), strict=True):
    for probe, rows in table.groupby("probe", sort=False):
        axes.plot(rows["step"], rows[column], color=colors[probe], linewidth=1, label=f"{probe} images")
    axes.axvline(changed_at, color="black", linewidth=0.8)
    axes.set_ylabel(label)
    axes.set_ylim(0, None)
panels[0].text(changed_at, 0.05, " labels turn random", va="bottom")
panels[0].legend(frameon=False, loc="upper right")
panels[-1].set(xlabel="batch", xlim=(0, watch.step))

# %% [markdown]
# Within some tens of batches the rate falls to a fraction of what it was, alike for images the network
# trains on and for others: the fall says something of the network, not of the images. The Fano factor
# rises with it, as it must. A unit that fires with probability $p$ at each image, whatever came
# before, has a Fano factor near $1-p$.
#
# The same 100 images before and after, a dot where a unit (row) was active:

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for axes, raster, title in zip(panels, (before, after), ("true labels", "random labels"), strict=True):
    image, unit = np.nonzero(raster.to_dense()[:100])
    axes.plot(image, unit, "s", color="black", markersize=1.6, markeredgewidth=0)
    axes.set(title=f"{title}: {a2n.firing_rate(raster).mean():.2f} spikes an image", xlabel="test image")
    axes.set(xlim=(-1, 100), ylim=(-1, 64))
panels[0].set_ylabel("hidden unit")

# %% [markdown]
# ## An alarm
#
# `RateDropAlarm` is an `ActivityMonitor` with a rule: it warns when the rate has fallen by more than
# a fifth below the highest of the last 400 batches, and can end the training. It is quick, and it does
# not know why: rename the classes, and the rate falls too, though nothing is learned by heart.
#
# `MemorizationAlarm` follows something else: how much nearer the patterns of images that the network
# puts into one class lie to each other than patterns at large. New names of classes leave that as it is,
# labels learned by heart do not.

# %%
probe = {"train": data.x_train[:100]}
labels = {"true": data.y_train, "renamed": (data.y_train + 1) % 10, "random": random_labels}
for name in ("renamed", "random"):
    drop, memorization = monitoring.RateDropAlarm(probe), monitoring.MemorizationAlarm(probe)
    model = training.build("mlp", 64, input_shape=data.input_shape, n_classes=10, rng=rng)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    options["callbacks"] = [monitoring.MonitorCallback(alarm) for alarm in (drop, memorization)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(data.x_train, labels["true"], **options)
        print("true labels, warnings:", len(caught))
        model.fit(data.x_train, labels[name], **options)
    print(f"{name} labels, warnings at batches {drop.flagged_at} and {memorization.flagged_at}:")
    print(*(warning.message for warning in caught), sep="\n")

# %% [markdown]
# Two things to take along:
#
# - a firing rate is cheap to follow and needs no labels: 100 images will do;
# - a fall of the rate says that the task has changed, not that labels are learned by heart;
# - both alarms see labels that *change*. A network that memorizes from its first batch has no better
#   past to be compared with; for that, record it and a network trained on true labels, and compare.
