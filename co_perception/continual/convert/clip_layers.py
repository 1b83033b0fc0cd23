"""Layers over all frames of a clip of one length, in `convert`: they look at as many frames, up to each one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from co_perception.continual.convert.convolution import CONVOLUTIONS
from co_perception.continual.convert.rearrangement import Piece, emit_rearrangement, laid_out, regroup
from co_perception.continual.convert.site import CHANNELS, STREAMS, Place, UnsupportedError, atoms
from co_perception.continual.convert.tensors import Emitter, TracedTensor
from co_perception.continual.layer import TIME


def over_clip(emitter: Emitter, module: nn.Module, value: TracedTensor) -> bool:
    """Whether a module is a linear layer on the flattened frames of a clip, whose length is known."""
    last = value.axes.order[-1] if value.axes.order else ()
    known = emitter.clip_frames(value) is not None and emitter.knows_frame(value)
    plain = type(module) is nn.Linear and not module._forward_pre_hooks
    return plain and known and isinstance(last, tuple) and TIME in last and STREAMS not in last


def linear_over_clip(emitter: Emitter, module: nn.Linear, value: TracedTensor) -> TracedTensor:
    """`nn.Linear` on the flattened frames of a clip: a convolution whose kernel is as long as the clip."""
    axes = value.axes
    axes.need_frames("a linear layer over all frames of a clip")
    merged = atoms(axes.part(-1))
    others = [place for part in axes.order[:-1] for place in atoms(part) if place != STREAMS]
    if len(others) > 2:
        raise UnsupportedError(f"it maps all frames of a tensor {axes}; two axes beside them are the most here")
    sizes = [int(emitter.size_at(value, place)) for place in merged]
    inner: list[Piece] = [(place, 0) for place in merged if place != TIME]
    layer, apart = regroup(axes, [[(STREAMS, 0)], inner, [(TIME, 0)], *([(place, 0)] for place in others)])
    given = laid_out(emitter, emit_rearrangement(emitter, value, layer, apart), 1)
    kernel = emitter.of_weights(_kernel, module.weight, sizes, merged.index(TIME), len(others))
    answer = CONVOLUTIONS[f"conv{1 + len(others)}d"](emitter, given, kernel, module.bias)
    places = {place: 3 + i for i, place in enumerate(others)} | {STREAMS: STREAMS}
    order: list[Place] = []
    for part in axes.order[:-1]:
        order.append(tuple(places[place] for place in part) if isinstance(part, tuple) else places[part])
    return answer.with_axes(replace(answer.axes, order=(*order, CHANNELS), pooled=True))


def _kernel(weight: Tensor, sizes: Sequence[int], time: int, others: int) -> Tensor:
    """The weight (out, in) of a linear layer as a kernel (out, channels, frames, 1 ...); `in` has these sizes."""
    kernel = torch.reshape(weight, (weight.shape[0], *sizes)).movedim(1 + time, -1).flatten(1, -2)
    return kernel.reshape(*kernel.shape, *[1] * others)
