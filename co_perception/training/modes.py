"""What a network answers while it trains: once for a whole clip, or step by step as on the robot."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from co_perception.continual.layer import TIME
from co_perception.training.config import TrainConfig


def answers(network: Any, x: Tensor, config: TrainConfig) -> Tensor:
    """Logits (B, S, classes) of clips x (B, C, T, ...): S is 1 in clip mode, else the steps whose answers stand."""
    if config.mode == "clip":
        return network.classify(x).unsqueeze(1)
    return streamed(network, x, min_progress=config.min_progress, chunk=config.chunk)


def streamed(network: Any, x: Tensor, *, min_progress: float, chunk: int = 1) -> Tensor:
    """Logits (B, S, classes) of the answers that stand while x (B, C, T, ...) streams from a fresh state; gradients
    flow through all of it.

    network: any `Streaming` network with answers (B, classes, steps). An answer stands once `min_progress` of its
    receptive field is real. chunk: steps at once, to the same answers.
    Raises: ValueError for clips that end before an answer stands.
    """
    stride = network.timing.stride
    frames = x.shape[TIME] // stride * stride
    first = first_standing(network, min_progress)
    state = network.init_state(len(x), (x.shape[1], *x.shape[TIME + 1 :]), device=x.device, dtype=x.dtype)
    standing = []
    for part in x.narrow(TIME, 0, frames).split(chunk * stride, TIME):
        index = int(network.output_index(state, part.shape[TIME])[0, 0])
        y, state = network(part, state)
        standing.append(y[:, :, max(first - index, 0) :])
    logits = torch.cat(standing, TIME) if standing else x.new_zeros(len(x), 1, 0)
    if not logits.shape[TIME]:
        raise ValueError(
            f"no answer stands after {x.shape[TIME]} frames: with min_progress {min_progress} the first takes "
            f"{least_frames(network, min_progress)}. Give longer clips, lower min_progress, or train in mode 'clip'"
        )
    return logits.movedim(1, 2)


def first_standing(network: Any, min_progress: float) -> int:
    """Index of the first answer of which `min_progress` of the receptive field is real, the rest being padding before
    the clip."""
    field, padding, stride = network.timing.receptive_field, network.timing.before, network.timing.stride
    index = 0
    while min(field, field - padding + index * stride) < min_progress * field:
        index += 1
    return index


def least_frames(network: Any, min_progress: float) -> int:
    """Frames of the shortest clip that has an answer in `streamed`."""
    return (first_standing(network, min_progress) + network.lag_after(0) + 1) * network.timing.stride


def set_training(network: nn.Module, config: TrainConfig) -> None:
    """Training mode; in step mode norms keep the statistics that they will have on the robot: those of a chunk would
    mix the padding of a stream's start into them, and a single frame has none."""
    network.train()
    if config.mode == "step":
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
