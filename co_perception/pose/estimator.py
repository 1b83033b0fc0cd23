"""What a pose estimator is, and which ones there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from co_perception.engine.data import Image
from co_perception.engine.target import Pose


class PoseEstimator(Protocol):
    """Finds the people in a picture. Whoever builds one calls it from one thread at a time."""

    @property
    def name(self) -> str:
        """Estimator and weights, e.g. "movenet_multipose"."""

    @property
    def layout(self) -> str:
        """Joint layout of all its poses."""

    def estimate(self, image: Image) -> list[Pose]:
        """Everybody found, most confident first: x, y in pixels of `image`, score 0..1; a joint that was not found is
        zeros. No ids: see `tracker.Tracker`."""

    def reset(self) -> None:
        """Forgets frames before, where it remembers any."""

    def close(self) -> None:
        """Frees the network. May be repeated."""


@dataclass(frozen=True)
class EstimatorVariant:
    """One estimator: its layout, the models it needs in the store, most people per picture (None: its own option)."""

    name: str
    layout: str
    models: tuple[str, ...]
    people: int | None
    build: Callable[..., PoseEstimator]
    source: str


def _movenet(**options: Any) -> PoseEstimator:
    from co_perception.pose.movenet import MoveNet

    return MoveNet(**options)


def _mediapipe(**options: Any) -> PoseEstimator:
    from co_perception.pose.mediapipe import MediaPipePose

    return MediaPipePose(**options)


ESTIMATORS: Mapping[str, EstimatorVariant] = MappingProxyType(
    {
        "movenet": EstimatorVariant(
            name="movenet",
            layout="coco17",
            models=("movenet_multipose",),
            people=6,
            build=_movenet,
            source="Google's MoveNet MultiPose Lightning, 2021",
        ),
        "mediapipe": EstimatorVariant(
            name="mediapipe",
            layout="blazepose33",
            models=("blazepose_detector", "blazepose_full"),
            people=None,
            build=_mediapipe,
            source="Bazarevsky et al., BlazePose, arXiv 2006.10204, through Google's MediaPipe",
        ),
    }
)
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
    return estimator_variant(name).build(**options)
