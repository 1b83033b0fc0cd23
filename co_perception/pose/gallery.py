"""Gallery of people: how those who were seen lately looked, under their ids; bounded in number and age."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from co_perception.engine.time import NANO
from co_perception.pose.appearance import Appearance, similarities

VIEWS = 8  # of a person: front, back and sides, in different light
NEAREST = 2  # views that count


@dataclass
class _Looks:
    """Views of one person, and when they were in sight last."""

    last_ns: int
    views: list[Appearance] = field(default_factory=list)


class AppearanceGallery:
    """Retains views of people, most different ones first, until they have been away for too long.

    Args:
        people: most people at once; whoever has been away longest makes room.
        age_s: time away after which somebody is forgotten.
    """

    def __init__(self, people: int, age_s: float) -> None:
        if people < 1 or not age_s > 0:
            raise ValueError(f"people is at least 1 and age_s above 0, got {people} and {age_s}.")
        self._most, self._age_s = people, age_s
        self._looks: dict[str, _Looks] = {}

    @property
    def ids(self) -> set[str]:
        """Of everybody in it."""
        return set(self._looks)

    def is_full(self, id: str) -> bool:
        """Whether further views of a person only replace others."""
        return id in self._looks and len(self._looks[id].views) >= VIEWS

    def add(self, id: str, view: Appearance, stamp_ns: int, present: Collection[str] = ()) -> None:
        """Takes a view of somebody. Nobody of those `present` makes room for another person."""
        looks = self._looks.get(id)
        if looks is None:
            if len(self._looks) >= self._most:
                away = [each for each in self._looks if each not in present]
                if not away:
                    return
                del self._looks[min(away, key=lambda each: self._looks[each].last_ns)]
            looks = self._looks[id] = _Looks(stamp_ns)
        looks.last_ns = stamp_ns
        looks.views.append(view)
        if len(looks.views) > VIEWS:
            del looks.views[_most_alike(looks.views)]

    def expire(self, stamp_ns: int, present: Collection[str]) -> None:
        """Forgets who has been away for too long; who is present is in sight now."""
        for id, looks in list(self._looks.items()):
            if id in present:
                looks.last_ns = stamp_ns
            elif stamp_ns - looks.last_ns > self._age_s * NANO:
                del self._looks[id]

    def similarity(self, id: str, views: Sequence[Appearance]) -> float:
        """How much a person in the gallery looks like somebody of whom there are these views, 0..1: of each view the
        mean of the most similar ones of the person, and of these the mean."""
        return float(np.sort(similarities(views, self._looks[id].views), 1)[:, -NEAREST:].mean())

    def clear(self) -> None:
        """Forgets everybody."""
        self._looks.clear()


def _most_alike(views: Sequence[Appearance]) -> int:
    """The place of the view that is most like another one, of two the older."""
    likeness = similarities(views, views)
    np.fill_diagonal(likeness, -1)
    return int(likeness.max(1).argmax())
