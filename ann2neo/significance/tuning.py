"""Are units tuned to classes? The information about the class against permuted labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from ann2neo.significance.combine import adjust_pvalues
from ann2neo.significance.result import TestResult
from ann2neo.spikes.argument_checks import check_count, check_rng
from ann2neo.spikes.progress import ProgressBar
from ann2neo.spikes.typing import Floats, Ints, RasterLike
from ann2neo.statistics.units.class_counts import ClassCounts, Labels
from ann2neo.statistics.units.tuning import Tuning


def tuning(
    raster: RasterLike,
    labels: Labels | None = None,
    *,
    classes: npt.ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    n_surrogates: int = 1000,
    progress: bool = True,
) -> Tuning:
    """What each unit does at the samples of each class.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    labels : str or array of shape (n_samples,), optional
        Column of the sample table, or a label per sample. Default: the column ``"label"``.
    classes : array, optional
        The classes there are, in the order wanted. One that was never shown has a column of NaN.
        Default: those of the labels, sorted.
    rng : numpy.random.Generator, optional
        For p-values: `tuning_test` is then done too.
    n_surrogates, progress
        As for `tuning_test`.

    Returns
    -------
    Tuning
        Per unit and class the activation probability with its exact interval and d′; per unit the
        preferred class, the selectivity index of Morcos et al. (2018), the information about the class
        and, with `rng`, p-values.

    Raises
    ------
    TypeError, ValueError
        If there are no labels, one is missing, a label is not among `classes`, or an argument is not as
        described.

    See Also
    --------
    ClassCounts : the same for a recording in chunks.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> labels = np.repeat([0, 1, 2], 100)
    >>> rng = np.random.default_rng(0)
    >>> rates = np.column_stack([np.where(labels == 2, 0.8, 0.1), np.full(300, 0.5)])
    >>> active = rng.random((300, 2)) < rates
    >>> found = a2n.tuning(active, labels, rng=rng, progress=False)
    >>> found.to_frame()[["preferred_class", "selectivity", "information", "pvalue"]].round(3)
       preferred_class  selectivity  information  pvalue
    0                2        0.780         0.37   0.001
    1                1        0.071         0.00   0.367
    """
    found = ClassCounts().update(raster, labels).result(classes)
    if rng is None:
        return found
    test = tuning_test(found, rng=rng, n_surrogates=n_surrogates, progress=progress)
    return dataclasses.replace(
        found, pvalue=test.pvalue, pvalue_adjusted=test.columns["pvalue_adjusted"]
    )


def tuning_test(
    source: RasterLike | Tuning,
    labels: Labels | None = None,
    *,
    rng: np.random.Generator,
    n_surrogates: int = 1000,
    progress: bool = True,
) -> TestResult:
    """Test the information of each unit about the class against labels permuted within data splits.

    Parameters
    ----------
    source : Tuning, or SpikeRaster or what `as_raster` takes
        A `Tuning` has its labels already.
    labels : str or array of shape (n_samples,), optional
        As for `tuning`.
    rng : numpy.random.Generator
    n_surrogates : int
        Permutations, at least 1. No p-value is below ``1 / (1 + n_surrogates)``.
    progress : bool
        Show a progress bar on runs of over a second.

    Returns
    -------
    TestResult
        ``statistic``: the plug-in information about the class, in bits; ``pvalue``:
        (1 + #) / (1 + n_surrogates), # the permutations with at least this value. NaN for a unit that is
        the same at all samples. Columns: ``null_mean``, the mean of the permutations, and
        ``pvalue_adjusted`` (Benjamini–Hochberg over units).

    Raises
    ------
    TypeError, ValueError
        As `tuning`.

    Notes
    -----
    Permuted labels deal a unit's spikes of a data split out to classes as a multivariate hypergeometric
    law does, which is drawn from: exact, and no label is moved. Each unit has draws of its own. Samples
    of a split must be exchangeable: of a convolution's positions in one image select one.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> labels = np.repeat([0, 1], 50)
    >>> active = np.column_stack([labels, np.arange(100) % 2])
    >>> result = a2n.tuning_test(active, labels, rng=np.random.default_rng(0), progress=False)
    >>> result.statistic.round(3), result.pvalue.round(3)
    (array([1., 0.]), array([0.001, 1.   ]))
    """
    rng = check_rng(rng)
    n_surrogates = check_count(n_surrogates, "n_surrogates")
    if isinstance(source, Tuning):
        if labels is not None:
            raise ValueError("labels must be None: a Tuning has its own")
        found = source
    else:
        found = ClassCounts().update(source, labels).result()
    pvalue, null_mean = _compare(found, rng, n_surrogates, progress)
    return TestResult(
        found.information(estimator="plug-in"),
        pvalue,
        "labels are exchangeable among the samples of a data split, whatever the unit does",
        "information of a unit about the class against permuted labels",
        {"n_surrogates": n_surrogates},
        found.units,
        {"null_mean": null_mean, "pvalue_adjusted": adjust_pvalues(pvalue)},
    )


def _compare(
    found: Tuning, rng: np.random.Generator, n_surrogates: int, progress: bool
) -> tuple[Floats, Floats]:
    """P-values and the null's mean information, per unit."""
    shown = found.n_samples > 0
    sizes, spikes = found.split_samples[:, shown], found.split_spikes[:, :, shown]
    terms, one = _entropy_terms(int(sizes.sum()))
    n = sizes.sum(axis=0)
    total, n_samples = spikes.sum(axis=(0, 2)), int(n.sum())
    observed = _class_sums(spikes.sum(axis=0), n, terms)
    # n I = Σ f(k_c) + f(n_c − k_c) − Σ f(n_c) − f(k) − f(n − k) + f(n), of which the first changes.
    fixed = terms[n_samples] - terms[n].sum() - terms[total] - terms[n_samples - total]
    pvalue, null_mean = np.full((2, found.n_units), np.nan)
    with ProgressBar(found.n_units, "units", progress=progress) as bar:
        for unit in range(found.n_units):
            if 0 < total[unit] < n_samples:
                null = _class_sums(_draw(spikes[:, unit], sizes, rng, n_surrogates), n, terms)
                pvalue[unit] = (1 + np.count_nonzero(null >= observed[unit])) / (1 + n_surrogates)
                null_mean[unit] = (null.mean() + fixed[unit]) / (one * n_samples)
            bar.update(1)
    return pvalue, np.maximum(null_mean, 0)


def _draw(spikes: Ints, sizes: Ints, rng: np.random.Generator, n_surrogates: int) -> Ints:
    """One unit's spikes per class under permuted labels, shape (n_surrogates, n_classes)."""
    drawn = np.zeros((n_surrogates, sizes.shape[1]), np.int64)
    for of_split, size in zip(spikes, sizes, strict=True):
        drawn += rng.multivariate_hypergeometric(
            size, int(of_split.sum()), size=n_surrogates, method="marginals"
        )
    return drawn


def _class_sums(spikes: Ints, sizes: Ints, terms: Ints) -> Ints:
    return np.asarray((terms[spikes] + terms[sizes - spikes]).sum(axis=-1), np.int64)


def _entropy_terms(n: int) -> tuple[Ints, float]:
    """c log₂ c for c up to n, as whole multiples of a small number, which add up exactly."""
    from scipy.special import xlogy

    exact = xlogy(np.arange(n + 1), np.arange(n + 1)) / np.log(2)
    one = 2.0 ** (61 - np.ceil(np.log2(exact[-1] + 2)))
    return np.rint(exact * one).astype(np.int64), one
