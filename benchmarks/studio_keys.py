"""A person's time to annotate real clips in the studio: key strokes and waits of a script, counted.

A script plays each clip at double speed in headless Chromium, marks by keys while it plays, then moves each border to
the frame that the truth names. Its time is that of a person by the keystroke-level model (Card, Moran and Newell, The
keystroke-level model for user performance time with interactive systems, CACM 23, 1980): 0.28 s for a key of an average
typist, 1.35 s to prepare mentally (once for each clip, and once for each border that is looked at), and the time the
clip plays. Marks while it plays come late by a reaction time that is drawn for each (mean 0.24 s, deviation 0.05 s, as
of the model human processor, 1983); the script steps as many frames as that leaves. Writing the labels counts once.

Clips are those of GMDCSA-24 whose intervals do not overlap and that have a border inside. Truth that ends in the last
second of its clip ends with the clip. Joints are found by MoveNet, which the page shows; the script does not look.

    python benchmarks/studio_keys.py --data DATA/video/gmdcsa24
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "test"))

from helpers.bag_writer import T0, Frame, Person, write_bag
from helpers.studio_browser import browser_context, served

from co_perception.data.annotations.intervals import read_annotations
from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.engine.time import NANO
from co_perception.pose.finder import Finder, PoseSettings, build
from co_perception.studio.application import application
from co_perception.studio.recording_annotations import AnnotatedRecording

KEY_S, PREPARE_S = 0.28, 1.35
REACTION_S, DEVIATION_S = 0.24, 0.05
SPEED = 2.0
TOGETHER_S = 0.35  # borders closer than this are one key while it plays
MARK = """([at, key]) => new Promise((done) => {
  const look = () => {
    const [minutes, seconds] = document.getElementById("clock").textContent.trim().split(/\\s/)[0].split(":");
    if (60 * Number(minutes) + Number(seconds) < at) return void requestAnimationFrame(look);
    document.getElementById("view").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    done();
  };
  look();
})"""
SHOWN = """() => {
  const [minutes, seconds] = document.getElementById("clock").textContent.trim().split(/\\s/)[0].split(":");
  return 60 * Number(minutes) + Number(seconds);
}"""


class Act(NamedTuple):
    """What is done in a clip, in seconds since its first frame."""

    start_s: float
    end_s: float
    label: str


@dataclass
class Clip:
    """A clip with its truth.

    Args:
        seconds: that it lasts.
        period_s: from frame to frame.
    """

    name: str
    acts: list[Act]
    bag: Path
    seconds: float
    period_s: float


@dataclass
class PersonTime:
    """A person's time, by the model."""

    keys: int = 0
    preparations: int = 0
    waited_s: float = 0.0

    @property
    def seconds(self) -> float:
        return KEY_S * self.keys + PREPARE_S * self.preparations + self.waited_s


@dataclass
class Hand:
    """Who presses keys in a page, and counts them."""

    page: Any
    spent: PersonTime = field(default_factory=PersonTime)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.spent.keys += len(keys)

    def prepare(self) -> None:
        self.spent.preparations += 1

    def shown_s(self) -> float:
        """The time that the page shows, a moment after the last key."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return float(self.page.evaluate(SHOWN))

    def step_to(self, at_s: float, period_s: float) -> None:
        """Steps frame by frame to the one nearest to a time."""
        while abs(left := at_s - self.shown_s()) > 0.6 * period_s:
            self.press("ArrowRight" if left > 0 else "ArrowLeft")


def truths(folder: Path) -> list[tuple[Path, list[Act]]]:
    """The clips that are there, with what their tables say."""
    found = []
    for table in sorted(folder.glob("*/*.csv")):
        for row in csv.reader(table.open()):
            path = table.parent / table.stem / row[0]
            if path.is_file():
                text = ",".join(row[5:]) if len(row) > 5 else ""
                parts = re.findall(r"(\w+)[^\[\]]*\[\s*([\d.]+) to ([\d.]+)\s*\]", text)
                acts = sorted(Act(float(begin), float(end), label) for label, begin, end in parts)
                found.append((path, acts))
    return found


def are_apart(acts: list[Act]) -> bool:
    return all(one.end_s <= other.start_s for one, other in zip(acts, acts[1:], strict=False))


def make_clip(path: Path, acts: list[Act], folder: Path) -> Clip:
    """A recording of the joints that MoveNet finds in a clip."""
    estimator = build(PoseSettings(threads=1))
    finder, frames, stamps = Finder(estimator, PoseSettings(threads=1)), [], []
    last: list[Person] = []
    with VideoReader(str(path), 480) as video:
        for picture in video:
            stamp_ns = T0 + round(picture.time_s * NANO)
            found = finder.find(Image(np.ascontiguousarray(picture.pixels), stamp_ns)).poses
            if found:  # one lane: who is found best
                best = max(found, key=lambda pose: pose.confidence)
                joints = np.column_stack([best.data[:, :2], np.full(len(best.data), np.nan), best.data[:, 2]])
                last = [Person("p0", joints.astype(np.float32))]
            stamps.append(picture.time_s)
            frames.append(Frame(stamp_ns, last))
    first = next(frame.people for frame in frames if frame.people)
    frames = [frame if frame.people else replace(frame, people=first) for frame in frames]
    estimator.close()
    whole = stamps[-1] - stamps[0]
    name = f"{path.parents[1].name.replace(' ', '')}_{path.parent.name}_{path.stem}"
    acts = [act._replace(end_s=whole) if act.end_s > whole - 1 and act is acts[-1] else act for act in acts]
    return Clip(name, acts, write_bag(folder / name, {"/skeletons": frames}), whole, float(np.median(np.diff(stamps))))


def annotate(hand: Hand, clip: Clip, labels: list[str], draw: random.Random) -> None:
    """Marks a clip while it plays, then moves each border to its frame."""
    key = {label: str(number) for number, label in enumerate(labels, 1)}
    hand.prepare()
    if clip.acts[0].start_s <= clip.period_s:
        hand.press(key[clip.acts[0].label])
    hand.press(" ")
    hand.spent.waited_s += clip.seconds / SPEED
    marks = []
    for act, following in zip(clip.acts, [*clip.acts[1:], None], strict=True):
        if following and following.start_s - act.end_s < TOGETHER_S:
            marks.append(((act.end_s + following.start_s) / 2, key[following.label]))
        elif following:
            marks += [(act.end_s, key[act.label]), (following.start_s, key[following.label])]
    for at_s, label in marks:
        late_s = SPEED * max(draw.gauss(REACTION_S, DEVIATION_S), 0.1)
        hand.page.evaluate(MARK, [at_s + late_s, label])
        hand.spent.keys += 1
    hand.page.wait_for_function(f"() => ({SHOWN})() > {clip.seconds - 0.01}")
    if clip.acts[-1].end_s == clip.seconds:
        hand.press(key[clip.acts[-1].label])
    for before, act in reversed(list(zip([None, *clip.acts[:-1]], clip.acts, strict=True))):
        if before is not None:
            correct(hand, before, act, clip.period_s)
    hand.page.wait_for_function("() => document.getElementById('state').textContent === 'saved'")


def correct(hand: Hand, before: Act, act: Act, period_s: float) -> None:
    """Moves the borders between two acts to their frames."""
    hand.press("p")
    hand.prepare()
    hand.step_to(act.start_s, period_s)
    hand.press("[")
    if act.start_s - before.end_s > period_s:
        hand.step_to(before.end_s, period_s)
        hand.press("ArrowLeft", "Enter", "ArrowRight", "]")


def error_frames(clip: Clip) -> float:
    """The largest distance of a border from the truth, in frames."""
    rows = read_annotations(clip.bag / "annotations.csv")
    found = [((row.start_ns - T0) / NANO, (row.end_ns - T0) / NANO, row.label) for row in rows]
    if [label for *_, label in found] != [act.label for act in clip.acts]:
        raise RuntimeError(f"{clip.name}: {found} instead of {clip.acts}")
    pairs = zip(found, clip.acts, strict=True)
    return max(
        abs(one - other) / clip.period_s for ours, act in pairs for one, other in zip(ours[:2], act[:2], strict=True)
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="GMDCSA-24: tables and clips")
    parser.add_argument("--seed", type=int, default=0, help="of reaction times")
    given = parser.parse_args(arguments)
    draw = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        chosen = [(path, acts) for path, acts in truths(given.data) if len(acts) > 1 and are_apart(acts)]
        clips = [make_clip(path, acts, Path(folder)) for path, acts in chosen]
        labels = sorted({act.label for clip in clips for act in clip.acts})
        app = application([AnnotatedRecording(clip.bag) for clip in clips])
        whole = PersonTime()
        print("| clip | seconds | borders | keys | person's seconds | minutes per minute | largest error in frames |")
        print("|---|---|---|---|---|---|---|")
        with served(app) as address, browser_context(address) as context:
            page = context.new_page()
            page.goto(address)
            page.wait_for_function("() => document.getElementById('state').textContent === 'saved'")
            typed = Hand(page)
            for label in labels:
                typed.prepare()
                typed.press("l", *label, "Enter")
            typed.press(".")
            for number, clip in enumerate(clips):
                hand = Hand(page)
                if number:
                    hand.press("PageDown")
                    page.wait_for_function(f"() => document.getElementById('recording').selectedIndex === {number}")
                    page.wait_for_timeout(500)
                annotate(hand, clip, labels, draw)
                row(clip.name, clip.seconds, 2 * len(clip.acts), hand.spent, error_frames(clip))
                for name in vars(whole):
                    setattr(whole, name, getattr(whole, name) + getattr(hand.spent, name))
        for name in vars(whole):
            setattr(whole, name, getattr(whole, name) + getattr(typed.spent, name))
        row(
            "all, and the labels written",
            sum(clip.seconds for clip in clips),
            sum(2 * len(clip.acts) for clip in clips),
            whole,
            None,
        )
    return 0


def row(name: str, seconds: float, borders: int, spent: PersonTime, error: float | None) -> None:
    largest = "" if error is None else f"{error:.2f}"
    ratio = spent.seconds / seconds
    print(
        f"| {name} | {seconds:.1f} | {borders} | {spent.keys} | {spent.seconds:.1f} | {ratio:.2f} | {largest} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
