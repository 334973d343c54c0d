"""Tables, figures and sections of a report as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ann2neo.spikes.representation.html import Markup, element, markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 130


def make_table(
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


def embed_figure(figure: Figure, name: str, caption: str) -> Markup:
    """A figure as a picture inside the page; `caption` also stands for it where it cannot be seen."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    width, height = (round(_DOTS_PER_INCH * inches) for inches in figure.get_size_inches())
    image = element("img", alt=caption, width=width, height=height, src=f"data:image/png;base64,{data}")
    frame = element("div", image, class_="scroll", tabindex="0")
    return element("figure", frame, element("figcaption", caption), id=name)


def _cell(content: object) -> Markup:
    is_cell = isinstance(content, Markup) and content.startswith("<td")
    return markup(content) if is_cell else element("td", content)
