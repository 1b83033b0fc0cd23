"""Activities that stand: begun and not ended by the event detector, with ids of their events and queries over them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from co_perception.data.messages.people import Box
from co_perception.engine.label_groups import SubjectGroup
from co_perception.engine.person_position import PersonPosition
from co_perception.engine.time import NANO
from co_perception.online.events import Event, EventKind, LabelScores

MOST_NEAREST = 5  # candidates that `HeldActivities.nearest` gives
NOWHERE = Box()
NO_POSITIONS: Mapping[str, PersonPosition] = MappingProxyType({})


@dataclass(frozen=True)
class HeldActivity:
    """An activity that stands.

    Args:
        event_id: of its onset.
        subject, group, label: whose activity, of which group of labels, and which.
        began_ns: stamp of its first frame.
        score: probability in the newest frame; 0 where none stands.
        box: where the subject was last in the image; without width: unknown.
        position: where the subject was last in space; None: unknown.
    """

    event_id: str
    subject: str
    group: str
    label: str
    began_ns: int
    score: float
    box: Box = NOWHERE
    position: PersonPosition | None = None


@dataclass(frozen=True)
class IdentifiedEvent:
    """An event with the ids that it is published under."""

    event: Event
    id: str
    onset_id: str  # of the onset of the same activity


@dataclass(frozen=True)
class ActivityQuery:
    """Which activities somebody waits for or asks about.

    Args:
        labels, subjects: any one of these; empty: any.
        group: of the labels; empty: any.
        region: box in the image in which the center of the subject's box must lie; without width and height: anywhere.
        min_score: least probability in the newest frame, 0..1.
        min_duration_s: time for which it must have stood [s].

    Raises:
        ValueError: for numbers that nothing can fulfill.

    >>> wave = HeldActivity("run_e1", "p1", "arms", "wave", began_ns=0, score=0.8)
    >>> ActivityQuery(labels=("wave",), min_duration_s=1.0).accepts(wave, now_ns=2 * NANO)
    True
    """

    labels: Collection[str] = ()
    subjects: Collection[str] = ()
    group: str = ""
    region: Box = NOWHERE
    min_score: float = 0.0
    min_duration_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score is a probability, 0..1, got {self.min_score}: 80 percent are 0.8")
        if not self.min_duration_s >= 0:
            raise ValueError(f"min_duration is 0 or more, got {self.min_duration_s} s")
        if (self.region.width > 0) != (self.region.height > 0):
            raise ValueError(
                f"region has width {self.region.width} and height {self.region.height}: a box has both, and none of "
                "them where anywhere will do"
            )

    def asks_for(self, subject: str, group: str, box: Box) -> bool:
        """Whether an activity of this subject and group, in this box, can be one that is asked for."""
        if self.subjects and subject not in self.subjects:
            return False
        return (not self.group or group == self.group) and (not self.region.width or _center_in(box, self.region))

    def accepts(self, activity: HeldActivity, now_ns: int) -> bool:
        """Whether an activity that stands at this stamp is one that is asked for."""
        return (
            (not self.labels or activity.label in self.labels)
            and self.asks_for(activity.subject, activity.group, activity.box)
            and activity.score >= self.min_score
            and now_ns - activity.began_ns >= self.min_duration_s * NANO
        )


@dataclass(frozen=True)
class Candidate:
    """A label that is asked for, with its probability for a subject in the newest frame."""

    subject: str
    label: str
    score: float


class HeldActivities:
    """Everything that stands, in the order in which it began; memory is bounded by that of the event detectors.

    Args:
        prefix: of the ids that events get: prefix and number, from 1.
    """

    def __init__(self, prefix: str = "e") -> None:
        self._prefix, self._given = prefix, 0
        self._held: dict[tuple[str, str], HeldActivity] = {}
        self._scores: Mapping[SubjectGroup, LabelScores] = {}
        self._boxes: Mapping[str, Box] = {}
        self._positions = NO_POSITIONS
        self.stamp_ns = 0
        """Of the newest frame."""

    @property
    def activities(self) -> Sequence[HeldActivity]:
        """What stands, the oldest first."""
        return sorted(self._held.values(), key=lambda each: each.began_ns)

    def apply(self, events: Iterable[Event]) -> list[IdentifiedEvent]:
        """Takes the next events of the detectors, and gives each of them its id."""
        return [self._apply(event) for event in events]

    def _apply(self, event: Event) -> IdentifiedEvent:
        self._given += 1
        id, key = f"{self._prefix}{self._given}", (event.subject, event.group)
        if event.kind == EventKind.OFFSET:
            ended = self._held.pop(key, None)
            return IdentifiedEvent(event, id, ended.event_id if ended else "")
        box, position = self._boxes.get(event.subject, NOWHERE), self._positions.get(event.subject)
        self._held[key] = HeldActivity(id, *key, event.label, event.began_ns, event.score, box, position)
        return IdentifiedEvent(event, id, id)

    def update(
        self,
        stamp_ns: int,
        scores: Mapping[SubjectGroup, LabelScores],
        boxes: Mapping[str, Box],
        positions: Mapping[str, PersonPosition] = NO_POSITIONS,
    ) -> None:
        """Takes the scores of the newest frame, before its events, and where the subjects in it are, as far as known.

        What no score is of, such as a fall, keeps that of its onset.
        """
        self.stamp_ns, self._scores, self._boxes, self._positions = stamp_ns, scores, boxes, positions
        groups = {group for _, group in scores}
        for key, activity in self._held.items():
            box = boxes.get(activity.subject, activity.box)
            position = positions.get(activity.subject, activity.position)
            frame = scores.get(key)
            if frame is not None or activity.group in groups:
                score = frame.scores.get(activity.label, 0.0) if frame else 0.0
                activity = replace(activity, score=score)
            self._held[key] = replace(activity, box=box, position=position)

    def copy(self) -> HeldActivities:
        """What stands now, which later frames do not change."""
        copied = HeldActivities(self._prefix)
        copied.stamp_ns, copied._held = self.stamp_ns, dict(self._held)
        copied._scores, copied._boxes, copied._positions = self._scores, self._boxes, self._positions
        return copied

    def matches(self, query: ActivityQuery) -> list[HeldActivity]:
        """What stands and is asked for, the oldest first."""
        return [each for each in self.activities if query.accepts(each, self.stamp_ns)]

    def nearest(self, query: ActivityQuery) -> list[Candidate]:
        """The likeliest labels that are asked for in the newest frame, best first, one for each subject and group."""
        found = []
        for (subject, group), frame in self._scores.items():
            if not query.asks_for(subject, group, self._boxes.get(subject, NOWHERE)):
                continue
            wanted = {label: score for label, score in frame.scores.items() if label in (query.labels or frame.scores)}
            if wanted:
                best = max(wanted, key=lambda label: wanted[label])
                found.append(Candidate(subject, best, wanted[best]))
        return sorted(found, key=lambda each: -each.score)[:MOST_NEAREST]


def _center_in(box: Box, region: Box) -> bool:
    """Whether a box is known and its center lies in the region."""
    x, y = box.x_offset + box.width / 2, box.y_offset + box.height / 2
    known = box.width > 0 and box.height > 0
    return known and 0 <= x - region.x_offset < region.width and 0 <= y - region.y_offset < region.height
