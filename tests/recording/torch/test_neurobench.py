"""NeuroBench's activation sparsity of rectified layers is one less the mean firing rate."""

import numpy as np
import pytest

import ann2neo as a2n

torch = pytest.importorskip("torch", reason="the torch extra is not installed")


def test_activation_sparsity_is_one_less_the_mean_rate():
    models = pytest.importorskip("neurobench.models", reason="NeuroBench is not installed")
    workload = pytest.importorskip("neurobench.metrics.workload")
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(6, 20), torch.nn.ReLU(), torch.nn.Linear(20, 30), torch.nn.ReLU()
    )
    samples = np.random.default_rng(0).standard_normal((300, 6), np.float32)
    model = models.TorchModel(network)
    model.register_hooks()
    sparsity = workload.ActivationSparsity()
    preds = model(torch.from_numpy(samples))
    theirs = sparsity(model, preds, None)
    model.cleanup_hooks()
    raster = a2n.record(network, samples, layers=["1", "3"], progress=False)
    table = a2n.rate_distribution(raster, by=None).loc["all"]
    assert theirs == pytest.approx(1 - table["mean"])
    assert theirs == pytest.approx(table["zero_fraction"])
