"""Identity of people beyond their tracks: whoever comes back after a track has ended gets the old id, by appearance.

A tracker knows people by where they are, and gives up after a second out of sight. Here their looks are retained. When
the tracker has somebody new while others are away, their looks are compared, once; where nobody is surely the one,
they stay new. Looks are in memory only, never leave this object, and are forgotten after a set time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from co_perception.engine.data import Pixels
from co_perception.engine.settings import setting
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.pose.appearance import Appearance, appearance
from co_perception.pose.gallery import AppearanceGallery
from co_perception.pose.matching import boxes
from co_perception.pose.mix_ups import MixUps
from co_perception.pose.tracker import Tracked

Look = Callable[[str], Appearance | None]
"""What somebody looks like in the picture at hand, by the id of their track."""

IDENTITIES = ("none", "appearance")
MARGIN = 0.03  # by which the most similar person has to be ahead of the second
DOUBT = 0.05  # who is below the least similarity by no more is in doubt, not clearly somebody new
SIGHTINGS = 5  # views of a newcomer, of which the mean counts
SIGHTINGS_NS = 60_000_000  # from one to the next: every second frame of 30 Hz, or every one of 15 Hz
VIEWS_NS = NANO  # from one view of somebody who is followed to the next
FIRST_VIEWS_NS = NANO // 5  # the same, until there are enough


@dataclass(frozen=True)
class IdentitySettings:
    """Settings of people who come back."""

    identity: str = setting(
        "none", "How who comes back is recognized: none (always a new id), or appearance.", choices=IDENTITIES
    )
    identity_age_s: float = setting(300.0, "Time away after which somebody's looks are forgotten [s].", 1.0, 86400.0)
    identity_gallery: int = setting(16, "Most people whose looks are retained; bounds memory and time.", 1, 256)
    identity_threshold: float = setting(0.92, "Least similarity for an old id, 0..1; below, somebody is new.", 0.0, 1.0)
    identity_wait_s: float = setting(
        1.0, "Longest time for which a newcomer who is hardly in sight waits for an id, while others are away [s].",
        0.0, 10.0,
    )  # fmt: skip


@dataclass
class _Newcomer:
    """A track without an id yet: when it began, and what was seen of it, `seen_ns` at the last time."""

    since_ns: int
    views: list[Appearance] = field(default_factory=list)
    seen_ns: int | None = None

    def is_due(self, stamp_ns: int) -> bool:
        """Whether the last view was long enough ago."""
        return self.seen_ns is None or stamp_ns - self.seen_ns >= SIGHTINGS_NS

    def add(self, view: Appearance, stamp_ns: int) -> None:
        """Takes a view."""
        self.views.append(view)
        self.seen_ns = stamp_ns


class _Named(NamedTuple):
    """Ids that were given: new ones, old ones, and those of the new ones that may be an old one."""

    born: tuple[str, ...] = ()
    recognized: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()


class Identity:
    """Gives tracks the ids of people.

    The first track of somebody has the id that the tracker gave it; a later one that of the first. While nobody is
    away, that is all. Otherwise a newcomer has no id until `SIGHTINGS` views were taken, or `identity_wait_s` has
    passed.
    """

    def __init__(self, values: IdentitySettings) -> None:
        self._threshold, self._wait_s = values.identity_threshold, values.identity_wait_s
        self._gallery = AppearanceGallery(values.identity_gallery, values.identity_age_s)
        self._ids: dict[str, str] = {}  # of people, by those of their tracks
        self._newcomers: dict[str, _Newcomer] = {}
        self._viewed_ns: dict[str, int] = {}
        self._mix_ups = MixUps(SIGHTINGS, SIGHTINGS_NS)

    def resolve(self, pixels: Pixels, tracked: Tracked, stamp_ns: int) -> Tracked:
        """The tracks of a frame under the ids of people, in the order of the tracks; newcomers who wait for theirs are
        left out, and count as ignored.

        Args:
            pixels: (H, W, 3) RGB, that the poses are in.
            tracked: of the tracker.
        """
        lost = self.end(tracked.lost)
        if tracked.restarted:
            self._gallery.clear()
        self._gallery.expire(stamp_ns, self._present)
        back = [self._ids[track] for track in tracked.back if track in self._ids]
        look = partial(_look, pixels, tracked.poses)
        unknown = [pose.id for pose in tracked.poses if pose.id not in self._ids]
        named = self._name(look, unknown, stamp_ns) if unknown else _Named()
        poses = [pose for pose in tracked.poses if pose.id in self._ids]
        self._untangle(look, poses, stamp_ns)
        self._view(look, [pose.id for pose in poses], stamp_ns)
        return replace(
            tracked,
            poses=tuple(replace(pose, id=self._ids[pose.id]) for pose in poses),
            born=named.born,
            back=(*back, *named.recognized),
            missing=tuple(self._ids[track] for track in tracked.missing if track in self._ids),
            lost=lost,
            ignored=tracked.ignored + len(tracked.poses) - len(poses),
            doubtful=named.doubtful,
        )

    def end(self, tracks: Sequence[str]) -> tuple[str, ...]:
        """These tracks have ended; the ids of their people, who may come back."""
        self._mix_ups.end(tracks)
        for track in tracks:
            self._newcomers.pop(track, None)
            self._viewed_ns.pop(track, None)
        return tuple(self._ids.pop(track) for track in tracks if track in self._ids)

    def forget(self) -> None:
        """Forgets everybody's looks."""
        self._gallery.clear()

    @property
    def tracks(self) -> dict[str, str]:
        """The tracker's id of everybody who has a track, by the id that all others know."""
        return {id: track for track, id in self._ids.items()}

    @property
    def _present(self) -> set[str]:
        return set(self._ids.values())

    # Newcomers

    def _name(self, look: Look, tracks: Sequence[str], stamp_ns: int) -> _Named:
        """Gives the newcomers ids who are ready for one."""
        away = self._gallery.ids - self._present
        for track in tracks:
            newcomer = self._newcomers.setdefault(track, _Newcomer(stamp_ns))
            if away and newcomer.is_due(stamp_ns) and (view := look(track)) is not None:
                newcomer.add(view, stamp_ns)
        ready = [track for track in tracks if not away or self._is_ready(self._newcomers[track], stamp_ns)]
        views = {track: self._newcomers.pop(track).views for track in ready}
        recognized, doubtful = self._recognize({track: some for track, some in views.items() if some}, away)
        for track in ready:
            id = self._ids[track] = recognized.get(track, track)
            for view in views[track]:
                self._gallery.add(id, view, stamp_ns, self._present)
                self._viewed_ns[track] = stamp_ns
        born = tuple(track for track in ready if track not in recognized)
        return _Named(born, tuple(recognized.values()), doubtful)

    def _is_ready(self, newcomer: _Newcomer, stamp_ns: int) -> bool:
        return len(newcomer.views) >= SIGHTINGS or stamp_ns - newcomer.since_ns >= self._wait_s * NANO

    def _recognize(self, views: dict[str, list[Appearance]], away: set[str]) -> tuple[dict[str, str], tuple[str, ...]]:
        """Who of those away each track is, where that is sure; and the tracks for which it is in doubt.

        Sure is a similarity that is high, and ahead of that with everybody else, present people too (they show how much
        two are alike here), and of that of every other newcomer with the same person.
        """
        tracks, ids = list(views), sorted(self._gallery.ids)
        if not tracks or not away:
            return {}, ()
        likeness = np.array([[self._gallery.similarity(id, views[track]) for id in ids] for track in tracks])
        recognized, doubtful = {}, list[str]()
        for row, track in enumerate(tracks):
            similarity, best = max((likeness[row, column], column) for column, id in enumerate(ids) if id in away)
            rivals = [*np.delete(likeness[row], best), *np.delete(likeness[:, best], row)]
            if similarity >= self._threshold and similarity - max(rivals, default=0.0) >= MARGIN:
                recognized[track] = ids[best]
            elif similarity >= self._threshold - DOUBT:
                doubtful.append(track)
        return recognized, tuple(doubtful)

    # People who are followed

    def _untangle(self, look: Look, poses: Sequence[Pose], stamp_ns: int) -> None:
        """Gives those who have each other's id since they met their own."""
        self._mix_ups.note(poses, self._ids)
        for pose in poses:
            if self._mix_ups.is_due(pose.id, stamp_ns) and (view := look(pose.id)) is not None:
                self._mix_ups.add(pose.id, view, stamp_ns)
        self._ids |= self._mix_ups.settle(self._ids, self._gallery)

    def _view(self, look: Look, tracks: Sequence[str], stamp_ns: int) -> None:
        """Takes a view of those of whom none was taken lately."""
        for track in tracks:
            if self._mix_ups.is_open(track):
                continue  # whose looks these are is not known
            pause_ns = VIEWS_NS if self._gallery.is_full(self._ids[track]) else FIRST_VIEWS_NS
            if stamp_ns - self._viewed_ns.get(track, stamp_ns - pause_ns) >= pause_ns:
                self._viewed_ns[track] = stamp_ns
                if (view := look(track)) is not None:
                    self._gallery.add(self._ids[track], view, stamp_ns, self._present)


def _look(pixels: Pixels, poses: Sequence[Pose], track: str) -> Appearance | None:
    """What one of the people in a picture looks like; None where somebody else may be in the way, or too little of them
    is in sight."""
    number = next(place for place, pose in enumerate(poses) if pose.id == track)
    if len(poses) > 1:
        everybody = boxes(np.stack([pose.data[:, [0, 1, -1]] for pose in poses]).astype(np.float64))
        own = everybody[number]
        common = (everybody[:, :2] < own[2:]).all(1) & (everybody[:, 2:] > own[:2]).all(1)
        if common.sum() > 1:
            return None
    return appearance(pixels, poses[number])
