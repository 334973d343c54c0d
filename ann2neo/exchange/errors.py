"""Errors that the exchange with other formats tells apart."""

from __future__ import annotations


class MismatchError(ValueError):
    """What was asked for, or a spike, does not fit a source that is read well: it is not damaged."""
