"""Channels that libraries like better: zeros added to the inner channels of a block, and nothing of it seen outside.

ONNX Runtime has its fast layout for depthwise convolutions whose channels are a multiple of four. X3D's first stage has
54: its convolutions over space took five times as long as those of 108 channels with as much to do. Two channels of
zeros more, and they take part.
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
from co_perception.continual.fold import NORMS
from co_perception.continual.framewise import ELEMENTWISE
from co_perception.continual.squeeze_excite import SqueezeExcite

Module = TypeVar("Module", bound=nn.Module)


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
    """A leaf (B, C, ...) with as many channels as `like`: zeros added, or those that were added left out."""
    more = like.shape[1] - leaf.shape[1]
    if more > 0:
        return F.pad(leaf, [*[0, 0] * (leaf.dim() - 2), 0, more])
    return leaf[:, : like.shape[1]] if more else leaf


def _widen(layers: Sequence[nn.Module], place: int, more: int) -> None:
    """Add channels to the depthwise convolution at `place`, between the convolutions that feed it and that it feeds.
    Nothing happens where one is missing, or where something between looks across channels."""
    depthwise: Any = layers[place]
    before = _neighbour(layers[:place][::-1])
    after = _neighbour(layers[place + 1 :])
    if not more or before is None or after is None:
        return
    between = layers[layers.index(before) + 1 : layers.index(after)]
    gates = [layer for layer in between if isinstance(layer, SqueezeExcite)]
    for norm in (layer for layer in between if isinstance(layer, NORMS)):
        _widen_norm(norm, more)
    for makes in (before, depthwise, *(gate.fc2 for gate in gates)):
        _add_outputs(makes, more)
    for takes in (after, *(gate.fc1 for gate in gates)):
        takes.weight = _padded(takes.weight, 1, more)
        takes.in_channels += more
    depthwise.in_channels += more
    depthwise.groups += more


def _neighbour(layers: Sequence[nn.Module]) -> Conv3d | None:
    """The next convolution across channels, if all before it leave channels apart."""
    for layer in layers:
        if isinstance(layer, Conv3d):
            return layer if layer.groups == 1 else None
        if not isinstance(layer, (*ELEMENTWISE, *NORMS, SqueezeExcite)):
            return None
    return None


def _add_outputs(conv: Any, more: int) -> None:
    conv.weight = _padded(conv.weight, 0, more)
    if conv.bias is not None:
        conv.bias = _padded(conv.bias, 0, more)
    conv.out_channels += more


def _widen_norm(norm: Any, more: int) -> None:
    """What is added stays zero."""
    if norm.affine:
        norm.weight, norm.bias = _padded(norm.weight, 0, more), _padded(norm.bias, 0, more)
    norm.running_mean, norm.running_var = F.pad(norm.running_mean, (0, more)), F.pad(norm.running_var, (0, more))
    norm.num_features += more


def _padded(weight: Tensor, axis: int, more: int) -> nn.Parameter:
    shape = [more if place == axis else size for place, size in enumerate(weight.shape)]
    return nn.Parameter(torch.cat([weight.detach(), weight.new_zeros(shape)], axis), requires_grad=False)
