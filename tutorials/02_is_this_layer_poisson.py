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
# # Is this layer Poisson?
#
# Lehmler et al. (2024) model the activations of a network as Poisson spike trains, and test what that
# model assumes: independent and stationary activations, and spike counts whose variance equals their
# mean. We run these tests on a real network, find that one of them asks the wrong question, and let
# surrogates answer the right one.
#
# It takes half a minute, and needs `pip install '.[demo]'`.

# %%
import functools

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

import ann2neo as a2n

rng = np.random.default_rng(0)
pd.set_option("display.width", 110, "display.max_columns", 12, "display.precision", 3)

# %% [markdown]
# ## A network that recognizes digits
#
# 1,797 images of 8 × 8 pixels. All seeds are given, so the same numbers come out each time.

# %%
digits = load_digits()
images = ((digits.data - digits.data.mean(axis=0)) / 16).astype("float32")
labels = digits.target


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
shuffled = rng.permutation(len(labels))
model.fit(images[shuffled], labels[shuffled], epochs=15, batch_size=64, shuffle=False, verbose=0)
print(f"recognizes {model.evaluate(images, labels, verbose=0)[1]:.0%} of the images")

# %% [markdown]
# We record its hidden layer in random order: what comes after what is then up to chance. `summarize`
# gives the paper's indicators of a layer: mean firing rate and its variation over units, mean Fano
# factor (here in windows of 20 images) and its variation.

# %%
raster = a2n.record(model, images, labels=labels, rng=rng)
raster = raster.select(samples=np.arange(1780))  # whole windows of 20
a2n.summarize(raster, window=20).T

# %% [markdown]
# ## The whole battery in one call
#
# `poisson_assumptions` runs every test of the paper's section 3.3.1 on every unit, adjusts the p-values
# for the number of units and gives a verdict a layer.

# %%
battery = a2n.poisson_assumptions(raster, window=20)
battery.verdicts().set_index("test")[["assumption", "n_tested", "fraction_rejecting", "verdict"]]

# %% [markdown]
# Nothing speaks against independent samples of a constant rate: Ljung and Box's test, the runs test and
# the Fano factor against independent samples reject no unit. They must not: the images came in random
# order, and a network without memory cannot know which one came before.
#
# `adf`, Dickey and Fuller's test, adds little. Its null hypothesis is a random walk, and to reject is
# to say that a train is none. A binary train hardly can be one, so rejection is no evidence of a
# constant rate. Here are 64 units whose rate climbs from 0.2 to 0.6:

# %%
climbing = rng.random((1780, 64)) < np.linspace(0.2, 0.6, 1780)[:, None]
verdicts = a2n.poisson_assumptions(climbing, window=20).verdicts().set_index("test")
verdicts.loc[["adf", "ljung_box", "runs", "fano_bernoulli"], ["fraction_rejecting", "verdict"]]

# %% [markdown]
# `adf` "holds" for all of them, while the other tests see the climb in some units or all.
#
# Back to our layer, where one test stands out. **The Fano factor with the Poisson null rejects every
# unit.** Are these spike counts not Poisson after all?

# %%
rate = a2n.firing_rate(raster)
fano = a2n.fanofactor(raster, window=20)
poisson = a2n.fano_test(raster, window=20, null="poisson")
bernoulli = a2n.fano_test(raster, window=20, null="bernoulli")

figure, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
axes.axhline(1, color="#d55e00", label="Poisson process: 1")
axes.plot([0, 1], [1, 0], color="black", label="independent samples: 1 − rate")
axes.plot(rate, fano, "o", color="#0072b2", markersize=4, label="hidden unit")
axes.set(xlabel="firing rate (spikes per sample)", ylabel="Fano factor", xlim=(0, 1), ylim=(0, 1.6))
axes.legend(frameon=False)

# %% [markdown]
# ## The right null
#
# A Poisson process can have any number of events in a time bin. A unit has **at most one spike a
# sample**. If it fires with probability $p$ at each sample, whatever happened before, the count in a
# window of $w$ samples is binomial: mean $wp$, variance $wp(1-p)$, Fano factor $1-p$. So a Fano factor
# below 1 is what independent units *must* have. It is no discovery about the network.
#
# How badly does the Poisson null mislead? Let us toss coins: 1,000 perfectly independent units at each
# of several rates, 600 windows of 100 samples. A test at 5 % should reject 5 %, give or take a percent
# or two by chance.

# %%
rates = [0.01, 0.05, 0.1, 0.3]
rejected = {"poisson": [], "bernoulli": []}
for p in rates:
    coins = a2n.as_raster(rng.random((60_000, 1000), dtype=np.float32) < p)
    for null, shares in rejected.items():
        shares.append(np.mean(a2n.fano_test(coins, window=100, null=null).pvalue < 0.05))
pd.DataFrame(rejected, index=pd.Index(rates, name="firing rate")).rename(columns=lambda n: f"{n} null")

# %% [markdown]
# With the Poisson null the error grows with the rate until every independent unit is "significant".
# The Bernoulli null stays at its 5 %. For our layer:

# %%
for name, result in (("Poisson", poisson), ("Bernoulli", bernoulli)):
    share = np.mean(result.significant(alpha=0.05))
    print(f"{name} null: {share:.0%} of units significant, adjusted for {result.n_units} units")

# %% [markdown]
# ## A surrogate test
#
# The same question for any statistic, without a formula: shuffle each unit's samples a thousand times
# and see where the observed value lies. `surrogate_test` takes any function that gives a value per unit.
# For the Fano factor under permutation it knows a short cut, with the same law.

# %%
by_twenty = functools.partial(a2n.fanofactor, window=20)
shuffle_test = a2n.surrogate_test(raster, by_twenty, adjust="max-t", rng=rng)
shuffle_test.to_frame().head()

# %% [markdown]
# `fano_test` knows the law of all permutations, of which these are a thousand. So both must give the
# same p-values but for chance, which has a standard deviation of up to 0.03 here:

# %%
difference = np.abs(shuffle_test.pvalue - bernoulli.pvalue)
print(f"p-values differ by {difference.mean():.3f} on average, by {difference.max():.3f} at most")

# %% [markdown]
# Now record the same network with the images **sorted by digit**. Rates
# jump from digit to digit, counts vary more than coins would, and the right null notices:

# %%
sorted_raster = raster.select(samples=np.argsort(raster.samples["label"], kind="stable"))
sorted_test = a2n.surrogate_test(sorted_raster, by_twenty, adjust="max-t", rng=rng)

figure, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
for test, name, color in (
    (shuffle_test, "random order", "#0072b2"),
    (sorted_test, "by digit", "#009e73"),
):
    frame = test.to_frame()
    axes.plot(frame["null_mean"], frame["statistic"], "o", color=color, markersize=4, label=name)
equal = np.linspace(0.2, 0.7)  # a curve on this scale
axes.plot(equal, equal, color="black", label="equal")
axes.set(xlabel="Fano factor of surrogates (mean)", ylabel="Fano factor observed", yscale="log")
axes.minorticks_off()
axes.set(xlim=(0.2, 0.7), yticks=[0.2, 0.5, 1, 2, 5], yticklabels=["0.2", "0.5", "1", "2", "5"])
axes.legend(frameon=False)
for name, test in (("random order", shuffle_test), ("by digit", sorted_test)):
    print(f"{name}: {np.mean(test.significant()):.0%} of units significant")

# %% [markdown]
# What to take along:
#
# - Binary trains have their own null: Fano factor $1-p$, interval CV $\sqrt{1-p}$. `fano_test` uses it
#   unless told otherwise; `null="poisson"` is there to repeat the paper's numbers.
# - The tests say something about the *order* of the samples as much as about the network. In random
#   order independence and stationarity hold by construction.
# - `adf` cannot vouch for a constant rate; `runs` and `fano_bernoulli` look for its opposite.
