"""What nodes share that follow several people: words for whom they follow and whom they could not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from co_perception.data.people_messages import Refusal
from co_perception.engine.target import Status
from co_perception.learners.recognition import Answer


class Refusals(Counter[str]):
    """Counts people who were not used, by kind, and warns of them through the node's logger."""

    def tell(self, refused: Sequence[Refusal], logger: Any) -> None:
        """These people of one message could not be used, or not wholly."""
        if refused:
            self.update(refusal.kind for refusal in refused)
            reasons = {refusal.kind: refusal.why for refusal in refused}
            logger.warning(f"Not used: {'; '.join(reasons.values())}.", throttle_duration_sec=5.0)

    def tell_crowded(self, people: int, most: int, logger: Any) -> None:
        """So many people were there beyond the `most` that are followed."""
        if people:
            self["too many people"] += people
            logger.warning(f"{people} people beyond max_people ({most}).", throttle_duration_sec=5.0)

    def told(self) -> dict[str, object]:
        """For the diagnostics."""
        return {f"people refused, {kind}": count for kind, count in sorted(dict(self).items()) if count}


def in_sight(answers: Sequence[Answer]) -> str:
    """Who does what, on one line."""
    seen = [answer for answer in answers if answer.category.status != Status.STALE]
    labels = Counter(answer.label or "no label" for answer in seen)
    told = ", ".join(f"{label}: {count}" for label, count in labels.most_common(5))
    return f"{len(seen)} in sight" + (f" ({told})" if told else "")
