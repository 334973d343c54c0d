"""Files of kinds that others made, as users try them: read, or an error that names the kind."""

import pickle
from datetime import UTC, datetime

import numpy as np
import pytest

import ann2neo as a2n

h5py = pytest.importorskip("h5py", reason="the hdf5 extra is not installed")
pynwb = pytest.importorskip("pynwb", reason="the nwb extra is not installed")
neo = pytest.importorskip("neo")
pq = pytest.importorskip("quantities")


def sonata(path):
    with h5py.File(path, "w") as file:
        file.attrs["magic"] = 0x0A7A
        file["spikes/cortex/timestamps"], file["spikes/cortex/node_ids"] = [0.1, 0.5], [0, 1]


def old_sonata(path):
    with h5py.File(path, "w") as file:
        file["spikes/timestamps"], file["spikes/gids"] = [0.1, 0.5], [0, 1]


def nwb_1(path):
    with h5py.File(path, "w") as file:
        file["nwb_version"] = "NWB-1.0.6"


def nwb_without_units(path):
    about = {"session_start_time": datetime(2026, 1, 1, tzinfo=UTC)}
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(pynwb.NWBFile(session_description="x", identifier="y", **about))


def nwb_in_zarr(path):
    path.mkdir()
    (path / ".zattrs").write_text('{"nwb_version": "2.6.0"}')
    (path / ".zgroup").write_text('{"zarr_format": 2}')


def kilosort(path):
    path.mkdir()
    np.save(path / "spike_times.npy", np.array([[10], [20]], np.uint64))
    np.save(path / "spike_clusters.npy", np.array([0, 1], np.int32))


def phy(path):
    kilosort(path)
    (path / "params.py").write_text("sample_rate = 30000.0\n")


def spike_times(path):
    np.save(path, np.array([[10], [20]], np.uint64))


def keras_weights(path):
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "3.0"


def pickled(path):
    path.write_bytes(pickle.dumps({"a": 1}))


def text(path):
    path.write_text("unit,time\n0,0.1\n")


def dense(path):
    np.save(path, np.eye(3))


def archive(path):
    np.savez(path, a=np.eye(3))


KINDS = {
    "a.h5": (sonata, "it is SONATA"),
    "b.h5": (old_sonata, "it is SONATA"),
    "c.nwb": (sonata, "it is SONATA"),
    "d.nwb": (nwb_1, r"it is NWB 1 \(NWB-1.0.6\)"),
    "e.nwb": (nwb_without_units, r"e.nwb has no units with spike times; it is NWB 2"),
    "f.zarr": (nwb_in_zarr, "it is NWB in Zarr"),
    "g": (kilosort, "folder of Kilosort or Phy"),
    "h": (phy, "folder of Kilosort or Phy"),
    "i.zarr": (phy, "folder of Kilosort or Phy"),
    "spike_times.npy": (spike_times, "NumPy array of a spike sorter"),
    "j.h5": (keras_weights, "a Keras model or its weights"),
    "k.pkl": (pickled, "a pickle, which is never read"),
    "l.nwb": (pickled, "a pickle, which is never read"),
    "m.csv": (text, "a text file"),
    "n.nwb": (text, "a text file"),
    "o.npy": (dense, "a NumPy array: give as_raster the array if it holds bits"),
    "p.npz": (archive, "a zip archive of NumPy arrays"),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_named(ann2neo, tmp_path, name):
    make, message = KINDS[name]
    path = tmp_path / name
    make(path)
    with pytest.raises(ValueError, match=message) as raised:
        a2n.load(path)
    assert str(path) in str(raised.value)
    status, _, error = ann2neo("info", path)
    assert (status, error.count("\n")) == (2, 1)
    assert path.name in error
    status, _, error = ann2neo("convert", path, tmp_path / "out.zarr")
    assert (status, error.count("\n")) == (0, 0) if name in ("o.npy", "p.npz") else (2, 1), error
    assert (tmp_path / "out.zarr").exists() == (status == 0)


@pytest.mark.parametrize("make", [sonata, kilosort])
def test_activations_of_a_kind_that_is_none_are_refused_by_name(tmp_path, make):
    path = tmp_path / ("a.h5" if make is sonata else "a")
    make(path)
    with pytest.raises(ValueError, match=r"it is SONATA|Kilosort"), a2n.open_activations(path):
        pass


def test_a_reader_does_not_recommend_itself(tmp_path):
    eye = a2n.as_raster(np.eye(4, dtype=bool))
    path = a2n.write_nix({"a": eye, "b": eye}, tmp_path / "two.nix")
    with pytest.raises(ValueError, match="pass segment") as raised:
        a2n.load(path)
    assert "it is NIX" not in str(raised.value)


def test_somebodys_own_file_in_a_store(ann2neo, tmp_path):
    """It is read past, kept, and keeps the folder from being replaced."""
    raster = a2n.as_raster(np.eye(4, dtype=bool))
    path = raster.save(tmp_path / "a.zarr")
    for place in ("notes.txt", "units/notes.txt", "words/.hidden"):
        (path / place).write_text("mine")
        assert a2n.load(path) == raster
        with pytest.raises(FileExistsError, match=rf"holds {place} too; it is not replaced"):
            raster.save(path, overwrite=True)
        status, _, error = ann2neo("convert", path, path, "--overwrite")
        assert status == 2
        assert place in error
        (path / place).unlink()
    raster.save(path, overwrite=True)


def test_a_folder_in_dandis_layout(ann2neo, tmp_path):
    eye, ones = np.eye(4, dtype=bool), np.ones((3, 4), dtype=bool)
    a2n.write_nwb({"train": eye, "test": ones}, tmp_path, subject="net")
    for folder in (tmp_path, tmp_path / "sub-net"):
        assert a2n.load(folder, segment="test").n_samples == 3
        with pytest.raises(ValueError, match="holds 2 recordings"):
            a2n.load(folder)
        status, shown, _ = ann2neo("info", folder, "--segment", "train")
        assert status == 0
        assert "4" in shown
        assert "say --segment" in ann2neo("info", folder)[2]
    assert ann2neo("convert", tmp_path, tmp_path / "a.nix", "--segment", "test")[0] == 0


@pytest.fixture(params=["nwb", "nix"])
def loose(request, tmp_path):
    """A file of times on no grid; the last at 1 s, the end."""
    times = [np.array([0.0113, 0.0117, 0.5]), np.array([0.25, 1.0])]
    path = tmp_path / f"loose.{request.param}"
    if request.param == "nwb":
        file = pynwb.NWBFile(
            session_description="x", identifier="y", session_start_time=datetime(2026, 1, 1, tzinfo=UTC)
        )
        for one in times:
            file.add_unit(spike_times=one)
        with pynwb.NWBHDF5IO(path, "w") as io:
            io.write(file)
        return path
    pytest.importorskip("nixio", reason="the nix extra is not installed")
    block, segment = neo.Block(), neo.Segment()
    segment.spiketrains.extend([neo.SpikeTrain(one, units="s", t_stop=1.0) for one in times])
    block.segments.append(segment)
    with neo.NixIO(str(path), "ow") as io:
        io.write_block(block)
    return path


@pytest.mark.filterwarnings("ignore:.*cannot hold")
@pytest.mark.parametrize("isolated", [False, True])
def test_times_on_no_grid_in_bins(loose, isolated):
    options = {"isolated": isolated}
    with pytest.raises(ValueError, match=r"pass bin_size=…"):
        a2n.load(loose, **options)
    ends = {} if loose.suffix == ".nwb" else {"t_stop_spikes": "keep"}
    with pytest.raises(ValueError, match="pass binary='clip'"):
        a2n.load(loose, bin_size=0.01, **ends, **options)
    if not isolated:
        with pytest.warns(UserWarning, match="1 of 5 spikes share a bin"):
            raster = a2n.load(loose, bin_size=0.01, binary="clip", **ends)
        assert [list(raster.spike_indices(unit)) for unit in (0, 1)] == [[1, 50], [25, 100]]
        assert raster.annotations["n_spikes_clipped"] == 1
    raster = a2n.load(loose, bin_size=0.0005, **ends, **options)
    assert raster.spike_counts.tolist() == [3, 2]
    assert raster.sampling_period == 0.0005


@pytest.mark.filterwarnings("ignore:.*cannot hold")
def test_the_command_line_speaks_of_its_options(ann2neo, loose, tmp_path):
    status, _, error = ann2neo("info", loose)
    assert status == 2
    assert "say --bin-size …" in error
    bins = ["--bin-size", 0.01, "--t-stop-spikes", "keep"]
    bins = bins[:2] if loose.suffix == ".nwb" else bins
    status, _, error = ann2neo("info", loose, *bins)
    assert status == 2
    assert "say --binary clip" in error
    for command in (["info"], ["analyze", "--window", 10]):
        status, _, error = ann2neo(*command, loose, *bins, "--binary", "clip")
        assert status == 0, error
        assert "1 of 5 spikes share a bin" in error
    target = tmp_path / "a.zarr"
    assert ann2neo("convert", loose, target, *bins, "--binary", "clip")[0] == 0
    assert a2n.load(target).spike_counts.tolist() == [2, 2]
    assert "for zarr files" in ann2neo("info", target, *bins[:2])[2]


def test_recordings_in_samples_are_not_binned(tmp_path):
    raster = a2n.as_raster(np.eye(4, dtype=bool))
    for name in ("a.nwb", "a.nix"):
        path = a2n.save(raster, tmp_path / name)
        with pytest.raises(ValueError, match="recording in samples"):
            a2n.load(path, bin_size=0.002)
    for name in ("a.zarr", "a.nc"):
        path = a2n.save(raster, tmp_path / name)
        with pytest.raises(ValueError, match="bin_size must be left out for"):
            a2n.load(path, bin_size=0.002)
    with pytest.raises(ValueError, match="binary must be left out where there is no bin_size"):
        a2n.read_nwb(tmp_path / "a.nwb", binary="clip")


def test_texts_that_begin_like_formulas(ann2neo, tmp_path):
    import pandas as pd

    layers = ["=1+1", "@x", "+y", "-z", "plain"]
    units = pd.DataFrame({"layer": layers, "unit_index": 0})
    dense = np.random.default_rng(0).random((300, 5)) < 0.3
    path = a2n.SpikeRaster.from_dense(dense, units).save(tmp_path / "a.zarr")
    status, _, error = ann2neo("analyze", path, "--out", tmp_path / "a.csv")
    assert status == 0, error
    cells = pd.read_csv(tmp_path / "a.csv")["layer"].unique()
    assert set(cells) == {"'=1+1", "'@x", "'+y", "'-z", "plain"}


def test_nix_of_two_recordings_on_the_command_line(ann2neo, tmp_path):
    pytest.importorskip("nixio", reason="the nix extra is not installed")
    eye, ones = a2n.as_raster(np.eye(4, dtype=bool)), a2n.as_raster(np.ones((3, 4), dtype=bool))
    path = a2n.write_nix({"train": eye, "test": ones}, tmp_path / "two.nix")
    for command in (["info", path], ["convert", path, tmp_path / "a.zarr"]):
        status, _, error = ann2neo(*command)
        assert status == 2
        assert "['train', 'test']; say --segment" in error
        assert ann2neo(*command, "--segment", "test")[0] == 0
    assert a2n.load(tmp_path / "a.zarr").n_samples == 3
    assert ann2neo("info", path, "--segment", "0")[0] == 0


@pytest.mark.parametrize("period", [1 * pq.ms, 0.001 * pq.s, 1000 * pq.us, 0.001])
def test_periods_with_their_unit(tmp_path, period):
    times = np.array([0.001, 0.004, 4.095], np.float32)
    train = neo.SpikeTrain(times, units="s", t_stop=np.float32(4.096))
    expected = [1, 4, 4095]
    assert list(a2n.as_raster(train, sampling_period=period).spike_indices(0)) == expected
    file = pynwb.NWBFile(
        session_description="x", identifier="y", session_start_time=datetime(2026, 1, 1, tzinfo=UTC)
    )
    file.add_unit(spike_times=times.astype(float))
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(file)
    with h5py.File(tmp_path / "a.nwb", "r+") as opened:  # pynwb makes float64 of them
        about = dict(opened["units/spike_times"].attrs)
        del opened["units/spike_times"]
        opened["units/spike_times"] = times
        opened["units/spike_times"].attrs.update(about)
    found = a2n.load(tmp_path / "a.nwb", sampling_period=period)
    assert list(found.spike_indices(0)) == expected
    assert found.sampling_period == 0.001
