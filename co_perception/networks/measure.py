"""What a network costs, counted and not timed: multiply-adds, parameters, state."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from co_perception.continual.layer import Streaming
from co_perception.continual.state import state_bytes


class Classifier(Protocol):
    """A network that answers for whole clips: (B, C, T, *space) to (B, classes)."""

    def classify(self, x: Tensor) -> Tensor:
        """Logits of clips."""
        ...


def params(network: nn.Module) -> int:
    """Numbers that training changes."""
    return sum(parameter.numel() for parameter in network.parameters())


def macs_per_step(network: Streaming, frame_shape: tuple[int, ...], *, elementwise: int = 0) -> int:
    """Multiply-adds of convolutions and matrix products that one step (stride frames) of one stream takes.

    elementwise: how often batch norms (two per value) and ReLUs (one) are counted besides. Papers differ: the figures
    of "Continual 3D Convolutional Neural Networks" (ECCV 2022) are those of 1 for clips and of 2 for steps, whose
    norms and ReLUs its profiler met twice.
    """
    blank = _blank(network)
    state = blank.init_state(1, frame_shape, device="meta")
    return _count(blank, lambda x: blank(x, state)[0], _frames(frame_shape, network.timing.stride), elementwise)


def macs_per_clip(network: Streaming, frame_shape: tuple[int, ...], frames: int, *, elementwise: int = 0) -> int:
    """The same for the offline network on one clip of `frames` frames: what each of its predictions costs."""
    blank = _blank(network)
    return _count(blank, blank.clip, _frames(frame_shape, frames), elementwise)


def macs_per_answer(network: Classifier, frame_shape: tuple[int, ...], frames: int) -> int:
    """Multiply-adds of the network's `classify` on one clip: what recomputing a clip for every answer takes."""
    if not isinstance(network, nn.Module):
        raise ValueError(f"expected a network, got {type(network).__name__}")
    blank = copy.deepcopy(network).to("meta").eval()
    return _count(blank, blank.classify, _frames(frame_shape, frames), 0)


def stream_bytes(network: Streaming, frame_shape: tuple[int, ...]) -> int:
    """Bytes of state that one stream holds."""
    return state_bytes(_blank(network).init_state(1, frame_shape, device="meta"))


def _blank(network: Streaming) -> Streaming:
    """The network without its numbers: shapes are enough to count, and nothing is computed."""
    return copy.deepcopy(network).to("meta").eval()


def _frames(frame_shape: tuple[int, ...], frames: int) -> Tensor:
    return torch.empty(1, frame_shape[0], frames, *frame_shape[1:], device="meta")


@torch.no_grad()
def _count(network: nn.Module, function: Callable[[Tensor], Tensor], x: Tensor, elementwise: int) -> int:
    values = 0

    def hook(module: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        nonlocal values
        values += given[0].numel() * (2 if isinstance(module, _BatchNorm) else 1)

    for module in network.modules():
        if isinstance(module, _BatchNorm | nn.ReLU):
            module.register_forward_hook(hook)
    # The counter does not see into fused attention; the plain form is the same products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        function(x)
    return counter.get_total_flops() // 2 + elementwise * values
