"""Models of a unit's process: likelihoods by hand, statsmodels, recovery, goodness of fit."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

import ann2neo as a2n
from ann2neo.processes.cells import Cells, forget, remember_age, remember_bits
from ann2neo.processes.estimates import ProcessEstimate
from ann2neo.processes.models import make_bernoulli
from ann2neo.processes.renewal import EDGES, negative_binomial_hazards
from tests.calibration.processes import TRUTHS, measure_coverage
from tests.strategies import dense


def count_slowly(active, codes, history, n_codes):
    """Cells sample by sample, in Python."""
    n_samples, n_units = active.shape
    counts = np.zeros((n_units, n_codes * history.n_groups, 2), np.int64)
    for unit in range(n_units):
        state = 0
        for t in range(n_samples):
            spike = int(active[t, unit])
            counts[unit, codes[t] * history.n_groups + history.groups[state], spike] += 1
            state = history.transitions[state, spike]
    return counts


@settings(max_examples=25)
@given(dense(), st.integers(0, 2**32 - 1))
def test_cells_are_counted_as_one_by_one(active, seed):
    codes = np.random.default_rng(seed).integers(0, 3, len(active))
    for history in (forget(), remember_bits(2), remember_age(EDGES)):
        found = Cells(codes, 3, history).count(a2n.as_raster(active))[:, 0]
        np.testing.assert_array_equal(found, count_slowly(active, codes, history, 3))


def test_histories_are_what_they_say():
    bits, age = remember_bits(3), remember_age(EDGES)
    state = 0
    for spike in (1, 0, 1, 1):
        state = bits.transitions[state, spike]
    assert format(bits.groups[state], "03b") == "011"
    state = age.transitions[7, 1]
    for passed in range(1, 5000):
        group = age.groups[state]
        assert EDGES[group] < passed or group == 0
        assert passed <= EDGES[group + 1] or group == age.n_groups - 1
        state = age.transitions[state, 0]


def test_likelihoods_by_hand():
    active = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0]] * 3, bool)
    labels = np.array([0, 1, 0, 0] * 3)
    fit = a2n.fit_process(active, n_folds=2)
    p = 0.75
    np.testing.assert_allclose(fit.loglik, [9 * np.log(p) + 3 * np.log(1 - p), 0, 0])
    np.testing.assert_allclose(fit.bic[0], np.log(12) - 2 * fit.loglik[0])
    np.testing.assert_allclose(fit.aic[0], 2 - 2 * fit.loglik[0])
    by_class = a2n.fit_process(active, "class", labels=labels, n_folds=2)
    np.testing.assert_allclose(by_class.loglik, 0)
    # Folds of one sample in turn: held out by what (k + ½) / (n + 1) of the others says.
    k, n = np.array([active[0::2, 0].sum(), active[1::2, 0].sum()]), np.array([6, 6])
    others = (k[::-1] + 0.5) / 7
    expected = (k * np.log2(others) + (n - k) * np.log2(1 - others)).sum() / 12
    np.testing.assert_allclose(fit.cv_bits[0], expected)


def test_markov_by_transitions_and_its_order():
    rng = np.random.default_rng(0)
    x = rng.random(3000) < 0.5
    for t in range(2, 3000):  # what follows depends on two samples ago alone
        x[t] = rng.random() < (0.8 if x[t - 2] else 0.3)
    fit = a2n.fit_process(np.column_stack([x, rng.random(3000) < 0.3]), "markov")
    assert fit.estimate.choice.tolist() == [2, 0]
    found = fit.to_parameter_frame()
    first = found[found.unit_index == 0].set_index("parameter")["value"]
    past = np.concatenate([[0, 0], x[:-1]])[1:], np.concatenate([[0, 0], x[:-2]])
    for word in ("00", "01", "10", "11"):
        here = (past[1] == int(word[0])) & (past[0] == int(word[1]))
        assert first[f"after_{word}"] == pytest.approx(x[here].mean())
    assert (found.unit_index == 1).sum() == 1


def test_glm_against_statsmodels():
    rng = np.random.default_rng(0)
    labels, others = rng.integers(0, 3, 900), rng.random((900, 2)) < 0.4
    eta = -1 + np.array([0, 1, -1])[labels] + others @ [0.8, -0.5]
    active = np.column_stack([rng.random((900, 2)) < 1 / (1 + np.exp(-eta))[:, None], others])
    fit = a2n.fit_process(active, "glm", history=2, labels=labels, units=[2, 3])
    assert fit.n_units == 2
    assert fit.estimate.names[:5] == ["intercept", "label_1", "label_2", "unit_2", "unit_3"]
    for unit in range(2):
        y = active[:, unit].astype(float)
        past = np.column_stack([np.concatenate([np.zeros(lag), y[:-lag]]) for lag in (1, 2)])
        design = np.column_stack([np.ones(900), labels == 1, labels == 2, others, past]).astype(float)
        theirs = sm.GLM(y, design, family=sm.families.Binomial()).fit(tol=1e-12)
        np.testing.assert_allclose(fit.estimate.values[unit], theirs.params, atol=1e-8)
        np.testing.assert_allclose(fit.loglik[unit], theirs.llf, rtol=1e-10)
        half = stats.norm.ppf(0.975) * theirs.bse
        np.testing.assert_allclose(fit.estimate.high[unit] - fit.estimate.values[unit], half, rtol=1e-5)


def test_drift_against_statsmodels():
    rng = np.random.default_rng(1)
    active = rng.random((512, 2)) < np.linspace(0.1, 0.9, 512)[:, None]
    fit = a2n.fit_process(active, "drift", df=4)
    design = fit.model.features[fit.model.cells.codes]
    theirs = sm.GLM(active[:, 0].astype(float), design, family=sm.families.Binomial()).fit(tol=1e-12)
    np.testing.assert_allclose(fit.estimate.values[0], theirs.params, atol=1e-8)
    assert np.linalg.matrix_rank(design) == 4
    np.testing.assert_allclose(design.sum(axis=1), 1)


def test_negative_binomial_hazards_against_scipy():
    for mean, shape in ((3.0, 0.5), (20.0, 1.0), (8.0, 4.0)):
        law = stats.nbinom(shape, shape / (shape + mean))
        hazards = negative_binomial_hazards(np.log([mean]), np.log([shape]))[0]
        age = np.arange(32)
        np.testing.assert_allclose(hazards[:32], law.pmf(age) / law.sf(age - 1), rtol=1e-6)
        survival = np.concatenate([[1], np.cumprod((1 - hazards) ** np.diff(EDGES))])
        np.testing.assert_allclose(survival[:40], law.sf(EDGES[:40] - 1), rtol=1e-6, atol=1e-12)
    even = negative_binomial_hazards(np.log([20.0]), np.log([1.0]))
    np.testing.assert_allclose(even, 1 / 21)


@pytest.fixture(scope="module")
def truth():
    """Fits to 5,000 samples, a model each: what the recovery tests draw from."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, 5000)
    samples = pd.DataFrame({"sample_index": np.arange(5000), "label": labels})
    n_units = 40
    class_rates = rng.uniform(0.1, 0.9, (4, n_units))
    by_class = a2n.SpikeRaster.from_dense(
        rng.random((5000, n_units)) < class_rates[labels], samples=samples
    )
    sticky = np.empty((5000, n_units), bool)
    state = np.zeros(n_units, bool)
    for t in range(5000):
        state = rng.random(n_units) < np.where(state, 0.6, 0.2)
        sticky[t] = state
    pauses = rng.negative_binomial(4, 4 / (4 + 6), (5000, n_units))
    regular = np.zeros((5000, n_units), bool)
    for unit in range(n_units):
        spikes = np.cumsum(pauses[:, unit] + 1) - 1
        regular[spikes[spikes < 5000], unit] = True
    drifting = rng.random((5000, n_units)) < np.linspace(0.2, 0.5, 5000)[:, None]
    plain = rng.random((5000, n_units)) < rng.uniform(0.05, 0.9, n_units)
    made = {"bernoulli": plain, "markov": sticky, "renewal": regular, "drift": drifting}
    rasters = {k: a2n.SpikeRaster.from_dense(v, samples=samples) for k, v in made.items()}
    return {**rasters, "class": by_class}


@pytest.mark.parametrize("name", ["bernoulli", "class", "markov", "renewal", "drift"])
def test_the_right_model_wins(truth, name):
    found = a2n.compare_processes(truth[name], ("bernoulli", "class", "markov", "drift", "renewal"))
    assert np.mean(found.best == name) >= 0.95
    table = found.to_frame()
    assert table.loc[("units", name), "best_fraction"] >= 0.95
    if name != "bernoulli":
        assert table.loc[("units", name), "mean_gain"] > 0
        assert table.loc[("units", name), "mean_margin"] > 0
    assert len(found.to_unit_frame()) == 40


@pytest.mark.parametrize("name", ["bernoulli", "class", "markov", "renewal"])
def test_goodness_of_fit_accepts_the_right_model_and_rejects_the_wrong(truth, name):
    rng = np.random.default_rng(0)
    fit = a2n.fit_process(truth[name], name, n_folds=2)
    test = a2n.rescaling_test(fit, truth[name], rng=rng)
    assert stats.kstest(test.pvalue, "uniform").pvalue > 0.001
    if name in ("markov", "renewal"):
        wrong = a2n.fit_process(truth[name], n_folds=2)
        assert np.median(a2n.rescaling_test(wrong, truth[name], rng=rng).pvalue) < 1e-3


@pytest.mark.parametrize("name", TRUTHS)
def test_parameters_are_recovered(name):
    # A slice: 1,000 units of 10,000 samples in tests/calibration.
    inside = measure_coverage(name, 80, 3000, np.random.default_rng(1))
    assert np.isnan(inside).mean() < 0.1
    assert 0.9 <= np.nanmean(inside) <= 0.99


def test_simulation_goes_by_the_fit(truth):
    fit = a2n.fit_process(truth["markov"], "markov", order=1)
    made = a2n.simulate(fit, 50_000, rng=np.random.default_rng(0))
    p = a2n.fit_process(made, "markov", order=1).estimate.values
    np.testing.assert_allclose(p, fit.estimate.values, atol=0.03)
    assert made.annotations["simulated"] == "markov"
    same = [a2n.simulate(fit, 100, rng=np.random.default_rng(3)) for _ in range(2)]
    assert same[0] == same[1]


def test_constant_units_have_likelihood_one_and_no_parameters_that_say_nothing():
    active = np.column_stack([np.zeros(400), np.ones(400), np.arange(400) % 2]).astype(bool)
    labels = np.arange(400) % 4 // 2
    for name in ("bernoulli", "class", "markov", "drift", "renewal", "glm"):
        options = {"labels": labels} if name == "class" else {}
        fit = a2n.fit_process(active, name, **options)
        np.testing.assert_allclose(fit.loglik[:2], 0, atol=1e-9)
        assert np.isfinite(fit.cv_bits).all()
    assert np.isnan(fit.estimate.values[:2]).all()
    # A unit that its own last sample decides: no finite log-odds.
    assert np.isnan(fit.estimate.values[2]).all()
    assert a2n.compare_processes(active, ("bernoulli", "markov")).best.tolist() == [None, None, "markov"]
    test = a2n.rescaling_test(a2n.fit_process(active), active, rng=np.random.default_rng(0))
    assert np.isnan(test.pvalue[0])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bernoulli", {}),
        ("class", {"labels": np.arange(300) % 3}),
        ("markov", {}),
        ("drift", {}),
        ("glm", {}),
        *[("renewal", {"intervals": kind}) for kind in (None, "negative-binomial", "free")],
    ],
)
def test_what_the_other_folds_never_showed_is_not_impossible(name, options):
    # One spike, or one pause, at the first sample, within, at the last; a unit always on.
    active = np.zeros((300, 7), bool)
    active[[0, 77, 299], [0, 1, 2]] = True
    active[:, 3:] = True
    active[[0, 77, 299], [3, 4, 5]] = False
    fit = a2n.fit_process(active, name, **options)
    assert np.isfinite(fit.cv_bits).all()
    # As far from certain as half a spike and half a pause make it.
    assert (fit.cv_bits < -1e-4).all()
    if name in ("bernoulli", "drift", "glm"):
        np.testing.assert_allclose(fit.cv_bits[:3], fit.cv_bits[3:6], atol=0.02)


def test_a_constant_unit_is_held_out_alike_by_logistic_models_and_shares():
    active = np.column_stack([np.zeros(100), np.ones(100)]).astype(bool)
    expected = a2n.fit_process(active).cv_bits
    for name, options in (("drift", {}), ("glm", {"history": 0})):
        np.testing.assert_allclose(a2n.fit_process(active, name, **options).cv_bits, expected)


def test_results_do_not_take_the_place_of_columns_of_units():
    units = pd.DataFrame({"layer": "a", "unit_index": [0, 1, 2], "best": 1.0, "value": 2.0})
    raster = a2n.SpikeRaster.from_dense(ACTIVE, units=units)
    found = a2n.compare_processes(raster, ("bernoulli", "markov"))
    with pytest.raises(ValueError, match=r"no column named as a result, got \['best'\]"):
        found.to_unit_frame()
    with pytest.raises(ValueError, match=r"no column named as a result, got \['value'\]"):
        found.fits["markov"].to_parameter_frame()


def test_blocks_of_units_change_nothing(monkeypatch):
    active = np.random.default_rng(0).random((300, 7)) < 0.4
    whole = a2n.fit_process(active, "markov")
    monkeypatch.setattr("ann2neo.processes.fit._COUNTS", 200)
    parts = a2n.fit_process(active, "markov")
    pd.testing.assert_frame_equal(whole.to_frame(), parts.to_frame())
    np.testing.assert_array_equal(whole.estimate.values, parts.estimate.values)
    assert isinstance(parts.estimate, ProcessEstimate)


ACTIVE = np.random.default_rng(0).random((50, 3)) < 0.5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: a2n.fit_process(ACTIVE, "poisson"), ValueError, "model must be one of"),
        (lambda: a2n.fit_process(ACTIVE, "class"), ValueError, "labels must be a column"),
        (
            lambda: a2n.fit_process(ACTIVE, "markov", max_order=6),
            ValueError,
            "max_order must be at most",
        ),
        (lambda: a2n.fit_process(ACTIVE, "markov", order=6), ValueError, "order must be at most"),
        (lambda: a2n.fit_process(ACTIVE, "markov", df=6), TypeError, "takes the options"),
        (lambda: a2n.fit_process(ACTIVE, "drift", df=3), ValueError, "df must be at least 4"),
        (lambda: a2n.fit_process(ACTIVE, "drift", df=51), ValueError, "df must be at most 50"),
        (lambda: a2n.fit_process(ACTIVE, "renewal", intervals="gamma"), ValueError, "intervals"),
        (lambda: a2n.fit_process(ACTIVE, "glm", history=9), ValueError, "history must be at most"),
        (lambda: a2n.fit_process(ACTIVE, "glm", units=[0, 1, 2]), ValueError, "leave a unit"),
        (lambda: a2n.fit_process(ACTIVE, "glm", units=1), ValueError, "units must be"),
        (lambda: a2n.fit_process(ACTIVE, "glm", units=None), ValueError, "units must be"),
        (lambda: a2n.fit_process(ACTIVE, "glm", units=[0, 0]), ValueError, "determine one another"),
        (lambda: a2n.fit_process(ACTIVE, n_folds=1), ValueError, "n_folds must be at least 2"),
        (lambda: a2n.fit_process(ACTIVE, n_folds=51), ValueError, "n_folds must be at most"),
        (lambda: a2n.compare_processes(ACTIVE, ()), ValueError, "models must be"),
        (lambda: a2n.compare_processes(ACTIVE, "markov"), ValueError, "models must be"),
        (lambda: a2n.compare_processes(ACTIVE, ("markov", "markov")), ValueError, "each once"),
        (lambda: a2n.compare_processes(ACTIVE, ("markov",), options={"glm": {}}), ValueError, "options"),
        (
            lambda: a2n.simulate(a2n.fit_process(ACTIVE, "drift"), 9, rng=np.random.default_rng(0)),
            ValueError,
            "must be the 50",
        ),
        (lambda: a2n.simulate(a2n.fit_process(ACTIVE), rng=0), TypeError, "rng"),
        (
            lambda: a2n.rescaling_test(
                a2n.fit_process(ACTIVE), ACTIVE[:9], rng=np.random.default_rng(0)
            ),
            ValueError,
            "what was fitted",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_model_of_ones_own_raster():
    assert make_bernoulli(a2n.as_raster(ACTIVE)).cells.n_cells == 1


def test_geometric_intervals_have_a_mean_pause_with_wilson_s_interval():
    active = np.random.default_rng(0).random((2000, 2)) < [0.2, 0.6]
    found = a2n.fit_process(active, "renewal", intervals="geometric").estimate
    assert found.names[0] == "log_mean_pause"
    for unit, spikes in enumerate(active.sum(axis=0)):
        low, high = proportion_confint(spikes, len(active), method="wilson")
        expected = [np.log((1 - p) / p) for p in (spikes / len(active), high, low)]
        numbers = found.values[unit, 0], found.low[unit, 0], found.high[unit, 0]
        np.testing.assert_allclose(numbers, expected, rtol=1e-9)
        assert np.isnan(found.values[unit, 1:]).all()
