"""The correlation matrix nearest to a matrix that is none."""

from __future__ import annotations

import numpy as np

from ann2neo.spikes.typing import Floats

_PROJECTIONS = 200
_NEGATIVE = 1e-7
"""Eigenvalues above its negative count as 0: what solving for each pair leaves of rounding."""


def find_nearest_correlation(matrix: Floats) -> tuple[Floats, Floats]:
    """The nearest positive semidefinite matrix of unit diagonal, and a root of it.

    Nearest in the Frobenius norm, by alternating projections with Dykstra's correction (Higham, IMA
    Journal of Numerical Analysis 22 (2002) 329). What is left of negative eigenvalues after the last
    projection is set to 0, and rows to length 1: the result is a correlation matrix in any case.

    Parameters
    ----------
    matrix : array of float, shape (n, n)
        Symmetric, with a diagonal of 1.

    Returns
    -------
    nearest, root : array of float, shape (n, n)
        ``nearest = root @ root.T``; `matrix` itself, up to rounding, if it is one.
    """
    current, correction = matrix, np.zeros_like(matrix)
    value, axes = np.linalg.eigh(current)
    for _ in range(_PROJECTIONS):
        if value[0] >= -_NEGATIVE:
            break
        corrected = current - correction
        value, axes = np.linalg.eigh(corrected)
        positive = (axes * np.maximum(value, 0)) @ axes.T
        correction = positive - corrected
        moved = np.abs(positive - current).max()
        current = positive.copy()
        np.fill_diagonal(current, 1.0)
        value, axes = np.linalg.eigh(current)
        if moved < _NEGATIVE:
            break
    root = axes * np.sqrt(np.maximum(value, 0))
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    return root @ root.T, root
