"""Counts of each stage between messages and figures: what came, what was of no use, and for which reason.

Every command and node that turns messages into answers has one `StageCounts`. It holds a few numbers and texts, however
long a stream is. `losses` names the stages where much was lost, with the reason and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

MUCH = 0.05  # share of a stage that may be lost without a word
MOST_REASONS = 8  # of one stage; all further ones are counted together
OTHER = "other reasons"
LOST_RECORDINGS = "recordings that cannot be read at all"
NOBODY = "frames in which nobody was found"
MOST_LETTERS = 300  # of a reason, and of the text that explains it


class Stage(Enum):
    """A stage, in the order in which a message passes them: its name, what it counts, and what helps against losses."""

    MESSAGES = (
        "messages", "messages",
        "record the topic again, or repair the recording; on a robot lower the rate or the size of the messages",
    )  # fmt: skip
    DECODED = (
        "decodable messages", "messages",
        "name the topic of the color pictures (--topic), or let the driver send rgb8, bgr8, mono8 or JPEG",
    )  # fmt: skip
    PEOPLE = (
        "people found", "frames",
        "see whether people are in the picture, as a whole and large enough for the pose estimator",
    )  # fmt: skip
    POSES = (
        "usable poses", "poses",
        "let the pose estimator name a known layout and send joints with scores above 0, and switch its tracker on",
    )  # fmt: skip
    CLOCK = (
        "frames taken by the clock", "frames",
        "let the driver stamp each frame when it is taken, and send as many a second as the network needs",
    )  # fmt: skip
    WINDOWS = (
        "windows", "",
        "show each activity without a break for longer than the network looks back, or take a network of less frames",
    )  # fmt: skip
    ANNOTATED = (
        "annotated frames", "frames",
        "see whether the annotations are of this recording, lie inside its time (seconds count from its first "
        "message), and name subjects that are in it; --background LABEL gives all other time a label",
    )  # fmt: skip
    SEEN = (
        "annotated seconds with a person", "seconds",
        "see whether the annotations lie inside the recording's time, and whether the people are in the picture, as a "
        "whole, while they last",
    )  # fmt: skip
    JUDGED = (
        "judged frames", "frames",
        "annotate more than the first moments in which a person is in sight: the network has to warm up before",
    )  # fmt: skip

    def __init__(self, title: str, unit: str, remedy: str) -> None:
        self.title, self.unit, self.remedy = title, unit, remedy


@dataclass(frozen=True)
class StageLoss:
    """What one stage lost: `lost` of `given`, by reason, the most frequent first."""

    stage: Stage
    lost: int
    given: int
    reasons: tuple[tuple[str, int], ...]
    details: tuple[str, ...]  # an explanation of each reason, or an empty text

    @property
    def whole(self) -> bool:
        """Whether nothing is left."""
        return self.lost == self.given

    def __str__(self) -> str:
        """One line: the stage, the count, the reasons and the remedy."""
        reasons = [
            f"{count} x {reason}{f' ({detail})' if detail else ''}"
            for (reason, count), detail in zip(self.reasons, self.details, strict=True)
        ]
        share = "all" if self.whole else f"{self.lost / self.given:.1%}"
        whole = f"{self.given} {self.stage.unit}".strip()
        return (
            f"{self.stage.title}: {self.lost} of {whole} are lost ({share}): {'; '.join(reasons)}. "
            f"Remedy: {self.stage.remedy}."
        )


@dataclass
class StageCount:
    """What came out of one stage, and what did not.

    Args:
        passed: number that the next stage gets.
        unneeded: number by reason that no answer depends on, such as the frames of a camera between two ticks.
        lost: number by reason that should have passed.
        details: an explanation of a reason: the text of the first one.
    """

    passed: int = 0
    unneeded: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)


@dataclass
class StageCounts:
    """The counts of all stages. Different threads may count for different stages."""

    stages: dict[Stage, StageCount] = field(default_factory=lambda: {stage: StageCount() for stage in Stage})

    def add(self, stage: Stage, count: int = 1) -> None:
        """Counts what passed a stage."""
        self.stages[stage].passed += count

    def lose(self, stage: Stage, reason: str, count: int = 1, detail: str = "") -> None:
        """Counts what a stage lost for a reason: a short one, to count by. `detail` explains it."""
        self._count(stage, self.stages[stage].lost, reason, count, detail)

    def leave_out(self, stage: Stage, reason: str, count: int = 1) -> None:
        """Counts what a stage left out because no answer needs it."""
        self._count(stage, self.stages[stage].unneeded, reason, count, "")

    def _count(self, stage: Stage, counts: dict[str, int], reason: str, count: int, detail: str) -> None:
        if count <= 0:
            return
        reason = reason[:MOST_LETTERS]
        if reason not in counts:
            reason = reason if len(counts) < MOST_REASONS else OTHER
            if detail and reason != OTHER:
                self.stages[stage].details[reason] = detail[:MOST_LETTERS].rstrip(".")
        counts[reason] = counts.get(reason, 0) + count

    def passed(self, stage: Stage) -> int:
        """How many passed a stage."""
        return self.stages[stage].passed

    def lost(self, stage: Stage) -> int:
        """How many a stage lost."""
        return sum(dict(self.stages[stage].lost).values())

    def losses(self, much: float = MUCH) -> list[StageLoss]:
        """The stages that lost more than this share, in order, up to the first one that let nothing pass.

        What is not needed counts as lost only where nothing at all is left.
        """
        found = []
        for stage, count in self.stages.items():
            reasons = dict(count.lost)
            if not count.passed:
                for reason, number in dict(count.unneeded).items():
                    reasons[reason] = reasons.get(reason, 0) + number
            lost = sum(reasons.values())
            given = count.passed + lost
            if lost > much * given:
                ranked = tuple(sorted(reasons.items(), key=lambda each: (-each[1], each[0])))
                details = tuple(count.details.get(reason, "") for reason, _ in ranked)
                found.append(StageLoss(stage, lost, given, ranked, details))
                if not count.passed:
                    break
        return found

    def __iadd__(self, other: StageCounts) -> StageCounts:
        for stage, count in other.stages.items():
            self.add(stage, count.passed)
            for reason, number in count.lost.items():
                self.lose(stage, reason, number, count.details.get(reason, ""))
            for reason, number in count.unneeded.items():
                self.leave_out(stage, reason, number)
        return self

    def __sub__(self, earlier: StageCounts) -> StageCounts:
        """What was counted since `earlier`, which was a copy of these counts.

        What passed at first and was lost since, as a message that a newer one displaced, is lost, and passed is 0 then.
        """
        since = StageCounts()
        for stage, count in self.stages.items():
            before = earlier.stages[stage]
            since.add(stage, max(count.passed - before.passed, 0))
            for reason, number in dict(count.lost).items():
                since.lose(stage, reason, number - before.lost.get(reason, 0), count.details.get(reason, ""))
            for reason, number in dict(count.unneeded).items():
                since.leave_out(stage, reason, number - before.unneeded.get(reason, 0))
        return since

    def rows(self) -> Iterator[tuple[str, int, int, str]]:
        """Of each stage that got anything: its name, how many passed and were lost, and the reasons in words."""
        for stage, count in self.stages.items():
            lost, unneeded = dict(count.lost), dict(count.unneeded)
            if count.passed or lost or unneeded:
                reasons = [f"{number} {reason}" for reason, number in lost.items()]
                reasons += [f"{number} not needed: {reason}" for reason, number in unneeded.items()]
                yield stage.title, count.passed, sum(lost.values()), "; ".join(reasons)

    def as_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return {
            stage.title: {"passed": count.passed, "lost": dict(count.lost), "not_needed": dict(count.unneeded)}
            for stage, count in self.stages.items()
        }
