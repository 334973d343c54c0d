"""What functions do to values, by the names that torch has for them."""

from __future__ import annotations

from typing import Any

FUNCTIONS = frozenset(
    [
        *("celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh"),
        *("leaky_relu", "logsigmoid", "log_sigmoid", "mish", "prelu", "relu", "relu6", "rrelu", "selu"),
        *("sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold"),
    ]
)
"""Activation functions; those that work in place end in "_" in torch."""

RECTIFYING = frozenset(
    [
        "clamp",
        "clamp_min",
        "clip",
        "max",
        "maximum",
        "mul",
        "__mul__",
        "__rmul__",
        "where",
        "masked_fill",
    ]
)
"""Functions that may be written for a ReLU, as ``x * (x > 0)``: their values tell."""

SHAPING = frozenset(
    [
        *(
            "sin",
            "cos",
            "exp",
            "exp2",
            "expm1",
            "square",
            "pow",
            "__pow__",
            "abs",
            "absolute",
            "__abs__",
        ),
        *("erf", "atan", "arctan", "log1p", "sign", "sgn", "heaviside", "clamp_max", "minimum", "min"),
        *("round", "floor", "ceil", "trunc", "fix", "frac", "remainder", "fmod", "__mod__", "sqrt"),
        *("log", "log2", "log10", "reciprocal", "tan", "asin", "acos", "arcsin", "arccos", "sinh"),
        *("cosh", "asinh", "acosh", "atanh", "arcsinh", "arccosh", "arctanh", "erfc", "logit"),
        *("expit", "sinc", "hypot", "atan2", "float_power", "fmax", "fmin", "logaddexp", "amax"),
        *("angle", "gumbel_softmax"),
        *(
            "amin",
            "aminmax",
            "bernoulli",
            "__rdiv__",
            "__rpow__",
            "topk",
            "kthvalue",
            "sort",
            "softmax",
            "log_softmax",
            "softmin",
        ),
        *RECTIFYING,
    ]
)
"""Functions that may be activation functions: where they come from and lead to tells."""

CHOOSING = frozenset(
    [
        *("where", "masked_fill", "masked_scatter", "__setitem__", "index_put", "scatter", "put"),
        *("scatter_reduce", "index_fill", "index_copy"),
    ]
)
"""Functions that are such where what they choose by comes of the values themselves."""

MULTIPLYING = frozenset(
    [
        *("mul", "multiply", "__mul__", "__rmul__", "__imul__", "div", "divide", "true_divide"),
        *("__truediv__", "__rtruediv__", "__itruediv__", "__rdiv__", "addcmul", "addcdiv", "lerp"),
    ]
)
"""Functions that are such where two of their factors come of the samples: gates."""

COMPARING = frozenset(["gt", "ge", "lt", "le", "__gt__", "__ge__", "__lt__", "__le__", "one_hot"])
"""Functions whose results are such where they are read as numbers."""

SELECTING = frozenset(
    [
        *("chunk", "split", "tensor_split", "unbind", "narrow", "select", "__getitem__", "index_select"),
    ]
)
"""Functions that take a part of the values."""

LIKENESSES = frozenset(
    [
        *("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like"),
        *("randint_like", "new_zeros", "new_ones", "new_full", "new_empty", "new_tensor", "shape"),
    ]
)
"""Functions that take of a tensor its form alone."""

CONTRACTIONS = frozenset(
    [
        *(
            "linear",
            "bilinear",
            "matmul",
            "__matmul__",
            "__rmatmul__",
            "mm",
            "bmm",
            "mv",
            "addmm",
            "addmv",
        ),
        *("addbmm", "baddbmm", "einsum", "tensordot", "inner", "dot", "cdist", "chain_matmul", "spmm"),
        *("conv1d", "conv2d", "conv3d", "convolution", "_convolution", "conv_tbc", "conv_transpose1d"),
        *(
            "conv_transpose2d",
            "conv_transpose3d",
            "embedding_bag",
            "lstm",
            "gru",
            "rnn_tanh",
            "rnn_relu",
        ),
        *("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell", "multi_head_attention_forward"),
        *("cosine_similarity", "pairwise_distance"),
        *("grouped_mm", "_grouped_mm", "scaled_mm", "_scaled_mm", "kron", "opaque layer"),
        "a sum over weights",
        *("linear_dynamic", "linear_dynamic_fp16", "linear_relu", "linear_relu_dynamic", "linear_tanh"),
        *("linear_leaky_relu", "conv1d_relu", "conv2d_relu", "conv3d_relu", "quantized_lstm"),
        *("quantized_gru", "quantized_lstm_cell", "quantized_gru_cell"),
    ]
)
"""Functions that sum over the features of what they are given, times weights or other values."""

SPREAD_SUM = "a sum over weights"
"""What stands for the name of such a sum; what is summed up is no layer of its own."""

SUMMING = frozenset(["sum", "mean", "norm", "vector_norm", "linalg_norm", "linalg_vector_norm"])
"""Functions that sum up what was spread over weights before: products and distances written out."""

NORMALIZATIONS = frozenset(
    [
        *("batch_norm", "native_batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"),
        *(
            "native_layer_norm",
            "native_group_norm",
            "local_response_norm",
            "normalize",
            "_fused_rms_norm",
        ),
    ]
)

REDUCTIONS = frozenset(
    [
        *("mean", "var", "std", "var_mean", "std_mean", "norm", "vector_norm", "linalg_vector_norm"),
        *("sum", "logsumexp", "amax", "softmax", "log_softmax", "normalize"),
    ]
)
"""Functions over all features: what has these and no sums with weights normalizes."""

PASSING = frozenset(
    [
        *("alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"),
        *("feature_dropout", "native_dropout", "clone", "contiguous", "detach", "to", "float", "double"),
        *("half", "bfloat16", "type", "type_as", "identity", "alias", "requires_grad", "__get__"),
        *("view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "ravel", "squeeze"),
        *("unsqueeze", "transpose", "swapaxes", "swapdims", "permute", "movedim", "moveaxis", "t", "T"),
        *("expand", "expand_as", "chunk", "split", "tensor_split", "unbind", "narrow", "select"),
        *("cpu", "cuda", "dequantize", "quantize_per_tensor", "pad", "constant_pad_nd"),
        *("__getitem__", "as_subclass", "lift_fresh", "_to_copy"),
        *("view_as_complex", "view_as_real", "real", "imag", "nan_to_num"),
    ]
)
"""Functions that hand values on, where they lie or elsewhere."""

LINEAR = PASSING | frozenset(
    [
        *(
            "add",
            "__add__",
            "__radd__",
            "__iadd__",
            "sub",
            "subtract",
            "__sub__",
            "__rsub__",
            "__isub__",
        ),
        *("neg", "negative", "__neg__", "cat", "concat", "concatenate", "stack", "sum", "roll", "flip"),
        *("mul", "multiply", "__mul__", "__rmul__", "__imul__", "div", "divide", "true_divide"),
        *("__truediv__", "__itruediv__", "__div__", "__setitem__", "copy", "index_select", "addcmul"),
        *("index_add", "index_put", "scatter", "scatter_add"),
    ]
)
"""Functions that are linear in the values they are given, as long as these are not multiplied."""

PRODUCTS = frozenset(
    [
        *("mul", "multiply", "__mul__", "__rmul__", "__imul__", "div", "divide", "true_divide"),
        *("__truediv__", "__itruediv__", "__div__", "addcmul", *CONTRACTIONS),
    ]
)

NONLINEAR = FUNCTIONS | frozenset(
    [
        *("clamp", "clamp_min", "clamp_max", "clip", "maximum", "minimum", "where", "heaviside", "sign"),
        *("gt", "ge", "lt", "le", "__gt__", "__ge__", "__lt__", "__le__", "greater", "less", "eq"),
        *("greater_equal", "less_equal", "abs", "absolute", "__abs__", "exp", "exp2", "expm1", "log1p"),
        *("square", "sin", "cos", "erf", "topk", "kthvalue", "sort", "opaque", "atan", "arctan", "cosh"),
        *("softmax", "masked_fill", "round", "floor", "__pow__", "pow", "sqrt", "log", "softmin"),
    ]
)
"""Functions of which activation functions are made."""

COMPARISONS = frozenset(
    [
        *("gt", "ge", "lt", "le", "__gt__", "__ge__", "__lt__", "__le__", "greater", "greater_equal"),
        *(
            "less",
            "less_equal",
            "heaviside",
            "opaque",
            "forward",  # of what TorchScript compiled
            "sign",
            "where",
            "eq",
            "bernoulli",
            "ceil",
            "floor",
        ),
    ]
)
"""Functions of which spikes are made."""

_IN_PLACE = frozenset(["__setitem__", "__set__"])


_SPELLED = {"_threshold": "threshold", "special_expit": "expit"}


def name_function(function: Any) -> str:
    """The name of a function, without what marks its overload or that it works in place."""
    name = getattr(function, "__name__", "").partition(".")[0]
    name = name if name.startswith("__") else name.rstrip("_")
    return _SPELLED.get(name, name)


def works_in_place(function: Any, kwargs: Any) -> bool:
    """Whether a function changes its first argument, or one called `out`."""
    name = getattr(function, "__name__", "").partition(".")[0]
    if name.startswith("__"):
        return name in _IN_PLACE or (name.startswith("__i") and name not in ("__invert__", "__index__"))
    changes = name.endswith("_") or "out" in kwargs or bool(kwargs.get("inplace"))
    return changes or (name == "embedding" and kwargs.get("max_norm") is not None)
