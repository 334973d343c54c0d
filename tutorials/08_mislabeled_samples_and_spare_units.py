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
# # Mislabeled samples and spare units
#
# What are the spikes of a network good for, if not for neuroscience? Three things that work, on one
# network that has learned wrong labels by heart: finding the samples with wrong labels, reading better
# answers out of it than it gives itself, and removing units that it does not use. What does not work is
# on the page "What works and what does not" of the documentation, which has numbers from larger data.
#
# It takes a few seconds, and needs `pip install '.[demo]'`.

# %%
from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score

import ann2neo as a2n
from ann2neo import training

rng = np.random.default_rng(0)
digits = training.load("digits")

# %% [markdown]
# ## A network that learns wrong labels
#
# Forty percent of the labels are replaced by others, and a perceptron learns all of them.

# %%
labels = training.noisy_labels(digits.y_train, 0.4, n_classes=10, rng=rng)
wrong = labels != digits.y_train
network = training.build("mlp", 256, input_shape=digits.input_shape, n_classes=10, rng=rng)
learned = training.train(
    training.GENERALIZING.with_stop(epochs=1000, accuracy=0.98),
    network,
    (digits.x_train, labels, digits.x_test, digits.y_test),
    rng=rng,
    learning_rate=0.3,
    batch_size=32,
    validation_split=0,
    progress=False,
)
predicted = learned.network.predict(digits.x_train, verbose=0)
print(
    f"{np.mean(predicted.argmax(1)[wrong] == labels[wrong]):.0%} of the wrong labels are known by heart"
)

# %% [markdown]
# ## Which labels are wrong?
#
# The network agrees with nearly all labels, so its loss says little of which are wrong. The patterns of
# its hidden layer still do: a mislabeled three lies among the threes, not among the eights it is said
# to belong to. `label_suspicion` scores each image by how much nearer its pattern is to another class.

# %%
train = a2n.record(learned.network, digits.x_train, labels=labels, progress=False)
suspicion = a2n.label_suspicion(train)
loss = -np.log(predicted[np.arange(len(labels)), labels])
print(f"area under the ROC curve: patterns {roc_auc_score(wrong, suspicion.score):.3f}")
print(f"                          loss     {roc_auc_score(wrong, loss):.3f}")

# %%
figure, panels = plt.subplots(2, 8, figsize=(9, 2.8), layout="constrained")
for axes, sample in zip(panels.flat, suspicion.to_frame().index, strict=False):
    axes.imshow(digits.x_train[sample, ..., 0], cmap="gray_r")
    axes.set_title(f"said {labels[sample]}, {suspicion.nearest_label[sample]}?", fontsize=8)
    axes.axis("off")

# %% [markdown]
# ## Better answers from the same network
#
# The fifty training images whose patterns are most like a test image's vote with their labels, wrong
# ones included. This pays with label noise only.

# %%
test = a2n.record(learned.network, digits.x_test, progress=False)
vote = a2n.nearest_patterns(train, test, k=50).vote(labels)
own = learned.network.predict(digits.x_test, verbose=0).argmax(1)
print(f"right on test images: the network {np.mean(own == digits.y_test):.1%}, ", end="")
print(f"its nearest patterns {np.mean(vote == digits.y_test):.1%}")

# %% [markdown]
# ## Units that can go
#
# A unit that was silent for all samples shown can be removed. How often it may fire for others is
# bounded, not known: with so few images `removable_units` warns.

# %%
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 1,438 images are few, and this is a demonstration
    spare = a2n.removable_units(train)
print({layer: len(units) for layer, units in spare.silent.items()}, f"bound {spare.rate_bound:.4f}")
smaller = training.remove_units(learned.network, spare)
change = np.abs(
    smaller.predict(digits.x_test, verbose=0) - learned.network.predict(digits.x_test, verbose=0)
)
print(f"largest change of a probability on test images: {change.max():.2g}")

# %% [markdown]
# ## The same on MNIST and CIFAR-10, with intervals
#
# `ann2neo study run uses-mnist --out OUT` and `uses-cifar10` do all of this on 10,000 images, for four
# shares of wrong labels and five seeds, and more: they prune units by seven criteria, ask five
# indicators when to stop, and try six remedies against learning by heart. Their tables come with the
# package.

# %%
from ann2neo import study
from ann2neo.study.analysis.uses_findings import summarize_labels
from ann2neo.study.figures.uses_figures import draw_labels

results = study.Results.load(files("ann2neo.study") / "data" / "uses-mnist")
found = summarize_labels(results.uses)
found[found["measure"] == "auc"].round(3).drop(columns=["network", "width", "measure"])

# %%
draw_labels(results.uses[(results.uses["noise"] > 0) & (results.uses["remedy"] == "")])
