"""Convolutions with weights that are no layer's, and windows of frames, in `convert`: functions that become layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from co_perception.continual.convert.layer_weights import PLAIN, of_sources
from co_perception.continual.convert.lengths import Size, product
from co_perception.continual.convert.rearrangement import reshaped
from co_perception.continual.convert.site import CHANNELS, UnsupportedError
from co_perception.continual.convert.tensors import Emitter, StandIn, TracedTensor
from co_perception.continual.layer import TIME

Sizes = int | Sequence[int]


def _convolution(axes: int) -> Callable[..., TracedTensor]:
    """`F.conv1d` to `F.conv3d`."""

    def convolution(
        emitter: Emitter, value: TracedTensor, weight: object, bias: object = None, stride: Sizes = 1,
        padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1,
    ) -> TracedTensor:  # fmt: skip
        if not isinstance(weight, Tensor) or isinstance(weight, StandIn) or isinstance(bias, StandIn):
            raise UnsupportedError("its weights are computed from the input; a layer's are the same for all frames")
        source, beside = emitter.weight(weight), None if bias is None else emitter.weight(bias)  # type: ignore[arg-type]
        sizes = (weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]))
        more: dict[str, Any] = dict(groups=groups, bias=bias is not None, device="meta")
        module = PLAIN[axes](*sizes, _each(stride, axes), _padding(padding, axes), _each(dilation, axes), **more)  # type: ignore[arg-type]
        return emitter.call_module(of_sources(module, source, beside).eval(), value)

    return convolution


def unfold(
    emitter: Emitter, value: TracedTensor, kernel_size: Sizes, *others: Any, dilation: Sizes = 1, padding: Sizes = 0,
    stride: Sizes = 1,
) -> TracedTensor:  # fmt: skip
    """`F.unfold`, windows of pictures or of frames and joints, or `x.unfold(dim, size, step)`."""
    if others:
        return _windows_along(emitter, value, kernel_size, *others)
    sizes = emitter.sizes(value)
    if len(sizes) != 4 or not isinstance(sizes[1], int):
        raise UnsupportedError("it takes windows of a tensor that has four axes")
    kernel = _each(kernel_size, 2)
    y = _tapped(emitter, value, sizes[1], kernel, _each(stride, 2), _each(padding, 2), _each(dilation, 2))
    after = emitter.sizes(y)
    return reshaped(emitter, y, [*after[:2], product(after[2:])])


def _windows_along(emitter: Emitter, value: TracedTensor, dim: Any, size: int, step: int) -> TracedTensor:
    sizes, dim = emitter.sizes(value), dim % len(value.axes.order)
    if value.axes.place(dim) != TIME or value.axes.place(1) != CHANNELS or len(sizes) > 5 or dim < 2:
        raise UnsupportedError("it takes windows along another axis than time, or of a tensor with channels elsewhere")
    axes = len(sizes) - 2
    kernel, stride = ([count if axis == dim - 2 else 1 for axis in range(axes)] for count in (size, step))
    channels = sizes[1]
    assert isinstance(channels, int)
    y = _tapped(emitter, value, channels, kernel, stride, [0] * axes, [1] * axes)
    after: list[Size] = [*emitter.sizes(y)]
    apart = reshaped(emitter, y, [after[0], channels, size, *after[2:]])
    order = [0, 1, *range(3, len(after) + 1), 2]
    return apart.with_axes(apart.axes.permuted(order))


def _tapped(
    emitter: Emitter, value: TracedTensor, channels: int, kernel: Sequence[int], stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int],
) -> TracedTensor:  # fmt: skip
    """Every channel as many times as there are places in a window, each showing one place of it."""
    taps = torch.eye(prod(kernel), dtype=emitter.like.dtype, device=emitter.like.device).view(-1, 1, *kernel)
    weight = taps.repeat(channels, *[1] * (len(kernel) + 1))
    return CONVOLUTIONS[f"conv{len(kernel)}d"](emitter, value, weight, None, stride, padding, dilation, channels)


def _each(size: Sizes, axes: int) -> tuple[int, ...]:
    return (size,) * axes if isinstance(size, int) else tuple(size) if len(size) == axes else tuple(size) * axes


def _padding(size: Sizes | str, axes: int) -> tuple[int, ...] | str:
    return size if isinstance(size, str) else _each(size, axes)


CONVOLUTIONS: Mapping[str, Callable[..., TracedTensor]] = {
    "conv1d": _convolution(1),
    "conv2d": _convolution(2),
    "conv3d": _convolution(3),
    "unfold": unfold,
}
