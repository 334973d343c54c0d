"""TestResult: what every test of this package returns, a row per unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ann2neo.extras import require
from ann2neo.significance.combine import Adjustment, adjust_within_layers
from ann2neo.spikes import raster_tables
from ann2neo.spikes.argument_checks import check_level
from ann2neo.spikes.typing import Bits


@dataclass(frozen=True, eq=False, repr=False)
class TestResult:
    """Statistic and p-value of each unit, and what was tested.

    NaN stands where the test is not defined for a unit (a silent one, say).

    Parameters
    ----------
    statistic, pvalue : array of float, shape (n_units,)
        Read-only copies are kept.
    null : str
        The null hypothesis in plain words.
    method : str
        Name of the test.
    parameters : mapping
        The options it ran with, by argument name.
    units : pandas.DataFrame
        The raster's unit table: ``layer``, ``unit_index`` and any further columns.
    columns : mapping of str to array of shape (n_units,), optional
        Further results per unit, such as a chosen lag or a flag.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit this description, or a p-value lies outside [0, 1].

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from ann2neo.significance.result import TestResult
    >>> units = pd.DataFrame({"layer": ["dense", "dense"], "unit_index": [0, 1]})
    >>> result = TestResult([2.5, np.nan], [0.012, np.nan], "independent samples", "a test", {}, units)
    >>> result.significant(alpha=0.05)
    array([ True, False])
    >>> result.to_frame()
       layer  unit_index  statistic  pvalue
    0  dense           0        2.5   0.012
    1  dense           1        NaN     NaN
    """

    __test__: ClassVar[bool] = False

    statistic: np.ndarray
    pvalue: np.ndarray
    null: str
    method: str
    parameters: Mapping[str, Any]
    units: pd.DataFrame
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.units, pd.DataFrame):
            raise TypeError(f"units must be a pandas.DataFrame, got {type(self.units).__name__}")
        units = raster_tables.normalize_table(
            self.units, name="units", n_rows=len(self.units), required=raster_tables.UNITS
        )
        statistic = _as_unit_column(self.statistic, "statistic", len(units), np.float64)
        pvalue = _as_unit_column(self.pvalue, "pvalue", len(units), np.float64)
        outside = pvalue[(pvalue < 0) | (pvalue > 1)]
        if outside.size:
            raise ValueError(f"pvalue must lie in [0, 1] or be NaN, got {outside[0]}")
        columns = {name: _as_unit_column(v, name, len(units)) for name, v in self.columns.items()}
        # A frozen dataclass sets its own fields this way.
        for name, value in {
            "units": units,
            "statistic": statistic,
            "pvalue": pvalue,
            "columns": MappingProxyType(columns),
            "parameters": MappingProxyType(dict(self.parameters)),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def n_units(self) -> int:
        """Number of units, tested or not."""
        return len(self.units)

    @property
    def n_tested(self) -> int:
        """Number of units with a p-value."""
        return int(np.count_nonzero(~np.isnan(self.pvalue)))

    def to_frame(self) -> pd.DataFrame:
        """The unit table with ``statistic``, ``pvalue`` and the further columns beside it.

        Raises
        ------
        ValueError
            If the unit table has a column of the same name as a result.
        """
        return join_units(
            self.units, {"statistic": self.statistic, "pvalue": self.pvalue, **self.columns}
        )

    def significant(
        self, *, alpha: float = 0.05, adjust: Adjustment | None = "benjamini-hochberg"
    ) -> np.ndarray:
        """Which units reject the null, bool, shape (n_units,); False where the p-value is NaN.

        Parameters
        ----------
        alpha : float
            Level, in (0, 1): p-values of at most `alpha` reject.
        adjust : {"benjamini-hochberg", "holm"} or None
            Adjust the p-values for the number of units of the layer that were tested first; see
            `ann2neo.adjust_pvalues`. Rows that stand for a whole layer (``unit_index`` −1) are adjusted
            for one another. None takes the p-values as they are.

        Raises
        ------
        TypeError, ValueError
            If `alpha` or `adjust` is none of these.
        """
        alpha = check_level(alpha, "alpha")
        pvalue = self.pvalue
        if adjust is not None:
            pvalue = adjust_within_layers(self.pvalue, self.units, adjust)
        rejects: Bits = pvalue <= alpha
        return rejects

    def plot(self, ax: Any = None) -> Any:
        """Histograms of the statistic and, beside it, of the p-values.

        Under the null the p-values of a continuous statistic spread evenly over [0, 1], as the
        dashed line shows.

        Parameters
        ----------
        ax : pair of matplotlib.axes.Axes, optional
            Where to draw the two histograms. Default: a new figure.

        Returns
        -------
        array of matplotlib.axes.Axes, shape (2,)

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `ax` is not a pair.
        """
        if ax is None:
            pyplot = require("matplotlib.pyplot", extra="plot")
            _, ax = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
        axes = np.atleast_1d(np.asarray(ax, object)).ravel()
        if axes.size != 2:
            raise ValueError(f"ax must be a pair of matplotlib Axes, got {axes.size}")
        finite = self.statistic[np.isfinite(self.statistic)]
        axes[0].hist(finite, bins=_bins(finite), color="0.4")
        axes[0].set(xlabel="statistic", ylabel="units")
        axes[0].set_title(self.method, fontsize="medium")
        pvalue = self.pvalue[~np.isnan(self.pvalue)]
        heights, _, _ = axes[1].hist(pvalue, bins=np.linspace(0, 1, 21), color="0.4")
        axes[1].axhline(pvalue.size / 20, color="C1", linestyle="--", label="evenly spread")
        # Room for the legend above the bars.
        axes[1].set(xlabel="p-value", ylabel="units", xlim=(0, 1), ylim=(0, 1.25 * max(1, *heights)))
        axes[1].set_title(f"{pvalue.size:,} of {self.n_units:,} units tested", fontsize="medium")
        axes[1].legend(loc="upper right", frameon=False)
        return axes

    def _repr_html_(self) -> str:
        from ann2neo.significance.result_html import render_result

        return render_result(self)

    def __repr__(self) -> str:
        lines = [f"TestResult: {self.method}", f"  null: {self.null}"]
        if self.parameters:
            said = ", ".join(f"{name}={value!r:.40}" for name, value in self.parameters.items())
            lines.append(f"  {said}")
        tested = self.n_tested
        lines.append(f"  {self.n_units:,} units, {tested:,} tested, {self.n_units - tested:,} undefined")
        finite = self.statistic[np.isfinite(self.statistic)]
        if finite.size:
            lines.append(
                f"  statistic: median {np.median(finite):.4g}, {finite.min():.4g} to {finite.max():.4g}"
            )
        if tested:
            raw, adjusted = self.significant(adjust=None).sum(), self.significant().sum()
            lines.append(
                f"  reject at 0.05: {raw:,} of {tested:,}; {adjusted:,} after Benjamini–Hochberg"
            )
        return "\n".join(lines)

    def __reduce__(self) -> Any:
        # Mapping proxies do not pickle.
        plain = dict(self.parameters), self.units, dict(self.columns)
        return TestResult, (self.statistic, self.pvalue, self.null, self.method, *plain)


def join_units(units: pd.DataFrame, results: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The unit table with results per unit beside it, all copied; no name twice."""
    twice = [name for name in results if name in units.columns]
    if twice:
        raise ValueError(
            f"units must have no column named as a result, got {twice}; "
            "rename it in the raster's unit table"
        )
    return raster_tables.copy_table(units).assign(
        **{name: values.copy() for name, values in results.items()}
    )


def _as_unit_column(values: Any, name: str, n_units: int, dtype: Any = None) -> np.ndarray:
    """A read-only copy of `values`, one per unit."""
    array = np.array(values, dtype=dtype)
    if array.shape != (n_units,):
        raise ValueError(f"{name} must have shape ({n_units},), a value per unit, got {array.shape}")
    array.flags.writeable = False
    return array


def _bins(values: np.ndarray) -> int:
    """Number of histogram bins: Sturges' rule."""
    return 1 + max(1, values.size).bit_length()
