"""The command line, in process: what it writes, and that its errors are one line and status 2."""

import sys

import numpy as np
import pandas as pd
import pytest

from ann2neo import SpikeRaster, __version__, cv2
from ann2neo.cli import main

keras = pytest.importorskip("keras", reason="the tensorflow extra is not installed")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A saved model with one hidden layer, samples and labels."""
    folder = tmp_path_factory.mktemp("model")
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(
                5, "relu", name="hidden", kernel_initializer=keras.initializers.GlorotUniform(0)
            ),
            keras.layers.Dense(3, name="output", kernel_initializer=keras.initializers.GlorotUniform(1)),
        ]
    )
    model.save(folder / "model.keras")
    samples = np.random.default_rng(0).standard_normal((70, 6)).astype(np.float32)
    np.save(folder / "x.npy", samples)
    np.save(folder / "y.npy", np.arange(70) % 3)
    kernel, bias = model.layers[0].get_weights()
    return folder, samples @ kernel + bias > 0


def test_record_writes_what_the_network_does(ann2neo, files, tmp_path):
    folder, active = files
    out = tmp_path / "spikes.zarr.zip"
    status, shown, error = ann2neo(
        "record", folder / "model.keras", "--samples", folder / "x.npy", "--labels", folder / "y.npy",
        "--layers", "hidden", "--split", "test", "--out", out,
    )  # fmt: skip
    assert (status, error) == (0, "")
    raster = SpikeRaster.load(out)
    np.testing.assert_array_equal(raster.to_dense(), active)
    assert raster.samples["label"].tolist() == [k % 3 for k in range(70)]
    assert set(raster.samples["dataset_split"]) == {"test"}
    assert "hidden" in shown
    assert "70" in shown


def test_shuffle_seed_is_recorded_in_the_sample_table(ann2neo, files, tmp_path):
    folder, active = files
    out = tmp_path / "spikes.zarr"
    status, _, _ = ann2neo(
        "record",
        folder / "model.keras",
        "--samples",
        folder / "x.npy",
        "--shuffle-seed",
        3,
        "--out",
        out,
    )
    assert status == 0
    raster = SpikeRaster.load(out)
    order = np.random.default_rng(3).permutation(70)
    assert raster.samples["sample_index"].tolist() == order.tolist()
    np.testing.assert_array_equal(raster.to_dense(), active[order])


def test_info_describes_a_file(ann2neo, tmp_path):
    path = SpikeRaster.from_dense(np.eye(5, dtype=bool), annotations={"condition": "random"}).save(
        tmp_path / "eye.zarr"
    )
    status, shown, error = ann2neo("info", path)
    assert (status, error) == (0, "")
    for word in ("condition", "random", "units", "0.2"):
        assert word in shown
    assert shown.count("┏") == 1  # layers have a head, the two columns before them need none


def test_analyze_prints_indicators_and_verdicts(ann2neo, tmp_path):
    active = np.random.default_rng(0).random((1050, 12)) < 0.4
    path = SpikeRaster.from_dense(active).save(tmp_path / "coins.zarr")
    status, shown, error = ann2neo("analyze", path, "--window", 100)
    assert (status, error) == (0, "")
    assert f"{active.mean():.3g}" in shown
    verdicts = {line.split()[3]: line.split()[-2] for line in shown.splitlines() if "│ units" in line}
    assert verdicts["fano_bernoulli"] == "holds"
    assert verdicts["ljung_box"] == "holds"
    assert "the last 50 of 1050 samples are left out" in " ".join(shown.split())


BAD = {
    "window too long": (["analyze", "eye.zarr", "--window", "9"], "window must"),
    "no such file": (["info", "nothing.zarr"], "no raster at nothing.zarr"),
    "no such command": (["inform"], "inform"),
    "missing option": (["record", "m.keras"], "--samples"),
    "bad number": (
        ["record", "m.keras", "--samples", "x", "--out", "o.zarr", "--threshold", "high"],
        "--threshold",
    ),
    "negative seed": (
        ["record", "m", "--samples", "x", "--out", "o.zarr", "--shuffle-seed", "-1"],
        "--shuffle-seed",
    ),
    "no samples": (
        ["record", "m.keras", "--samples", "x.npy", "--out", "o.zarr"],
        "--samples: no file x.npy",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_are_one_line_and_status_2(ann2neo, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, message = BAD[case]
    before = []
    if "eye.zarr" in arguments:
        before = [SpikeRaster.from_dense(np.eye(5, dtype=bool)).save(tmp_path / "eye.zarr")]
    status, shown, error = ann2neo(*arguments)
    assert status == 2
    assert error.count("\n") == 1
    assert error.startswith("ann2neo: ")
    assert message in error
    assert "Traceback" not in shown + error
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("option", "name", "content", "message"),
    [
        ("model", "m.keras", b"not a zip", "cannot be read as a Keras model"),
        ("--samples", "x.npy", b"not an array", "is not a plain .npy file"),
        ("--samples", "o.npy", np.array([{}]), "is not a plain .npy file"),
        ("--labels", "y.npy", np.arange(3), "labels must have one entry per sample"),
        ("--layers", None, "nowhere", "layers must be"),
        ("--batch-size", None, "0", "batch_size must be at least 1"),
        ("--conv-units", None, "some", "conv_units must be"),
    ],
)
def test_bad_files_and_values_are_named(ann2neo, files, tmp_path, option, name, content, message):
    folder, _ = files
    value = content
    if name is not None:
        value = tmp_path / name
        if isinstance(content, bytes):
            value.write_bytes(content)
        else:
            np.save(value, content, allow_pickle=True)
    given = {"model": folder / "model.keras", "--samples": folder / "x.npy", option: value}
    model = given.pop("model")
    out = tmp_path / "out.zarr"
    flags = [item for pair in given.items() for item in pair]
    status, _, error = ann2neo("record", model, *flags, "--out", out)
    assert status == 2, error
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_an_existing_file_is_kept_unless_overwrite_is_said(ann2neo, files, tmp_path):
    folder, _ = files
    out = SpikeRaster.from_dense(np.eye(2, dtype=bool)).save(tmp_path / "o.zarr")
    arguments = ["record", folder / "model.keras", "--samples", folder / "x.npy", "--out", out]
    status, _, error = ann2neo(*arguments)
    assert status == 2
    assert "overwrite" in error
    assert SpikeRaster.load(out).n_samples == 2
    assert ann2neo(*arguments, "--overwrite")[0] == 0
    assert SpikeRaster.load(out).n_samples == 70


def test_other_files_are_not_overwritten(ann2neo, files, tmp_path):
    folder, _ = files
    arguments = ["record", folder / "model.keras", "--samples", folder / "x.npy", "--out"]
    status, _, error = ann2neo(*arguments, tmp_path / "o.mat")
    assert status == 2
    assert "o.mat must end in one of ['.zarr', " in error
    other = tmp_path / "thesis.zip"
    other.write_bytes(b"years of work")
    status, _, error = ann2neo(*arguments, other, "--overwrite")
    assert status == 2
    assert "not replaced" in error
    assert other.read_bytes() == b"years of work"


def test_without_a_command_it_shows_help(ann2neo):
    status, shown, error = ann2neo()
    assert (status, error) == (0, "")
    assert "record" in shown


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr("sys.argv", ["ann2neo", "info", "nothing.zarr", "--debug"])
    with pytest.raises(FileNotFoundError, match=r"nothing\.zarr"):
        main()


def test_help_and_version(ann2neo):
    status, shown, _ = ann2neo("--help")
    assert status == 0
    assert "demo" in shown
    status, shown, _ = ann2neo("--version")
    assert (status, shown.strip()) == (0, f"ann2neo {__version__}")


NET = """
import torch


def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))


broken = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A user's own module in the folder that the command is given in; gives the module's name."""
    pytest.importorskip("torch", reason="the torch extra is not installed")
    name = f"net_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    return name


def test_record_takes_a_function_that_builds_a_network(ann2neo, files, module, tmp_path):
    import torch

    folder, _ = files
    model = f"{module}:build"
    status, _, error = ann2neo("record", model, "--samples", folder / "x.npy", "--out", "x.zarr")
    assert (status, error) == (0, "")
    torch.manual_seed(0)
    linear = torch.nn.Linear(6, 4)
    expected = linear(torch.from_numpy(np.load(folder / "x.npy"))).detach().numpy() > 0
    np.testing.assert_array_equal(SpikeRaster.load(tmp_path / "x.zarr").to_dense(), expected)


@pytest.mark.parametrize(
    ("name", "said"),
    [("build_it", "must be a function that can be imported, got "), ("broken", ":broken is 3")],
)
def test_a_function_that_is_none_is_named(ann2neo, files, module, name, said):
    folder, _ = files
    status, _, error = ann2neo(
        "record", f"{module}:{name}", "--samples", folder / "x.npy", "--out", "x.zarr"
    )
    assert status == 2
    assert said in error


def test_layers_says_what_can_be_recorded(ann2neo, files):
    folder, _ = files
    status, shown, error = ann2neo("layers", folder / "model.keras", "--samples", folder / "x.npy")
    assert (status, error) == (0, "")
    rows = {line.split("│")[1].strip(): line for line in shown.splitlines() if "│" in line}
    assert "last_hidden, all" in rows["hidden"]
    assert "5" in rows["hidden"]
    assert "last_hidden" not in rows["output"]


def test_record_writes_other_formats(ann2neo, files, tmp_path):
    pytest.importorskip("pynwb", reason="the nwb extra is not installed")
    from ann2neo import read_nwb

    folder, active = files
    out = tmp_path / "x.nwb"
    status, shown, error = ann2neo(
        "record", folder / "model.keras", "--samples", folder / "x.npy", "--out", out
    )
    assert (status, error) == (0, "")
    assert str(out) in shown.replace("\n", "")
    np.testing.assert_array_equal(read_nwb(out).to_dense(), active)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("x.docx", "must end in one of"),
        ("there.zarr", "say --overwrite"),
        ("no/x.zarr", "does not exist"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_model_is_read(
    ann2neo, tmp_path, monkeypatch, out, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.zarr").mkdir()
    (tmp_path / "junk.keras").write_bytes(b"no model")
    np.save("x.npy", np.zeros((4, 6)))
    status, _, error = ann2neo("record", "junk.keras", "--samples", "x.npy", "--out", out)
    assert status == 2
    assert said in error


def test_a_missing_library_is_said_before_the_model_is_read(ann2neo, tmp_path, monkeypatch):
    (tmp_path / "junk.keras").write_bytes(b"no model")
    np.save(tmp_path / "x.npy", np.zeros((4, 6)))
    monkeypatch.setitem(sys.modules, "pynwb", None)
    status, _, error = ann2neo(
        "record", tmp_path / "junk.keras", "--samples", tmp_path / "x.npy", "--out", tmp_path / "x.nwb"
    )
    assert status == 2
    assert "[nwb]" in error
    assert ".zarr, and `ann2neo convert`" in error


@pytest.fixture
def coins(tmp_path):
    active = np.random.default_rng(0).random((1050, 12)) < 0.4
    return active, SpikeRaster.from_dense(active).save(tmp_path / "coins.zarr")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_analyze_writes_a_row_per_unit(ann2neo, coins, tmp_path, ending):
    active, path = coins
    out = tmp_path / f"units.{ending}"
    read = getattr(pd, f"read_{ending}")
    status, _, error = ann2neo("analyze", path, "--out", out)
    assert (status, error) == (0, "")
    table = read(out)
    np.testing.assert_allclose(table["firing_rate"], active.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(table["isi_cv2"], cv2(active), rtol=1e-12)
    assert {"ljung_box_pvalue", "fanofactor"} <= set(table)
    assert ann2neo("analyze", path, "--out", out)[2].endswith("say --overwrite to replace it\n")
    assert "must end in .csv or .parquet" in ann2neo("analyze", path, "--out", tmp_path / "x.xls")[2]


@pytest.mark.parametrize("kind", ["all", "rates"])
def test_plot_writes_a_picture(ann2neo, coins, tmp_path, kind):
    pytest.importorskip("viziphant", reason="the plot extra is not installed")
    from matplotlib.image import imread

    out = tmp_path / "coins.png"
    status, shown, error = ann2neo("plot", coins[1], "--kind", kind, "--out", out)
    assert (status, error) == (0, "")
    assert "the last 50 of 1050 samples are left out" in " ".join(shown.split()) or kind == "rates"
    assert 0.01 < np.mean(imread(out)[..., :3] < 0.9) < 0.9
    assert ann2neo("plot", coins[1], "--out", tmp_path / "x.jpg")[0] == 2


NAMES = ["conv[relu]", "[/]", "x\x1b[31mred\x1b]0;title\x07", "a\u202eb", "fc:cat:"]


@pytest.mark.parametrize("command", ["info", "analyze"])
def test_names_are_printed_as_they_are_and_rule_no_terminal(ann2neo, tmp_path, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "200")
    units = pd.DataFrame({"layer": NAMES, "unit_index": 0})
    active = np.random.default_rng(0).random((400, len(NAMES))) < 0.4
    raster = SpikeRaster.from_dense(active, units, annotations={"network": "net [/]\x1b[2J"})
    path = raster.save(tmp_path / "[bold]named.zarr")
    status, shown, error = ann2neo(command, path)
    assert (status, error) == (0, "")
    for name in ("conv[relu]", "[/]", r"x\x1b[31mred\x1b]0;title\x07", r"a\u202eb", "fc:cat:"):
        assert name in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_names_in_errors_rule_no_terminal(ann2neo, tmp_path):
    path = SpikeRaster.from_dense(np.eye(5, dtype=bool)).save(tmp_path / "eye.zarr")
    _, _, error = ann2neo("analyze", f"{path}\x1b[2J.zarr")
    assert r"\x1b[2J" in error
    assert "\x1b" not in error


def test_a_folder_is_analyzed_chunk_by_chunk_and_a_file_is_read(ann2neo, tmp_path, monkeypatch):
    raster = SpikeRaster.from_dense(np.random.default_rng(0).random((300, 4)) < 0.4)
    folder, file = raster.save(tmp_path / "a.zarr"), raster.save(tmp_path / "a.zarr.zip")
    read = []
    monkeypatch.setattr(
        "ann2neo.cli.rasters.read_file", lambda path, *options: read.append(path) or raster
    )
    assert ann2neo("analyze", folder)[0] == 0
    assert read == []
    assert ann2neo("analyze", file)[0] == 0
    assert ann2neo("analyze", folder, "--sampling-period", 0.001)[0] == 0
    assert read == [file, folder]
