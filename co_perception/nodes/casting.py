"""From what is to be shown to the nodes that show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.parameter import Parameter

from co_perception.data.video import is_live
from co_perception.learners.recognisers import skeleton_learner
from co_perception.learners.recognition import StreamingLearner
from co_perception.nodes.audience import Audience
from co_perception.nodes.camera import CameraNode
from co_perception.nodes.cast import Cast, Run, Worker
from co_perception.nodes.film import Film
from co_perception.nodes.fusion import INPUTS, FusionNode
from co_perception.nodes.pose import EstimatorFactory, PoseNode
from co_perception.nodes.recorder import Recorder
from co_perception.nodes.skeleton_activity import LearnerFactory, SkeletonActivityNode
from co_perception.nodes.video_activity import VideoActivityNode
from co_perception.nodes.video_source import VideoSource
from co_perception.pose.finder import build

QUEUE = 64  # frames that may wait: a clip is to be seen whole, and a step is slower on some frames than on others
PATIENCE_S = 3.0  # for which an answer to a frame of a file may wait
RELIABLE = {"image_reliability": "reliable"}


@dataclass(frozen=True)
class Plan:
    """What is played, and who recognises it.

    Args:
        source: as the camera's parameter of that name.
        short_side: of the frames on their way, as the camera's parameter of that name [pixels].
        video: recognises the scene, ready to use; None: nobody does.
        model_rate_hz: as video_activity's parameter of that name.
        people: parameters of skeleton_activity; None: nobody looks for people.
        pose: parameters of the pose node.
        make_people, make_estimator: what these two nodes load.
        speed: media seconds per second to begin with; files are then played as fast as this machine can follow.
    """

    source: str
    short_side: int
    video: StreamingLearner | None = None
    model_rate_hz: float = 0.0
    people: Mapping[str, Any] | None = None
    pose: Mapping[str, Any] | None = None
    make_people: LearnerFactory = skeleton_learner
    make_estimator: EstimatorFactory = build
    speed: float = 1.0

    @property
    def live(self) -> bool:
        """Whether the source gives frames at its own pace."""
        return is_live(self.source)


def assemble(plan: Plan, recorder: Recorder, film: Path) -> Cast:
    """All nodes of a run, not yet brought up. Raises as `VideoSource` for the source."""
    rate_hz = rate_of(plan.source)
    watchers = (plan.video is not None) + (plan.people is not None) + 1
    queue = 1 if plan.live else QUEUE
    playing = {"source": plan.source, "rate": plan.speed, "short_side": plan.short_side, "queue_depth": QUEUE}
    camera = CameraNode(parameter_overrides=_overrides(**playing, **RELIABLE, wait_for_subscribers=watchers))
    workers = {} if plan.video is None else {"video": _video(plan, camera, queue, rate_hz)}
    if plan.people is not None:
        workers |= _people(plan, camera, queue, rate_hz)
    heeds = ["activity"] + ["skeletons"] * (plan.people is not None)
    cast = Cast(
        camera=camera,
        workers=workers,
        fusion=_fusion(plan) if plan.video is not None and plan.people is not None else None,
        audience=Audience(recorder),
        # Slowed playback is filmed at the source's own rate: the film shows the scene as it was.
        film=Film(film, rate_hz, heeds, scenic=plan.video is not None, queue_depth=QUEUE),
        run=Run(speed=plan.speed),
    )
    camera.on_published = cast.run.sent
    return cast


def rate_of(source: str) -> float:
    """Frames per second as the source names them. Raises as `VideoSource`."""
    with VideoSource(source) as opened:
        return opened.rate_hz


def asked_hz_of(rate_hz: float, model_rate_hz: float) -> float:
    """Frames a second that the learner has to answer where a source of `rate_hz` is played at its own speed."""
    return min(model_rate_hz or rate_hz, rate_hz)


def _video(plan: Plan, camera: CameraNode, queue: int, rate_hz: float) -> Worker:
    assert plan.video is not None
    learner, rate = plan.video, plan.model_rate_hz
    settings = _overrides(queue_depth=queue, model_rate_hz=rate, **RELIABLE, events=plan.people is None)
    node = VideoActivityNode(lambda values: learner, parameter_overrides=settings, **_aside(plan, "video"))
    return Worker(node, lambda: camera.published, asked_hz_of(rate_hz, rate))


def _people(plan: Plan, camera: CameraNode, queue: int, rate_hz: float) -> dict[str, Worker]:
    finding = _overrides(queue_depth=queue, **RELIABLE, **(plan.pose or {}))
    following = _overrides(queue_depth=queue, reliability="reliable", events=plan.video is None, **(plan.people or {}))
    finder = Worker(PoseNode(plan.make_estimator, parameter_overrides=finding), lambda: camera.published, rate_hz)
    node = SkeletonActivityNode(plan.make_people, parameter_overrides=following, **_aside(plan, "skeleton"))
    return {"pose": finder, "skeleton": Worker(node, finder.processed, rate_hz)}


def _fusion(plan: Plan) -> FusionNode:
    # A file is in no hurry: a frame may wait for the slower path.
    return FusionNode(parameter_overrides=[] if plan.live else _overrides(max_wait_s=PATIENCE_S))


def _aside(plan: Plan, name: str) -> dict[str, Any]:
    """Where there are two recognisers, each speaks on a topic of its own, and `fusion` on `activity`."""
    assert name in INPUTS
    if plan.video is None or plan.people is None:
        return {}
    topics = {"activity": f"activity_{name}", "~/label_info": f"label_info_{name}"}
    rules = [part for old, new in topics.items() for part in ("-r", f"{old}:={new}")]
    return {"cli_args": ["--ros-args", *rules]}


def _overrides(**values: Any) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]
