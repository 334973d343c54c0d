"""Elephant's helpers: kernels, data sets, parallel, utils, other names, the steps of ASSET and SPADE."""

import contextlib
import hashlib
import io
import tempfile
import warnings
import zipfile
from pathlib import Path

import elephant.asset.asset as asset
import elephant.cell_assembly_detection
import elephant.change_point_detection
import elephant.conversion
import elephant.datasets as datasets
import elephant.kernels as kernels
import elephant.neo_tools
import elephant.spade as spade
import elephant.spike_train_correlation as correlation
import elephant.spike_train_generation as generation
import elephant.spike_train_synchrony
import elephant.statistics as statistics
import elephant.trials
import elephant.utils as utils
import neo
import numpy as np
import pytest
import quantities as pq
from elephant.conversion import BinnedSpikeTrain
from numpy.testing import assert_allclose, assert_array_equal

from tests.exchange.elephant_checks.recording import MS, N_SAMPLES, N_TRIALS, SPARSE, check_of
from tests.exchange.elephant_checks.signals import rate

with warnings.catch_warnings():
    # It says that mpi4py is missing.
    warnings.simplefilter("ignore", UserWarning)
    import elephant.parallel

EVENTS, LATER = {(1, 2): {0, 1}}, {(1, 2): {1, 2}}
"""Two sequences of synchronous events, as ASSET gives them: bins → units."""


def _check_answer(name, expected):
    called = getattr(asset, name)

    @check_of(called)
    def check(call, recording):
        arguments = (EVENTS, LATER) if name.startswith("synchronous") else (EVENTS,)
        assert call(*arguments) == expected


for _name, _expected in {
    "synchronous_events_intersection": {(1, 2): {1}},
    "synchronous_events_difference": {(1, 2): {0}},
    "synchronous_events_identical": False,
    "synchronous_events_no_overlap": False,
    "synchronous_events_contained_in": False,
    "synchronous_events_contains_all": False,
    "synchronous_events_overlap": True,
    "get_neurons_in_sse": [0, 1],
    "get_sse_start_and_end_time_bins": ([1, 2], [1, 2]),
}.items():
    _check_answer(_name, _expected)


def _check_kernel(called):
    @check_of(called)
    def check(call, recording):
        train = recording.trains[4]
        found = statistics.instantaneous_rate(train, sampling_period=1 * MS, kernel=call(5 * MS))
        assert found.magnitude.mean() == pytest.approx(len(train), rel=0.05)


for _kernel in (
    kernels.RectangularKernel,
    kernels.TriangularKernel,
    kernels.EpanechnikovLikeKernel,
    kernels.GaussianKernel,
    kernels.LaplacianKernel,
    kernels.ExponentialKernel,
    kernels.AlphaKernel,
):
    _check_kernel(_kernel)


def _check_abstract(called, options, error):
    @check_of(called)
    def check(call, recording):
        made = call(**options(recording))
        use = (
            made.boundary_enclosing_area_fraction if hasattr(made, "sigma") else made.generate_spiketrain
        )
        with pytest.raises(error):
            use(*([0.9] if hasattr(made, "sigma") else []))


_check_abstract(kernels.Kernel, lambda recording: {"sigma": 5 * MS}, NotImplementedError)
_check_abstract(kernels.SymmetricKernel, lambda recording: {"sigma": 5 * MS}, NotImplementedError)
_check_abstract(
    generation.AbstractPointProcess, lambda recording: {"t_stop": 1000 * MS}, NotImplementedError
)
_check_abstract(generation.RenewalProcess, lambda recording: {"rate": 10 * pq.Hz}, AttributeError)
_check_abstract(
    generation.RateModulatedProcess,
    lambda recording: {"rate_signal": rate(recording, [4])},
    AttributeError,
)


@check_of(elephant.trials.Trials)
def trials(call, recording):
    assert call().get_trial_as_segment(0) is None


def _sparse(recording):
    return BinnedSpikeTrain([recording.trains[unit] for unit in SPARSE], bin_size=1 * MS)


@check_of(elephant.change_point_detection.empirical_parameters)
def empirical_parameters(call, recording):
    windows = np.array([100]) * MS
    quantile, parameters = call(windows, N_SAMPLES * MS, alpha=5, n_surrogates=20, time_step=5 * MS)
    assert quantile > 0
    assert parameters.shape == (3, 1)


@check_of(elephant.conversion.BinnedSpikeTrainView)
def binned_spike_train_view(call, recording):
    whole = BinnedSpikeTrain(recording.trains, bin_size=1 * MS)
    view = call(0 * MS, N_SAMPLES * MS, 1 * MS, MS, whole.sparse_matrix)
    assert_array_equal(view.to_bool_array(), recording.active)


@check_of(elephant.neo_tools.get_all_events)
def get_all_events(call, recording):
    assert call(recording.block) == []


@check_of(elephant.neo_tools.extract_neo_attrs, "elephant.neo_tools.extract_neo_attrs")
def extract_neo_attrs(call, recording):
    assert call(recording.trains[4], skip_array=True)["layer"] == "activations"


def _mine(recording):
    with contextlib.redirect_stdout(io.StringIO()):
        trains = [recording.trains[unit] for unit in SPARSE]
        return spade.concepts_mining(
            trains, bin_size=1 * MS, winlen=1, min_spikes=2, min_occ=3, report="a"
        )


@check_of(spade.approximate_stability)
def approximate_stability(call, recording):
    concepts, relation = _mine(recording)
    with contextlib.redirect_stdout(io.StringIO()):
        found = call(concepts, relation, n_subsets=50)
    assert len(found) == len(concepts)
    assert all(0 <= one[2] <= 1 for one in found)


@check_of(spade.test_signature_significance)
def signature_significance(call, recording):
    trains = [recording.trains[unit] for unit in SPARSE]
    with contextlib.redirect_stdout(io.StringIO()):
        spectrum = spade.pvalue_spectrum(
            trains, bin_size=1 * MS, winlen=1, dither=15 * MS, n_surr=20, min_occ=3
        )
    found = call(spectrum, _mine(recording)[0], 0.05, 1, report="spectrum")
    assert found
    assert all(len(one) == 3 for one in found)


@check_of(spade.pattern_set_reduction)
def pattern_set_reduction(call, recording):
    concepts, _ = _mine(recording)
    kept = call(concepts, [], 1, "#")
    assert 1 <= len(kept) <= len(concepts)


@check_of(spade.concept_output_to_patterns)
def concept_output_to_patterns(call, recording):
    concepts, _ = _mine(recording)
    assert len(call(concepts, 1, 1 * MS)) == len(concepts)


@check_of(elephant.spike_train_synchrony.SpikeContrastTrace)
def spike_contrast_trace(call, recording):
    assert call(1, 2, 3, 4).synchrony == 3


@check_of(correlation.corrcoef, "elephant.spike_train_correlation.corrcoef")
def corrcoef(call, recording):
    assert_array_equal(call(_sparse(recording)), correlation.correlation_coefficient(_sparse(recording)))


@check_of(statistics.complexity_pdf)
def complexity_pdf(call, recording):
    found = call(recording.trains, bin_size=1 * MS).magnitude.ravel()
    assert_allclose(found, np.bincount(recording.active.sum(axis=0)) / N_SAMPLES, rtol=1e-12)


@check_of(statistics.sskernel, "elephant.statistics.sskernel")
def sskernel(call, recording):
    times = recording.trains[SPARSE[0]].magnitude
    assert call(times)["optw"] == statistics.optimal_kernel_bandwidth(times)["optw"]


@check_of(statistics.nextpow2)
def nextpow2(call, recording):
    assert call(N_SAMPLES) == 1024


@check_of(statistics.fftkernel)
def fftkernel(call, recording):
    assert call(recording.active[4].astype(float), 5.0).shape[0] == N_SAMPLES


@check_of(statistics.logexp)
def logexp(call, recording):
    assert_allclose(call(np.array([1.0])), np.log1p(np.e))


@check_of(statistics.ilogexp)
def ilogexp(call, recording):
    assert_allclose(call(statistics.logexp(np.array([1.0]))), 1)


@check_of(statistics.cost_function)
def cost_function(call, recording):
    cost, smooth = call(recording.active[4].astype(float), recording.active[4].sum(), 5.0, 1.0)
    assert np.isfinite(cost)
    assert len(smooth) == N_SAMPLES


def _check_process(called, options):
    @check_of(called)
    def check(call, recording):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trains = [call(**options(recording)) for _ in range(6)]
        trains = [
            one.generate_spiketrain() if hasattr(one, "generate_spiketrain") else one for one in trains
        ]
        expected = len(recording.trains[4])
        assert np.mean([len(one) for one in trains]) == pytest.approx(expected, rel=0.15)


def _rate(recording):
    return {"rate": 464 * pq.Hz, "t_stop": N_SAMPLES * MS}


_check_process(generation.StationaryLogNormalProcess, lambda r: {**_rate(r), "sigma": 0.5})
_check_process(generation.StationaryInverseGaussianProcess, lambda r: {**_rate(r), "cv": 0.5})
_check_process(generation.homogeneous_poisson_process, _rate)
_check_process(generation.inhomogeneous_poisson_process, lambda r: {"rate": rate(r, [4])})
_check_process(
    generation.homogeneous_gamma_process, lambda r: {"a": 2, "b": 928 * pq.Hz, "t_stop": N_SAMPLES * MS}
)
_check_process(
    generation.inhomogeneous_gamma_process, lambda r: {"rate": rate(r, [4]), "shape_factor": 2.0}
)


@check_of(elephant.parallel.SingleProcess)
def single_process(call, recording):
    assert call().execute(len, recording.trains) == recording.active.sum(axis=1).tolist()


@check_of(elephant.parallel.ProcessPoolExecutor)
def process_pool_executor(call, recording):
    assert call(1).execute(len, recording.trains) == recording.active.sum(axis=1).tolist()


@check_of(utils.is_binary)
def is_binary(call, recording):
    assert call(recording.active)


@check_of(utils.deprecated_alias)
def deprecated_alias(call, recording):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert call(old="new")(lambda new: new)(old=3) == 3


@check_of(utils.is_time_quantity)
def is_time_quantity(call, recording):
    assert call(recording.trains[4].t_stop)


@check_of(utils.check_same_units)
def check_same_units(call, recording):
    call(recording.trains, neo.SpikeTrain)


@check_of(utils.round_binning_errors)
def round_binning_errors(call, recording):
    assert_array_equal(call(np.array([2.9999999999])), [3])


@check_of(utils.get_cuda_capability_major)
def cuda_capability(call, recording):
    assert call() >= 0


@check_of(utils.get_opencl_capability)
def opencl_capability(call, recording):
    assert call() in (True, False)


@check_of(utils.trials_to_list_of_spiketrainlist)
def trials_to_lists(call, recording):
    trials = elephant.trials.TrialsFromLists(recording.trial_lists)
    assert len(call(lambda trials: trials)(trials)) == N_TRIALS


@check_of(datasets.calculate_md5)
def calculate_md5(call, recording):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(b"spikes")
        assert call(path) == hashlib.md5(b"spikes").hexdigest()


@check_of(datasets.check_integrity)
def check_integrity(call, recording):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(b"spikes")
        assert call(path, hashlib.md5(b"spikes").hexdigest())


@check_of(datasets.unzip)
def unzip(call, recording):
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(Path(folder) / "a.zip", "w") as archive:
            archive.writestr("a", "spikes")
        call(Path(folder) / "a.zip", outdir=Path(folder) / "out", verbose=False)
        assert (Path(folder) / "out" / "a").is_file()


@check_of(datasets.generate_pairwise_granger_ground_truth)
def pairwise_ground_truth(call, recording):
    assert call(100).shape == (100, 2)


@check_of(datasets.generate_conditional_granger_ground_truth)
def conditional_ground_truth(call, recording):
    assert call(100).shape == (100, 3)
