"""Draws docs/outputs.jpg: the outputs of one frame of a real clip, by the nodes' own code and the tests' renderer.

The clip and the camera's calibration are those of Pose2Sim's demo (BSD-3-Clause); places are by that one camera.

co-perception weights fetch movenet_multipose pose2sim_calibration pose2sim_multi_cam02
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from std_msgs.msg import Header

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "test")]

from helpers.marker_pictures import Eye, draw_annotations, draw_floor, draw_markers  # noqa: E402
from helpers.output_frames import OutputBench  # noqa: E402
from helpers.published_messages import install  # noqa: E402

from benchmarks.positions import views  # noqa: E402
from co_perception.data.messages.people import from_poses  # noqa: E402
from co_perception.data.video import VideoReader  # noqa: E402
from co_perception.engine.data import Image  # noqa: E402
from co_perception.learners.recognizers import KINDS, SkeletonSettings, skeleton_learner, skeleton_recognizer  # noqa: E402
from co_perception.localization.locator import Locator  # noqa: E402
from co_perception.nodes.core.messages import activity_array, skeleton_array, to_time  # noqa: E402
from co_perception.nodes.output_formats.annotated_picture import drawn_frame  # noqa: E402
from co_perception.nodes.output_formats.image_annotations import AnnotationOutput  # noqa: E402
from co_perception.nodes.output_formats.markers import MarkerOutput  # noqa: E402
from co_perception.nodes.output_formats.people_frame import FrameReader, PeopleFrame  # noqa: E402
from co_perception.pose.finder import Finder, PoseSettings, build  # noqa: E402
from co_perception.runtime.store import store  # noqa: E402

CLIP, VIEW = "pose2sim_multi_cam02", 1
SHORT_SIDE, SHOWN_S = 480, 1.1
FLOOR, MIDDLE = 1.4, (0.0, 0.2, 3.0)  # of the room, in the camera's frame [m]


def frame_and_picture() -> tuple[PeopleFrame, np.ndarray]:
    """The frame at SHOWN_S of the clip, answered as on a robot, and its picture."""
    camera = views(store.locate("pose2sim_calibration"))[VIEW].camera
    finding, recognizing = PoseSettings(), SkeletonSettings()
    finder, locator, reader = Finder(build(finding), finding), Locator(), FrameReader()
    learner = skeleton_learner(recognizing)
    learner.load(KINDS["skeleton"].weights(recognizing))
    recognizer = skeleton_recognizer(learner, recognizing)
    shown: PeopleFrame | None = None
    with VideoReader(str(store.locate(CLIP)), SHORT_SIDE) as video:
        for picture in video:
            stamp_ns = round(picture.time_s * 1e9) + 10**9
            pixels = np.ascontiguousarray(picture.pixels)
            size = (pixels.shape[1], pixels.shape[0])
            poses, header = (
                finder.find(Image(pixels, stamp_ns)).poses,
                Header(stamp=to_time(stamp_ns), frame_id="camera"),
            )
            scaled = camera.scaled(size)
            positions = locator.locate(poses, stamp_ns, scaled)
            skeletons = skeleton_array(header, poses, "movenet", size, positions=positions)
            answered = recognizer.answer(from_poses(poses, size), stamp_ns, recognizer.admit(stamp_ns))
            activity = None
            if answered is not None:
                activity = activity_array(
                    header, answered.answers, learner, epoch=0, top_k=5, latency_ns=0, dropped=0
                )  # fmt: skip
            shown = replace(reader.read(skeletons, activity), camera=scaled)
            if picture.time_s >= SHOWN_S:
                return shown, pixels
    raise ValueError(f"{CLIP} is shorter than {SHOWN_S} s")


def main() -> None:
    """Writes the picture."""
    frame, pixels = frame_and_picture()
    bench = OutputBench()
    with pytest.MonkeyPatch.context() as patch:
        install(patch, "foxglove_msgs")
        noted = pixels.copy()
        draw_annotations(noted, bench.make(AnnotationOutput).message(frame))
    height, width = pixels.shape[:2]
    room = np.full((height, width, 3), 28, np.uint8)
    eye = Eye.at((-1.6, -1.5, -1.2), MIDDLE, 1.1 * width, (width, height))
    draw_floor(room, eye, FLOOR)
    draw_markers(room, bench.make(MarkerOutput).message(frame).markers, eye)
    panels = [
        np.pad(each, ((4, 4), (4, 4), (0, 0)), constant_values=255)
        for each in (drawn_frame(pixels, frame), noted, room)
    ]
    whole = np.hstack(panels)
    size = (1200, round(1200 * whole.shape[0] / whole.shape[1]))
    shrunk = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(HERE / "outputs.jpg"), shrunk[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
