"""Gates by a mean over the whole clip as gates by a mean over past frames, in `convert`: what `past_gates` asks for.

A pool over the whole clip answers when its window is full. A gate is needed with the first frame: here it is the mean
of the newest frames of the window, as far as they lie in the clip. On the last frame of a clip that fills the window
the two are the same (squeeze-and-excitation, Hu et al., CVPR 2018, arXiv:1709.01507).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from co_perception.continual.convert.functional import FunctionLayer, Slot
from co_perception.continual.convert.site import STREAMS, Axes, UnsupportedError
from co_perception.continual.convert.tensors import Emitter, TracedTensor
from co_perception.continual.dag import DagNode
from co_perception.continual.layer import TIME, Streaming
from co_perception.continual.pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
)

_ADAPTIVE = (AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d)
_AVERAGES = (AvgPool1d, AvgPool2d, AvgPool3d)


def over_past(
    emitter: Emitter, nodes: Sequence[DagNode], value: TracedTensor, known: dict[int, int]
) -> TracedTensor:  # fmt: skip
    """A value of means over whole clips, with means over the newest frames in their place: one for every frame.

    known: numbers of values that were made so before, by those of the ones over whole clips.
    """
    axes = replace(value.axes, pooled=False)

    def rebuilt(number: int) -> int:
        if number and number not in known:
            node = nodes[number - 1]
            layer = _over_newest(node.layer)
            inputs = node.inputs if layer else tuple(rebuilt(each) for each in node.inputs)
            same = layer is None and inputs == node.inputs
            given = [TracedTensor(each, axes) for each in inputs]
            known[number] = number if same else emitter.emit(layer or node.layer, given, axes).node
        return known.get(number, 0)

    node = rebuilt(value.node)
    if node == value.node:
        raise UnsupportedError("a gate over the whole clip that is no mean; only a mean has a form over past frames")
    return TracedTensor(node, axes)


def _over_newest(layer: Streaming) -> Streaming | None:
    """A mean over the newest frames, as far as they lie in the clip, for one over the whole; None for other layers."""
    frames = layer.timing.receptive_field
    if frames == 1 or any(getattr(layer, "pads", [(1, 1)])[0]):
        return None
    made: Streaming
    if isinstance(layer, _ADAPTIVE):
        made = type(layer)(layer.output_size, frames, padding=(frames - 1, 0))
        made.count_include_pad = False
        return made
    if isinstance(layer, _AVERAGES) and set(layer.stride) == {1}:
        rest = [0] * (layer.axes - 1)
        return type(layer)(layer.kernel_size, stride=1, padding=[(frames - 1, 0), *rest], count_include_pad=False)
    return None


def with_time(emitter: Emitter, value: TracedTensor, beside: Axes) -> TracedTensor:
    """The same plain tensor, whose axis of size 1 beside another tensor's time is time: it has every frame now."""
    if TIME in value.axes.order or TIME not in beside.order or len(value.axes.order) != len(beside.order):
        return value
    place = value.axes.order[beside.order.index(TIME)]
    if not isinstance(place, int) or place <= TIME or emitter.size_at(value, place) != 1:
        return value
    order = tuple(TIME if each == place else each for each in value.axes.order)
    axes = replace(value.axes, order=order, space=value.axes.space - 1)
    moved = tuple(each - 1 if isinstance(each, int) and each > place else each for each in order)
    return emitter.emit(FunctionLayer(torch.squeeze, (Slot(0), place)), [value], replace(axes, order=moved))


def gates_of(emitter: Emitter, values: Sequence[TracedTensor]) -> list[TracedTensor]:
    """Values that are combined, those over whole clips as ones over past frames where others are of single frames."""
    apart = [value for value in values if not value.axes.pooled and TIME in value.axes.every]
    if not emitter.here.past_gates or not apart or len(apart) == len(values):
        return list(values)
    beside = apart[0].axes
    return [
        with_time(emitter, emitter.over_past(value), beside)
        if value.axes.pooled and STREAMS in value.axes.every
        else value
        for value in values
    ]
