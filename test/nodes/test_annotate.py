"""What is written on a picture, and that it leaves the rest of it alone."""

from dataclasses import replace

import numpy as np
import pytest

from co_perception.engine.target import Category, Status
from co_perception.learners.recognition import Answer

pytest.importorskip("cv2")

from co_perception.nodes.annotate import annotate, lines

LABELS = ("walking", "standing on one leg with both arms stretched out", "falling")
SCORES = np.array([0.7, 0.1, 0.2], np.float32)


def answer(status: Status = Status.VALID, progress: float = 1.0, best: int = 0) -> Answer:
    told = Category(best, status=status, progress=progress)
    if best >= 0:
        told = replace(told, description=LABELS[best], confidence=0.7, probabilities=SCORES)
    return Answer(told, 0, 0, None)


def test_lines_say_label_and_scores_best_first() -> None:
    assert lines(answer(), LABELS, 2) == [
        ("walking", 1.0),
        ("walking 0.70", pytest.approx(0.7)),
        ("falling 0.20", pytest.approx(0.2)),
    ]


def test_lines_say_what_is_not_known_yet() -> None:
    assert lines(answer(Status.WARMING_UP, 0.4, best=-1), LABELS, 3) == [("warming up 40%", 0.4)]
    assert lines(answer(Status.UNCERTAIN), LABELS, 1)[0] == ("uncertain", 1.0)


def test_the_picture_turns_to_bgr_and_keeps_its_lower_part() -> None:
    rgb = np.full((120, 160, 3), (200, 100, 50), np.uint8)
    drawn = annotate(rgb, answer(), LABELS)
    assert drawn.shape == rgb.shape
    assert (drawn[60:] == (50, 100, 200)).all()
    assert (drawn[:40] != (50, 100, 200)).any()
    assert (rgb == (200, 100, 50)).all()


def test_a_longer_bar_means_a_higher_score() -> None:
    rgb = np.zeros((240, 320, 3), np.uint8)
    one, other = (annotate(rgb, answer(best=0), LABELS, top_k=k).astype(int).sum() for k in (1, 3))
    assert other > one > 0


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (12, 300), (300, 12)])
def test_no_picture_is_too_small(size: tuple[int, int]) -> None:
    assert annotate(np.zeros((*size, 3), np.uint8), answer(), LABELS).shape == (*size, 3)


@pytest.mark.parametrize("order", [1, -1])
def test_the_picture_it_is_given_stays_as_it_is(order: int) -> None:
    lies = np.full((120, 160, 3), (200, 100, 50), np.uint8)  # a message's own pixels, rgb8 or bgr8
    rgb = lies[..., ::order]
    assert not np.shares_memory(annotate(rgb, answer(), LABELS), lies)
    assert (lies == (200, 100, 50)).all()
