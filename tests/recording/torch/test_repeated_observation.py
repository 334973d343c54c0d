"""A torch network in training is looked at again and again, by the monitor and by hand."""

import numpy as np
import pytest

import ann2neo as a2n
from ann2neo.recording.observation import NonFiniteWeightError
from ann2neo.recording.repeated_observation import watch
from tests.recording.models import inputs

torch = pytest.importorskip("torch")
nn = torch.nn
N = 40


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(9, 1))
    )


def train_with(*, look):
    """Weights after five steps, `look` called before each."""
    model, x = network(), torch.tensor(inputs(N, 6))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(5):
        look(model, step)
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return [value.tolist() for value in model.state_dict().values()]


def parts_of(watched):
    parts = []
    watched.look(lambda activations: parts.append(np.array(activations[0])))
    return parts


def test_each_look_sees_the_weights_of_the_moment():
    x, looks, rasters = inputs(N, 6), [], []
    watched = {}

    def look(model, step):
        if not watched:
            watched["it"] = watch(model, [x[:25], x[25:]], "last_hidden")
        looks.append(np.concatenate(parts_of(watched["it"])) > 0)
        rasters.append(a2n.record(model, x).to_dense())
        assert model.training
        assert all(not module._forward_hooks for module in model.modules())

    weights = train_with(look=look)
    assert watched["it"].sites[0].name == "2"
    np.testing.assert_array_equal(looks, rasters)
    assert not np.array_equal(looks[0], looks[-1])
    assert weights == train_with(look=lambda model, step: None)


def test_looks_at_broken_weights_raise():
    model = network()
    watched = watch(model, [inputs(N, 6)], "last_hidden")
    model[0].weight.data[0, 0] = np.nan
    with pytest.raises(NonFiniteWeightError, match=r"among its weights, in '0\.weight'"):
        parts_of(watched)
    assert model.training


def test_monitor_in_a_plain_loop():
    monitoring = pytest.importorskip("ann2neo.monitoring")
    x, rates = inputs(N, 6), []
    monitor = monitoring.ActivityMonitor({"first": x[:20], "rest": x[20:]}, layers="2")

    def look(model, step):
        monitor.observe(model, step)
        rates.append(
            [a2n.record(model, part, layers="2").to_dense().mean() for part in (x[:20], x[20:])]
        )

    train_with(look=look)
    frame = monitor.to_frame()
    assert frame["step"].tolist() == [step for step in range(5) for _ in range(2)]
    assert set(frame["layer"]) == {"2"}
    np.testing.assert_allclose(frame["firing_rate"], np.ravel(rates), rtol=1e-12)
