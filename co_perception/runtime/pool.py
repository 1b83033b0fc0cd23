"""Pool of independent streams that are stepped in one batch: each id has a row of one batched state.

Streams come and go. A step takes the rows of the ids it has frames for, and leaves the others unchanged: the answers of
a stream do not depend on which others there are. Frames, answers and states are arrays of any library.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Literal, NamedTuple

from co_perception.engine.array_library import Array, library_of
from co_perception.engine.state_tree import State, copied, fitted, join_rows, put_rows, rows_of, state_bytes, take_rows

Step = Callable[[Array, State], tuple[Array, State]]
WhenFull = Literal["oldest", "refuse"]


class PoolFullError(ValueError):
    """The pool has no free row for a new stream."""


class PoolState(NamedTuple):
    """The whole content of a pool as a value.

    ids: in the order of the rows of `state`. last_turns: the turn in which each was stepped or admitted last. turn: the
    newest one.
    """

    ids: tuple[str, ...]
    last_turns: tuple[int, ...]
    state: State
    turn: int

    @property
    def rows(self) -> dict[str, int]:
        """Row of each id."""
        return {name: row for row, name in enumerate(self.ids)}

    def only(self, names: Container[str]) -> PoolState:
        """The streams among `names`, copied."""
        rows = [row for row, name in enumerate(self.ids) if name in names]
        state = take_rows(self.state, rows_of(self.state, rows))
        ids, last_turns = tuple(self.ids[row] for row in rows), tuple(self.last_turns[row] for row in rows)
        return PoolState(ids, last_turns, state, self.turn)


class StreamPool:
    """Streams by id, at most `capacity` of them.

    A call that raises leaves the pool as it was. The caller releases streams that are absent for too long;
    `longest_absent` has them in order.

    Args:
        step: (x (N, ...), state of N streams) to (answers (N, ...), their next state); it modifies neither.
        init: the state of N fresh streams, N may be 0.
        capacity: most streams at once.
        when_full: "oldest": a new stream replaces the one that is absent longest, counted in `evicted`; "refuse":
            PoolFullError.
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
        self._held = PoolState((), (), init(0), 0)

    @property
    def ids(self) -> tuple[str, ...]:
        """All streams, in the order of their rows."""
        return self._held.ids

    @property
    def longest_absent(self) -> tuple[str, ...]:
        """All streams, longest absent first."""
        return tuple(name for _, name in sorted(zip(self._held.last_turns, self._held.ids, strict=True)))

    @property
    def ages(self) -> dict[str, int]:
        """Number of frames that each stream was given."""
        return dict(zip(self._held.ids, self._held.state.age.tolist(), strict=True))

    def age(self, name: str) -> int:
        """Number of frames that a stream was given; 0 for an unknown one."""
        return int(self._held.state.age[self._held.rows[name]]) if name in self._held.ids else 0

    @property
    def bytes_per_stream(self) -> int:
        """Memory of one stream's state; the pool never holds more than `capacity` times as much."""
        return state_bytes(self._init(1))

    def step(self, frames: Mapping[str, Array]) -> dict[str, Array]:
        """Answers to one frame of each stream given, all of one shape. New ids begin with a fresh state."""
        if not frames:
            return {}
        held = self._admit(frames)
        rows = [row for name, row in held.rows.items() if name in frames]
        present = [held.ids[row] for row in rows]
        given = [frames[name] for name in present]
        x = library_of(given[0]).stack(given)
        if len(rows) == len(held.ids):
            answers, state = self._step(x, held.state)
        else:
            which = rows_of(held.state, rows)
            answers, stepped = self._step(x, take_rows(held.state, which))
            state = put_rows(held.state, which, stepped)
        self._replace_content(held._replace(state=state))
        answer_of = dict(zip(present, answers, strict=True))
        return {name: answer_of[name] for name in frames}

    def admit(self, names: Iterable[str]) -> None:
        """Give these streams a row without stepping them; they count as present."""
        self._replace_content(self._admit(names))

    def release(self, name: str) -> None:
        """Remove a stream and free its row; nothing for an unknown one."""
        if name in self._held.ids:
            self._held = self._held.only(set(self.ids) - {name})

    def reset(self, name: str | None = None) -> None:
        """Give one stream (None: all) a fresh state; ids remain."""
        fresh = self._init(len(self._held.ids) if name is None else 1)
        if name is None:
            self._held = self._held._replace(state=fresh)
        elif name in self._held.ids:
            self.restore(name, fresh)

    def clear(self) -> None:
        """Remove all streams."""
        self._held = PoolState((), (), self._init(0), 0)

    def snapshot(self, name: str) -> State:
        """One stream's state, a batch of one. It is a value: no later step changes it."""
        if name not in self.ids:
            raise ValueError(f"no stream {name!r} is here; there are: {', '.join(map(repr, self.ids)) or 'none'}")
        return self._held.only([name]).state

    def restore(self, name: str, state: State) -> None:
        """Continue a stream, known or new, from a snapshot."""
        state = fitted(state, self._init(1))
        held = self._admit([name])
        row = rows_of(held.state, [held.rows[name]])
        self._replace_content(held._replace(state=put_rows(held.state, row, state)))

    def snapshot_all(self) -> PoolState:
        """All streams, as a value."""
        return self._held._replace(state=copied(self._held.state))

    def restore_all(self, held: PoolState) -> None:
        """Continue from `snapshot_all`, of this pool or of another with the same step."""
        if len(held.ids) > self.capacity:
            raise PoolFullError(f"{len(held.ids)} streams were held, here is place for {self.capacity}")
        state = fitted(held.state, self._init(len(held.ids)))
        self._held = held._replace(state=copied(state))

    def _admit(self, names: Iterable[str]) -> PoolState:
        """The content once all `names` have a row and count as present."""
        wanted, held = list(dict.fromkeys(names)), self._held
        new = [name for name in wanted if name not in held.rows]
        missing = len(held.ids) + len(new) - self.capacity
        if missing > 0:
            absent = [name for name in self.longest_absent if name not in wanted]
            if self.when_full == "refuse" or missing > len(absent):
                raise PoolFullError(
                    f"{len(wanted)} streams at once, {len(self.ids)} are here and there is place for {self.capacity}: "
                    "give fewer, release some, or make the capacity larger"
                )
            held = held.only(set(held.ids) - set(absent[:missing]))
        if new:
            state = join_rows([held.state, self._init(len(new))])
            held = held._replace(ids=(*held.ids, *new), last_turns=(*held.last_turns, *[0] * len(new)), state=state)
        turn, there = held.turn + 1, set(wanted)
        last_turns = tuple(turn if n in there else last for n, last in zip(held.ids, held.last_turns, strict=True))
        return held._replace(last_turns=last_turns, turn=turn)

    def _replace_content(self, held: PoolState) -> None:
        self.evicted += len(set(self._held.ids) - set(held.ids))
        self._held = held
