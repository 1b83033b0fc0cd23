"""Fold batch norms into the convolutions before them: the same answers from fewer passes over the frames."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from co_perception.continual.container import Sequential

Module = TypeVar("Module", bound=nn.Module)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def fold_batch_norm(module: Module) -> Module:
    """An evaluation copy of `module` in which every batch norm right after a convolution of the same `Sequential` is
    part of it, and every layer that has a form of its own for inference (`folded`) is in that form. A state is worth
    the same in both: where a convolution keeps partial sums, its norm stays.

    Its parameters no longer have the published names, so it is for inference only; keep the original to save or train.
    """
    folded = copy.deepcopy(module).eval()
    for container in folded.modules():
        if isinstance(container, Sequential):
            _fold(container)
    return folded.eval()  # what was put in is new


def is_folded(module: nn.Module) -> bool:
    """Whether `fold_batch_norm` would leave it as it is."""
    containers = (container for container in module.modules() if isinstance(container, Sequential))
    return not any(_has_own_form(container) or list(_foldable(container)) for container in containers)


def _fold(container: Sequential) -> None:
    for name, layer in list(container.named_children()):
        folded = getattr(layer, "folded", None)
        if folded is not None:
            container.replace(name, folded())
    for conv, name, norm in _foldable(container):
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        container.replace(name, nn.Identity())


def _has_own_form(container: Sequential) -> bool:
    return any(hasattr(layer, "folded") for layer in container.children())


def _foldable(container: Sequential) -> Iterator[tuple[Any, str, Any]]:
    """(convolution, the norm's name, norm) where one follows the other."""
    named = list(container.named_children())
    for (_, conv), (name, norm) in zip(named, named[1:], strict=False):
        if isinstance(conv, CONVOLUTIONS) and isinstance(norm, NORMS) and not getattr(conv, "may_keep_sums", False):
            yield conv, name, norm
