"""A state of its own for everybody: streams that come and go, stepped together.

The streams of one batched state are its rows. A pool knows which row is whose, steps those who are there in one batch,
and leaves the others where they were: nobody's answers depend on who else is, was or comes.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from co_perception.continual.state import State, join_rows, put_rows, state_bytes, take_rows, tree_map

Step = Callable[[Tensor, State], tuple[Tensor, State]]
WhenFull = Literal["oldest", "refuse"]


class PoolFullError(ValueError):
    """There is no place for a newcomer."""


class Held(NamedTuple):
    """All that a pool holds, as a value: ids in the order of the rows of `state`, `seen` the turn in which each was
    last there."""

    ids: tuple[str, ...]
    seen: tuple[int, ...]
    state: State
    turn: int

    @property
    def rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}

    def only(self, names: Container[str]) -> Held:
        """Those among `names`, copied."""
        rows = [row for row, name in enumerate(self.ids) if name in names]
        state = take_rows(self.state, torch.tensor(rows, dtype=torch.int64, device=self.state.age.device))
        return Held(tuple(self.ids[row] for row in rows), tuple(self.seen[row] for row in rows), state, self.turn)


class StreamPool:
    """Streams by id, at most `capacity` of them.

    step: (x (N, ...), state of N streams) to (answers (N, ...), their next state); it modifies neither. init: fresh
    state of N streams, N may be 0. when_full: a newcomer takes the place of whoever was not there for longest
    ("oldest", counted in `evicted`), or PoolFullError ("refuse"). Whatever raises leaves the pool as it was. Time is
    the caller's business: who is to be forgotten after a while is released by it, `longest_unseen` says whom to ask
    about first.
    """

    def __init__(
        self, step: Step, init: Callable[[int], State], capacity: int = 64, when_full: WhenFull = "oldest"
    ) -> None:
        if capacity < 1:
            raise ValueError(f"a pool holds at least one stream, got capacity {capacity}")
        if when_full not in ("oldest", "refuse"):
            raise ValueError(f"when_full is 'oldest' or 'refuse', got {when_full!r}")
        self.capacity, self.when_full, self.evicted = capacity, when_full, 0
        self._step, self._init = step, init
        self._held = Held((), (), init(0), 0)

    # Who is here

    @property
    def ids(self) -> tuple[str, ...]:
        """Everybody who has a state, those who came first before the others."""
        return self._held.ids

    @property
    def longest_unseen(self) -> tuple[str, ...]:
        """The same, whoever was not there for longest first."""
        return tuple(name for _, name in sorted(zip(self._held.seen, self._held.ids, strict=True)))

    @property
    def ages(self) -> dict[str, int]:
        """Frames that each stream has been given."""
        return dict(zip(self._held.ids, self._held.state.age.tolist(), strict=True))

    def age(self, name: str) -> int:
        """Frames that a stream has been given, 0 for one that is not here."""
        return int(self._held.state.age[self._held.rows[name]]) if name in self._held.ids else 0

    @property
    def bytes_per_stream(self) -> int:
        """Memory of one stream's state; the pool never holds more than `capacity` times as much."""
        return state_bytes(self._init(1))

    # Steps

    def step(self, frames: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One frame of everybody who is there, all of one shape, to their answers; newcomers start afresh."""
        if not frames:
            return {}
        held = self._admit(frames)
        rows = [row for name, row in held.rows.items() if name in frames]
        present = [held.ids[row] for row in rows]
        x = torch.stack([frames[name] for name in present])
        if len(rows) == len(held.ids):
            answers, state = self._step(x, held.state)
        else:
            which = torch.tensor(rows, device=held.state.age.device)
            answers, stepped = self._step(x, take_rows(held.state, which))
            state = put_rows(held.state, which, stepped)
        self._keep(held._replace(state=state))
        answer_of = dict(zip(present, answers, strict=True))
        return {name: answer_of[name] for name in frames}

    def admit(self, names: Iterable[str]) -> None:
        """Give these a place without stepping them, as if they were there."""
        self._keep(self._admit(names))

    # Forgetting

    def release(self, name: str) -> None:
        """Forget somebody and free the place; nothing happens for one who is not here."""
        if name in self._held.ids:
            self._held = self._held.only(set(self.ids) - {name})

    def reset(self, name: str | None = None) -> None:
        """Start one stream afresh (None: all); their ids stay."""
        fresh = self._init(len(self._held.ids) if name is None else 1)
        if name is None:
            self._held = self._held._replace(state=fresh)
        elif name in self._held.ids:
            self.restore(name, fresh)

    def clear(self) -> None:
        """Forget everybody."""
        self._held = Held((), (), self._init(0), 0)

    # Values

    def snapshot(self, name: str) -> State:
        """One stream's state, a batch of one. It is a value: nothing that happens later changes it."""
        if name not in self.ids:
            raise ValueError(f"no stream {name!r} is here; there are: {', '.join(map(repr, self.ids)) or 'none'}")
        return self._held.only([name]).state

    def restore(self, name: str, state: State) -> None:
        """Let somebody, here or not, go on from a snapshot."""
        _check_fits(state, self._init(1))
        held = self._admit([name])
        row = torch.tensor([held.rows[name]], device=held.state.age.device)
        self._keep(held._replace(state=put_rows(held.state, row, state)))

    def snapshot_all(self) -> Held:
        """Everybody, as a value."""
        return self._held._replace(state=tree_map(torch.clone, self._held.state))

    def restore_all(self, held: Held) -> None:
        """Go on from `snapshot_all`, of this pool or of another with the same step."""
        if len(held.ids) > self.capacity:
            raise PoolFullError(f"{len(held.ids)} streams were held, here is place for {self.capacity}")
        _check_fits(held.state, self._init(len(held.ids)))
        self._held = held._replace(state=tree_map(torch.clone, held.state))

    # Inside

    def _admit(self, names: Iterable[str]) -> Held:
        """What is held once everybody named has a row."""
        wanted, held = list(dict.fromkeys(names)), self._held
        new = [name for name in wanted if name not in held.rows]
        missing = len(held.ids) + len(new) - self.capacity
        if missing > 0:
            held = held.only(set(held.ids) - self._to_drop(missing, wanted))
        if new:
            state = join_rows([held.state, self._init(len(new))])
            held = held._replace(ids=(*held.ids, *new), seen=(*held.seen, *[0] * len(new)), state=state)
        turn, there = held.turn + 1, set(wanted)
        seen = tuple(turn if name in there else last for name, last in zip(held.ids, held.seen, strict=True))
        return held._replace(seen=seen, turn=turn)

    def _to_drop(self, count: int, wanted: list[str]) -> set[str]:
        unseen = [name for name in self.longest_unseen if name not in wanted]
        if self.when_full == "refuse" or count > len(unseen):
            raise PoolFullError(
                f"{len(wanted)} streams at once, {len(self.ids)} are here and there is place for {self.capacity}: give "
                "fewer, release some, or make the capacity larger"
            )
        return set(unseen[:count])

    def _keep(self, held: Held) -> None:
        self.evicted += len(set(self._held.ids) - set(held.ids))
        self._held = held


def _check_fits(state: State, like: State) -> None:
    """ValueError for a state of another network or of another number of streams."""

    def check(given: Tensor, own: Tensor) -> Tensor:
        if given.shape != own.shape or given.dtype != own.dtype:
            raise ValueError(
                f"this is a state of another network or another number of streams: {given.dtype} "
                f"{tuple(given.shape)} instead of {own.dtype} {tuple(own.shape)}"
            )
        return given

    tree_map(check, state, like)
