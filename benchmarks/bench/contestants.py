"""Contestants of a benchmark, each warmed up in a process of its own (`worker`).

rate        a matrix product: the best rate of the machine
clip        our network, the whole published clip once more for each answer
reference   the authors' network on continual-inference, in the environment of the peers
bundle      a shipped model from its bundle, which steps without torch; the network is the model's name
any other   our network in that backend
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from bench import subjects
from co_perception.continual.norm import fold_batch_norm
from co_perception.continual.state import state_bytes
from co_perception.evaluation.provenance import versions
from co_perception.networks.variants import ResNet3dVariant, X3DVariant
from co_perception.networks.variants_features import FeatureVariant
from co_perception.networks.variants_skeleton import SkeletonVariant

RATE, CLIP, REFERENCE, BUNDLE = "rate", "clip", "reference", "bundle"
SIDE = 1024  # of the square matrices
PACKAGES = (
    "torch",
    "continual-inference",
    "opendr-toolkit-activity-recognition",
    "opendr-toolkit-skeleton-based-action-recognition",
)
SETTLED = 3  # repetitions after which nothing is built or chosen any more


@dataclass(frozen=True)
class Contestant:
    """step: does one and returns its answer. facts: its properties, fit for JSON."""

    step: Callable[[], Any]
    facts: dict[str, Any] = field(default_factory=dict)


def enter(contestant: str, network: str, threads: int, device: str = "cpu") -> Contestant:
    """The contestant of that name, ready to be timed. Errors of its construction are raised unchanged."""
    if contestant == RATE:
        return _rate(device)
    if contestant == CLIP:
        return _clip(subjects.build(network), device)
    if contestant == BUNDLE:
        return _bundle(network, threads)
    if contestant == REFERENCE:
        return _reference(*reference(network), device)
    return _backend(subjects.build(network), contestant, threads, device)


def _rate(device: str) -> Contestant:
    one, other = (torch.randn(SIDE, SIDE, device=device) for _ in range(2))
    out = torch.empty_like(one)
    return _settled(Contestant(lambda: torch.mm(one, other, out=out), {"macs": SIDE**3}))


def _clip(subject: subjects.Subject, device: str) -> Contestant:
    network = fold_batch_norm(subject.network).to(device)
    clips = itertools.cycle(_on(device, subjects.frames(subject.frame_shape, subject.clip, 2)))
    return _settled(Contestant(lambda: network.classify(next(clips)), {"frames": subject.clip}))


def _backend(subject: subjects.Subject, backend: str, threads: int, device: str) -> Contestant:
    # Not at the top, because the environment of the reference has none of its imports.
    from co_perception.runtime.steppers.choose import stepper
    from co_perception.runtime.steppers.options import StepOptions

    made = stepper(subject.network.to(device), subject.frame_shape, backend, StepOptions(threads))
    state = made.init_state(1)
    chunks = itertools.cycle(_on(device, subjects.frames(subject.frame_shape, subject.stride)))

    def step() -> Tensor:
        nonlocal state
        y, state = made(next(chunks), state)
        return y

    for _ in range(subject.steps_to_warm):
        step()
    facts = {"backend": made.name, "dtype": made.precision, "summary": made.summary, "state_bytes": state_bytes(state)}
    return Contestant(step, facts)


def _bundle(model: str, threads: int) -> Contestant:
    from co_perception.learners.bundle_file import FOLDER, Bundle
    from co_perception.learners.metadata import shipped
    from co_perception.runtime.steppers.bundle_step import BundleStep

    bundle = Bundle.read(shipped(model) / FOLDER)
    made = BundleStep(bundle.steps[0], bundle.programs[0], bundle.constants, threads)
    state, stride = made.init_state(1), made.format.stride
    chunks = itertools.cycle([chunk.numpy() for chunk in subjects.frames(made.format.frame_shape, stride)])

    def step() -> Any:
        nonlocal state
        y, state = made(next(chunks), state)
        return y

    for _ in range(max(bundle.model.window, made.format.settles) // stride + 1):
        step()
    return Contestant(step, {"backend": BUNDLE, "dtype": "float32", "state_bytes": state_bytes(state)})


def _reference(network: Any, shape: tuple[int, ...], stride: int, device: str) -> Contestant:
    network.to(device)
    chunks = _on(device, subjects.frames(shape, stride))
    # It takes frames without an axis of time, each in memory of its own.
    given = itertools.cycle([[frame.contiguous() for frame in chunk.unbind(2)] for chunk in chunks])

    def step() -> list[Tensor]:
        answers = [network.forward_step(frame) for frame in next(given)]
        return [answer for answer in answers if answer is not None]

    for _ in range(-(-(network.receptive_field + network.delay) // stride) + 1):
        step()
    if len(step()) != 1:
        raise RuntimeError(f"the reference does not answer once per {stride} frames after its receptive field")
    return Contestant(step, {"state_bytes": held_bytes(network), "versions": versions(PACKAGES)})


def _settled(contestant: Contestant) -> Contestant:
    for _ in range(SETTLED):
        contestant.step()
    return contestant


def _on(device: str, tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.to(device) for tensor in tensors]


def exists(name: str) -> bool:
    """Whether its authors, or OpenDR, have that network."""
    return not (name.endswith("_short") or name == "coi3d_inception" or name.startswith("movinet"))


def reference(name: str) -> tuple[Any, tuple[int, ...], int]:
    """The network of its authors on continual-inference 1.2.4, as OpenDR 3.0.0 builds it, in evaluation mode; the shape
    of a frame; and the frames from answer to answer. Needs the environment of the peers (`test/peers/authors.py`)."""
    from peers import authors

    variant = subjects.variant(name)
    if not exists(name):
        raise ValueError(f"{name} is not published on continual-inference")
    if isinstance(variant, X3DVariant):
        return authors.cox3d(variant, variant.size).eval(), variant.frame_shape, 1
    if isinstance(variant, ResNet3dVariant):
        return authors.coresnet(variant, variant.size).eval(), variant.frame_shape, 2 if variant.halve else 1
    if isinstance(variant, SkeletonVariant):
        shape = (variant.inputs, authors.JOINTS[variant.layout], variant.persons)
        # OpenDR has the adaptive convolution of the starred form only.
        mixers = tuple("adaptive_starred" if mixer == "adaptive" else mixer for mixer in variant.mixers)
        starred = variant.name in authors.STARRED
        network = authors.starred(variant) if starred else authors.direct(mixers, variant.channels, variant.strides)
        return network.eval(), shape, math.prod(variant.strides)
    assert isinstance(variant, FeatureVariant)
    return authors.encoder(variant).eval(), (variant.features,), 1


def held_bytes(network: Any) -> int:
    """Bytes of what its modules keep between steps: all buffers that do not belong to its checkpoint."""
    return sum(
        buffer.numel() * buffer.element_size()
        for module in network.modules()
        for name, buffer in module._buffers.items()
        if name in module._non_persistent_buffers_set and buffer is not None
    )
