"""Names of torch's operations, by what `convert` makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from co_perception.continual.convert import constants, norms, pieces, reductions, shapes  # noqa: F401  # add to FUNCTIONS
from co_perception.continual.convert.contraction import CONTRACTIONS
from co_perception.continual.convert.convolution import CONVOLUTIONS
from co_perception.continual.convert.functions import FUNCTIONS
from co_perception.continual.convert.space import FUNCTIONS_OF_SPACE

ELEMENTWISE = frozenset({
    "relu", "relu6", "gelu", "silu", "sigmoid", "tanh", "hardtanh", "hardswish", "hardsigmoid", "leaky_relu", "elu",
    "selu", "celu", "mish", "softplus", "softsign", "logsigmoid", "threshold", "hardshrink", "softshrink",
    "tanhshrink", "abs", "absolute", "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "square",
    "reciprocal", "sin", "cos", "neg", "negative", "sign", "erf", "clamp", "clip", "clamp_min", "clamp_max", "add",
    "sub", "subtract", "mul", "multiply", "truediv", "div", "divide", "true_divide", "pow", "maximum", "minimum",
    "float", "half", "double", "bfloat16", "rsub", "rdiv", "rtruediv", "rpow", "radd", "rmul", "where", "masked_fill",
    "gt", "ge", "lt", "le", "eq", "ne", "logical_and", "logical_or", "logical_not", "bitwise_not", "bitwise_and",
    "bitwise_or", "invert", "and", "or", "isnan", "isinf", "isfinite", "nan_to_num", "floor", "ceil", "round",
    "remainder", "fmod", "atan2", "atan", "hypot", "lerp", "addcmul", "addcdiv", "logit", "floor_divide",
    "special_expit", "exp2", "int", "long", "bool", "xlogy", "softmin", "frac", "trunc", "heaviside", "logaddexp",
    "asinh", "sinh", "cosh", "tan",
})  # fmt: skip
IN_PLACE: Mapping[str, Callable[..., Any]] = {
    "iadd": torch.add, "isub": torch.sub, "imul": torch.mul, "itruediv": torch.div, "idiv": torch.div,
    "ipow": torch.pow,
}  # fmt: skip
MOVED_IN_PLACE = ("transpose_", "swapaxes_", "swapdims_", "t_", "squeeze_", "unsqueeze_")
AS_MODULE: dict[str, type[nn.Module]] = {
    f"{kind}_pool{axes}d": getattr(nn, f"{name}Pool{axes}d")
    for axes in (1, 2, 3)
    for kind, name in (("max", "Max"), ("avg", "Avg"), ("adaptive_avg", "AdaptiveAvg"), ("adaptive_max", "AdaptiveMax"))
} | {
    "glu": nn.GLU,
    "interpolate": nn.Upsample,
    "softmax": nn.Softmax,
    "log_softmax": nn.LogSoftmax,
    "dropout": nn.Dropout,
    "dropout1d": nn.Dropout1d,
    "dropout2d": nn.Dropout2d,
    "dropout3d": nn.Dropout3d,
    "alpha_dropout": nn.AlphaDropout,
}
NUMPY_NAMES: Mapping[str, str] = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x2": "other"}
LISTS: Mapping[str, str] = {  # arguments that may be given one by one
    "squeeze": "dim", "permute": "dims", "flip": "dims", "view": "size", "reshape": "shape", "expand": "size",
    "repeat": "repeats", "tile": "dims", "broadcast_to": "size",
}  # fmt: skip
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
SAME = frozenset({"contiguous", "detach", "cuda", "cpu", "requires_grad_", "type_as", "data", "retain_grad", "detach_"})
OF_WEIGHTS = frozenset({*CONTRACTIONS, *CONVOLUTIONS})
OF_STATES = frozenset({*SAME, "clone", "getitem", "squeeze", "mean", "to"})
# Their answers may share memory with what they are given; dropout gives its input itself outside training.
VIEWS = frozenset({
    "getitem", "transpose", "swapaxes", "swapdims", "permute", "movedim", "moveaxis", "squeeze", "unsqueeze", "view",
    "reshape", "flatten", "chunk", "split", "dropout", "float", "half", "double", "bfloat16", "to", "type", "unbind",
    "iter", "unflatten", "view_as", "reshape_as", "expand", "expand_as", "narrow", "select", "T", "mT", "t", "real",
    "split_with_sizes", "tensor_split", "broadcast_to", *SAME,
})  # fmt: skip
OUTDATED = (
    "an operation in place has changed a tensor that shares memory with the one used here (a view of it, or what it is "
    "a view of); use the operation that is not in place"
)
VIEW_MODULES = (nn.Flatten, nn.Unflatten, *DROPOUTS)
HANDLERS: Mapping[str, Callable[..., Any]] = {
    **FUNCTIONS, **CONTRACTIONS, **CONVOLUTIONS, **FUNCTIONS_OF_SPACE, **constants.MADE,
}  # fmt: skip
PADDING_FIRST = frozenset({"pad", "cat", "concat", "concatenate", "conv1d", "conv2d", "conv3d", *AS_MODULE, *SAME})


def named(function: Callable[..., Any]) -> str:
    """The name of an operation, that of an operator without its underscores."""
    name = str(getattr(function, "__name__", function))
    return name[2:-2] if name.startswith("__") and name.endswith("__") else name
