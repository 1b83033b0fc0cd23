"""Cost of a frame in the node `outputs`, by output: joining, message and serialization, without the transport.

Two people with joints, three groups of labels each and positions, in pictures of 640 x 480. Of outputs whose messages
are not installed nothing is printed. Each row is the median over many frames in turn, so ratios hold on a busy machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from statistics import median
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from co_perception.data.messages.image import fill, to_rgb
from co_perception.engine.camera_model import CameraModel
from co_perception.engine.coordinates import OPTICAL
from co_perception.engine.person_position import PositionSource, measured
from co_perception.engine.target import Pose
from co_perception.msg import Activity, ActivityArray, ActivityHypothesis
from co_perception.nodes.core.messages import skeleton_array, to_position
from co_perception.nodes.output_formats.annotated_picture import drawn_frame
from co_perception.nodes.output_formats.output_format import OutputFormat
from co_perception.nodes.output_formats.people_frame import FrameReader
from co_perception.nodes.outputs import FORMATS

SIZE, FOCAL = (640, 480), 550.0
GROUPS = ("posture", "motion", "arms")
STANDING = np.array([(0, 0), (2, -2), (-2, -2), (4, -1), (-4, -1), (8, 10), (-8, 10), (10, 22), (-10, 22), (10, 33),
                     (-10, 33), (5, 34), (-5, 34), (5, 52), (-5, 52), (5, 70), (-5, 70)], np.float32)  # fmt: skip


def messages(people: int) -> tuple[Any, Any]:
    """`skeletons` and `activity` of one frame."""
    poses, places = [], {}
    for number in range(people):
        joints = STANDING * 4 + (120 + 400 * number / max(people - 1, 1), 100)
        poses.append(Pose(np.column_stack([joints, np.full(17, 0.9)]).astype(np.float32), id=f"p{number + 1}"))
        point = np.array([(joints[5, 0] - SIZE[0] / 2) / FOCAL * 3, 0.0, 3.0])
        places[poses[-1].id] = measured(PositionSource.DEPTH, point, 0.1, 0.05, OPTICAL, 0.3)
    header = Header(frame_id="camera_optical_frame")
    guesses = [ActivityHypothesis(label=f"label {n}", class_id=n, score=0.2) for n in range(5)]
    answers = [
        Activity(subject_id=pose.id, group=group, status=Activity.STATUS_VALID, label="label 0", score=0.8,
                 hypotheses=guesses, position=to_position(places[pose.id], header.frame_id))
        for pose in poses for group in GROUPS
    ]  # fmt: skip
    skeletons = skeleton_array(header, poses, "movenet", SIZE, positions=places)
    return skeletons, ActivityArray(header=header, activities=answers)


def median_ms(work: Callable[[], object], times: int) -> float:
    """Milliseconds of one call."""
    spent = []
    for _ in range(times):
        began = perf_counter()
        work()
        spent.append(perf_counter() - began)
    return 1000 * median(spent[times // 10 :])


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row for each output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=2, help="in the picture (default: %(default)s)")
    parser.add_argument("--times", type=int, default=200, help="frames a row (default: %(default)s)")
    options = parser.parse_args(arguments)
    skeletons, activity = messages(options.people)
    reader, camera = FrameReader(), CameraModel((FOCAL, FOCAL), (SIZE[0] / 2, SIZE[1] / 2), SIZE)
    print(f"| {options.people} people | ms a frame |\n|---|---|")
    print(f"| messages joined and read | {median_ms(lambda: reader.read(skeletons, activity), options.times):.2f} |")
    frame = replace(reader.read(skeletons, activity), camera=camera)
    for name, (file, kind) in FORMATS.items():
        made = _output(getattr(import_module(f"co_perception.nodes.output_formats.{file}"), kind))
        if made is not None and hasattr(made, "message"):
            each = median_ms(lambda made=made: serialize_message(made.message(frame)), options.times)  # type: ignore[misc]
            print(f"| {name} | {each:.2f} |")
    picture = fill(Image(), np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8), "rgb8")

    def annotate() -> bytes:
        return bytes(serialize_message(fill(Image(), drawn_frame(to_rgb(picture), frame), "rgb8")))

    print(f"| annotated | {median_ms(annotate, options.times // 4):.2f} |")


def _output(kind: type[OutputFormat]) -> Any:
    """An output without a node; None where its messages are not installed."""
    node: Any = SimpleNamespace(publish_on=lambda *_: None, while_configured=SimpleNamespace(callback=lambda *_: None))
    try:
        return kind(node, node, node)
    except ImportError:
        return None


if __name__ == "__main__":
    main()
