"""Node `score`: what recognisers say of a recording that is being played, against what happens in it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from std_srvs.srv import Trigger

from co_perception.data.annotation_formats import read_any
from co_perception.data.annotations import Interval, of_recording
from co_perception.data.bag_file import IMAGES, SKELETONS, Bag
from co_perception.evaluation.gathering import gather, usable_annotations
from co_perception.evaluation.metrics.summary import Summary, summarise
from co_perception.evaluation.provenance import digests, surroundings
from co_perception.evaluation.recorded import ACTIVITIES, named_classes, records_of
from co_perception.evaluation.records import FrameRecord, Key
from co_perception.evaluation.report import write_report
from co_perception.evaluation.tracks import Protocol, Replayed
from co_perception.msg import ActivityArray, LabelInfo
from co_perception.nodes import running
from co_perception.nodes.base import ManagedNode
from co_perception.nodes.diagnostics import OK, tally_values
from co_perception.nodes.parameters import Setting
from co_perception.nodes.qos import latched_qos, result_qos
from co_perception.nodes.working import AUTOSTART

SETTINGS = (
    Setting("annotations", "", "What happens in the recording: .csv, .json, .eaf or .vtt file."),
    Setting("bag", "", "The recording that is played; without it annotations are in stamps (start_ns, end_ns)."),
    Setting("out", "", "Folder for summary.json, frames.jsonl and report.html."),
    Setting("background", "", "Label of all time without annotation; empty: such time is not judged."),
    AUTOSTART,
)


class ScoreNode(ManagedNode):
    """Listens to `activity` and `label_info` while active, and writes the figures when that ends, or on `~/report`.

    The figures are those of `co-perception evaluate`; but a message tells of five classes at most, so with more of them
    what ranks all classes (map, mcap) is another figure. Of a recording that is played again the first time counts.
    """

    part = "score"

    def __init__(self, node_name: str = "score", **options: Any) -> None:
        self._records: dict[Key, FrameRecord] = {}
        self._waiting: list[ActivityArray] = []
        self._classes: tuple[str, ...] = ()
        super().__init__(node_name, SETTINGS, **options)

    # Being configured and active

    def prepare(self, values: SimpleNamespace) -> None:
        """Reads the annotations."""
        if not values.annotations or not values.out:
            raise ValueError("annotations (a file) and out (a folder) must be set.")
        self._recording, origin_ns = _of_bag(values.bag)
        told = read_any(values.annotations)
        if values.bag:
            told = of_recording(told, self._recording)
        if any(interval.relative for interval in told) and origin_ns is None:
            raise ValueError(
                f"the times in {values.annotations} count from the start of a recording: set bag to the recording that "
                "is played, or write stamps (start_ns, end_ns)."
            )
        self._annotations: list[Interval] = told
        self._origin_ns = origin_ns or 0
        self._records, self._waiting, self._classes = {}, [], ()
        self.serve(Trigger, "~/report", self._on_report)

    def begin(self, values: SimpleNamespace) -> None:
        """Listens; what was heard is written in the end."""
        self.while_active.callback(self._write_at_the_end)
        self.listen(LabelInfo, "label_info", self._on_labels, latched_qos())
        self.listen(ActivityArray, "activity", self._on_activity, result_qos(1000))

    def _on_labels(self, message: LabelInfo) -> None:
        self._classes = tuple(message.labels)
        self._keep_what_waits()

    def _on_activity(self, message: ActivityArray) -> None:
        self.tally.count("received")
        self._waiting.append(message)
        if self._classes:
            self._keep_what_waits()

    def _keep_what_waits(self) -> None:
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            try:
                records = records_of(message, self._classes, self._recording)
            except ValueError as error:
                self.tally.count("unreadable")
                self.get_logger().warning(f"Not counted: {error}", throttle_duration_sec=5.0)
                continue
            for record in records:
                self.tally.count("repeated", record.key in self._records)
                self._records.setdefault(record.key, record)

    # The result

    def _on_report(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            summary = self._write()
        except (OSError, ValueError) as error:
            response.message = str(error)
            return response
        response.success, response.message = True, json.dumps(summary.as_dict()["overall"])
        return response

    def _write_at_the_end(self) -> None:
        if not self._records and not self._waiting:
            self.get_logger().warning("Nothing was heard on activity, so there is nothing to write.")
            return
        try:
            summary = self._write()
        except (OSError, ValueError) as error:
            self.get_logger().error(f"No figures: {error}")
            return
        figures = ", ".join(f"{name} {summary.overall[name]:.3f}" for name in ("top1", "macro_f1", "map"))
        self.get_logger().info(f"{figures}; all of them in {self.settings['out']}")

    def _write(self) -> Summary:
        """The files, of all that was heard so far. Raises ValueError where no frame can be judged."""
        self._classes = self._classes or named_classes(self._waiting)
        self._keep_what_waits()
        values, out = self.settings, Path(self.settings["out"])
        protocol = Protocol(values["background"])
        records = sorted(self._records.values(), key=lambda record: record.stamp_ns)
        span_ns = (records[0].stamp_ns, records[-1].stamp_ns) if records else None
        known = [*self._classes, *filter(None, [protocol.background])]
        told, problems = usable_annotations(self._annotations, self._origin_ns, span_ns, known)
        for problem in problems:
            self.get_logger().warning(problem)
        replayed = gather([Replayed(self._recording, records, told)], self._classes, out, protocol)
        summary = summarise(replayed, self._classes, protocol)
        inputs = digests(values["annotations"])
        figures = {"figures": summary.as_dict(), "inputs": inputs, "problems": problems, **surroundings()}
        (out / "summary.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        write_report(
            out / "report.html", summary, replayed, self._classes, title=self._recording or "live",
            configuration=vars(values.read()), inputs=inputs, versions=figures["versions"],
        )  # fmt: skip
        return summary

    # Every second

    def health(self) -> tuple[bytes, str]:
        """How much was heard."""
        return OK, f"{len(self._records)} records" if self._records else "nothing heard yet"

    def values(self) -> dict[str, object]:
        """What was heard, and what could not be used."""
        return tally_values(self.tally, ())


def _of_bag(path: str) -> tuple[str, int | None]:
    """Name of the recording, and the stamp at which it starts; nothing without one."""
    if not path:
        return "", None
    with Bag(path) as bag:
        stamped = sorted(name for name, kind in bag.topics.items() if kind in (*SKELETONS, *IMAGES, *ACTIVITIES))
        return bag.name, bag.origin_ns(stamped[0]) if stamped else bag.start_ns


def main() -> None:
    """Entry point of `ros2 run co_perception score_node`."""
    running.main(ScoreNode)
