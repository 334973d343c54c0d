"""Distributions of rates, correlations, spectrum, pairs and trials, against others and by hand."""

import math

import neo
import numpy as np
import pandas as pd
import pytest
import quantities as pq
from elephant.statistics import fanofactor as elephant_fanofactor
from elephant.trials import TrialsFromLists
from hypothesis import given
from scipy import stats
from scipy.optimize import minimize
from sklearn.metrics import mutual_info_score

import ann2neo as a2n
from ann2neo.statistics.units.beta_binomial import fit_beta_binomial
from ann2neo.statistics.units.covariance import covariance
from ann2neo.statistics.units.rate_distribution import gini, treves_rolls
from tests.strategies import dense


def test_sparseness_by_hand():
    rates = np.array([0.0, 0.25, 0.25, 1.0])
    assert treves_rolls(rates) == 0.375**2 / 0.28125
    pairs = np.abs(rates[:, None] - rates).sum()
    assert gini(rates) == pairs / (2 * 4 * rates.sum())
    assert (treves_rolls(np.ones(3)), gini(np.ones(3))) == (1.0, 0.0)
    assert (treves_rolls(np.eye(4)[0]), gini(np.eye(4)[0])) == (0.25, 0.75)
    assert math.isnan(treves_rolls(np.zeros(3)))
    assert math.isnan(gini(np.zeros(3)))


def test_rate_distribution_by_hand():
    active = np.zeros((400, 6), bool)
    for unit, spikes in enumerate([0, 2, 4, 100, 400, 0]):
        active[:spikes, unit] = True
    row = a2n.rate_distribution(active).loc["units"]
    rates = active.mean(axis=0)
    assert (row["silent_fraction"], row["always_on_fraction"], row["rare_fraction"]) == (
        2 / 6,
        1 / 6,
        1 / 6,
    )
    # NeuroBench's ActivationSparsity of a rectified layer: zeros over all activations.
    assert row["zero_fraction"] == 1 - active.sum() / active.size
    assert row["skewness"] == pytest.approx(stats.skew(rates))
    assert row["q25"] == np.quantile(rates, 0.25)
    assert row["log10_mean"] == pytest.approx(np.log10([0.005, 0.01, 0.25, 1]).mean())
    histogram = a2n.log10_rate_histogram(active, bins=[-3, -2, -1, 0]).loc["units"]
    assert histogram.tolist() == [2, 1, 1, 2]
    assert a2n.log10_rate_histogram(active, bins=7).sum(axis=1).tolist() == [6]


def test_beta_binomial_against_scipy_and_what_it_was_drawn_from():
    rng = np.random.default_rng(0)
    counts = rng.binomial(1000, rng.beta(2, 6, 400))
    mean, dispersion = fit_beta_binomial(counts, 1000)
    loss = lambda x: -stats.betabinom.logpmf(counts, 1000, *np.exp(x)).mean()  # noqa: E731
    a, b = np.exp(
        minimize(loss, [0, 1], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x
    )
    assert mean == pytest.approx(a / (a + b), abs=1e-5)
    assert dispersion == pytest.approx(1 / (a + b + 1), abs=1e-5)
    assert mean == pytest.approx(0.25, abs=0.03)
    assert dispersion == pytest.approx(1 / 9, abs=0.03)
    assert fit_beta_binomial(np.full(50, 300), 1000)[1] == 0.0
    assert fit_beta_binomial(np.array([0, 0, 1000]), 1000) == (pytest.approx(1 / 3), 1.0)
    assert math.isnan(fit_beta_binomial(np.zeros(3, np.int64), 1000)[1])


def test_signal_and_noise_against_numpy_over_trials():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 600)
    active = rng.random((600, 4)) < rng.random((5, 4))[labels]
    active[:, 1] ^= active[:, 0] & (rng.random(600) < 0.5)
    found = a2n.signal_noise_correlation(active, labels)
    means = np.array([active[labels == c].mean(axis=0) for c in range(5)])
    np.testing.assert_allclose(found.signal, np.corrcoef(means.T))
    np.testing.assert_allclose(found.noise, np.corrcoef((active - means[labels]).T))


def test_signal_and_noise_that_are_not_there():
    active = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0]])
    found = a2n.signal_noise_correlation(active, [0, 0, 1, 1])
    # Two units that the class decides have no noise, the third has no signal.
    np.testing.assert_array_equal(np.isnan(found.noise), [[1, 1, 1], [1, 1, 1], [1, 1, 0]])
    np.testing.assert_array_equal(np.isnan(found.signal), [[0, 0, 1], [0, 0, 1], [1, 1, 1]])
    assert np.isnan(a2n.signal_noise_correlation(active, [0, 1, 2, 3]).noise).all()
    assert np.isnan(a2n.signal_noise_correlation(active, [0, 0, 0, 0]).signal).all()


def test_population_coupling_against_numpy_and_okun():
    rng = np.random.default_rng(0)
    drive = rng.random((500, 1))
    active = rng.random((500, 6)) < 0.6 * drive
    coupling = a2n.population_coupling(active)
    for unit in range(6):
        others = np.delete(active, unit, axis=1).sum(axis=1)
        assert coupling[unit] == pytest.approx(np.corrcoef(active[:, unit], others)[0, 1])
        surplus = (others - others.mean())[active[:, unit]].mean()
        p = active[:, unit].mean()
        assert surplus == pytest.approx(coupling[unit] * others.std() * math.sqrt((1 - p) / p))
    assert np.isnan(a2n.population_coupling(active[:, :1])).all()
    assert np.isnan(a2n.population_coupling(np.column_stack([active[:, 0], np.ones(500)]))).all()


def test_spectrum_against_numpy_and_its_noise_floor():
    rng = np.random.default_rng(0)
    active = rng.random((2000, 150)) < rng.beta(1, 3, 150)
    np.testing.assert_allclose(covariance(active), np.cov(active.T, ddof=0), atol=1e-15)
    found = a2n.eigenspectrum(active)
    np.testing.assert_allclose(
        found.eigenvalues, np.linalg.eigvalsh(np.cov(active.T, ddof=0))[::-1], atol=1e-12
    )
    assert found.noise_edge == pytest.approx(found.eigenvalues[0], rel=0.05)
    assert found.participation_ratio == pytest.approx(found.independent_ratio, rel=0.01)
    # Of one variance, the edge is Marchenko and Pastur's.
    even = np.zeros((400, 100), bool)
    even[:200] = True
    permuted = rng.permuted(even, axis=0)
    assert a2n.eigenspectrum(permuted).noise_edge == pytest.approx(0.25 * (1 + math.sqrt(0.25)) ** 2)
    shared = np.column_stack([rng.random(2000) < 0.3] * 5)
    assert a2n.eigenspectrum(shared).participation_ratio == pytest.approx(1)
    assert math.isnan(a2n.eigenspectrum(np.ones((4, 2))).participation_ratio)


@given(dense(max_units=5))
def test_pairwise_information_against_scikit_learn(active):
    if len(active) < 2:
        return
    bits = a2n.pairwise_information(active)
    corrected = a2n.pairwise_information(active, estimator="miller-madow")
    n = len(active)
    for i in range(active.shape[1]):
        for j in range(active.shape[1]):
            theirs = mutual_info_score(active[:, i], active[:, j]) / math.log(2)
            assert bits[i, j] == pytest.approx(theirs, abs=1e-9)
            if i != j:
                states = [len(np.unique(active[:, [i, j]], axis=0)) - 1]
                states += [len(np.unique(active[:, one])) - 1 for one in (i, j)]
                bias = (states[0] - states[1] - states[2]) / (2 * n * math.log(2))
                assert corrected[i, j] == pytest.approx(theirs - bias, abs=1e-9)


def make_trials(rng, rates, n_trials):
    samples = pd.DataFrame({"sample_index": np.arange(len(rates))})
    return [
        a2n.SpikeRaster.from_dense(rng.random(rates.shape) < rates, samples=samples)
        for _ in range(n_trials)
    ]


def test_trials_against_elephant_and_numpy():
    rng = np.random.default_rng(0)
    trials = make_trials(rng, rng.random((300, 3)), 12)
    whole = a2n.trial_statistics(trials, window=300)
    trains = [a2n.to_spiketrains(trial) for trial in trials]
    theirs = elephant_fanofactor(TrialsFromLists([list(one) for one in trains]))
    np.testing.assert_allclose(whole.fanofactor[:, 0], theirs)
    found = a2n.trial_statistics(trials)
    bits = np.stack([trial.to_dense() for trial in trials])
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found.fanofactor, (bits.var(axis=0) / bits.mean(axis=0)).T)
    noise = bits.var(axis=0, ddof=1).mean(axis=0)
    np.testing.assert_allclose(found.noise_variance, noise)
    np.testing.assert_allclose(found.signal_variance, bits.mean(axis=0).var(axis=0, ddof=1) - noise / 12)
    # Rates spread evenly over [0, 1]: noise ⟨p (1 − p)⟩ = 1/6, signal 1/12.
    np.testing.assert_allclose(found.reliability, 1 / 3, atol=0.06)


def test_trials_as_a_column_and_as_segments_are_the_same():
    rng = np.random.default_rng(0)
    trials = make_trials(rng, rng.random((90, 2)), 3)
    joined = np.vstack([trial.to_dense() for trial in trials])
    samples = pd.DataFrame(
        {"sample_index": np.tile(np.arange(90), 3), "trial": np.repeat([4, 1, 7], 90)}
    )
    raster = a2n.SpikeRaster.from_dense(joined, samples=samples)
    mixed = raster.select(samples=rng.permutation(270))
    expected = a2n.trial_statistics(trials).to_frame()
    for given_trials in (raster, mixed):
        pd.testing.assert_frame_equal(a2n.trial_statistics(given_trials).to_frame(), expected)
    segments = [a2n.to_block(trial).segments[0] for trial in trials]
    found = a2n.trial_statistics(segments).to_frame()
    np.testing.assert_allclose(found["reliability"], expected["reliability"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: a2n.rate_distribution(np.eye(3), by="depth"), "by must be"),
        (lambda: a2n.RateDistribution().result(), "no samples"),
        (lambda: a2n.RateDistribution().merge(a2n.RateDistribution(None)), "later must have by layer"),
        (lambda: a2n.log10_rate_histogram(np.eye(3), bins=[0, -1]), "bins must be"),
        (lambda: a2n.log10_rate_histogram(np.eye(3), bins=0), "bins must be"),
        (lambda: a2n.log10_rate_histogram(np.eye(3), bins=-2), "bins must be"),
        (lambda: a2n.population_coupling(a2n.Correlation(2).update(np.eye(4))), "window 2"),
        (lambda: a2n.pairwise_information(a2n.Correlation(2).update(np.eye(4))), "window 2"),
        (lambda: a2n.pairwise_information(a2n.Correlation()), "0 samples"),
        (lambda: a2n.tuning(np.eye(4), [0, 1, 0, 1], classes=2), "classes must be a list"),
        (lambda: a2n.tuning(np.eye(4), [0, 1, 0, 1], classes=[[0, 1]]), "classes must be a list"),
        (lambda: a2n.eigenspectrum(np.ones((1, 3))), "at least 2 samples"),
        (lambda: a2n.trial_statistics(np.eye(3)), "column 'trial'"),
        (lambda: a2n.trial_statistics([a2n.as_raster(np.eye(3))]), "at least 2"),
        (
            lambda: a2n.trial_statistics([a2n.as_raster(np.eye(3)), a2n.as_raster(np.eye(4))]),
            "same units",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_trials_of_different_samples_are_refused():
    samples = pd.DataFrame({"sample_index": [0, 1, 0, 2], "trial": [0, 0, 1, 1]})
    with pytest.raises(ValueError, match="each of the 3 samples once"):
        a2n.trial_statistics(a2n.SpikeRaster.from_dense(np.eye(4), samples=samples))


@pytest.mark.parametrize("n", [3, 10, 40, 49, 1000])
def test_units_of_one_state_have_no_entropy_and_no_information(n):
    active = np.column_stack([np.zeros(n), np.ones(n), np.arange(n) % 2]).astype(bool)
    for estimator in ("plug-in", "miller-madow"):
        shared = a2n.pairwise_information(active, estimator=estimator)
        assert not shared[:2].any()
        assert not shared[:, :2].any()
    found = a2n.tuning(active, np.arange(n) % 3)
    assert not found.information()[:2].any()
    assert not found.information(estimator="plug-in")[:2].any()


def test_trials_of_other_units_or_splits_are_refused():
    active = np.eye(3)
    units = pd.DataFrame({"layer": ["a", "a", "b"], "unit_index": [0, 1, 0]})
    turned = units.iloc[::-1].reset_index(drop=True)
    one, other = (a2n.SpikeRaster.from_dense(active, units=table) for table in (units, turned))
    with pytest.raises(ValueError, match="in 1 orders of samples and 2 of units"):
        a2n.trial_statistics([one, other])
    samples = pd.DataFrame({"sample_index": range(3)})
    train, test = (
        a2n.SpikeRaster.from_dense(active, samples=samples.assign(dataset_split=split))
        for split in ("train", "test")
    )
    with pytest.raises(ValueError, match="in 2 orders of samples and 1 of units"):
        a2n.trial_statistics([train, test])
    named = a2n.SpikeRaster.from_dense(active, units=units.assign(reliability=1.0))
    with pytest.raises(ValueError, match="no column named as a result"):
        a2n.trial_statistics([named, named]).to_frame()


def test_samples_without_a_trial_are_refused():
    samples = pd.DataFrame({"sample_index": [0, 1] * 3, "trial": [0, 0, 1, 1, np.nan, np.nan]})
    with pytest.raises(ValueError, match="no missing 'trial' in the sample table, got 2"):
        a2n.trial_statistics(a2n.SpikeRaster.from_dense(np.eye(6), samples=samples))


def test_samples_of_one_index_in_two_splits_are_two_classes_of_noise_correlation():
    active = np.random.default_rng(0).random((48, 3)) < 0.5
    index, trial = np.tile(np.arange(12), 4), np.repeat(np.arange(4), 12)
    one = pd.DataFrame({"sample_index": index, "trial": trial})
    split = one.assign(sample_index=index % 6, dataset_split=np.where(index < 6, "train", "test"))
    expected, found = (
        a2n.signal_noise_correlation(a2n.SpikeRaster.from_dense(active, samples=table), "sample_index")
        for table in (one, split)
    )
    np.testing.assert_allclose(found.noise, expected.noise)
    np.testing.assert_allclose(found.signal, expected.signal)
    by_item = active.reshape(4, 12, 3)
    left = (by_item - by_item.mean(axis=0)).reshape(48, 3)
    np.testing.assert_allclose(found.noise, np.corrcoef(left.T))
    parts = a2n.SignalNoise("sample_index")
    raster = a2n.SpikeRaster.from_dense(active, samples=split)
    for first in range(0, 48, 6):
        parts.update(raster.select(samples=range(first, first + 6)))
    np.testing.assert_allclose(parts.result().noise, expected.noise)


def test_labels_of_several_kinds_are_classes():
    active = np.array([[1, 0], [0, 1], [1, 0], [0, 1]])
    found = a2n.tuning(active, np.array([1, "a"] * 2, object))
    assert found.classes.tolist() == [1, "a"]
    assert found.n_spikes.tolist() == [[2, 0], [0, 2]]


def test_trains_are_not_trials():
    trains = [neo.SpikeTrain([1, 2] * pq.ms, t_stop=5 * pq.ms, sampling_rate=1 * pq.kHz)] * 2
    with pytest.raises(ValueError, match="column 'trial'"):
        a2n.trial_statistics(trains)
