"""Building of a `Dag`, layer by layer, with the timing, the axes and the frames of every value, in `convert`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from co_perception.continual.convert.fold import FoldedFrames
from co_perception.continual.convert.frames import every
from co_perception.continual.convert.functional import FunctionLayer, Slot, Weight, mapped
from co_perception.continual.convert.gates import over_past
from co_perception.continual.convert.lengths import (
    RECYCLING,
    ClipLength,
    FrameCount,
    Length,
    Size,
    product,
)
from co_perception.continual.convert.operations import named
from co_perception.continual.convert.recurrences import closed, known_step, of_all_frames
from co_perception.continual.convert.site import CHANNELS, STREAMS, Axes, Site, UnsupportedError, user_line
from co_perception.continual.convert.tensors import (
    Emitter,
    Filled,
    TracedTensor,
)
from co_perception.continual.convert.weights import Weights
from co_perception.continual.dag import DagNode, reach
from co_perception.continual.framewise import ModuleView
from co_perception.continual.layer import TIME, Streaming
from co_perception.continual.timing import Timing


class FollowsError(Exception):
    """The forward cannot go on, for a reason that is reported already."""


class DagBuilder:
    """Collects the layers of the continual network of a module.

    Args:
        module: whose tensors the layers use.
        site: its place.
    """

    def __init__(self, module: nn.Module, site: Site) -> None:
        self.module, self.site, self.here = module, site, site
        self.weights = Weights(module)
        self.like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0)).detach()
        self.reaches: list[tuple[Timing, int]] = [(Timing(), 0)]
        self.frames: list[tuple[int, ...] | None] = [site.frame]
        self.nodes: list[DagNode] = []
        self.bound = False  # to the size of a frame, by numbers that the forward took
        self.clip = ClipLength(site.clip)
        self.newest_frame = TracedTensor(0, site.axes)  # of those that the forward picked one by one
        self._past: dict[int, int] = {}  # values of means over past frames, by those over whole clips
        self._closed: dict[int, int] = {}  # the recurrence of a value that is computed from the frame before

    def emit(self, layer: Streaming, inputs: list[TracedTensor], axes: Axes) -> TracedTensor:
        inputs = self._of_one_stride(inputs)
        numbers = tuple(value.node for value in inputs)
        if axes.frame is not None or (len(inputs) > 1 and any(value.axes.frame is not None for value in inputs)):
            # What is done to each frame of a clip is one layer.
            known, frame_number = known_step(self.nodes, self.frames, layer, inputs, same)
            axes = replace(axes, frame=frame_number)
            if known:
                return TracedTensor(known, axes)
        try:
            reached = reach(layer, [self.reaches[i] for i in numbers])
        except ValueError as error:
            raise UnsupportedError(str(error)) from error
        unsure = any(value.axes.unsure for value in inputs)
        shapes = [self.frames[i] for i in numbers]
        frame = (
            None if unsure or None in shapes else frame_after(layer, shapes[0] if len(shapes) == 1 else tuple(shapes))
        )
        self.frames.append(frame)
        self.reaches.append(reached)
        self.nodes.append(DagNode(layer, numbers))
        return TracedTensor(len(self.nodes), replace(axes, unsure=unsure))

    def _of_one_stride(self, inputs: list[TracedTensor]) -> list[TracedTensor]:
        """Answers over whole clips that come more often than others, as often as those."""
        strides = [self.reaches[value.node][0].stride for value in inputs]
        slowest = max(strides)
        if len(set(strides)) == 1 or not all(self.single(value) for value in inputs):
            return inputs
        if any(slowest % stride for stride in strides):
            return inputs
        return [
            value if stride == slowest else every(cast(Emitter, self), value, slowest // stride)
            for value, stride in zip(inputs, strides, strict=True)
        ]

    def emit_call(
        self, function: Callable[..., Tensor], args: Sequence[object], kwargs: Mapping[str, object], axes: Axes
    ) -> TracedTensor:
        inputs: list[TracedTensor] = []

        def slot(part: object) -> object:
            if isinstance(part, Filled | Length):
                raise UnsupportedError("it computes with the length of an axis, which a stream does not have")
            if isinstance(part, TracedTensor):
                inputs.append(part)
                return Slot(len(inputs) - 1)
            if isinstance(part, Tensor):
                return aligned_weight(self.weights.weight(part), axes)
            return part

        args, kwargs = mapped(tuple(args), slot), mapped(dict(kwargs), slot)
        return self.emit(FunctionLayer(function, tuple(args), kwargs), inputs, axes)

    def of_weights(self, function: Callable[..., Tensor], *args: object) -> Tensor:
        return self.weights.compute(named(function), function, args, {})

    def weight(self, tensor: Tensor) -> Weight:
        return self.weights.weight(tensor)

    def sizes(self, value: TracedTensor) -> tuple[Size, ...]:
        return tuple(
            product([self.size_at(value, place) for place in (part if isinstance(part, tuple) else (part,))])
            for part in value.axes.order
        )

    def size_at(self, value: TracedTensor, place: int) -> Size:
        if place == STREAMS:
            return Length(1, True, None, self.clip)
        if place == TIME:
            if self.single(value):
                return 1
            count = FrameCount.after(self.reaches[value.node][0])
            return Length(1, False, replace(count, shorter=count.shorter - sum(value.axes.pads)), self.clip)
        frame = self.frames[value.node]
        if frame is None:
            if value.axes.unsure:
                raise FollowsError
            raise UnsupportedError(
                "it asks for the size of a frame, which is not known: give a clip or the shape of a frame, such as "
                "convert(..., example=(3, 112, 112))"
            )
        self.bound = self.bound or place > TIME
        return frame[0 if place == CHANNELS else place - TIME]

    def knows_frame(self, value: TracedTensor) -> bool:
        return self.frames[value.node] is not None

    def over_past(self, value: TracedTensor) -> TracedTensor:
        self.site.gated.append(user_line())
        return over_past(cast(Emitter, self), self.nodes, value, self._past)

    def made_by(self, value: TracedTensor) -> tuple[str, tuple[int, ...]]:
        node = self.nodes[value.node - 1] if value.node else None
        layer = node.layer if node else None
        return (layer.extra_repr().strip("_"), node.inputs) if node and isinstance(layer, FunctionLayer) else ("", ())

    def single(self, value: TracedTensor) -> bool:
        return value.axes.pooled or self.clip_frames(value) == 1

    def clip_frames(self, value: TracedTensor) -> int | None:
        if self.site.clip is None:
            return None
        return self.reaches[value.node][0].length(self.site.clip) + sum(value.axes.pads)

    def of_all_frames(self, value: TracedTensor) -> TracedTensor:
        whole = of_all_frames(value)
        if value.node not in self._closed:
            found = closed(self.nodes, value.node)
            given = [] if found is None else [TracedTensor(number, whole.axes) for number in found[1]]
            self._closed[value.node] = value.node if found is None else self.emit(found[0], given, whole.axes).node
        return TracedTensor(self._closed[value.node], whole.axes)

    def of_length(self, length: Length) -> TracedTensor | None:
        if length.streams or length.factor != 1:
            return None
        counts = [FrameCount.after(timing) for timing, _ in self.reaches]
        at = [node for node, count in enumerate(counts) if count == length.frames]
        return (
            TracedTensor(at[-1], Axes((STREAMS, CHANNELS, TIME), 0)) if at else None
        )  # the latest: others wait for it


def same(layer: Streaming, other: Streaming) -> bool:
    """Whether two layers do the same: one that is called again, or functions of equal arguments."""
    if isinstance(layer, ModuleView) and isinstance(other, ModuleView):
        return layer.key == other.key
    if isinstance(layer, FunctionLayer | FoldedFrames) and type(layer) is type(other):
        return layer.key == other.key
    return layer is other


def frame_after(layer: Streaming, shape: Any) -> tuple[int, ...]:
    """Shape of a frame of a layer's answer. Raises UnsupportedError where the layer does not take such frames."""
    try:
        with torch.no_grad():
            return tuple(int(size) for size in layer.frame_out(shape))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise UnsupportedError(f"it does not take frames of shape {shape}: {error}") from error


def aligned_weight(weight: Weight, axes: Axes) -> Weight:
    """A weight that is combined with a tensor of these axes."""
    tensor = weight.tensor()
    if tensor.dim() == 0:
        return weight
    order = axes.order[len(axes.order) - tensor.dim() :] if tensor.dim() <= len(axes.order) else None
    if order is None:
        raise UnsupportedError(f"a weight of {tensor.dim()} axes meets a tensor {axes}")
    for place, length in zip(order, tensor.shape, strict=True):
        if (isinstance(place, tuple) or place in (STREAMS, TIME)) and length != 1:
            raise UnsupportedError(
                f"a weight of shape {tuple(tensor.shape)} differs from frame to frame of {axes}, and a stream has more "
                f"frames than any table. {RECYCLING}"
            )
    places = tuple(place[0] if isinstance(place, tuple) else place for place in order)
    return replace(weight, order=places, axes=3 + axes.space)
