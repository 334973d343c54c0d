"""Experimental: the entropy of a layer's activation patterns as something that training can change."""

from __future__ import annotations

import math
import numbers
from typing import Any

import keras
import numpy as np
from keras import ops

from ann2neo.spikes.argument_checks import check_count

_TINY = 1e-30
# Before (keras-team/keras, pull request 22021) it said so and did not.
_KERAS_DIVIDES = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 14)


@keras.saving.register_keras_serializable("ann2neo")
class PatternEntropyRegularizer(keras.regularizers.Regularizer):  # type: ignore[misc]
    """Experimental: the entropy of a batch's activation patterns as a loss, with a surrogate gradient.

    For ``activity_regularizer=`` of a Keras layer, which then adds strength · H to the loss: H is the
    plug-in entropy in bits of the patterns [activation > threshold] in the batch. In a loop of your own:
    ``strength * regularizer.entropy(activations)``, also with tensors of torch, whatever Keras' backend:
    it returns a tensor of torch then, through which the gradient goes.

    Its arguments and its gradient may still change. It is a tool to study patterns with, not one against
    memorization: see the Notes.

    Parameters
    ----------
    strength : float
        Loss per bit of entropy: positive penalizes entropy, negative rewards it, 0 only computes it.
    threshold : float
        As for `record`.
    temperature : float
        Positive: how far from the threshold, in units of the activations, a unit still feels the
        gradient.
    blur : float
        In (0, 0.5): ε of the Notes. Small: only patterns that nearly coincide attract or repel each
        other.
    max_patterns : int
        At least 2. Of more patterns than these in a batch, not more than these and at least half as
        many are used, for value and gradient: one of each stretch of ⌈n / max_patterns⌉. Several arrays
        of ``max_patterns ** 2`` numbers are kept in memory.

    Raises
    ------
    TypeError, ValueError
        If an argument is not in its domain; on a call, if the activations have no axis of units.

    See Also
    --------
    ann2neo.patterns.pattern_entropy : the same number, of a whole raster.

    Notes
    -----
    **Where to put it.** On the layer *before* a ReLU, ``Dense(64, activity_regularizer=…)`` and then
    ``ReLU()``: the patterns are the same, as relu(z) > 0 where z > 0. Behind a ReLU, whose own gradient
    is 0 for a silent unit, it can silence units but wake none.

    **Axes.** The last axis holds the units, as for Dense layers and for convolutions with
    ``channels_last``, each position of which is a pattern of its channels.

    **Value.** With n patterns, c(i) of them equal to that of i, H = −(1/n) Σᵢ log₂(c(i) / n): exact, and
    at most log₂ n whatever the layer could do. As Keras, from 3.14 on, divides what an activity
    regularizer returns by the batch size, a call then returns strength · H times the batch size.

    **Gradient.** H is a step function of the activations a. Moving a share dp of the samples from
    pattern x to pattern y changes it by dp · log₂(P(x) / P(y)), P being the patterns' distribution. For
    sample i and unit u, let x₀ and x₁ be the pattern of i with u silent and active, and P₋ᵢ the
    distribution of the other samples' patterns after each bit is flipped with probability ε, so
    P₋ᵢ(x) ∝ Σ_{j≠i} (ε / (1 − ε)) ** d(x, xⱼ) with the Hamming distance d. The gradient is taken to
    be ::

        ∂H/∂b(i,u) = (1/n) log₂(P₋ᵢ(x₀) / P₋ᵢ(x₁))
        ∂b/∂a = σ'((a − threshold) / temperature) / temperature,    σ: the logistic function

    which is straight-through on the bits b, with counts blurred by ε. For ε → 0 its sign is that of the
    true change of H when the bit is switched on, wherever there is a change. The blur lets samples feel
    each other that differ in several units, as nearly all do in a wide layer: a ratio of probabilities
    does not vanish with the number of units, and is at most (1 − ε) / ε.

    **What it does not do.** Against learning noisy labels by heart a penalty on pattern entropy, like
    one on firing rates, does no better than a narrower network; dropout of .8 and weight decay win by
    far (MNIST with 40 % wrong labels, mean of five seeds, test accuracy after 25 passes: .67 without
    anything, .69 and .67 with rates penalized, .47 with pattern entropy, .68 with 128 units instead of
    512, .89 with weight decay, .88 with dropout). See the page "What works and what does not".

    **Limits.** A reward goes on pushing patterns apart where H has reached log₂ n. A penalty ends in a
    local minimum where large groups of samples share patterns that are far apart: each group holds its
    own together.

    References
    ----------
    Bengio, Léonard and Courville, "Estimating or propagating gradients through stochastic neurons"
    (2013), arXiv:1308.3432: the straight-through estimator. Hartmann, Franzen and Brodehl, Frontiers in
    Artificial Intelligence 4 (2021) 642374: entropies of activation patterns.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ann2neo import training
    >>> activations = np.array([[1.0, -1.0], [2.0, 0.5], [0.1, -3.0], [0.3, 0.2]])
    >>> float(training.PatternEntropyRegularizer(0.1).entropy(activations))
    1.0
    >>> penalized = keras.layers.Dense(
    ...     64, activity_regularizer=training.PatternEntropyRegularizer(0.1), name="hidden"
    ... )
    >>> model = keras.Sequential([penalized, keras.layers.ReLU(), keras.layers.Dense(10, "softmax")])
    """

    def __init__(
        self,
        strength: float,
        *,
        threshold: float = 0.0,
        temperature: float = 1.0,
        blur: float = 0.1,
        max_patterns: int = 1024,
    ) -> None:
        self.strength = _check_number(strength, "strength")
        self.threshold = _check_number(threshold, "threshold")
        self.temperature = _check_number(temperature, "temperature", above=0.0)
        self.blur = _check_number(blur, "blur", above=0.0, below=0.5)
        self.max_patterns = check_count(max_patterns, "max_patterns")
        if self.max_patterns < 2:
            raise ValueError(f"max_patterns must be at least 2, got {max_patterns}")

    def __call__(self, activations: Any) -> Any:
        """Strength · entropy, times the batch size where Keras divides by it; see the Notes."""
        loss = self.strength * self.entropy(activations)
        if _is_of_torch_alone(activations):
            return loss
        return loss * ops.cast(ops.shape(activations)[0], loss.dtype) if _KERAS_DIVIDES else loss

    def entropy(self, activations: Any) -> Any:
        """Entropy of the patterns in bits, a scalar tensor; activations of shape (batch, …, units)."""
        if _is_of_torch_alone(activations):
            return self._find_entropy_of_torch(activations)
        values = self._rows(ops.convert_to_tensor(activations))
        values = ops.cast(values, keras.backend.result_type(values.dtype, "float32"))
        entropy, slope = self._measure(values)
        soft = ops.sum(slope * ops.sigmoid((values - self.threshold) / self.temperature))
        return entropy + (soft - ops.stop_gradient(soft))

    def _find_entropy_of_torch(self, activations: Any) -> Any:
        """The same for a tensor that Keras' backend knows nothing of, and does the counting for."""
        if activations.ndim < 2:
            shape = tuple(activations.shape)
            raise ValueError(f"activations must have shape (batch, …, units), got shape {shape}")
        rows = activations.reshape(-1, activations.shape[-1])
        stretch = -(-len(rows) // self.max_patterns)
        number = np.arange(len(rows) // stretch)
        values = rows[(number * stretch + number % stretch).tolist()]
        values = values if values.element_size() >= 4 else values.float()
        entropy, slope = self._measure(ops.convert_to_tensor(values.detach().cpu().numpy()))
        slopes = values.new_tensor(ops.convert_to_numpy(slope))
        soft = (slopes * ((values - self.threshold) / self.temperature).sigmoid()).sum()
        return soft - soft.detach() + float(entropy)

    def _measure(self, values: Any) -> tuple[Any, Any]:
        """Entropy of the patterns of rows of values, and its slope with respect to their bits."""
        active = values > self.threshold
        bits = ops.cast(active, values.dtype)
        n_active = ops.sum(bits, -1)
        # Small whole numbers: exact.
        distance = n_active[:, None] + n_active - 2 * ops.matmul(bits, ops.transpose(bits))
        count = ops.sum(ops.cast(ops.equal(distance, 0), values.dtype), -1)
        n = ops.cast(ops.shape(values)[0], values.dtype)
        slope = ops.stop_gradient(self._log_odds_of_silence(bits, distance) / n)
        return ops.mean(ops.log2(n / count)), slope

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        names = ("strength", "threshold", "temperature", "blur", "max_patterns")
        return {name: getattr(self, name) for name in names}

    def _rows(self, activations: Any) -> Any:
        """The patterns' values, (n, units)."""
        shape = ops.shape(activations)
        if len(shape) < 2:
            raise ValueError(f"activations must have shape (batch, …, units), got shape {shape}")
        rows = ops.reshape(activations, (-1, shape[-1]))
        n = ops.shape(rows)[0]
        stretch = (n + self.max_patterns - 1) // self.max_patterns
        number = ops.arange(n // stretch)
        # The place moves on within each stretch, which may be as long as an image is wide.
        return ops.take(rows, number * stretch + number % stretch, axis=0)

    def _log_odds_of_silence(self, bits: Any, distance: Any) -> Any:
        """log₂(P₋ᵢ(x₀) / P₋ᵢ(x₁)) of the Notes, (n, units)."""
        ratio = (1 - self.blur) / self.blur
        itself = ops.eye(ops.shape(bits)[0], dtype=bits.dtype)
        apart = distance + itself * (bits.shape[-1] + 1)
        # Relative to the nearest: with many units the powers themselves underflow.
        nearest = ops.min(apart, -1, keepdims=True)
        weight = (1 - itself) * ops.exp(-math.log(ratio) * (apart - nearest))
        # Weights of the others in which the unit is active, and silent, by the distance of other units.
        on = ops.matmul(weight, bits) * ops.power(ratio, 1 - bits)
        off = ops.matmul(weight, 1 - bits) * ops.power(ratio, bits)
        return ops.log2((on + ratio * off + _TINY) / (ratio * on + off + _TINY))


def _is_of_torch_alone(activations: Any) -> bool:
    of_torch = type(activations).__module__.partition(".")[0] == "torch"
    return of_torch and keras.backend.backend() != "torch"


def _check_number(value: Any, name: str, *, above: float = -math.inf, below: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r:.60}")
    number = float(value)
    if not above < number < below:
        raise ValueError(f"{name} must lie in ({above}, {below}), got {value!r:.60}")
    return number
