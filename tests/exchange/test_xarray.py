"""SpikeRaster ↔ xarray and NetCDF: the same spikes, the same tables."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal

from ann2neo import SpikeRaster, as_raster, from_xarray, read_netcdf, to_xarray, write_netcdf
from tests.strategies import rasters

xr = pytest.importorskip("xarray", reason="the xarray extra is not installed")
pytest.importorskip("h5netcdf", reason="the xarray extra is not installed")


class TestToXarray:
    def test_spikes_and_coordinates(self, raster, dense):
        spikes = to_xarray(raster)
        assert spikes.dims == ("sample", "unit")
        assert_array_equal(spikes.values, dense)
        of_nines = spikes.groupby("label").mean().sel(label=9)
        assert_array_equal(of_nines, dense[np.arange(150) % 10 == 9].mean(axis=0))
        assert spikes.attrs["sampling_period"] == 0.001
        assert json.loads(spikes.attrs["ann2neo"])["annotations"]["network"] == "mlp"

    def test_columns_of_one_name_in_both_tables(self):
        units = pd.DataFrame({"layer": ["a"], "unit_index": [0], "row": [1], "row_": [2], "unit": [3]})
        samples = pd.DataFrame({"sample_index": [0, 1], "row": [4, 5], "layer": ["b", "c"]})
        raster = SpikeRaster.from_dense([[0], [1]], units, samples)
        spikes = to_xarray(raster)
        assert spikes.coords["row"].values.tolist() == [1]
        assert spikes.coords["row__"].values.tolist() == [4, 5]
        assert from_xarray(spikes) == raster


class TestRoundTrip:
    @given(rasters())
    @settings(max_examples=15)
    def test_a_data_array_gives_the_raster_back(self, raster):
        assert as_raster(to_xarray(raster)) == raster
        assert from_xarray(to_xarray(raster).transpose("unit", "sample")) == raster

    def test_a_file_whatever_the_columns_are_called(self, tmp_path):
        """Spaces, which NetCDF's list of coordinates cannot hold, slashes, and names of our own."""
        units = pd.DataFrame({"layer": ["a"], "unit_index": [0], "x y": [1], "x/y": [2], "x_y": [3]})
        samples = pd.DataFrame({"sample_index": [0], "spikes": [4], "x y": [5], "on the\nlist": ["b"]})
        raster = SpikeRaster.from_dense([[1]], units, samples)
        path = write_netcdf(raster, tmp_path / "spikes.nc")
        assert read_netcdf(path) == raster
        with xr.open_dataarray(path) as spikes:
            assert spikes.name == "spikes"
            assert len(spikes.coords) == len(units.columns) + len(samples.columns)

    def test_selected_samples_and_units(self, raster):
        part = to_xarray(raster).isel(unit=[4, 0], sample=slice(10, 80))
        assert from_xarray(part) == raster.select(units=[4, 0], samples=np.arange(10, 80))

    @given(raster=rasters(max_samples=70))
    @settings(max_examples=6)
    def test_a_file_gives_the_raster_back(self, tmp_path_factory, raster):
        path = tmp_path_factory.mktemp("netcdf") / "spikes.nc"
        assert write_netcdf(raster, path) == path
        assert read_netcdf(path) == raster
        assert [file.name for file in path.parent.iterdir()] == ["spikes.nc"]


def assembly(values):
    """As BrainIO makes them: metadata as levels of a MultiIndex."""
    n_samples, n_units = values.shape
    coordinates = {
        "stimulus_id": ("presentation", [f"im{k}" for k in range(n_samples)]),
        "repetition": ("presentation", [0] * n_samples),
        "neuroid_id": ("neuroid", np.arange(n_units) + 100),
        "layer": ("neuroid", ["conv1"] * 2 + ["fc"] * (n_units - 2)),
    }
    array = xr.DataArray(values, coordinates, dims=("presentation", "neuroid"))
    return array.set_index(presentation=["stimulus_id", "repetition"], neuroid=["neuroid_id", "layer"])


class TestForeignArrays:
    def test_an_assembly(self):
        active = np.random.default_rng(0).random((9, 4)) < 0.5
        found = from_xarray(assembly(active.astype(float)))
        assert_array_equal(found.to_dense(), active)
        assert found.samples["stimulus_id"].tolist() == [f"im{k}" for k in range(9)]
        assert found.units.to_dict("list") == {
            "unit_index": [0, 1, 0, 1],
            "neuroid_id": [100, 101, 102, 103],
            "layer": ["conv1", "conv1", "fc", "fc"],
        }
        assert found.sampling_period == 0.001

    def test_what_no_raster_can_hold_is_named_and_the_rest_kept(self):
        mixed = np.array([1, "a", None], object)
        coordinates = {"odd": ("sample", mixed), "day": ("sample", pd.date_range("2026", periods=3))}
        coordinates |= {"scale": 3.0, "unit": ["a", "b", "c"], "unit_type": ("unit", list("xyx"))}
        about = {"animal": "m1", "sampling_period": 0.002, "map": {"a": 1}}
        array = xr.DataArray(np.eye(3), coordinates, dims=("sample", "unit"), attrs=about)
        with pytest.warns(UserWarning, match="left out") as told:
            found = from_xarray(array)
        said = " ".join(str(one.message) for one in told)
        assert all(repr(name) in said for name in ("odd", "day", "scale", "map"))
        assert list(found.samples) == ["sample_index"]
        assert list(found.units["unit"]) == ["a", "b", "c"]
        assert list(found.units["unit_type"]) == list("xyx")
        assert found.annotations == {"animal": "m1"}

    def test_what_does_not_fit_is_refused(self, raster):
        for wrong in (np.eye(2), 3):
            with pytest.raises(TypeError, match=r"array must be an xarray\.DataArray"):
                from_xarray(wrong)
        with pytest.raises(
            ValueError, match=r"must have the dimensions .*'neuroid'\), got \('x', 'y'\)"
        ):
            as_raster(xr.DataArray(np.eye(2), dims=("x", "y")))
        with pytest.raises(ValueError, match=r"only 0 and 1, got 0\.5 .*ann2neo\.record"):
            from_xarray(assembly(np.full((3, 3), 0.5)))
        with pytest.raises(ValueError, match=r"sampling_period must be positive and finite.* got 0"):
            from_xarray(assembly(np.eye(3)), sampling_period=0)
        spikes = to_xarray(raster)
        with pytest.raises(ValueError, match=r"sampling_period is 0\.001 s in this array, got 1"):
            as_raster(spikes, sampling_period=1)
        with pytest.raises(ValueError, match="coordinate 'label', which it has lost"):
            from_xarray(spikes.drop_vars("label"))
        spikes.attrs["ann2neo"] = "[]"
        with pytest.raises(ValueError, match="attribute 'ann2neo' of the array cannot be read"):
            from_xarray(spikes)


class TestFiles:
    def test_an_existing_file_is_kept_unless_overwrite_is_said(self, raster, tmp_path):
        path = tmp_path / "spikes.nc"
        path.write_bytes(b"years of work")
        with pytest.raises(FileExistsError, match="overwrite=True"):
            write_netcdf(raster, path)
        assert path.read_bytes() == b"years of work"
        write_netcdf(raster, path, overwrite=True)
        assert read_netcdf(path) == raster

    def test_foreign_and_truncated_files_are_refused(self, raster, tmp_path):
        path = write_netcdf(raster, tmp_path / "spikes.nc")
        whole = path.read_bytes()
        with pytest.raises(FileNotFoundError, match=r"no file .*nothing\.nc"):
            read_netcdf(tmp_path / "nothing.nc")
        for content in (b"not NetCDF", b"", whole[: len(whole) // 2], whole[:-60]):
            path.write_bytes(content)
            with pytest.raises(
                ValueError, match=r"spikes\.nc is (not a NetCDF file of spikes, or is )?damaged"
            ):
                read_netcdf(path)

    def test_a_file_of_several_variables(self, raster, tmp_path):
        spikes = to_xarray(raster)
        path = tmp_path / "two.nc"
        xr.Dataset({"first": spikes, "second": spikes}).to_netcdf(path, engine="h5netcdf")
        with pytest.raises(ValueError, match=r"variables \['first', 'second'\]; say which, got None"):
            read_netcdf(path)
        with pytest.raises(ValueError, match="say which, got 'third'"):
            read_netcdf(path, variable="third")
        assert read_netcdf(path, variable="second") == raster

    def test_text_that_hdf5_cannot_hold_leaves_no_file(self, tmp_path):
        units = pd.DataFrame({"layer": ["a\0b"], "unit_index": [0]})
        with pytest.raises(ValueError, match="raster cannot be written to NetCDF"):
            write_netcdf(SpikeRaster.from_dense(np.eye(1), units), tmp_path / "spikes.nc")
        assert list(tmp_path.iterdir()) == []
