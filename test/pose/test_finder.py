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


class Upright:
    """Finds somebody at the one bright pixel of the picture it gets, with the head above."""

    name, layout = "upright", "coco17"

    def __init__(self) -> None:
        self.sizes: set[tuple[int, ...]] = set()

    def estimate(self, image: Image) -> list[Pose]:
        self.sizes.add(image.data.shape)
        down, across = np.argwhere(image.data[..., 0] == 255)[0]
        return [person(across + 0.5, down + 0.5, size=10)]

    def reset(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    ("rotate", "shape", "feet"),
    [
        (0, (200, 300, 3), (0, 1)),
        (90, (300, 200, 3), (1, 0)),
        (180, (200, 300, 3), (0, -1)),
        (270, (300, 200, 3), (-1, 0)),
    ],
)
def test_a_turned_picture_is_searched_upright_and_joints_come_back(
    rotate: int, shape: tuple[int, ...], feet: tuple[int, int], mirrored: bool
) -> None:
    """The nose is at the bright pixel of the source picture, and the feet where its people have them."""
    picture, estimator = PICTURE.copy(), Upright()
    picture[110, 130, 0] = 255
    finder = Finder(estimator, values_of(PoseSettings, {"confirm": 1, "rotate": rotate, "mirrored": mirrored}))
    [pose] = finder.find(Image(picture, 0)).poses
    assert estimator.sizes == {shape}
    np.testing.assert_allclose(pose.data[0, :2], (130.5, 110.5))
    to_feet = pose.data[15:17, :2].mean(0) - pose.data[0, :2]
    np.testing.assert_allclose(to_feet / np.linalg.norm(to_feet), feet, atol=1e-6)
    to_left = np.dot(pose.data[5, :2] - pose.data[6, :2], (feet[1], -feet[0]))
    assert (to_left < 0) == mirrored, "of who faces the camera the left shoulder is on the right of an upright picture"


def test_another_angle_is_refused() -> None:
    with pytest.raises(ValueError, match="one of 0, 90, 180, 270"):
        Finder(Upright(), values_of(PoseSettings, {"rotate": 45}))


def test_options_that_an_estimator_refuses_are_told() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        build(values_of(PoseSettings, {"input_size": 100}))
