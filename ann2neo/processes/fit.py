"""Fit a model of each unit's process."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.processes.estimates import ProcessEstimate, measure_loglik
from ann2neo.processes.models import MODELS, ProcessModel
from ann2neo.significance.result import join_units
from ann2neo.spikes.argument_checks import as_indices, check_choice, check_count
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, Ints, RasterLike

ModelName = Literal["bernoulli", "class", "markov", "drift", "renewal", "glm"]

_BLOCK = 64
"""Samples of a fold that lie together."""
_COUNTS = 2**24
"""Counts held at a time."""


@dataclass(frozen=True, eq=False, repr=False)
class ProcessFit:
    """A model fitted to each unit; `fit_process` makes it.

    Parameters
    ----------
    name : str
        The model.
    options : dict
        Its options.
    model : ProcessModel
        With the cells that a sample's probability depends on.
    units : pandas.DataFrame
        The raster's unit table.
    n_samples : int
    sampling_period : float
    estimate : ProcessEstimate
        Parameters with intervals, and each cell's probability.
    loglik, cv_bits : array of float, shape (n_units,)
        Log-likelihood in nats; cross-validated log₂-likelihood per sample.
    """

    name: str
    options: dict[str, Any]
    model: ProcessModel
    units: pd.DataFrame
    n_samples: int
    sampling_period: float
    estimate: ProcessEstimate
    loglik: Floats
    cv_bits: Floats

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.units)

    @property
    def n_parameters(self) -> Ints:
        """Free parameters of each unit's model."""
        return self.estimate.n_parameters

    @property
    def aic(self) -> Floats:
        """2 k − 2 log L of Akaike (1974), k the number of parameters."""
        return 2 * self.n_parameters - 2 * self.loglik

    @property
    def bic(self) -> Floats:
        """K log n − 2 log L of Schwarz (1978)."""
        return np.asarray(self.n_parameters * np.log(self.n_samples) - 2 * self.loglik, np.float64)

    def to_frame(self) -> pd.DataFrame:
        """The unit table with a fit per row.

        ``choice`` (order or kind, where the model has one), ``n_parameters``, ``loglik`` in nats,
        ``aic``, ``bic`` and ``cv_bits``.
        """
        chosen = {} if self.estimate.choice is None else {"choice": self.estimate.choice}
        return join_units(
            self.units,
            {
                **chosen,
                "n_parameters": self.n_parameters,
                "loglik": self.loglik,
                "aic": self.aic,
                "bic": self.bic,
                "cv_bits": self.cv_bits,
            },
        )

    def to_parameter_frame(self) -> pd.DataFrame:
        """A row per unit and parameter it has: ``value`` and its 95 % interval, ``low`` to ``high``."""
        found = self.estimate
        unit, place = np.nonzero(~np.isnan(found.values))
        table = self.units.iloc[unit].reset_index(drop=True)
        return join_units(
            table,
            {
                "parameter": np.array(found.names, object)[place],
                "value": found.values[unit, place],
                "low": found.low[unit, place],
                "high": found.high[unit, place],
            },
        )

    def __repr__(self) -> str:
        options = "".join(f", {k}={v!r:.40}" for k, v in self.options.items())
        return (
            f"ProcessFit: {self.name}{options}; {self.n_units:,} units × {self.n_samples:,} samples, "
            f"{np.median(self.n_parameters):g} parameters, "
            f"{np.mean(self.cv_bits):.4g} bits per sample held out"
        )


def fit_process(
    raster: RasterLike, model: ModelName = "bernoulli", *, n_folds: int = 5, **options: Any
) -> ProcessFit:
    """Fit a model of the process to each unit.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    model : str
        Whose probability of a spike depends on

        ``"bernoulli"``
            nothing: independent samples. (A Poisson process in samples is the same; see `surrogates`.)
        ``"class"`` (`labels`)
            the sample's label, by default the column ``"label"``.
        ``"markov"`` (`max_order` = 3 or `order`)
            the last samples of the unit: a free probability after each word of `order` of them. Without
            `order`, that of least BIC up to `max_order`, 0 included.
        ``"drift"`` (`df` = 5)
            the sample's place: log-odds that are a cubic B-spline of `df` coefficients, in up to 256
            steps of equal length.
        ``"renewal"`` (`intervals`)
            the time since the unit's last spike. ``"geometric"`` intervals are independent samples;
            ``"negative-binomial"`` of intervals less 1, of shape r: regular above 1, bursting below;
            ``"free"`` hazards of ages 1 to 8 and of each doubling from there. By default the kind of
            least BIC. Beyond 32 samples, hazards are one number in each eighth of a doubling, and
            beyond 4,096 altogether.
        ``"glm"`` (`history` = 1, `labels`, `units`)
            log-odds that are a sum: the last `history` samples, the label (of a first label, nothing),
            and other units at the same sample. `units` are those to regress on, by index; they are
            left out of the fit.

    n_folds : int
        Folds of the cross-validation, at least 2: blocks of 64 samples go to folds in turn.
    **options
        Of the model, as above.

    Returns
    -------
    ProcessFit
        ``loglik`` (maximum likelihood, nats), ``aic``, ``bic``, and ``cv_bits``: mean log₂ probability
        per sample of samples held out, all parameters and choices made on the others; near 0
        for a unit that is predicted perfectly. Held-out samples are judged by probabilities smoothed
        with half a spike and half a pause: what was never seen is not impossible. Parameters have 95 %
        intervals: Wilson's for shares, else ± 1.96 standard errors from the likelihood's curvature.

    Raises
    ------
    TypeError
        If an option is unknown to the model.
    ValueError
        If `model` is unknown, labels are needed and missing, an order is too high for the data, or an
        option is not as described.

    See Also
    --------
    compare_processes, simulate, rescaling_test

    Notes
    -----
    Before the first sample a unit is taken to have paused (``markov``, ``glm``), or to have fired right
    before (``renewal``). A unit that never changes has likelihood 1 under all models, and NaN
    for parameters that it does not determine.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> active = np.repeat(rng.random((1000, 1)) < 0.3, 2, axis=0)
    >>> fit = a2n.fit_process(active, "markov")
    >>> fit.estimate.choice
    array([3], dtype=object)
    >>> fit.bic < a2n.fit_process(active).bic
    array([ True])
    """
    whole = as_raster(raster)
    check_choice(model, "model", MODELS)
    n_folds = check_count(n_folds, "n_folds", 2)
    source = _leave_out_regressors(whole, options)
    made = make_model(whole, model, options)
    folds = np.arange(source.n_samples) // _block_size(source.n_samples, n_folds) % n_folds
    parts = []
    size = max(1, _COUNTS // (2 * n_folds * made.cells.n_cells))
    for first in range(0, source.n_units, size):
        chosen = np.arange(first, min(first + size, source.n_units))
        part = source if size >= source.n_units else source.select(units=chosen)
        parts.append(_fit_counts(made, made.cells.count(part, folds, n_folds)))
    estimate, loglik, cv_bits = _join(parts)
    return ProcessFit(
        model,
        dict(options),
        made,
        source.units,
        source.n_samples,
        source.sampling_period,
        estimate,
        loglik,
        cv_bits / source.n_samples,
    )


def make_model(raster: SpikeRaster, name: str, options: dict[str, Any]) -> ProcessModel:
    """The model of a name, if it knows the options."""
    known = list(inspect.signature(MODELS[name]).parameters)[1:]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise TypeError(f"model {name!r} takes the options {known}, got {list(options)}")
    made: ProcessModel = MODELS[name](raster, **options)
    return made


def _leave_out_regressors(raster: SpikeRaster, options: dict[str, Any]) -> SpikeRaster:
    if "units" not in options or np.size(options["units"]) == 0:
        return raster
    regressors = as_indices(options["units"], raster.n_units, "units")
    others = np.setdiff1d(np.arange(raster.n_units), regressors)
    if others.size == 0:
        raise ValueError("units must leave a unit to fit, got all of them")
    return raster.select(units=others)


def _block_size(n_samples: int, n_folds: int) -> int:
    if n_samples < n_folds:
        raise ValueError(f"n_folds must be at most the recording's {n_samples} samples, got {n_folds}")
    return min(_BLOCK, max(1, n_samples // (4 * n_folds)))


def _fit_counts(model: ProcessModel, counts: Ints) -> tuple[ProcessEstimate, Floats, Floats]:
    """Fit, log-likelihood in nats and held-out log₂-likelihood, of counts by fold."""
    total = counts.sum(axis=1)
    estimate = model.estimate(total)
    held_out = np.zeros(len(counts))
    for fold in range(counts.shape[1]):
        others = model.estimate(total - counts[:, fold], smooth=True)
        held_out += measure_loglik(counts[:, fold], others.probability)
    return estimate, measure_loglik(total, estimate.probability), held_out / np.log(2)


def _join(parts: list[tuple[ProcessEstimate, Floats, Floats]]) -> tuple[ProcessEstimate, Floats, Floats]:
    if len(parts) == 1:
        return parts[0]
    estimates = [part[0] for part in parts]

    def stack(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(one, name) for one in estimates])

    joined = ProcessEstimate(
        stack("probability"),
        estimates[0].names,
        stack("values"),
        stack("low"),
        stack("high"),
        stack("n_parameters"),
        None if estimates[0].choice is None else stack("choice"),
    )
    return joined, np.concatenate([p[1] for p in parts]), np.concatenate([p[2] for p in parts])
