"""Tables say what the summary says."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from helpers.synthetic_recordings import NOTHING, recording_of, together

from co_perception.evaluation.ground_truth import Protocol
from co_perception.evaluation.report.tables import (
    TITLES,
    class_table,
    confusions_table,
    degradation_table,
    overall_table,
    settings_table,
    subject_table,
    timing_table,
)
from co_perception.evaluation.summary import Bootstrap, Summary, summarize

CLASSES = ("walk", "wave", "sit")
TRUE = ["walk"] * 10 + ["wave"] * 10
SAID = ["walk"] * 8 + ["wave"] * 2 + ["wave"] * 7 + [NOTHING] + ["walk"] * 2


class Cells(HTMLParser):
    """Rows of cells, the exact number of a cell where it has one."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._exact = False
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "data":
            self.rows[-1][-1], self._exact = dict(attrs)["value"] or "", True

    def handle_endtag(self, tag: str) -> None:
        self._exact = self._exact and tag != "data"

    def handle_data(self, data: str) -> None:
        if not self._exact and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def summary(predicted: list[str] = SAID, latency_s: float | None = 0.004) -> Summary:
    people = together(
        recording_of(TRUE, predicted, CLASSES, latency_s=latency_s),
        recording_of(["walk"] * 20, ["walk"] * 20, CLASSES, subject="q"),
    )
    return summarize([people], CLASSES, Protocol(), Bootstrap(20))


def test_overall() -> None:
    found = summary()
    rows = {name: values for name, *values in Cells(overall_table(found)).rows}
    plain = found.as_dict()
    assert len(rows) == len(plain["overall"]) + 1
    for name, value in plain["overall"].items():
        shown = [None if cell == "–" else float(cell) for cell in rows[TITLES[name]]]
        assert shown == [value, plain["chance"].get(name)]
    assert not plain["intervals"]  # of two people in one recording


def test_every_figure_has_a_name() -> None:
    assert set(summary().overall) == set(TITLES)


def test_classes() -> None:
    found = summary()
    (_, *names), *rows = Cells(class_table(found)).rows
    assert [row[0] for row in rows] == ["walk", "wave"]  # nobody sat, and nobody was said to
    for label, *cells in rows:
        reported = dict(zip(names, cells, strict=True))
        exact = found.as_dict()["per_class"][label]
        assert float(reported["precision"]) == exact["precision"] and float(reported["F1"]) == exact["f1"]
        assert reported["frames"] == str(int(exact["frames"])) and reported["events"] == str(int(exact["events"]))


def test_subjects() -> None:
    found = summary()
    (_, *names), *rows = Cells(subject_table(found)).rows
    for subject, *cells in rows:
        assert float(dict(zip(names, cells, strict=True))["top 1"]) == found.as_dict()["per_subject"][subject]["top1"]
    assert [row[0] for row in rows] == ["p", "q"]


def test_confusions() -> None:
    rows = Cells(confusions_table(summary())).rows
    assert rows[1:] == [["wave", "walk", "3", str(round(3 / 10, 6))], ["walk", "wave", "2", str(round(2 / 30, 6))]]
    assert confusions_table(summary(TRUE)) == ""


def test_degradation() -> None:
    worse = summary([*SAID[:5], *["sit"] * 15])
    (_, *names), *rows = Cells(degradation_table(summary(), {"drop=0.2": worse})).rows
    place = names.index("top 1") + 1
    assert [row[0] for row in rows] == ["as recorded", "drop=0.2", "chance"]
    assert [float(row[place]) for row in rows] == pytest.approx([35 / 40, 25 / 40, 30 / 40])


@pytest.mark.parametrize("measured", [True, False])
def test_timing(measured: bool) -> None:
    found = summary(latency_s=0.004 if measured else None)
    rows = {name: cells for name, *cells in Cells(timing_table(found)).rows}
    assert ("latency" in rows) == measured
    if measured:
        assert [float(cell) for cell in rows["latency"]] == list(found.timing.latency_ms.values())
    assert rows["frames seen"] == ["20"]


def test_settings() -> None:
    rows = Cells(settings_table("setting", {"rate_hz": 15, "model": "a <b>", "protocol": Protocol("none")})).rows
    assert rows[1:3] == [["rate_hz", "15"], ["model", "a <b>"]]
    assert rows[3][1].startswith('{"background": "none"')
