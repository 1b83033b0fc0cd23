"""Fused messages of `activity` out of those of a video and a skeleton recognizer."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns

from builtin_interfaces.msg import Time

from co_perception.engine.label_groups import SubjectGroup
from co_perception.engine.time import NANO, nanoseconds
from co_perception.evaluation.activity_topic import labels_of
from co_perception.msg import Activity, ActivityArray, ActivityHypothesis, LabelInfo, PersonPosition
from co_perception.nodes.core.messages import MOST_HYPOTHESES, to_duration
from co_perception.online.events import LabelScores
from co_perception.online.fusion import fuse

HOLD_NS = NANO  # a recognizer's last message stands for so long, or for two periods of its rate where they are longer
USED = (Activity.STATUS_VALID, Activity.STATUS_UNCERTAIN)


@dataclass(frozen=True)
class TimedActivityArray:
    """A message of one recognizer, and when it arrived [ns of `perf_counter_ns`]."""

    message: ActivityArray
    arrived_ns: int


class EpochCounter:
    """One count of interruptions out of the epochs of several recognizers, some of which may be silent or restart."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._answered: set[str] = set()  # recognizers that have answered since the newest interruption
        self._count = 0

    def interrupt(self) -> None:
        """Counts an interruption that no recognizer reports."""
        self._count += 1

    def update(self, epochs: Mapping[str, int]) -> int:
        """Takes the epochs of one frame, by recognizer; returns the common count, which starts with the highest.

        What all recognizers report with their first answers after it is one interruption. One whose count falls was
        restarted.
        """
        if not self._newest:
            self._count += max(epochs.values(), default=0)
        rises = {name: epoch - self._newest[name] for name, epoch in epochs.items() if name in self._newest}
        new = [rise if rise > 0 else 1 for name, rise in rises.items() if rise and name in self._answered]
        self._count += max(new, default=0)
        self._answered = set(epochs) if new else self._answered | set(epochs)
        self._newest |= epochs
        return self._count


class ActivityFusion:
    """Fuses messages of `activity` by subject and group, and tracks since when each one's label has held.

    Recognizers of different rates answer different frames: one that has no message of a frame takes part with its last
    one, for `HOLD_NS` or two of its periods. A fused status is never better than that of the recognizers behind it.

    Args:
        names: of the recognizers; their labels are numbered in this order, shared ones once.
        weights: of each recognizer's scores, see `online.fusion.fuse`.
    """

    def __init__(self, names: Sequence[str], weights: Mapping[str, float]) -> None:
        self._names, self._weights = tuple(names), dict(weights)
        self._infos: dict[str, LabelInfo] = {}
        self._groups: dict[str, dict[str, list[str]]] = {}  # labels of each group, by recognizer
        self._index: dict[tuple[str, str], int] = {}  # class_id of a group's label
        self._labels_since: dict[SubjectGroup, tuple[str, Time]] = {}
        self._newest: dict[str, ActivityArray] = {}
        self._stamp_ns = 0  # of the newest fused message
        self.scores: dict[SubjectGroup, LabelScores] = {}
        """All fused scores of the newest message."""
        self._epochs = EpochCounter()

    def forget(self) -> None:
        """Forgets all messages, not the labels."""
        self._labels_since, self._newest, self.scores = {}, {}, {}

    def interrupt(self) -> None:
        """Begins a new epoch with the next message."""
        self._epochs.interrupt()

    def learn(self, name: str, info: LabelInfo) -> None:
        """Takes the labels of a recognizer. Until they are known, its classes have class_id -1."""
        self._infos[name] = info
        pairs = list(zip(labels_of(info)[1] or [""] * len(info.labels), info.labels, strict=True))
        self._groups[name] = {group: [] for group, _ in pairs}
        for group, label in pairs:
            self._groups[name][group].append(label)
        known = [self._groups[name] for name in self._names if name in self._infos]
        labels = dict.fromkeys((group, label) for each in known for group, own in each.items() for label in own)
        self._index = {pair: index for index, pair in enumerate(labels)}

    def lists_too_few(self, name: str, message: ActivityArray) -> bool:
        """Whether a recognizer, of an earlier version, leaves out scores that its messages could list.

        Fused scores are too low then. Beside `MOST_HYPOTHESES` a class that is left out has a sixth at most, which is
        no activity by itself.
        """
        groups = self._groups.get(name, {})
        return any(
            not activity.scores
            and 0 < len(activity.hypotheses) < min(len(groups.get(activity.group, ())), MOST_HYPOTHESES)
            for activity in message.activities
        )

    def label_info(self, threshold: float) -> LabelInfo | None:
        """The labels of both, in the order of class_id; None until all recognizers have published theirs."""
        if len(self._infos) < len(self._names):
            return None
        infos = [self._infos[name] for name in self._names]
        return LabelInfo(
            header=infos[0].header,
            recognizer=_and(info.recognizer for info in infos),
            label_set=_and(info.label_set for info in infos),
            labels=[label for _, label in self._index],
            groups=[group for group, _ in self._index] if any(group for group, _ in self._index) else [],
            threshold=threshold,
            min_progress=min(info.min_progress for info in infos),
            receptive_field=max(info.receptive_field for info in infos),
            rate_hz=max(info.rate_hz for info in infos),
        )

    def message(
        self, parts: Mapping[str, TimedActivityArray], *, threshold: float, top_k: int, dropped: int = 0
    ) -> ActivityArray:
        """The fused message of one frame, out of the messages there are; the header is theirs.

        `dropped` frames besides those that they report.
        """
        messages = {name: parts[name].message for name in self._names if name in parts}
        present = list(messages.values())
        now_ns = perf_counter_ns()
        latency_ns = max(
            now_ns - part.arrived_ns + nanoseconds(part.message.processing_latency) for part in parts.values()
        )
        # The names stay the same where one recognizer is missing: class_id counts in the labels of both.
        named = [self._infos.get(name) or messages.get(name) for name in self._names]
        stamp_ns = nanoseconds(present[0].header.stamp)
        if stamp_ns < self._stamp_ns:  # they come in order: their stamps jumped back
            self._newest, self._labels_since = {}, {}
        self._newest, self._stamp_ns = self._newest | messages, stamp_ns
        standing = self._standing(stamp_ns)
        described_ns = [nanoseconds(m.header.stamp) - nanoseconds(m.observation_delay) for m in standing.values()]
        return ActivityArray(
            header=present[0].header,
            recognizer=_and(one.recognizer for one in named if one),
            label_set=_and(one.label_set for one in named if one),
            observation_delay=to_duration(stamp_ns - min(described_ns)),
            processing_latency=to_duration(latency_ns),
            dropped_frames=dropped + sum(message.dropped_frames for message in present),
            state_epoch=self._epochs.update({name: message.state_epoch for name, message in messages.items()}),
            activities=self._activities(standing, present[0].header.stamp, threshold, top_k),
        )

    def _standing(self, stamp_ns: int) -> dict[str, ActivityArray]:
        """The newest message of each recognizer, in their order, without those that are too old for this stamp."""
        standing = {}
        for name in self._names:
            rate_hz = self._infos[name].rate_hz if name in self._infos else 0.0
            longest_ns = max(HOLD_NS, 2 * NANO / rate_hz if rate_hz > 0 else 0)
            if name in self._newest and 0 <= stamp_ns - nanoseconds(self._newest[name].header.stamp) <= longest_ns:
                standing[name] = self._newest[name]
        return standing

    def _activities(
        self, messages: Mapping[str, ActivityArray], stamp: Time, threshold: float, top_k: int
    ) -> list[Activity]:
        found: dict[SubjectGroup, dict[str, Activity]] = {}
        for name, message in messages.items():
            for activity in message.activities:
                found.setdefault((activity.subject_id, activity.group), {})[name] = activity
        self.scores = {}
        fused = [self._activity(by_name, messages, stamp, threshold, top_k) for by_name in found.values()]
        self._labels_since = {(a.subject_id, a.group): (a.label, a.since) for a in fused if a.label}
        return fused

    def _activity(
        self,
        by_name: Mapping[str, Activity],
        messages: Mapping[str, ActivityArray],
        stamp: Time,
        threshold: float,
        top_k: int,
    ) -> Activity:
        # Where no scores count (warming up, stale), they are published all the same, under a status that says so.
        used = {name: activity for name, activity in by_name.items() if activity.status in USED} or dict(by_name)
        subject, group = key = next((each.subject_id, each.group) for each in by_name.values())
        scores = {name: self._scores(name, messages[name].label_set, activity) for name, activity in used.items()}
        labels = {name: frozenset(self._groups.get(name, {}).get(group, ())) for name in used}
        fused = fuse(scores, labels, self._weights)
        best, score = next(iter(fused.items()), ("", 0.0))
        status = int(min(activity.status for activity in used.values()))  # warming up comes before stale
        if status in USED:
            sure = bool(best) and score >= threshold and self._is_supported(best, used, scores)
            status = int(Activity.STATUS_VALID if sure else Activity.STATUS_UNCERTAIN)
        label = best if status == Activity.STATUS_VALID else ""
        self.scores[key] = LabelScores.of(status, fused)
        before, since = self._labels_since.get(key, ("", stamp))
        if before != label:
            since = stamp
        return Activity(
            subject_id=subject,
            group=group,
            status=status,
            label=label,
            class_id=self._index.get((group, label), -1),
            score=score,
            hypotheses=[
                ActivityHypothesis(label=name, class_id=self._index.get((group, name), -1), score=fused[name])
                for name in list(fused)[:top_k]
            ],
            scores=self._every_score(group, fused),
            since=since if label else Time(),
            progress=min(activity.progress for activity in used.values()),
            roi=max((activity.roi for activity in by_name.values()), key=lambda roi: roi.width * roi.height),
            position=max((activity.position for activity in by_name.values()), key=_is_known),
        )

    def _scores(self, name: str, label_set: str, activity: Activity) -> dict[str, float]:
        """All scores of a recognizer's activity by label; the best ones where it has no others, or no labels came."""
        info = self._infos.get(name)
        labels = self._groups[name].get(activity.group, []) if info and info.label_set == label_set else []
        if labels and len(labels) == len(activity.scores):
            return dict(zip(labels, activity.scores, strict=True))
        return {each.label: each.score for each in activity.hypotheses}

    def _every_score(self, group: str, fused: Mapping[str, float]) -> array[float]:
        """The fused scores in the order of LabelInfo; none while the labels of a recognizer are not known."""
        labels = [label for name, label in self._index if name == group]
        complete = len(self._infos) == len(self._names) and not fused.keys() - set(labels)
        return array("f", (fused.get(label, 0.0) for label in labels) if fused and complete else ())

    def _is_supported(
        self, label: str, used: Mapping[str, Activity], scores: Mapping[str, Mapping[str, float]]
    ) -> bool:
        """Whether it is the best label of a recognizer that is sure of its own, or all that have a weight are sure."""
        voting = [name for name in used if self._weights.get(name, 0.0) > 0]
        valid = [name for name in voting if used[name].status == Activity.STATUS_VALID]
        own = [max(scores[name], key=scores[name].__getitem__) for name in valid if scores[name]]
        return len(valid) == len(voting) or label in own


def _is_known(position: PersonPosition) -> bool:
    return bool(position.source != PersonPosition.SOURCE_NONE)


def _and(names: Iterable[str]) -> str:
    return " + ".join(dict.fromkeys(names))
