"""The models of `fit_process`, one object each: its cells, and how their probabilities are estimated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.interpolate import BSpline

from ann2neo.processes.cells import Cells, forget, remember_age, remember_bits
from ann2neo.processes.estimates import ProcessEstimate, fit_logistic, fit_shares, measure_loglik
from ann2neo.processes.renewal import EDGES, KINDS, fit_renewal
from ann2neo.spikes.argument_checks import as_indices, check_choice, check_count
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, Ints
from ann2neo.statistics.patterns.counts import encode_labels
from ann2neo.statistics.units.class_counts import Labels

_WINDOWS = 256
"""Steps in which a drifting rate is followed."""


class ProcessModel(Protocol):
    """What `fit_process` needs of a model."""

    @property
    def cells(self) -> Cells:
        """What the probability of a spike depends on."""

    def estimate(
        self, counts: Ints, *, choice: npt.NDArray[np.object_] | None = None, smooth: bool = False
    ) -> ProcessEstimate:
        """Fit counts (n_units, n_cells, 2).

        `choice` fixes what the model would choose per unit; `smooth` keeps probabilities off 0 and 1,
        for samples that were not fitted.
        """


@dataclass(frozen=True, eq=False)
class Free:
    """A free probability for each cell: ``"bernoulli"`` and ``"class"``."""

    cells: Cells
    names: list[str]

    def estimate(
        self, counts: Ints, *, choice: npt.NDArray[np.object_] | None = None, smooth: bool = False
    ) -> ProcessEstimate:
        """Each cell's share of spikes."""
        return fit_shares(counts, self.names, smooth=smooth)


@dataclass(frozen=True, eq=False)
class Markov:
    """``"markov"``: a free probability after each word of samples, of the order of least BIC."""

    cells: Cells
    orders: range

    def estimate(
        self, counts: Ints, *, choice: npt.NDArray[np.object_] | None = None, smooth: bool = False
    ) -> ProcessEstimate:
        """Fit each order and keep, per unit, the one of least BIC or of `choice`."""
        n = counts.sum(axis=(1, 2))
        n_cells, rows = counts.shape[1], np.arange(len(counts))
        fits = []
        for order in self.orders:
            # A word's group in a shorter memory is its last bits.
            pooled = counts.reshape(len(counts), n_cells // 2**order, 2**order, 2).sum(axis=1)
            fits.append(fit_shares(pooled, [], smooth=smooth))
        spread = [np.tile(fit.probability, n_cells // fit.probability.shape[1]) for fit in fits]
        sizes = np.stack([fit.n_parameters for fit in fits])
        bic = np.stack([-2 * measure_loglik(counts, p) for p in spread]) + sizes * np.log(n)
        best = bic.argmin(axis=0) if choice is None else choice.astype(int) - self.orders.start
        names = [f"after_{_word(g, order)}" for order in self.orders for g in range(2**order)]
        values, low, high = np.full((3, len(counts), len(names)), np.nan)
        first = 0
        for place, fit in enumerate(fits):
            here, columns = best == place, slice(first, first + fit.values.shape[1])
            values[here, columns] = fit.values[here]
            low[here, columns], high[here, columns] = fit.low[here], fit.high[here]
            first = columns.stop
        chosen = np.array([*self.orders], object)[best]
        return ProcessEstimate(
            np.stack(spread)[best, rows], names, values, low, high, sizes[best, rows], chosen
        )


@dataclass(frozen=True, eq=False)
class Logistic:
    """Logistic regression on features of cells: ``"drift"`` and ``"glm"``."""

    cells: Cells
    features: Floats
    names: list[str]

    def estimate(
        self, counts: Ints, *, choice: npt.NDArray[np.object_] | None = None, smooth: bool = False
    ) -> ProcessEstimate:
        """Maximum likelihood by Newton's method."""
        return fit_logistic(counts, self.features, self.names, smooth=smooth)


@dataclass(frozen=True, eq=False)
class Renewal:
    """``"renewal"``: the hazard depends on the time since the last spike."""

    cells: Cells
    kind: str | None

    def estimate(
        self, counts: Ints, *, choice: npt.NDArray[np.object_] | None = None, smooth: bool = False
    ) -> ProcessEstimate:
        """Fit the three kinds of intervals and keep, per unit, that of least BIC or of `choice`."""
        return fit_renewal(counts, kind=self.kind, choice=choice, smooth=smooth)


def make_bernoulli(raster: SpikeRaster) -> Free:
    """Independent samples of one probability."""
    return Free(Cells(np.zeros(raster.n_samples, np.int64), 1, forget()), ["rate"])


def make_class(raster: SpikeRaster, *, labels: Labels = "label") -> Free:
    """Independent samples of a probability for each label."""
    codes, classes = encode_labels(raster, labels)
    return Free(Cells(codes, len(classes), forget()), [f"rate_{one}" for one in classes])


def make_markov(raster: SpikeRaster, *, order: int | None = None, max_order: int = 3) -> Markov:
    """A probability for each word of the last `order` samples."""
    given = order is not None
    longest = check_count(order if given else max_order, "order" if given else "max_order", 0)
    if 2 ** (longest + 1) > raster.n_samples or longest > 16:
        raise ValueError(
            f"{'order' if given else 'max_order'} must be at most 16 with 2**(order + 1) at most the "
            f"recording's {raster.n_samples} samples, got {longest}"
        )
    codes = np.zeros(raster.n_samples, np.int64)
    return Markov(Cells(codes, 1, remember_bits(longest)), range(longest if given else 0, longest + 1))


def make_drift(raster: SpikeRaster, *, df: int = 5) -> Logistic:
    """A log-odds that is a cubic spline of the sample's place, in up to 256 steps."""
    n = raster.n_samples
    df = check_count(df, "df", 4)
    window = -(-n // _WINDOWS)
    n_windows = -(-n // window)
    if n_windows < df:
        raise ValueError(f"df must be at most {n_windows} for {n} samples, got {df}")
    inner = np.linspace(0, 1, df - 2)
    knots = np.concatenate([np.zeros(3), inner, np.ones(3)])
    middle = np.minimum((np.arange(n_windows) + 0.5) * window / n, 1)
    basis = BSpline.design_matrix(middle, knots, 3).toarray()
    codes = np.arange(n, dtype=np.int64) // window
    return Logistic(Cells(codes, n_windows, forget()), basis, [f"spline_{i}" for i in range(df)])


def make_renewal(raster: SpikeRaster, *, intervals: str | None = None) -> Renewal:
    """Intervals that are geometric, negative binomial or free."""
    if intervals is not None:
        check_choice(intervals, "intervals", KINDS)
    return Renewal(Cells(np.zeros(raster.n_samples, np.int64), 1, remember_age(EDGES)), intervals)


def make_glm(
    raster: SpikeRaster,
    *,
    history: int = 1,
    labels: Labels | None = None,
    units: Any = (),
) -> Logistic:
    """A log-odds that is a sum over the last samples, the label and other units at the same sample."""
    history = check_count(history, "history", 0)
    if 2 ** (history + 1) > raster.n_samples or history > 16:
        raise ValueError(
            f"history must be at most 16 with 2**(history + 1) at most the recording's "
            f"{raster.n_samples} samples, got {history}"
        )
    columns, names = [np.ones(raster.n_samples, bool)], ["intercept"]
    if labels is not None:
        codes, classes = encode_labels(raster, labels)
        columns += [codes == code for code in range(1, len(classes))]
        names += [f"label_{one}" for one in classes[1:]]
    if np.size(units):
        chosen = as_indices(units, raster.n_units, "units")
        columns += list(raster.select(units=chosen).to_dense().T)
        names += [f"unit_{unit}" for unit in chosen]
    design, codes = _distinct_rows(np.column_stack(columns))
    words = remember_bits(history)
    past = (np.arange(2**history)[:, None] >> np.arange(history)) & 1
    features = np.hstack(
        [np.repeat(design, 2**history, axis=0), np.tile(past, (len(design), 1))]
    ).astype(float)
    if np.linalg.matrix_rank(features) < features.shape[1]:
        raise ValueError(
            f"units and labels must not determine one another, got columns {names} of which some are "
            "sums of others"
        )
    names += [f"history_{lag}" for lag in range(1, history + 1)]
    return Logistic(Cells(codes, len(design), words), features, names)


MODELS: dict[str, Callable[..., ProcessModel]] = {
    "bernoulli": make_bernoulli,
    "class": make_class,
    "markov": make_markov,
    "drift": make_drift,
    "renewal": make_renewal,
    "glm": make_glm,
}
"""Name → function of a raster and options that returns a `ProcessModel`."""


def _distinct_rows(rows: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], Ints]:
    """The distinct rows, and which of them each is."""
    packed = np.ascontiguousarray(np.packbits(rows, axis=1))
    view = packed.view(np.dtype((np.void, packed.shape[1])))[:, 0]
    _, first, place = np.unique(view, return_index=True, return_inverse=True)
    return rows[first], place.astype(np.int64)


def _word(group: int, order: int) -> str:
    """A word of `order` samples as text, the last sample last."""
    return format(group, f"0{order}b") if order else "any"
