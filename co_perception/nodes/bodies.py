"""The bodies of one instant, gathered: REP-155 sends each on a topic of its own. No ROS in here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from co_perception.data.skeleton_messages import nanoseconds
from co_perception.learners.pacing import NANO


@dataclass(frozen=True)
class Bodies:
    """Whoever was seen in one frame: its header, and a Skeleton2D for each body id."""

    header: Any
    skeletons: dict[str, Any] = field(default_factory=dict)

    @property
    def stamp_ns(self) -> int:
        """The instant."""
        return nanoseconds(self.header.stamp)


class Gathering:
    """Joins messages of one stamp into frames.

    A frame is complete when everybody who is tracked has been heard, or when a later stamp begins another. What comes
    for a frame that is over already is late, and counted; a step back by more than `max_gap_s` is a new stream.
    """

    def __init__(self, max_gap_s: float) -> None:
        self._max_gap_ns = round(max_gap_s * NANO)
        self._ids: set[str] = set()
        self._open: Bodies | None = None
        self._over_ns: int | None = None
        self.late = 0

    def tracked(self, ids: Collection[str], header: Any) -> list[Bodies]:
        """Who is in sight now. Gives the frames that are complete: nobody in sight is a frame too."""
        self._ids = set(ids)
        return self._add(Bodies(header)) if not ids else self._close_if_complete()

    def take(self, id: str, message: Any) -> list[Bodies]:
        """One body's skeleton. Gives the frames that are complete by it, none, one or two."""
        return self._add(Bodies(message.header, {id: message}))

    def _add(self, frame: Bodies) -> list[Bodies]:
        done = []
        if self._over_ns is not None and 0 <= self._over_ns - frame.stamp_ns <= self._max_gap_ns:
            self.late += 1
            return []
        if self._open is not None and frame.stamp_ns != self._open.stamp_ns:
            if 0 < self._open.stamp_ns - frame.stamp_ns <= self._max_gap_ns:
                self.late += 1
                return []
            done += self._close()
        if self._open is None:
            self._open = Bodies(frame.header)
        self._open.skeletons.update(frame.skeletons)
        return done + self._close_if_complete()

    def _close_if_complete(self) -> list[Bodies]:
        if self._open is None or self._ids - set(self._open.skeletons):
            return []
        # Bodies may be heard before the list of those tracked: then only a later stamp ends their frame.
        return self._close() if self._ids or not self._open.skeletons else []

    def _close(self) -> list[Bodies]:
        if self._open is None:
            return []
        done, self._open = self._open, None
        self._over_ns = done.stamp_ns
        return [done]
