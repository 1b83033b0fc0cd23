"""How `video_activity` looks at pictures where `subject` is person: at each person by themselves.

Pictures wait until the skeletons found in them arrive, and everybody's part is cut out and goes through the network as
a stream of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from functools import partial
from time import monotonic, perf_counter_ns
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from co_perception.data.image_messages import Pixels
from co_perception.data.people_messages import from_skeletons
from co_perception.engine import data
from co_perception.engine.target import Pose
from co_perception.learners.crop_streams import CropStreams
from co_perception.learners.fusion import Joined, Joiner
from co_perception.learners.glimpses import glimpses_of
from co_perception.learners.pacing import Admission
from co_perception.learners.people import People
from co_perception.learners.recognisers import policy, restorable
from co_perception.learners.recognition import Answer, StreamingLearner
from co_perception.msg import SkeletonArray
from co_perception.nodes.draw import draw_people
from co_perception.nodes.following import Refusals, in_sight
from co_perception.nodes.keeping import Keeper
from co_perception.nodes.listening import why_silent
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.parameters import Setting
from co_perception.nodes.qos import TRANSPORTS, image_qos
from co_perception.nodes.scene_view import Node, Outcome, Receive, Shot
from co_perception.nodes.silence import IMAGES, Source
from co_perception.nodes.working import FOREIGN

WAITING = Setting("skeletons_wait_s", 0.5, "Time a picture waits for the skeletons found in it [s].", 0.0, 60.0)
PICTURE, SKELETONS = "picture", "skeletons"
POSES = Source("skeleton", "pose estimator", "skeletons", "image_transport", "image_reliability")
QUEUE = 10  # messages of one topic that may wait for the callback, while those of the other are taken
UNPAIRED, LOST_SKELETONS = "without skeletons", "skeletons lost on the way"


class _Part(NamedTuple):
    message: Any
    arrived_ns: int


class PersonView:
    """A stream for everybody in `skeletons`, which carry the stamps of the pictures they were found in.

    Serves `~/snapshot` and `~/restore` of these streams. A picture whose skeletons do not come within skeletons_wait_s,
    or only after those of a later one, is a drop. Raises ValueError for a learner whose state cannot be taken out.
    """

    def __init__(self, node: Node, learner: StreamingLearner, values: SimpleNamespace) -> None:
        self._node = node
        self._streams = CropStreams(restorable(learner), values.crop_margin)
        self._people = People(self._streams, policy(values))
        self._keeper = Keeper(node, self._people)
        self._refusals = Refusals()
        self._poses: Sequence[Pose] = ()
        self._heard: dict[str, float] = {}

    # The callback's side

    def subscribe(self, values: SimpleNamespace, receive: Receive) -> Any:
        """Pictures and skeletons."""
        self._joiner: Joiner[_Part] = Joiner((PICTURE, SKELETONS), values.skeletons_wait_s)
        self._node.while_active.callback(self._joiner.restart)
        self._heard = dict.fromkeys((PICTURE, SKELETONS), monotonic())
        kind, topic = TRANSPORTS[values.image_transport]
        qos = image_qos(values.image_reliability, max(values.queue_depth, QUEUE))
        on_picture, on_skeletons = (partial(self._put, name, receive) for name in (PICTURE, SKELETONS))
        self._pictures = self._node.listen_closely(kind, topic, on_picture, qos, foreign=FOREIGN)
        listen = partial(self._node.listen_closely, lost=LOST_SKELETONS)
        self._skeletons = listen(SkeletonArray, "skeletons", on_skeletons, qos)
        return self._pictures

    def _put(self, name: str, receive: Receive, message: Any) -> None:
        now_s = self._heard[name] = monotonic()
        late, part = self._joiner.late, _Part(message, perf_counter_ns())
        frames = self._joiner.put(name, nanoseconds(message.header.stamp), part, now_s)
        if self._joiner.late > late:
            self._node.tally.count("outdated" if name == PICTURE else "late skeletons")
        self._pass_on(frames, receive)

    def _pass_on(self, frames: Iterable[Joined[_Part]], receive: Receive) -> None:
        for parts in (frame.parts for frame in frames):
            if PICTURE not in parts:
                self._node.tally.count("skeletons without a picture")
            elif SKELETONS not in parts:
                self._node.tally.count(UNPAIRED)
            else:
                picture, arrived_ns = parts[PICTURE]
                receive(Shot(picture, parts[SKELETONS].message), picture.header, arrived_ns)

    # The worker's side

    def answer(self, shot: Shot, frame: data.Image, admission: Admission) -> Outcome | None:
        """As `View`. Raises ValueError where the skeletons cannot be read or are of another picture."""
        if admission.epoch < self._people.stream:
            return None
        reading = from_skeletons(shot.people)
        glimpses, refused = glimpses_of(reading, frame)
        self._refusals.tell(refused, self._node.get_logger())
        reading.check()
        hold, crowded = self._node.settings["max_hold_frames"], self._people.crowded_out
        self._people.policy = dataclasses.replace(self._people.policy, max_hold_frames=hold)
        answers = self._people.answer(glimpses, frame.stamp_ns or 0, admission.epoch, admission.tick)
        crowded, most = self._people.crowded_out - crowded, self._people.policy.max_people
        self._refusals.tell_crowded(crowded, most, self._node.get_logger())
        self._poses = reading.poses
        return Outcome(answers, self._people.epoch, reading.regions)

    def reset(self, ids: Sequence[str]) -> list[str]:
        """As `View`."""
        return self._people.reset(ids)

    def draw(self, pixels: Pixels, answers: Sequence[Answer]) -> Pixels:
        """As `View`: everybody with their label, those who are followed with what stands."""
        captions = {answer.subject: answer.label or answer.category.status.name.lower() for answer in answers}
        flat = [pose for pose in self._poses if pose.data.shape[1] == 3]
        return np.ascontiguousarray(draw_people(pixels, flat, captions)[..., ::-1])

    # Every second

    def silence(self, seconds: float) -> str:
        """Which of the two is missing, or that they do not belong together."""
        for name, subscription, source in ((PICTURE, self._pictures, IMAGES), (SKELETONS, self._skeletons, POSES)):
            silent_s = monotonic() - self._heard[name]
            if silent_s > self._node.settings["silence_s"]:
                return why_silent(self._node, subscription, source, silent_s)
        return (
            f"Pictures and skeletons arrive, but for {seconds:.0f} s no two of one stamp: the pose estimator must look "
            "at the same pictures, copy their headers, and need less than skeletons_wait_s."
        )

    def state(self, answers: Sequence[Answer]) -> str:
        """Who does what."""
        return in_sight(answers)

    def values(self, answers: Sequence[Answer]) -> dict[str, object]:
        """Whom it follows, and what that takes."""
        followed = {"people followed": len(self._people.subjects), "epoch": self._people.epoch}
        return {**followed, "state of a person (MB)": self._streams.bytes_per_person / 1e6, **self._refusals.told()}
