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
# # A recording larger than memory
#
# One bit per unit and sample is little, but a data set of millions shown to a network of millions of
# units is more than a machine holds. Such a recording is written to disk while it is made, opened
# instead of loaded, and analyzed chunk by chunk, by several threads if you like. Here it is small,
# and we check that nothing comes out differently.
#
# It takes a few seconds, and needs `pip install '.[demo]'`.

# %%
import keras
import numpy as np

import ann2neo as a2n

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((32,)),
        keras.layers.Dense(128, "relu", name="first"),
        keras.layers.Dense(128, "relu", name="second"),
        keras.layers.Dense(10, "softmax"),
    ],
    name="wide",
)

# %% [markdown]
# ## Samples that never are in memory at once
#
# An iterable of batches is enough. A function that makes the iterable lets `record` start over.
# Batches here are drawn at random; yours come from files.


# %%
def batches(n_batches=80, size=500):
    drawn = np.random.default_rng(1)
    for _ in range(n_batches):
        yield drawn.standard_normal((size, 32), dtype=np.float32)


path = a2n.record(
    model, batches(), layers=["first", "second"], store="wide.zarr", overwrite=True, progress=False
)
path

# %% [markdown]
# With `store=`, `record` returns the place and holds one chunk of bits in memory. Killed halfway, it
# leaves nothing under that name.
#
# ## Opened, not loaded

# %%
stored = a2n.open_raster(path)
print(f"{stored.n_units} units × {stored.n_samples:,} samples, {stored.nbytes / 1e6:.1f} MB of bits")
print(stored.layers)

# %% [markdown]
# Every function takes it, or the path, where it takes a raster. What needs all spikes at once loads
# them, with a warning if that takes more than a gigabyte.

# %%
summary = a2n.summarize(stored, workers=2)
summary.T

# %%
print(a2n.poisson_assumptions(stored))

# %% [markdown]
# The result does not depend on the number of workers, nor on how the recording is cut into chunks:

# %%
assert summary.equals(a2n.summarize(stored.load()))

# %% [markdown]
# ## A part of it
#
# `select` reads nothing; what is loaded afterwards is that part alone.

# %%
part = stored.select(layer="second", samples=np.arange(1000))
print(part.n_units, part.n_samples)
raster = part.load()
raster

# %% [markdown]
# ## A statistic of your own, chunk by chunk
#
# Accumulators take a recording in parts: `update` with a chunk, `merge` with what another process
# saw, `result` at the end. `chunks` gives the chunks; `a2n.accumulate(a2n.FiringRate, stored,
# workers=2)` does all of it.

# %%
seen = a2n.FanoFactor(window=100)
for chunk in stored.chunks():
    seen = seen.update(chunk)
np.testing.assert_array_equal(seen.result(), a2n.fanofactor(stored, window=100))

# %% [markdown]
# For recordings made by many processes or machines see the page "Record and analyze what is larger
# than memory" of the documentation.
