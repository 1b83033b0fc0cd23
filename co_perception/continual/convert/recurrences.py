"""Loops over the frames of a clip that carry something from frame to frame, in `convert`: they become a `Recurrence`.

The forward is run on a clip of a known number of frames. A tensor of zeros that the first frame meets stands for a
state (`StateSlot`). What the first round of the loop does with it, the second does with another value: that is what the
state becomes. All further rounds have to do the same, so that the loop is one set of layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.convert.functional import mapped, parts
from co_perception.continual.convert.lengths import Length
from co_perception.continual.convert.site import CHANNELS, FRAMES_APART, STREAMS, Axes, UnsupportedError
from co_perception.continual.convert.tensors import Emitter, Filled, StandIn, TracedTensor
from co_perception.continual.dag import DagNode
from co_perception.continual.framewise import EachFrame
from co_perception.continual.layer import TIME, Streaming
from co_perception.continual.recurrence import Recurrence

Same = Callable[[Streaming, Streaming], bool]


class StateSlot(EachFrame):
    """A state from the frame before, while a loop is read: zeros (B, C, T, *space).

    Attributes:
        shape: (C, *space).
        after: number of the value that it becomes; None while that is not known.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.after: int | None = None

    def clip(self, x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[0], self.shape[0], x.shape[TIME], *self.shape[1:])

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.shape


# States ---------------------------------------------------------------------------------------------------------------


def with_states(emitter: Emitter, args: Any, kwargs: Any, alone: bool) -> Any:
    """Arguments of an operation, tensors of zeros that meet the first frame of a clip as states.

    Args:
        emitter: of the network.
        args, kwargs: what the operation is given.
        alone: whether zeros are a state where the operation is given no frame.
    """
    traced = [part for part in parts((args, kwargs)) if isinstance(part, TracedTensor)]
    beside = traced[0] if traced else emitter.newest_frame if alone else None
    if beside is None or any(value.axes.frame != 0 for value in traced):
        return args, kwargs
    beside = beside.with_axes(replace(beside.axes, frame=0))

    def state(part: object) -> object:
        return _opened(emitter, part, beside) if isinstance(part, Filled) and _may_be_state(part) else part

    return mapped((args, kwargs), state)


def _may_be_state(value: Filled) -> bool:
    """Whether it is zeros for every stream, of no length in time."""
    lengths = [size for size in value.sizes if isinstance(size, Length)]
    of_streams = len(lengths) == 1 and lengths[0].streams and lengths[0].factor == 1 and lengths[0].frames is None
    return value.number == 0 and of_streams and len(value.sizes) > 1


def _opened(emitter: Emitter, value: Filled, beside: TracedTensor) -> TracedTensor:
    """A state that is zero before the first frame; one for each use, of which those that are the same become one."""
    places = iter((CHANNELS, *range(TIME + 1, TIME + len(value.sizes))))
    order = tuple(STREAMS if isinstance(size, Length) else next(places) for size in value.sizes)
    shape = tuple(size for size in value.sizes if isinstance(size, int))
    return emitter.emit(StateSlot(shape), [beside], Axes(order, len(shape) - 1, frame=0))


# Rounds ---------------------------------------------------------------------------------------------------------------


def known_step(
    nodes: Sequence[DagNode], shapes: Sequence[tuple[int, ...] | None], layer: Streaming,
    inputs: Sequence[TracedTensor], same: Same,
) -> tuple[int, int]:  # fmt: skip
    """Number of the layer that an earlier frame, or an earlier round, went through, 0 if none; and of the frame.

    Raises:
        UnsupportedError: where different frames meet otherwise than by a state.
    """
    numbers = tuple(value.node for value in inputs)
    frames = [value.axes.frame for value in inputs if value.axes.frame is not None]
    if len(frames) < len(inputs):
        raise UnsupportedError(FRAMES_APART)
    newest = max(frames)
    if min(frames) == newest:
        known = next((n for n, node in enumerate(nodes, 1) if node.inputs == numbers and same(node.layer, layer)), 0)
        if known:
            return known, newest
    for number, node in enumerate(nodes, 1):
        if len(node.inputs) != len(numbers) or not same(node.layer, layer):
            continue
        for frame in (newest, newest + 1):
            states = _carried(nodes, shapes, node.inputs, list(zip(numbers, frames, strict=True)), frame)
            if states:
                for slot, value in states:
                    slot.after = value
                return number, frame
    if min(frames) != newest:
        raise UnsupportedError(FRAMES_APART)
    return 0, newest


def _carried(
    nodes: Sequence[DagNode], shapes: Sequence[tuple[int, ...] | None], wanted: Sequence[int],
    given: Sequence[tuple[int, int]], frame: int,
) -> list[tuple[StateSlot, int]]:  # fmt: skip
    """The states that are values of the frame before, where all other values are those of `frame`; empty otherwise."""
    states: list[tuple[StateSlot, int]] = []
    for number, (value, of_frame) in zip(wanted, given, strict=True):
        layer = nodes[number - 1].layer if number else None
        if value == number and of_frame == frame:
            continue
        if not isinstance(layer, StateSlot) or of_frame != frame - 1 or layer.after not in (None, value):
            return []
        if shapes[value] != layer.shape:
            return []
        states.append((layer, value))
    return states


# The loop -------------------------------------------------------------------------------------------------------------


def closed(nodes: Sequence[DagNode], answer: int) -> tuple[Recurrence, list[int]] | None:
    """The recurrence that gives value `answer`, and the numbers of what it takes; None where no state is in it."""
    carried = set[int]()
    for number, node in enumerate(nodes, 1):
        if isinstance(node.layer, StateSlot) or carried.intersection(node.inputs):
            carried.add(number)
    if answer not in carried:
        return None
    needed = _needed(nodes, carried, answer)
    reached = sorted(needed & carried)
    slots = {n: layer for n in reached if isinstance(layer := nodes[n - 1].layer, StateSlot)}
    given = sorted(needed - carried) or [nodes[min(slots) - 1].inputs[0]]
    inner = [n for n in reached if n not in slots]
    following = {n: slot.after for n, slot in slots.items() if slot.after is not None}
    first = {after: n for n, after in reversed(following.items())}  # states that become the same are the same
    chosen = sorted(first.values())
    numbers = {n: i for i, n in enumerate([*given, *chosen, *inner])}
    for n, after in following.items():
        numbers[n] = numbers[first[after]]
    layers = [(_each_frame(nodes[n - 1].layer), tuple(numbers[i] for i in nodes[n - 1].inputs)) for n in inner]
    states = [slots[n].shape for n in chosen]
    return Recurrence(len(given), states, layers, [numbers[following[n]] for n in chosen], numbers[answer]), given


def _needed(nodes: Sequence[DagNode], carried: set[int], answer: int) -> set[int]:
    """Numbers of the values that the answer needs at this frame and, through states, at those before."""
    needed, waiting = set[int](), [answer]
    while waiting:
        number = waiting.pop()
        if number in needed:
            continue
        needed.add(number)
        layer = nodes[number - 1].layer if number else None
        if isinstance(layer, StateSlot):
            if layer.after is None:
                raise UnsupportedError(
                    "a loop over frames whose states cannot be followed from one round to the next; a clip of at least "
                    "two frames is needed as example, and every round has to do the same"
                )
            waiting.append(layer.after)
        elif number in carried:
            waiting.extend(nodes[number - 1].inputs)
    return needed


def _each_frame(layer: Streaming) -> EachFrame:
    if not isinstance(layer, EachFrame):
        raise UnsupportedError(f"{type(layer).__name__} looks at several frames, within a loop that goes one by one")
    return layer


def of_all_frames(value: TracedTensor) -> TracedTensor:
    """The same value, of every frame."""
    return value.with_axes(replace(value.axes, frame=None))


# Cells of torch -------------------------------------------------------------------------------------------------------


def _weighted(module: nn.RNNCellBase, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """The weighted input, the weighted state and the state, zeros where it is left out."""
    h = x.new_zeros(x.size(0), module.hidden_size) if h is None else h
    return F.linear(x, module.weight_ih, module.bias_ih), F.linear(h, module.weight_hh, module.bias_hh), h


def _lstm_cell(module: nn.LSTMCell, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
    of_input, of_state, _ = _weighted(module, input, None if hx is None else hx[0])
    c = input.new_zeros(input.size(0), module.hidden_size) if hx is None else hx[1]
    enter, keep, new, show = (of_input + of_state).chunk(4, 1)
    c = keep.sigmoid() * c + enter.sigmoid() * new.tanh()
    return show.sigmoid() * c.tanh(), c


def _gru_cell(module: nn.GRUCell, input: Tensor, hx: Tensor | None = None) -> Tensor:
    of_input, of_state, h = _weighted(module, input, hx)
    (reset, update, new), (h_reset, h_update, h_new) = of_input.chunk(3, 1), of_state.chunk(3, 1)
    new = (new + (reset + h_reset).sigmoid() * h_new).tanh()
    return new + (update + h_update).sigmoid() * (h - new)


def _rnn_cell(module: nn.RNNCell, input: Tensor, hx: Tensor | None = None) -> Tensor:
    of_input, of_state, _ = _weighted(module, input, hx)
    return torch.relu(of_input + of_state) if module.nonlinearity == "relu" else (of_input + of_state).tanh()


CELLS: Mapping[type[nn.Module], Callable[..., Any]] = {
    nn.LSTMCell: _lstm_cell, nn.GRUCell: _gru_cell, nn.RNNCell: _rnn_cell,
}  # fmt: skip
"""What torch's cells compute, as a forward that is read."""


def cell_of(module: nn.Module) -> Callable[..., Any] | None:
    """What a module computes that is one of torch's cells, unchanged."""
    hooked = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    return None if hooked else CELLS.get(type(module))


def stands_alone(args: Any, kwargs: Any) -> bool:
    """Whether an operation is given zeros and weights only."""
    given = parts((args, kwargs))
    return not any(isinstance(part, TracedTensor) for part in given) and any(
        isinstance(part, Tensor) and not isinstance(part, StandIn) for part in given
    )
