"""Normalization of single frames, and folding of batch norms into the convolutions before them.

A norm whose statistics span time has no streaming form: the statistics of a clip are known at its end, those of a
stream never. Containers refuse such modules by name; batch norm with running statistics streams as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeVar

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_weights

from co_perception.continual.container import Sequential
from co_perception.continual.framewise import EachFrame
from co_perception.continual.layer import TIME
from co_perception.continual.timing import Timing

Module = TypeVar("Module", bound=nn.Module)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


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


def fold_batch_norm(module: Module) -> Module:
    """An evaluation copy of `module` with its batch norms folded into the convolutions before them.

    Every batch norm right after a convolution of the same `Sequential` becomes part of it, and every layer that has a
    form of its own for inference (a method `folded`) is replaced by that: the same answers from fewer passes over the
    frames. A state of either network fits the other: where a convolution keeps partial sums, its norm stays.

    Its parameters no longer have the published names, so it is for inference only; keep the original to save or train.
    """
    copied = copy.deepcopy(module).eval()
    for container in copied.modules():
        if not isinstance(container, Sequential):
            continue
        for name, layer in list(container.named_children()):
            if hasattr(layer, "folded"):
                container.replace(name, layer.folded())  # type: ignore[operator]
        for conv, name, norm in _foldable(container):
            # w' = w g / sqrt(var + eps), b' = (b - mean) g / sqrt(var + eps) + beta
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight,
                conv.bias,
                norm.get_buffer("running_mean"),
                norm.get_buffer("running_var"),
                norm.eps,
                norm.weight,
                norm.bias,
            )
            container.replace(name, nn.Identity())
    return copied.eval()  # replacements start in training mode


def is_folded(module: nn.Module) -> bool:
    """Whether `fold_batch_norm` would leave the module as it is."""
    return not any(
        any(hasattr(layer, "folded") for layer in container.children()) or list(_foldable(container))
        for container in module.modules()
        if isinstance(container, Sequential)
    )


def _foldable(container: Sequential) -> Iterator[tuple[_ConvNd, str, _BatchNorm]]:
    """(convolution, the norm's name, norm) where one follows the other."""
    named = list(container.named_children())
    for (_, conv), (name, norm) in pairwise(named):
        if isinstance(conv, CONVOLUTIONS) and isinstance(norm, NORMS) and not getattr(conv, "may_keep_sums", False):
            yield conv, name, norm
