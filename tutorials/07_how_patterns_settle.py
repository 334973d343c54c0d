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
# # How the patterns of a small network settle
#
# So far a unit was a spike train. Now look across: which units of a layer are active for one image is
# a *pattern*, a word of as many bits as there are units; in a convolution each image position has one,
# across its channels. Hartmann, Franzen and Brodehl (*Studying the evolution of neural activation
# patterns during training of feed-forward ReLU networks*, 2021) follow these patterns while networks
# learn: how many there are, how evenly they are used, and when they become what they will be at the
# end. They find that most networks settle **bottom-up**, early layers first, and that plain networks
# have **dips** of entropy midway, which residual networks do not.
#
# Here a residual network learns scikit-learn's digits in half a minute, watched; then come networks of
# 7 to 31 rectifiers on CIFAR-10, with intervals for both findings. It needs
# `pip install '.[study]'`.

# %%
import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ann2neo import monitoring, training

rng = np.random.default_rng(0)
data = training.load("digits")
network = training.build(
    "resnet", 8, blocks=1, input_shape=data.input_shape, n_classes=data.n_classes, rng=rng
)
network.name, network.count_params()

# %% [markdown]
# ## Watch it learn
#
# A `PatternMonitor` shows the network the same 300 images at chosen steps, here dense at first, since
# most happens early. By default it looks at all rectifiers (ReLU and its kin), sees
# convolutions position by position, and leaves the network as it was. `labels` lets it say how much
# the patterns know of the digit. `snapshots` keeps the bits on disk, for later.
#
# `batch_norm_statistics` matters where there is batch normalization. Looks run in inference mode, in
# which it uses moving averages; these lag some ten batches behind weights that change fast, and say
# nothing of an untrained network. Without it half of what seems to happen at first is averages catching
# up. With it, the averages of the samples given take their place for the length of a look.

# %%
folder = tempfile.TemporaryDirectory()
snapshots = Path(folder.name) / "snapshots"
monitor = monitoring.PatternMonitor(
    {"train": data.x_train[:300]},
    labels={"train": data.y_train[:300]},
    snapshots=snapshots,
    conv_units="channels",
)
n_steps = 12 * -(-len(data.x_train) // 32)
steps = sorted({*monitoring.log_spaced(n_steps, 20), *range(0, n_steps, 45)})
watch = monitoring.MonitorCallback(monitor, every=steps, batch_norm_samples=data.x_train[:300])
rate = keras.optimizers.schedules.PiecewiseConstantDecay([n_steps // 2], [0.1, 0.01])
learned = training.train(
    training.GENERALIZING.with_stop(epochs=12),
    network,
    data,
    rng=rng,
    batch_size=32,
    optimizer=keras.optimizers.SGD(rate, momentum=0.9),
    validation_split=0,
    callbacks=[watch],
    progress=False,
)
learned.provenance["training_accuracy"]

# %%
looks = monitor.to_frame()
columns = ["layer", "n_units", "n_samples", "n_patterns", "entropy_fraction", "saturated"]
looks.loc[looks["step"] == n_steps, [*columns, "mutual_information"]].round(2)

# %% [markdown]
# A row is a layer after the last step. `n_samples` counts patterns: 300 images of 8 × 8 positions at
# first, of 2 × 2 at the end. `entropy_fraction` is the entropy as a fraction of the largest possible
# one, the smaller of the number of units and log₂ of the number of samples.
#
# Mind `saturated`. Where nearly every sample has a pattern of its own, the entropy is log₂ of the number
# of samples, whatever the network does, and the mutual information with the label is the entropy of
# the labels. The flag says when the numbers are about how much you looked rather than about the
# network.

# %% [markdown]
# ## When is a layer what it will be?
#
# The weighted Jaccard index of two looks is the overlap of their histograms: Σ min / Σ max of the
# counts, 1 for the same patterns equally often. *To the final state* it is known only when training is
# over; the snapshots spare a second training.

# %%
replayed = monitoring.Snapshots(snapshots).replay(progress=False)
layers = replayed["layer"].unique().tolist()
colors = plt.get_cmap("viridis")(np.linspace(0, 0.92, len(layers)))
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharex=True)
for layer, color in zip(layers, colors, strict=True):
    course = replayed[replayed["layer"] == layer]
    for axis, column in zip(axes, ("weighted_jaccard_final", "flip_rate_final"), strict=True):
        axis.plot(course["step"] / n_steps, course[column], color=color, label=layer)
axes[0].set(xlabel="share of training", ylabel="overlap with the final patterns")
axes[1].set(xlabel="share of training", ylabel="bits that differ from the final ones")
axes[0].set_title("Patterns")
axes[1].set_title("Single units")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
plt.show()

# %% [markdown]
# On the left the early layers (dark) are far ahead. But a pattern of 32 units is another one when one
# of them changes, and early layers here have 8: the late ones would look late even if all units settled
# at the same time. The right panel asks each unit by itself: late layers begin further off, but all come
# down alike. In this small network the order was an effect of width, easily taken for one of depth.
# `describe_layers` finds the share of training at which a layer has gone half of its way for good, by
# both measures:

# %%
from ann2neo.study.analysis.pattern_findings import describe_layers

numbered = replayed.assign(
    network="residual_1", width=8, dataset="digits", seed=0, blocks=1,
    depth=replayed["layer"].map({layer: depth for depth, layer in enumerate(layers, 1)}),
    training_accuracy=learned.provenance["training_accuracy"], test_accuracy=np.nan,
)  # fmt: skip
describe_layers(numbered)[["layer", "n_units", "settled_at", "settled_at_flips"]].round(3)

# %% [markdown]
# This was one seed. The next part has four of each network, and larger ones.

# %% [markdown]
# ## CIFAR-10: four seeds of sixteen networks
#
# `ann2neo study run cifar10-patterns --out DIR` takes less than an hour on two cores. Of each network
# there are four seeds: residual networks and the same without shortcuts, with 1 to 5 blocks a stage;
# with 3 blocks also Fixup initialization without normalization, a pyramidal network, leaky ReLU and
# PReLU, a cyclic and a one-cycle learning rate. To fit the hour everything is small: 8 channels in the
# first stage instead of 16, 5,000 training images of 16 × 16, 12 passes. The networks end at mean test
# accuracies of 0.31 to 0.54, so read this as the first part of a training. Fixup's learning rate is
# 0.02 at most, that of all others 0.1. Looks go by `batch_norm_statistics` here, too. What it gave comes
# along as two tables: a row per layer of each network, and the courses of seed 0.

# %%
from importlib.resources import files

from ann2neo.study.analysis.pattern_findings import find_in_patterns
from ann2neo.study.figures import pattern_figures

kept = files("ann2neo.study") / "data"
layers = pd.read_csv(kept / "cifar10-patterns-layers.csv")
courses = pd.read_csv(kept / "cifar10-patterns-seed0.csv")
networks = layers.drop_duplicates(["network", "seed"])
networks.groupby("network")[["training_accuracy", "test_accuracy"]].agg(["mean", "std"]).round(3)

# %% [markdown]
# ## Early maps
#
# Each panel is a network, its layers from bottom to top and its steps from left to right, on a
# logarithmic axis; the strip at the left is the untrained network.

# %%
early = courses[courses["network"].isin(["residual_3", "plain_3", "fixup_3", "pyramid_3"])]
pattern_figures.draw_pattern_maps(early)

# %% [markdown]
# ## Settling
#
# The overlap with the final patterns, a line per layer. The staircase is that of the widths: 8, 16 and
# 32 channels.

# %%
pattern_figures.draw_settling(courses)

# %% [markdown]
# As a number: Kendall's τ between depth and the moment of settling, 1 if layers settle strictly
# bottom-up. One τ is one trained network; the mean over four seeds has a 95 % interval by Student's t.

# %%
findings = find_in_patterns(layers)
findings[["value", "low", "high"]] = findings[["value", "low", "high"]].round(2)


def of_networks(*names):
    rows = findings[findings["finding"].isin(names) & (findings["compared_with"] == "")]
    table = rows.set_index(["network", "finding"])[["value", "low", "high"]].unstack()  # noqa: PD010
    return table.swaplevel(axis=1)[list(names)]


of_networks("settling", "settling_same_width", "settling_flips")

# %% [markdown]
# - **Patterns settle bottom-up**: τ is 0.63 to 0.96 in every kind of network, and no interval reaches
#   0. (The pyramidal network has the same τ in all seeds, which leaves no spread to estimate.)
# - **Part of that is width.** Between layers of one width (`settling_same_width`, only such pairs
#   count) τ is 0.3 to 0.5 in residual networks of two and more blocks, with ReLU, leaky ReLU and PReLU,
#   and about 0 in plain ones of three and more, with Fixup and with a cyclic rate.
# - **The rest is not.** Unit by unit (`settling_flips`), where width does not matter, τ is 0.5 to 0.7 in
#   plain and residual networks, and its interval is above 0 in all networks but Fixup and PReLU: the
#   finding stands, weaker than patterns make it look.
#
# In the original, Fixup and pyramidal networks settle more simultaneously. Differences to the residual
# network of as many blocks, seed by seed:


# %%
def against_residual(*names):
    rows = findings[
        findings["finding"].isin(names) & findings["compared_with"].str.startswith("residual")
    ]
    return rows.set_index(["finding", "network", "compared_with"])[["value", "low", "high", "n"]]


settling = against_residual("settling", "settling_flips")
settling[settling.index.get_level_values("compared_with") == "residual_3"]

# %% [markdown]
# The pyramidal network's patterns settle *more* strictly in order, as they must where each block is
# wider than the one before; unit by unit no difference is shown. Fixup does settle more simultaneously
# by both measures, as in the original; PReLU does unit by unit, the cyclic rate by patterns, and the
# plain network, a little, by both. But Fixup is also the one without batch normalization, has a
# fifth of the others' learning rate, and learns slowest of the networks of three blocks.
#
# ## Dips
#
# Entropy against depth, early, halfway and at the end; a color is a number of blocks, a dot the output
# of a block.

# %%
pattern_figures.draw_entropy_by_depth(layers)

# %% [markdown]
# A dip, as a number: how far a block's output lies below both the blocks before and behind it, at the
# deepest such place. Plain minus residual networks, built and trained alike but for the shortcuts, with
# weights and orders of their own; `plain` against `residual` is the mean over 1 to 5 blocks.

# %%
dips = against_residual("dip_early", "dip_half", "dip_end")
dips[dips.index.get_level_values("network").str.startswith("plain")]

# %% [markdown]
# That plain networks dip and residual ones do not is **not found here**: both have dips of some 0.05,
# and the mean difference over blocks is 0 at all three moments, give or take 0.03. What the picture
# does show is another difference: without shortcuts deep networks have less entropy altogether, the
# deeper the less, and more spread between seeds. The original has 25 seeds, networks of twice the width,
# whole images and longer trainings; dips may need these.
#
# Two warnings on reading such tables. The last stage is `saturated` in most networks: 500 images at
# 4 × 4 positions are 8,000 patterns of 32 bits, nearly all of them distinct, so its entropy says
# log₂ 8,000. (In Fixup it is so for half of the layers, in plain networks of four and five blocks for a
# third: there the entropy falls.) And these are many intervals: of twenty at 95 %, one misses by chance.
#
# ## Where to go from here
#
# Your own grid is a TOML file (`ann2neo study configs` lists those that come along;
# `digits-patterns` takes minutes). `PatternMonitor` takes torch models as well, in your own loop:
# `monitor.observe(model, step)`. `a2n.patterns.pattern_counts`, `pattern_entropy`,
# `mutual_information_test` and their kin do the same for any recording.
