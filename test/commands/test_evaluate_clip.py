"""A real clip with somebody else's annotations of it, made into bags and scored from end to end: steps to the left and
to the right (StreamPoseML)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("av")
pytest.importorskip("cv2")
pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, Frame, Person, compressed, store, write_bag, write_messages
from helpers.random_models import skeleton_model

from co_perception import cli
from co_perception.data.annotations.intervals import write_annotations
from co_perception.data.messages.image import decode, encode_jpeg
from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.evaluation.records import read_records
from co_perception.evaluation.result_folder import FRAMES
from co_perception.pose.movenet import MoveNet
from co_perception.pose.tracker import Tracker
from co_perception.runtime.store import store as assets
from recipes.readers.stream_pose_ml import step_intervals

STEPS = ("Left Step", "Right Step")
T0 = 1_700_000_000 * SECOND
SECONDS, EVERY = 8.0, 2  # all that is annotated, at 15 Hz

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bags `pictures/clip` and `poses/clip`, annotations and a model."""
    root = tmp_path_factory.mktemp("clip")
    types = store()
    pictures, poses = [], []
    estimator, tracker = MoveNet(threads=1), Tracker()
    with VideoReader(str(assets.locate("stream_pose_video")), 480) as reader:
        for number, frame in enumerate(reader):
            stamp_ns = T0 + round(frame.time_s * SECOND)
            if number % EVERY or frame.time_s > SECONDS:
                continue
            coded = encode_jpeg(np.ascontiguousarray(frame.pixels))
            pictures.append((stamp_ns, compressed(types, stamp_ns, coded)))
            found = tracker.update(estimator.estimate(Image(decode(coded, "jpeg"), stamp_ns)), stamp_ns).poses
            people = [
                Person(pose.id, np.insert(pose.data, 2, np.nan, axis=1), score=pose.confidence or 0.0) for pose in found
            ]
            poses.append(Frame(stamp_ns, people))
    (root / "pictures").mkdir()
    (root / "poses").mkdir()
    write_messages(root / "pictures" / "clip", {"/camera/image_raw/compressed": pictures}, types=types)
    write_bag(root / "poses" / "clip", {"/skeletons": poses})
    write_annotations(root / "steps.csv", step_intervals(assets.locate("stream_pose_labels"), STEPS))
    skeleton_model(root / "model", STEPS)
    return root


def evaluate(folder: Path, bag: str, *arguments: str) -> None:
    given = ("--annotations", str(folder / "steps.csv"), "--model", str(folder / "model"), "--out", str(folder / bag))
    assert cli.main(["evaluate", str(folder / bag / "clip"), *given, *arguments]) == 0


def test_the_clip_is_scored_by_its_own_annotations(folder: Path) -> None:
    evaluate(folder, "poses", "--background", "standing")
    records = list(read_records(folder / "poses"))
    reported = step_intervals(assets.locate("stream_pose_labels"), STEPS)
    for record in records:
        at_ns = record.stamp_ns - T0
        inside = [each.label for each in reported if each.start_ns <= at_ns < each.end_ns]
        assert record.truth == (inside[0] if inside else "standing")
    assert len(records) > 110

    figures = json.loads((folder / "poses" / "summary.json").read_text())["figures"]
    judged = [record for record in records if record.answered]
    right = sum(STEPS[record.best] == record.truth for record in judged)
    assert figures["counts"]["events"] == len(reported) == 6
    assert figures["counts"]["answered"] == len(judged) > 80
    assert figures["overall"]["top1"] == pytest.approx(right / len(judged), abs=1e-6)
    assert "Left Step" in (folder / "poses" / "report.html").read_text()


def test_pictures_are_looked_at_as_the_pose_node_would(folder: Path) -> None:
    """Poses found in the replay and poses that were found before give the same records."""
    evaluate(folder, "poses")
    evaluate(folder, "pictures", "--pose", "movenet")
    assert (folder / "pictures" / FRAMES).read_bytes() == (folder / "poses" / FRAMES).read_bytes()
