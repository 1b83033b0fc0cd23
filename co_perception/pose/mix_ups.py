"""Mix-ups of people who met: whether two tracks have each other's ids after they touched, by what people look like.

A tracker that follows places may exchange two who hug or pass each other. Once they stand apart again, each is compared
with those that were met. It costs a few looks after a meeting, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from co_perception.engine.target import Pose
from co_perception.pose.appearance import Appearance
from co_perception.pose.gallery import AppearanceGallery
from co_perception.pose.matching import boxes

AHEAD = 0.05  # by which somebody has to look more like another one than like themselves


@dataclass
class _Meeting:
    """Whom a track has met, by id, and what it looked like since they are apart; `viewed_ns` at the last time."""

    ids: set[str] = field(default_factory=set)
    views: list[Appearance] = field(default_factory=list)
    viewed_ns: int | None = None


class MixUps:
    """Finds tracks that have another one's id since they met.

    Args:
        views: of each that are compared.
        pause_ns: from one to the next.
    """

    def __init__(self, views: int, pause_ns: int) -> None:
        self._views, self._pause_ns = views, pause_ns
        self._meetings: dict[str, _Meeting] = {}

    def is_open(self, track: str) -> bool:
        """Whether a track has met somebody and was not compared since."""
        return track in self._meetings

    def note(self, poses: Sequence[Pose], ids: Mapping[str, str]) -> None:
        """Takes the tracks of a frame, whose people have these ids: who overlaps, meets."""
        if len(poses) < 2:
            return
        found = boxes(np.stack([pose.data[:, [0, 1, -1]] for pose in poses]).astype(np.float64))
        common = (found[:, None, :2] < found[None, :, 2:]).all(-1)
        for one, other in np.argwhere(common & common.T & ~np.eye(len(poses), dtype=bool)):
            meeting = self._meetings.setdefault(poses[one].id, _Meeting())
            meeting.ids.add(ids[poses[other].id])
            meeting.views.clear()

    def is_due(self, track: str, stamp_ns: int) -> bool:
        """Whether a view of a track is wanted."""
        meeting = self._meetings.get(track)
        if meeting is None or len(meeting.views) >= self._views:
            return False
        return meeting.viewed_ns is None or stamp_ns - meeting.viewed_ns >= self._pause_ns

    def add(self, track: str, view: Appearance, stamp_ns: int) -> None:
        """Takes a view of a track that is apart."""
        self._meetings[track].views.append(view)
        self._meetings[track].viewed_ns = stamp_ns

    def settle(self, ids: Mapping[str, str], gallery: AppearanceGallery) -> dict[str, str]:
        """The new ids of tracks that were mixed up; meetings of all that are clear end.

        A track takes the id of another one only as that one gives it away, or is not there.
        """
        wanted: dict[str, str] = {}
        for track, meeting in list(self._meetings.items()):
            if len(meeting.views) >= self._views and track in ids:
                wanted[track] = _most_like(ids[track], meeting, gallery)
                if wanted[track] == ids[track]:
                    del self._meetings[track]
        holders = {id: track for track, id in ids.items()}
        changed = {}
        for track, id in wanted.items():
            holder = holders.get(id)
            if id != ids[track] and (holder is None or wanted.get(holder) == ids[track]):
                changed[track] = id
                del self._meetings[track]
            elif holder is not None and not self.is_open(holder):
                self._meetings.pop(track, None)
        return changed

    def end(self, tracks: Iterable[str]) -> None:
        """These tracks have ended."""
        for track in tracks:
            self._meetings.pop(track, None)


def _most_like(own: str, meeting: _Meeting, gallery: AppearanceGallery) -> str:
    """The id of the one that a track looks like, its own unless another one is ahead."""
    likeness = {id: gallery.similarity(id, meeting.views) for id in {own, *meeting.ids} & gallery.ids}
    best = max(likeness, key=lambda id: likeness[id], default=own)
    return best if best == own or likeness[best] - likeness.get(own, 0.0) >= AHEAD else own
