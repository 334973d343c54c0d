"""Torch networks, layers and samples that cannot be recorded: the message says which and why."""

import warnings

import numpy as np
import pytest

import ann2neo as a2n
from tests.recording.models import inputs, record_dense

torch = pytest.importorskip("torch")
nn = torch.nn
models = pytest.importorskip("tests.recording.torch_models")
N, mlp = models.N, models.mlp


def test_unknown_layers_are_refused_with_those_there_are():
    model, x = mlp(), inputs(N, 6)
    with pytest.raises(ValueError, match=r"among \['0', '1', '2', '3', '4'\], got 'hidden'"):
        a2n.record(model, x, layers="hidden")
    with pytest.raises(ValueError, match=r"got Linear\(.*it calls \['0', '1'"):
        a2n.record(model, x, layers=nn.Linear(3, 2))
    with pytest.raises(ValueError, match="each layer once"):
        a2n.record(model, x, layers=["1", model[1]])


def test_layers_that_are_never_called():
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.spare = nn.Linear(6, 4), nn.Linear(6, 4)

        def forward(self, x):
            return torch.relu(self.fc(x)) - 1

    model = Spare()
    for layer in ("spare", model.spare, ["fc", "spare"]):
        with pytest.raises(ValueError, match=r"'Spare' never calls its layer 'spare'.*\['fc', 'relu'\]"):
            a2n.record(model, inputs(N, 6), layers=layer)


def test_names_that_fit_several_layers():
    model = nn.Sequential(*(nn.Sequential(nn.Linear(6, 6), nn.ReLU()) for _ in range(2)))
    with pytest.raises(ValueError, match=r"could be any of \['0.1', '1.1'\]|among"):
        a2n.record(model, inputs(N, 6), layers="relu")
    np.testing.assert_array_equal(
        record_dense(model, inputs(N, 6), "0"), record_dense(model, inputs(N, 6), "0.1")
    )


def test_networks_with_nothing_inside():
    with pytest.raises(ValueError, match=r"calls no modules and no activation functions.*record\(act"):
        a2n.record(nn.Identity(), inputs(N, 6))
    with pytest.raises(ValueError, match=r"network has no hidden layer.*\['linear'\]"):
        a2n.record(nn.Linear(6, 2), inputs(N, 6))


def test_networks_without_hidden_layers():
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 2), nn.Flatten())
    with pytest.raises(ValueError, match=r"no hidden layer.*\['0', '1', '2'\]"):
        a2n.record(model, inputs(N, 6))
    assert a2n.record(model, inputs(N, 6), layers="1").n_units == 2


@pytest.mark.parametrize("case", ["one", "many"])
def test_layers_called_another_number_of_times_are_refused(case):
    class Again(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.block = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x):
            x = self.first(x)
            for _ in range(len(x) % 4):
                x = self.block(x)
            return x

    model, batches = Again(), [inputs(5, 6), inputs(4, 6)]
    assert record_dense(model, batches, "first").shape == (9, 6)
    with pytest.raises(ValueError, match=r"\['block(:0', 'block:1)?'\] as often"):
        a2n.record(model, batches, layers="block")


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            np.ones((5, 4), np.float32),
            r"'Sequential': the batch is \(5, 4\) of torch.float32, samples f",
        ),
        (np.ones(6, np.float32), "is the data set batched"),
        (np.ones((5, 6), np.int64), "whole numbers stay whole, for embeddings: else give floats: "),
        ((np.ones((5, 6)), np.ones(5)), r"takes 2 positional arguments but 3 were given"),
        ({"y": np.ones((5, 6))}, "unexpected keyword argument 'y'"),
    ],
)
def test_samples_that_do_not_fit(samples, message):
    with pytest.raises(ValueError, match=rf"samples do not fit network .*{message}") as error:
        a2n.record(mlp(), samples)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_samples_that_are_no_numbers():
    with pytest.raises(TypeError, match="samples must be real numbers or bool, got dtype <U1"):
        a2n.record(mlp(), np.full((5, 6), "a"))


def test_samples_missing():
    with pytest.raises(TypeError, match="samples must be given with a network"):
        a2n.record(mlp())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_broken_samples_are_named(value):
    samples = np.ones((30, 6), np.float32)
    samples[17, 2] = samples[18, 1] = value
    for given in (samples, torch.tensor(samples), [samples[:9], samples[9:]]):
        for rng in (None, np.random.default_rng(0)):
            with pytest.raises(
                ValueError, match=rf"samples must be finite, got {value} in sample 1[78]"
            ):
                a2n.record(mlp(), given, batch_size=8, rng=rng)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_broken_weights_are_named(value):
    model = mlp()
    model[2].bias.data[3] = value
    with pytest.raises(ValueError, match=rf"'Sequential' has {value} among its weights, in '2.bias'"):
        a2n.record(model, inputs(N, 6))
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
    model[1].running_mean[1] = np.nan
    with pytest.raises(ValueError, match=r"has nan among its weights, in '1.running_mean'"):
        a2n.record(model, inputs(N, 6))


def test_broken_activations_are_named():
    class Root(nn.Module):
        def forward(self, x):
            return torch.sqrt(x)

    model, x = nn.Sequential(Root(), nn.ReLU(), nn.Linear(6, 1)), np.ones((N, 6), np.float32)
    x[13, 2] = -1
    with pytest.raises(ValueError, match="layer '1', unit 2, is nan at sample 13"):
        a2n.record(model, x, batch_size=8)


def test_networks_without_values():
    with torch.device("meta"):
        empty = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 1))
    with pytest.raises(ValueError, match=r"no values on the meta device, in '0.weight'"):
        a2n.record(empty, inputs(N, 6))
    with pytest.raises(ValueError, match=r"no weights yet, in '0.weight'"):
        a2n.record(nn.Sequential(nn.LazyLinear(4), nn.ReLU()), inputs(N, 6))


def test_scripted_networks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(mlp())
        inside = torch.jit.trace(nn.Sequential(nn.Linear(6, 6), nn.Dropout()), torch.ones(2, 6))
    with pytest.raises(TypeError, match="the module that it was scripted or traced from"):
        a2n.record(scripted, inputs(N, 6))
    inside.train()
    model = nn.Sequential(inside, nn.ReLU(), nn.Linear(6, 1))
    # What was traced in training mode drops in any.
    with pytest.warns(UserWarning, match="'1': values are others each time"):
        raster = a2n.record(model, inputs(N, 6))
    assert raster.layers == ["1"]
    assert inside.training
    with pytest.warns(UserWarning, match="'1': values are others each time"):
        assert raster == a2n.record(model, inputs(N, 6))


def test_layers_whose_first_axis_is_not_the_samples():
    model = nn.Sequential(nn.Unflatten(0, (2, -1)), nn.Flatten(0, 1))
    with pytest.raises(ValueError, match=r"layer '0' cannot be recorded: it gave 2 rows for 8 samples"):
        a2n.record(model, inputs(8, 6), layers="0")


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
@pytest.mark.parametrize("n_steps", [1, 2, 3, 4])
def test_steps_are_never_taken_for_samples(n_steps, batch_size):
    """Also where there are as many steps as samples in a batch."""

    class Recurrent(nn.Module):
        def __init__(self, batch_first):
            super().__init__()
            self.cell = nn.LSTM(3, 4, batch_first=batch_first, bidirectional=True)
            self.places = nn.Embedding(n_steps, 4)
            self.out = nn.Linear(8, 2)

        def forward(self, x):
            found, _ = self.cell(x if self.cell.batch_first else x.transpose(0, 1))
            places = torch.relu(self.places.weight)
            return self.out(found[:, -1] if self.cell.batch_first else found[-1]) + places.sum()

    x = inputs(12, n_steps, 3)
    torch.manual_seed(0)
    model = Recurrent(batch_first=False)
    with pytest.raises(ValueError, match=r"'relu' cannot be recorded: it(s rows depend| gave)"):
        a2n.record(model, x, layers="relu", batch_size=batch_size)
    # The samples are the second axis, which the trial finds.
    with torch.no_grad():
        steps, (hidden, _) = model.cell(torch.tensor(x).transpose(0, 1))
    for layer, values in (("cell[0]", steps), ("cell[1]", hidden)):
        raster = a2n.record(model, x, layers=layer, batch_size=batch_size)
        expected = values.transpose(0, 1).flatten(1).numpy()
        np.testing.assert_array_equal(raster.to_dense(), expected > 0)
    model = Recurrent(batch_first=True)
    raster = a2n.record(model, x, layers="cell[0]", conv_units="channels", batch_size=batch_size)
    with torch.no_grad():
        expected = model.cell(torch.tensor(x))[0].numpy()
    np.testing.assert_array_equal(raster.to_dense(), expected.reshape(-1, 8) > 0)


@pytest.mark.parametrize(
    ("activation", "never_silent"),
    [(nn.Sigmoid, True), (nn.Softplus, True), (nn.ReLU, False), (nn.ELU, False), (nn.Tanh, False)],
)
def test_layer_that_cannot_be_silent_warns(activation, never_silent):
    model = mlp(activation)
    if not never_silent:
        a2n.record(model, inputs(N, 6))
        return
    name = activation.__name__.lower()
    with pytest.warns(UserWarning, match=rf"layer '3' \({name}\) is always above") as caught:
        a2n.record(model, inputs(N, 6))
    assert caught[0].filename == __file__


def test_one_batch_of_one_shape_works_for_networks_made_for_it():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(6, 6)

        def forward(self, x):
            return torch.relu(self.fc(x.view(7, 6))) + 1

    assert a2n.record(Fixed(), inputs(N, 6), layers="relu", batch_size=7).n_samples == N
