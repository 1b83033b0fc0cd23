"""Stand-ins for the tensors of a plain network while its operations are read in `convert`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, Protocol

import torch
from torch import Tensor, nn

from co_perception.continual.convert.functional import Weight
from co_perception.continual.convert.lengths import Length, Size
from co_perception.continual.convert.site import Axes, Site, UnsupportedError
from co_perception.continual.layer import TIME, Streaming


class Storage:
    """Memory that a tensor shares with its views; `version` counts the operations in place on any of them."""

    def __init__(self) -> None:
        self.version = 0


class StandIn(Tensor):
    """What the forward that is read takes for a tensor; it has no numbers."""

    @staticmethod
    def __new__(cls, *_: object, **__: object) -> StandIn:
        return Tensor._make_subclass(cls, torch.empty(0, device="meta"), False)

    def __init__(self) -> None:
        super().__init__()

    @classmethod
    def __torch_function__(cls, *_: object) -> NoReturn:  # while a forward is read, `Interception` comes before this
        raise UnsupportedError("it is used where no operation is read: after the forward, or in another thread")

    @property
    def values(self) -> StandIn:  # type: ignore[override]
        """As of `x.median(1).values`, where reading goes on after a refusal; torch has methods of sparse tensors."""
        return self

    indices = values  # type: ignore[assignment]

    def __repr__(self, **_: object) -> str:  # type: ignore[override]
        return type(self).__name__

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)

    def __deepcopy__(self, _: object) -> StandIn:
        return self

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise UnsupportedError("it is stored as a file; nothing is computed yet")


class TracedTensor(StandIn):
    """A tensor of the plain network.

    Attributes:
        node: number of its value in the `Dag`. A function in place changes it for all that refer to the tensor.
        axes: where its axes are in the stream.
        viewed: the tensor that it is a view of, and which part of that (None: all of it, its axes in another order).
            None where that one cannot follow what is written into the view.
    """

    node: int
    axes: Axes
    assembly: Any = None  # of a tensor of one number, into which parts were written
    viewed: tuple[TracedTensor, tuple[object, ...] | None] | None = None

    def __init__(self, node: int, axes: Axes) -> None:
        super().__init__()
        self.node, self.axes = node, axes
        self._storage = Storage()
        self._traced_version = 0

    def __repr__(self, **_: object) -> str:  # type: ignore[override]
        return f"tensor {self.axes}"

    def __deepcopy__(self, _: object) -> TracedTensor:
        return self.apart()

    def apart(self) -> TracedTensor:
        """A tensor of its own with the same values."""
        return TracedTensor(self.node, self.axes)

    def with_axes(self, axes: Axes) -> TracedTensor:
        """The same values with other axes of the plain tensor."""
        return TracedTensor(self.node, axes)

    def shares_memory_of(self, other: TracedTensor) -> None:
        """From now on it is a view of `other`, or `other` of it."""
        self._storage, self._traced_version = other._storage, other._traced_version

    def change(self, node: int) -> None:
        """An operation in place gives it another value; its views and what it is a view of become `outdated`."""
        self._storage.version += 1
        self.node, self._traced_version, self.assembly = node, self._storage.version, None

    @property
    def outdated(self) -> bool:
        """Whether its memory was changed through another tensor, so that `node` is not its value any more."""
        return self._traced_version != self._storage.version


class Filled(StandIn):
    """A tensor of one number, of a shape that only the clip tells: `torch.zeros(x.size(0), 8)`.

    Attributes:
        number: the number.
        sizes: lengths of its axes.
        shared: whether it is a view of another such tensor, or that one a view of it.
        kind: its type where that is no floating point.
    """

    number: float
    sizes: tuple[Size, ...]
    kind: torch.dtype | None = None

    def __init__(self, number: float, sizes: Sequence[Size]) -> None:
        super().__init__()
        self.number, self.sizes, self.shared = number, tuple(sizes), False

    def own(self) -> None:
        """Raises UnsupportedError where what is written into it is in another tensor, too."""
        if self.shared:
            raise UnsupportedError(
                "it writes into a tensor of one number that shares memory with another; make it anew"
            )

    def become(self, node: int, axes: Axes) -> None:
        """It is a tensor of the network from now on, since some was written into it."""
        self.__class__ = TracedTensor  # type: ignore[assignment]
        TracedTensor.__init__(self, node, axes)  # type: ignore[arg-type]


class FinalState(StandIn):
    """The second result of a recurrent layer: the states (layers, B, C) after the last frame."""

    other = "it computes with the states of a recurrent layer; only the last layer's is an answer: h[-1]"

    def __init__(self, answer: TracedTensor, layers: int) -> None:
        super().__init__()
        self._answer, self._layers = answer, layers

    def of_layer(self, number: object) -> TracedTensor:
        """The state of one layer (B, C): of the last one alone, which is the layer's answer."""
        if number not in (-1, self._layers - 1):
            raise UnsupportedError("only the last layer's state is an answer: h[-1]")
        given = self._answer.axes
        order = tuple(place for place in given.order if place != TIME)  # (T, B, C) or (B, T, C)
        return self._answer.with_axes(replace(given, order=order, pooled=True))

    def without_layers(self, dims: object, name: str) -> TracedTensor:
        """`h.squeeze(0)` or `h.mean(0)`, the state of the only layer."""
        if self._layers != 1 or dims not in ((0,), (-3,), ([0],), ((0,),)):
            raise UnsupportedError(
                f"h of a recurrent layer has the axes (layers, B, C), here {self._layers} layers; {name} of it is not "
                "the state after the last frame: take h[-1]"
            )
        return self.of_layer(-1)


class Absent(StandIn):
    """An answer that no stream has; whoever uses it is told the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class UnknownResult(StandIn):
    """The answer of an operation that is reported as unsupported already; what is done with it follows from that."""


class Emitter(Protocol):
    """Collects the layers of the continual network; what the functions that are read write to."""

    here: Site
    like: Tensor  # of the network's device and precision
    newest_frame: TracedTensor  # of the frames that the forward picked one by one, before that the clip

    def emit(self, layer: Streaming, inputs: list[TracedTensor], axes: Axes) -> TracedTensor:
        """Append a layer to the network."""
        ...

    def emit_call(
        self, function: Callable[..., Tensor], args: Sequence[object], kwargs: Mapping[str, object], axes: Axes
    ) -> TracedTensor:
        """Append a function applied as it is; its `TracedTensor`s become slots and weights find their axes."""
        ...

    def call_module(self, module: nn.Module, value: TracedTensor) -> TracedTensor:
        """Append what a module becomes that is no part of the network."""
        ...

    def of_weights(self, function: Callable[..., Tensor], *args: object) -> Tensor:
        """What a function gives of tensors that do not depend on the input."""
        ...

    def weight(self, tensor: Tensor) -> Weight:
        """A placeholder for a tensor that does not depend on the input."""
        ...

    def sizes(self, value: TracedTensor) -> tuple[Size, ...]:
        """The shape of the plain tensor."""
        ...

    def size_at(self, value: TracedTensor, place: int) -> Size:
        """The length of the axis at a place in (B, C, T, *space)."""
        ...

    def knows_frame(self, value: TracedTensor) -> bool:
        """Whether the sizes of channels and space are known."""
        ...

    def over_past(self, value: TracedTensor) -> TracedTensor:
        """A value of means over whole clips with means over past frames in their place, one for each frame."""
        ...

    def made_by(self, value: TracedTensor) -> tuple[str, tuple[int, ...]]:
        """The name of the function that the value comes from, and the numbers of what that was given."""
        ...

    def single(self, value: TracedTensor) -> bool:
        """Whether there is one frame of it for a whole clip."""
        ...

    def clip_frames(self, value: TracedTensor) -> int | None:
        """Its frames for the clip that the network is read for; None for clips of any length."""
        ...

    def of_all_frames(self, value: TracedTensor) -> TracedTensor:
        """What one frame of a clip stands for: the value of every frame."""
        ...

    def of_length(self, length: Length) -> TracedTensor | None:
        """A tensor with as many frames, if there is one."""
        ...


def whole_clip(emitter: Emitter, sizes: object, value: TracedTensor) -> bool:
    """Whether the sizes of a window, time first, are those of the whole clip: `x.shape[2:]`."""
    if not isinstance(sizes, tuple | list) or not any(isinstance(size, Length) for size in sizes):
        return False
    own = emitter.sizes(value)[2:]
    return (
        value.axes.order[2] == TIME
        and len(own) == len(sizes)
        and all(
            isinstance(mine, Length) == isinstance(size, Length) and mine == size
            for mine, size in zip(own, sizes, strict=True)
        )
    )
