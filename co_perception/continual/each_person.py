"""Layers applied to each person of a scene, who are streams of their own; x is (B, C, T, *space, M): M persons."""

from __future__ import annotations

from torch import Tensor

from co_perception.continual.container import Sequential
from co_perception.continual.layer import Frames
from co_perception.continual.state import Tree, tree_map
from co_perception.continual.timing import Clock, Signal


class EachPerson(Sequential):
    """Layers applied to each person: x (B, C, T, V, M), each of the B * M persons a stream of its own.

    Histories have the axes (B, M, ...), so that rows of a state stay whole streams.
    """

    def clip(self, x: Tensor) -> Tensor:
        return _split_persons(super().clip(_persons_as_batch(x)), x.shape[-1])

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        persons = x.shape[-1]
        each = tree_map(lambda leaf: leaf.flatten(0, 1), past)
        y, each = super().stream(_persons_as_batch(x), each, _person_clock(clock, persons))
        return _split_persons(y, persons), tree_map(lambda leaf: leaf.unflatten(0, (-1, persons)), each)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        persons = frames[0].shape[-1]
        each = tree_map(lambda leaf: leaf.flatten(0, 1), past)
        answers, each = super().unrolled(tuple(map(_persons_as_batch, frames)), each, _person_clock(clock, persons))
        past = tree_map(lambda leaf: leaf.unflatten(0, (-1, persons)), each)
        return tuple(_split_persons(answer, persons) for answer in answers), past

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        *shape, persons = signal.shape
        past = super().init_history(batch_size * persons, Signal(tuple(shape), signal.lag), like)
        return tree_map(lambda leaf: leaf.unflatten(0, (batch_size, persons)), past)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*super().frame_out(shape[:-1]), shape[-1])


def _person_clock(clock: Clock, persons: int) -> Clock:
    """The clock of every person's stream."""
    end = None if clock.end is None else clock.end.repeat_interleave(persons)
    return clock._replace(start=clock.start.repeat_interleave(persons), end=end)


def _persons_as_batch(x: Tensor) -> Tensor:
    """(B * M, C, T, V) of x (B, C, T, V, M), with or without T."""
    return x.movedim(-1, 1).flatten(0, 1)


def _split_persons(y: Tensor, persons: int) -> Tensor:
    """(B, C, T, V, M) of y (B * M, C, T, V), with or without T."""
    return y.unflatten(0, (-1, persons)).movedim(1, -1)
