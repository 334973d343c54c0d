"""Texts as HTML, for notebooks and reports; every text is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_VOID = ("img",)
"""Elements that have no end."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def markup(content: object) -> Markup:
    """Escape a text; markup stays what it is."""
    return content if isinstance(content, Markup) else Markup(escape(str(content)))


def element(name: str, *contents: object, **attributes: object) -> Markup:
    """``<name attribute="…">contents</name>``; an underscore behind an attribute's name is
    dropped, one inside becomes ``-``.

    Examples
    --------
    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{''.join(markup(content) for content in contents)}</{name}>")


def plain_table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """A table as notebooks show a DataFrame: a row's first cell is its heading.

    Examples
    --------
    >>> plain_table(["layer", "units"], [["fc", 3]]).count("<th>")
    3
    """
    body = [
        element("tr", element("th", first), *(element("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    heads = element("tr", *(element("th", title) for title in head))
    return element("table", element("thead", heads), element("tbody", *body))
