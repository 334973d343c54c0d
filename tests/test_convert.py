"""`ann2neo convert`: every format into every other, activations into spikes, errors in one line."""

import itertools
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ann2neo import SpikeRaster, load, record, save, to_xarray
from ann2neo.cli import main
from ann2neo.exchange.format_table import FORMATS
from tests.recording.foreign_zarr import new_zarr
from tests.spikes.stores import make_known

h5py = pytest.importorskip("h5py", reason="the hdf5 extra is not installed")
xr = pytest.importorskip("xarray", reason="the xarray extra is not installed")
for module in ("pynwb", "nixio", "h5netcdf"):
    pytest.importorskip(module, reason="the extras of the formats are not installed")

# NixIO collects garbage whenever it closes a file.
pytestmark = pytest.mark.usefixtures("few_objects_to_collect")

NAMES = {"zarr": "a.zarr", "nwb": "a.nwb", "nix": "a.nix", "netcdf": "a.nc"}


@pytest.fixture
def convert(monkeypatch, capsys):
    """Run the command; gives (status, stdout, stderr)."""

    def run(*arguments, command="convert"):
        monkeypatch.setattr("sys.argv", ["ann2neo", command, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def raster():
    return make_known(90)


@pytest.fixture(scope="module")
def files(raster, tmp_path_factory):
    """The same spikes in each format."""
    folder = tmp_path_factory.mktemp("formats")
    return {form: save(raster, folder / name) for form, name in NAMES.items()}


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).standard_normal((70, 6)).astype(np.float32)


class TestSpikes:
    def test_from_format_to_format_to_format(self, convert, files, raster, tmp_path):
        chain = [files["netcdf"], *(tmp_path / NAMES[form] for form in ("nwb", "zarr", "nix", "netcdf"))]
        for source, out in itertools.pairwise(chain):
            assert convert(source, out) == (0, f"wrote {out}\n", "")
            assert load(out) == raster

    def test_a_zip_file_and_the_spikes_alone(self, convert, files, raster, tmp_path):
        assert convert(files["nwb"], tmp_path / "a.zarr.zip")[0] == 0
        assert SpikeRaster.load(tmp_path / "a.zarr.zip") == raster
        assert convert(tmp_path / "a.zarr.zip", tmp_path / "a.npy")[0] == 0
        assert_array_equal(np.load(tmp_path / "a.npy"), raster.to_dense())
        assert convert(tmp_path / "a.npy", tmp_path / "b.zarr")[0] == 0
        assert_array_equal(SpikeRaster.load(tmp_path / "b.zarr").words, raster.words)

    def test_formats_that_are_said(self, convert, files, raster, tmp_path):
        disguised = tmp_path / "a.h5"
        disguised.write_bytes(files["nix"].read_bytes())
        assert convert(disguised, tmp_path / "b", "--from", "nix", "--to", "netcdf")[0] == 0
        assert load(tmp_path / "b", "netcdf") == raster

    def test_info_and_analyze_take_other_formats(self, convert, files):
        for form in ("nwb", "netcdf"):
            status, said, _ = convert(files[form], command="info")
            assert status == 0
            assert "ß/日" in said
        status, said, error = convert(files["nwb"], "--window", 10, command="analyze")
        assert (status, error) == (0, "")

    def test_sampling_period(self, convert, raster, tmp_path):
        spikes = xr.DataArray(raster.to_dense(), dims=("sample", "unit"))
        spikes.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
        assert convert(tmp_path / "a.nc", tmp_path / "a.zarr", "--sampling-period", 0.25)[0] == 0
        assert SpikeRaster.load(tmp_path / "a.zarr").sampling_period == 0.25


class TestActivations:
    @pytest.mark.parametrize("target", ["zarr", "netcdf", "npy"])
    def test_into_another_format(self, convert, values, tmp_path, target):
        np.save(tmp_path / "x.npy", values)
        np.save(tmp_path / "y.npy", np.arange(70) % 3)
        out = tmp_path / f"out{FORMATS[target].suffixes[0]}"
        status, _, error = convert(
            tmp_path / "x.npy", out, "--threshold", 0.5, "--labels", tmp_path / "y.npy"
        )
        assert status == 0, error
        if target == "npy":
            assert_array_equal(np.load(out), values > 0.5)
        else:
            expected = record(values, labels=np.arange(70) % 3, threshold=0.5, progress=False)
            assert load(out) == expected

    def test_arrays_by_key(self, convert, values, tmp_path):
        np.savez(tmp_path / "x.npz", fc1=values, fc2=-values)
        out = tmp_path / "out.zarr"
        status, _, error = convert(tmp_path / "x.npz", out)
        assert status == 2
        assert "choose one or more by key: 'fc1' float32 (70, 6), 'fc2' float32 (70, 6)" in error
        assert convert(tmp_path / "x.npz", out, "--key", "fc2", "--key", "fc1")[0] == 0
        assert SpikeRaster.load(out) == record({"fc2": -values, "fc1": values}, progress=False)

    def test_a_folder_of_thingsvision(self, convert, values, tmp_path):
        (tmp_path / "conv1").mkdir()
        np.save(tmp_path / "conv1" / "features_0-70.npy", values)
        assert convert(tmp_path, tmp_path / "out.zarr")[0] == 0
        assert SpikeRaster.load(tmp_path / "out.zarr") == record({"conv1": values}, progress=False)

    def test_a_zarr_array(self, convert, values, tmp_path):
        new_zarr(tmp_path / "x.zarr", {"fc1": values})
        assert convert(tmp_path / "x.zarr", tmp_path / "out.zarr")[0] == 0
        assert SpikeRaster.load(tmp_path / "out.zarr") == record({"fc1": values}, progress=False)

    def test_an_assembly(self, convert, values, tmp_path):
        """As BrainIO writes one: levels of its MultiIndex as coordinates, the data called "data"."""
        coordinates = {
            "stimulus_id": ("presentation", [f"im{k}" for k in range(70)]),
            "layer": ("neuroid", ["conv1"] * 4 + ["fc"] * 2),
            "channel_x": ("neuroid", np.arange(6)),
        }
        assembly = xr.DataArray(values.T, coordinates, dims=("neuroid", "presentation"))
        path = tmp_path / "x.nc"
        encoding = {"data": {"zlib": True, "complevel": 1}}
        assembly.to_dataset(name="data").to_netcdf(path, engine="h5netcdf", encoding=encoding)
        np.save(tmp_path / "y.npy", np.arange(70) % 3)
        assert convert(path, tmp_path / "out.zarr", "--labels", tmp_path / "y.npy")[0] == 0
        raster = SpikeRaster.load(tmp_path / "out.zarr")
        assert_array_equal(raster.to_dense(), values > 0)
        assert raster.units.to_dict("list") == {
            "unit_index": [0, 1, 2, 3, 0, 1],
            "layer": ["conv1"] * 4 + ["fc"] * 2,
            "channel_x": list(range(6)),
        }
        assert raster.samples["stimulus_id"].tolist() == [f"im{k}" for k in range(70)]
        assert raster.samples["label"].tolist() == [k % 3 for k in range(70)]

    @pytest.mark.parametrize("name", ["x.npz", "x.h5", "x.npy"])
    def test_files_larger_than_memory(self, convert, tmp_path, name):
        """What is held at a time is a batch of some 250 kB, not the 25 MB of the file."""
        big = np.zeros((25_000, 250), np.float32)
        big[::3, ::2] = 1
        if name == "x.npy":
            np.save(tmp_path / name, big)
        elif name == "x.npz":
            np.savez_compressed(tmp_path / name, x=big)
        else:
            with h5py.File(tmp_path / name, "w") as file:
                file.create_dataset("x", data=big, chunks=(100, 250), compression="gzip")
        del big
        np.save(tmp_path / "small.npy", np.ones((3, 2)))
        convert(tmp_path / "small.npy", tmp_path / "small.zarr")  # imports and compiles
        tracemalloc.start()
        status, _, error = convert(tmp_path / name, tmp_path / "out.zarr")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert status == 0, error
        assert peak < 8e6
        counts = SpikeRaster.load(tmp_path / "out.zarr").spike_counts
        assert_array_equal(counts, np.where(np.arange(250) % 2, 0, 8334))


def damage(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


class TestErrors:
    def assert_one_line(self, outcome, *messages):
        status, said, error = outcome
        assert (status, said) == (2, "")
        assert error.startswith("ann2neo: ")
        assert error.count("\n") == 1
        for message in messages:
            assert message in error

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["no.zarr", "out.nwb"], "no raster at no.zarr"),
            (["no.npy", "out.nwb"], "no file no.npy"),
            (["no.nc", "out.nwb"], "no file at no.nc"),
            (
                ["folder", "out.nwb"],
                "folder cannot be read as thingsvision: it holds no files features*.npy",
            ),
            (["x.npy", "out.xyz"], "out.xyz must end in one of ['.zarr', '.zip', '.nwb', "),
            (["x.npy", "out.nwb", "--to", "onnx"], "format must be one of ('zarr', 'nwb', "),
            (["x.npy", "out.nwb", "--from", "onnx"], "--from must be one of ('zarr', 'nwb', 'nix', "),
            (["x.xyz", "out.nwb"], "x.xyz must end in one of ['.npy', "),
            (["x.npy", "taken.npy"], "taken.npy exists; say --overwrite to replace it"),
            (["x.npy", "nowhere/out.nwb"], "the directory nowhere does not exist"),
            (["x.npy", "nowhere/out.zarr"], "the directory nowhere does not exist"),
            (
                ["x.npy", "out.zarr", "--labels", "x.npy"],
                "labels must be one int, float or str per sample",
            ),
            (["x.npy", "out.zarr", "--labels", "no.npy"], "ann2neo: --labels: no file no.npy"),
            (["x.npy", "out.zarr", "--key", "a"], "x.npy has no key 'a': it holds 'activations'"),
            (["nan.npy", "out.zarr"], "layer 'activations', unit 1, is nan at sample 2"),
            (
                ["r.zarr", "out.nwb", "--threshold", "1"],
                "--threshold is for activations, IN holds spikes",
            ),
            (["r.nc", "out.nwb", "--labels", "x.npy"], "--labels is for activations, IN holds spikes"),
            (["r.nc", "out.nwb", "--key", "a", "--key", "b"], "--key must be one variable"),
            (["r.nc", "out.nwb", "--key", "a"], "has the variables ['spikes']; say which, got 'a'"),
            (["r.zarr", "o.nix", "--sampling-period", "9"], "sampling_period is 0.002 s in this raster"),
        ],
    )
    def test_each_is_one_line(self, convert, files, tmp_path, monkeypatch, arguments, message):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "folder").mkdir()
        for name in ("x.npy", "taken.npy"):
            np.save(tmp_path / name, np.ones((3, 2)))
        np.save(tmp_path / "nan.npy", np.array([[0, 0], [0, 0], [0, np.nan]]))
        (tmp_path / "x.xyz").write_bytes(b"?")
        (tmp_path / "r.zarr").symlink_to(files["zarr"])
        (tmp_path / "r.nc").symlink_to(files["netcdf"])
        before = sorted(tmp_path.iterdir())
        self.assert_one_line(convert(*arguments), message)
        assert sorted(tmp_path.iterdir()) == before

    @pytest.mark.parametrize("form", ["nwb", "nix", "netcdf"])
    def test_foreign_and_truncated_files(self, convert, files, tmp_path, form):
        path = tmp_path / NAMES[form]
        for content in (b"", b"something else", files[form].read_bytes()[:5000]):
            path.write_bytes(content)
            self.assert_one_line(convert(path, tmp_path / "out.zarr"), str(path))
        assert list(tmp_path.iterdir()) == [path]

    def test_a_damaged_store_is_not_taken_for_activations(self, convert, raster, tmp_path):
        store = raster.save(tmp_path / "a.zarr")
        (store / ".zattrs").unlink()
        self.assert_one_line(convert(store, tmp_path / "out.nwb"), "is damaged: no .zattrs")
        archive = raster.save(tmp_path / "a.zip")
        self.assert_one_line(convert(damage(archive), tmp_path / "out.nwb"), "is damaged")

    def test_existing_files_are_kept_or_replaced(self, convert, files, raster, tmp_path):
        for name in NAMES.values():
            out = tmp_path / name
            out.write_bytes(b"years of work")
            self.assert_one_line(convert(files["zarr"], out), "say --overwrite")
            assert out.read_bytes() == b"years of work"
        assert convert(files["zarr"], tmp_path / "a.nc", "--overwrite")[0] == 0
        assert load(tmp_path / "a.nc") == raster

    @pytest.mark.parametrize(
        ("module", "name", "extra"),
        [("h5py", "x.h5", "hdf5"), ("xarray", "x.nc", "xarray"), ("torch", "x.pt", "torch")],
    )
    def test_missing_extras_are_named(self, convert, tmp_path, monkeypatch, module, name, extra):
        (tmp_path / name).write_bytes(b"")
        monkeypatch.setitem(__import__("sys").modules, module, None)
        outcome = convert(tmp_path / name, tmp_path / "out.zarr")
        self.assert_one_line(outcome, f"[{extra}]")


def test_a_netcdf_file_of_spikes_says_what_to_xarray_says(files, raster):
    with xr.open_dataarray(files["netcdf"]) as found:
        xr.testing.assert_identical(found.load(), to_xarray(raster))
