"""The report as a whole: well formed, self-contained, safe, small; and a browser has nothing to complain about."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.synthetic_recordings import AWAY, COLD, LOST, NOTHING, recording_of, together, tracked

from co_perception.data.annotations.intervals import Interval
from co_perception.evaluation.ground_truth import Replayed
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.report.html import write_report
from co_perception.evaluation.report.timelines import MOST_SEGMENTS
from co_perception.evaluation.summary import Bootstrap, summarize

CLASSES = ("walk", "wave", "sit")
TRUE = [AWAY] * 5 + ["walk"] * 40 + ["wave"] * 30
SAID = [COLD] * 8 + [NOTHING] * 4 + ["walk"] * 30 + [LOST, "wave", AWAY, AWAY] + ["wave"] * 29
EVIL = '</title><script>alert("1")</script><svg onload=alert(2)> \' & $title'
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Page(HTMLParser):
    """What a page holds. Fails where an element is not closed, or closed in the wrong order."""

    VOID = ("meta", "link")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.declared: list[str] = []
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self._open

    def handle_decl(self, decl: str) -> None:
        self.declared.append(decl)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self._open, f"<{tag}/> stays open in HTML"
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style" and data.strip():
            self.text.append(data.strip())

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def report(path: Path, replayed: list[Replayed], classes: tuple[str, ...] = CLASSES, **others: Any) -> Page:
    summary = summarize(replayed, classes, bootstrap=Bootstrap(5))
    write_report(path, summary, [tracked(each, classes) for each in replayed], **others)
    return Page(path)


def usual(latency_s: float | None = 0.004) -> list[Replayed]:
    p = recording_of(TRUE, SAID, CLASSES, "kitchen", "p", latency_s)
    q = recording_of(TRUE, TRUE[5:], CLASSES, "kitchen", "q")
    return [together(p, q), recording_of(["sit"] * 20, ["sit"] * 20, CLASSES, "hall")]


def test_everything_is_there_and_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    replayed = usual()
    page = report(
        tmp_path / "report.html", replayed, title="costgcn", configuration={"rate_hz": 15},
        inputs={"kitchen.mcap": "ab12"}, versions={"numpy": "2.0"},
        conditions={"drop=0.2": summarize(replayed, CLASSES)},
    )  # fmt: skip
    assert page.declared == ["doctype html"]
    policy = dict(page.attributes)["content"] if ("http-equiv", "Content-Security-Policy") in page.attributes else ""
    assert policy.startswith("default-src 'none';") and "script" not in policy
    assert "script" not in page.tags and not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(value.startswith(("#", "data:")) for name, value in page.attributes if name in ("href", "src"))
    assert "http" not in re.sub("http-equiv", "", (tmp_path / "report.html").read_text())
    sections = ["figures", "conditions", "timeline", "confusion", "calibration", "time", "classes", "subjects"]
    assert [value for name, value in page.attributes if name == "id"] == ["warm", *sections, "provenance"]
    assert ("role", "img") in page.attributes and page.attributes.count(("role", "img")) == page.tags.count("desc")
    for word in ("costgcn", "rate_hz", "15", "kitchen.mcap", "ab12", "numpy", "2.0", "drop=0.2", "kitchen/p", "hall"):
        assert word in page.text, word


def test_numbers_are_those_of_the_summary(tmp_path: Path) -> None:
    replayed = usual()
    page = report(tmp_path / "report.html", replayed)
    summary = summarize(replayed, CLASSES, bootstrap=Bootstrap(5))
    exact = [value for name, value in page.attributes if name == "value"]
    for value in [each for each in summary.as_dict()["overall"].values() if each is not None]:
        assert str(value) in exact
    for count in summary.counts.values():
        assert str(count) in exact
    assert f"ECE {summary.overall['ece']:.3f}" in page.text
    for row, true in enumerate(CLASSES):
        for column, predicted in enumerate(CLASSES):
            frames = int(summary.confusion[row, column])
            reported = any(text.startswith(f"{true} predicted as {predicted}: {frames} frames") for text in page.text)
            assert reported == (frames > 0)


def test_the_timeline_shows_every_stretch(tmp_path: Path) -> None:
    page = report(tmp_path / "report.html", [recording_of(TRUE, SAID, CLASSES)])
    assert [text for text in page.text if text.startswith(("truth: ", "prediction: "))] == [
        "truth: walk, 0.50 to 4.50 s",
        "truth: wave, 4.50 to 7.50 s",
        "prediction: warming up, 0.00 to 0.80 s",
        "prediction: no label, 0.80 to 1.20 s",
        "prediction: walk, 1.20 to 4.30 s",
        "prediction: wave, 4.30 to 7.50 s",
    ]


def test_labels_and_names_are_text(tmp_path: Path) -> None:
    classes = (EVIL, "walk")
    replayed = [recording_of([EVIL] * 9, [EVIL] * 5 + ["walk"] * 4, classes, recording=EVIL, subject=EVIL)]
    page = report(
        tmp_path / "report.html", replayed, classes, title=EVIL, configuration={EVIL: EVIL}, inputs={EVIL: EVIL},
        versions={EVIL: EVIL}, conditions={EVIL: summarize(replayed, classes)},
    )  # fmt: skip
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(EVIL) > 10


def test_the_same_again(tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        report(tmp_path / name, usual(), configuration={"rate_hz": 15})
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_without_latencies(tmp_path: Path) -> None:
    page = report(tmp_path / "report.html", usual(latency_s=None))
    assert "Latencies were not measured." in page.text and "Histogram of latencies" not in page.text


def test_a_subject_without_truth_has_its_row(tmp_path: Path) -> None:
    stranger = recording_of([AWAY] * 75, ["sit"] * 75, CLASSES, subject="stranger")
    people = together(recording_of(TRUE, SAID, CLASSES), stranger)
    page = report(tmp_path / "report.html", [people])
    assert "prediction: sit, 0.00 to 7.50 s" in page.text and "truth: sit, 0.00 to 7.50 s" not in page.text


def test_one_class_one_recording_nobody_named(tmp_path: Path) -> None:
    page = report(tmp_path / "report.html", [recording_of(["walk"] * 9, ["walk"] * 9, ("walk",), "", "")], ("walk",))
    assert "scene" in page.text and "100%" in page.text
    assert any("measured on 1 recordings: no interval" in text for text in page.text)


def test_nothing_was_ever_answered(tmp_path: Path) -> None:
    page = report(tmp_path / "report.html", [recording_of(["walk"] * 9, [COLD] * 9, CLASSES)])
    assert page.text.count("No frame was answered.") == 2


def restless(frames: int, subjects: int, classes: tuple[str, ...]) -> Replayed:
    """Another label in every frame, at 15 Hz."""
    stamps = np.arange(frames) * 66_666_667
    sure = np.eye(len(classes), dtype=np.float32) * 0.9 + 0.01
    names = [f"person_{n}" for n in range(subjects)]
    records = [
        FrameRecord(int(stamp), name, probabilities=sure[n % len(classes)], latency_s=0.01)
        for name in names
        for n, stamp in enumerate(stamps)
    ]
    edges = stamps[::9].tolist()
    reported = [Interval(*ends, classes[n % 3]) for n, ends in enumerate(zip(edges, edges[1:], strict=False))]
    return Replayed("restless", records, reported)


@pytest.mark.slow
def test_a_long_recording_is_drawn_in_few_bars(tmp_path: Path) -> None:
    page = report(tmp_path / "report.html", [restless(15_000, 1, CLASSES)])
    bars = [text for text in page.text if text.startswith(("truth: ", "prediction: "))]
    assert MOST_SEGMENTS / 4 < len(bars) < MOST_SEGMENTS
    assert (tmp_path / "report.html").stat().st_size < 3_000_000


def test_a_crowd_is_drawn_in_part(tmp_path: Path) -> None:
    classes = tuple(f"activity {k}" for k in range(60))
    crowd = [restless(200, 60, classes), recording_of([classes[0]] * 9, [classes[0]] * 9, classes, subject="shy")]
    page = report(tmp_path / "report.html", crowd, classes)
    assert any("21 more subjects" in text for text in page.text)
    assert "a/shy" in page.text and "shy" not in page.text  # in the table, not in the timeline
    assert (tmp_path / "report.html").stat().st_size < 4_000_000


@pytest.mark.slow
def test_a_browser_has_nothing_to_complain_about(tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    page = report(tmp_path / "report.html", usual(), conditions={"drop=0.2": summarize(usual(), CLASSES)})
    (tmp_path / "bad.html").write_text('<!doctype html><title>x</title><svg><rect width="wide"/></svg>')
    good, bad = (opened(browser, tmp_path / name) for name in ("report.html", "bad.html"))
    assert "CONSOLE" in bad.stderr  # or else its silence would mean nothing
    assert "CONSOLE" not in good.stderr
    assert good.stdout.count("<rect") == page.tags.count("rect") > 20
    assert good.stdout.count("<td") == page.tags.count("td")


def opened(browser: str, path: Path) -> subprocess.CompletedProcess[str]:
    """The page as the browser understood it, and what it had to say."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr"]
    profile = f"--user-data-dir={path.with_suffix('.profile')}"
    command = [browser, *options, profile, "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
