"""Whether a long recording scrolls in the studio: two hours of three people in headless Chromium, frames a second.

The recording is made (figures drawn by formulas at 15 Hz, an annotation of each person every six seconds), opened, and
its timeline is panned, zoomed and played by the mouse's wheel and by keys. Frames are counted by requestAnimationFrame
in the page: how many pictures the browser showed, and the longest time between two. Nothing is asserted.

    python benchmarks/studio_scroll.py --hours 2 --people 3
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "test"))

from helpers.bag_writer import SECOND, T0, Frame, Person, store, write_bag
from helpers.drawn_people import Figure
from helpers.studio_browser import browser_context, served

from co_perception.data.annotations.intervals import Interval, write_annotations
from co_perception.studio.application import application
from co_perception.studio.recording_annotations import AnnotatedRecording

RATE_HZ, LABELS = 15, ("wave", "squat", "stand")
EACH_S = 6  # an annotation of each person
CYCLE = 30 * RATE_HZ  # frames after which the figures repeat
COUNT = """() => {
  const shown = (window.shown = []);
  const next = (at) => {
    if (window.shown !== shown) return;
    shown.push(at);
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""
COUNTED = "() => { const shown = window.shown; window.shown = null; return shown; }"


def make_recording(folder: Path, hours: float, people: int) -> Path:
    """A recording with annotations."""
    count = round(hours * 3600 * RATE_HZ)
    figures = [Figure(LABELS[n % len(LABELS)], n) for n in range(people)]
    drawn = [[figure.frame(n / RATE_HZ) for n in range(min(CYCLE, count))] for figure in figures]

    def frames() -> Iterator[Frame]:
        for n in range(count):
            shown = [Person(f"p{k}", poses[n % len(poses)]) for k, poses in enumerate(drawn)]
            yield Frame(T0 + n * SECOND // RATE_HZ, shown)

    path = write_bag(folder / "long", {"/skeletons": frames()}, types=store())
    whole = range(0, count // RATE_HZ - EACH_S, EACH_S)
    rows = [Interval(T0 + at * SECOND, T0 + (at + EACH_S - 1) * SECOND, LABELS[(at // EACH_S + k) % 3], f"p{k}")
            for at in whole for k in range(people)]  # fmt: skip
    write_annotations(path / "annotations.csv", rows)
    return path


def counted(page: Any, act: Callable[[float], None], seconds: float) -> tuple[float, float, float]:
    """Frames a second, and the median and the longest time between two [ms], while `act` is done again and again."""
    page.evaluate(COUNT)
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        act(end - now)
    shown = np.array(page.evaluate(COUNTED))
    steps = np.diff(shown)
    return 1e3 * len(steps) / (shown[-1] - shown[0]), float(np.median(steps)), float(steps.max())


def measure(address: str, seconds: float) -> list[tuple[str, float, float, float]]:
    """A row for each way to move: its name, and what `counted` gives."""
    rows = []
    with browser_context(address) as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_function("() => document.getElementById('state').textContent.includes('saved')", timeout=600_000)
        box = page.locator("#timeline").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

        def pan(left: float) -> None:
            page.keyboard.down("Shift")
            page.mouse.wheel(0, 60)
            page.keyboard.up("Shift")

        def zoom(left: float) -> None:
            page.mouse.wheel(0, -120 if int(2 * left) % 2 else 120)

        def wait(left: float) -> None:
            page.wait_for_timeout(100)

        rows.append(("panned, all in sight", *counted(page, pan, seconds)))
        for name, shown in (("10 minutes in sight", 4), ("1 minute in sight", 3)):
            for _ in range(shown):
                page.keyboard.press("+")
            rows.append((f"panned, {name}", *counted(page, pan, seconds)))
        rows.append(("zoomed in and out", *counted(page, zoom, seconds)))
        for key in (" ", "."):
            page.keyboard.press(key)
        rows.append(("played at double speed", *counted(page, wait, seconds)))
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--people", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each way to move")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = make_recording(Path(folder), given.hours, given.people)
        began = time.monotonic()
        recording = AnnotatedRecording(path)
        read_s, count = time.monotonic() - began, len(recording.intervals())
        print(f"{given.hours:g} h, {given.people} people, {count} annotations; read in {read_s:.0f} s")
        with served(application([recording])) as address:
            rows = measure(address, given.seconds)
    print("| | frames a second | ms between two, median | longest |\n|---|---|---|---|")
    for name, rate, middle, longest in rows:
        print(f"| {name} | {rate:.0f} | {middle:.1f} | {longest:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
