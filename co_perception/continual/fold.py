"""Fold batch norms into the convolutions before them: the same answers from fewer passes over the frames."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from co_perception.continual.container import Sequential

Module = TypeVar("Module", bound=nn.Module)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def fold_batch_norm(module: Module) -> Module:
    """An evaluation copy of `module` in which every batch norm right after a convolution of the same `Sequential` is
    part of it, and every layer that has a form of its own for inference (`folded`) is in that form.

    Its parameters no longer have the published names, so it is for inference only; keep the original to save or train.
    """
    folded = copy.deepcopy(module).eval()
    for container in folded.modules():
        if isinstance(container, Sequential):
            _fold(container)
    return folded.eval()  # what was put in is new


def _fold(container: Sequential) -> None:
    for name, layer in list(container.named_children()):
        folded = getattr(layer, "folded", None)
        if folded is not None:
            container.replace(name, folded())
    named = list(container.named_children())
    for (_, conv), (name, norm) in zip(named, named[1:], strict=False):
        if not isinstance(conv, CONVOLUTIONS) or not isinstance(norm, NORMS):
            continue
        if norm.running_mean is None or norm.running_var is None:
            continue  # it measures the frames it is given and cannot be a constant
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        container.replace(name, nn.Identity())
