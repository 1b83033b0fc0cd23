"""Node `score`: scores a recognizer on a recording that is being played, against its annotations."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from std_srvs.srv import Trigger

from co_perception.data.annotations.intervals import Interval, checked, of_recording
from co_perception.data.annotations.sources import read_any
from co_perception.data.bags.bag_file import IMAGES, SKELETONS, Bag
from co_perception.data.bags.recorded_clock import ClockPart, RecordedClock
from co_perception.engine.settings import setting
from co_perception.engine.stage_counts import Stage, StageCounts
from co_perception.evaluation.activity_topic import (
    ACTIVITIES,
    ActivityReader,
    labels_of,
    named_classes,
    too_few_hypotheses,
    unlisted_score,
)
from co_perception.evaluation.ground_truth import Protocol, Replayed, usable_annotations
from co_perception.evaluation.judged_groups import JudgedRun, by_group, judge, judged_groups, with_groups
from co_perception.evaluation.provenance import digests, surroundings
from co_perception.evaluation.records import FrameRecord, Key, write_records
from co_perception.evaluation.report.html import ReportPart, write_report
from co_perception.evaluation.result_folder import REPORT, SUMMARY, replaced_results, writing
from co_perception.evaluation.summary import Bootstrap, Summary
from co_perception.msg import ActivityArray, LabelInfo
from co_perception.nodes.core import run_node
from co_perception.nodes.core.diagnostics import OK, counter_values, stage_values
from co_perception.nodes.core.managed_node import ManagedNode, NodeSettings
from co_perception.nodes.core.qos import latched_qos, result_qos
from co_perception.online.events import EventRuleSettings

STAMPED = (*SKELETONS, *IMAGES, *ACTIVITIES)  # types of the topics whose first stamp is the start of a recording


@dataclass(frozen=True)
class ScoreSettings(EventRuleSettings, NodeSettings):
    """Parameters of the node `score`."""

    annotations: str = setting("", "What happens in the recording: .csv, .json, .eaf or .vtt file.", path=True)
    bag: str = setting(
        "", "The recording that is played; without it annotations are in stamps (start_ns, end_ns).", path=True
    )
    out: str = setting("", "Folder for summary.json, frames.jsonl and report.html.", path=True)
    background: str = setting("", "Label of all time without annotation; empty: such time is not judged.")
    max_gap_s: float = setting(1.0, "Longest gap within a label or event, as the recognizer's [s].", 0.001, 3600.0)


class ScoreNode(ManagedNode[ScoreSettings]):
    """Records `activity` and `label_info` while active, and writes the figures on deactivation, or on `~/report`.

    The figures are those of `co-perception evaluate`, by the scores of all classes in the messages. Of a recording that
    is played again, the first time counts.
    """

    part = "score"

    def __init__(self, node_name: str = "score", **options: object) -> None:
        self._records: dict[Key, FrameRecord] = {}
        self._waiting: list[ActivityArray] = []
        self._classes: tuple[str, ...] = ()
        self._groups: tuple[str, ...] = ()
        super().__init__(node_name, ScoreSettings, **options)

    # Lifecycle

    def prepare(self, values: ScoreSettings) -> None:
        """Reads the annotations."""
        if not values.annotations or not values.out:
            raise ValueError("annotations (a file) and out (a folder) must be set.")
        self._recording = ""
        origin_ns = 0
        annotations = read_any(values.annotations)
        if values.bag:
            with Bag(values.bag) as bag:
                self._recording, annotations = bag.name, of_recording(annotations, bag.name)
                if any(interval.relative for interval in annotations):
                    stamped = sorted(name for name, kind in bag.topics.items() if kind in STAMPED)
                    clock = bag.clock(stamped[0]) if stamped else RecordedClock((ClockPart(0, bag.start_ns),))
                    annotations, origin_ns = clock.stamped(annotations), clock.origin_ns
        elif any(interval.relative for interval in annotations):
            raise ValueError(
                f"the times in {values.annotations} count from the start of a recording: set bag to the recording that "
                "is played, or write stamps (start_ns, end_ns)."
            )
        self._annotations: list[Interval] = annotations
        self._origin_ns = origin_ns
        self._records, self._waiting, self._classes, self._groups = {}, [], (), ()
        self._reader: ActivityReader | None = None
        self.serve(Trigger, "~/report", self._on_report)

    def begin(self, values: ScoreSettings) -> None:
        """Subscribes; the figures are written on deactivation."""
        self.while_active.callback(self._write_on_deactivation)
        self.listen(LabelInfo, "label_info", self._on_labels, latched_qos())
        kind, take = ActivityArray, self._on_activity
        self.listen_counted(kind, "activity", take, result_qos(1000), foreign="of another recognizer")

    def _on_labels(self, message: LabelInfo) -> None:
        if self._records and labels_of(message) != (self._classes, self._groups):
            self.get_logger().warning(
                f"{message.recognizer} is not counted: the first {len(self._records)} records have other classes."
            )
            return
        self._classes, self._groups = labels_of(message)
        self._store_waiting()

    def _on_activity(self, message: ActivityArray) -> None:
        self.counters.count("received")
        self._waiting.append(message)
        if self._classes:
            self._store_waiting()

    def _store_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._reader is None or tuple(self._reader.classes) != self._classes:
            self._reader = ActivityReader(self._classes, self._recording, self._groups)
        for message in waiting:
            try:
                records = self._reader.read(message)
            except ValueError as error:
                self.counters.count("unreadable")
                self.log.warning(f"Not counted: {error}", 5.0)
                continue
            for record in records:
                self.counters.count("repeated", record.key in self._records)
                self._records.setdefault(record.key, record)

    # The result

    def _on_report(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            summaries = self._write()
        except (OSError, ValueError) as error:
            response.message = str(error)
            return response
        overall = by_group({group: summary.as_dict()["overall"] for group, summary in summaries.items()})
        response.success, response.message = True, json.dumps(overall)
        return response

    def _write_on_deactivation(self) -> None:
        if not self._records and not self._waiting:
            self.get_logger().warning("Nothing was received on activity, so there is nothing to write.")
            return
        try:
            summaries = self._write()
        except (OSError, ValueError) as error:
            self.get_logger().error(f"No figures: {error}")
            return
        for group, summary in summaries.items():
            figures = ", ".join(f"{name} {summary.overall[name]:.3f}" for name in ("top1", "macro_f1", "map"))
            whose, out = f"{group}: " if group else "", self.settings.current.out
            self.get_logger().info(f"{whose}{figures}; top1 beside {summary.judged.words()}. All figures are in {out}")

    def _write(self) -> dict[str, Summary]:
        """Writes the files, of all messages so far. Raises ValueError where no frame can be judged.

        Returns the summary of each group of labels; "" where all are one group.
        """
        if not self._classes:
            self._classes, self._groups = named_classes(self._waiting)
        self._store_waiting()
        values = self.settings.current
        rules = values.rules(values.max_gap_s)
        protocol = Protocol(values.background, rules=rules, max_gap_s=values.max_gap_s)
        records = sorted(self._records.values(), key=lambda record: record.stamp_ns)
        span_ns = (records[0].stamp_ns, records[-1].stamp_ns) if records else None
        known = [*self._classes, *filter(None, [protocol.background])]
        annotations = checked(with_groups(self._annotations, self._classes, self._groups))
        usable, problems = usable_annotations(annotations, self._origin_ns, span_ns, known)
        unlisted = max(map(unlisted_score, records), default=0.0)
        problems += [too_few_hypotheses(unlisted, rules.off)] if unlisted >= rules.off else []
        counts = self._stage_counts()
        groups = judged_groups(self._classes, self._groups, protocol)
        judged = judge([Replayed(self._recording, records, usable)], groups, Bootstrap(), counts)
        unjudged = [words for _, words in judged.words()]
        problems += unjudged if judged.results else []
        for problem in problems:
            self.get_logger().warning(problem)
        if not judged.results:
            raise ValueError(" ".join(unjudged))
        for loss in counts.losses():
            self.get_logger().warning(str(loss))
        self._write_results(values, judged, problems, counts)
        return {group: each.summary for group, each in judged.results.items()}

    def _write_results(
        self, values: ScoreSettings, judged: JudgedRun, problems: list[str], counts: StageCounts
    ) -> None:
        """Writes records, figures and report into the folder `out`, in place of those of before."""
        inputs = digests(values.annotations)
        figures = {
            "stages": counts.as_dict(),
            "figures": by_group({group: each.summary.as_dict() for group, each in judged.results.items()}),
            "inputs": inputs,
            "problems": list(problems),
            **surroundings(),
        }
        with replaced_results(Path(values.out)) as out:
            write_records(out, self._classes, judged.records[0], self._groups)
            with writing(out / SUMMARY):
                (out / SUMMARY).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
            (group, first), *others = judged.results.items()
            write_report(
                out / REPORT, first.summary, first.recordings, title=self._recording or "live",
                configuration=asdict(values), inputs=inputs, versions=figures["versions"], counts=counts,
                group=group, more=[ReportPart(name, each.summary, each.recordings, {}) for name, each in others],
            )  # fmt: skip

    def _stage_counts(self) -> StageCounts:
        """What became of the messages so far."""
        counts, events = StageCounts(), self.counters.counts()
        unreadable = events.get("unreadable", 0)
        counts.add(Stage.MESSAGES, events.get("received", 0))
        counts.add(Stage.DECODED, events.get("received", 0) - unreadable)
        counts.lose(Stage.DECODED, "answers of several recognizers", unreadable)
        return counts

    # Every second

    def health(self) -> tuple[bytes, str]:
        """How many records there are."""
        return OK, f"{len(self._records)} records" if self._records else "nothing received yet"

    def values(self) -> dict[str, object]:
        """Counters of messages and records."""
        return {**counter_values(self.counters, ()), **stage_values(self._stage_counts())}


def main() -> None:
    """Entry point of `ros2 run co_perception score_node`."""
    run_node.main(ScoreNode, ends_within_s=None)  # it writes its report then, which may take seconds
