"""Makes the bundle of a skeleton or video learner, and measures how far it is from the network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor

from co_perception.continual.layer import TIME
from co_perception.continual.norm import fold_batch_norm
from co_perception.continual.pipeline import Pipeline
from co_perception.engine.state_tree import State, leaves, put_rows, rows_of
from co_perception.engine.target import Pose
from co_perception.evaluation.provenance import versions
from co_perception.learners.bundle_file import Bundle
from co_perception.learners.metadata import Metadata
from co_perception.learners.preprocess_pose import PersonSlots, frame_input
from co_perception.networks.gallery import CoGallery
from co_perception.networks.stgcn import CoStGcn
from co_perception.networks.temporal import CoTcn
from co_perception.networks.variants_skeleton import SkeletonVariant
from co_perception.networks.video import VideoNetwork
from co_perception.runtime.steppers.bundle_programs import BundlePrograms, bundle_programs
from co_perception.runtime.steppers.bundle_step import COLD, SETTLED, BundlePipeline, BundleStep
from co_perception.runtime.steppers.choose import TOLERANCE
from co_perception.runtime.steppers.optimized_cache import SharedConstants
from co_perception.runtime.steppers.stepper import EagerStepper
from co_perception.runtime.trim_memory import trim_memory
from co_perception.skeletons.layouts import layout

SkeletonNetwork = CoStGcn | CoTcn | CoGallery
BundledNetwork = SkeletonNetwork | VideoNetwork
Constants = dict[str, NDArray[Any]]
MADE_WITH = ("co_perception", "numpy", "torch", "onnx", "onnxruntime", "safetensors")
SEVERAL = 5  # streams, beside one, that are compared
BEYOND = 8  # steps that are compared after the receptive field of all streams is full
LEAST = 1e-3  # what numbers are compared with where all of them are smaller


def make_bundle(
    network: SkeletonNetwork, variant: SkeletonVariant, model: Metadata, digest: str, weights_sha256: str
) -> Bundle:
    """The bundle of a network with its weights, in evaluation mode on a CPU.

    Raises:
        UnsupportedOperationError, ImportError: where there is no program of it.
        RuntimeError: where the programs answer otherwise than the network.
    """
    constants: Constants = {}
    made = bundle_programs(fold_batch_norm(network), network.frame_shape, constants)
    shared = _shared(constants)
    step = BundleStep(made.step, made.programs, shared)
    parity: dict[str, float] = {}
    for streams in (1, SEVERAL):
        off = parity_of(step, network, variant, streams)
        parity |= {f"{program} {streams}": value for program, value in off.items()}
    return _bundle(network, model, (digest, weights_sha256), [made], shared, parity)


def make_video_bundle(network: VideoNetwork, model: Metadata, digest: str, weights_sha256: str) -> Bundle:
    """The bundle of a video network with its weights, in evaluation mode on a CPU. Raises: as `make_bundle`."""
    constants: Constants = {}
    stages = Pipeline(fold_batch_norm(network))
    shapes = stages.stage_shapes(network.variant.frame_shape)
    each = zip(stages.stages, shapes, stages.lags, strict=True)
    made = [bundle_programs(stage.eval(), shape, constants, lag) for stage, shape, lag in each]
    shared = _shared(constants)
    steps = [BundleStep(one.step, one.programs, shared) for one in made]
    parity = {"1": video_parity_of(BundlePipeline(steps), network)}
    return _bundle(network, model, (digest, weights_sha256), made, shared, parity)


def _shared(constants: Constants) -> SharedConstants:
    # As in the file that `Bundle.write` makes, so that programs optimized here are known where it is loaded.
    digest = hashlib.sha256(save({name: constants[name] for name in sorted(constants)})).hexdigest()
    return SharedConstants(digest, lambda: constants, sum(array.nbytes for array in constants.values()))


def _bundle(
    network: BundledNetwork,
    model: Metadata,
    digests: tuple[str, str],
    made: Sequence[BundlePrograms],
    constants: SharedConstants,
    parity: Mapping[str, float],
) -> Bundle:
    """The bundle; digests: of the learner, and of its file of weights."""
    if not max(parity.values()) <= TOLERANCE:
        raise RuntimeError(f"the programs differ from the network by {parity}; nothing was written")
    trim_memory()
    return Bundle(
        model=model,
        digest=digests[0],
        weights_sha256=digests[1],
        delay=network.timing.delay,
        lag=network.lag_after(0),
        padding=network.timing.before,
        steps=tuple(one.step for one in made),
        made_with=versions(MADE_WITH),
        parity=parity,
        programs=tuple(one.programs for one in made),
        constants=constants,
    )


@torch.no_grad()
def video_parity_of(pipeline: BundlePipeline, network: VideoNetwork) -> float:
    """Largest difference from the network on pictures drawn at random, from the first frame on.

    Answers, and the state after the last frame, are compared, each as a share of its own largest number.
    """
    shape, eager = network.variant.frame_shape, Pipeline(network)
    theirs, ours = eager.init_state(1, shape, torch.empty(0)), pipeline.init_state(1)
    draw, off = np.random.default_rng(0), 0.0
    for _ in range(network.receptive_field + BEYOND * network.timing.stride):
        x = draw.uniform(-2, 2, (1, *shape)).astype(np.float32)
        answer, theirs = eager(torch.from_numpy(x), theirs)
        found, ours = pipeline(x, ours)
        if answer is not None and found is not None:
            off = _worse(off, answer, found)
        elif (answer is None) != (found is None):
            return float("inf")
    for own, other in zip(leaves(theirs), leaves(ours), strict=True):
        off = _worse(off, own, other)
    return off


def _worse(off: float, own: Tensor, other: NDArray[Any]) -> float:
    """The larger of a difference and that of these, as a share of the largest number; NaN is the largest."""
    wanted = own.numpy().astype(np.float64)
    size = max(float(np.abs(wanted).max(initial=0.0)), LEAST)
    difference = float(np.abs(wanted - other).max(initial=0.0)) / size
    return difference if difference > off or difference != difference else off


@torch.no_grad()
def parity_of(step: BundleStep, network: SkeletonNetwork, variant: SkeletonVariant, streams: int) -> dict[str, float]:
    """Largest difference from the network on people drawn at random, from their first frame on, by program.

    Answers and states are compared, each as a share of its own largest number. The last of several streams begins anew
    on the way, so that programs meet streams of different ages.
    """
    eager = EagerStepper(network, network.frame_shape)
    theirs, ours = eager.init_state(streams), step.init_state(streams)
    off = dict.fromkeys(step.format.programs, 0.0)
    steps = -(-(step.format.settles + network.receptive_field) // step.format.stride)
    for number, x in enumerate(drawn_steps(variant, step.format.stride, streams, 2 * steps + BEYOND)):
        if number == steps and streams > 1:
            theirs, ours = _with_last(theirs, eager.init_state(1)), _with_last(ours, step.init_state(1))
        cold = SETTLED not in off or int(ours.age.min()) < step.format.settles
        program = COLD if cold else SETTLED
        answer, theirs = eager(torch.from_numpy(x), theirs)
        found, ours = step(x, ours)
        for own, other in zip((answer.squeeze(TIME), *leaves(theirs)), (found, *leaves(ours)), strict=True):
            off[program] = _worse(off[program], own, other)
    return off


def _with_last(state: State, fresh: State) -> State:
    """The state with its last stream replaced."""
    return put_rows(state, rows_of(state, [len(state.age) - 1]), fresh)


def drawn_steps(
    variant: SkeletonVariant, stride: int, streams: int, count: int, seed: int = 0
) -> Iterator[NDArray[np.float32]]:
    """Inputs (streams, C, stride, V, M) of steps: people whose joints move at random, and are missed now and then."""
    draw, joints = np.random.default_rng(seed), len(layout(variant.layout))
    axes, center, size = (3, (0.0, 0.0, 3.0), 0.3) if variant.normalization == "spine" else (2, (320.0, 240.0), 80.0)
    people = draw.normal(center, size, (streams, variant.persons, joints, axes))
    slots = [PersonSlots(variant.persons) for _ in range(streams)]
    for _ in range(count):
        frames = []
        for _ in range(stride):
            people += draw.normal(0, 0.05 * size, people.shape)
            found = draw.random((*people.shape[:-1], 1)) > 0.05
            each = np.concatenate([people * found, found], -1).astype(np.float32)
            inputs = [
                frame_input([Pose(one, variant.layout, id=str(place)) for place, one in enumerate(scene)], variant, own)
                for scene, own in zip(each, slots, strict=True)
            ]
            frames.append(np.stack([given.values[:, 0] for given in inputs]))
        yield np.ascontiguousarray(np.stack(frames, TIME))
