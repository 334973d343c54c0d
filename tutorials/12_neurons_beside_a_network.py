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
# # Neurons beside a network
#
# A scientist with a recording of neurons wants to see them next to the units of a network, by the
# same functions. Which numbers may be compared? The neurons here are simulated, so that we know what
# they are: intervals of a gamma process, more regular than Poisson's. Where they are made, put a
# recording of your own: any `neo.Block`, or what pynapple, SpikeInterface or an NWB file holds.
#
# It takes a minute, and needs `pip install '.[demo]'`.

# %%
import elephant.statistics
import keras
import matplotlib.pyplot as plt
import neo
import numpy as np
import pandas as pd
import quantities as pq
from sklearn.datasets import load_digits

import ann2neo as a2n

rng = np.random.default_rng(0)

# %% [markdown]
# ## Forty neurons, a minute long
#
# As `elephant.spike_train_generation.StationaryGammaProcess` makes them, of shape 3.

# %%
rates = rng.lognormal(np.log(12), 0.5, 40)
neurons = neo.Block(name="simulated neurons")
neurons.segments.append(neo.Segment())
for unit, rate in enumerate(rates):
    times = np.cumsum(rng.gamma(3, 1 / (3 * rate), size=int(120 * rate)))
    train = neo.SpikeTrain(times[times < 60], units="s", t_stop=60, name=f"neuron {unit}")
    neurons.segments[0].spiketrains.append(train)

neurons.segments[0].spiketrains[0]

# %% [markdown]
# Their spikes lie on no grid. `as_raster` refuses to guess and asks for a bin; several spikes of a
# neuron in one bin are an error unless you say that they count as one.

# %%
try:
    a2n.as_raster(neurons)
except ValueError as error:
    print(error)

recorded = a2n.as_raster(neurons, bin_size=1 * pq.ms)
recorded

# %% [markdown]
# ## Forty units of a network
#
# A perceptron learns handwritten digits, and sees each image at random, again and again, for 60,000
# samples.

# %%
images, labels = load_digits(return_X_y=True)
images = ((images - images.mean(axis=0)) / 16).astype("float32")
hidden = keras.layers.Dense(
    40, "relu", kernel_initializer=keras.initializers.HeUniform(1), name="hidden"
)
output = keras.layers.Dense(10, "softmax", kernel_initializer=keras.initializers.HeUniform(2))
network = keras.Sequential([keras.Input((64,)), hidden, output])
network.compile("adam", "sparse_categorical_crossentropy")
network.fit(images, labels, epochs=10, shuffle=False, verbose=0)

shown = rng.integers(len(images), size=60_000)
units = a2n.record(network, images[shown], labels=labels[shown], layers="hidden", progress=False)
units

# %% [markdown]
# ## The same functions for both

# %%
both = {"neurons": recorded, "network": units}
pd.concat({name: a2n.summarize(raster).T.iloc[:, 0] for name, raster in both.items()}, axis=1).round(3)

# %% [markdown]
# Elephant's own functions take both as well; here its CV2 of the intervals, whose value for a
# Poisson process is 1.

# %%
for name, raster in both.items():
    trains = a2n.to_block(raster).segments[0].spiketrains
    intervals = [elephant.statistics.isi(train) for train in trains if len(train) > 2]
    values = [elephant.statistics.cv2(each) for each in intervals]
    print(f"{name}: CV2 {np.nanmean(values):.2f}")

# %% [markdown]
# Both are well below 1, and for different reasons. The neurons are regular: gamma intervals of shape
# 3. The units of the network are *busy*: of independent samples, each active with probability $p$,
# the Fano factor is $1 - p$ and the CV of the intervals $\sqrt{1 - p}$, because no sample has two
# spikes. At the neurons' rates of about .012 per bin that null is nearly Poisson's; at the network's
# it is far from it. So compare with the null, not with one another:

# %%
figure, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
for (name, raster), color in zip(both.items(), ("#0072b2", "#d55e00"), strict=True):
    axes.plot(a2n.firing_rate(raster), a2n.fanofactor(raster), "o", color=color, ms=4, label=name)
axes.plot([0, 1], [1, 0], color="gray", lw=1, label="1 − p, independent samples")
axes.set(xlabel="firing rate, spikes per sample", ylabel="Fano factor, windows of 100", xlim=(0, 1))
axes.legend(frameon=False)

# %%
for window in (100, 500):
    for name, raster in both.items():
        test = a2n.fano_test(raster, window, null="bernoulli")
        ratio = np.nanmedian(test.statistic / (1 - a2n.firing_rate(raster)))
        rejected = test.significant().mean()
        print(
            f"{name}, windows of {window}: F / (1 − p) = {ratio:.2f}, {rejected:.0%} of units rejected"
        )

# %% [markdown]
# The neurons lie far below what independence allows, the more so the longer the windows: with many
# spikes per window it tends to a third, 1 over the shape of their gamma intervals. The network's
# units lie on the line, as they must: samples in random order are independent of one another.
#
# ## What kind of process?
#
# Models of a single train, by cross-validated likelihood: no memory, the last samples, the time
# since the last spike.

# %%
models = ("bernoulli", "markov", "renewal")
for name, raster in both.items():
    found = a2n.compare_processes(raster, models).to_frame()
    print(name, found[["n_best", "median_gain"]].round(4), sep="\n", end="\n\n")

# %% [markdown]
# The time since the last spike describes the neurons, and nothing beyond the rate the network's
# units. (What a *class* of images tells about the latter is the subject of tutorial 10.)
#
# ## One sample is not one millisecond
#
# A sample of the network is an image, a sample of the neurons a bin of our choice. Numbers per
# sample change with it, and wide bins lose spikes:

# %%
rows = {}
for milliseconds in (1, 2, 5, 20):
    raster = a2n.as_raster(neurons, bin_size=milliseconds * pq.ms, binary="clip")
    rows[f"{milliseconds} ms"] = {
        "spikes per sample": a2n.firing_rate(raster).mean(),
        "spikes lost": raster.annotations.get("n_spikes_clipped", 0),
        "Fano factor of windows of 100 ms": np.nanmean(a2n.fanofactor(raster, 100 // milliseconds)),
        "F / (1 − p)": np.nanmedian(
            a2n.fanofactor(raster, 100 // milliseconds) / (1 - a2n.firing_rate(raster))
        ),
    }
pd.DataFrame(rows).T.round(3)

# %% [markdown]
# So what may be compared across the two?
#
# - **Deviations from a null in its own terms**: F over $1 - p$, p-values of
#   `fano_test(null="bernoulli")`, `ljung_box_test` or `runs_test`, `surrogate_test` with surrogates on
#   the sample grid, the better of two models.
# - **Not** rates in Hz, intervals in ms or Fano factors themselves: they depend on the bin, and for the
#   network on nothing but the convention that a sample is a millisecond.
# - **Order**: that of the neurons' samples is time; that of the network's is the order in which you
#   showed them. Anything that looks at neighbors (intervals, autocorrelation, windows) is about that
#   order.
