"""Learning rates: the curves of their papers, and `train` takes them."""

import keras
import numpy as np
import pytest

from ann2neo import training


def test_triangular():
    rate = training.TriangularRate(0.01, 0.3, half_cycle=50)
    steps = np.arange(400)
    # Smith (2017), section 3.1.
    cycle = np.floor(1 + steps / (2 * 50))
    x = np.abs(steps / 50 - 2 * cycle + 1)
    wanted = 0.01 + (0.3 - 0.01) * np.maximum(0, 1 - x)
    np.testing.assert_allclose([float(rate(step)) for step in steps], wanted, rtol=1e-5)
    assert float(rate(np.int64(10**12 + 50))) == pytest.approx(0.3)


def test_one_cycle():
    rate = training.OneCycleRate(2.0, n_steps=1000)
    corners = [0, 450, 900, 1000, 5000]
    steps = np.arange(0, 1200, 7)
    wanted = np.interp(steps, corners, [0.2, 2, 0.2, 0.002, 0.002])
    np.testing.assert_allclose([float(rate(step)) for step in steps], wanted, rtol=1e-4)


@pytest.mark.parametrize(
    "rate",
    [
        training.TriangularRate(0.01, 0.1, half_cycle=5),
        training.OneCycleRate(0.2, n_steps=36),
        keras.optimizers.schedules.PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001]),
    ],
)
def test_train_follows_them(rate):
    rng = np.random.default_rng(0)
    data = training.load("digits").subset(200, 50, rng=rng)
    network = training.build("mlp", 8, input_shape=(8, 8, 1), n_classes=10, rng=rng)
    condition = training.GENERALIZING.with_stop(epochs=3)
    options = {"batch_size": 16, "optimizer": keras.optimizers.SGD(rate), "progress": False}
    learned = [
        training.train(condition, network, data, rng=np.random.default_rng(1), fast=fast, **options)
        for fast in (True, False)
    ]
    for one in learned:
        # 180 samples in batches of 16, three times.
        assert one.provenance["learning_rate"] == pytest.approx(float(rate(36)))
        np.testing.assert_allclose(
            one.network.get_weights()[0], learned[0].network.get_weights()[0], atol=1e-6
        )
    assert options["optimizer"].iterations.numpy() == 0


def test_refusals():
    with pytest.raises(ValueError, match=r"lowest must be positive.*0\.0"):
        training.TriangularRate(0.0, 1, half_cycle=5)
    with pytest.raises(ValueError, match=r"highest must be .* at least 2\.0"):
        training.TriangularRate(2, 1, half_cycle=5)
    with pytest.raises(TypeError, match="highest must be a number"):
        training.OneCycleRate("1", n_steps=50)
    with pytest.raises(ValueError, match="n_steps must be at least 10, got 9"):
        training.OneCycleRate(1, n_steps=9)
