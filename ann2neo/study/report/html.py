"""Tables, figures and sections as HTML; every text is escaped here and nowhere else."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MINUS = "−"
_DOTS_PER_INCH = 130


class Markup(str):
    """Text that is HTML already."""


def markup(content: object) -> Markup:
    """Escape a text; markup stays what it is."""
    return content if isinstance(content, Markup) else Markup(escape(str(content)))


def element(name: str, *contents: object, **attributes: object) -> Markup:
    """``<name attribute="…">contents</name>``; an underscore after an attribute's name is dropped."""
    written = "".join(f' {key.rstrip("_")}="{escape(str(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{written}>{''.join(markup(content) for content in contents)}</{name}>")


def number(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number with a true minus sign; a dash for NaN.

    Examples
    --------
    >>> number(-0.123, 2), number(0.5, 1, sign=True), number(float("nan"), 2), number(-0.001, 2)
    ('−0.12', '+0.5', '–', '0.00')
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    rounded = round(value, decimals) + 0.0
    return f"{rounded:{'+' if sign else ''}.{decimals}f}".replace("-", MINUS)


def interval(row: Mapping[Hashable, Any], decimals: int = 2) -> str:
    """The interval of a finding, as a text.

    Examples
    --------
    >>> interval({"low": -0.123, "high": 0.5}), interval({"low": float("nan"), "high": float("nan")})
    ('[−0.12, 0.50]', 'no interval')
    """
    if math.isnan(row["low"]):
        return "no interval"
    return f"[{number(row['low'], decimals)}, {number(row['high'], decimals)}]"


def significant(value: float) -> str:
    """Three significant digits; a dash for NaN.

    Examples
    --------
    >>> significant(0.00012345), significant(-12.345), significant(1e-30)
    ('0.000123', '−12.3', '1e−30')
    """
    return number(value, 0) if not math.isfinite(value) else f"{value:.3g}".replace("-", MINUS)


def pvalue(value: float) -> str:
    """A p-value.

    Examples
    --------
    >>> pvalue(0.0004), pvalue(0.0312), pvalue(float("nan"))
    ('< 0.001', '0.031', '–')
    """
    return "< 0.001" if value < 0.001 else number(value, 3)


def table(
    caption: object,
    head: Sequence[Sequence[Markup]],
    rows: Iterable[tuple[object, Sequence[object]]],
    *,
    words: bool = False,
) -> Markup:
    """A table that scrolls sideways by itself.

    Parameters
    ----------
    caption : str or Markup
    head : list of list of Markup
        The rows of ``<th>``.
    rows : iterable of (heading, cells)
        A cell that is no ``<td>`` becomes one.
    words : bool
        The cells are texts rather than numbers.
    """
    body = [
        element("tr", element("th", heading, scope="row"), *(_cell(cell) for cell in cells))
        for heading, cells in rows
    ]
    whole = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", *(element("tr", *cells) for cells in head)),
        element("tbody", *body),
    )
    return element("div", whole, class_="scroll words" if words else "scroll", tabindex="0")


def heads(*titles: object) -> list[Markup]:
    """Headings of columns."""
    return [element("th", title, scope="col") for title in titles]


def text(content: object) -> Markup:
    """A cell of words."""
    return element("td", content, class_="text")


def picture(figure: Figure, name: str, caption: str) -> Markup:
    """A figure as a picture inside the page; `caption` also stands for it where it cannot be seen."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    width, height = (round(_DOTS_PER_INCH * inches) for inches in figure.get_size_inches())
    image = Markup(
        f'<img alt="{escape(caption)}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{data}">'
    )
    frame = element("div", image, class_="scroll", tabindex="0")
    return element("figure", frame, element("figcaption", caption), id=name)


def _cell(content: object) -> Markup:
    is_cell = isinstance(content, Markup) and content.startswith("<td")
    return markup(content) if is_cell else element("td", content)
