"""Surrogates that stay on the sample grid: random rasters that keep some features, not others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ann2neo.significance.kernels.rng import derive_state, random_state
from ann2neo.significance.surrogate_methods.method import Draw
from ann2neo.significance.surrogate_methods.table import document_methods, find_method
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.words import freeze


@document_methods
def surrogates(
    raster: RasterLike,
    method: str = "permutation",
    *,
    n_surrogates: int = 1,
    rng: np.random.Generator,
    **options: Any,
) -> Iterator[SpikeRaster]:
    """Random rasters that keep some features of a raster and lose the others.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    method : str
        {methods}

        ``poisson`` is a homogeneous Poisson process cut to one spike per sample. Of λ spikes per sample
        1 − exp(−λ) are left, so λ = −log(1 − r) keeps the firing rate r, and the law is that of
        ``bernoulli``. A process of λ = r, which cutting makes rarer, is
        ``elephant_process(raster, on_grid="round")``.
        ``inhomogeneous`` takes as profile the rate in consecutive windows of `window` samples, or the
        train smoothed with the discrete Gaussian kernel of standard deviation `bandwidth`, in
        seconds as in `instantaneous_rate` (Lindeberg 1990), reflected at the ends so that the expected
        spike count is kept. Counts in windows vary more than the raster's, whose chance the profile has
        taken up: tests against such surrogates reject too often (`surrogate_test` has numbers), against
        ``bin_shuffling`` they do not.
    n_surrogates : int
        Number of rasters, at least 1.
    rng : numpy.random.Generator
        256 bits are drawn from it at once, whatever `n_surrogates` is.
    **options
        Of the method, as above.

    Returns
    -------
    iterator of SpikeRaster
        Made one at a time. Unit and sample tables, sampling period and annotations are the raster's,
        with annotations ``surrogate`` (the method) and ``surrogate_…`` (its options). The tables are the
        axes and stay while spikes move: sample k of a surrogate has the label of sample k.

    Raises
    ------
    TypeError
        If `rng` is no Generator, or an option is missing or unknown to the method.
    ValueError
        If `method` is unknown, `n_surrogates` below 1 or an option out of range.

    References
    ----------
    Elephant's ``spike_train_surrogates``, whose names are used where the method is the same in discrete
    time; see `elephant_surrogates` for those methods themselves. Elephant's ``shuffle_isis`` also
    shuffles the time to the first spike, which is no interval between spikes.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from ann2neo.significance.surrogates import surrogates
    >>> raster, rng = a2n.as_raster(np.eye(5, dtype=bool)), np.random.default_rng(0)
    >>> for surrogate in surrogates(raster, "circular_shift", n_surrogates=2, rng=rng):
    ...     print(surrogate.spike_counts, surrogate.annotations["surrogate"])
    [1 1 1 1 1] circular_shift
    [1 1 1 1 1] circular_shift
    """
    raster = as_raster(raster)
    numbers = range(check_count(n_surrogates, "n_surrogates"))
    seed = random_state(rng)
    return draw_surrogates(raster, method, options, prepare_draw(raster, method, options), seed, numbers)


def prepare_draw(raster: SpikeRaster, method: str, options: dict[str, Any]) -> Draw:
    """What draws the words of surrogates; refuses what does not fit."""
    if raster.n_samples >= 2**32:
        # Beyond the compiled loops' random integers.
        raise ValueError(f"raster must have fewer than 2**32 samples, got {raster.n_samples}")
    return find_method(method, options).prepare(raster, **options)


def draw_surrogates(
    raster: SpikeRaster,
    method: str,
    options: dict[str, Any],
    draw: Draw,
    seed: np.ndarray,
    numbers: range,
) -> Iterator[SpikeRaster]:
    """Surrogates of these numbers; each has a seed of its own, so that any may be drawn by itself."""
    said = {"surrogate": method, **{f"surrogate_{name}": value for name, value in options.items()}}
    annotations = {**raster.annotations, **said}
    units, samples = raster.units, raster.samples
    for number in numbers:
        yield SpikeRaster(
            freeze(draw(derive_state(seed, number))),
            raster.n_samples,
            units,
            samples,
            sampling_period=raster.sampling_period,
            annotations=annotations,
        )
