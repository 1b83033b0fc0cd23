"""What a node says of its health on /diagnostics."""

from __future__ import annotations

from typing import Any


class Diagnosed:
    """Everything one node has said; for the test's node of `bench`."""

    def __init__(self, bench: Any, name: str) -> None:
        from diagnostic_msgs.msg import DiagnosticArray

        self.bench, self.name = bench, name
        self.heard: list[Any] = bench.listen(DiagnosticArray, "/diagnostics")

    @property
    def all(self) -> list[Any]:
        """Its statuses, oldest first."""
        ours = f"/{self.name}"
        return [each for array in self.heard for each in array.status if each.name.partition(":")[0] == ours]

    @property
    def values(self) -> dict[str, str]:
        """The newest values by key."""
        return {value.key: value.value for value in self.all[-1].values} if self.all else {}

    def count(self, event: str) -> int:
        """Of frames with that fate, as told last."""
        return int(self.values.get(f"frames {event}", 0))

    def until_count(self, event: str, times: int) -> None:
        self.bench.until(lambda: self.count(event) == times, f"{times} frames {event}, told {self.values}")

    def until_warned(self, words: str) -> None:
        """Waits for a warning that has these words."""
        self.bench.until(lambda: self.warnings(words), f"a warning about {words!r}")

    def warnings(self, words: str = "") -> list[str]:
        return [one.message for one in self.all if one.level == one.WARN and words in one.message]

    @property
    def well(self) -> bool:
        """Whether it was well at its last report."""
        return bool(self.all) and self.all[-1].level == self.all[-1].OK

    def until_well(self) -> None:
        """Waits until it says so again, from now on."""
        said = len(self.all)
        self.bench.until(lambda: len(self.all) > said and self.well, f"{self.name} to be well")
