"""Messages of two recognisers of one frame, and the message that must come of them."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")

from said import STALE, UNCERTAIN, VALID, WARMING_UP, activity, part

from co_perception.msg import LabelInfo
from co_perception.nodes.blending import Blend, Epochs


@pytest.fixture
def blend() -> Blend:
    made = Blend(("video", "skeleton"), {"video": 0.5, "skeleton": 0.5})
    made.learn("skeleton", LabelInfo(recognizer="net/b", label_set="b", labels=["walk", "squat"], rate_hz=15.0))
    made.learn("video", LabelInfo(recognizer="net/a", label_set="a", labels=["run", "walk"], rate_hz=25.0))
    return made


def test_one_subject_of_both_gets_one_activity_with_the_mean(blend: Blend) -> None:
    both = {
        "video": part("a", activity("1", run=0.5, walk=0.4, roi=3), dropped_frames=2, state_epoch=1),
        "skeleton": part("b", activity("1", walk=0.8, progress=0.9), dropped_frames=1, observation_delay=5),
    }
    message = blend.message(both, threshold=0.0, top_k=5)
    (one,) = message.activities
    assert (one.subject_id, one.label, one.class_id, one.status) == ("1", "walk", 1, VALID)
    assert [(h.label, h.class_id) for h in one.hypotheses] == [("walk", 1), ("run", 0)]
    assert [h.score for h in one.hypotheses] == pytest.approx([0.6, 0.5])
    assert (one.progress, one.roi.width) == (pytest.approx(0.9), 3)
    assert message.header == both["video"].message.header
    assert (message.dropped_frames, message.state_epoch, message.observation_delay.nanosec) == (3, 1, 5)
    assert (message.recognizer, message.label_set) == ("net/a + net/b", "a + b")


def test_the_scene_and_the_people_in_it_stay_apart(blend: Blend) -> None:
    both = {"video": part("a", activity("", run=0.9)), "skeleton": part("b", activity("4", squat=0.7))}
    told = {a.subject_id: a.label for a in blend.message(both, threshold=0.0, top_k=5).activities}
    assert told == {"": "run", "4": "squat"}


def test_who_is_warming_up_is_not_heard_while_another_is_sure(blend: Blend) -> None:
    both = {
        "video": part("a", activity("1", WARMING_UP, run=0.99)),
        "skeleton": part("b", activity("1", squat=0.6)),
    }
    (one,) = blend.message(both, threshold=0.0, top_k=5).activities
    assert (one.label, one.status) == ("squat", VALID)


@pytest.mark.parametrize(
    ("first", "second", "threshold", "status"),
    [
        (VALID, STALE, 0.0, VALID),
        (VALID, VALID, 0.7, UNCERTAIN),
        (UNCERTAIN, STALE, 0.0, UNCERTAIN),
        (WARMING_UP, STALE, 0.0, WARMING_UP),
        (STALE, STALE, 0.0, STALE),
    ],
)
def test_the_status_is_no_better_than_what_was_said(
    blend: Blend, first: int, second: int, threshold: float, status: int
) -> None:
    both = {
        "video": part("a", activity("1", first, walk=0.6)),
        "skeleton": part("b", activity("1", second, walk=0.6)),
    }
    (one,) = blend.message(both, threshold=threshold, top_k=5).activities
    assert one.status == status
    assert one.label == ("walk" if status == VALID else "")


def test_a_label_keeps_the_stamp_it_began_with(blend: Blend) -> None:
    def since(sec: int, **scores: float) -> int:
        said = activity("1", **scores)  # type: ignore[arg-type]
        message = blend.message({"video": part("a", said, sec=sec)}, threshold=0.0, top_k=5)
        return int(message.activities[0].since.sec)

    assert [since(3, run=0.9), since(4, run=0.8), since(5, walk=0.7), since(6, run=0.9)] == [3, 3, 5, 6]


def test_one_alone_is_numbered_as_both_are(blend: Blend) -> None:
    message = blend.message({"skeleton": part("b", activity("1", squat=0.6))}, threshold=0.0, top_k=5)
    assert (message.label_set, message.activities[0].class_id) == ("a + b", 2)
    info = blend.label_info(0.0)
    assert info is not None and info.labels[2] == "squat"


def test_before_the_labels_are_known_classes_have_no_number() -> None:
    blend = Blend(("video", "skeleton"), {"video": 1.0, "skeleton": 1.0})
    message = blend.message({"video": part("a", activity("1", run=0.6))}, threshold=0.0, top_k=5)
    assert (message.activities[0].label, message.activities[0].class_id) == ("run", -1)
    assert blend.label_info(0.0) is None


def test_one_count_of_interruptions_goes_up_whoever_is_silent_or_starts_again() -> None:
    epochs = Epochs()
    told = [
        {"video": 1, "skeleton": 0},
        {"video": 1},
        {"skeleton": 0},
        {"video": 1, "skeleton": 2},
        {"skeleton": 0},  # a recogniser that was started again
        {"video": 1, "skeleton": 0},
        {"video": 2, "skeleton": 1},
    ]
    assert [epochs.update(one) for one in told] == [1, 1, 1, 3, 4, 4, 6]
