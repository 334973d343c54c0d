"""Draw spike trains of fitted models."""

from __future__ import annotations

import numpy as np

from ann2neo.processes.fit import ProcessFit
from ann2neo.processes.kernels import draw_trains
from ann2neo.significance.kernels import surrogates as draws
from ann2neo.significance.kernels.rng import random_state
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Ints, Words
from ann2neo.spikes.words import freeze, n_words

ANY_LENGTH = ("bernoulli", "markov", "renewal")
"""Models whose probabilities do not depend on which sample is shown."""

_WHOLE = 2**53


def simulate(fit: ProcessFit, n_samples: int | None = None, *, rng: np.random.Generator) -> SpikeRaster:
    """Draw spike trains of a fitted model, a train per unit, independent of one another.

    Parameters
    ----------
    fit : ProcessFit
        Of `fit_process`.
    n_samples : int, optional
        Default: as many as were fitted. Another number for ``"bernoulli"``, ``"markov"`` and
        ``"renewal"`` only: the others depend on the samples that were shown, and are drawn for these.
    rng : numpy.random.Generator

    Returns
    -------
    SpikeRaster
        With the units and the sampling period of what was fitted, and annotations ``simulated`` (the
        model) and ``simulated_n_fitted``. Every function of rasters takes it; `to_spiketrains` gives it
        to Elephant.

    Raises
    ------
    TypeError, ValueError
        If `n_samples` is not as described, or `rng` no Generator.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> active = np.repeat(rng.random((500, 2)) < 0.3, 2, axis=0)
    >>> made = a2n.simulate(a2n.fit_process(active, "markov", order=1), 100_000, rng=rng)
    >>> np.allclose(a2n.firing_rate(made), a2n.firing_rate(active), atol=0.02)
    True
    """
    cells = fit.model.cells
    codes = cells.codes
    if n_samples is not None:
        n_samples = check_count(n_samples, "n_samples")
        if fit.name in ANY_LENGTH:
            codes = np.zeros(n_samples, np.int64)
        elif n_samples != fit.n_samples:
            raise ValueError(
                f"n_samples must be the {fit.n_samples} of the fit, on whose samples the model "
                f"{fit.name!r} depends, got {n_samples}"
            )
    return SpikeRaster(
        freeze(draw_words(fit, codes, random_state(rng))),
        codes.size,
        fit.units,
        sampling_period=fit.sampling_period,
        annotations={"simulated": fit.name, "simulated_n_fitted": fit.n_samples},
    )


def draw_words(fit: ProcessFit, codes: Ints, state: Words) -> Words:
    """Words of trains drawn by the fitted probabilities."""
    cells, history = fit.model.cells, fit.model.cells.history
    words = np.zeros((fit.n_units, n_words(codes.size)), np.uint64)
    if cells.n_cells == 1:
        # One probability for all samples: 64 of them at a time, of a fraction of whole numbers.
        counts = np.rint(fit.estimate.probability * _WHOLE).astype(np.uint64)
        draws.bernoulli(counts, np.array([_WHOLE], np.uint64), codes.size, codes.size, state, words)
        return words
    draw_trains(
        np.ascontiguousarray(fit.estimate.probability),
        codes,
        history.groups,
        history.transitions,
        history.n_groups,
        np.zeros(fit.n_units, np.int64),
        state,
        words,
    )
    return words
