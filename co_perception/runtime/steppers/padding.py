"""Padding of batches and of channels to sizes that fast programs are made for.

Batches: programs of a fixed size exist for a few numbers of streams (`BUCKETS`); a batch is padded to the next of them.

Channels: ONNX Runtime has its fast layout for depthwise convolutions whose channels are a multiple of four. X3D's first
stage has 54, and its spatial convolutions took five times as long as those of 108 channels with as much to do. With two
channels of zeros more they have the fast layout, too. Nothing of the padding is visible outside a block.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.container import Sequential
from co_perception.continual.conv import Conv3d
from co_perception.continual.framewise import ELEMENTWISE
from co_perception.continual.gating import SqueezeExcite
from co_perception.continual.norm import NORMS

BUCKETS = (1, 2, 4, 8, 16, 32, 64)
Module = TypeVar("Module", bound=nn.Module)


def bucket(streams: int) -> int:
    """The least of BUCKETS that is at least `streams`; beyond the last, the next multiple of it."""
    largest = BUCKETS[-1]
    return next((size for size in BUCKETS if size >= streams), -(-streams // largest) * largest)


def filled(rows: Tensor, count: int) -> Tensor:
    """Rows (B, ...) padded to `count` with copies of the last, whose answers are discarded."""
    missing = count - len(rows)
    return rows if missing <= 0 else rows[[*range(len(rows)), *[-1] * missing]]


def widened(network: Module, multiple: int) -> Module:
    """A copy in which the channels of every depthwise convolution between two others are a multiple of `multiple`.

    Answers are the same. Histories of such a convolution have the added channels, zeros; see `fit`.
    """
    wide = copy.deepcopy(network)
    for container in wide.modules():
        if isinstance(container, Sequential):
            children = list(container.children())
            for place, layer in enumerate(children):
                if isinstance(layer, Conv3d) and layer.groups == layer.in_channels == layer.out_channels > 1:
                    _widen(children, place, -layer.in_channels % multiple)
    return wide


def fit(leaf: Tensor, like: Tensor) -> Tensor:
    """A leaf (B, C, ...) with as many channels as `like`: zeros added, or the added ones removed."""
    more = like.shape[1] - leaf.shape[1]
    if more > 0:
        return F.pad(leaf, [*[0, 0] * (leaf.dim() - 2), 0, more])
    return leaf[:, : like.shape[1]] if more else leaf


def _widen(layers: Sequence[nn.Module], place: int, more: int) -> None:
    """Add channels to the depthwise convolution at `place`, between the convolutions that feed it and that it feeds.
    Nothing happens where one is missing, or where something between looks across channels."""
    depthwise: Any = layers[place]
    before = _neighbor(layers[:place][::-1])
    after = _neighbor(layers[place + 1 :])
    if not more or before is None or after is None:
        return
    between = layers[layers.index(before) + 1 : layers.index(after)]
    gates = [layer for layer in between if isinstance(layer, SqueezeExcite)]
    norms: list[Any] = [layer for layer in between if isinstance(layer, NORMS)]
    for norm in norms:  # so that the added channels remain zero
        if norm.affine:
            norm.weight, norm.bias = _padded(norm.weight, 0, more), _padded(norm.bias, 0, more)
        norm.running_mean, norm.running_var = F.pad(norm.running_mean, (0, more)), F.pad(norm.running_var, (0, more))
        norm.num_features += more
    for makes in (before, depthwise, *(gate.fc2 for gate in gates)):
        makes.weight = _padded(makes.weight, 0, more)
        if makes.bias is not None:
            makes.bias = _padded(makes.bias, 0, more)
        makes.out_channels += more
    for takes in (after, *(gate.fc1 for gate in gates)):
        takes.weight = _padded(takes.weight, 1, more)
        takes.in_channels += more
    depthwise.in_channels += more
    depthwise.groups += more


def _neighbor(layers: Sequence[nn.Module]) -> Conv3d | None:
    """The next convolution across channels, if all before it leave channels apart."""
    for layer in layers:
        if isinstance(layer, Conv3d):
            return layer if layer.groups == 1 else None
        if not isinstance(layer, (*ELEMENTWISE, *NORMS, SqueezeExcite)):
            return None
    return None


def _padded(weight: Tensor, axis: int, more: int) -> nn.Parameter:
    shape = [more if place == axis else size for place, size in enumerate(weight.shape)]
    return nn.Parameter(torch.cat([weight.detach(), weight.new_zeros(shape)], axis), requires_grad=False)
