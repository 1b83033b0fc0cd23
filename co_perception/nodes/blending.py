"""What several recognisers say of one frame as one message: the scores of subjects they share are fused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns

from builtin_interfaces.msg import Time

from co_perception.learners.fusion import fuse
from co_perception.msg import Activity, ActivityArray, ActivityHypothesis, LabelInfo
from co_perception.nodes.messages import nanoseconds, to_duration

BELIEVED = (Activity.STATUS_VALID, Activity.STATUS_UNCERTAIN)


@dataclass(frozen=True)
class Part:
    """What one recogniser said, and when it arrived on the process's own clock."""

    message: ActivityArray
    arrived_ns: int


class Epochs:
    """One count of interruptions out of those of several recognisers, of which some may be silent or start again."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._count = 0

    def update(self, told: Mapping[str, int]) -> int:
        """Takes what recognisers tell of a frame; it goes up as they do. One that begins to count again was
        interrupted; the first count of each tells of what was before anybody listened, and is part of it."""
        for name, epoch in told.items():
            before = self._newest.get(name, 0)
            self._count += epoch - before if epoch >= before else epoch + 1
            self._newest[name] = epoch
        return self._count


class Blend:
    """Fuses messages of `activity`, and remembers since when each subject's label has held.

    Args:
        names: of the recognisers; their labels are numbered in this order, those of several once.
        weights: what each one's scores count.
    """

    def __init__(self, names: Sequence[str], weights: Mapping[str, float]) -> None:
        self._names, self._weights = tuple(names), dict(weights)
        self._infos: dict[str, LabelInfo] = {}
        self._index: dict[str, int] = {}
        self._held: dict[str, tuple[str, Time]] = {}
        self._epochs = Epochs()

    def learn(self, name: str, info: LabelInfo) -> None:
        """Takes the labels of a recogniser. Until they are known its classes have no number."""
        self._infos[name] = info
        known = [self._infos[name] for name in self._names if name in self._infos]
        labels = dict.fromkeys(label for info in known for label in info.labels)
        self._index = {label: index for index, label in enumerate(labels)}

    def label_info(self, threshold: float) -> LabelInfo | None:
        """What the numbers mean; None until all recognisers have said."""
        if len(self._infos) < len(self._names):
            return None
        infos = [self._infos[name] for name in self._names]
        return LabelInfo(
            header=infos[0].header,
            recognizer=_and(info.recognizer for info in infos),
            label_set=_and(info.label_set for info in infos),
            labels=list(self._index),
            threshold=threshold,
            min_progress=min(info.min_progress for info in infos),
            receptive_field=max(info.receptive_field for info in infos),
            rate_hz=max(info.rate_hz for info in infos),
        )

    def message(self, parts: Mapping[str, Part], *, threshold: float, top_k: int) -> ActivityArray:
        """One message of those that are there; the header is theirs."""
        messages = {name: parts[name].message for name in self._names if name in parts}
        said = list(messages.values())
        waited_ns = perf_counter_ns() - min(part.arrived_ns for part in parts.values())
        slowest_ns = max(nanoseconds(message.processing_latency) for message in said)
        # The names stay the same where one recogniser is missing: class_id counts in the labels of both.
        named = [self._infos.get(name) or messages.get(name) for name in self._names]
        return ActivityArray(
            header=said[0].header,
            recognizer=_and(one.recognizer for one in named if one),
            label_set=_and(one.label_set for one in named if one),
            observation_delay=to_duration(max(nanoseconds(message.observation_delay) for message in said)),
            processing_latency=to_duration(slowest_ns + waited_ns),
            dropped_frames=sum(message.dropped_frames for message in said),
            state_epoch=self._epochs.update({name: message.state_epoch for name, message in messages.items()}),
            activities=self._activities(messages, threshold, top_k),
        )

    def _activities(self, messages: Mapping[str, ActivityArray], threshold: float, top_k: int) -> list[Activity]:
        told: dict[str, dict[str, Activity]] = {}
        for name, message in messages.items():
            for activity in message.activities:
                told.setdefault(activity.subject_id, {})[name] = activity
        stamp = next(iter(messages.values())).header.stamp
        fused = [self._activity(by_name, stamp, threshold, top_k) for by_name in told.values()]
        self._held = {a.subject_id: (a.label, a.since) for a in fused if a.label}
        return fused

    def _activity(self, told: Mapping[str, Activity], stamp: Time, threshold: float, top_k: int) -> Activity:
        believed = {name: activity for name, activity in told.items() if activity.status in BELIEVED}
        # Where nobody's scores stand, those there are go out for the curious, under a status that says so.
        heard = believed or dict(told)
        scores = {name: {h.label: h.score for h in activity.hypotheses} for name, activity in heard.items()}
        fused = fuse(scores, {name: self._labels_of(name) for name in heard}, self._weights)
        best, score = next(iter(fused.items()), ("", 0.0))
        status = _status(told, score >= threshold and bool(best))
        label = best if status == Activity.STATUS_VALID else ""
        subject = next(iter(told.values())).subject_id
        return Activity(
            subject_id=subject,
            status=status,
            label=label,
            class_id=self._index.get(label, -1),
            score=score,
            hypotheses=[
                ActivityHypothesis(label=name, class_id=self._index.get(name, -1), score=fused[name])
                for name in list(fused)[:top_k]
            ],
            since=self._since(subject, label, stamp),
            progress=min(activity.progress for activity in heard.values()),
            roi=max((activity.roi for activity in told.values()), key=lambda roi: roi.width * roi.height),
        )

    def _since(self, subject: str, label: str, stamp: Time) -> Time:
        if not label:
            return Time()
        before, since = self._held.get(subject, ("", Time()))
        return since if before == label else stamp

    def _labels_of(self, name: str) -> frozenset[str]:
        info = self._infos.get(name)
        return frozenset(info.labels) if info else frozenset()


def _status(told: Mapping[str, Activity], sure: bool) -> int:
    """VALID and UNCERTAIN by those that are believed; where there are none, warming up comes before stale."""
    found = {activity.status for activity in told.values()}
    if not found & set(BELIEVED):
        return int(min(found))
    return int(Activity.STATUS_VALID if sure and Activity.STATUS_VALID in found else Activity.STATUS_UNCERTAIN)


def _and(names: Iterable[str]) -> str:
    return " + ".join(dict.fromkeys(names))
