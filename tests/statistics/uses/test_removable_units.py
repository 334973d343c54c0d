"""Units never and always active; convolutions lose channels, not positions."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

import ann2neo as a2n


def test_silent_and_always_on_with_the_exact_bound():
    rng = np.random.default_rng(0)
    active = rng.random((2500, 5)) < [0, 0.5, 1, 0, 0.01]
    found = a2n.removable_units(active, confidence=0.99)
    assert found.silent["units"].tolist() == [0, 3]
    assert found.always_on["units"].tolist() == [2]
    # Clopper and Pearson's upper bound, one-sided, of 0 in 2500.
    assert found.rate_bound == pytest.approx(beta.ppf(0.99, 1, 2500))
    table = found.to_frame()
    assert table["kind"].tolist() == ["silent", "silent", "always on"]
    assert table["rate_bound"].isna().tolist() == [False, False, True]


def test_a_channel_is_silent_where_all_its_positions_are():
    units = pd.DataFrame(
        {"layer": "conv", "unit_index": range(4), "channel": [0, 1, 0, 1], "column": [0, 0, 1, 1]}
    )
    active = np.zeros((2000, 4), bool)
    active[7, 2] = True
    dense = a2n.as_raster(active)
    found = a2n.removable_units(a2n.SpikeRaster(dense.words, 2000, units))
    assert {layer: channels.tolist() for layer, channels in found.silent.items()} == {"conv": [1]}


def test_few_samples_are_warned_of():
    with pytest.warns(UserWarning, match="100 samples say little of units that fire rarely"):
        a2n.removable_units(np.ones((100, 2), bool))
    with pytest.raises(ValueError, match="confidence must lie in"):
        a2n.removable_units(np.ones((2000, 2), bool), confidence=1.5)
