"""HTML tables of a summary, with the names and units of its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from itertools import zip_longest
from math import isfinite
from typing import Any

import numpy as np

from co_perception.engine.stage_counts import StageCounts
from co_perception.evaluation.report.markup import Markup, joined, tag
from co_perception.evaluation.summary import DIGITS, Summary

TITLES: Mapping[str, str] = {
    "top1": "right frames, of those answered",
    "top1_of_all": "right frames, of all",
    "top5": "truth among the best five",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "map": "mean average precision (per frame)",
    "mcap": "calibrated mean average precision",
    "ece": "expected calibration error",
    "segment_f1_10": "segment F1, IoU 0.10",
    "segment_f1_25": "segment F1, IoU 0.25",
    "segment_f1_50": "segment F1, IoU 0.50",
    "event_f1_10": "F1 of events, IoU 0.10",
    "event_f1_25": "F1 of events, IoU 0.25",
    "event_f1_50": "F1 of events, IoU 0.50",
    "onset_error_s": "error of the beginning (s)",
    "offset_error_s": "error of the end (s)",
    "detected": "activities that were recognized",
    "delay_s": "delay until recognized (s)",
    "delay_share": "delay as a share of the activity",
    "flicker_per_minute": "flicker (changes a minute)",
}
"""Figures by name; one that is new is shown by its name."""
SHORT: Mapping[str, str] = {
    "top1": "top 1", "top1_of_all": "top 1 of all", "macro_f1": "macro F1", "map": "mAP", "mcap": "mcAP", "ece": "ECE",
    "ap": "AP", "cap": "cAP", "f1": "F1", "segment_f1_50": "segment F1 @0.5", "event_f1_50": "event F1 @0.5",
    "delay_s": "delay (s)", "flicker_per_minute": "flicker (/min)",
}  # fmt: skip
"""Names of columns; those of other figures are their own."""
MAIN = ("top1", "top1_of_all", "macro_f1", "map", "mcap", "ece", "event_f1_50", "delay_s", "flicker_per_minute")
OF_CLASS = ("frames", "precision", "recall", "f1", "ap", "cap", "events", "segment_f1_50", "event_f1_50")
COUNTED = ("frames", "events")
MOST_CONFUSIONS = 10

Row = tuple[Any, ...]
"""Its name, then texts, numbers, or None for no value."""


def table(columns: Sequence[str], rows: Sequence[Row], caption: str = "") -> Markup:
    """A table whose first column names its rows. Whole numbers are `int`; others are shown with three digits, and have
    six in their element `data`."""
    texts = [any(isinstance(value, str) for value in column) for column in zip(*rows, strict=True)] or [True]
    heads = (
        tag("th", name, scope="col", class_=None if is_text else "number")
        for name, is_text in zip_longest(columns, texts, fillvalue=False)
    )
    head = tag("tr", *heads)
    body = (tag("tr", tag("th", name, scope="row"), *map(_cell, values)) for name, *values in rows)
    captions = [tag("caption", caption)] if caption else []
    return tag("div", tag("table", *captions, tag("thead", head), tag("tbody", *body)), class_="wide")


def overall_table(summary: Summary) -> Markup:
    """Each figure, with its interval where there is one."""
    ends = [f"{summary.bootstrap.level:.0%} interval, from", "to"] if summary.intervals else []
    none = (float("nan"), float("nan"))
    rows = [
        (
            TITLES.get(name, name), value, summary.chance.get(name, float("nan")),
            *(summary.intervals.get(name, none) if summary.intervals else ()),
        )
        for name, value in summary.overall.items()
    ]  # fmt: skip
    drawn = f"Intervals: bootstrap over recordings, {summary.bootstrap.draws} draws." if summary.intervals else ""
    return table(["figure", "value", "chance", *ends], rows, drawn)


def stage_table(counts: StageCounts) -> Markup:
    """One row for each stage from messages to judged frames: what passed it, and what was lost for which reasons."""
    return table(["stage", "passed", "lost", "reasons"], list(counts.rows()))


def class_table(summary: Summary) -> Markup:
    """One row for each class that was true or predicted."""
    occurring = summary.confusion.sum(axis=0) + summary.confusion.sum(axis=1)
    there = [
        name
        for k, name in enumerate(summary.classes)
        if occurring[k] > 0 or summary.per_class.get(name, {}).get("events", 0) > 0
    ]
    return _figures("class", {name: summary.per_class[name] for name in there}, OF_CLASS)


def subject_table(summary: Summary) -> Markup:
    return _figures("subject", {name or "scene": row for name, row in summary.per_subject.items()}, ("frames", *MAIN))


def degradation_table(summary: Summary, conditions: Mapping[str, Summary]) -> Markup:
    """The main figures as recorded, and below it under each condition."""
    runs = {"as recorded": summary, **conditions}
    rows = {
        name: {"frames": float(run.counts["judged"])} | run.overall | {"missed": run.timing.missed_share}
        for name, run in runs.items()
    }
    return _figures("condition", rows | {"chance": summary.chance}, ("frames", *MAIN, "missed"))


def confusions_table(summary: Summary) -> Markup:
    """Which classes are taken for which most often; nothing where none is."""
    counts = np.array(summary.confusion)
    totals = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:MOST_CONFUSIONS]
    pairs = [divmod(int(place), len(counts)) for place in order]
    rows = [
        (summary.classes[true], summary.classes[other], int(counts[true, other]), counts[true, other] / totals[true])
        for true, other in pairs
        if counts[true, other] > 0
    ]
    return table(("truth", "prediction", "frames", "share of the true ones"), rows) if rows else Markup()


def counts_table(summary: Summary) -> Markup:
    rows = [(name.replace("_", " "), count) for name, count in summary.counts.items()]
    return table(("frames and annotations", "count"), rows)


def timing_table(summary: Summary) -> Markup:
    """Percentiles of latency, jitter and delay, as far as they were measured."""
    timing = summary.timing
    measured = {"latency": timing.latency_ms, "jitter": timing.jitter_ms, "delay of the scores": timing.delay_ms}
    rows = [(name, *row.values()) for name, row in measured.items() if any(each is not None for each in row.values())]
    columns = ("time (ms)", *timing.latency_ms)
    shares = [
        ("frames seen", timing.frames), ("frames missed", timing.missed),
        ("share missed", timing.missed_share), ("share of answers that were warm-up", timing.warm_up_share),
    ]  # fmt: skip
    return joined([table(columns, rows) if rows else Markup(), table(("frames in time", "value"), shares)])


def settings_table(first: str, settings: Mapping[str, Any]) -> Markup:
    """Settings by name; values that are no text or number are written as JSON."""

    def written(value: Any) -> str:
        value = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        return "not set" if value is None else text

    cells = ((tag("th", name, scope="row"), tag("td", tag("code", written(it)))) for name, it in settings.items())
    rows = (tag("tr", *row) for row in cells)
    head = tag("tr", tag("th", first, scope="col"), tag("th", "value", scope="col"))
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="wide settings")


def _figures(first: str, rows: Mapping[str, Mapping[str, float]], columns: Sequence[str]) -> Markup:
    there = [name for name in columns if any(isfinite(row.get(name, float("nan"))) for row in rows.values())]
    heads = [SHORT.get(name, name.replace("_", " ")) for name in there]

    def figure(row: Mapping[str, float], name: str) -> float | None:
        value = row.get(name)
        return round(value) if name in COUNTED and value is not None and isfinite(value) else value

    return table([first, *heads], [(name, *(figure(row, each) for each in there)) for name, row in rows.items()])


def _cell(value: str | float | None) -> Markup:
    if isinstance(value, str):
        return tag("td", value)
    if value is None or not isfinite(value):
        return tag("td", "–", class_="number none")
    shown = f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
    exact = str(value if isinstance(value, int) else round(float(value), DIGITS))
    return tag("td", tag("data", shown, value=exact), class_="number")
