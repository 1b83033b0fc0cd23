"""Who holds which place in the frame of a network that looks at several persons at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Slots:
    """`count` places. Whoever has one keeps it while he is away; where none is free, a newcomer takes that of whoever
    was not there for longest."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._places: dict[str, int] = {}  # whoever was there last at the end

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._places)

    @property
    def places(self) -> dict[str, int]:
        return dict(self._places)

    def seat(self, names: Sequence[str]) -> dict[str, int]:
        """The places of those who are there; newcomers sit down in the order given. Those for whom there is no place
        are not in it."""
        for name in names:
            if name not in self._places:
                self._sit_down(name, names)
        seated = {name: self._places[name] for name in names if name in self._places}
        self._places = {**{name: place for name, place in self._places.items() if name not in seated}, **seated}
        return seated

    def release(self, name: str) -> None:
        self._places.pop(name, None)

    def clear(self) -> None:
        self._places = {}

    def restore(self, places: Mapping[str, int]) -> None:
        self._places = dict(places)

    def _sit_down(self, name: str, there: Sequence[str]) -> None:
        free = sorted(set(range(self.count)) - set(self._places.values()))
        away = next((other for other in self._places if other not in there), None)
        if free:
            self._places[name] = free[0]
        elif away is not None:
            self._places[name] = self._places.pop(away)
