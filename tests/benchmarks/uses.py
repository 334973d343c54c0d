"""What the spikes of a network that learned noisy labels by heart are good for.

Run with ``python tests/benchmarks/uses.py OUT.csv [SEEDS [DATA_SETS]]``; images are read from the folder
that ``ANN2NEO_DATA`` names. A perceptron of two hidden layers of 512 units learns 10,000 images, a
fraction of whose labels was replaced by wrong ones, until it knows 95 % of them by heart; then its last
hidden layer is recorded. A row per network is written as soon as it is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

import ann2neo as a2n
from ann2neo import training

N_TRAIN, N_TEST, WIDTH, MAX_EPOCHS = 10_000, 5_000, 512, 120
NOISE = (0.4, 0.6, 0.2, 0.0)


def study(name: str, noise: float, seed: int) -> dict[str, object]:
    """One network, from its data to its row."""
    rng = np.random.default_rng([seed, int(100 * noise)])
    torch.manual_seed(seed)
    data = training.load(name).subset(N_TRAIN, N_TEST, rng=rng)
    if name == "cifar10":
        data = data.downscale(2)
    x, x_test = (torch.from_numpy(v.reshape(len(v), -1).copy()) for v in (data.x_train, data.x_test))
    wrong = rng.random(N_TRAIN) < noise
    labels = np.where(wrong, (data.y_train + rng.integers(1, 10, N_TRAIN)) % 10, data.y_train)
    network = nn.Sequential(
        *(nn.Linear(x.shape[1], WIDTH), nn.ReLU()),
        *(nn.Linear(WIDTH, WIDTH), nn.ReLU()),
        nn.Linear(WIDTH, 10),
    )
    epochs, accuracy, early_loss = train(network, x, torch.from_numpy(labels), rng)
    with torch.no_grad():
        scores, test_scores = network(x), network(x_test)
    loss = nn.functional.cross_entropy(scores, torch.from_numpy(labels), reduction="none").numpy()
    options = {"layers": ["3"], "progress": False}
    raster = a2n.record(network, x, labels=labels, **options)
    test = a2n.record(network, x_test, **options)
    middle = np.median(x.numpy(), axis=0)
    pixels, test_pixels = (a2n.as_raster(v.numpy() > middle) for v in (x, x_test))
    suspicion = a2n.label_suspicion(raster)
    predicted = scores.argmax(1).numpy()
    row: dict[str, object] = {
        "data": name,
        "noise": noise,
        "seed": seed,
        "epochs": epochs,
        "training_accuracy": accuracy,
        "wrong_learned": float((predicted == labels)[wrong].mean()) if noise else np.nan,
        "n_wrong": int(wrong.sum()),
        "n_suspected": suspicion.n_suspected,
        "test_accuracy": float((test_scores.argmax(1).numpy() == data.y_test).mean()),
        "vote_accuracy": vote(raster, test, labels, data.y_test),
        "pixel_vote_accuracy": vote(pixels, test_pixels, labels, data.y_test),
        "class_separation": a2n.patterns.class_separation(raster, predicted),
        **remove_silent(network, raster, test_scores, x_test),
    }
    for column, score in (
        ("auc_suspicion", suspicion.score),
        ("auc_pixels", a2n.label_suspicion(pixels, labels).score),
        ("auc_final_loss", loss),
        ("auc_early_loss", early_loss),
    ):
        row[column] = roc_auc_score(wrong, score) if noise else np.nan
    return row


def train(
    network: nn.Sequential, x: torch.Tensor, y: torch.Tensor, rng: np.random.Generator
) -> tuple[int, float, np.ndarray]:
    """Epochs run, accuracy on the labels trained on, and each sample's loss after five epochs."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    early = np.zeros(len(x))
    for epoch in range(1, MAX_EPOCHS + 1):
        for rows in torch.from_numpy(rng.permutation(len(x))).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            scores = network(x)
        accuracy = float((scores.argmax(1) == y).double().mean())
        if epoch == 5:
            early = nn.functional.cross_entropy(scores, y, reduction="none").numpy()
        if accuracy >= 0.95 and epoch >= 5:
            break
    return epoch, accuracy, early


def vote(
    reference: a2n.SpikeRaster, query: a2n.SpikeRaster, labels: np.ndarray, truth: np.ndarray
) -> float:
    """Accuracy of the 50 nearest patterns' vote over noisy labels."""
    found = a2n.nearest_patterns(reference, query, k=50, n_workers=1)
    return float((found.vote(labels) == truth).mean())


def remove_silent(
    network: nn.Sequential, raster: a2n.SpikeRaster, scores: torch.Tensor, x_test: torch.Tensor
) -> dict[str, object]:
    """What changes on test samples without the units that were silent on the training samples."""
    silent = a2n.removable_units(raster).silent.get("3", np.zeros(0, np.int64))
    smaller = training.remove_units(network, {"3": silent})
    with torch.no_grad():
        found = smaller(x_test)
    return {
        "n_silent": int(silent.size),
        "predictions_changed": int((found.argmax(1) != scores.argmax(1)).sum()),
        "largest_change_of_logit": float((found - scores).abs().max()),
    }


def main() -> None:
    """Run, and write after each network."""
    path = Path(sys.argv[1])
    n_seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    names = sys.argv[3].split(",") if len(sys.argv) > 3 else ["mnist", "cifar10"]
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(row["data"], row["noise"], row["seed"]) for row in rows}
    for seed in range(n_seeds):
        for name in names:
            for noise in NOISE:
                if (name, noise, seed) not in done:
                    rows.append(study(name, noise, seed))
                    pd.DataFrame(rows).to_csv(path, index=False)


if __name__ == "__main__":
    main()
