"""Tuning: what each unit does at the samples of each class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.extras import require
from ann2neo.spikes import raster_tables
from ann2neo.spikes.argument_checks import check_choice, check_level, check_period
from ann2neo.spikes.typing import Floats, Ints, TimeLike

InformationEstimator = Literal["miller-madow", "plug-in"]


@dataclass(frozen=True, eq=False, repr=False)
class Tuning:
    """Spikes per unit and class, and what follows from them; `tuning` makes it.

    NaN stands where a value is not defined: in the column of a class that was never shown, and for a
    unit where its rule says so.

    Parameters
    ----------
    units : pandas.DataFrame
        The raster's unit table.
    classes : array, shape (n_classes,)
        The labels, in the order of the columns.
    split_samples : array of int, shape (n_splits, n_classes)
        Samples per data split and class.
    split_spikes : array of int, shape (n_splits, n_units, n_classes)
        Spikes per data split, unit and class.
    pvalue, pvalue_adjusted : array of float, shape (n_units,), optional
        Of `tuning_test`, adjusted by Benjamini and Hochberg over all units.
    """

    units: pd.DataFrame
    classes: npt.NDArray[Any]
    split_samples: Ints
    split_spikes: Ints
    pvalue: Floats | None = None
    pvalue_adjusted: Floats | None = None

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.units)

    @cached_property
    def n_samples(self) -> Ints:
        """Samples of each class, shape (n_classes,)."""
        return np.asarray(self.split_samples.sum(axis=0), np.int64)

    @cached_property
    def n_spikes(self) -> Ints:
        """Spikes per unit and class, shape (n_units, n_classes)."""
        return np.asarray(self.split_spikes.sum(axis=0), np.int64)

    @cached_property
    def probability(self) -> Floats:
        """Share of the samples of a class at which a unit is active, shape (n_units, n_classes)."""
        with np.errstate(invalid="ignore"):
            return self.n_spikes / self.n_samples

    def interval(self, *, alpha: float = 0.05) -> Floats:
        """Exact interval of `probability` (Clopper and Pearson 1934), shape (n_units, n_classes, 2).

        Parameters
        ----------
        alpha : float
            One less the coverage, in (0, 1). Independent samples are taken for granted.
        """
        from scipy.special import betaincinv

        alpha = check_level(alpha, "alpha")
        # Many units and classes share their counts; each pair is worked out once.
        size = np.broadcast_to(self.n_samples, self.n_spikes.shape)
        pairs, place = np.unique(size * (size.max() + 1) + self.n_spikes, return_inverse=True)
        n, k = np.divmod(pairs, size.max() + 1)
        low, high = np.zeros(k.shape), np.ones(k.shape)
        low[k > 0] = betaincinv(k[k > 0], (n - k + 1)[k > 0], alpha / 2)
        below = k < n
        high[below] = betaincinv((k + 1)[below], (n - k)[below], 1 - alpha / 2)
        low[n == 0] = high[n == 0] = np.nan
        return np.stack([low, high], axis=-1)[place.reshape(size.shape)]

    @cached_property
    def preferred_class(self) -> Ints:
        """Place in `classes` of the class of highest probability, the first among equals.

        −1 for a unit that is as active for every class shown, a silent one included. Shape (n_units,).
        """
        shown = np.where(np.isnan(self.probability), -1.0, self.probability)
        least = np.where(np.isnan(self.probability), 2.0, self.probability)
        return np.where(shown.max(axis=1) > least.min(axis=1), shown.argmax(axis=1), -1)

    @cached_property
    def selectivity(self) -> Floats:
        """Index of Morcos et al. (2018), shape (n_units,), from 0 to 1.

        (μ_max − μ_rest) / (μ_max + μ_rest), μ_max the highest of the class probabilities and μ_rest the
        mean of the others, classes weighing alike. NaN for a silent unit, or fewer than two classes.

        References
        ----------
        Morcos, Barrett, Rabinowitz and Botvinick, On the importance of single directions for
        generalization, ICLR 2018.
        """
        shown = self.probability[:, self.n_samples > 0]
        highest = shown.max(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            rest = (shown.sum(axis=1) - highest) / (shown.shape[1] - 1)
            index = (highest - rest) / (highest + rest)
        # Of equal probabilities the difference is rounding.
        return np.where(np.isnan(index) | (self.preferred_class >= 0), np.clip(index, 0, 1), 0.0)

    @cached_property
    def d_prime(self) -> Floats:
        """How well a unit tells a class from all other samples, shape (n_units, n_classes).

        (p − q) / √((p (1 − p) + q (1 − q)) / 2), p the probability for the class and q for all other
        samples together. ± infinity where it tells them without fault; NaN where the unit is the same at
        all samples, or there are no others.
        """
        others = self.n_samples.sum() - self.n_samples
        with np.errstate(invalid="ignore", divide="ignore"):
            q = (self.n_spikes.sum(axis=1, keepdims=True) - self.n_spikes) / others
            p = self.probability
            return np.asarray((p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2), np.float64)

    def information(self, *, estimator: InformationEstimator = "miller-madow") -> Floats:
        """Information of a unit's activity about the class, in bits, shape (n_units,).

        Parameters
        ----------
        estimator : {"miller-madow", "plug-in"}
            ``"plug-in"``: H(X) − H(X | class) of the counts, never negative and too high.
            ``"miller-madow"``: less its bias to first order,
            (Σ_c (K_c − 1) − (K − 1)) / (2 n ln 2), K of the two states seen at all and K_c in class c
            (Miller 1955; Panzeri and Treves 1996): can fall below 0.
        """
        check_choice(estimator, "estimator", ("miller-madow", "plug-in"))
        n, k = self.n_samples, self.n_spikes
        total, spikes = int(n.sum()), k.sum(axis=1)
        conditional = (_binary_entropy(k, n) * n).sum(axis=1) / total
        bits = np.maximum(_binary_entropy(spikes, total) - conditional, 0.0)
        if estimator == "plug-in":
            return np.asarray(bits, np.float64)
        states = np.count_nonzero((k > 0) & (k < n), axis=1) - ((spikes > 0) & (spikes < total))
        return np.asarray(bits - states / (2 * np.log(2) * total), np.float64)

    def to_frame(self) -> pd.DataFrame:
        """The unit table with a unit's results beside it.

        ``preferred_class`` (missing where there is none), ``probability`` over all samples,
        ``selectivity``, ``d_prime`` of the preferred class, ``information`` (Miller–Madow) and, where
        they were asked for, ``pvalue`` and ``pvalue_adjusted``.
        """
        preferred = self.preferred_class
        rows = np.arange(self.n_units)
        columns: dict[str, Any] = {
            "preferred_class": pd.array(self.classes).take(preferred, allow_fill=True),
            "probability": self.n_spikes.sum(axis=1) / self.n_samples.sum(),
            "selectivity": self.selectivity,
            "d_prime": np.where(preferred < 0, np.nan, self.d_prime[rows, preferred]),
            "information": self.information(),
        }
        if self.pvalue is not None:
            columns |= {"pvalue": self.pvalue, "pvalue_adjusted": self.pvalue_adjusted}
        return join_results(self.units, columns)

    def to_class_frame(self, *, alpha: float = 0.05) -> pd.DataFrame:
        """A row per unit and class.

        The unit table with ``class``, ``n_samples``, ``n_spikes``, ``probability``, its exact interval
        of coverage 1 − `alpha`, ``low`` and ``high``, and ``d_prime``.
        """
        interval = self.interval(alpha=alpha)
        n_classes = len(self.classes)
        repeated = self.units.loc[self.units.index.repeat(n_classes)].reset_index(drop=True)
        columns = {
            "class": np.tile(self.classes, self.n_units),
            "n_samples": np.tile(self.n_samples, self.n_units),
            "n_spikes": self.n_spikes.ravel(),
            "probability": self.probability.ravel(),
            "low": interval[..., 0].ravel(),
            "high": interval[..., 1].ravel(),
            "d_prime": self.d_prime.ravel(),
        }
        return join_results(repeated, columns)

    def to_xarray(self, *, sampling_period: TimeLike = 0.001) -> Any:
        """Tuning curves as ``pynapple.compute_tuning_curves`` returns them.

        Parameters
        ----------
        sampling_period : float
            Seconds per sample, or a time with its unit.

        Returns
        -------
        xarray.DataArray
            Rates in Hz, dimensions ``unit`` (0, 1, …) and ``label`` (the classes); attributes
            ``occupancy`` (samples per class), ``fs`` and ``rates``, as pynapple's own functions of
            tuning curves look for them.

        Raises
        ------
        ImportError
            If xarray is not installed.
        """
        xr = require("xarray", extra="xarray")
        frequency = 1 / check_period(sampling_period)
        return xr.DataArray(
            self.probability * frequency,
            coords={"unit": np.arange(self.n_units), "label": self.classes},
            dims=("unit", "label"),
            attrs={
                "occupancy": self.n_samples.astype(float),
                "fs": frequency,
                "rates": self.n_spikes.sum(axis=1) / self.n_samples.sum() * frequency,
            },
        )

    def __repr__(self) -> str:
        tuned = np.count_nonzero(self.preferred_class >= 0)
        return (
            f"Tuning: {self.n_units:,} units × {len(self.classes):,} classes, "
            f"{int(self.n_samples.sum()):,} samples; {tuned:,} units prefer a class"
        )


def join_results(units: pd.DataFrame, columns: dict[str, Any]) -> pd.DataFrame:
    """The unit table with results beside it, no name twice."""
    twice = [name for name in columns if name in units.columns]
    if twice:
        raise ValueError(
            f"units must have no column named as a result, got {twice}; "
            "rename it in the raster's unit table"
        )
    return raster_tables.copy_table(units).assign(**columns)


def _binary_entropy(k: npt.ArrayLike, n: npt.ArrayLike) -> Floats:
    """Plug-in entropy in bits of k spikes in n samples; 0 where n is 0."""
    from scipy.special import xlogy

    k, n = np.asarray(k, float), np.asarray(n, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        bits = np.log2(n) - (xlogy(k, k) + xlogy(n - k, n - k)) / (np.log(2) * n)
    # Of one state only the difference is rounding.
    return np.where((k > 0) & (k < n), bits, 0.0)
