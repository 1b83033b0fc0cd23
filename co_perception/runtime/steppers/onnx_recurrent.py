"""Translations to ONNX of torch's recurrent layers that go over an axis of a single frame, in the table `RECURRENT`.

A network that reads the bands of a spectrum or the joints of a body one after the other has such layers (GTCRN). Those
that go over time are layers of `continual.recurrent` and come here as single cells, written out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from co_perception.runtime.steppers.onnx_operations import Input, Named, Place, UnsupportedOperationError

GRU_ORDER = (1, 0, 2)  # ONNX has the gates update, reset, hidden; torch has reset, update, hidden
LSTM_ORDER = (0, 3, 1, 2)  # ONNX has input, output, forget, cell; torch has input, forget, cell, output


def _ordered(weight: Tensor, order: Sequence[int]) -> Tensor:
    gates = weight.chunk(len(order))
    return torch.cat([gates[number] for number in order])


def _zeros(states: Sequence[Input]) -> None:
    """Refuses first states other than constant zeros, which are ONNX's own."""
    if any(isinstance(state, Named) or bool(state.any()) for state in states):
        raise UnsupportedOperationError("a recurrent layer within a frame whose first state is not zero")


def _weights(each: Sequence[Input], directions: int, has_biases: bool, order: Sequence[int]) -> list[Tensor]:
    """W, R and B of one layer as ONNX wants them, directions on axis 0."""
    if any(isinstance(weight, Named) for weight in each):
        raise UnsupportedOperationError("a recurrent layer whose weights are computed")
    count = len(each) // directions
    if count != (4 if has_biases else 2):
        raise UnsupportedOperationError("a recurrent layer with a projection")
    parts = [[_ordered(weight, order) for weight in each[i * count : (i + 1) * count]] for i in range(directions)]  # type: ignore[arg-type]
    made = [torch.stack([part[number] for part in parts]) for number in (0, 1)]
    if has_biases:
        made.append(torch.stack([torch.cat(part[2:4]) for part in parts]))
    return made


def _recurrent(kind: str, order: Sequence[int], states: int, **attributes: Any) -> Callable[..., Any]:
    """A recurrent layer. `states`: how many tensors it remembers; none is an answer, as `convert` refuses their use."""

    def translate(
        at: Place, x: Named, first: Any, weights: Sequence[Input], has_biases: bool, layers: int, dropout: float,
        train: bool, bidirectional: bool, batch_first: bool,
    ) -> list[Named]:  # fmt: skip
        del dropout
        if train or not batch_first:
            raise UnsupportedOperationError("a recurrent layer that trains, or has streams on another axis than 0")
        _zeros(first if isinstance(first, list | tuple) else [first])
        directions, each = 1 + bidirectional, len(weights) // layers
        streams, length, _ = x.like.shape
        y = at("Transpose", x, perm=[1, 0, 2], like=x.like.transpose(0, 1))
        hidden = at.like[0].shape[-1] // directions
        for number in range(layers):
            own = _weights(weights[number * each : (number + 1) * each], directions, has_biases, order)
            like = x.like.new_empty(length, directions, streams, hidden)
            after = [like] + [x.like.new_empty(directions, streams, hidden)] * states
            setting = "bidirectional" if bidirectional else "forward"
            y = at.writer.add_many(kind, [y, *own], after, direction=setting, hidden_size=hidden, **attributes)[0]
            # (length, directions, streams, hidden) to (length, streams, directions * hidden)
            y = at("Transpose", y, perm=[0, 2, 1, 3], like=like.transpose(1, 2))
            joined = x.like.new_empty(length, streams, directions * hidden)
            y = at("Reshape", y, torch.tensor([0, 0, -1]), like=joined)
        answer = at("Transpose", y, perm=[1, 0, 2], like=at.like[0])
        return [answer]

    return translate


RECURRENT: dict[str, Callable[..., Any]] = {
    "gru": _recurrent("GRU", GRU_ORDER, 1, linear_before_reset=1),
    "lstm": _recurrent("LSTM", LSTM_ORDER, 2),
}
