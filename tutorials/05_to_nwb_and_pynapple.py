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
# # A network in NWB, opened with pynapple
#
# [NWB](https://www.nwb.org) is the format in which neuroscientists share recordings. We record a
# network, write it to an NWB file, and open that with [pynapple](https://pynapple.org), which knows
# nothing of networks: it finds units with spikes, and trials with labels. Then we ask what one asks
# of neurons: which stimulus does each unit like, and can the stimulus be read from the spikes?
#
# It takes half a minute, and needs `pip install '.[demo,nwb,pynapple]'`.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import pynapple as nap
from sklearn.datasets import load_digits

import ann2neo as a2n

rng = np.random.default_rng(0)

# %% [markdown]
# ## A network, recorded
#
# As in the first tutorial: 64 hidden nodes learn to recognize handwritten digits, and see 900 new
# ones in random order.

# %%
digits = load_digits()
order = rng.permutation(len(digits.target))
images = ((digits.data - digits.data.mean(axis=0))[order] / 16).astype("float32")
labels = digits.target[order]


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
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
model.fit(images[900:], labels[900:], epochs=15, batch_size=64, shuffle=False, verbose=0)

raster = a2n.record(model, images[:900], labels=labels[:900], dataset_split="test", progress=False)
raster

# %% [markdown]
# ## To NWB
#
# One call. The units' table (layer, place in the layer) becomes columns of NWB's `units`, the
# samples become its `trials`. The file says plainly that its subject is a network.

# %%
path = a2n.write_nwb(raster, "digits_mlp.nwb", overwrite=True, progress=False)
print(path, f"{path.stat().st_size / 1e6:.1f} MB")
print("read back equal:", a2n.read_nwb(path) == raster)

# %% [markdown]
# ## Open it with pynapple

# %%
recording = nap.load_file(str(path))
recording

# %% [markdown]
# `units` are the spike trains, with what the file says of each unit. Trains do not know how long the
# recording was; here it is 900 images of 1 ms.

# %%
duration = raster.n_samples * raster.sampling_period
units = recording["units"].restrict(nap.IntervalSet(0, duration))
units[["layer", "unit_index", "rate"]].head()

# %% [markdown]
# ## Tuning curves
#
# How often is each unit active for a 0, a 1, … a 9? `class_label` is the digit at each instant, and
# pynapple computes the tuning curve of every unit to it, as it would for the position of an animal.

# %%
digit_shown = recording["class_label"]
edges = np.arange(11) - 0.5
tuning = nap.compute_tuning_curves(units, digit_shown, bins=[edges], fs=1000.0, feature_names=["digit"])

# %% [markdown]
# NumPy finds the same numbers in the raster itself: the share of the images of a digit for which a
# unit is active, in spikes a second.

# %%
active = raster.to_dense()
by_hand = [active[labels[:900] == digit].mean(axis=0) * 1000 for digit in range(10)]
print("equal:", np.array_equal(tuning.values, np.transpose(by_hand)))

# %%
preferred = tuning.values.argmax(axis=1)
by_preference = np.lexsort([-tuning.values.max(axis=1), preferred])

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", width_ratios=(1, 1.3))
drawn = left.imshow(
    tuning.values[by_preference] / 1000, aspect="auto", cmap="magma", vmin=0, vmax=1, origin="lower"
)
left.set(xlabel="digit shown", ylabel="hidden unit, by preferred digit", xticks=range(10))
figure.colorbar(drawn, ax=left, label="p")
for digit, color in ((0, "#0072b2"), (4, "#d55e00"), (6, "#009e73")):
    unit = by_preference[preferred[by_preference] == digit][0]
    right.plot(range(10), tuning.values[unit] / 1000, "o-", color=color, label=f"unit {unit}")
right.set(xlabel="digit shown", ylabel="p, spikes an image", xticks=range(10), ylim=(0, 1.05))
right.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))

# %% [markdown]
# ## Which digit was it?
#
# If units are tuned to digits, their spikes say which digit was shown. Tuning curves from the first
# half of the images, and pynapple's Bayesian decoder for the second, 1 ms and so one image at a time.
# (An interval of pynapple includes its end, so the first one ends half a millisecond earlier, between
# two images.)

# %%
half, end = duration / 2, duration
first, second = nap.IntervalSet(0, half - 0.0005), nap.IntervalSet(half, end)
learned = nap.compute_tuning_curves(units, digit_shown, bins=[edges], epochs=first, fs=1000.0)
decoded, probability = nap.decode_bayes(learned, units, epochs=second, bin_size=0.001)

true = labels[450:900]
print(f"{np.mean(decoded.values == true):.0%} of {len(true)} images decoded, by chance 10%")

# %%
confusion = np.zeros((10, 10))
np.add.at(confusion, (true, decoded.values.astype(int)), 1)
figure, axes = plt.subplots(figsize=(4.6, 3.9), layout="constrained")
drawn = axes.imshow(confusion / confusion.sum(axis=1, keepdims=True), cmap="magma", vmin=0, vmax=1)
axes.set(xlabel="digit decoded", ylabel="digit shown", xticks=range(10), yticks=range(10))
figure.colorbar(drawn, label="share of images")

# %% [markdown]
# ## Without a file, and elsewhere
#
# `to_pynapple` makes the same objects in memory, with one interval an image, whose metadata are the
# table of samples. So these are the spikes of all fours:

# %%
units, samples, shown = a2n.to_pynapple(raster)
fours = units.restrict(samples[samples["label"] == 4])
print(sum(len(train) for train in fours.values()), "spikes")

# %% [markdown]
# and `from_pynapple` goes back. `to_spikeinterface` and `to_xarray` are its relatives for
# [SpikeInterface](https://spikeinterface.readthedocs.io) and [xarray](https://xarray.dev), `write_nix`
# for NIX. On the command line one command knows all files, activations that other programs extracted
# among them:
#
# ```sh
# ann2neo convert digits_mlp.nwb digits_mlp.zarr
# ann2neo convert features/ spikes.nwb --threshold 0.5 --labels labels.npy
# ```
