"""What was left out of a data set, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass
class Skipped:
    """Collects (source, reason) of whatever a reader could not use. Falsy while there is none."""

    entries: list[tuple[str, str]] = field(default_factory=list)

    def add(self, source: object, reason: object) -> None:
        """One more: where it lies and why it was left out; an exception stands for its text."""
        self.entries.append((str(source), str(reason) or type(reason).__name__))

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.entries)

    def __add__(self, other: Skipped) -> Skipped:
        return Skipped(self.entries + other.entries)

    def report(self, limit: int = 10) -> str:
        """How many were left out, how often for each reason, and the first `limit` of them by name."""
        if not self.entries:
            return "nothing was skipped"
        # A reason that begins with its own source would be a reason of its own each time.
        reasons = Counter(reason.replace(source, "").lstrip(": ") for source, reason in self.entries)
        lines = [f"{len(self.entries)} skipped"]
        lines += [f"  {count} x {reason}" for reason, count in reasons.most_common(limit)]
        lines += [f"  - {source}" for source, _ in self.entries[:limit]]
        left = len(self.entries) - limit
        return "\n".join([*lines, f"  - and {left} more"] if left > 0 else lines)

    def require(self, samples: Sequence[object], where: object, usual: str) -> None:
        """Raises ValueError with the usual mistake and all reasons where a reader is left with no samples."""
        if not samples:
            raise ValueError(f"there is nothing to learn from in {where}. {usual}\n{self.report()}")
