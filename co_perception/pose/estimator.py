"""The interface of pose estimators, and the table of those available."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from co_perception.engine.data import Image
from co_perception.engine.target import Pose


class PoseEstimator(Protocol):
    """Finds the people in an image. Not safe to call from several threads at once."""

    @property
    def name(self) -> str:
        """Estimator and weights, e.g. "movenet_multipose"."""

    @property
    def layout(self) -> str:
        """Joint layout of all its poses."""

    def estimate(self, image: Image) -> list[Pose]:
        """Everybody found, most confident first, without ids (see `tracker.Tracker`).

        Joints have x, y in pixels of `image` and a score 0..1; a joint that was not found is zeros.
        """

    def reset(self) -> None:
        """Forget earlier frames, where the estimator uses them."""

    def close(self) -> None:
        """Free the network. May be repeated."""


@dataclass(frozen=True)
class EstimatorVariant:
    """One estimator: its layout, the models it needs in the store, most people per picture (None: its own option).

    person_threshold: its default least score of a person, 0..1. independent: whether it looks at every picture by
    itself, so that pictures of another kind may come in between.
    """

    name: str
    layout: str
    models: tuple[str, ...]
    people: int | None
    source: str
    person_threshold: float
    independent: bool


_BLAZEPOSE = "Bazarevsky et al., BlazePose, arXiv:2006.10204, through Google's MediaPipe"
ESTIMATORS: Mapping[str, EstimatorVariant] = MappingProxyType({
    "movenet": EstimatorVariant(
        "movenet", "coco17", ("movenet_multipose",), 6, "Google's MoveNet MultiPose Lightning, 2021", 0.25, True
    ),
    "mediapipe": EstimatorVariant(
        "mediapipe", "blazepose33", ("blazepose_detector", "blazepose_full"), None, _BLAZEPOSE, 0.0, False
    ),
})  # fmt: skip
"""Every estimator by name."""


def estimator_variant(name: str) -> EstimatorVariant:
    """The record of an estimator; ValueError names those there are."""
    if name not in ESTIMATORS:
        raise ValueError(f"no pose estimator {name!r}; there are: {', '.join(ESTIMATORS)}")
    return ESTIMATORS[name]


def build_estimator(name: str, **options: Any) -> PoseEstimator:
    """The estimator `name` with options of its class, `movenet.MoveNet` or `mediapipe.MediaPipePose`.

    Raises: ValueError for an unknown name or a bad option; ImportError where its package is missing, FileNotFoundError
    where its model is: both say what to run.
    """
    if estimator_variant(name).name == "movenet":
        from co_perception.pose.movenet import MoveNet

        return MoveNet(**options)
    from co_perception.pose.mediapipe import MediaPipePose

    return MediaPipePose(**options)
