"""Sums of whole numbers, center_products without rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

_LARGEST = 2**63 - 1


def center_products(n: Any, products: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """n Σxy − Σx Σy over n whole numbers, rounded once, to float.

    Parameters
    ----------
    n : int or array of int64
    products : array of int64
        Σxy; those of x with itself among them, or none larger than they.
    first, second : array of int64
        Σx and Σy.
    """
    # |Σx Σy| ≤ n √(Σx² Σy²): one bound serves both products and their difference.
    if int(np.max(n)) * int(np.max(products, initial=0)) > _LARGEST // 2:
        n, products, first, second = (
            np.asarray(number).astype(object) for number in (n, products, first, second)
        )
    result: np.ndarray = (n * products - first * second).astype(float)
    return result
