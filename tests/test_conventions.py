"""One way of saying a thing: names, kinds and defaults of arguments over all public functions."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ann2neo as a2n
from ann2neo.spikes.progress import listen

ROOMS = ("", "monitoring", "networks", "patterns", "study", "training")
KEYWORD_ONLY = {
    "adjust",
    "alpha",
    "alternative",
    "batch_size",
    "conv_units",
    "estimator",
    "n_surrogates",
    "overwrite",
    "progress",
    "rng",
    "workers",
}
DEFAULTS = {
    "alpha": 0.05,
    "alternative": "two-sided",
    "batch_size": 256,
    "conv_units": "all",
    "overwrite": False,
    "progress": True,
    "threshold": 0.0,
}
RASTERS = {"raster", "rasters", "chunk"}
"""What a recording is called, several of them, and a piece that an accumulator is given."""
PAIRS = ({"before", "after"}, {"reference", "query"}, {"a", "b"})
"""Two recordings that are compared: at two times, a search in one for those of another, any two."""


def public_objects() -> Iterator[tuple[str, object]]:
    """Public names, dotted, and what they stand for, each once."""
    seen = set()
    for room in ROOMS:
        public = getattr(a2n, room) if room else a2n
        for name in public.__all__:
            try:
                found = getattr(public, name)
            except ImportError as error:
                if "; install it with: pip install" not in str(error):
                    raise
                continue  # of an extra that is not installed
            if callable(found) and id(found) not in seen:
                seen.add(id(found))
                yield f"{room}.{name}".strip("."), found


def public_callables() -> Iterator[tuple[str, object]]:
    """Public functions, classes and methods of public classes that this package defines."""
    for name, found in public_objects():
        yield name, found
        if inspect.isclass(found):
            for below, method in inspect.getmembers(found):
                own = getattr(method, "__module__", None) or ""
                if not below.startswith("_") and callable(method) and own.startswith("ann2neo"):
                    yield f"{name}.{below}", method


def public_parameters() -> Iterator[tuple[str, inspect.Parameter]]:
    """Where, and the parameter."""
    for name, found in public_callables():
        if inspect.isclass(found) and issubclass(found, Warning):
            continue
        for parameter in inspect.signature(found).parameters.values():
            yield name, parameter


PARAMETERS = list(public_parameters())
CALLABLES = list(public_callables())


def test_options_are_given_by_name():
    kinds = {(where, p.name) for where, p in PARAMETERS if p.kind is not p.KEYWORD_ONLY}
    fields = {
        (name, parameter)
        for name, found in CALLABLES
        if hasattr(found, "__dataclass_fields__")
        for parameter in found.__dataclass_fields__
    }
    assert [one for one in sorted(kinds - fields) if one[1] in KEYWORD_ONLY] == []


def test_an_option_has_one_default():
    found = [
        (where, parameter.name, parameter.default)
        for where, parameter in PARAMETERS
        if parameter.name in DEFAULTS and parameter.default is not parameter.empty
    ]
    assert len(found) > 50
    assert [one for one in found if one[2] != DEFAULTS[one[1]]] == []


def test_a_recording_has_one_name():
    pairs = set().union(*PAIRS)
    results = {name for name, found in CALLABLES if hasattr(found, "__dataclass_fields__")}
    for where, parameter in PARAMETERS:
        kinds = str(parameter.annotation)
        if kinds == "RasterLike" and where != "as_raster":
            assert parameter.name in RASTERS | pairs, where
        elif "RasterLike |" in kinds or "| RasterLike" in kinds:
            # What was computed of one before is taken as well, or several by name.
            several = "rasters" if "Mapping" in kinds else "source"
            assert parameter.name in {several, "source"} | pairs, where
        elif parameter.name == "raster":
            assert kinds == "RasterLike" or where in results, where


def test_layers_and_groups_have_one_name():
    names = {parameter.name for _, parameter in PARAMETERS}
    assert not names & {"layer_name", "layer_names", "group", "groups", "groupby", "group_by", "per"}
    for where, parameter in PARAMETERS:
        if parameter.name == "by":
            assert parameter.default == "layer", where
            assert "str | None" in str(parameter.annotation), where


def test_writers_are_alike():
    writers = [
        (name, inspect.signature(found))
        for name, found in CALLABLES
        if re.fullmatch(r"(.*\.)?(save|write_\w+)", name)
    ]
    assert len(writers) >= 10
    for name, signature in writers:
        parameters = signature.parameters
        assert "path" in parameters, name
        assert "overwrite" in parameters, name
        assert signature.return_annotation == "Path", name
        # What holds spikes may take long; sums, tables and reports are written at once.
        holds_spikes = name == "SpikeRaster.save" or {"raster", "source"} & set(parameters)
        assert ("progress" in parameters) == bool(holds_spikes), name


@pytest.mark.parametrize("ending", [".zarr", ".nwb", ".nix", ".nc", ".npy"])
def test_writers_tell_of_their_progress_alike(tmp_path, ending):
    """To whoever listens, and a bar is shown by the same one place; with `progress=False` to nobody."""
    path, heard = tmp_path / f"spikes{ending}", []
    raster = a2n.as_raster(np.random.default_rng(0).random((50, 3)) < 0.3)
    with listen(lambda *event: heard.append(event)):
        a2n.save(raster, path, progress=False)
        assert heard == []
        assert a2n.save(raster, path, overwrite=True) == path
    assert [about for about, _, _ in heard] == ["write"] * len(heard)
    assert heard[-1][1] == heard[-1][2] > 0


def test_every_test_returns_a_test_result():
    tests = [(name, found) for name, found in public_objects() if name.endswith("_test")]
    assert len(tests) >= 8
    for name, found in tests:
        assert inspect.signature(found).return_annotation == "TestResult", name


NOT_FOR_USERS = {"LazyTable", "StoredPart"}
"""How a store on disk hands over what is read when asked for."""


def test_classes_that_are_returned_or_needed_are_public():
    public = {found for _, found in public_objects() if inspect.isclass(found)}
    seen, missing = set(), set()
    for name, found in CALLABLES:
        if inspect.isclass(found):
            texts = [
                text
                for cls in found.__mro__
                for key, text in vars(cls).get("__annotations__", {}).items()
                if not key.startswith("_")
            ]
        else:
            texts = [inspect.signature(found).return_annotation]
        if not (inspect.isclass(found) and issubclass(found, Warning)):
            texts += [p.annotation for p in inspect.signature(found).parameters.values()]
        known = vars(importlib.import_module(found.__module__))
        for word in {word for text in texts for word in re.findall(r"\w+", str(text))}:
            needed = known.get(word)
            if inspect.isclass(needed) and needed.__module__.startswith("ann2neo"):
                seen.add(word)
                if needed not in public and word not in NOT_FOR_USERS:
                    missing.add((name, word))
    assert len(seen) > 25
    assert missing == set()


LAYERED = {
    "select": lambda raster: raster.select(layer="no"),
    "select several": lambda raster: raster.select(layer=["units", "no"]),
    "record": lambda raster: a2n.record({"units": raster.to_dense()}, layers=["no"]),
    "threshold": lambda raster: a2n.record({"units": np.eye(2)}, threshold={"no": 1}),
}


@pytest.mark.parametrize("case", LAYERED)
def test_an_unknown_layer_is_one_error(case):
    with pytest.raises(ValueError, match=r"units.*no"):
        LAYERED[case](a2n.as_raster(np.eye(4, dtype=bool)))


PARTICIPLES = re.compile(
    "begun|broken|brought|built|caught|chosen|dealt|done|drawn|fed|felt|found|frozen|given|gone|grown|held|"
    "hidden|kept|known|laid|led|left|lost|made|meant|met|paid|ran|remade|rebuilt|said|seen|sent|shown|spent|"
    "spoken|stood|taken|taught|thrown|told|torn|understood|unseen|won|written"
)
BARE_VERBS = {"bleed", "embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed", "succeed"}
TERMS = {
    "correlated": "a null by the name that users write",
    "tuning": "the statistic's name in the field",
    "weighted_jaccard": "the index's name in the field",
}


def is_participle(name: str) -> bool:
    """``counted``, ``built_with``, ``standing``; not ``firing_rate``, where it belongs to a noun."""
    words = name.strip("_").split("_")
    past = words[0].endswith("ed") and words[0] not in BARE_VERBS
    past |= PARTICIPLES.fullmatch(words[0]) is not None
    return past or (len(words) == 1 and re.fullmatch(r"\w{3,}ing", words[0]) is not None)


def functions_of(root: Path) -> Iterator[tuple[str, str]]:
    """Where, and the name of each function and method, private and inner ones too; no properties."""
    for file in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                decorators = {ast.unparse(one).split(".")[-1] for one in node.decorator_list}
                if not decorators & {"property", "cached_property", "setter"}:
                    yield f"{file.relative_to(root)}:{node.lineno}", node.name


@pytest.mark.parametrize(
    "name", ["counted", "_noted", "built_with", "_known_shape", "standing", "_held"]
)
def test_a_participle_is_known(name):
    assert is_participle(name)


@pytest.mark.parametrize("name", ["count", "seed_globals", "firing_rate", "ping", "find_kept", "_feed"])
def test_a_verb_is_no_participle(name):
    assert not is_participle(name)


def test_functions_are_verbs():
    found = list(functions_of(Path(a2n.__file__).parent))
    assert len(found) > 1500
    assert [one for one in found if is_participle(one[1]) and one[1] not in TERMS] == []
    assert TERMS.keys() <= {name for _, name in found}
