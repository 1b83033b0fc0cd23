"""What a person at the keyboard marks while a recording runs: one activity at a time, from key to key."""

from __future__ import annotations

from collections.abc import Mapping

from co_perception.data.annotations import Interval

STOP, QUIT = " ", "q"


class Marks:
    """The activities marked so far.

    A key starts its activity, which ends the one before; the same key again, or space, only ends.

    Args:
        labels: the activity of each key.
    """

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = dict(labels)
        self._ended: list[Interval] = []
        self._key, self._since_ns = "", 0

    @property
    def label(self) -> str:
        """The activity that is being marked; empty where there is none."""
        return self.labels.get(self._key, "")

    @property
    def since_ns(self) -> int:
        """When it began."""
        return self._since_ns

    def press(self, key: str, now_ns: int) -> None:
        """One key; others than those of activities and space mean nothing."""
        if key not in self.labels and key != STOP:
            return
        again = key == self._key
        self.stop(now_ns)
        if key in self.labels and not again:
            self._key, self._since_ns = key, now_ns

    def stop(self, now_ns: int) -> None:
        """Ends what is being marked. May be repeated."""
        self._ended, self._key = self.until(now_ns), ""

    def until(self, now_ns: int) -> list[Interval]:
        """All that is marked, that which goes on as far as `now_ns`."""
        if not self._key or now_ns <= self._since_ns:
            return list(self._ended)
        return [*self._ended, Interval(self._since_ns, now_ns, self.label)]


def keys_of(text: str) -> dict[str, str]:
    """The activity of each key, out of "wave=1,walk=2". Raises ValueError that says what is wrong with it."""
    labels: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        label, separator, key = (piece.strip() for piece in part.partition("="))
        if not separator or not label or len(key) != 1 or key in (STOP, QUIT):
            raise ValueError(
                f"keys are written as wave=1,walk=2: an activity and one key that is neither space (ends an activity) "
                f"nor {QUIT} (ends the recording), got {part!r}."
            )
        if key in labels:
            raise ValueError(f"the key {key} stands for {labels[key]} and for {label}: give each a key of its own.")
        labels[key] = label
    return labels
