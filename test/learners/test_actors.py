"""Who acts: each rule on people who move by known amounts, at known places, with known sizes."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.engine.time import NANO
from co_perception.learners.actors import RULES, chosen, people_in_clip
from co_perception.learners.posed_video import PosedVideo, Track


def person(id: str, x: float, height: float, speed: float, frames: range = range(60), wobble: float = 0.0) -> Track:
    """A body of two joints whose lower one swings: by `speed` heights of the body a second."""
    numbers = np.array(frames, np.int64)
    joints = np.zeros((len(numbers), 3, 3), np.float32)
    joints[:, 0] = x, 100, 0.9
    joints[:, 1] = x, 100 + height, 0.9
    joints[:, 1, 0] += speed * height * (numbers // 6) / 5  # it stands still between steps of a fifth of a second
    joints[:, 1, 0] += wobble * (numbers % 2)
    return Track(id, numbers, joints, np.full(len(numbers), 0.9, np.float32))


def posed(*tracks: Track) -> PosedVideo:
    stamps_ns = (np.arange(60) * NANO // 30).astype(np.int64)
    return PosedVideo(stamps_ns, (1000, 500), "e", "coco17", tracks)


PEOPLE = posed(person("p1", 300, 200, 0.5), person("p2", 700, 100, 2.0), person("p3", 500, 50, 1.0))


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("most", ["p2"]),
        ("two", ["p2", "p3"]),
        ("all", ["p1", "p2", "p3"]),
        ("left", ["p1"]),
        ("right", ["p2"]),
        ("largest", ["p1"]),
        ("p3", ["p3"]),
    ],
)
def test_each_rule_chooses_whom_it_says(who: str, expected: list[str]) -> None:
    found = people_in_clip(PEOPLE, 0, 2 * NANO)
    assert [each.id for each in chosen(found, who)] == expected
    assert who in RULES or who == "p3"


def test_motion_is_the_path_of_the_joints_in_heights_of_the_body() -> None:
    """One of two joints moves by a fifth of its speed in each of nine steps; how large somebody is does not count."""
    found = {each.id: each for each in people_in_clip(PEOPLE, 0, 2 * NANO)}
    for id, speed in (("p1", 0.5), ("p2", 2.0), ("p3", 1.0)):
        assert found[id].motion == pytest.approx(speed / 5 * 9 / 2, rel=0.12)
    assert found["p1"].x == pytest.approx(0.3, abs=0.06) and found["p1"].height == pytest.approx(0.4)


def test_trembling_is_no_motion() -> None:
    """It comes and goes from frame to frame, and steps are of six."""
    found = people_in_clip(posed(person("p1", 300, 100, 0.3), person("p2", 700, 100, 0.0, wobble=8)), 0, 2 * NANO)
    assert [each.id for each in chosen(found, "most")] == ["p1"]


def test_only_the_part_counts_and_who_passes_by_does_not() -> None:
    video = posed(
        person("p1", 300, 100, 0.5), person("p2", 700, 100, 9.0, range(40, 60)), person("p3", 100, 100, 9, range(10))
    )
    assert [each.id for each in people_in_clip(video, 0, NANO)] == ["p1", "p3"]
    assert [each.id for each in people_in_clip(video, 0, 2 * NANO)] == ["p1", "p2"]
    assert people_in_clip(video, 3 * NANO, 4 * NANO) == []


def test_a_wrong_word_names_those_there_are() -> None:
    found = people_in_clip(PEOPLE, 0, 2 * NANO)
    with pytest.raises(ValueError, match=r"most, two, all, left, right, largest, or .*\(p1, p2, p3\), got 'p9'"):
        chosen(found, "p9")
    assert chosen([], "most") == []
    with pytest.raises(ValueError, match=r"\(nobody\)"):
        chosen([], "p1")
