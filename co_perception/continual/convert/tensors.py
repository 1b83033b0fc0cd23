"""Stand-ins for the tensors of a plain network while its operations are read in `convert`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from torch import Tensor

from co_perception.continual.convert.site import CHANNELS, STREAMS, Axes, Site, UnsupportedError
from co_perception.continual.layer import TIME, Streaming


class Storage:
    """Memory that a tensor shares with its views; `version` counts the operations in place on any of them."""

    def __init__(self) -> None:
        self.version = 0


class TracedTensor:
    """A tensor of the plain network.

    Attributes:
        index: number of its value in the `Dag`. A function in place changes it for all that refer to the tensor.
        axes: where its axes are in the stream.
    """

    def __init__(self, index: int, axes: Axes) -> None:
        self.index, self.axes = index, axes
        self._storage = Storage()
        self._version = 0

    def copy(self) -> TracedTensor:
        """A tensor of its own with the same values."""
        return TracedTensor(self.index, self.axes)

    def view_of(self, other: TracedTensor) -> None:
        """From now on it shares its memory with `other`."""
        self._storage, self._version = other._storage, other._version

    def change(self, index: int) -> None:
        """An operation in place gives it another value; its views and what it is a view of become `outdated`."""
        self._storage.version += 1
        self.index, self._version = index, self._storage.version

    @property
    def outdated(self) -> bool:
        """Whether its memory was changed through another tensor, so that `index` is not its value any more."""
        return self._version != self._storage.version


class TracedShape(TracedTensor):
    """The shape of a tensor, `x.shape`."""


class AxisLength:
    """The length of axis `dim` of a plain tensor."""

    def __init__(self, value: TracedTensor, dim: int) -> None:
        self.value, self.place = value, value.axes.place(dim)


class FinalState:
    """The second result of a recurrent layer: the state (layers, B, C) of each of its layers after the last frame."""

    def __init__(self, answer: TracedTensor, layers: int) -> None:
        self._index, self._unsure, self._layers = answer.index, answer.axes.unsure, layers

    def of_layer(self, number: object) -> TracedTensor:
        """The state of one layer (B, C): of the last one alone, which is the layer's answer."""
        if number not in (-1, self._layers - 1):
            raise UnsupportedError("only the last layer's state is an answer: h[-1]")
        return TracedTensor(self._index, Axes((STREAMS, CHANNELS), 0, pooled=True, unsure=self._unsure))

    def without_layers(self, dims: object, name: str) -> TracedTensor:
        """`h.squeeze(0)` or `h.mean(0)`, the state of the only layer."""
        if self._layers != 1 or dims not in ((0,), (-3,), ([0],), ((0,),)):
            raise UnsupportedError(
                f"h of a recurrent layer has the axes (layers, B, C), here {self._layers} layers; {name} of it is not "
                "the state after the last frame: take h[-1]"
            )
        return self.of_layer(-1)


class EqualParts:
    """`whole.split(size, dim)`: as many parts as there are; `place` is that of the axis in (B, C, T, *space)."""

    def __init__(self, whole: TracedTensor, size: int, place: int) -> None:
        self.whole, self.size, self.place = whole, size, place


class UnknownResult:
    """The answer of an operation that is reported as unsupported already."""


def whole_clip(sizes: object, value: TracedTensor) -> bool:
    """Whether the sizes of a window, time first, are those of the whole clip: `x.shape[2:]`."""
    if not isinstance(sizes, tuple) or not all(isinstance(size, AxisLength) for size in sizes):
        return False
    return [size.place for size in sizes] == list(range(TIME, 3 + value.axes.space))


class Emitter(Protocol):
    """Collects the layers of the continual network; what the functions that are read write to."""

    here: Site

    def emit(self, layer: Streaming, inputs: list[TracedTensor], axes: Axes) -> TracedTensor:
        """Append a layer to the network."""
        ...

    def emit_call(
        self, function: Callable[..., Tensor], args: Sequence[object], kwargs: Mapping[str, object], axes: Axes
    ) -> TracedTensor:
        """Append a function applied as it is; its `TracedTensor`s become slots and weights find their axes."""
        ...
