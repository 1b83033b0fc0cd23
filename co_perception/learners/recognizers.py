"""Settings of the recognizers, and the factories of learners and recognizers they configure.

The nodes `skeleton_activity` and `video_activity` and the replay of recordings (`learners.replay`) are built from here,
so that a recording is answered as the robot would have answered it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from co_perception.engine.picture_turn import TurnSettings
from co_perception.engine.settings import setting
from co_perception.online.people import MISSING, Missing, PeopleLearner, Policy
from co_perception.online.people_recognizers import PeopleRecognizer, RefusalObserver, SkeletonRecognizer
from co_perception.online.recognizer import Recognizer, SceneRecognizer, StreamingLearner
from co_perception.runtime.steppers.options import AUTO, BACKENDS, FLOAT32, PRECISIONS
from co_perception.runtime.versions import torch_advice

if TYPE_CHECKING:
    from co_perception.learners.metadata import Metadata

SCENE, PERSON = "scene", "person"


@dataclass(frozen=True, kw_only=True)
class RecognizerSettings:
    """What both kinds of recognizer have. Fields without a row get theirs in the subclass."""

    network: str
    model_path: str
    threshold: float
    min_progress: float
    model_rate_hz: float
    max_hold_frames: int
    max_people: int
    missing: Missing = setting("hold", "What a stream gets for ticks in which its person was missed.", choices=MISSING)
    expire_s: float = setting(5.0, "Absence after which a person is forgotten; until then STALE [s].", 0.001, 3600.0)
    device: str = setting("cpu", "Where the network runs: cpu, cuda, cuda:1, ...")
    threads: int = setting(0, "CPU threads of the network; 0: as many as there are cores, at most 4.", 0, 256)
    optimize: bool = setting(True, "Step by the fastest means; answers stay the network's to 1e-4.")
    backend: str = setting(AUTO, "What steps the network where optimize is true.", choices=(AUTO, *BACKENDS))
    precision: str = setting(
        FLOAT32, "Other than float32 answers change, and the log says by how much.", choices=PRECISIONS
    )
    max_gap_s: float = setting(
        1.0,
        "Longer steps between stamps, either way, or three late frames in a row, reset the state [s].",
        0.001,
        3600.0,
    )


@dataclass(frozen=True)
class SkeletonSettings(RecognizerSettings):
    """Settings of the skeleton recognizer."""

    network: str = setting("", "Skeleton network to run; empty: that of the model.")
    model: str = setting("cotcn_everyday", "Weights that come with the package; empty: the network's published ones.")
    model_path: str = setting("", "Folder written by training or by a learner's save(); goes before model.", path=True)
    tasks: str = setting(
        "", "Folder of adapters of the model, as adapt writes them, a folder each; empty: none.", path=True
    )
    task: str = setting("", "Name of the adapter that answers; empty: the model itself.", when="live")
    threshold: float = setting(
        -1.0, "Best score below which the status is UNCERTAIN, 0..1; -1: the model's own.", -1.0, 1.0, when="live"
    )
    min_progress: float = setting(
        -1.0, "Share of the receptive field for a label, 0..1; -1: the model's own.", -1.0, 1.0
    )
    model_rate_hz: float = setting(
        0.0, "Ticks of the network's clock by header.stamp [Hz]; 0: its own rate.", 0.0, 1000.0
    )
    max_hold_frames: int = setting(15, "Missed ticks that are filled at most; 0: none.", 0, 1000)
    max_people: int = setting(32, "People followed at most; memory is bounded by it.", 1, 1000)


@dataclass(frozen=True)
class VideoSettings(RecognizerSettings, TurnSettings):
    """Settings of the video recognizer."""

    subject: str = setting(
        SCENE, "Whose activity: the whole scene's, or each person's by themselves.", choices=(SCENE, PERSON)
    )
    network: str = setting("coi3d_inception", "Video network to run.")
    model_path: str = setting(
        "", "Folder written by a learner's save(), or name of fetched weights; empty: the network's own.", path=True
    )
    threshold: float = setting(
        -1.0, "Best score below which the status is UNCERTAIN, 0..1; -1: the model's own.", -1.0, 1.0, when="live"
    )
    min_progress: float = setting(
        -1.0, "Share of the receptive field for a label, 0..1; -1: the model's own.", -1.0, 1.0
    )
    model_rate_hz: float = setting(
        -1.0, "Ticks of the network's clock by header.stamp [Hz]; -1: its own rate; 0: one a frame.", -1.0, 1000.0
    )
    max_hold_frames: int = setting(2, "Missing ticks filled by the frame before; 0: only counted.", 0, 100, when="live")
    crop_margin: float = setting(0.25, "Room on each side of a person, as a share of their longer side.", 0.0, 2.0)
    max_people: int = setting(4, "People followed at most: each costs a step of the network per frame.", 1, 64)


R = TypeVar("R", bound=RecognizerSettings)
L = TypeVar("L", bound=StreamingLearner)


def make_fast(learner: StreamingLearner, values: RecognizerSettings) -> str:
    """Lets the learner step as the settings say; returns the backend in words. Raises what the learner raises."""
    if not values.optimize:
        return "as loaded"
    learner.optimize(values.backend, precision=values.precision)
    return str(getattr(learner, "backend", ""))


def skeleton_recognizer(
    learner: PeopleLearner, values: SkeletonSettings, observer: RefusalObserver | None = None
) -> SkeletonRecognizer:
    """The recognizer of people's joints; its clock runs at the rate of the settings, or at the network's own."""
    return SkeletonRecognizer(learner, policy(values), values.model_rate_hz or learner.rate_hz, observer)


def video_recognizer(
    learner: StreamingLearner, values: VideoSettings, observer: RefusalObserver | None = None
) -> SceneRecognizer | PeopleRecognizer[Any]:
    """The recognizer of images: of the whole scene, or of each person, as `subject` says."""
    rate_hz = learner.rate_hz if values.model_rate_hz < 0 else values.model_rate_hz
    if values.subject == PERSON:
        from co_perception.online.crop_recognizer import PersonRecognizer  # which skeletons do without

        return PersonRecognizer(learner, policy(values), rate_hz, values.crop_margin, observer)
    return SceneRecognizer(learner, rate_hz, values.max_gap_s, values.max_hold_frames, values.turn)


def policy(values: RecognizerSettings) -> Policy:
    """The rules for people who are out of sight."""
    return Policy(values.missing, values.max_hold_frames, values.max_gap_s, values.expire_s, values.max_people)


def skeleton_learner(values: SkeletonSettings) -> PeopleLearner:
    """The learner these settings ask for, without weights yet; that of a bundle where there is one that can be used."""
    folder = skeleton_weights(values)
    if folder and runs_from_bundle(Path(folder), values, alone=_is_bundle(Path(folder))):
        from co_perception.learners.bundle_skeleton import BundleSkeletonLearner

        return BundleSkeletonLearner(capacity=values.max_people, **_bundle_options(values))
    from co_perception.learners.metadata import Metadata

    with torch_advice():
        from co_perception.learners.skeleton import ContinualSkeletonLearner

    network = values.network or (Metadata.read(Path(folder)).network if folder else "costgcn_short")
    return ContinualSkeletonLearner(network, capacity=values.max_people, **_options(values))


def runs_from_bundle(folder: Path, values: RecognizerSettings, *, alone: bool) -> bool:
    """Whether a model is run from its bundle, without torch: there is one, and settings ask for nothing else.

    Args:
        folder: of the model, or a bundle.
        alone: there are no weights of the model that torch could run instead.

    Raises: ValueError for a bundle alone, without the model's weights, of which settings ask for something else.
    """
    from co_perception.learners.bundle_file import find_bundle
    from co_perception.runtime.steppers.onnx_session import is_available

    if find_bundle(folder) is None:
        return False
    asked = {
        "optimize": (values.optimize, (True,)),
        "backend": (values.backend, (AUTO, "onnxruntime")),
        "precision": (values.precision, (FLOAT32,)),
        "device": (values.device, ("cpu",)),
        "tasks": (getattr(values, "tasks", ""), ("",)),
    }
    others = [f"{name} {given!r}" for name, (given, fit) in asked.items() if given not in fit]
    if others and alone:
        raise ValueError(f"{folder} is a bundle, which has no {' and no '.join(others)}: give the model's own folder")
    return not others and (alone or is_available() or values.backend != AUTO)


def skeleton_tasks(source: Any, values: SkeletonSettings) -> Callable[[str], Any]:
    """A function that gives the learner of a task by its name, and `source`, which is loaded, by the empty name.

    Raises:
        FileNotFoundError, ValueError: as `AdapterTasks.read`. The function raises ValueError for an unknown task.
    """
    tasks = None
    if values.tasks:
        from co_perception.learners.adaptation import AdapterTasks

        tasks = AdapterTasks.read(source, values.tasks)

    def learner(name: str) -> Any:
        if not name:
            return source
        if tasks is None:
            raise ValueError(f"no task {name!r}: set `tasks`, the folder of adapters, too")
        given = {key: value for key, value in _options(values).items() if value is not None}
        made: Any = tasks.learner(name, capacity=values.max_people, **given)
        make_fast(made, values)
        return made

    return learner


def _is_bundle(folder: Path) -> bool:
    """Whether a folder is no saved model, but may be a bundle."""
    from co_perception.learners.metadata import FILE

    return not (folder / FILE).is_file()


def _bundle_options(values: RecognizerSettings) -> dict[str, Any]:
    """What a learner of a bundle takes of the options."""
    return {key: value for key, value in _options(values).items() if key != "device"}


def _options(values: RecognizerSettings) -> dict[str, Any]:
    """The fields of `LearnerOptions` but the classes; None: as the model has it."""
    return {
        "device": values.device,
        "min_progress": None if values.min_progress < 0 else values.min_progress,
        "threshold": None if values.threshold < 0 else values.threshold,
        "threads": values.threads or None,
    }


def skeleton_weights(values: SkeletonSettings) -> str | None:
    """Folder of the weights asked for; None: those that are published for the network."""
    if values.model_path or not values.model:
        return _weights_at(values.model_path)
    from co_perception.learners.metadata import shipped

    return str(shipped(values.model))


def _weights_at(model_path: str) -> str | None:
    """What `model_path` names; of the folder of a training the model in it, as `load` takes it. None: nothing."""
    from co_perception.learners.metadata import saved_folder

    return str(saved_folder(model_path)) if model_path else None


def video_learner(values: VideoSettings) -> StreamingLearner:
    """The learner these settings ask for, without weights yet; that of a bundle where there is one that can be used."""
    named = _weights_at(values.model_path)
    folder = Path(named) if named else _published_bundle(values)
    alone = _is_bundle(folder) if values.model_path and folder else False
    if folder and runs_from_bundle(folder, values, alone=alone):
        from co_perception.learners.bundle_video import BundleVideoLearner

        return BundleVideoLearner(values.network, **_bundle_options(values))
    with torch_advice():
        from co_perception.learners.video import ContinualVideoLearner

    return ContinualVideoLearner(values.network, **_options(values))


def runs_here(values: VideoSettings) -> bool:
    """Whether a network with its published weights can run: there is torch, or their bundle. Nothing is imported."""
    from co_perception.learners.bundle_file import find_bundle

    bundle = _published_bundle(values)
    return find_spec("torch") is not None or (bundle is not None and find_bundle(bundle) is not None)


def _published_bundle(values: VideoSettings) -> Path | None:
    """Where the bundle of a network with its published weights lies, if it was made; None where it has no such."""
    from co_perception.learners.weights import bundle_path_of
    from co_perception.networks.variants import video_variant

    weights = video_variant(values.network).weights
    return bundle_path_of(values.network, weights) if weights else None


def _find_published(values: RecognizerSettings) -> None:
    """Looks for the published weights of the network, where it has some, or the bundle of them. Raises as
    `RecognizerKind.find_weights`."""
    from co_perception.learners.bundle_file import find_bundle
    from co_perception.learners.weights import locate_converted
    from co_perception.networks.variants import video_variant
    from co_perception.networks.variants_skeleton import skeleton_variant

    find = video_variant if isinstance(values, VideoSettings) else skeleton_variant
    variant = find(values.network) if values.network else None
    if variant is None or not variant.weights:
        return
    bundle = _published_bundle(values) if isinstance(values, VideoSettings) else None
    if bundle is None or find_bundle(bundle) is None:
        locate_converted(variant.weights)


def _find_saved(path: Path, network: str) -> None:
    """Looks for a model that a learner saved, or a checkpoint. Raises as `RecognizerKind.find_weights`."""
    from co_perception.learners.bundle_file import find_bundle
    from co_perception.learners.metadata import saved_folder
    from co_perception.learners.weights import is_published, locate_for

    if is_published(path):
        locate_for(str(path), network)
        return
    if path.is_file():
        return
    saved_in = saved_folder(path)
    alone, saved = _is_bundle(saved_in), saved_metadata(saved_in)
    if network and saved.network != network:
        raise ValueError(f"{path} holds {saved.network}, and network is {network}: set network to what it holds")
    if not alone and not (saved_in / saved.weights).is_file():
        raise FileNotFoundError(f"{path} has no {saved.weights}, of which its record speaks: copy the whole folder")
    trunk = getattr(saved, "trunk", "")  # of a head on published weights
    if trunk and find_bundle(saved_in) is None:  # whose programs have the trunk in them
        from co_perception.learners.weights import locate_converted

        locate_converted(trunk)


def saved_metadata(folder: Path) -> Metadata:
    """The metadata in a model's folder, or in a bundle. Raises: FileNotFoundError, ValueError as `Metadata.read`."""
    from co_perception.learners.bundle_file import FILE, read_description
    from co_perception.learners.metadata import Metadata

    alone = _is_bundle(folder) and (folder / FILE).is_file()
    return Metadata.from_content(read_description(folder)["model"]) if alone else Metadata.read(folder)


@dataclass(frozen=True)
class RecognizerKind(Generic[R, L]):
    """A kind of recognizer, for its node and for replay."""

    settings: type[R]
    learner: Callable[[R], L]  # that settings ask for, without weights
    weights: Callable[[R], str | None]  # folder of the weights that settings ask for; None: the published ones
    make: Callable[[L, R, RefusalObserver | None], Recognizer[Any]]  # of a learner with weights

    def recognizer(self, learner: L, values: R, observer: RefusalObserver | None = None) -> Recognizer[Any]:
        """A recognizer with a fresh state; `observer` gets the people who cannot be used."""
        return self.make(learner, values, observer)

    def follows_people(self, values: R) -> bool:
        """Whether the recognizer of these settings has a stream for each person, and not one of the scene."""
        return getattr(values, "subject", PERSON) == PERSON

    def find_weights(self, values: R) -> None:
        """Looks for what settings name, within milliseconds and without torch: what is not there fails in `loaded` too.

        Raises:
            FileNotFoundError: for folders or files that are not there.
            ValueError: for an unknown network, and a model of another one.
        """
        folder = self.weights(values)
        if folder is None:
            _find_published(values)
        else:
            _find_saved(Path(folder), values.network)
        if isinstance(values, SkeletonSettings) and values.tasks and not Path(values.tasks).is_dir():
            raise FileNotFoundError(f"tasks: there is no folder {values.tasks}; adapt writes one for each adapter")

    def loaded(self, values: R) -> L:
        """The learner with its weights, ready to run. Raises what it raises."""
        learner = self.learner(values)
        learner.load(self.weights(values))
        make_fast(learner, values)
        if isinstance(values, SkeletonSettings) and values.tasks:
            learner = skeleton_tasks(learner, values)(values.task)
        return learner


KINDS: Mapping[str, RecognizerKind[Any, Any]] = MappingProxyType(
    {
        "skeleton": RecognizerKind(SkeletonSettings, skeleton_learner, skeleton_weights, skeleton_recognizer),
        "video": RecognizerKind(
            VideoSettings, video_learner, lambda own: _weights_at(own.model_path), video_recognizer
        ),
    }
)
