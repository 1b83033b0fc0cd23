"""Pictures become people with ids, smoothed where that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.stick_figures import person

from co_perception.engine.data import Image
from co_perception.engine.settings import values_of
from co_perception.engine.target import Pose
from co_perception.pose.finder import Finder, PoseSettings, build

PICTURE = np.zeros((200, 300, 3), np.uint8)


class Walker:
    """Somebody who walks to the right and trembles."""

    name, layout = "walker", "coco17"

    def __init__(self) -> None:
        self.frame = self.resets = 0

    def estimate(self, image: Image) -> list[Pose]:
        self.frame += 1
        return [person(100 + self.frame + 3 * (-1) ** self.frame, 40, size=10)]

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None: ...


def walk(frames: int, **settings: Any) -> tuple[list[Any], Finder, Walker]:
    walker = Walker()
    finder = Finder(walker, values_of(PoseSettings, settings))
    return [finder.find(Image(PICTURE, n * 40_000_000)) for n in range(frames)], finder, walker


def test_somebody_is_believed_after_a_few_frames_and_keeps_an_id() -> None:
    found, _, _ = walk(6, confirm=3)
    assert [len(each.poses) for each in found] == [0, 0, 1, 1, 1, 1]
    assert len({pose.id for each in found for pose in each.poses}) == 1
    assert found[2].tracked.born == (found[2].poses[0].id,)


def test_a_reset_gives_everybody_up() -> None:
    found, finder, walker = walk(4)
    (before,) = found[-1].poses
    assert finder.reset() == (before.id,)
    assert walker.resets == 1
    after = [finder.find(Image(PICTURE, (10 + n) * 40_000_000)) for n in range(3)]
    assert after[-1].poses[0].id != before.id


def test_smoothing_calms_what_trembles() -> None:
    plain, _, _ = walk(30)
    smooth, _, _ = walk(30, smoothing="one_euro")

    def trembling(found: list[Any]) -> float:
        return float(np.abs(np.diff([each.poses[0].data[0, 0] for each in found[10:]], 2)).mean())

    assert trembling(smooth) < 0.5 * trembling(plain)


def test_options_that_an_estimator_refuses_are_told() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        build(values_of(PoseSettings, {"input_size": 100}))
