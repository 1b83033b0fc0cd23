"""HTML report of an evaluation: one file without scripts or network access, light or dark, also on paper.

Its style is `report.html`; the charts are SVG inside it. However long the recordings are, the file stays below a few
MB: where segments are too short to be visible, the one that takes most of the time is drawn. `frames.jsonl` has every
frame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

from co_perception.engine.stage_counts import StageCounts
from co_perception.evaluation.plots.style import COLORS, GRAY, ink_on
from co_perception.evaluation.report import tables
from co_perception.evaluation.report.charts import draw_confusion, draw_latencies, draw_reliability, occurring
from co_perception.evaluation.report.markup import Markup, joined, tag, text
from co_perception.evaluation.report.timelines import timelines
from co_perception.evaluation.result_folder import writing
from co_perception.evaluation.subject_track import TrackedRecording
from co_perception.evaluation.summary import Summary
from co_perception.evaluation.timing import latencies_s

CARDS = ("top1", "macro_f1", "map", "event_f1_50", "delay_s", "ece")
Section = tuple[str, str, Sequence[Markup]]
"""Id, title and content."""
NOTHING: Mapping[str, Any] = MappingProxyType({})
TEMPLATE = Path(__file__).with_name("report.html")


@dataclass(frozen=True)
class ReportPart:
    """One group of a label set: its figures, what they are of, and its summaries under faults."""

    group: str
    summary: Summary
    recordings: Sequence[TrackedRecording]
    conditions: Mapping[str, Summary]

    def sections(self) -> list[Section]:
        """Its sections; ids and titles have the group's name, where it has one."""
        found: list[Section] = [
            ("figures", "Figures", _figures(self.summary)),
            ("timeline", "Timeline", timelines(self.recordings, bool(self.summary.protocol.background))),
            ("confusion", "Confusion matrix", _confusion(self.summary)),
            ("calibration", "Calibration", _calibration(self.summary)),
            ("time", "Time", _time(self.summary, self.recordings)),
            ("classes", "Classes", [tables.class_table(self.summary)]),
            ("subjects", "Subjects", [tables.subject_table(self.summary)]),
        ]
        if self.conditions:
            about = tag("p", "The same recordings again, with faults added.")
            degradation = tables.degradation_table(self.summary, self.conditions)
            found.insert(1, ("conditions", "Under faults", [about, degradation]))
        if not self.group:
            return found
        name = re.sub(r"\W", "-", self.group)
        return [(f"{place}-{name}", f"{title}: {self.group}", parts) for place, title, parts in found]


def write_report(
    path: Path | str,
    summary: Summary,
    recordings: Sequence[TrackedRecording],
    *,
    title: str = "Evaluation",
    configuration: Mapping[str, object] = NOTHING,
    inputs: Mapping[str, str] = NOTHING,
    versions: Mapping[str, str] = NOTHING,
    conditions: Mapping[str, Summary] = NOTHING,
    counts: StageCounts | None = None,
    group: str = "",
    more: Sequence[ReportPart] = (),
) -> None:
    """Writes the report. The same arguments give the same bytes.

    Args:
        path: of the HTML file.
        summary: what `summarize_tracks(recordings, ...)` gave.
        recordings: what it was given; latencies are drawn where the records have them (`records.read_run`).
        title: of the page, such as the name of the model.
        configuration: every setting by its name: text, numbers, dataclasses, or what JSON can hold.
        inputs: SHA-256 (or a size, a date) of each input by its name.
        versions: of the software, see `provenance.versions`.
        conditions: summaries of the same recordings under faults, by `Fault.name`.
        counts: what became of messages, frames and people; None: not known.
        group: of the labels that `summary` is about; empty: all are one group.
        more: the other groups.
    """
    noted = {"setting": configuration, "input, SHA-256": inputs, "software": versions}
    provenance = [tables.settings_table(name, each) for name, each in noted.items() if each]
    sections = ReportPart(group, summary, recordings, conditions).sections()
    if counts is not None:
        place = 2 if conditions else 1
        sections.insert(place, ("stages", "From messages to judged frames", _stages(counts)))
    sections += [section for part in more for section in part.sections()]
    sections.append(("provenance", "How it was made", provenance or [tag("p", "Nothing was noted.")]))
    colors = [("other", "on", GRAY), *((f"c{place}", f"on{place}", color) for place, color in enumerate(COLORS))]
    page = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=text(title),
        lead=text(_lead(summary)),
        colors="\n".join(
            f".{fill} {{ fill: {color}; }} text.{ink} {{ fill: {ink_on(color)}; }}" for fill, ink, color in colors
        ),
        contents=joined(tag("a", title, href=f"#{name}") for name, title, _ in sections),
        sections="\n".join(tag("section", tag("h2", title), *parts, id=name) for name, title, parts in sections),
    )
    with writing(Path(path)):
        Path(path).write_text(page, encoding="utf-8", newline="\n")


def _lead(summary: Summary) -> str:
    def many(count: int, one: str, several: str) -> str:
        return f"{count} {one if count == 1 else several}"

    counts = summary.counts
    return (
        f"{many(summary.recordings, 'recording', 'recordings')}, "
        f"{many(len(summary.per_subject), 'subject', 'subjects')}, {many(len(summary.classes), 'class', 'classes')}. "
        f"{counts['judged']} of {counts['frames']} frames are judged; {counts['answered']} of these were answered, "
        f"{counts['warm_up']} fell into the warm-up, {counts['dropped']} were dropped."
    )


def _time(summary: Summary, recordings: Sequence[TrackedRecording]) -> list[Markup]:
    latencies_ms = [1e3 * seconds for each in recordings for seconds in latencies_s(each.records)]
    table = tables.timing_table(summary)
    if not latencies_ms:
        return [tag("p", "Latencies were not measured."), table]
    return [_pair(draw_latencies(latencies_ms, summary.timing.latency_ms), tag("div", table))]


def _figures(summary: Summary) -> list[Markup]:
    level = f"{summary.bootstrap.level:.0%}"
    intervals = {name: f"{level}: {low:.3f} to {high:.3f}" for name, (low, high) in summary.intervals.items()}
    cards = [
        tag("li", tag("b", f"{value:.3f}"), tag("span", tables.TITLES[name]), tag("span", intervals.get(name, "")))
        for name in CARDS
        for value in [summary.overall.get(name, float("nan"))]
        if value == value
    ]
    words = f"Right frames, of those answered: {summary.overall['top1']:.3f}; {summary.judged.words()}."
    note = tag("p", f"{words} A dash stands for a figure that has no value here.", class_="faint")
    return [tag("ul", *cards, class_="cards"), _pair(tables.overall_table(summary), tables.counts_table(summary)), note]


def _stages(counts: StageCounts) -> list[Markup]:
    losses = [tag("p", str(loss)) for loss in counts.losses()]
    note = "More than 5 % are lost at these stages." if losses else "No stage loses more than 5 %."
    return [tag("p", note, class_="faint"), *losses, tables.stage_table(counts)]


def _confusion(summary: Summary) -> list[Markup]:
    names, counts = occurring(summary.classes, summary.confusion)
    if not names:
        return [tag("p", "No frame was answered.")]
    note = (
        "Answered frames; classes that were neither annotated nor predicted are left out. Blue: right, orange: wrong; "
        "the stronger, the larger the share of the row."
    )
    return [tag("p", note, class_="faint"), _pair(draw_confusion(names, counts), tables.confusions_table(summary))]


def _calibration(summary: Summary) -> list[Markup]:
    if not summary.reliability.frames.sum():
        return [tag("p", "No frame was answered.")]
    about = (
        "Bars: how often answers of this confidence were right. Dots: their mean confidence. A dot above its bar is "
        "over-confident, one inside it too modest."
    )
    return [tag("p", about, class_="faint"), draw_reliability(summary.reliability)]


def _pair(*parts: Markup) -> Markup:
    """Beside each other where there is room."""
    return tag("div", *parts, class_="pair")
