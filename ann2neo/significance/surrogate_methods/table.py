"""The methods by name, and what is read from them: docstrings, pages, checks."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from ann2neo.significance.surrogate_methods import correlated_units, independent_samples, shuffles
from ann2neo.significance.surrogate_methods.method import SurrogateMethod
from ann2neo.spikes.argument_checks import check_choice

METHODS: dict[str, SurrogateMethod] = {
    method.name: method
    for method in (
        shuffles.permutation,
        shuffles.sample_permutation,
        shuffles.shuffle_isis,
        shuffles.bin_shuffling,
        shuffles.circular_shift,
        independent_samples.bernoulli,
        independent_samples.poisson,
        independent_samples.inhomogeneous,
        correlated_units.correlated,
    )
}
"""Name → method. A new one is a line here; everything else is read from it."""

F = TypeVar("F", bound=Callable[..., Any])


def find_method(name: str, options: dict[str, Any]) -> SurrogateMethod:
    """The method of a name, if it exists and knows the options."""
    check_choice(name, "method", METHODS)
    METHODS[name].check_options(options)
    return METHODS[name]


def document_methods(function: F) -> F:
    """Put the list of methods in the place of the line ``{methods}`` of a docstring."""
    if function.__doc__:
        (line,) = (line for line in function.__doc__.splitlines() if line.strip() == "{methods}")
        indent = line[: -len("{methods}")]
        entries = []
        for method in METHODS.values():
            text = f"Preserves {method.preserves}. Destroys {method.destroys}."
            wide = textwrap.indent(textwrap.fill(text, 96 - len(indent)), "    ")
            entries.append(f"{method.call}\n{wide}")
        listed = textwrap.indent("\n".join(entries), indent)
        function.__doc__ = function.__doc__.replace(line, listed)
    return function
