"""Entropy of single units and the information that two of them share."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from ann2neo.spikes.argument_checks import check_choice
from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.typing import Floats, RasterLike
from ann2neo.statistics.correlation import Correlation
from ann2neo.statistics.groups import group_units

PairEstimator = Literal["plug-in", "miller-madow"]


def pairwise_information(
    source: RasterLike | Correlation, *, estimator: PairEstimator = "plug-in"
) -> Floats:
    """Mutual information of every two units' bits, in bits; on the diagonal each unit's entropy.

    Parameters
    ----------
    source : SpikeRaster or what `as_raster` takes, or Correlation
        A `Correlation` of window 1 has seen a recording in chunks.
    estimator : {"plug-in", "miller-madow"}
        Plug-in entropies of the four counts are biased by about (states seen − 1) / (2 n ln 2), so that
        units which have nothing in common share 1 / (2 n ln 2) on average; ``"miller-madow"`` takes that
        off and may fall below 0.

    Returns
    -------
    array of float, shape (n_units, n_units)

    Raises
    ------
    ValueError
        If a `Correlation` is of another window than 1, or has seen no samples.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.pairwise_information(np.array([[1, 1, 0], [1, 1, 1], [0, 0, 0], [0, 0, 1]])).round(3)
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 1.]])
    """
    check_choice(estimator, "estimator", ("plug-in", "miller-madow"))
    seen = source if isinstance(source, Correlation) else Correlation().update(source)
    if seen.window != 1 or seen.n_windows < 1:
        raise ValueError(
            "source must be a recording, or a Correlation of window 1, of at least one sample; "
            f"got one of window {seen.window} and {seen.n_windows} samples"
        )
    n, both, k = int(seen.n_windows), seen.products, seen.sum
    cells = both, k[:, None] - both, k - both, n - k[:, None] - k + both
    constant = (k == 0) | (k == n)
    single = np.where(constant, 0.0, _entropy_sum(n, k, n - k))
    bits = single[:, None] + single - _entropy_sum(n, *cells)
    if estimator == "plug-in":
        bits = np.maximum(bits, 0)
    else:
        states = (k > 0).astype(int) + (k < n) - 1
        joint = sum(np.not_equal(cell, 0).astype(int) for cell in cells) - 1
        scale = 1 / (2 * np.log(2) * n)
        bits += (states[:, None] + states - joint) * scale
        single = single + states * scale
    # Of one state only what is left is rounding.
    bits[constant] = bits[:, constant] = 0
    np.fill_diagonal(bits, single)
    return bits


def summarize_information(
    raster: RasterLike, by: str | None = "layer", *, estimator: PairEstimator = "miller-madow"
) -> pd.DataFrame:
    """Mean entropy of units and mean information of pairs, a row per group of units.

    Bansal, Pruthi and Belinkov (2022) find low entropy with high shared information where a network
    memorizes by heuristics, and high entropy with low information where it memorizes examples.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    by : str or None
        Column of the unit table whose values make the groups; None: all units together.
    estimator : {"miller-madow", "plug-in"}
        As for `pairwise_information`.

    Returns
    -------
    pandas.DataFrame
        Columns ``n_units``, ``entropy`` and ``information``, in bits; the latter over the pairs of two
        different units, NaN for one unit alone. Silent and always-on units count with 0.

    References
    ----------
    Bansal, Pruthi and Belinkov, Measures of information reflect memorization patterns, NeurIPS 2022.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.random.default_rng(0).random((1000, 5)) < 0.5
    >>> a2n.summarize_information(active, estimator="plug-in").round(4).to_dict("records")
    [{'n_units': 5, 'entropy': 0.9996, 'information': 0.0007}]
    """
    source = as_recording(raster)
    groups = group_units(source, by)
    rows = []
    for units in groups.values():
        bits = pairwise_information(source.select(units=units), estimator=estimator)
        pairs = bits[np.triu_indices(units.size, 1)]
        shared = float(pairs.mean()) if pairs.size else np.nan
        rows.append({"n_units": units.size, "entropy": bits.diagonal().mean(), "information": shared})
    return pd.DataFrame(rows, index=pd.Index(list(groups), name=by))


def _entropy_sum(n: int, *cells: Floats) -> Floats:
    from scipy.special import xlogy

    total = sum(xlogy(cell, cell) for cell in cells)
    return np.asarray(np.log2(n) - total / (np.log(2) * n), np.float64)
