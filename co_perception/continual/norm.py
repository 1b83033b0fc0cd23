"""Norms that measure each frame alone.

A norm whose statistics span time has no streaming form: the statistics of a clip are known at its end, those of a
stream never. Containers refuse such modules by name; batch norm with running statistics streams as it is.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.framewise import EachFrame
from co_perception.continual.layer import TIME
from co_perception.continual.timing import Timing


class LayerNorm(EachFrame, nn.LayerNorm):  # type: ignore[misc]  # forward is that of the contract
    """`torch.nn.LayerNorm` over the channels of x (B, C, T, *space), position by position, with its parameter names."""

    def __init__(self, channels: int, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True) -> None:
        nn.LayerNorm.__init__(self, channels, eps, elementwise_affine, bias)
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        return self._channels_last(x.movedim(1, -1)).movedim(-1, 1)

    def each(self, frame: Tensor) -> Tensor:
        return self._channels_last(frame) if frame.dim() == 2 else super().each(frame)

    def _channels_last(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class FrameGroupNorm(EachFrame, nn.GroupNorm):  # type: ignore[misc]  # forward is that of the contract
    """Group norm of every frame by itself: statistics over a group's channels and the frame's space, not over time.

    It has the parameters of `torch.nn.GroupNorm` and answers otherwise, since that one's statistics span the whole
    clip; weights trained with it have to be tuned again. `num_groups == num_channels` is an instance norm per frame.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        nn.GroupNorm.__init__(self, num_groups, num_channels, eps, affine)
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        each = x.movedim(TIME, 1).flatten(0, 1)
        normed = F.group_norm(each, self.num_groups, self.weight, self.bias, self.eps)
        return normed.unflatten(0, (x.shape[0], x.shape[TIME])).movedim(1, TIME)
