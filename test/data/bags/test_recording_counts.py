"""Counts of a new recording: what `record` says of the stage at which it is of no use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, Frame, Person, compressed, frames, image, store, write_bag
from helpers.bag_writer import write_messages as write

from co_perception.data.annotations.intervals import Interval
from co_perception.data.bags.recording_counts import PICTURES, count_recording
from co_perception.engine.stage_counts import Stage, StageCounts

WHOLE = [Interval(T0, T0 + 100 * SECOND, "wave")]
LOST: dict[Stage, Callable[[Frame], Frame]] = {
    Stage.PEOPLE: lambda frame: replace(frame, people=[]),
    Stage.POSES: lambda frame: replace(frame, people=[Person("p0", np.zeros((17, 4), np.float32))]),
    Stage.CLOCK: lambda frame: replace(frame, stamp_ns=frame.stamp_ns - SECOND // 10, log_ns=frame.stamp_ns),
}


def of_stages(counts: StageCounts) -> dict[Stage, tuple[int, int]]:
    """Lost and given at each stage that lost much."""
    return {loss.stage: (loss.lost, loss.given) for loss in counts.losses()}


@pytest.mark.parametrize("stage", LOST)
@pytest.mark.parametrize("every", [5, 100])
def test_each_stage_is_counted(stage: Stage, every: int, tmp_path: Path) -> None:
    found = [LOST[stage](frame) if n % every == 1 else frame for n, frame in enumerate(frames(200))]
    counts = count_recording(write_bag(tmp_path / "b", {"/s": found}), WHOLE)
    assert counts.lost(stage) == 200 // every
    assert list(of_stages(counts)) == ([stage] if every == 5 else [])


def test_a_recording_of_nobody_and_one_of_nothing(tmp_path: Path) -> None:
    nobody = count_recording(write_bag(tmp_path / "b", {"/s": [replace(f, people=[]) for f in frames(30)]}), WHOLE)
    assert of_stages(nobody) == {Stage.PEOPLE: (30, 30)}
    nothing = count_recording(write_bag(tmp_path / "empty", {"/s": []}), WHOLE)
    assert of_stages(nothing) == {Stage.MESSAGES: (1, 1)}
    assert of_stages(count_recording(tmp_path / "absent", WHOLE)) == {Stage.MESSAGES: (1, 1)}


def test_marks_by_another_clock_than_the_stamps_are_told(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "b", {"/s": frames(30)})
    marks = [Interval(T0 + 10**15, T0 + 10**15 + SECOND, "wave")]
    (loss,) = count_recording(bag, marks).losses()
    assert "1 x marks during which no message is stamped" in str(loss) and loss.whole
    assert not count_recording(bag, [Interval(T0, T0 + SECOND, "wave")]).losses()
    assert not count_recording(bag, None).losses()


def test_a_part_of_the_pictures_is_decoded(tmp_path: Path) -> None:
    types, stamps = store(), [T0 + n * SECOND // 30 for n in range(20 * PICTURES)]
    good = [(ns, image(types, ns, np.zeros((4, 4, 3), np.uint8))) for ns in stamps]
    bad = [(ns, compressed(types, ns, b"garbage")) for ns in stamps]
    assert not count_recording(write(tmp_path / "good", {"/eye": good}, types=types), None).losses()
    counts = count_recording(write(tmp_path / "bad", {"/eye": bad}, types=types), None)
    assert of_stages(counts) == {Stage.DECODED: (PICTURES, PICTURES)}
    assert "compressed format 'jpeg'" in str(counts.losses()[0])
