"""Which model of the process describes each unit best, and by how many bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.processes.fit import ModelName, ProcessFit, fit_process
from ann2neo.significance.result import join_units
from ann2neo.spikes.argument_checks import check_choice
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.typing import Floats, RasterLike
from ann2neo.statistics.units.class_counts import Labels

Criterion = Literal["bic", "aic", "cv"]


@dataclass(frozen=True, eq=False, repr=False)
class ProcessComparison:
    """Models fitted to the same units; `compare_processes` makes it.

    Parameters
    ----------
    fits : dict of str to ProcessFit
    criterion : {"bic", "aic", "cv"}
    """

    fits: dict[str, ProcessFit]
    criterion: Criterion

    @property
    def units(self) -> pd.DataFrame:
        """The raster's unit table."""
        return next(iter(self.fits.values())).units

    @property
    def scores(self) -> Floats:
        """Bits per sample, higher is better, shape (n_units, n_models).

        Held-out log₂-likelihood for ``"cv"``; −BIC / (2 n ln 2) or −AIC / (2 n ln 2) else, which are
        log₂-likelihoods less what the parameters cost.
        """
        columns = []
        for fit in self.fits.values():
            if self.criterion == "cv":
                columns.append(fit.cv_bits)
            else:
                value = fit.bic if self.criterion == "bic" else fit.aic
                columns.append(-value / (2 * np.log(2) * fit.n_samples))
        return np.stack(columns, axis=1)

    @property
    def best(self) -> npt.NDArray[np.object_]:
        """Name of each unit's best model, the first named among equals; None for a constant unit."""
        scores = self.scores
        # What differs by rounding is equal.
        ties = scores >= scores.max(axis=1, keepdims=True) - 1e-12
        found: npt.NDArray[np.object_] = np.array([*self.fits], object)[ties.argmax(axis=1)]
        constant = np.all([fit.loglik == 0 for fit in self.fits.values()], axis=0)
        found[constant] = None
        return found

    def to_unit_frame(self) -> pd.DataFrame:
        """The unit table with ``best`` and, per model, ``bits_…``: its score (see `scores`)."""
        scores = {f"bits_{name}": s for name, s in zip(self.fits, self.scores.T, strict=True)}
        return join_units(self.units, {"best": self.best, **scores})

    def to_frame(self) -> pd.DataFrame:
        """A row per layer and model.

        ``n_units`` (those that change), ``n_best`` and ``best_fraction`` of them that the model
        describes best,
        ``median_gain`` and ``mean_gain``: bits per sample by which its held-out log₂-likelihood
        exceeds that of the first model named, and ``mean_margin``: score in bits per sample over the
        next best model, of the units where it is best (NaN if there are none).
        """
        best, scores, units = self.best, self.scores, self.units
        first = next(iter(self.fits.values()))
        ordered = np.sort(scores, axis=1)
        margin = ordered[:, -1] - ordered[:, -2] if scores.shape[1] > 1 else np.full(len(best), np.nan)
        rows: list[dict[str, Any]] = []
        for layer in dict.fromkeys(units["layer"]):
            here = (units["layer"] == layer).to_numpy() & (best != None)  # noqa: E711
            for name, fit in self.fits.items():
                won = here & (best == name)
                gain = (fit.cv_bits - first.cv_bits)[here]
                n_units, n_best = int(here.sum()), int(won.sum())
                rows.append(
                    {
                        "layer": layer,
                        "model": name,
                        "n_units": n_units,
                        "n_best": n_best,
                        "best_fraction": n_best / n_units if n_units else np.nan,
                        "median_gain": float(np.median(gain)) if n_units else np.nan,
                        "mean_gain": float(gain.mean()) if n_units else np.nan,
                        "mean_margin": float(margin[won].mean()) if n_best else np.nan,
                    }
                )
        return pd.DataFrame(rows).set_index(["layer", "model"])

    def __repr__(self) -> str:
        return f"ProcessComparison by {self.criterion}:\n{self.to_frame().to_string()}"


def compare_processes(
    raster: RasterLike,
    models: Sequence[ModelName] = ("bernoulli", "class", "markov"),
    *,
    criterion: Criterion = "bic",
    labels: Labels | None = None,
    n_folds: int = 5,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> ProcessComparison:
    """Fit several models to each unit and say which describes it best, by how many bits.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    models : sequence of str
        Of `fit_process`, each once; gains are counted from the first.
    criterion : {"bic", "aic", "cv"}
        What decides: BIC, which at many samples chooses the model that made the data if it is among
        them; AIC; or the held-out log₂-likelihood, for prediction, which takes a model that is too large
        for as good as the right one.
    labels : str or array, optional
        Of the models that need them; default the column ``"label"``.
    n_folds : int
        As for `fit_process`.
    options : mapping of str to mapping, optional
        Further options of models, as ``{"markov": {"max_order": 5}}``.

    Returns
    -------
    ProcessComparison
        Its ``to_frame()`` has a row per layer and model, ``to_unit_frame()`` a row per unit.

    Raises
    ------
    TypeError, ValueError
        As `fit_process`; or if no model is named, or one twice.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, 2000)
    >>> active = rng.random((2000, 3)) < np.array([[0.2, 0.5, 0.5], [0.8, 0.5, 0.5]])[labels]
    >>> found = a2n.compare_processes(active, labels=labels)
    >>> found.best
    array(['class', 'bernoulli', 'bernoulli'], dtype=object)
    >>> found.to_frame()["n_best"].tolist()
    [2, 1, 0]
    """
    source = as_raster(raster)
    check_choice(criterion, "criterion", ("bic", "aic", "cv"))
    names = [] if isinstance(models, str) else list(models)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"models must be names of models, each once, got {models!r:.80}")
    given = {name: dict(one) for name, one in (options or {}).items()}
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(f"options must be of the models {names}, got {unknown}")
    if any("units" in one for one in given.values()):
        raise ValueError("options must not have units: models are compared on the same units")
    fits: dict[str, ProcessFit] = {}
    for name in names:
        own = given.get(name, {})
        if name == "class" and labels is not None:
            own.setdefault("labels", labels)
        fits[name] = fit_process(source, name, n_folds=n_folds, **own)
    return ProcessComparison(fits, criterion)
