"""Every public function here and in `exchange` says the same of whatever becomes the same raster."""

import functools

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n


def generator():
    return np.random.default_rng(1)


def words(made):
    return np.concatenate([one.words for one in made])


CALLS = {
    "adf_test": a2n.adf_test,
    "fano_test": functools.partial(a2n.fano_test, window=10),
    "fit_poisson": a2n.fit_poisson,
    "ks_test": lambda raster: a2n.ks_test(raster, raster),
    "ljung_box_test": a2n.ljung_box_test,
    "poisson_assumptions": lambda raster: a2n.poisson_assumptions(raster, window=10).to_frame(),
    "runs_test": a2n.runs_test,
    "surrogate_test": lambda raster: a2n.surrogate_test(
        raster, a2n.cv, n_surrogates=199, rng=generator(), progress=False
    ),
    "surrogates": lambda raster: words(a2n.surrogates(raster, rng=generator())),
    "change_point_test": lambda raster: a2n.change_point_test(
        raster, [30], n_surrogates=5, rng=generator(), progress=False
    ),
    "elephant_process": lambda raster: words(
        a2n.elephant_process(raster, on_grid="round", rng=generator())
    ),
    "elephant_surrogates": lambda raster: words(
        a2n.elephant_surrogates(raster, "shuffle_isis", on_grid="round", rng=generator())
    ),
    "to_block": lambda raster: a2n.from_block(a2n.to_block(raster)).words,
    "to_spiketrains": lambda raster: np.concatenate(
        [train.magnitude for train in a2n.to_spiketrains(raster)]
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_raster_its_block_its_trains_and_its_array(name):
    active = np.random.default_rng(0).random((130, 3)) < 0.4
    raster = a2n.SpikeRaster.from_dense(active)
    expected = CALLS[name](raster)
    for source in (a2n.to_block(raster), a2n.to_spiketrains(raster), active):
        found = CALLS[name](source)
        if isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(found, expected)
            continue
        if isinstance(expected, a2n.TestResult):
            assert repr(found) == repr(expected)
        frames = [x if isinstance(x, pd.DataFrame) else x.to_frame() for x in (found, expected)]
        pd.testing.assert_frame_equal(*frames)
