"""Numbers as texts, for the report, the pictures and the command line."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

MINUS = "−"


def format_number(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number with a true minus sign; a dash for NaN.

    Examples
    --------
    >>> format_number(-0.123, 2), format_number(0.5, 1, sign=True), format_number(-0.001, 2)
    ('−0.12', '+0.5', '0.00')
    >>> format_number(float("nan"), 2)
    '–'
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    rounded = round(value, decimals) + 0.0
    return f"{rounded:{'+' if sign else ''}.{decimals}f}".replace("-", MINUS)


def format_interval(row: Mapping[Hashable, Any], decimals: int = 2) -> str:
    """The interval of a finding, as a text.

    Examples
    --------
    >>> format_interval({"low": -0.123, "high": 0.5})
    '[−0.12, 0.50]'
    >>> format_interval({"low": float("nan"), "high": float("nan")})
    'no interval'
    """
    if math.isnan(row["low"]):
        return "no interval"
    return f"[{format_number(row['low'], decimals)}, {format_number(row['high'], decimals)}]"


def format_significant(value: float) -> str:
    """Three significant digits; a dash for NaN.

    Examples
    --------
    >>> format_significant(0.00012345), format_significant(-12.345), format_significant(1e-30)
    ('0.000123', '−12.3', '1e−30')
    """
    return format_number(value, 0) if not math.isfinite(value) else f"{value:.3g}".replace("-", MINUS)


def format_pvalue(value: float) -> str:
    """A p-value.

    Examples
    --------
    >>> format_pvalue(0.0004), format_pvalue(0.0312), format_pvalue(float("nan"))
    ('< 0.001', '0.031', '–')
    """
    return "< 0.001" if value < 0.001 else format_number(value, 3)
