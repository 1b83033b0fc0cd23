"""The annotated picture: ink where people are, the scene on top, and the rest as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("cv2")

from helpers.depth_scenes import HEIGHT, WIDTH
from helpers.output_frames import LEFT, activities_of, activity, boxed, frame_of

from co_perception.msg import Activity
from co_perception.nodes.core.draw import color_of
from co_perception.nodes.output_formats.annotated_picture import drawn_frame, scene_lines
from co_perception.nodes.output_formats.people_frame import FrameReader

GRAY = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)


def inked(picture: np.ndarray) -> np.ndarray:
    return np.asarray((picture != GRAY).any(-1))


def test_people_with_joints_and_people_with_a_box() -> None:
    picture = drawn_frame(GRAY, frame_of(LEFT))
    assert (picture == color_of("p1")).all(-1).sum() > 100
    assert not inked(picture)[:, WIDTH // 2 + 60 :].any() and (GRAY == 60).all()
    boxes = FrameReader().read(None, activities_of(boxed("y4", (200, 60, 60, 120))))
    rows, columns = np.nonzero(inked(drawn_frame(GRAY, boxes)))
    assert rows.min() > 30 and columns.min() > 195 and abs(rows.max() - 180) < 4


def test_a_distance_is_written() -> None:
    known, unknown = drawn_frame(GRAY, frame_of(LEFT)), drawn_frame(GRAY, frame_of(LEFT, positions={}))
    assert (known != unknown).any()


def test_the_scene_is_on_top_and_its_colors_are_right() -> None:
    scene = FrameReader().read(None, activities_of(activity("", "cooking", 0.6, "")))
    picture = drawn_frame(GRAY, scene)
    assert inked(picture)[:40].any() and not inked(picture)[HEIGHT // 2 :].any()
    best = picture[: HEIGHT // 2].reshape(-1, 3).astype(int)
    assert ((best[:, 2] > best[:, 0] + 50).sum() > 100) and not (best[:, 0] > best[:, 2] + 50).any(), "bars are blue"
    people = drawn_frame(GRAY, replace(frame_of(LEFT), scene=scene.scene))
    assert (people == color_of("p1")).all(-1).sum() > 100


def test_the_lines_of_a_scene() -> None:
    assert scene_lines(activity("", "cooking", 0.6)) == [
        ("cooking", 1.0), ("cooking 0.60", pytest.approx(0.6)), ("other 0.40", pytest.approx(0.4))
    ]  # fmt: skip
    cold = Activity(status=Activity.STATUS_WARMING_UP, progress=0.25)
    assert scene_lines(cold) == [("warming up 25%", 0.25)]


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (12, 300), (300, 12)])
def test_no_picture_is_too_small(size: tuple[int, int]) -> None:
    tiny = np.zeros((*size, 3), np.uint8)
    scene = FrameReader().read(None, activities_of(activity("", "cooking", 0.6, "")))
    assert drawn_frame(tiny, replace(frame_of(LEFT), scene=scene.scene)).shape == (*size, 3)
