"""Recordings in parts: whatever the parts and whoever makes them, one recording comes out."""

import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import ann2neo as a2n
from ann2neo import RecordingPlan, finish_recording, plan_recording, record_part, record_parts
from ann2neo.recording.parts import factories, making
from ann2neo.spikes import packing
from tests.recording import made_parts as made

pytest.importorskip("torch")
NAMES = "tests.recording.made_parts"


def plan(tmp_path, n_parts=4, **options):
    options = {"batch_size": 32, "annotations": {"who": "test"}, **options}
    return plan_recording(
        options.pop("make_network", made.network),
        options.pop("make_samples", f"{NAMES}:samples"),
        tmp_path / "whole.zarr",
        n_samples=options.pop("n_samples", made.N_SAMPLES),
        n_parts=n_parts,
        make_labels=made.labels,
        **options,
    )


def record_whole(**options):
    options = {"batch_size": 32, "annotations": {"who": "test"}, **options}
    labels = made.labels(0, made.N_SAMPLES)
    samples = made.samples(0, made.N_SAMPLES)
    return a2n.record(made.network(), samples, labels=labels, progress=False, **options)


@pytest.mark.parametrize("n_parts", [1, 3, 7, 32])
@pytest.mark.parametrize("words_per_chunk", [1, 1024])
def test_parts_make_the_whole(tmp_path, monkeypatch, n_parts, words_per_chunk):
    monkeypatch.setattr(packing, "_BUFFER_BYTES", 8 * made.N_HIDDEN * words_per_chunk)
    planned = plan(tmp_path, n_parts)
    assert planned == RecordingPlan.load(planned.folder)
    assert planned.n_parts == n_parts == len(planned.list_missing_parts())
    for number in np.random.default_rng(n_parts).permutation(n_parts).tolist():
        record_part(planned.folder, number, progress=False)
    assert a2n.open_raster(planned.folder).load() == record_whole()
    path = finish_recording(planned)
    assert a2n.SpikeRaster.load(path) == record_whole()
    assert finish_recording(planned) == path


def test_chunks_are_linked_where_parts_end_on_them(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_BUFFER_BYTES", 8 * made.N_HIDDEN)
    planned = plan(tmp_path)
    record_parts(planned, progress=False)
    whole = finish_recording(planned)
    first = (planned.part_path(0) / "words" / "0.0").stat()
    assert (whole / "words" / "0.0").stat().st_ino == first.st_ino
    shutil.rmtree(planned.folder)
    assert a2n.SpikeRaster.load(whole) == record_whole()


def test_a_damaged_part_is_not_linked(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_BUFFER_BYTES", 8 * made.N_HIDDEN)
    planned = plan(tmp_path)
    record_parts(planned, progress=False)
    chunk = planned.part_path(1) / "words" / "0.2"
    whole = chunk.read_bytes()
    for damaged in (whole[:-3], b"", whole[:-1] + bytes([whole[-1] ^ 1])):
        chunk.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"part-00001\.zarr is damaged"):
            finish_recording(planned)
        assert not (tmp_path / "whole.zarr").exists()
    shutil.rmtree(planned.part_path(1))
    record_part(planned, 1, progress=False)
    assert a2n.SpikeRaster.load(finish_recording(planned)) == record_whole()


def test_two_may_finish_at_once(tmp_path, monkeypatch):
    planned = plan(tmp_path, 2)
    record_parts(planned, progress=False)
    finish, faster = making.StoreWriter.finish, []

    def let_another_finish(self, *arguments):
        if not faster:
            faster.append(True)
            finish_recording(planned)
        finish(self, *arguments)

    monkeypatch.setattr(making.StoreWriter, "finish", let_another_finish)
    assert a2n.SpikeRaster.load(finish_recording(planned)) == record_whole()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.parts", "whole.zarr"]


def test_what_else_is_at_the_place_of_the_store_is_left_alone(tmp_path):
    planned = plan(tmp_path, 1)
    record_part(planned, 0, progress=False)
    (tmp_path / "whole.zarr").mkdir()
    (tmp_path / "whole.zarr" / "letter.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"whole\.zarr exists and is something else"):
        finish_recording(planned)
    assert (tmp_path / "whole.zarr" / "letter.txt").read_text() == "mine"


def test_a_part_is_made_once_and_bears_two_writers(tmp_path):
    planned = plan(tmp_path, 2)
    record_part(planned, 0, progress=False)
    before = planned.part_path(0).stat().st_mtime_ns
    record_part(planned, 0, progress=False)
    assert planned.part_path(0).stat().st_mtime_ns == before
    code = f"import sys, ann2neo as a2n\na2n.record_part({str(planned.folder)!r}, 1, progress=False)"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert a2n.SpikeRaster.load(finish_recording(planned)) == record_whole()
    assert sorted(p.name for p in planned.folder.iterdir()) == [
        "part-00000.zarr",
        "part-00001.zarr",
        "plan.json",
    ]


def test_two_processes(tmp_path):
    planned = plan(tmp_path, 3)
    assert len(record_parts(planned, workers=2, progress=False)) == 3
    assert a2n.SpikeRaster.load(finish_recording(planned)) == record_whole()


def test_dask(tmp_path):
    distributed = pytest.importorskip("distributed")
    planned = plan(tmp_path, 3)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        record_parts(planned, workers=client, progress=False)
        counts = a2n.accumulate(a2n.FiringRate, planned.folder, workers=client).result()
    assert counts.tolist() == a2n.firing_rate(record_whole()).tolist()
    assert a2n.SpikeRaster.load(finish_recording(planned)) == record_whole()


def test_what_is_missing_or_wrong_is_named(tmp_path):
    planned = plan(tmp_path)
    record_part(planned, 1, progress=False)
    with pytest.raises(FileNotFoundError, match=r"lacks the parts \[0, 2, 3\] of 4"):
        finish_recording(planned)
    for number in (-1, 4):
        with pytest.raises(ValueError, match="number must"):
            record_part(planned, number)
    with pytest.raises(FileNotFoundError, match=r"no plan at .*other.*see this folder\? Parts need one"):
        record_part(tmp_path / "other", 0)
    with pytest.raises(FileExistsError, match="is another plan"):
        plan(tmp_path, 5)
    assert plan(tmp_path) == planned
    plan(tmp_path, 5, overwrite=True)
    with pytest.raises(ValueError, match="is another plan: it was replaced"):
        record_part(planned, 0)


def test_a_plan_edited_by_hand_is_refused(tmp_path):
    planned = plan(tmp_path)
    file = planned.folder / "plan.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "n_units": 3}))
    with pytest.raises(ValueError, match=r"plan\.json was edited"):
        record_part(planned.folder, 0)
    file.write_text(json.dumps({"format": "other"}))
    with pytest.raises(ValueError, match=r"plan\.json is no plan of a recording"):
        record_part(planned.folder, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"make_network": f"{NAMES}:other_network"}, "weights_hash is"),
        ({"make_samples": f"{NAMES}:too_few", "make_labels": None}, "returned another number of them"),
        ({"versions": {"ann2neo": "0"}}, "the plan was made with"),
    ],
)
def test_a_part_that_does_not_match_leaves_nothing(tmp_path, change, message, monkeypatch):
    from ann2neo.recording.parts.plan import write_plan

    planned = plan(tmp_path)
    # As if the module had changed since.
    changed = dataclasses.replace(planned, **change)
    write_plan(changed, overwrite=True)
    factories.build_network.cache_clear()
    with pytest.raises(ValueError, match=message):
        record_part(changed, 1, progress=False)
    assert [path.name for path in planned.folder.iterdir()] == ["plan.json"]
    factories.build_network.cache_clear()


def test_bad_plans(tmp_path):
    with pytest.raises(ValueError, match=r"n_parts must be at most 32, the number of batches of 32"):
        plan(tmp_path, 33)
    with pytest.raises(ValueError, match="factories must be functions of a module"):
        plan(tmp_path, make_network=lambda: None)
    with pytest.raises(ValueError, match=r"made_parts:nothing' cannot be found"):
        plan(tmp_path, make_network=f"{NAMES}:nothing")
    with pytest.raises(TypeError, match="takes the options"):
        plan(tmp_path, rng=3)
    with pytest.raises(ValueError, match=r"store must end in \.zarr"):
        plan_recording(made.network, made.samples, tmp_path / "a.zip", n_samples=9, n_parts=1)
    with pytest.raises(ValueError, match="first_sample must be 0 with rng"):
        record_whole(first_sample=3, rng=np.random.default_rng(0))
    assert not list(tmp_path.iterdir())
