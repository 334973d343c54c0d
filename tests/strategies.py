"""Hypothesis strategies that all rooms' tests share."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ann2neo import SpikeRaster

ODD_SIZES = (1, 2, 63, 64, 65, 127, 128, 129, 200)

names = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="äπ/ 日"), min_size=1, max_size=8
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    names,
)

annotations = st.dictionaries(names, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=3)


@st.composite
def dense(draw, max_samples=200, max_units=9):
    """Boolean arrays (n_samples, n_units), word boundaries and constant units among them."""
    n_samples = draw(st.one_of(st.sampled_from(ODD_SIZES), st.integers(1, max_samples)))
    n_units = draw(st.integers(1, max_units))
    active = draw(hnp.arrays(bool, (min(n_samples, max_samples), n_units)))
    constant = draw(st.sampled_from([None, False, True]))
    if constant is not None:
        active[:, 0] = constant
    return active


@st.composite
def selections(draw, size):
    """A selection among `size` things as `select` takes it: indices (negative, repeated) or a mask."""
    kind = draw(st.sampled_from(["indices", "list", "mask", "permutation"]))
    if kind == "permutation":
        return np.array(draw(st.permutations(range(size))))
    if kind == "mask":
        mask = draw(hnp.arrays(bool, size))
        mask[draw(st.integers(0, size - 1))] = True
        return mask
    indices = draw(st.lists(st.integers(-size, size - 1), min_size=1, max_size=2 * size))
    return indices if kind == "list" else np.array(indices)


@st.composite
def rasters(draw, max_samples=200, max_units=9):
    """Rasters with several layers, labels, a further column each, odd names and annotations."""
    active = draw(dense(max_samples, max_units))
    n_samples, n_units = active.shape
    layer_names = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    layer = [layer_names[i * len(layer_names) // n_units] for i in range(n_units)]
    units = pd.DataFrame({"layer": layer, "unit_index": np.arange(n_units)})
    if draw(st.booleans()):
        units["channel"] = draw(hnp.arrays(np.int64, n_units, elements=st.integers(-1, 9)))
        units["gain"] = draw(hnp.arrays(float, n_units, elements=st.floats(-1e6, 1e6)))
    samples = pd.DataFrame({"sample_index": draw(st.permutations(range(n_samples)))})
    kind = draw(st.sampled_from(["none", "int", "str"]))
    if kind == "int":
        samples["label"] = draw(hnp.arrays(np.int64, n_samples, elements=st.integers(0, 9)))
    elif kind == "str":
        samples["label"] = draw(st.lists(names, min_size=n_samples, max_size=n_samples))
        samples["dataset_split"] = "test"
    return SpikeRaster.from_dense(
        active,
        units,
        samples,
        sampling_period=draw(st.sampled_from([0.001, 0.0005, 1 / 3, 1.0])),
        annotations=draw(annotations),
    )
