"""What each operation of a traced step is in ONNX: a table of translations.

A translation is called with the place it writes to and the operation's own arguments, and gives the value's name. Every
value that depends on an input has streams on axis 0, whose number stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Unknown(ValueError):
    """An operation, or a use of one, that has no translation here."""


class Named:
    """A value of the graph: its name, and a tensor of its shape and dtype. seen: the value that it is a reshape of."""

    def __init__(self, name: str, like: Tensor, seen: Named | None = None) -> None:
        self.name, self.like, self.seen = name, like, seen


class Writer(Protocol):
    """What places write to."""

    def add(self, kind: str, inputs: Sequence[Any], like: Tensor, **attributes: Any) -> Named:
        """A node of one output."""
        ...

    def add_many(self, kind: str, inputs: Sequence[Any], likes: Sequence[Tensor], **attributes: Any) -> list[Named]:
        """A node of several."""
        ...


class Place:
    """Where a translation writes: a node whose output has the shape and dtype of `like`."""

    def __init__(self, writer: Writer, like: Any) -> None:
        self.writer, self.like = writer, like

    def __call__(self, kind: str, *inputs: Any, like: Tensor | None = None, **attributes: Any) -> Named:
        return self.writer.add(kind, inputs, self.like if like is None else like, **attributes)

    def many(self, kind: str, *inputs: Any, **attributes: Any) -> list[Named]:
        """A node whose outputs are those of the operation."""
        return self.writer.add_many(kind, inputs, self.like, **attributes)


def numpy_dtype(dtype: torch.dtype) -> Any:
    """The same type in NumPy."""
    return torch.empty(0, dtype=dtype).numpy().dtype


def _pair(size: int | Sequence[int], axes: int) -> list[int]:
    return [size] * axes if isinstance(size, int) else list(size) * (axes if len(size) == 1 else 1)


def _convolution(
    at: Place,
    x: Named,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Named:
    axes = at.like.dim() - 2
    if isinstance(padding, str):
        raise Unknown(f"a convolution with padding {padding!r}")
    settings: dict[str, Any] = dict(
        strides=_pair(stride, axes), pads=_pair(padding, axes) * 2, dilations=_pair(dilation, axes), group=groups
    )
    return at("Conv", x, weight, *([] if bias is None else [bias]), **settings)


def _linear(at: Place, x: Named, weight: Any, bias: Any = None) -> Named:
    if isinstance(weight, Named):
        raise Unknown("a linear map whose weight is computed")
    if at.like.dim() == 2:
        return at("Gemm", x, weight, *([] if bias is None else [bias]), transB=1)
    y = at("MatMul", x, weight.T.contiguous())
    return y if bias is None else at("Add", y, bias)


def _mean(at: Place, x: Named, axes: Any = None, keepdim: bool = False, dtype: Any = None) -> Named:
    shape = x.like.shape
    whole = sorted(axis % len(shape) for axis in axes) if axes is not None else []
    if len(shape) == 4 and whole == [2, 3]:
        pooled = at("GlobalAveragePool", x, like=x.like.new_empty(*shape[:2], 1, 1))
        return pooled if keepdim else at("Flatten", pooled, axis=1)
    return at("ReduceMean", x, torch.tensor(list(axes)), keepdims=int(keepdim))


def _view(at: Place, x: Named, *shape: Any) -> Named:
    del shape  # as torch found it, with the streams left open
    first = x.seen or x
    if first.like.shape == at.like.shape:
        return first
    named = at("Reshape", first, torch.tensor([-1, *at.like.shape[1:]]))
    return Named(named.name, named.like, first)


def _permute(at: Place, x: Named, order: Sequence[int]) -> Named:
    return at("Transpose", x, perm=[axis % x.like.dim() for axis in order])


def _movedim(at: Place, x: Named, source: Any, target: Any) -> Named:
    axes = torch.empty(tuple(range(x.like.dim())), device="meta")  # its sizes are the axes' numbers
    return at("Transpose", x, perm=list(torch.movedim(axes, source, target).shape))


def _transpose(at: Place, x: Named, first: int, second: int) -> Named:
    order = list(range(x.like.dim()))
    order[first], order[second] = order[second], order[first]
    return at("Transpose", x, perm=order)


def _slice(at: Place, x: Named, axis: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Named:
    if axis == 0 and (start or end not in (None, 2**63 - 1)):
        raise Unknown("a slice of the streams")
    bounds = [torch.tensor([bound]) for bound in (start or 0, 2**63 - 1 if end is None else end, axis, step)]
    return at("Slice", x, *bounds)


def _select(at: Place, x: Named, axis: int, index: int) -> Named:
    return at("Gather", x, torch.tensor(index), axis=axis)


def _unbind(at: Place, x: Named, axis: int = 0) -> list[Named]:
    kept = [like.unsqueeze(axis) for like in at.like]
    parts = at.writer.add_many("Split", [x], kept, axis=axis, num_outputs=len(kept)) if len(kept) > 1 else [x]
    return [at("Squeeze", part, torch.tensor([axis]), like=like) for part, like in zip(parts, at.like, strict=True)]


def _split(at: Place, x: Named, sizes: Any, axis: int = 0) -> list[Named]:
    lengths = [like.shape[axis] for like in at.like]
    return at.many("Split", x, torch.tensor(lengths), axis=axis)


def _stack(at: Place, parts: Sequence[Any], axis: int = 0) -> Named:
    apart = [at("Unsqueeze", part, torch.tensor([axis]), like=part.like.unsqueeze(axis)) for part in parts]
    return apart[0] if len(apart) == 1 else at("Concat", *apart, axis=axis)


def _cat(at: Place, parts: Sequence[Any], axis: int = 0) -> Named:
    return at("Concat", *parts, axis=axis)


def _softmax(at: Place, x: Named, axis: int, dtype: Any = None) -> Named:
    return at("Softmax", x, axis=axis)


def _layer_norm(
    at: Place, x: Named, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any
) -> Named:
    scale = torch.ones(shape) if weight is None else weight
    return at("LayerNormalization", x, scale, *([] if bias is None else [bias]), epsilon=eps, axis=-len(shape))


def _batch_norm(
    at: Place,
    x: Named,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    training: bool,
    momentum: float,
    eps: float,
    _: Any,
) -> Named:
    if training:
        raise Unknown("a batch norm in training")
    if weight is None:
        weight, bias = torch.ones_like(variance), torch.zeros_like(mean)
    if x.like.dim() in (2, 4) and not any(isinstance(each, Named) for each in (weight, bias, mean, variance)):
        scale = weight * torch.rsqrt(variance + eps)
        shift = bias - mean * scale
        if x.like.dim() == 4:  # which stays in the layout of convolutions
            return at("Conv", x, scale.view(-1, 1, 1, 1), shift, group=len(scale))
        return at("Add", at("Mul", x, scale), shift)  # its own norm takes ten times as long for one number each
    return at("BatchNormalization", x, weight, bias, mean, variance, epsilon=eps)


def _attend(
    at: Place, q: Any, k: Any, v: Any, mask: Any = None, dropout: float = 0.0, *_: Any, **settings: Any
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


def _max_pool(
    at: Place, x: Named, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil: bool = False
) -> Named:
    settings: dict[str, Any] = dict(pads=_pair(padding, 2) * 2, dilations=_pair(dilation, 2), ceil_mode=int(ceil))
    return at("MaxPool", x, kernel_shape=_pair(kernel, 2), strides=_pair(stride or kernel, 2), **settings)


def _avg_pool(
    at: Place,
    x: Named,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Named:
    settings: dict[str, Any] = dict(
        pads=_pair(padding, 2) * 2, ceil_mode=int(ceil_mode), count_include_pad=int(count_include_pad)
    )
    return at("AveragePool", x, kernel_shape=_pair(kernel, 2), strides=_pair(stride or kernel, 2), **settings)


def _pad(at: Place, x: Named, sizes: Sequence[int], mode: str = "constant", value: float | None = None) -> Named:
    if mode != "constant":
        raise Unknown(f"padding of mode {mode!r}")
    pairs = [(0, 0)] * (x.like.dim() - len(sizes) // 2) + list(zip(sizes[0::2], sizes[1::2], strict=True))[::-1]
    amounts = torch.tensor([before for before, _ in pairs] + [after for _, after in pairs])
    return at("Pad", x, amounts, torch.tensor(value or 0.0, dtype=x.like.dtype))


def _gelu(at: Place, x: Named, approximate: str = "none") -> Named:
    return at("Gelu", x, approximate=approximate)


def _index(at: Place, x: Any, indices: Sequence[Any]) -> Named:
    if len(indices) != 1:
        raise Unknown("an index of several axes")
    return at("Gather", x, indices[0], axis=0)


def _repeat(at: Place, x: Named, times: Any, axis: Any = None, **_: Any) -> Named:
    """Each stream's number once for each of its persons; (B,) only."""
    column = at("Unsqueeze", x, torch.tensor([1]), like=x.like.unsqueeze(1))
    wide = at("Expand", column, torch.tensor([1, times]), like=x.like.unsqueeze(1).expand(-1, times))
    return at("Reshape", wide, torch.tensor([-1]))


def _binary(kind: str) -> Callable[..., Named]:
    def translate(at: Place, x: Any, y: Any, alpha: float = 1) -> Named:
        if alpha != 1:
            raise Unknown(f"{kind} with alpha {alpha}")
        like = next(given.like for given in (x, y) if isinstance(given, Named))
        x, y = (
            torch.tensor(given, dtype=like.dtype) if not isinstance(given, Named | Tensor) else given
            for given in (x, y)
        )
        return at(kind, x, y)

    return translate


def _unary(kind: str) -> Callable[..., Named]:
    return lambda at, x, *_: at(kind, x)


def _to(at: Place, x: Named, *_: Any, **__: Any) -> Named:
    if at.like.dtype == x.like.dtype:
        return x
    return at("CastLike", x, torch.empty(1, dtype=at.like.dtype))


def _masked_fill(at: Place, x: Named, mask: Any, value: Any) -> Named:
    return _where(at, mask, value, x)


def _same(at: Place, x: Any, *_: Any, **__: Any) -> Any:
    return x


def _silu(at: Place, x: Named) -> Named:
    return at("Mul", x, at("Sigmoid", x))


def _where(at: Place, condition: Any, x: Any, y: Any) -> Named:
    x, y = (torch.tensor(v, dtype=at.like.dtype) if not isinstance(v, Named | Tensor) else v for v in (x, y))
    return at("Where", condition, x, y)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "conv1d": _convolution, "conv2d": _convolution, "conv3d": _convolution, "linear": _linear,
    "matmul": _binary("MatMul"), "add": _binary("Add"), "sub": _binary("Sub"), "mul": _binary("Mul"),
    "div": _binary("Div"), "maximum": _binary("Max"), "remainder": _binary("Mod"),
    "ge": _binary("GreaterOrEqual"), "lt": _binary("Less"),
    "__or__": _binary("Or"), "bitwise_or": _binary("Or"), "__and__": _binary("And"), "bitwise_and": _binary("And"),
    "relu": _unary("Relu"), "sigmoid": _unary("Sigmoid"), "tanh": _unary("Tanh"), "silu": _silu, "gelu": _gelu,
    "bitwise_not": _unary("Not"), "logical_not": _unary("Not"),
    "mean": _mean, "softmax": _softmax, "layer_norm": _layer_norm, "batch_norm": _batch_norm,
    "scaled_dot_product_attention": _attend, "max_pool2d": _max_pool, "avg_pool2d": _avg_pool, "pad": _pad,
    "view": _view, "reshape": _view, "flatten": _view, "unflatten": _view, "view_as": _view, "squeeze": _view,
    "unsqueeze": _view, "permute": _permute, "movedim": _movedim, "transpose": _transpose, "slice": _slice,
    "select": _select, "unbind": _unbind, "split": _split, "split_with_sizes": _split, "stack": _stack, "cat": _cat,
    "where": _where, "to": _to, "masked_fill": _masked_fill, "index": _index,
    "repeat_interleave": _repeat, "getitem": lambda at, parts, i: parts[i],
    "alias": _same, "clone": _same, "contiguous": _same, "dropout": _same, "detach": _same,
}  # fmt: skip
