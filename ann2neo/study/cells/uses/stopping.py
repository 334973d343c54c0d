"""How good a moment to stop each indicator finds, without clean labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

_SEPARATED = 0.9


def find_stops(looks: pd.DataFrame) -> pd.DataFrame:
    """The pass that each criterion would have chosen, and what it costs.

    Parameters
    ----------
    looks : pandas.DataFrame
        Of `Looks.to_frame`.

    Returns
    -------
    pandas.DataFrame
        ``criterion``, ``training_epoch``, ``test_accuracy`` there and its ``gap`` to the best pass.
        Criteria that are NaN throughout are left out.

    Notes
    -----
    The last pass before class separation falls below .9 of its highest so far; others look back from the
    end of the training: the highest accuracy on noisy labels held out, the highest unit information, the
    lowest flip rate, the lowest firing rate, the first of equal passes; and no stop at all.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> looks = pd.DataFrame({"training_epoch": [1, 2, 3], "test_accuracy": [0.5, 0.9, 0.7]})
    >>> looks = looks.assign(validation_accuracy=[0.2, 0.4, 0.3], firing_rate=[0.6, 0.5, 0.4])
    >>> for name in ("class_separation", "unit_information", "flip_rate"):
    ...     looks[name] = np.nan
    >>> find_stops(looks).set_index("criterion")["gap"].round(1).to_dict()
    {'noisy validation accuracy': 0.0, 'firing rate': 0.2, 'no stop': 0.2}
    """
    rows = looks.reset_index(drop=True)
    separation = rows["class_separation"]
    fallen = np.flatnonzero(separation < _SEPARATED * separation.cummax())
    chosen = {
        "noisy validation accuracy": _first(rows["validation_accuracy"]),
        "class separation": None
        if separation.isna().all()
        else int(fallen[0]) - 1
        if fallen.size
        else len(rows) - 1,
        "unit information": _first(rows["unit_information"]),
        "flip rate": _first(-rows["flip_rate"]),
        "firing rate": _first(-rows["firing_rate"]),
        "no stop": len(rows) - 1,
    }
    found = rows[["training_epoch", "test_accuracy"]]
    places = {criterion: row for criterion, row in chosen.items() if row is not None}
    found = found.iloc[list(places.values())].reset_index(drop=True)
    found.insert(0, "criterion", list(places))
    return found.assign(gap=rows["test_accuracy"].max() - found["test_accuracy"])


def _first(values: pd.Series) -> int | None:
    """The first place of the highest value; None if there is none."""
    known = values.to_numpy(np.float64)
    return None if np.isnan(known).all() else int(np.nanargmax(known))
