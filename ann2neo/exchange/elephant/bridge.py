"""Elephant's own surrogates and point processes, seeded from a Generator and kept on the grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import neo
import numpy as np
import quantities as pq

from ann2neo.exchange.elephant.methods import PROCESSES, SURROGATES, generate, seed_globals
from ann2neo.exchange.grid import OFF_GRID
from ann2neo.exchange.neo.block import to_spiketrains
from ann2neo.exchange.neo.trains import milliseconds
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_choice, check_count
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.words import freeze

OnGrid = Literal["raise", "round"]
ON_GRID = get_args(OnGrid)


@dataclass(frozen=True, eq=False)
class ElephantSurrogate:
    """One surrogate recording as Elephant made it, and what of it is on the sample grid.

    Parameters
    ----------
    raster : SpikeRaster
        Each spike at its nearest sample.
    spiketrains : list of neo.SpikeTrain
        What Elephant made, a train per unit, in milliseconds, with the names and annotations of
        `to_spiketrains`, which Elephant drops.
    n_spikes : array of int, shape (n_units,)
        Spikes in Elephant's trains. Some methods lose spikes at the ends: compare with the raster's.
    n_off_grid : array of int, shape (n_units,)
        How many of them are off the sample grid.
    n_collisions : array of int, shape (n_units,)
        How many share their nearest sample with an earlier one, and so are lost from the raster.
    """

    raster: SpikeRaster
    spiketrains: list[neo.SpikeTrain]
    n_spikes: np.ndarray
    n_off_grid: np.ndarray
    n_collisions: np.ndarray


def elephant_surrogates(
    raster: RasterLike,
    method: str,
    *,
    n_surrogates: int = 1,
    rng: np.random.Generator,
    on_grid: OnGrid = "raise",
    **options: Any,
) -> Iterator[SpikeRaster]:
    """Surrogates by Elephant's own methods, as `surrogates` returns those of this package.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    method : str
        With its options, as Elephant names them; times are Quantities, ``dither=5 * pq.ms``:

        - ``"shuffle_isis"`` and ``"bin_shuffling"`` (`max_displacement`, `sliding`; on the binned train)
          stay on the grid, but for a collision in ``"shuffle_isis"`` if a unit spikes at sample 0;
        - ``"dither_spikes"`` (`dither`, `refractory_period`, …), ``"dither_spike_train"`` (`shift`, …),
          ``"jitter_spikes"`` (`bin_size`), ``"randomise_spikes"``, ``"joint_isi_dithering"`` and
          ``"isi_dithering"`` (those of `JointISI`) leave it;
        - ``"trial_shifting"`` (`dither`, `trial_length`, `trial_separation`) leaves it, loses what lies
          beyond the last whole trial and doubles spikes between two trials.
    n_surrogates : int
        At least 1.
    rng : numpy.random.Generator
        Seeds NumPy's and Python's global generators, which Elephant reads; both are restored after.
    on_grid : {"raise", "round"}
        What to do with spikes off the sample grid: refuse them, or move them to the nearest sample,
        where two become one. `elephant_spiketrains` returns Elephant's own trains and counts both.
    **options
        Of the method.

    Returns
    -------
    iterator of SpikeRaster
        With tables and annotations of the raster, ``surrogate`` and ``surrogate_…`` added.

    Raises
    ------
    TypeError
        If `rng` is no Generator, or an option is missing or unknown to the method.
    ValueError
        If `method` or `on_grid` is unknown, `n_surrogates` is below 1, or, for ``"raise"``, a spike is
        off the grid or not alone in its sample; and whatever Elephant raises.

    See Also
    --------
    ann2neo.surrogates : the methods of this package, which stay on the grid.

    Examples
    --------
    >>> import numpy as np, quantities as pq, ann2neo as a2n
    >>> active = np.tile([[0], [1], [1], [0], [0]], (20, 1))
    >>> rng = np.random.default_rng(0)
    >>> made = a2n.elephant_surrogates(
    ...     active, "dither_spikes", rng=rng, on_grid="round", dither=3 * pq.ms
    ... )
    >>> [surrogate.spike_counts for surrogate in made]
    [array([35])]
    """
    check_choice(on_grid, "on_grid", ON_GRID)
    check_choice(method, "method", SURROGATES)
    made = elephant_spiketrains(raster, method, n_surrogates=n_surrogates, rng=rng, **options)
    return iter([_keep_on_grid(one, on_grid) for one in made])


def elephant_process(
    raster: RasterLike,
    process: str = "poisson",
    *,
    n_surrogates: int = 1,
    rng: np.random.Generator,
    on_grid: OnGrid = "raise",
    **options: Any,
) -> Iterator[SpikeRaster]:
    """Trains of Elephant's stationary point processes, at the rates of a raster's units.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    process : {"poisson", "gamma", "lognormal", "inverse_gaussian"}
        ``StationaryPoissonProcess`` (`refractory_period`), ``StationaryGammaProcess`` (`shape_factor`),
        ``StationaryLogNormalProcess`` (`sigma`) or ``StationaryInverseGaussianProcess`` (`cv`); all take
        `equilibrium`.
    n_surrogates : int
        At least 1.
    rng : numpy.random.Generator
        As for `elephant_surrogates`.
    on_grid : {"raise", "round"}
        As for `elephant_surrogates`. These processes live in continuous time: ``"raise"`` refuses every
        spike of theirs. ``"round"`` loses some of them, of a Poisson process with λ spikes per
        sample a share of 1 − (1 − exp(−λ)) / λ.
    **options
        Of the process, as Elephant names them.

    Returns
    -------
    iterator of SpikeRaster

    Raises
    ------
    TypeError, ValueError
        As for `elephant_surrogates`.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.random.default_rng(0).random((2000, 1)) < 0.5
    >>> rng = np.random.default_rng(1)
    >>> [made] = a2n.elephant_process(active, rng=rng, on_grid="round")
    >>> active.sum(), made.spike_counts
    (np.int64(1007), array([809]))
    """
    check_choice(on_grid, "on_grid", ON_GRID)
    check_choice(process, "process", PROCESSES)
    made = elephant_spiketrains(raster, process, n_surrogates=n_surrogates, rng=rng, **options)
    return iter([_keep_on_grid(one, on_grid) for one in made])


def elephant_spiketrains(
    raster: RasterLike, method: str, *, n_surrogates: int = 1, rng: np.random.Generator, **options: Any
) -> Iterator[ElephantSurrogate]:
    """What Elephant's surrogates and processes are before they are put on the sample grid.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    method : str
        A method of `elephant_surrogates` or a process of `elephant_process`.
    n_surrogates : int
        At least 1.
    rng : numpy.random.Generator
        As for `elephant_surrogates`.
    **options
        Of the method or process.

    Returns
    -------
    iterator of ElephantSurrogate
        Trains, the raster with each spike at its nearest sample, and what that moved and lost.

    Raises
    ------
    TypeError, ValueError
        As for `elephant_surrogates`.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.random.default_rng(0).random((2000, 1)) < 0.5
    >>> (made,) = a2n.elephant_spiketrains(active, "poisson", rng=np.random.default_rng(1))
    >>> made.n_spikes, made.n_collisions, made.raster.spike_counts
    (array([1044]), array([235]), array([809]))
    """
    raster = as_raster(raster)
    n_surrogates = check_count(n_surrogates, "n_surrogates")
    check_choice(method, "method", [*SURROGATES, *PROCESSES])
    originals = to_spiketrains(raster)
    with seed_globals(rng):
        if method in SURROGATES:
            made = [SURROGATES[method](train, n_surrogates, options) for train in originals]
        else:
            made = [generate(PROCESSES[method], one, n_surrogates, options) for one in originals]
    said = _describe_source(method, options)
    return iter([_surrogate(raster, list(one), originals, said) for one in zip(*made, strict=True)])


def _keep_on_grid(made: ElephantSurrogate, on_grid: str) -> SpikeRaster:
    if on_grid == "raise":
        name = made.raster.annotations["surrogate"]
        _refuse(name, made.spiketrains, made.n_off_grid, made.n_collisions)
    return made.raster


def _surrogate(
    raster: SpikeRaster,
    made: list[neo.SpikeTrain],
    originals: list[neo.SpikeTrain],
    annotations: dict[str, Any],
) -> ElephantSurrogate:
    trains = [_dress(train, original) for train, original in zip(made, originals, strict=True)]
    words = np.zeros_like(raster.words)
    n_off_grid, n_collisions = np.zeros((2, raster.n_units), np.int64)
    dt = raster.sampling_period * 1000
    for unit, train in enumerate(trains):
        places = (train.magnitude - float(train.t_start.magnitude)) / dt
        # Elephant leaves spikes at t_stop, half a sample or more from the last one.
        samples = np.clip(np.rint(places), 0, raster.n_samples - 1).astype(np.int64)
        distinct = np.unique(samples)
        n_off_grid[unit] = np.count_nonzero(np.abs(places - samples) > OFF_GRID)
        n_collisions[unit] = samples.size - distinct.size
        kernels.set_bits(words[unit], distinct)
    counts = np.array([train.size for train in trains])
    on_samples = _like(raster, words, annotations)
    return ElephantSurrogate(on_samples, trains, counts, n_off_grid, n_collisions)


def _dress(train: neo.SpikeTrain, original: neo.SpikeTrain) -> neo.SpikeTrain:
    """The spikes of one train with the span, name and annotations of another."""
    return neo.SpikeTrain(
        milliseconds(train, "train"),
        units=pq.ms,
        t_start=original.t_start,
        t_stop=original.t_stop,
        sampling_rate=original.sampling_rate,
        name=original.name,
        description=original.description,
        file_origin=original.file_origin,
        **original.annotations,
    )


def _refuse(
    what: str, trains: list[neo.SpikeTrain], n_off_grid: np.ndarray, n_collisions: np.ndarray
) -> None:
    wrong = np.flatnonzero(n_off_grid + n_collisions)
    if wrong.size:
        unit = wrong[0]
        raise ValueError(
            f"{what} left the sample grid in {wrong.size} of {len(trains)} units: of the "
            f"{trains[unit].size} spikes of unit {trains[unit].name!r}, {n_off_grid[unit]} are off it "
            f"and {n_collisions[unit]} share a sample with another; use on_grid='round', or "
            "elephant_spiketrains for the trains"
        )


def _like(raster: SpikeRaster, words: np.ndarray, annotations: dict[str, Any]) -> SpikeRaster:
    return SpikeRaster(
        freeze(words),
        raster.n_samples,
        raster.units,
        raster.samples,
        sampling_period=raster.sampling_period,
        annotations={**raster.annotations, **annotations},
    )


def _describe_source(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Annotations that say where a raster comes from."""
    plain = (str, bool, int, float)
    values = {key: v if isinstance(v, plain) else str(v) for key, v in options.items()}
    return {"surrogate": f"elephant.{name}", **{f"surrogate_{key}": v for key, v in values.items()}}
