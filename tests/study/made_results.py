"""Results of a study that nobody ran: drawn rates, and Fano factors of independent trains."""

import functools

import numpy as np
import pandas as pd

from ann2neo.spikes.raster import SpikeRaster
from ann2neo.study.cells.result_tables import Results

RATES = {
    "Generalizing": 0.55,
    "MemRetrainLast": 0.1,
    "MemRandomLast": 0.2,
    "MemRetrainAll": 0.35,
    "Random": 0.5,
}
ACCURACY = {
    "Generalizing": (0.99, 0.97, 0.97),
    "MemRetrainLast": (0.6, 0.1, 0.12),
    "MemRandomLast": (0.7, 0.1, 0.1),
    "MemRetrainAll": (0.99, 0.1, 0.15),
    "Random": (np.nan, np.nan, 0.1),
}
N_SAMPLES = {"train": 6000, "test": 1000}


def make_results(
    networks=("mlp", "cnn"),
    widths=(64, 128),
    datasets=("mnist",),
    seeds=(0, 1),
    rates=RATES,
    study=None,
    spikes=False,
    switch=False,
):
    """Results with every condition; `rates`: condition → mean rate, or a function of it and width."""
    rng = np.random.default_rng(12)
    rows, units, trains = [], [], {}
    for network in networks:
        for width in widths:
            for dataset in datasets:
                for seed in seeds:
                    for condition in RATES:
                        cell = dict(
                            network=network, width=width, dataset=dataset, condition=condition, seed=seed
                        )
                        mean = rates(condition, width) if callable(rates) else rates[condition]
                        p = rng.beta(6 * mean, 6 * (1 - mean), width)
                        for split, n in N_SAMPLES.items():
                            rate = rng.binomial(n, p) / n
                            fano = np.where(rate > 0, (1 - rate) * rng.normal(1, 0.05, width), np.nan)
                            rows.append(_row(cell, split, n, rate, fano))
                            units.append(
                                pd.DataFrame(
                                    {
                                        **cell,
                                        "split": split,
                                        "unit_index": np.arange(width),
                                        "firing_rate": rate,
                                        "fanofactor": fano,
                                    }
                                )
                            )
                            if spikes:
                                fired = rng.random((200, width)) < p
                                trains[(*cell.values(), split)] = SpikeRaster.from_dense(fired)
    return Results(
        study=study,
        indicators=pd.DataFrame(rows),
        units=pd.concat(units, ignore_index=True),
        spikes=trains,
        **({"switch": switch_courses(networks, widths, datasets, seeds)} if switch else {}),
    )


def _row(cell, split, n_samples, rate, fano):
    accuracies = ACCURACY[cell["condition"]]
    return {
        "study": "made",
        **cell,
        "split": split,
        "status": "ok",
        "error": "",
        "n_units": len(rate),
        "n_samples": n_samples,
        "firing_rate": rate.mean(),
        "cv_firing_rate_percent": 100 * rate.std() / rate.mean(),
        "fanofactor": np.nanmean(fano),
        "cv_fanofactor_percent": 100 * np.nanstd(fano) / np.nanmean(fano),
        "silent_fraction": np.mean(rate == 0),
        "always_on_fraction": np.mean(rate == 1),
        "isi_cv": np.sqrt(1 - rate.mean()),
        "fano_poisson_rejecting": np.mean(rate > 0.15),
        "fano_bernoulli_rejecting": 0.05,
        "ljung_box_rejecting": 0.04,
        "runs_rejecting": 0.05,
        "adf_not_rejecting": 0.0,
        "training_accuracy": accuracies[0],
        "validation_accuracy": accuracies[1],
        "test_accuracy": accuracies[2],
        "generalization_gap": accuracies[0] - accuracies[1],
        "epochs_run": 50,
        "stopped_by": "epochs",
        "weights_hash": "0",
        "seconds": 1.0,
    }


@functools.cache
def usual():
    """Results with all there can be, for tests that only read them."""
    return make_results(datasets=("mnist", "digits"), spikes=True, switch=True)


def switch_courses(networks, widths, datasets, seeds, drop=0.5, rise=0.1, slow=0.01):
    """A rate that rises by `rise` at first and drops by `drop`, within `slow` batches, at the switch."""
    rng = np.random.default_rng(5)
    per_pass, passes = 10, (10, 20)
    frames = []
    steps = np.arange(per_pass * sum(passes) + 1)
    random = steps > per_pass * passes[0]
    since = np.maximum(steps - per_pass * passes[0], 0)
    for network in networks:
        for width in widths:
            for dataset in datasets:
                for seed in seeds:
                    for probe in ("train", "test"):
                        rate = (
                            0.6 - rise * np.exp(-steps / 5) - drop * random * (1 - np.exp(-since / slow))
                        )
                        rate = rate + rng.normal(0, 0.005, steps.size)
                        frames.append(
                            pd.DataFrame(
                                {
                                    "network": network,
                                    "width": width,
                                    "dataset": dataset,
                                    "seed": seed,
                                    "step": steps,
                                    "training_epoch": np.maximum(-(-steps // per_pass), 1),
                                    "labels": np.where(random, "random", "true"),
                                    "probe": probe,
                                    "layer": "hidden",
                                    "firing_rate": rate,
                                    "cv_firing_rate_percent": 40.0,
                                    "fanofactor": 1 - rate,
                                }
                            )
                        )
    return pd.concat(frames, ignore_index=True)
