"""Layers that work on each position of each frame: a linear map of the channels, and arithmetic with constants."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.framewise import EachFrame
from co_perception.continual.timing import Timing


class Linear(EachFrame, nn.Linear):  # type: ignore[misc]  # forward is that of the contract
    """`torch.nn.Linear` over the channels of x (B, C, T, *space), with its parameter names."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        nn.Linear.__init__(self, in_features, out_features, bias)
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        return F.linear(x.movedim(1, -1), self.weight, self.bias).movedim(-1, 1)

    def each(self, frame: Tensor) -> Tensor:
        return F.linear(frame, self.weight, self.bias) if frame.dim() == 2 else super().each(frame)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.out_features, *shape[1:])


class _WithConstant(EachFrame):
    """value: a number, or a tensor that broadcasts with x (B, C, T, *space), such as (C, 1, 1) for x (B, C, T, V)."""

    value: Tensor

    def __init__(self, value: float | Tensor) -> None:
        super().__init__()
        self.register_buffer("value", torch.as_tensor(value), persistent=False)

    def extra_repr(self) -> str:
        return f"{self.value.item():g}" if self.value.numel() == 1 else f"{tuple(self.value.shape)}"


class Add(_WithConstant):
    """x + value."""

    def clip(self, x: Tensor) -> Tensor:
        return x + self.value


class Multiply(_WithConstant):
    """x * value."""

    def clip(self, x: Tensor) -> Tensor:
        return x * self.value


class Constant(_WithConstant):
    """`value` whatever the input, in its shape: `Constant(0)` is the branch of a block that has no skip."""

    def clip(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x) + self.value
