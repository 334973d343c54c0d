"""The regularizer's value is the entropy; its gradient leads where the sign of the strength says."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo import training
from ann2neo.training import PatternEntropyRegularizer
from tests.keras_backends import run_under

GENERATORS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def activations(rng, n, n_units, distinct=None):
    """Values at different distances from 0, with no more than so many distinct patterns."""
    signs = rng.choice([-1, 1], size=(distinct or n, n_units))
    picked = signs[rng.integers(len(signs), size=n)]
    return (picked * rng.uniform(0.1, 2, size=picked.shape)).astype("float32")


def entropy(values, **options):
    return float(PatternEntropyRegularizer(1, **options).entropy(values))


def gradient(values, **options):
    regularizer = PatternEntropyRegularizer(1, **options)
    variable = keras.Variable(values)
    if keras.backend.backend() == "torch":
        regularizer.entropy(variable.value).backward()
        return variable.value.grad.numpy()
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.jit(jax.grad(regularizer.entropy))(variable.value))
    tf = pytest.importorskip("tensorflow")
    with tf.GradientTape() as tape:
        loss = regularizer.entropy(variable.value)
    return tape.gradient(loss, variable.value).numpy()


def move(values, rate, steps):
    """Where descent on the entropy takes the values; ascent with a negative rate."""
    for _ in range(steps):
        values = values - np.float32(rate * len(values)) * gradient(values)
    return values


@pytest.mark.parametrize("n_units", [1, 7, 64, 65, 130])
def test_value_is_the_entropy(n_units):
    for seed, distinct in itertools.product(range(4), (1, 5, 200)):
        values = activations(np.random.default_rng(seed), 150, n_units, distinct)
        for threshold in (0.0, 0.5):
            expected = a2n.patterns.pattern_entropy(values > threshold)
            assert entropy(values, threshold=threshold) == pytest.approx(expected, abs=1e-5)


def test_the_first_and_the_last_unit_count():
    values = -np.ones((2, 64), "float32")
    values[0, [0, 63]] = 1
    assert entropy(values) == 1.0
    assert entropy(values[:1]) == entropy(np.zeros((5, 3))) == 0.0


def test_values_are_compared_as_they_are():
    # In float32 the first would be 0.
    assert entropy(np.array([[1e-60], [0.0]])) == 1.0


def test_positions_are_patterns_of_channels():
    values = activations(np.random.default_rng(0), 60, 3).reshape(5, 4, 3, 3)
    assert entropy(values) == pytest.approx(
        a2n.patterns.pattern_entropy(values.reshape(-1, 3) > 0), abs=1e-5
    )


@given(st.integers(1, 300), st.integers(2, 40))
def test_of_too_many_patterns_a_part_spread_evenly(n, at_most):
    regularizer = PatternEntropyRegularizer(1, max_patterns=at_most)
    rows = keras.ops.convert_to_numpy(regularizer._rows(np.arange(n)[:, None]))[:, 0]
    assert min(n, at_most / 2) <= len(rows) <= at_most
    stretch = -(-n // at_most)
    np.testing.assert_array_equal(rows // stretch, np.arange(len(rows)))
    # Not always the same column of an image as wide as a stretch.
    assert len(set(rows % stretch)) == min(stretch, len(rows))


def compute_blurred(values, sample, pattern, blur):
    """Probability of a pattern under the other samples' patterns with flipped bits, by definition."""
    others = np.delete(values > 0, sample, axis=0)
    return np.mean(np.prod(np.where(others == pattern, 1 - blur, blur), axis=1))


@pytest.mark.parametrize("n_units", [1, 3, 6])
def test_gradient_is_the_one_of_the_notes(n_units):
    values = activations(np.random.default_rng(n_units), 12, n_units)
    blur, temperature = 0.2, 0.7
    expected = np.empty_like(values)
    for i, u in np.ndindex(values.shape):
        silent, active = values[i] > 0, values[i] > 0
        silent[u], active[u] = False, True
        odds = compute_blurred(values, i, silent, blur) / compute_blurred(values, i, active, blur)
        logistic = 1 / (1 + np.exp(-values[i, u] / temperature))
        expected[i, u] = np.log2(odds) / len(values) * logistic * (1 - logistic) / temperature
    found = gradient(values, blur=blur, temperature=temperature)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("n_units", [2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_without_blur_the_sign_is_that_of_the_true_change(n_units, seed):
    values = activations(np.random.default_rng(seed), 30, n_units)
    change = np.empty_like(values)
    for i, u in np.ndindex(values.shape):
        silent, active = values > 0, values > 0
        silent[i, u], active[i, u] = False, True
        change[i, u] = a2n.patterns.pattern_entropy(active) - a2n.patterns.pattern_entropy(silent)
    found = gradient(values, blur=1e-6)
    there = np.abs(change) > 1e-9
    assert there.mean() > 0.5
    np.testing.assert_array_equal(np.sign(found)[there], np.sign(change)[there])


@pytest.mark.parametrize("n_units", [1, 7, 512])
@pytest.mark.parametrize("seed", range(2))
def test_descent_lowers_and_ascent_raises(n_units, seed):
    rng = np.random.default_rng(seed)
    # In the wide layers all patterns are distinct and far from each other.
    values = rng.normal(0.2, 1, (60, n_units)).astype("float32")
    before = a2n.patterns.pattern_entropy(values > 0)
    assert a2n.patterns.pattern_entropy(move(values, 1.0, 20) > 0) < before - 0.5
    values = np.concatenate([np.abs(values[:50]), values[50:]])
    before = a2n.patterns.pattern_entropy(values > 0)
    assert a2n.patterns.pattern_entropy(move(values, -1.0, 20) > 0) > before + 0.3


def test_one_sample_has_no_gradient():
    np.testing.assert_array_equal(gradient(np.ones((1, 5), "float32")), 0)


def digits_network(strength, seed, **options):
    keras.utils.set_random_seed(seed)
    regularizer = PatternEntropyRegularizer(strength, **options)
    hidden = keras.layers.Dense(8, activity_regularizer=regularizer, name="hidden")
    layers = [keras.layers.Flatten(), hidden, keras.layers.ReLU(), keras.layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def preactivations(network, x):
    return keras.ops.convert_to_numpy(keras.Sequential(network.layers[:2])(x))


def train_entropy(strength, seed, **options):
    data = training.load("digits").subset(640, 10, rng=np.random.default_rng(seed))
    network = digits_network(strength, seed)
    network.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", **options)
    network.fit(data.x_train, data.y_train, batch_size=64, epochs=4, verbose=0)
    return a2n.patterns.pattern_entropy(preactivations(network, data.x_train) > 0)


@pytest.mark.parametrize("seed", range(2))
def test_penalty_and_reward_in_fit(seed):
    penalized, plain, rewarded = (train_entropy(strength, seed) for strength in (0.1, 0, -0.1))
    assert penalized < plain - 1
    assert rewarded > plain + 1


def test_compiled():
    # Without the penalty it is above 1; see above.
    assert train_entropy(0.1, 0, jit_compile=True) < 1


def test_a_layer_adds_strength_times_entropy():
    # As many as in one batch, and as in a small last one.
    for n in (64, 3):
        x = np.random.default_rng(0).random((n, 8, 8, 1), dtype="float32")
        network = digits_network(0.25, 0, threshold=0.1)
        network(x)
        expected = 0.25 * a2n.patterns.pattern_entropy(preactivations(network, x) > 0.1)
        assert expected > 0
        assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-5)


def test_convolution_in_train():
    rng = np.random.default_rng(0)
    data = training.load("digits").subset(64, 16, rng=rng)
    regularizer = PatternEntropyRegularizer(0.1, max_patterns=100)
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activity_regularizer=regularizer),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    condition = training.GENERALIZING.with_stop(epochs=1)
    options = {"fast": True, "progress": False}
    learned = training.train(condition, network, data, rng=rng, batch_size=20, **options)
    assert np.isfinite(learned.history["loss"]).all()


def test_saved_and_loaded(tmp_path):
    options = {"threshold": 0.1, "temperature": 2.0, "blur": 0.3, "max_patterns": 64}
    config = {"strength": -0.5, **options}
    regularizer = PatternEntropyRegularizer(**config)
    assert regularizer.get_config() == config
    assert PatternEntropyRegularizer.from_config(config).get_config() == config
    network = digits_network(-0.5, 0, **options)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    again = loaded.get_layer("hidden").activity_regularizer
    assert type(again) is PatternEntropyRegularizer
    assert again.get_config() == regularizer.get_config()


def test_refusals():
    for value in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(ValueError, match=f"strength must lie in .*{value}"):
            PatternEntropyRegularizer(value)
    with pytest.raises(TypeError, match="strength must be a number, got True"):
        PatternEntropyRegularizer(True)
    with pytest.raises(TypeError, match="threshold must be a number, got '0'"):
        PatternEntropyRegularizer(1, threshold="0")
    with pytest.raises(ValueError, match=r"temperature must lie in \(0\.0, inf\), got 0"):
        PatternEntropyRegularizer(1, temperature=0)
    for value in (0, 0.5):
        with pytest.raises(ValueError, match=rf"blur must lie in \(0\.0, 0\.5\), got {value}"):
            PatternEntropyRegularizer(1, blur=value)
    with pytest.raises(ValueError, match="max_patterns must be at least 2, got 1"):
        PatternEntropyRegularizer(1, max_patterns=1)
    with pytest.raises(ValueError, match=r"shape \(batch, …, units\), got shape \(4,\)"):
        PatternEntropyRegularizer(1).entropy(np.ones(4))


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends(backend):
    run_under(backend, "tests.training.entropy_backend_program")


@pytest.mark.parametrize("options", [{}, {"max_patterns": 7}, {"threshold": 0.2, "temperature": 0.5}])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_tensors_of_torch(options, dtype):
    torch = pytest.importorskip("torch")
    values = activations(np.random.default_rng(0), 40, 6, distinct=9)
    tensor = torch.tensor(values, dtype=getattr(torch, dtype), requires_grad=True)
    found = PatternEntropyRegularizer(2.0, **options)(tensor.reshape(10, 4, 6))
    in_keras = values.astype(dtype).astype("float32")
    assert float(found.detach()) == pytest.approx(2 * entropy(in_keras, **options), rel=1e-5)
    found.backward()
    expected = 2 * gradient(in_keras, **options)
    tolerance = 1e-2 if dtype == "float16" else 1e-4  # of float32, which it is compared with
    np.testing.assert_allclose(tensor.grad.numpy(), expected, rtol=tolerance, atol=1e-4 * tolerance)
    with pytest.raises(ValueError, match="activations must have shape"):
        PatternEntropyRegularizer(1).entropy(torch.ones(4))
