"""Who takes part, each in a process of its own (`worker`): what one step of it is, warmed up.

rate        a matrix product, to know what the machine can do at best
clip        our network, the whole published clip once more for each answer
reference   the authors' network on continual-inference, in the environment of the peers
any other   our network in that backend
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from bench import subjects
from co_perception.continual.fold import fold_batch_norm
from co_perception.continual.state import state_bytes
from co_perception.evaluation.run import versions

RATE, CLIP, REFERENCE = "rate", "clip", "reference"
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
    """step: does one and returns its answer. facts: what is to be known of it, fit for JSON."""

    step: Callable[[], Any]
    facts: dict[str, Any] = field(default_factory=dict)


def enter(contestant: str, network: str, threads: int, device: str = "cpu") -> Contestant:
    """The contestant of that name, ready to be timed. Raises what its building raises: that is why it cannot."""
    if contestant == RATE:
        return _rate(device)
    if contestant == CLIP:
        return _clip(subjects.build(network), device)
    if contestant == REFERENCE:
        from bench.reference import reference

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
    # Not at the top, because the environment of the reference has none of what it stands on.
    from co_perception.runtime.choose import stepper

    made = stepper(subject.network.to(device), subject.frame_shape, backend, threads=threads)
    state = made.init_state(1)
    chunks = itertools.cycle(_on(device, subjects.frames(subject.frame_shape, subject.stride)))

    def step() -> Tensor:
        nonlocal state
        y, state = made(next(chunks), state)
        return y

    for _ in range(subject.steps_to_warm):
        step()
    facts = {"backend": made.name, "dtype": made.precision, "said": made.said, "state_bytes": state_bytes(state)}
    return Contestant(step, facts)


def _reference(network: Any, shape: tuple[int, ...], stride: int, device: str) -> Contestant:
    from bench.reference import held_bytes

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
