"""The node `video_activity` with subject person, on real middleware."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from helpers.fake_learners import FakeLearner, FakeRestorable  # noqa: E402
from helpers.node_stream import (  # noqa: E402
    HEIGHT,
    SEC,
    STALE,
    VALID,
    WARMING,
    WIDTH,
    PersonStream,
    RecognizerStream,
    activities_of,
    diagnostic_values,
    header,
    overrides_of,
    person,
    picture,
    skeletons,
    two_colors,
)
from helpers.small_video_networks import write_small_network  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CompressedImage, RegionOfInterest  # noqa: E402

from co_perception.engine import data  # noqa: E402
from co_perception.engine.time import nanoseconds  # noqa: E402
from co_perception.learners.video import ContinualVideoLearner  # noqa: E402
from co_perception.msg import Keypoint, SkeletonArray  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402
from co_perception.online.crop_streams import CropStreams  # noqa: E402
from co_perception.online.crops import PersonCrop, Region  # noqa: E402
from co_perception.srv import ResetState  # noqa: E402


@pytest.fixture
def learner() -> FakeRestorable:
    return FakeRestorable()


@pytest.fixture
def stream(bench: Any, learner: FakeRestorable, tmp_path: Path) -> PersonStream:
    return PersonStream(bench, learner, snapshot_folder=str(tmp_path))


def test_everybody_has_an_activity_of_their_own_under_the_pictures_header(
    stream: PersonStream, learner: FakeRestorable
) -> None:
    stamps = [5 + i / 25 for i in range(7)]
    for index, stamp in enumerate(stamps):
        both = [person("anna", 10), person("bert", 70)]
        stream.send(stamp, *(both if index % 2 else both[::-1]))
    heard = stream.answered(7)
    assert activities_of(heard[0]) == [("bert", WARMING, ""), ("anna", WARMING, "")]
    assert activities_of(heard[5]) == [("anna", VALID, "red"), ("bert", VALID, "blue")]
    assert [(a.roi.x_offset, a.roi.width, a.roi.height) for a in heard[5].activities] == [(10, 20, 40), (70, 20, 40)]
    assert nanoseconds(heard[6].activities[0].since) == round(5.2 * SEC)
    assert learner.looks == [(60, 60)] * 14  # 40 pixels and a quarter of them on each side


def test_nobody_in_sight_is_an_answer_too(stream: PersonStream) -> None:
    stream.send(1.0)
    assert activities_of(stream.answered(1)[0]) == []


def test_skeletons_may_come_before_their_picture(stream: PersonStream) -> None:
    stream.publishers["skeletons"].publish(skeletons(1.0, person("a")))
    stream.bench.spin(0.1)
    stream.publishers["image_raw"].publish(picture(1.0, two_colors()))
    assert activities_of(stream.answered(1)[0]) == [("a", WARMING, "")]


def test_pictures_that_nobody_looked_for_people_in_are_dropped_and_counted(stream: PersonStream) -> None:
    for stamp in (1.0, 1.04, 1.08):
        stream.publishers["image_raw"].publish(picture(stamp, two_colors()))
    stream.send(1.12, person("a"))
    assert stream.answered(1)[0].dropped_frames == 3
    assert stream.counts("without skeletons") == 3
    stream.publishers["skeletons"].publish(skeletons(1.08, person("a")))
    stream.bench.until(lambda: stream.counts("late skeletons") == 1)
    stream.publishers["image_raw"].publish(picture(1.1, two_colors()))
    stream.bench.until(lambda: stream.counts("outdated") == 1)
    stream.send(1.16, person("a"))
    assert stream.answered(2)[1].dropped_frames == 1


def test_a_doubled_picture_is_no_drop(stream: PersonStream) -> None:
    """The second one was "outdated", a dropped frame, although its first was answered."""
    for _ in range(2):
        stream.publishers["image_raw"].publish(picture(1.0, two_colors()))
        stream.bench.spin(0.05)
    stream.publishers["skeletons"].publish(skeletons(1.0, person("a")))
    stream.answered(1)
    stream.publishers["image_raw"].publish(picture(1.0, two_colors()))
    stream.bench.until(lambda: stream.counts("duplicate") == 2)
    stream.send(1.04, person("a"))
    assert [message.dropped_frames for message in stream.answered(2)] == [0, 0]


def test_pictures_do_not_wait_for_ever(bench: Any, learner: FakeRestorable) -> None:
    stream = PersonStream(bench, learner, skeletons_wait_s=0.05)
    stream.publishers["image_raw"].publish(picture(1.0, two_colors()))
    bench.until(lambda: stream.node._people_input._synchronizer._waiting)
    bench.spin(0.1)
    stream.publishers["image_raw"].publish(picture(1.04, two_colors()))
    bench.until(lambda: stream.counts("without skeletons") == 1)
    stream.publishers["skeletons"].publish(skeletons(1.08, person("a")))
    bench.spin(0.1)
    stream.publishers["skeletons"].publish(skeletons(1.12, person("a")))
    bench.until(lambda: stream.counts("skeletons without a picture") == 1)
    assert not stream.answers


def test_who_was_missed_is_stale_and_shown_as_before_once_back(stream: PersonStream, learner: FakeRestorable) -> None:
    for tick in range(6):
        ids = ["b"] if tick in (3, 4) else ["a", "b"]
        stream.send(1 + tick / 25, *[person(id, 10 if id == "a" else 70) for id in ids])
    heard = stream.answered(6)
    assert activities_of(heard[3]) == [("b", WARMING, ""), ("a", STALE, "")]
    assert [activity.progress for activity in heard[5].activities] == [4 / 8, 6 / 8]  # a was held for two ticks
    assert stream.counts("missing") == 2


def test_beyond_max_people_the_surest_are_followed(bench: Any, learner: FakeRestorable) -> None:
    stream = PersonStream(bench, learner, max_people=2)
    stream.send(1.0, person("a", score=0.5), person("b", score=0.9), person("c", score=0.7))
    assert [subject for subject, *_ in activities_of(stream.answered(1)[0])] == ["b", "c"]
    assert stream.refused("too many people") == 1


def test_who_has_no_place_in_the_picture_is_refused(stream: PersonStream) -> None:
    nowhere = person("b", keypoints=[Keypoint(x=500.0, y=500.0, score=0.9)] * 17, roi=RegionOfInterest())
    outside = person("c", roi=RegionOfInterest(x_offset=4_000_000_000, y_offset=0, width=4_000_000_000, height=1))
    huge = person("d", roi=RegionOfInterest(x_offset=0, y_offset=0, width=4_000_000_000, height=4_000_000_000))
    stream.send(1.0, person("a"), nowhere, outside, huge)
    assert [subject for subject, *_ in activities_of(stream.answered(1)[0])] == ["a", "d"]
    assert stream.refused("no place") == 2


def test_skeletons_of_another_picture_are_refused(stream: PersonStream) -> None:
    stream.send(1.0, person("a"), size=(640, 480))
    stream.send(1.04, person("a"), size=(0, 0))
    assert stream.answered(1)[0].dropped_frames == 1
    assert stream.counts("unreadable") == 1


def test_one_person_is_forgotten_and_the_other_goes_on(stream: PersonStream) -> None:
    both = [person("a", 10), person("b", 70)]
    for tick in range(3):
        stream.send(1 + tick / 25, *both)
    stream.answered(3)
    response = stream.bench.call(ResetState, "video_activity/reset", subject_ids=["a", "zoe"])
    assert (response.success, response.message) == (False, "forgotten: 'a'; not known here: 'zoe'")
    stream.send(1.12, *both)
    message = stream.answered(4)[3]
    assert [activity.progress for activity in message.activities] == [1 / 8, 4 / 8]
    assert message.state_epoch == 1


def test_compressed_pictures_are_read(bench: Any, learner: FakeRestorable) -> None:
    cv2 = pytest.importorskip("cv2")
    overrides = overrides_of({**PersonStream.defaults, "image_transport": "compressed"})
    node = VideoActivityNode(lambda settings: learner, parameter_overrides=overrides)
    topics = {"image_raw/compressed": CompressedImage, "skeletons": SkeletonArray}
    stream = RecognizerStream(bench, node, topics)
    coded = cv2.imencode(".jpg", two_colors()[..., ::-1])[1]
    image = CompressedImage(header=header(1.0), format="jpeg", data=coded.tobytes())
    stream.publish({"image_raw/compressed": image, "skeletons": skeletons(1.0, person("a"))})
    assert activities_of(stream.answered(1)[0]) == [("a", WARMING, "")]


def test_diagnostics_tell_who_is_followed(stream: PersonStream) -> None:
    told = stream.bench.listen(DiagnosticArray, "/diagnostics")
    stream.send(1.0, person("a"), person("b", 70))
    stream.answered(1)
    stream.bench.until(lambda: told and diagnostic_values(told[-1]).get("people followed") == "2")
    assert diagnostic_values(told[-1])["state of a person (MB)"] == "1.000"
    assert told[-1].status[0].message == "2 in sight (no label: 2)"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param((), "No image on /image_raw", id="neither"),
        pytest.param(("image_raw",), "No skeleton on /skeletons", id="pictures alone"),
        pytest.param(("image_raw", "skeletons"), "no two of one stamp", id="of different stamps"),
    ],
)
def test_silence_is_explained(bench: Any, learner: FakeRestorable, sent: tuple[str, ...], why: str) -> None:
    stream = PersonStream(bench, learner, silence_s=0.5)
    told = bench.listen(DiagnosticArray, "/diagnostics")
    messages = {"image_raw": picture(1.0, two_colors()), "skeletons": skeletons(2.0)}

    def explained() -> bool:
        for topic in sent:
            stream.publishers[topic].publish(messages[topic])
        return any(why in array.status[0].message for array in told)

    bench.until(explained, why)


def test_a_learner_whose_state_stays_inside_fails_configuration(bench: Any) -> None:
    overrides = [Parameter("subject", value="person")]
    node = bench.add(VideoActivityNode(lambda settings: FakeLearner(), parameter_overrides=overrides), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


@pytest.mark.slow
def test_two_people_through_the_real_network_are_answered_as_each_alone(bench: Any, tmp_path: Path) -> None:
    frames = [np.random.default_rng(i).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8) for i in range(76)]
    network = ContinualVideoLearner(threads=1)
    stream = PersonStream(bench, network, model_path=str(write_small_network(tmp_path)), max_people=2, optimize=False)
    places = {"anna": 10, "bert": 70}
    for index, seen in enumerate(frames):
        ids = ["anna"] if index < 3 else ["bert", "anna"]
        stream.publishers["image_raw"].publish(picture(1 + index / 25, seen))
        stream.publishers["skeletons"].publish(skeletons(1 + index / 25, *[person(id, places[id]) for id in ids]))
        stream.answered(index + 1)
    other = ContinualVideoLearner(threads=1)
    other.load(tmp_path)
    for id, left in places.items():
        heard = [a for message in stream.answers for a in message.activities if a.subject_id == id]
        alone = CropStreams(other)
        shown = frames if id == "anna" else frames[3:]
        wanted = [alone.infer([PersonCrop(data.Image(p, 0), Region(left, 10, 20, 40), id=id)])[0] for p in shown]
        assert [a.progress for a in heard] == pytest.approx([category.progress for category in wanted])
        assert [a.score for a in heard] == pytest.approx([category.confidence or 0.0 for category in wanted], abs=1e-6)
        assert heard[-1].score > 0
