"""Translations of torch's operations to ONNX, one function for each, in the table `OPERATIONS`.

A translation is called with a `Place` that nodes are written to and with the operation's own arguments, and returns the
value of the graph. Every value that depends on an input has streams on axis 0, whose number stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor


class UnsupportedOperationError(ValueError):
    """An operation, or a use of one, that has no translation here."""


class Named:
    """A value of the graph: its name, a tensor of its shape and dtype, and the value that it is a reshape of.

    convolution: its input, weight, bias and settings, where it is that of constants. shared: whether several operations
    of the trace take it.
    """

    def __init__(self, name: str, like: Tensor, reshaped: Named | None = None) -> None:
        self.name, self.like, self.reshaped = name, like, reshaped
        self.convolution: tuple[Named, Tensor, Tensor | None, dict[str, Any]] | None = None
        self.shared = False


Input = Named | Tensor  # of a node: a value of the graph, or a constant
Scalar = Named | Tensor | float | int | bool
Sizes = int | Sequence[int]  # one for all axes, or one for each


class Writer(Protocol):
    """Adds nodes of one output, or of several, to a graph; attributes: of the operation in ONNX."""

    def add(self, kind: str, inputs: Sequence[Input], like: Tensor, **attributes: Any) -> Named: ...
    def add_many(
        self, kind: str, inputs: Sequence[Input], likes: Sequence[Tensor], **attributes: Any
    ) -> list[Named]: ...


class Place:
    """Where a translation writes: calling it adds a node, whose output has the shape and dtype of `like`.

    like: of the torch operation's output: a tensor, or several where it has several outputs.
    """

    def __init__(self, writer: Writer, like: Any) -> None:
        self.writer, self.like = writer, like

    def __call__(self, kind: str, *inputs: Input, like: Tensor | None = None, **attributes: Any) -> Named:
        return self.writer.add(kind, inputs, self.like if like is None else like, **attributes)


def _pair(size: Sizes, axes: int) -> list[int]:
    return [size] * axes if isinstance(size, int) else list(size) * (axes if len(size) == 1 else 1)


def _convolution(
    at: Place, x: Named, weight: Input, bias: Input | None = None, stride: Sizes = 1, padding: Sizes | str = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Named:  # fmt: skip
    axes = at.like.dim() - 2
    if isinstance(padding, str):
        raise UnsupportedOperationError(f"a convolution with padding {padding!r}")
    settings: dict[str, Any] = dict(
        strides=_pair(stride, axes), pads=_pair(padding, axes) * 2, dilations=_pair(dilation, axes), group=groups
    )
    made = at("Conv", x, weight, *([] if bias is None else [bias]), **settings)
    if not isinstance(weight, Named) and not isinstance(bias, Named):
        made.convolution = (x, weight, bias, settings)
    return made


def _transposed(
    at: Place, x: Named, weight: Input, bias: Input | None = None, stride: Sizes = 1, padding: Sizes = 0,
    more: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Named:  # fmt: skip
    axes = at.like.dim() - 2
    settings: dict[str, Any] = dict(
        strides=_pair(stride, axes), pads=_pair(padding, axes) * 2, dilations=_pair(dilation, axes), group=groups,
        output_padding=_pair(more, axes),
    )  # fmt: skip
    return at("ConvTranspose", x, weight, *([] if bias is None else [bias]), **settings)


def _linear(at: Place, x: Named, weight: Input, bias: Input | None = None) -> Named:
    if isinstance(weight, Named):
        raise UnsupportedOperationError("a linear map whose weight is computed")
    if at.like.dim() == 2:
        return at("Gemm", x, weight, *([] if bias is None else [bias]), transB=1)
    y = at("MatMul", x, weight.T.contiguous())
    return y if bias is None else at("Add", y, bias)


def _mean(at: Place, x: Named, axes: Sequence[int] | None = None, keepdim: bool = False, dtype: object = None) -> Named:
    shape = x.like.shape
    if axes is None:
        raise UnsupportedOperationError("a mean over all axes, streams included")
    whole = sorted(axis % len(shape) for axis in axes)
    if len(shape) == 4 and whole == [2, 3]:
        pooled = at("GlobalAveragePool", x, like=x.like.new_empty(*shape[:2], 1, 1))
        return pooled if keepdim else at("Flatten", pooled, axis=1)
    return at("ReduceMean", x, torch.tensor(list(axes)), keepdims=int(keepdim))


def _adaptive_mean(at: Place, x: Named, size: object) -> Named:
    """An adaptive average pool to one, the commonest head; axes whose length stays are left alone."""
    before, after = x.like.shape[2:], at.like.shape[2:]
    if any(new not in (1, old) for old, new in zip(before, after, strict=True)):
        raise UnsupportedOperationError(f"an adaptive pool from {tuple(before)} to {tuple(after)}")
    axes = [2 + axis for axis, new in enumerate(after) if new == 1]
    return at("ReduceMean", x, torch.tensor(axes), keepdims=1)


def _prelu(at: Place, x: Named, slope: Input) -> Named:
    if isinstance(slope, Named):
        raise UnsupportedOperationError("a PReLU whose slope is computed")
    return at("PRelu", x, slope.reshape(-1, *[1] * (x.like.dim() - 2)))


def _view(at: Place, x: Named, *shape: object) -> Named:
    del shape  # as torch found it, with the streams left open
    first = x.reshaped or x
    if first.like.shape == at.like.shape:
        return first
    named = at("Reshape", first, torch.tensor([-1, *at.like.shape[1:]]))
    made = Named(named.name, named.like, first)
    made.shared = x.shared
    return made


def _reorder(move: Callable[..., Tensor]) -> Callable[..., Named]:
    def translate(at: Place, x: Named, *axes: Any) -> Named:
        numbered = torch.empty(tuple(range(x.like.dim())), device="meta")  # its sizes are the axes' numbers
        return at("Transpose", x, perm=list(move(numbered, *axes).shape))

    return translate


def _slice(
    at: Place, x: Named, axis: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Named:
    if axis == 0 and (start or end not in (None, 2**63 - 1)):
        raise UnsupportedOperationError("a slice of the streams")
    bounds = [torch.tensor([bound]) for bound in (start or 0, 2**63 - 1 if end is None else end, axis, step)]
    return at("Slice", x, *bounds)


def _narrow(at: Place, x: Named, axis: int, start: int, length: int) -> Named:
    return _slice(at, x, axis, start, start + length if start + length else None)


def _unbind(at: Place, x: Named, axis: int = 0) -> list[Named]:
    whole = [like.unsqueeze(axis) for like in at.like]
    parts = at.writer.add_many("Split", [x], whole, axis=axis, num_outputs=len(whole)) if len(whole) > 1 else [x]
    return [_view(Place(at.writer, like), part) for part, like in zip(parts, at.like, strict=True)]


def _select(at: Place, x: Named, axis: int, index: int) -> Named:
    """A view of one entry, so that a frame that is taken out and put among others again is not copied twice."""
    size = x.like.shape[axis]
    if size > 1:
        start, axis = index % size, axis % x.like.dim()
        bounds = [torch.tensor([number]) for number in (start, start + 1, axis)]
        x = at("Slice", x, *bounds, like=x.like.narrow(axis, start, 1))
    return _view(at, x)


def _split(at: Place, x: Named, sizes: object, axis: int = 0) -> list[Named]:
    lengths = torch.tensor([like.shape[axis] for like in at.like])
    return at.writer.add_many("Split", [x, lengths], at.like, axis=axis)


def _stack(at: Place, parts: Sequence[Named], axis: int = 0) -> Named:
    apart = [_view(Place(at.writer, part.like.unsqueeze(axis)), part) for part in parts]
    return apart[0] if len(apart) == 1 else at("Concat", *apart, axis=axis)


def _layer_norm(
    at: Place, x: Named, shape: Sequence[int], weight: Input | None = None, bias: Input | None = None,
    eps: float = 1e-5, *_: object,
) -> Named:  # fmt: skip
    scale = torch.ones(shape) if weight is None else weight
    return at("LayerNormalization", x, scale, *([] if bias is None else [bias]), epsilon=eps, axis=-len(shape))


def _batch_norm(
    at: Place, x: Named, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, training: bool,
    momentum: float, eps: float, _: object,
) -> Named:  # fmt: skip
    if training:
        raise UnsupportedOperationError("a batch norm in training")
    if weight is None or bias is None:
        weight, bias = torch.ones_like(variance), torch.zeros_like(mean)
    if not any(isinstance(each, Named) for each in (weight, bias, mean, variance)):
        scale = weight * torch.rsqrt(variance + eps)
        shift = bias - mean * scale
        if (folded := _folded(at, x, scale, shift)) is not None:
            return folded
        if x.like.dim() not in (2, 4):
            return at("BatchNormalization", x, weight, bias, mean, variance, epsilon=eps)
        if x.like.dim() == 4:  # which stays in the layout of convolutions
            return at("Conv", x, scale.view(-1, 1, 1, 1), shift, group=len(scale))
        return at("Add", at("Mul", x, scale), shift)  # its own norm takes ten times as long for one number each
    return at("BatchNormalization", x, weight, bias, mean, variance, epsilon=eps)


def _folded(at: Place, x: Named, scale: Tensor, shift: Tensor) -> Named | None:
    """The convolution that nothing else takes, or a reshape of it, with a norm in its weights."""
    source = x.reshaped or x
    if x.shared or source.shared or source.convolution is None or source.like.shape[:2] != x.like.shape[:2]:
        return None
    given, weight, bias, settings = source.convolution
    weight = weight * scale.view(-1, *[1] * (weight.dim() - 1))
    bias = shift if bias is None else bias * scale + shift
    return _view(at, at("Conv", given, weight, bias, like=source.like, **settings))


def _attend(
    at: Place, q: Named, k: Named, v: Named, mask: Named | None = None, *_: object, **settings: object
) -> Named:
    """softmax(q k^T / sqrt(d) + mask) v, the scale given to the smaller of the two."""
    scores = k.like.new_empty(*q.like.shape[:-1], k.like.shape[-2])
    last = list(range(k.like.dim() - 2)) + [k.like.dim() - 1, k.like.dim() - 2]
    turned = at("Transpose", k, perm=last, like=k.like.transpose(-1, -2))
    scaled = at("Mul", q, torch.tensor(q.like.shape[-1] ** -0.5), like=q.like)
    products = at("MatMul", scaled, turned, like=scores)
    if mask is not None and mask.like.dtype == torch.bool:
        products = at("Where", mask, products, torch.tensor(float("-inf")), like=scores)
    elif mask is not None:
        products = at("Add", products, mask, like=scores)
    return at("MatMul", at("Softmax", products, axis=-1, like=scores), v)


def _max_pool(axes: int) -> Callable[..., Named]:
    def translate(
        at: Place, x: Named, kernel: Sizes, stride: Sizes = (), padding: Sizes = 0, dilation: Sizes = 1,
        ceil: bool = False,
    ) -> Named:  # fmt: skip
        settings: dict[str, Any] = dict(pads=_pair(padding, axes) * 2, dilations=_pair(dilation, axes))
        kernels, strides = _pair(kernel, axes), _pair(stride or kernel, axes)
        return at("MaxPool", x, kernel_shape=kernels, strides=strides, ceil_mode=int(ceil), **settings)

    return translate


def _avg_pool(
    at: Place, x: Named, kernel: Sizes, stride: Sizes = (), padding: Sizes = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Named:  # fmt: skip
    kernels, strides, before = _pair(kernel, 2), _pair(stride or kernel, 2), _pair(padding, 2)
    after = list(before)
    if ceil_mode and not count_include_pad:
        # Pixels that nobody counts in place of ceil_mode, which ONNX Runtime's fast layout does not have.
        sizes = zip(at.like.shape[2:], x.like.shape[2:], kernels, strides, before, strict=True)
        after = [max((new - 1) * step + size - old - pad, 0) for new, old, size, step, pad in sizes]
        ceil_mode = False
    settings: dict[str, Any] = dict(pads=before + after, ceil_mode=int(ceil_mode))
    settings["count_include_pad"] = int(count_include_pad)
    return at("AveragePool", x, kernel_shape=kernels, strides=strides, **settings)


PADDINGS = {"constant": "constant", "replicate": "edge", "reflect": "reflect"}  # by torch's name


def _pad(at: Place, x: Named, sizes: Sequence[int], mode: str = "constant", value: float | None = None) -> Named:
    if mode not in PADDINGS:
        raise UnsupportedOperationError(f"padding of mode {mode!r}")
    pairs = [(0, 0)] * (x.like.dim() - len(sizes) // 2) + list(zip(sizes[0::2], sizes[1::2], strict=True))[::-1]
    amounts = torch.tensor([before for before, _ in pairs] + [after for _, after in pairs])
    return at("Pad", x, amounts, torch.tensor(value or 0.0, dtype=x.like.dtype), mode=PADDINGS[mode])


def _full_like(at: Place, x: Named, value: float, **_: object) -> Named:
    """A constant in the shape of x, whatever the number of streams."""
    shape = at("Shape", x, like=torch.tensor(x.like.shape))
    return at("Expand", torch.full([1] * x.like.dim(), value, dtype=at.like.dtype), shape)


def _index(at: Place, x: Input, indices: Sequence[Input]) -> Named:
    if len(indices) != 1:
        raise UnsupportedOperationError("an index of several axes")
    return at("Gather", x, indices[0], axis=0)


def _repeat(at: Place, x: Named, times: int, axis: int | None = None, **_: object) -> Named:
    """Each stream's number once for each of its persons; (B,) only."""
    column = at("Unsqueeze", x, torch.tensor([1]), like=x.like.unsqueeze(1))
    wide = at("Expand", column, torch.tensor([1, times]), like=x.like.unsqueeze(1).expand(-1, times))
    return at("Reshape", wide, torch.tensor([-1]))


def binary(kind: str) -> Callable[..., Named]:
    def translate(at: Place, x: Scalar, y: Scalar, alpha: float = 1) -> Named:
        if alpha != 1:
            raise UnsupportedOperationError(f"{kind} with alpha {alpha}")
        first, second = (cast(Tensor, v.like if isinstance(v, Named) else v) for v in (x, y))  # or numbers
        common = torch.result_type(first, second)
        return at(kind, *(_of_type(at, v, common) for v in (x, y)))

    return translate


def _of_type(at: Place, value: Scalar, dtype: torch.dtype) -> Input:
    """The value in another type: operations of ONNX take one, where torch takes the wider of two."""
    if not isinstance(value, Named):
        return torch.as_tensor(value, dtype=dtype)
    if value.like.dtype == dtype:
        return value
    return at("CastLike", value, torch.zeros(1, dtype=dtype), like=value.like.to(dtype))


def _addcmul(at: Place, x: Named, first: Input, second: Input, value: float = 1) -> Named:
    product = at("Mul", first, second)
    return at("Add", x, product if value == 1 else binary("Mul")(at, product, value))


def _floor_divide(at: Place, x: Named, divisor: Scalar) -> Named:
    """Of whole numbers: ONNX's own quotient is rounded towards zero, and its remainder has the divisor's sign."""
    if isinstance(divisor, Named) or x.like.is_floating_point():
        raise UnsupportedOperationError("a rounded quotient of other than whole numbers by a constant")
    by = torch.as_tensor(divisor, dtype=x.like.dtype)
    return at("Div", at("Sub", x, at("Mod", x, by)), by)


def _where(at: Place, condition: Input, x: Scalar, y: Scalar) -> Named:
    x, y = (v if isinstance(v, Named | Tensor) else torch.tensor(v, dtype=at.like.dtype) for v in (x, y))
    return at("Where", condition, x, y)


def unary(kind: str) -> Callable[..., Named]:
    return lambda at, x, *_: at(kind, x)


def _same(at: Place, x: Named, *_: object, **__: object) -> Named:
    return x


OPERATIONS: dict[str, Callable[..., Any]] = {
    "conv1d": _convolution, "conv2d": _convolution, "conv3d": _convolution, "linear": _linear,
    "conv_transpose1d": _transposed, "conv_transpose2d": _transposed, "conv_transpose3d": _transposed,
    "matmul": binary("MatMul"), "add": binary("Add"), "sub": binary("Sub"), "mul": binary("Mul"),
    "div": binary("Div"), "maximum": binary("Max"), "remainder": binary("Mod"), "floor_divide": _floor_divide,
    "addcmul": _addcmul,
    "ge": binary("GreaterOrEqual"), "lt": binary("Less"),
    "__or__": binary("Or"), "bitwise_or": binary("Or"), "__and__": binary("And"), "bitwise_and": binary("And"),
    "relu": unary("Relu"), "sigmoid": unary("Sigmoid"), "tanh": unary("Tanh"),
    "silu": lambda at, x: at("Mul", x, at("Sigmoid", x)),
    "gelu": lambda at, x, approximate="none": at("Gelu", x, approximate=approximate),
    "bitwise_not": unary("Not"), "logical_not": unary("Not"),
    "mean": _mean, "layer_norm": _layer_norm, "batch_norm": _batch_norm,
    "softmax": lambda at, x, axis, dtype=None: at("Softmax", x, axis=axis),
    "log_softmax": lambda at, x, axis, dtype=None: at("LogSoftmax", x, axis=axis), "prelu": _prelu,
    "einsum": lambda at, equation, parts, path=None: at("Einsum", *parts, equation=equation),
    "adaptive_avg_pool2d": _adaptive_mean, "adaptive_avg_pool3d": _adaptive_mean, "adaptive_avg_pool1d": _adaptive_mean,
    "scaled_dot_product_attention": _attend, "max_pool2d": _max_pool(2), "max_pool3d": _max_pool(3),
    "avg_pool2d": _avg_pool, "pad": _pad,
    "view": _view, "reshape": _view, "flatten": _view, "unflatten": _view, "view_as": _view, "squeeze": _view,
    "unsqueeze": _view, "movedim": _reorder(torch.movedim), "transpose": _reorder(torch.transpose),
    "permute": _reorder(torch.permute), "slice": _slice, "narrow": _narrow, "full_like": _full_like,
    "select": _select,
    "unbind": _unbind, "split": _split, "split_with_sizes": _split, "stack": _stack,
    "cat": lambda at, parts, axis=0: at("Concat", *parts, axis=axis),
    "where": _where, "masked_fill": lambda at, x, mask, value: _where(at, mask, value, x),
    "to": lambda at, x, *_, **__:
        x if at.like.dtype == x.like.dtype else at("CastLike", x, torch.zeros(1, dtype=at.like.dtype)),
    "index": _index, "repeat_interleave": _repeat, "getitem": lambda at, parts, i: parts[i],
    "alias": _same, "clone": _same, "contiguous": _same, "dropout": _same,
    "feature_dropout": _same, "alpha_dropout": _same, "feature_alpha_dropout": _same, "detach": _same,
}  # fmt: skip
