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
# # The neurons of a transformer
#
# The units of a transformer sit in the feed-forward part of each block: one activation per unit and
# token. Here a small GPT-2 learns to read sums, and we ask of its neurons how often they fire, which
# tokens make them fire, and whether a token's place matters.
#
# It takes some 20 seconds, and needs `pip install '.[demo,transformers]'`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import ann2neo as a2n

rng = np.random.default_rng(0)
torch.manual_seed(0)
torch.set_num_threads(1)  # enough for a network this small

# %% [markdown]
# ## Text, and a network that reads it
#
# Sums such as `27+8=35`, a character a token, padded to one length. The configuration is GPT-2's own
# but for its sizes, the weights are random: nothing is downloaded.

# %%
CHARACTERS = "_0123456789+="  # the first is padding
LENGTH = 9
terms = rng.integers(0, 100, (4000, 2))
texts = [f"{a}+{b}={a + b}" for a, b in terms]
tokens = np.array([[CHARACTERS.index(c) for c in text.ljust(LENGTH, "_")] for text in texts])
mask = tokens > 0

config = GPT2Config(
    vocab_size=len(CHARACTERS),
    n_positions=LENGTH,
    n_embd=32,
    n_layer=2,
    n_head=4,
    bos_token_id=0,
    eos_token_id=0,
)
network = GPT2LMHeadModel(config)
optimizer = torch.optim.Adam(network.parameters(), 0.003)
train, test = slice(0, 3500), slice(3500, None)
losses = []
for _training_epoch in range(6):
    for batch in torch.randperm(3500).split(64):
        ids, attended = torch.tensor(tokens[batch]), torch.tensor(mask[batch])
        labels = ids.masked_fill(~attended, -100)
        loss = network(input_ids=ids, attention_mask=attended, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
print(f"loss per token: {np.mean(losses[:20]):.2f} at first, {np.mean(losses[-20:]):.2f} in the end")

# %% [markdown]
# ## Which layers are there?
#
# `list_layers` shows the network a few samples and lists every place where it can be recorded. The
# neurons are those that GELU makes, `transformer.h.*.mlp.act`: 128 channels at 9 positions each.

# %%
samples = {"input_ids": tokens[test], "attention_mask": mask[test].astype(int)}
table = a2n.list_layers(network, {name: values[:8] for name, values in samples.items()})
table.loc[table["in_all"], ["layer", "activation", "weights", "n_channels", "n_positions"]]

# %% [markdown]
# ## When does a neuron fire?
#
# GELU has no zeros: above 0 means a positive pre-activation, and most neurons are so for many tokens.
# To look at the tokens that a neuron answers to most, let it fire for its uppermost tenth:
# `unit_quantiles` gives each neuron its own level, from the texts the network learned from. A `mask`
# leaves padding out.

# %%
neurons = {"layers": "transformer.h.*.mlp.act", "conv_units": "channels", "mask": "attention_mask"}
learned = {"input_ids": tokens[train], "attention_mask": mask[train].astype(int)}
levels = a2n.unit_quantiles(network, learned, 0.9, **neurons)
positive = a2n.record(network, samples, **neurons)
raster = a2n.record(network, samples, threshold=levels, **neurons)
raster

# %% [markdown]
# A sample of the raster is a token now: `sample_index` says of which text, `step` which of its tokens.

# %%
raster.samples.head(8)

# %% [markdown]
# ## Rates over units
#
# Above 0 the rates of the neurons are wide apart. At their own levels, those of other texts, nearly all
# fire for a tenth of the tokens again: what is left is how they share the tokens among them.

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
bins = np.linspace(0, 1, 41)
for name, shown, color in (("above 0", positive, "#0072b2"), ("own level", raster, "#d55e00")):
    axes.hist(shown.spike_counts / shown.n_samples, bins, color=color, alpha=0.7, label=name)
axes.set(xlabel="spikes per token", ylabel="neurons")
axes.legend(frameon=False)
found = raster.spike_counts / raster.n_samples
print(f"{np.mean(np.abs(found - 0.1) < 0.03):.0%} of neurons fire for 7 to 13 % of the tokens")

# %% [markdown]
# ## Which tokens fire them?
#
# For each neuron the share of its spikes that falls on each character, beside the character's share of
# all tokens. The most selective neurons fire for nothing but `+`, or nothing but `=`.

# %%
where = raster.samples[["sample_index", "step"]].to_numpy().T
characters = pd.Series([CHARACTERS[token] for token in tokens[test][tuple(where)]])
active = raster.to_dense()
fired = np.stack([active[(characters == c).to_numpy()].sum(axis=0) for c in CHARACTERS[1:]])
shares = fired / np.maximum(1, fired.sum(axis=0))
expected = characters.value_counts(normalize=True)[list(CHARACTERS[1:])].to_numpy()
best = np.argsort(-shares.max(axis=0))[:24]

figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
drawn = axes.imshow(np.column_stack([expected, shares[:, best]]), aspect="auto", vmin=0, vmax=1)
axes.set(xlabel="all tokens, then the 24 most selective neurons", xticks=[], ylabel="token")
axes.set_yticks(range(len(CHARACTERS) - 1), list(CHARACTERS[1:]))
axes.axvline(0.5, color="white")
figure.colorbar(drawn, label="share of spikes")

# %%
for neuron in best[:5]:
    unit = raster.units.iloc[neuron]
    texts_of = [texts[3500 + where[0][t]] for t in np.flatnonzero(active[:, neuron])[:4]]
    print(
        f"{unit['layer']}, neuron {unit['unit_index']}: {characters[active[:, neuron]].mode()[0]!r}",
        texts_of,
    )

# %% [markdown]
# ## More than chance?
#
# `tuning_test` asks, for each neuron, whether its rate differs between the characters more than if
# these were dealt out at random, and adjusts for asking of 256 neurons.

# %%
labeled = a2n.SpikeRaster(
    raster.words,
    raster.n_samples,
    units=raster.units,
    samples=raster.samples.assign(label=characters),
    sampling_period=raster.sampling_period,
    annotations=raster.annotations,
)
result = a2n.tuning_test(labeled, rng=rng)
tuned = a2n.adjust_pvalues(result.pvalue) < 0.05
print(f"{tuned.sum()} of {len(tuned)} neurons care which character they read")

# %% [markdown]
# Three things to take along:
#
# - a layer's name comes from `list_layers`; a pattern takes the same layer of each block;
# - where an activation function has no zeros, a quantile per unit says when it fires;
# - with a mask, padding is no sample, and the table of samples says which token was which.
