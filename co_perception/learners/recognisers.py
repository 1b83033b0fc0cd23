"""What the settings of a recogniser mean: which learner, which clock, and what becomes of people who are not seen.

The nodes `skeleton_activity` and `video_activity` and the replay of recordings (`learners.replay`) are built from here,
so that a recording is answered as the robot would have answered it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, Protocol

from co_perception.data.bag_frames import Sighting
from co_perception.data.people_messages import Reading
from co_perception.engine.data import Image
from co_perception.engine.settings import Setting
from co_perception.learners.crop_streams import CropStreams, Restorable
from co_perception.learners.glimpses import glimpses_of
from co_perception.learners.pacing import Admission, Pacer
from co_perception.learners.people import MISSING, People, PeopleLearner, Policy
from co_perception.learners.recognition import Answer, Recognition, StreamingLearner
from co_perception.runtime.backends import AUTO, BACKENDS, FLOAT32, PRECISIONS

RUNNING = (
    Setting("device", "cpu", "Where the network runs: cpu, cuda, cuda:1, ..."),
    Setting("threads", 0, "CPU threads of the network; 0: as many as there are cores, at most 4.", 0, 256),
    Setting("optimize", True, "Step by the fastest means; answers stay the network's to 1e-4."),
    Setting("backend", AUTO, "What steps the network where optimize is true.", choices=(AUTO, *BACKENDS)),
    Setting(
        "precision", FLOAT32, "Other than float32 answers change, and the log says by how much.", choices=PRECISIONS
    ),
    Setting("max_gap_s", 1.0, "Longer steps between stamps, and any backwards, reset the state [s].", 0.001, 3600.0),
)
GAPS = (
    Setting("missing", "hold", "What stands for ticks in which somebody was not seen.", choices=MISSING),
    Setting("expire_s", 5.0, "Whoever is not seen for so long is forgotten; until then STALE [s].", 0.001, 3600.0),
)
SKELETON = (
    Setting("network", "", "Skeleton network to run; empty: that of the model."),
    Setting("model", "costgcn_short_poses", "Weights that come with the package; empty: the network's published ones."),
    Setting("model_path", "", "Folder written by training or by a learner's save(); goes before model."),
    Setting("tasks", "", "Folder of adapters of the model, as adapt writes them, a folder each; empty: none."),
    Setting("task", "", "Name of the adapter that answers; empty: the model itself.", when="live"),
    Setting("threshold", -1.0, "Best score below which the status is UNCERTAIN, 0..1; -1: the model's own.", -1.0, 1.0),
    Setting("min_progress", -1.0, "Share of the receptive field for a label, 0..1; -1: the model's own.", -1.0, 1.0),
    Setting("model_rate_hz", 0.0, "Ticks of the network's clock by header.stamp [Hz]; 0: its own rate.", 0.0, 1000.0),
    Setting("max_hold_frames", 15, "Missed ticks that are filled at most; 0: none.", 0, 1000),
    *GAPS,
    Setting("max_people", 32, "People followed at most; memory is bounded by it.", 1, 1000),
)
SCENE, PERSON = "scene", "person"
VIDEO = (
    Setting(
        "subject", SCENE, "Whose activity: the whole scene's, or each person's by themselves.", choices=(SCENE, PERSON)
    ),
    Setting("network", "coi3d_inception", "Video network to run."),
    Setting("model_path", "", "Folder written by a learner's save(); empty: the published weights in the local store."),
    Setting("threshold", 0.0, "Best score below which the status is UNCERTAIN, probability 0..1.", 0.0, 1.0),
    Setting("min_progress", 0.75, "Share of the receptive field, 0..1, from which on a label counts.", 0.0, 1.0),
    Setting("model_rate_hz", 25.0, "Ticks of the network's clock by header.stamp [Hz]; 0: one a frame.", 0.0, 1000.0),
    Setting("max_hold_frames", 2, "Missing ticks filled by the frame before; 0: only counted.", 0, 100, when="live"),
    Setting("crop_margin", 0.25, "Room on each side of a person, as a share of their longer side.", 0.0, 2.0),
    Setting("max_people", 4, "People followed at most: each costs a step of the network per frame.", 1, 64),
    *GAPS,
)


def make_fast(learner: Any, values: SimpleNamespace) -> str:
    """Lets the learner step as the settings say; what came of it, in words. Raises what the learner raises."""
    if not values.optimize:
        return "as loaded"
    learner.optimize(values.backend, precision=values.precision)
    return str(getattr(learner, "backend", ""))


class Recogniser(Protocol):
    """What a node does with the frames its pacer takes. A new one has a fresh state."""

    pacer: Pacer

    @property
    def learner(self) -> StreamingLearner:
        """Names and classes."""

    def answer(self, seen: Any, stamp_ns: int, admission: Admission) -> Sequence[Answer]:
        """What stands after one frame."""


class SkeletonRecogniser:
    """Of people's joints, a `Reading` a frame."""

    def __init__(self, learner: PeopleLearner, values: SimpleNamespace) -> None:
        self.learner = learner
        self.pacer = Pacer(skeleton_rate_hz(learner, values), values.max_gap_s)
        self._people = People(learner, policy(values))

    def answer(self, seen: Reading, stamp_ns: int, admission: Admission) -> Sequence[Answer]:
        """As `Recogniser`: everybody in sight, then those lately seen."""
        return self._people.answer(seen.poses, stamp_ns, admission.epoch, admission.tick)


class SceneRecogniser:
    """Of whole pictures, an `Image` a frame."""

    def __init__(self, learner: StreamingLearner, values: SimpleNamespace) -> None:
        self.learner = learner
        self.pacer = Pacer(float(values.model_rate_hz), values.max_gap_s)
        self._recognition = Recognition(learner)
        self._max_hold = values.max_hold_frames

    def answer(self, seen: Image, stamp_ns: int, admission: Admission) -> Sequence[Answer]:
        """As `Recogniser`: one answer, of the scene."""
        frame = Image(seen.data, stamp_ns)
        return [self._recognition.answer(frame, admission.epoch, admission.tick, self._max_hold)]


class PersonRecogniser:
    """Of each person in pictures, a `Sighting` a frame. Raises ValueError as `restorable`."""

    def __init__(self, learner: StreamingLearner, values: SimpleNamespace) -> None:
        self.learner = learner
        self.pacer = Pacer(float(values.model_rate_hz), values.max_gap_s)
        self._people = People(CropStreams(restorable(learner), values.crop_margin), policy(values))

    def answer(self, seen: Sighting, stamp_ns: int, admission: Admission) -> Sequence[Answer]:
        """As `Recogniser`: everybody who has a place in the picture, then those lately seen."""
        glimpses, _ = glimpses_of(seen.people, Image(seen.image.data, stamp_ns))
        seen.people.check()
        return self._people.answer(glimpses, stamp_ns, admission.epoch, admission.tick)


def of_pictures(learner: StreamingLearner, values: SimpleNamespace) -> Recogniser:
    """The recogniser of the chosen subject."""
    return (PersonRecogniser if values.subject == PERSON else SceneRecogniser)(learner, values)


def restorable(learner: StreamingLearner) -> Restorable:
    """The learner, whose state can be taken out. Raises ValueError for one of which it cannot."""
    if not isinstance(learner, Restorable):
        raise ValueError(f"{learner.name} has no snapshot and restore, which subject: person needs; use scene.")
    return learner


def policy(values: SimpleNamespace) -> Policy:
    """What becomes of people who are not seen."""
    return Policy(values.missing, values.max_hold_frames, values.max_gap_s, values.expire_s, values.max_people)


def skeleton_rate_hz(learner: StreamingLearner, values: SimpleNamespace) -> float:
    """Ticks of the network's clock: as the setting says, or the network's own."""
    return float(values.model_rate_hz or learner.rate_hz)


def skeleton_learner(values: SimpleNamespace) -> PeopleLearner:
    """The learner these settings ask for, without weights yet."""
    from co_perception.learners.metadata import Metadata
    from co_perception.learners.skeleton import ContinualSkeletonLearner

    folder = skeleton_weights(values)
    network = values.network or (Metadata.read(Path(folder)).network if folder else "costgcn_short")
    return ContinualSkeletonLearner(network, **_running(values))


def skeleton_tasks(source: Any, values: SimpleNamespace) -> Callable[[str], Any]:
    """By the name of a task a learner of it, and by the empty name `source`, which is loaded already.

    Raises as `Tasks.read`; what it gives raises ValueError that names the tasks there are.
    """
    from co_perception.learners.tasks import Tasks

    tasks = Tasks.read(source, values.tasks) if values.tasks else None

    def learner(name: str) -> Any:
        if not name:
            return source
        if tasks is None:
            raise ValueError(f"no task {name!r}: set `tasks`, the folder of adapters, too")
        asked = {key: value for key, value in _running(values).items() if value is not None}
        made: Any = tasks.learner(name, **asked)
        make_fast(made, values)
        return made

    return learner


def _running(values: SimpleNamespace) -> dict[str, Any]:
    """What a skeleton learner is told besides its network."""
    return {
        "device": values.device,
        "min_progress": _own_if_negative(values.min_progress),
        "threshold": _own_if_negative(values.threshold),
        "threads": values.threads or None,
        "capacity": values.max_people,
    }


def skeleton_weights(values: SimpleNamespace) -> str | None:
    """Folder of the weights asked for; None: those that are published for the network."""
    if values.model_path or not values.model:
        return values.model_path or None
    from co_perception.learners.shipped import shipped

    return str(shipped(values.model))


def video_learner(values: SimpleNamespace) -> StreamingLearner:
    """The learner these settings ask for, without weights yet."""
    from co_perception.learners.video import ContinualVideoLearner

    return ContinualVideoLearner(
        values.network,
        device=values.device,
        min_progress=values.min_progress,
        threshold=values.threshold,
        threads=values.threads or None,
    )


def video_weights(values: SimpleNamespace) -> str | None:
    """Folder of the weights asked for; None: those that are published for the network."""
    return values.model_path or None


def _own_if_negative(share: float) -> float | None:
    return None if share < 0 else share


@dataclass(frozen=True)
class Kind:
    """A kind of recogniser: its settings, and what is made of them."""

    table: tuple[Setting, ...]
    learner: Callable[[SimpleNamespace], Any]
    weights: Callable[[SimpleNamespace], str | None]
    recogniser: Callable[[Any, SimpleNamespace], Recogniser]

    def loaded(self, values: SimpleNamespace) -> Any:
        """The learner with its weights, ready to run. Raises what it raises."""
        learner = self.learner(values)
        learner.load(self.weights(values))
        make_fast(learner, values)
        return skeleton_tasks(learner, values)(values.task) if getattr(values, "tasks", "") else learner


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "skeleton": Kind((*SKELETON, *RUNNING), skeleton_learner, skeleton_weights, SkeletonRecogniser),
        "video": Kind((*VIDEO, *RUNNING), video_learner, video_weights, of_pictures),
    }
)
