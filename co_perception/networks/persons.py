"""Several persons in a frame x (B, C, T, V, M): a norm of all their joints, and one network for each of them alike."""

from __future__ import annotations

from torch import Tensor, nn

from co_perception.continual import Sequential, Timing
from co_perception.continual.framewise import EachFrame
from co_perception.continual.layer import Clock, Frames, Signal
from co_perception.continual.state import Tree, tree_map


class JointNorm(EachFrame, nn.BatchNorm1d):  # type: ignore[misc]  # forward is that of the contract
    """Batch norm of each channel of each joint of each person, x (B, C, T, V, M), with `BatchNorm1d(M * V * C)`'s
    parameters in that order."""

    def __init__(self, channels: int, joints: int, persons: int) -> None:
        nn.BatchNorm1d.__init__(self, persons * joints * channels)
        self.frame_shape = (channels, joints, persons)
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        self._check_frame((x.shape[1], *x.shape[3:]))
        channels, joints, persons = self.frame_shape
        flat = x.permute(0, 4, 3, 1, 2).flatten(1, 3)
        return nn.BatchNorm1d.forward(self, flat).unflatten(1, (persons, joints, channels)).permute(0, 3, 4, 2, 1)

    def each(self, frame: Tensor) -> Tensor:
        channels, joints, persons = self.frame_shape
        normed = nn.BatchNorm1d.forward(self, frame.permute(0, 3, 2, 1).flatten(1))
        return normed.unflatten(1, (persons, joints, channels)).permute(0, 3, 2, 1)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        self._check_frame(signal.shape)
        return ()

    def _check_frame(self, shape: tuple[int, ...]) -> None:
        if tuple(shape) != self.frame_shape:
            raise ValueError(
                f"expected skeletons (C, V, M) = {self.frame_shape}: channels, joints, persons, got {tuple(shape)}. "
                "One person needs an axis too, x.unsqueeze(-1); one that is absent is zeros"
            )


class EachPerson(Sequential):
    """Layers that see one person: x (B, C, T, V, M), each of the B * M persons a stream of its own.

    Histories have the axes (B, M, ...), so that rows of a state stay whole streams.
    """

    def clip(self, x: Tensor) -> Tensor:
        return _apart(super().clip(_as_batch(x)), x.shape[-1])

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        persons = x.shape[-1]
        y, kept = super().stream(_as_batch(x), _join_persons(past), _each_clock(clock, persons))
        return _apart(y, persons), _part_persons(kept, persons)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        persons = frames[0].shape[-1]
        answers, kept = super().unrolled(
            tuple(map(_as_batch, frames)), _join_persons(past), _each_clock(clock, persons)
        )
        return tuple(_apart(answer, persons) for answer in answers), _part_persons(kept, persons)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        *shape, persons = signal.shape
        past = super().init_history(batch_size * persons, Signal(tuple(shape), signal.lag), like)
        return tree_map(lambda leaf: leaf.unflatten(0, (batch_size, persons)), past)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*super().frame_out(shape[:-1]), shape[-1])


def _each_clock(clock: Clock, persons: int) -> Clock:
    """The clock of every person's stream."""
    end = None if clock.end is None else clock.end.repeat_interleave(persons)
    return clock._replace(start=clock.start.repeat_interleave(persons), end=end)


def _join_persons(past: Tree) -> Tree:
    return tree_map(lambda leaf: leaf.flatten(0, 1), past)


def _part_persons(kept: Tree, persons: int) -> Tree:
    return tree_map(lambda leaf: leaf.unflatten(0, (-1, persons)), kept)


def _as_batch(x: Tensor) -> Tensor:
    """(B * M, C, T, V) of x (B, C, T, V, M), with or without T."""
    return x.movedim(-1, 1).flatten(0, 1)


def _apart(y: Tensor, persons: int) -> Tensor:
    """(B, C, T, V, M) of y (B * M, C, T, V), with or without T."""
    return y.unflatten(0, (-1, persons)).movedim(1, -1)
