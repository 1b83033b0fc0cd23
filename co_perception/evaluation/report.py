"""An evaluation as one HTML file that needs nothing else: no script, no network, light or dark, also on paper.

Its look is `report.html`; the charts are SVG inside it. However long the recordings are, the file stays below a few MB:
what is too fine to be seen is drawn as what takes most of that time, and `frames.jsonl` has every frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

from co_perception.evaluation.charts.confusion import draw_confusion, occurring
from co_perception.evaluation.charts.histogram import draw_latencies
from co_perception.evaluation.charts.reliability import draw_reliability
from co_perception.evaluation.colours import COLOURS, GREY, ink_on
from co_perception.evaluation.markup import Markup, joined, tag, text
from co_perception.evaluation.metrics.summary import Summary
from co_perception.evaluation.metrics.timing import latencies_s
from co_perception.evaluation.report_timelines import timelines
from co_perception.evaluation.tables import (
    TITLES,
    class_table,
    confusions_table,
    counts_table,
    degradation_table,
    overall_table,
    settings_table,
    subject_table,
    timing_table,
)
from co_perception.evaluation.tracks import Replayed

CARDS = ("top1", "macro_f1", "map", "event_f1_50", "delay_s", "ece")
NOTHING: Mapping[str, Any] = MappingProxyType({})
TEMPLATE = Path(__file__).with_name("report.html")


def write_report(
    path: Path | str,
    summary: Summary,
    replayed: Sequence[Replayed],
    classes: Sequence[str],
    *,
    title: str = "Evaluation",
    configuration: Mapping[str, Any] = NOTHING,
    inputs: Mapping[str, str] = NOTHING,
    versions: Mapping[str, str] = NOTHING,
    conditions: Mapping[str, Summary] = NOTHING,
) -> None:
    """Writes the report. The same arguments give the same bytes.

    Args:
        path: of the HTML file.
        summary: what `summarise(replayed, classes, ...)` gave.
        replayed, classes: what it was given; latencies are drawn where the records have them (`with_latencies`).
        title: of the page, such as the name of the model.
        configuration: everything that was set, by name: text, numbers, records, or what JSON can tell.
        inputs: SHA-256 (or a size, a date) of each input by its name.
        versions: of the software, see `run.versions`.
        conditions: summaries of the same recordings under faults, by `Fault.name`.
    """
    sections = [
        _Section("figures", "Figures", _figures(summary)),
        _Section("timeline", "Timeline", timelines(replayed, classes, summary.protocol)),
        _Section("confusion", "Confusion matrix", _confusion(summary)),
        _Section("calibration", "Calibration", _calibration(summary)),
        _Section("time", "Time", _time(summary, replayed)),
        _Section("classes", "Classes", [class_table(summary)]),
        _Section("subjects", "Subjects", [subject_table(summary)]),
    ]
    if conditions:
        about = tag("p", "The same recordings again, with faults added.")
        sections.insert(1, _Section("conditions", "Under faults", [about, degradation_table(summary, conditions)]))
    sections.append(_Section("provenance", "How it was made", _provenance(configuration, inputs, versions)))
    page = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=text(title),
        lead=text(_lead(summary)),
        colours=_colour_rules(),
        contents=joined(tag("a", each.title, href=f"#{each.name}") for each in sections),
        sections="\n".join(each.markup for each in sections),
    )
    Path(path).write_text(page, encoding="utf-8", newline="\n")


@dataclass(frozen=True)
class _Section:
    name: str
    title: str
    parts: Sequence[Markup]

    @property
    def markup(self) -> Markup:
        return tag("section", tag("h2", self.title), *self.parts, id=self.name)


def _lead(summary: Summary) -> str:
    counts = summary.counts
    return (
        f"{_many(summary.recordings, 'recording')}, {_many(len(summary.per_subject), 'subject')}, "
        f"{_many(len(summary.classes), 'class', 'classes')}. "
        f"{counts['judged']} of {counts['frames']} frames are judged; {counts['answered']} of these were answered, "
        f"{counts['warm_up']} fell into the warm-up, {counts['dropped']} were dropped."
    )


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"


def _figures(summary: Summary) -> list[Markup]:
    cards = [
        tag("li", tag("b", f"{value:.3f}"), tag("span", TITLES[name]), tag("span", _between(summary, name)))
        for name in CARDS
        for value in [summary.overall.get(name, float("nan"))]
        if value == value
    ]
    without = "" if summary.intervals else "No intervals: they need two recordings, or two subjects. "
    note = tag("p", f"{without}A dash stands for a figure that has no value here.", class_="faint")
    return [tag("ul", *cards, class_="cards"), _pair(overall_table(summary), counts_table(summary)), note]


def _between(summary: Summary, name: str) -> str:
    if name not in summary.intervals:
        return ""
    low, high = summary.intervals[name]
    return f"{summary.bootstrap.level:.0%}: {low:.3f} to {high:.3f}"


def _confusion(summary: Summary) -> list[Markup]:
    names, counts = occurring(summary.classes, summary.confusion)
    if not names:
        return [tag("p", "No frame was answered.")]
    note = (
        "Answered frames; classes that were neither shown nor said are left out. Blue: right, orange: wrong; the "
        "stronger, the larger the share of the row."
    )
    return [tag("p", note, class_="faint"), _pair(draw_confusion(names, counts), confusions_table(summary))]


def _calibration(summary: Summary) -> list[Markup]:
    if not summary.reliability.frames.sum():
        return [tag("p", "No frame was answered.")]
    about = (
        "Bars: how often answers of this confidence were right. Dots: their mean confidence. A dot above its bar is "
        "over-confident, one inside it too modest."
    )
    return [tag("p", about, class_="faint"), draw_reliability(summary.reliability)]


def _time(summary: Summary, replayed: Sequence[Replayed]) -> list[Markup]:
    latencies_ms = [1e3 * seconds for each in replayed for seconds in latencies_s(each.records)]
    if not latencies_ms:
        return [tag("p", "Latencies were not measured."), timing_table(summary)]
    return [_pair(draw_latencies(latencies_ms, summary.timing.latency_ms), tag("div", timing_table(summary)))]


def _provenance(
    configuration: Mapping[str, Any], inputs: Mapping[str, str], versions: Mapping[str, str]
) -> list[Markup]:
    tables = {"setting": configuration, "input, SHA-256": inputs, "software": versions}
    return [settings_table(name, each) for name, each in tables.items() if each] or [tag("p", "Nothing was noted.")]


def _pair(*parts: Markup) -> Markup:
    """Beside each other where there is room."""
    return tag("div", *parts, class_="pair")


def _colour_rules() -> str:
    rules = [f".other {{ fill: {GREY}; }} text.on {{ fill: {ink_on(GREY)}; }}"]
    rules += (
        f".c{place} {{ fill: {colour}; }} text.on{place} {{ fill: {ink_on(colour)}; }}"
        for place, colour in enumerate(COLOURS)
    )
    return "\n".join(rules)
