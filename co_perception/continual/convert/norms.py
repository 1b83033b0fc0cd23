"""Norms that a forward calls as functions, in `convert`: with statistics of training, or of a frame's own channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from co_perception.continual.convert.functional import FunctionLayer, Slot
from co_perception.continual.convert.functions import elementwise, handles, inside
from co_perception.continual.convert.site import UnsupportedError
from co_perception.continual.convert.tensors import Emitter, TracedTensor


@handles("batch_norm")
def _batch_norm(
    emitter: Emitter,
    value: TracedTensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> TracedTensor:
    """`F.batch_norm` with the statistics of training: a factor and a summand for each channel."""
    if training or running_mean is None or running_var is None:
        raise UnsupportedError("it measures the clip, whose end a stream does not know; use the statistics of training")
    del momentum  # of training
    factor = emitter.of_weights(torch.rsqrt, emitter.of_weights(torch.add, running_var, eps))
    if weight is not None:
        factor = emitter.of_weights(torch.mul, factor, weight)
    summand = emitter.of_weights(torch.mul, emitter.of_weights(torch.neg, running_mean), factor)
    if bias is not None:
        summand = emitter.of_weights(torch.add, summand, bias)
    shape = (-1, *[1] * (len(value.axes.order) - 2))
    factor, summand = (emitter.of_weights(torch.reshape, each, shape) for each in (factor, summand))
    return elementwise(emitter, torch.add, (elementwise(emitter, torch.mul, (value, factor), {}), summand), {})


@handles("layer_norm")
def _layer_norm(
    emitter: Emitter,
    value: TracedTensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> TracedTensor:
    """`F.layer_norm` over channels or space of each frame."""
    last = range(-len(normalized_shape), 0)
    places = tuple(inside(value.axes, dim, "it measures frames together") for dim in last)
    layer = FunctionLayer(_normalized, (Slot(0), places, eps))
    answer = emitter.emit(layer, [value], replace(value.axes))
    if weight is not None:
        answer = elementwise(emitter, torch.mul, (answer, weight), {})
    return answer if bias is None else elementwise(emitter, torch.add, (answer, bias), {})


def _normalized(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """x (B, C, T, *space) with a mean of 0 and a variance of 1 over these axes (Ba et al., 2016, arXiv:1607.06450)."""
    centered = x - x.mean(dims, keepdim=True)
    return centered * torch.rsqrt((centered * centered).mean(dims, keepdim=True) + eps)
