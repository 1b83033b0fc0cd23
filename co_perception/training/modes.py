"""The training modes: an answer for a whole clip, one per step of a stream as on the robot, or a head on features."""

from __future__ import annotations

import itertools
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from co_perception.continual.layer import TIME, Streaming
from co_perception.training.config import TrainConfig


class ClipNetwork(Protocol):
    """A network that classifies whole clips."""

    def classify(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of clips x (B, C, T, ...)."""
        ...


def answers(network: nn.Module, x: Tensor, config: TrainConfig) -> Tensor:
    """Logits (B, S, classes) of clips x (B, C, T, ...); S is 1 in clip mode, else the number of steps past warm-up.

    The network is a `ClipNetwork` in clip mode, `Streaming` in step mode. In head mode it is a head, S is T, and x
    (B, F + 1, T) has features of T steps and a last channel that is 1 for steps that count, else 0.
    """
    if config.mode == "clip":
        return cast(ClipNetwork, network).classify(x).unsqueeze(1)
    if config.mode == "head":
        return cast(Streaming, network).clip(x[:, :-1]).movedim(1, 2)
    return streamed(cast(Streaming, network), x, min_progress=config.min_progress, chunk=config.chunk)


def answer_stride(network: nn.Module, config: TrainConfig) -> int:
    """Frames, or tokens of a head, from one of `answers` to the next."""
    return cast(Streaming, network).timing.stride if config.mode == "step" else 1


def mean_logits(logits: Tensor, x: Tensor, config: TrainConfig, stride: int) -> Tensor:
    """Logits (B, classes) of examples x: the mean of answers (B, S, classes) that count, one in `stride` frames."""
    return (logits * _shares(logits, x, config, stride)[:, :, None]).sum(1)


def answer_loss(logits: Tensor, labels: Tensor, x: Tensor, config: TrainConfig, stride: int) -> Tensor:
    """Cross entropy of all answers (B, S, classes) that count, for classes (B,): each example weighs the same."""
    targets, smoothing = labels.repeat_interleave(logits.shape[1]), config.label_smoothing
    losses = F.cross_entropy(logits.flatten(0, 1), targets, label_smoothing=smoothing, reduction="none")
    return (losses * _shares(logits, x, config, stride).flatten()).sum() / len(labels)


def _shares(logits: Tensor, x: Tensor, config: TrainConfig, stride: int) -> Tensor:
    """(B, S) share of each answer in its example, in sum 1.

    In head mode the last channel of x (B, F + 1, T) says which count. In step mode with `frames`, those do not that see
    nothing new but zeros, with which an example ends that is shorter than these.
    """
    steps = logits.shape[1]
    if config.mode == "head":
        counted = x[:, -1]
    elif config.mode == "clip" or config.frames is None:
        counted = logits.new_ones(len(x), steps)
    else:
        shown = (x != 0).movedim(TIME, 1).flatten(2).any(-1)  # (B, T)
        spare = shown.flip(1).int().argmax(1) // stride  # answers to the zeros at the end
        from_end = torch.arange(steps - 1, -1, -1, device=x.device)
        counted = (from_end >= spare.clamp(max=steps - 1)[:, None]).to(logits.dtype)
    return counted / counted.sum(1, keepdim=True).clamp(min=1)


def streamed(network: Streaming, x: Tensor, *, min_progress: float, chunk: int = 1) -> Tensor:
    """Logits (B, S, classes) of all steps past warm-up while x streams from a fresh state, with gradients through it.

    Args:
        network: answers (B, classes, steps).
        x: (B, C, T, ...).
        min_progress: share of the receptive field that must be real for an answer to count.
        chunk: steps computed at once; answers do not depend on it.

    Raises:
        ValueError: for clips that end before the first answer.
    """
    stride = network.timing.stride
    frames = x.shape[TIME] // stride * stride
    first = first_counted(network, min_progress)
    state = network.init_state(len(x), (x.shape[1], *x.shape[TIME + 1 :]), device=x.device, dtype=x.dtype)
    counted = []
    for part in x.narrow(TIME, 0, frames).split(chunk * stride, TIME):
        index = int(network.output_index(state, part.shape[TIME])[0, 0])
        y, state = network(part, state)
        counted.append(y[:, :, max(first - index, 0) :])
    logits = torch.cat(counted, TIME) if counted else x.new_zeros(len(x), 1, 0)
    if not logits.shape[TIME]:
        raise ValueError(
            f"no answer stands after {x.shape[TIME]} frames: with min_progress {min_progress} the first takes "
            f"{least_frames(network, min_progress)}. Give longer clips, lower min_progress, or train in mode 'clip'"
        )
    return logits.movedim(1, 2)


def first_counted(network: Streaming, min_progress: float) -> int:
    """Index of the first answer past warm-up: `min_progress` of its receptive field is real, the rest is padding."""
    field, padding, stride = network.timing.receptive_field, network.timing.before, network.timing.stride
    return next(n for n in itertools.count() if min(field, field - padding + n * stride) >= min_progress * field)


def least_frames(network: Streaming, min_progress: float) -> int:
    """Frames of the shortest clip that has an answer in `streamed`."""
    return (first_counted(network, min_progress) + network.lag_after(0) + 1) * network.timing.stride


def set_training(network: nn.Module, config: TrainConfig) -> None:
    """Put the network into training mode.

    In step mode norms keep the statistics that they will have on the robot: those of a chunk would mix the padding of a
    stream's start into them, and a single frame has none.
    """
    network.train()
    if config.mode == "step":
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
