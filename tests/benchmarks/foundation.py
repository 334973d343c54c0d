"""Recording, packing, spike trains and start-up against what a user would run today.

Run with ``python tests/benchmarks/foundation.py``. Baselines: Keras' own ``predict`` with the same batch
size; a copy of the float array; the loop over units that Neo's tutorial shows; an empty interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import neo
import numpy as np
import quantities as pq
from timing import Comparison, medians, show

import ann2neo as a2n
from ann2neo.spikes.packing import Packer

N_SAMPLES, N_UNITS = 60_000, 512


def compare_recording(rng: np.random.Generator) -> Comparison:
    """`record` of the hidden layer of an MLP-512 against `predict` of the whole network."""
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(N_UNITS, "relu", kernel_initializer=keras.initializers.GlorotUniform(0)),
            keras.layers.Dense(10, "softmax", kernel_initializer=keras.initializers.GlorotUniform(1)),
        ]
    )
    images = rng.random((N_SAMPLES, 784), dtype=np.float32)
    hidden = keras.Model(model.inputs, model.layers[0].output)
    differing = np.sum(
        (hidden.predict(images, batch_size=256, verbose=0) > 0)
        != a2n.record(model, images, progress=False).to_dense()
    )
    baseline, ours = medians(
        lambda: model.predict(images, batch_size=256, verbose=0),
        lambda: a2n.record(model, images, batch_size=256, progress=False),
    )
    name = f"record {N_SAMPLES:,} samples of MLP-{N_UNITS}"
    return Comparison(name, "model.predict", baseline, ours, "≤ 1.10", f"{differing} bits")


def compare_packing(rng: np.random.Generator) -> Comparison:
    """Threshold and pack against copying the floats into an array that is there already."""
    activations = rng.standard_normal((N_SAMPLES, N_UNITS), dtype=np.float32)
    target = np.empty_like(activations)

    def pack() -> np.ndarray:
        packer = Packer(N_UNITS, N_SAMPLES)
        packer.append([activations], [0.0])
        return packer.finish()

    differing = np.sum(a2n.SpikeRaster(pack(), N_SAMPLES).to_dense() != (activations > 0))
    baseline, ours = medians(lambda: np.copyto(target, activations), pack, repeats=15)
    name = f"threshold and pack {N_SAMPLES:,} × {N_UNITS}"
    return Comparison(name, "copy of the float array", baseline, ours, "≤ 2", f"{differing} bits")


def spiketrains(
    rng: np.random.Generator, n_samples: int, n_units: int, rate: float, bound: str
) -> Comparison:
    """`to_spiketrains` against one SpikeTrain a column, made as Neo's tutorial does."""
    raster = a2n.SpikeRaster.from_dense(rng.random((n_samples, n_units)) < rate)

    def obvious() -> list[neo.SpikeTrain]:
        active = raster.to_dense()
        t_stop = n_samples * pq.ms
        return [neo.SpikeTrain(np.flatnonzero(column) * pq.ms, t_stop=t_stop) for column in active.T]

    pairs = zip(obvious(), a2n.to_spiketrains(raster), strict=True)
    differing = sum(not np.array_equal(a.magnitude, b.magnitude) for a, b in pairs)
    baseline, ours = medians(obvious, lambda: a2n.to_spiketrains(raster), repeats=5)
    name = f"to_spiketrains {n_samples:,} × {n_units:,} ({1e6 * ours / n_units:.0f} µs a train)"
    return Comparison(name, "loop over units", baseline, ours, bound, f"{differing} trains")


def startup() -> Comparison:
    """`import ann2neo` in a fresh interpreter against an interpreter that imports nothing."""

    def python(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    baseline, ours = medians(lambda: python("pass"), lambda: python("import ann2neo"))
    return Comparison("import ann2neo (whole process)", "python -c pass", baseline, ours, "≤ 0.3 s")


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    rows = [
        compare_recording(rng),
        compare_packing(rng),
        spiketrains(rng, N_SAMPLES, N_UNITS, 0.5, "≤ 0.7"),
        spiketrains(rng, 200, 10_000, 0.1, "≤ 100 µs a train"),
        startup(),
    ]
    show("Medians, measured in turn in one run", rows)


if __name__ == "__main__":
    main()
