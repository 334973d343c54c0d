"""Tables, figures and sections as HTML; every text is escaped here and nowhere else."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    image = Markup(
        f'<img alt="{escape(caption)}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{data}">'
    )
    frame = element("div", image, class_="scroll", tabindex="0")
    return element("figure", frame, element("figcaption", caption), id=name)


def _cell(content: object) -> Markup:
    is_cell = isinstance(content, Markup) and content.startswith("<td")
    return markup(content) if is_cell else element("td", content)
