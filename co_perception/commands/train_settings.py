"""Settings with which `train` trains a skeleton network where nothing else is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    from co_perception.networks.variants_skeleton import SkeletonVariant
    from co_perception.training.config import TrainConfig

# Chosen on UT-Interaction by pairs that were left out of each other's trainings, see docs/clips.md.
STEP_PROGRESS = 0.1  # of the field, from which on answers are trained
MIN_PROGRESS, THRESHOLD = 0.6, 0.8  # of the model: what an answer needs of the field, and a label of the scores
STREAM_S, LEAST_S = 4.3, 0.5  # longest and shortest stretch that is streamed at once


class AnswerLimits(TypedDict, total=False):
    """Options of a learner that say when an answer counts."""

    min_progress: float
    threshold: float


@dataclass(frozen=True)
class SkeletonTraining:
    """How a skeleton network is trained, and the limits of the model where they are not the learner's."""

    config: TrainConfig
    limits: AnswerLimits

    def limits_in(self, config: TrainConfig) -> AnswerLimits:
        """The limits of a model that is trained with these settings, which may be others."""
        return self.limits if config.mode == self.config.mode else {}


class WindowCut(NamedTuple):
    """How recordings are cut into examples: frames of one, from one to the next, and of the shortest; None: of one."""

    window: int
    step: int
    shortest: int | None


def cut_of(variant: SkeletonVariant, config: TrainConfig) -> WindowCut:
    """The cut for a training: windows of the network, or stretches that are streamed, from their beginning."""
    if config.mode != "step" or config.frames is None:
        return WindowCut(variant.clip, max(variant.clip // 4, 1), None)
    least = min(round(LEAST_S * variant.rate_hz), config.frames)
    return WindowCut(config.frames, max(config.frames // 2, 1), least)


def skeleton_settings(variant: SkeletonVariant, started: bool, adapted: bool) -> SkeletonTraining:
    """For a few recordings: many small steps, and classes drawn equally often, however long each was shown.

    A network that answers from the first frame on, and has weights to begin with, is trained on each answer of a
    stream, as it is used. Trained on whole windows instead, it answers well at the end of an activity alone.

    Args:
        variant: the network.
        started: whether it begins with the weights of a model.
        adapted: whether a source domain is given, which is adapted from by whole windows.
    """
    from co_perception.networks.variants_skeleton import TemporalVariant
    from co_perception.training.config import TrainConfig

    own = TrainConfig(batch_size=16, lr=3e-3, balance=True)
    if not started or adapted or not isinstance(variant, TemporalVariant):
        return SkeletonTraining(own, {})
    frames = round(STREAM_S * variant.rate_hz)
    config = own.replace(mode="step", min_progress=STEP_PROGRESS, frames=frames)
    return SkeletonTraining(config, {"min_progress": MIN_PROGRESS, "threshold": THRESHOLD})
