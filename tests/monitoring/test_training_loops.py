"""The same numbers from every training loop on the same weights, and no framework but its own."""

import logging
import subprocess
import sys
import warnings

import keras
import numpy as np
import pandas as pd
import pytest

from ann2neo import monitoring

torch = pytest.importorskip("torch")
nn = torch.nn
RNG = np.random.default_rng(0)
X = RNG.random((48, 6), dtype=np.float32)
Y = (X.sum(axis=1) > 3).astype(np.int64)
PROBES = {"train": X[:20], "test": X[-20:]}
BATCH = 12


def make_torch():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))


def batches():
    return torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=BATCH
    )


def train_plainly(*monitors):
    """A loop of one's own: one line for a monitor."""
    network = make_torch()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    step = 0
    for monitor in monitors:
        monitor.observe(network, 0, 0)
    for epoch in (1, 2):
        for x, y in batches():
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
            step += 1
            for monitor in monitors:
                monitor.observe(network, step, epoch)
    return network


def train_by_lightning(*callbacks):
    pl = pytest.importorskip("lightning.pytorch")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = make_torch()

        def training_step(self, batch, number):
            x, y = batch
            return nn.functional.cross_entropy(self.network(x), y)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    module = Module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(
            max_epochs=2,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=list(callbacks),
        )
        trainer.fit(module, batches())
    return module.network


def train_by_transformers(folder, *callbacks):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = make_torch()

        def forward(self, x, labels=None):
            scores = self.network(x)
            if labels is None:
                return {"logits": scores}
            return {"loss": nn.functional.cross_entropy(scores, labels), "logits": scores}

    model = Model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = transformers.TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=2,
            per_device_train_batch_size=BATCH,
            learning_rate=0.1,
            lr_scheduler_type="constant",
            optim="sgd",
            max_grad_norm=0.0,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            train_sampling_strategy="sequential",
        )
        rows = [{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)]
        transformers.Trainer(
            model=model, args=arguments, train_dataset=rows, callbacks=list(callbacks)
        ).train()
    return model.network


def train_by_keras(*callbacks):
    network = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8, "relu", name="1"), keras.layers.Dense(2)]
    )
    weights = [value.detach().numpy().T for value in make_torch().parameters()]
    network.set_weights(weights)
    network.compile(
        keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    options = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}
    network.fit(X, Y, callbacks=list(callbacks), **options)
    return network


@pytest.fixture(scope="module")
def plain():
    monitor = monitoring.ActivityMonitor(PROBES, layers=["1"])
    return train_plainly(monitor), monitor.to_frame()


def same_weights(one, two):
    for first, second in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(first, second)


def test_a_plain_loop_is_not_perturbed(plain):
    network, table = plain
    same_weights(network, train_plainly())
    assert table["step"].unique().tolist() == list(range(9))
    assert table["firing_rate"].between(0.2, 0.8).all()


def test_keras_says_the_same(plain):
    callback = monitoring.MonitorCallback(monitoring.ActivityMonitor(PROBES, layers="1"))
    train_by_keras(callback)
    pd.testing.assert_frame_equal(callback.to_frame(), plain[1])


def test_lightning_says_the_same(plain):
    monitor = monitoring.ActivityMonitor(PROBES, layers=["1"])
    watched = train_by_lightning(monitoring.LightningMonitorCallback(monitor, network="network"))
    pd.testing.assert_frame_equal(monitor.to_frame(), plain[1])
    same_weights(watched, train_by_lightning())


def test_transformers_says_the_same(plain, tmp_path):
    monitor = monitoring.ActivityMonitor(PROBES, layers=["1"])
    callback = monitoring.TransformersMonitorCallback(monitor, network="network")
    watched = train_by_transformers(tmp_path, callback)
    pd.testing.assert_frame_equal(monitor.to_frame(), plain[1])
    same_weights(watched, plain[0])


def test_alarms_end_the_training_of_lightning():
    class Third:
        looks = 0

        def update(self, rate):
            self.looks += 1
            return self.looks == 3

    alarm = monitoring.RateDropAlarm({"x": X[:20]}, rule=Third(), stop=True, layers=["1"])
    callback = monitoring.LightningMonitorCallback(alarm, network="network")
    train_by_lightning(callback)
    assert (alarm.flagged_at, alarm.last_step) == (2, 2)


def test_torch_users_load_no_keras():
    program = (
        "import sys, torch\n"
        "from ann2neo import monitoring as m\n"
        "network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))\n"
        "for kind in (m.ActivityMonitor, m.PatternMonitor, m.MemorizationAlarm, m.DyingLayerAlarm):\n"
        "    kind({'x': torch.ones(20, 3)}).observe(network, 0)\n"
        "m.log_spaced(3), m.RateDrop(), m.Snapshots, m.batch_norm_statistics\n"
        "print(sorted({'keras', 'tensorflow', 'jax'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
