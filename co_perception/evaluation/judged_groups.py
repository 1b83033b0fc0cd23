"""Groups of a label set in an evaluation: each is judged for itself, by its own annotations.

A label set without groups is one group without a name, of all classes and all annotations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.label_groups import is_none, names_of, places_of
from co_perception.engine.stage_counts import StageCounts
from co_perception.evaluation.ground_truth import LabeledRecording, Protocol, Replayed, label_records
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.subject_track import TrackedRecording, track_subjects
from co_perception.evaluation.summary import Bootstrap, Summary, summarize_tracks

T = TypeVar("T")


@dataclass(frozen=True)
class JudgedGroup:
    """One group.

    Args:
        name: empty where all classes are one group.
        classes: its labels.
        places: their indices among all classes.
        protocol: its counting rules.
    """

    name: str
    classes: tuple[str, ...]
    places: tuple[int, ...]
    protocol: Protocol

    def of(self, replayed: Replayed) -> Replayed:
        """The answers and annotations of this group; frames that never got to the recognizer are in every group."""
        if not self.name:
            return replayed
        known = {*self.classes, self.protocol.background}
        annotations = [each for each in replayed.annotations if each.group in ("", self.name) and each.label in known]
        records = [each for each in replayed.records if each.dropped or each.group == self.name]
        return Replayed(replayed.name, records, annotations)

    def narrowed(self, labeled: LabeledRecording) -> LabeledRecording:
        """The same with the probabilities of this group's classes alone."""
        if not self.name:
            return labeled
        return replace(labeled, records=[self._narrowed(each) for each in labeled.records], group=self.name)

    def _narrowed(self, record: FrameRecord) -> FrameRecord:
        scores = record.probabilities
        return record if scores is None else replace(record, probabilities=scores[list(self.places)])


def judged_groups(classes: Sequence[str], groups: Sequence[str], protocol: Protocol) -> list[JudgedGroup]:
    """The groups of a label set, by the group of each class.

    The background of a group is the protocol's where that is one of its labels, or no label of any group. In the latter
    case a group that has a label of none has that. A group without a background judges annotated time only.
    """
    return [
        JudgedGroup(name, own, places, replace(protocol, background=_background(name, own, classes, protocol)))
        for name in names_of(groups)
        for places in [tuple(places_of(name, groups, len(classes)))]
        for own in [tuple(classes[place] for place in places)]
    ]


def _background(name: str, own: Sequence[str], classes: Sequence[str], protocol: Protocol) -> str:
    wanted = protocol.background
    if not name or not wanted or wanted in own:
        return wanted
    return "" if wanted in classes else next((label for label in own if is_none(label, name)), wanted)


def with_groups(annotations: Iterable[Interval], classes: Sequence[str], groups: Sequence[str]) -> list[Interval]:
    """The annotations, each with the group of its label where it names none; all in one where labels have no groups.

    Raises:
        ValueError: where one names a group that its label is not of.
    """
    if not groups:
        return [replace(each, group="") for each in annotations]
    of_label: dict[str, list[str]] = {}
    for label, group in zip(classes, groups, strict=False):
        of_label.setdefault(label, []).append(group)
    found = []
    for each in annotations:
        known = of_label.get(each.label, [each.group])
        if each.group and each.group not in known:
            raise ValueError(f"{each.label!r} is annotated in the group {each.group!r}, and is of {', '.join(known)}.")
        found.append(replace(each, group=known[0]) if len(known) == 1 else each)
    return found


def in_first_order(
    records: Iterable[FrameRecord], labeled: Mapping[str, Sequence[FrameRecord]]
) -> Iterator[FrameRecord]:
    """The labeled records of all groups in the order of `records`, from which they were taken."""
    rest = {name: iter(each) for name, each in labeled.items()}
    for record in records:
        own = list(rest) if record.dropped else [record.group if record.group in rest else ""]
        found = [next(rest[name]) for name in own if name in rest]
        yield from found[:1]


@dataclass(frozen=True)
class GroupResult:
    """The figures of one group, and the recordings they are of."""

    summary: Summary
    recordings: Sequence[TrackedRecording]


@dataclass(frozen=True)
class JudgedRun:
    """One run.

    Args:
        records: of each recording with what is true, in their first order.
        results: of each group that was judged.
        failures: why others were not, though there are annotations of their labels.
        unannotated: groups of whose labels there are none.
    """

    records: Sequence[Sequence[FrameRecord]]
    results: Mapping[str, GroupResult]
    failures: Mapping[str, str]
    unannotated: Sequence[str]

    def words(self) -> Iterator[tuple[bool, str]]:
        """What to tell of groups that are not judged, and whether it is a problem."""
        for name, why in self.failures.items():
            yield True, f"{name}: {why}" if name else why
        for name in self.unannotated:
            yield not self.results, f"{name}: no annotation is of its labels, so it is not judged."


def judge(
    replayed: Sequence[Replayed], groups: Sequence[JudgedGroup], bootstrap: Bootstrap, counts: StageCounts
) -> JudgedRun:
    """The figures of each group; annotated and judged frames of all are added to `counts`.

    Raises:
        ValueError: for annotations of one subject and group that overlap.
    """
    labeled = {group.name: [label_records(group.of(each), group.protocol) for each in replayed] for group in groups}
    records = [
        list(in_first_order(each.records, {name: rows[n].records for name, rows in labeled.items()}))
        for n, each in enumerate(replayed)
    ]
    results, failures, unannotated = dict[str, GroupResult](), dict[str, str](), list[str]()
    for group in groups:
        rows = [group.narrowed(each) for each in labeled[group.name]]
        if group.name and not group.protocol.background and not any(each.truth.annotated_ns for each in rows):
            unannotated.append(group.name)
            continue
        try:
            if not rows:
                raise ValueError("no recording could be read.")
            tracked = [track_subjects(each, group.classes, group.protocol) for each in rows]
            summary = summarize_tracks(tracked, group.classes, group.protocol, bootstrap, counts)
            results[group.name] = GroupResult(summary, tracked)
        except ValueError as error:
            failures[group.name] = str(error)
    return JudgedRun(records, results, failures, unannotated)


def by_group(found: Mapping[str, T]) -> T | Mapping[str, T]:
    """What is found of each group; of labels that are one group, what is found of that."""
    return found.get("", found)
