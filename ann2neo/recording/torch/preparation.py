"""What is to be recorded of a network, and the proof that its rows are those of the samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ann2neo.recording.layer_selection import Choice, choose, list_labels
from ann2neo.recording.observation import Site
from ann2neo.recording.places import Place
from ann2neo.recording.torch.layers.places import Tap
from ann2neo.recording.torch.modules import unwrap
from ann2neo.recording.torch.rows import Arrangement, Shown, find_arrangement
from ann2neo.recording.torch.trial import Trials
from ann2neo.recording.torch.weights import name_network


@dataclasses.dataclass
class Prepared:
    """What was chosen, where it is tapped, and where the samples are in it.

    `shown` are the rows of the taps for the samples `tried` of the first batch, which must come again in
    the batch itself; none if there is nothing to compare. `is_single`: the proof is of one sample alone.
    `found` are all places, of which `layers` asks for some.
    """

    choice: Choice
    taps: list[Tap]
    arrangements: list[Arrangement]
    copied: set[Tap]
    is_single: bool
    draws: bool
    moves: bool
    tried: list[int]
    shown: list[Any]
    found: list[tuple[Place, Tap]]
    layers: Any

    def leave_out(self, faults: Mapping[Tap, str]) -> None:
        """Choose again, with what turned out to be wrong with some of the places."""
        self.found = [
            (dataclasses.replace(place, fault=faults[tap]) if tap in faults else place, tap)
            for place, tap in self.found
        ]
        self.choice = choose([place for place, _ in self.found], self.layers)
        by_id = {id(place): tap for place, tap in self.found}
        before = dict(zip(self.taps, self.arrangements, strict=True))
        self.taps = [by_id[id(place)] for place in self.choice.places]
        self.arrangements = [before[tap] for tap in self.taps]

    @property
    def sites(self) -> list[Site]:
        """The places to record from."""
        return [
            make_site(place, arrangement)
            for place, arrangement in zip(self.choice.places, self.arrangements, strict=True)
        ]


def prepare(trials: Trials, layers: Any, network: Any, paths: Mapping[int, str]) -> Prepared:
    """What is asked for, proven."""
    found = trials.find_places()
    _check_batched(network, found, trials)
    _check_called(network, layers, [place for place, _ in found], paths)
    by_id = {id(place): tap for place, tap in found}
    wanted = [by_id[id(place)] for place in choose([place for place, _ in found], layers).places]
    proven = _prove(trials, wanted)
    settled = [(settle_place(place, tap, proven, trials), tap) for place, tap in found]
    choice = choose([place for place, _ in settled], layers)
    by_id = {id(place): tap for place, tap in settled}
    taps = [by_id[id(place)] for place in choice.places]
    arrangements = [_get_arrangement(proven[tap][0]) for tap in taps]
    if trials.moves:
        choice.annotations["state"] = "put back before each batch"
    compared = not (trials.draws or trials.n_batch == 1)
    return Prepared(
        choice=choice,
        taps=taps,
        arrangements=arrangements,
        copied=set(trials.overwritten),
        is_single=trials.n_batch == 1,
        draws=trials.draws,
        moves=trials.moves,
        tried=[int(row) for row in trials.rows],
        shown=[
            arrangement.arrange(proven[tap][1][0].tensor, len(trials.rows))
            for tap, arrangement in zip(taps, arrangements, strict=True)
            if compared
        ],
        found=settled,
        layers=layers,
    )


def list_proven(trials: Trials, *, inputs: bool = True) -> list[Place]:
    """All places, each with its proof."""
    found = trials.find_places()
    wanted = [tap for place, tap in found if (inputs or place.side == "output") and not place.fault]
    proven = _prove(trials, wanted)
    return [settle_place(place, tap, proven, trials) for place, tap in found]


Proof = tuple[Arrangement | str, list[Shown]]


def _prove(trials: Trials, taps: list[Tap]) -> dict[Tap, Proof]:
    distinct = list(dict.fromkeys(taps))
    runs = trials.prove(distinct)
    return {tap: (find_arrangement(shown), shown) for tap, shown in zip(distinct, runs, strict=True)}


def reprove(trials: Trials, prepared: Prepared) -> None:
    """The proof for more samples than one, where it was of one alone."""
    trials.find_places()
    for place, tap, shown in zip(
        prepared.choice.places, prepared.taps, trials.prove(prepared.taps), strict=True
    ):
        found = find_arrangement(shown)
        if isinstance(found, str):
            raise ValueError(f"layer {place.label!r} cannot be recorded: {found}")
        prepared.arrangements[prepared.taps.index(tap)] = found
    prepared.is_single, prepared.moves = False, trials.moves


def settle_place(place: Place, tap: Tap, proven: Mapping[Tap, Proof], trials: Trials) -> Place:
    """The place with what its proof says of its shape, or the fault it found."""
    if tap not in proven:
        return place
    found, shown = proven[tap]
    if isinstance(found, str):
        return dataclasses.replace(place, shape=None, channel_axis=None, fault=found)
    axis = found.find_axis(tap.channel_axis)
    shape = found.shape_sample(shown[0].tensor.shape)
    unsteady = tap in trials.unsteady
    return dataclasses.replace(place, shape=shape, channel_axis=axis, is_unsteady=unsteady)


def make_site(place: Place, arrangement: Arrangement) -> Site:
    """A place as the one to record from."""
    shape = place.shape or ()
    activation = place.activation if place.position == 0 and place.side == "output" else None
    axis = place.channel_axis if len(shape) > 1 else -1
    return Site(place.label, shape, axis, activation, has_steps=bool(arrangement.n_rows))


def _get_arrangement(found: Arrangement | str) -> Arrangement:
    if isinstance(found, str):
        raise ValueError(found)
    return found


def _check_batched(network: Any, found: list[tuple[Place, Tap]], trials: Trials) -> None:
    if not any(tap.has_samples for _, tap in found if tap.side == "output"):
        raise ValueError(
            f"samples do not fit network {name_network(network)!r}: none of its layers gives a row per "
            f"sample, for a batch of {trials.described} (is the data set batched?)"
        )


def _check_called(network: Any, layers: Any, found: list[Place], paths: Mapping[int, str]) -> None:
    known = {place.path for place in found}
    for layer in layers if isinstance(layers, (list, tuple)) else [layers]:
        path = layer if isinstance(layer, str) else paths.get(id(unwrap(layer)))
        if path in paths.values() and path not in known:
            raise ValueError(
                f"network {name_network(network)!r} never calls its layer {path!r} with these samples, "
                f"or it returns no tensor; it calls {list_labels(found)}"
            )
