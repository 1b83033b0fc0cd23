"""Messages as a page shows them: bounded, in words, and as JSON can say them."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from helpers.node_stream import header, skeleton, skeletons

from co_perception.msg import Activity, ActivityArray, ActivityHypothesis, Keypoint, LabelInfo, Skeleton, SkeletonArray
from co_perception.nodes.live.page_messages import (
    MOST_PEOPLE,
    answers_of,
    health_of,
    labels_of_recognizer,
    number_words,
    people_of,
    silence_words,
)

STATUS = {"warming up": 0, "valid": 1, "uncertain": 2, "stale": 3}


def test_people_have_joints_in_pixels_and_lines() -> None:
    found = people_of(skeletons(3.5, skeleton("p1", 40.0, 10.0), size=(640, 480)))
    assert found["stamp"] == "3500000000" and found["size"] == [640, 480]
    [person] = found["people"]
    assert person["id"] == "p1" and person["joints"][:3] == [40.0, 10.0, 1.0] and len(person["joints"]) == 51
    assert [5, 7] in person["links"] or [7, 5] in person["links"]  # of COCO's left shoulder and elbow
    json.dumps(found)


def test_joints_that_were_not_found_are_told_apart() -> None:
    keypoints = [Keypoint(x=float("nan"), y=9.0, z=0.0, score=0.0)] + [Keypoint(x=4.0, y=9.0, z=0.0, score=1.0)] * 16
    found = people_of(skeletons(0.0, Skeleton(subject_id="p", layout="coco17", score=1.0, keypoints=keypoints)))
    assert found["people"][0]["joints"][:6] == [0, 0, 0, 4.0, 9.0, 1.0]
    json.dumps(found, allow_nan=False)


def test_metres_are_projected_and_have_no_picture() -> None:
    near, far = Keypoint(x=1.0, y=0.5, z=2.0, score=1.0), Keypoint(x=2.0, y=1.0, z=4.0, score=1.0)
    keypoints = [near, far, *[Keypoint(x=1.0, y=0.5, z=4.0, score=1.0)] * 15]
    message = SkeletonArray(
        header=header(1.0), coordinates=SkeletonArray.COORDINATES_METRES, image_width=640, image_height=480,
        skeletons=[Skeleton(subject_id="p", layout="coco17", score=1.0, keypoints=keypoints)],
    )  # fmt: skip
    message.header.frame_id = "camera_optical_frame"
    found = people_of(message)
    joints = np.reshape(found["people"][0]["joints"], (-1, 3))
    assert found["size"] == [0, 0] and joints[0].tolist() == joints[1].tolist() != joints[2].tolist()


def test_crowds_and_unknown_layouts_are_left_out() -> None:
    crowd = [skeleton(f"p{n}") for n in range(100)]
    assert len(people_of(skeletons(0.0, *crowd))["people"]) == MOST_PEOPLE
    assert people_of(skeletons(0.0, skeleton("p", layout="octopus")))["people"] == []
    assert people_of(skeletons(0.0, skeleton("p", joints=3)))["people"] == []


@pytest.mark.parametrize("name", STATUS)
def test_answers_have_their_status(name: str) -> None:
    best = [ActivityHypothesis(label="wave", class_id=0, score=0.75)]
    activity = Activity(subject_id="p", group="arms", status=STATUS[name], label="wave", score=0.75, progress=0.5,
                        hypotheses=best)  # fmt: skip
    found = answers_of(ActivityArray(header=header(2.0), recognizer="net", activities=[activity], dropped_frames=3))
    [row] = found["activities"]
    assert (row["status"], row["subject"], row["group"], row["best"]) == (name, "p", "arms", [["wave", 0.75]])
    assert (row["progress"], row["distance"], found["dropped"], found["stamp"]) == (0.5, None, 3, "2000000000")


def test_a_status_that_nobody_knows_is_none() -> None:
    assert answers_of(ActivityArray(activities=[Activity(status=77)]))["activities"][0]["status"] == ""


def test_numbers_that_json_cannot_say_are_left_out() -> None:
    nan, best = float("nan"), [ActivityHypothesis(label="wave", score=float("inf"))]
    activity = Activity(status=1, label="wave", score=nan, progress=nan, hypotheses=best)
    activity.position.source, activity.position.distance = 1, nan
    [row] = json.loads(json.dumps(answers_of(ActivityArray(activities=[activity])), allow_nan=False))["activities"]
    assert (row["score"], row["progress"], row["best"], row["distance"]) == (0, 0, [["wave", 0]], None)
    info = LabelInfo(threshold=nan, min_progress=nan, receptive_field=45, rate_hz=1e-320)
    json.dumps(labels_of_recognizer(info), allow_nan=False)


def test_labels_say_how_long_a_label_looks_back() -> None:
    found = labels_of_recognizer(
        LabelInfo(recognizer="net", labels=["a"], threshold=0.25, receptive_field=45, rate_hz=15.0)
    )
    assert (found["threshold"], found["field_s"]) == (0.25, 3.0)
    assert labels_of_recognizer(LabelInfo())["field_s"] is None


def test_health_is_in_words() -> None:
    values = {"frames received": "120", "frames processed": "117", "frames dropped": "3", "step p50 (ms)": "21.4",
              "latency p95 (ms)": "60.2", "rate of the input (Hz)": "14.98",
              "rate of the model (Hz)": "15.0"}  # fmt: skip
    status = DiagnosticStatus(level=DiagnosticStatus.WARN, name="/pose: people", message="slow" * 1000,
                              values=[KeyValue(key=key, value=value) for key, value in values.items()])  # fmt: skip
    [found] = health_of(DiagnosticArray(status=[status]))
    assert (found["name"], found["level"], len(found["message"])) == ("/pose: people", 1, 400)
    assert found["words"] == (
        "117 of 120 frames answered, 3 dropped, input 15.0 Hz, the network takes 15.0 Hz, a step takes 21 ms, "
        "an answer takes up to 60 ms"
    )
    assert number_words({}) == "" and number_words({"step p50 (ms)": "no data yet"}) == ""
    assert len(health_of(DiagnosticArray(status=[status] * 500))) == 24


def test_silence_names_who_could_send() -> None:
    assert silence_words("pictures", "/eye", 3.0, []) == "nobody publishes pictures on /eye any more"
    told = silence_words("pictures", "/eye", 3.2, ["/camera"], {"/other": "preparing for 3 s"})
    assert told.startswith("no pictures for 3 s: /camera publishes on /eye") and told.endswith("its input?")
    said = {"/net": "preparing for 4 s", "/other": "no"}
    told = silence_words("answers", "/activity", 3.2, ["/net", "/camera"], said)
    assert told == "no answers on /activity for 3 s; /net says: preparing for 4 s"
