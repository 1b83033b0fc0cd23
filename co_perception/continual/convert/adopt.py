"""Layers of this package that take over the weights, the names and the mode of a plain module in `convert`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from co_perception.continual.convert.site import HOOKED, UnsupportedError

L = TypeVar("L", bound=nn.Module)


def adopt(make: Callable[[], L], module: nn.Module) -> L:
    """The layer that `make` gives, with the parameters, buffers and mode of `module`, whose names it shares."""
    check_ordinary(module)
    with torch.device("meta"):  # no random numbers are drawn and nothing is filled
        layer = make()
    for name, child in layer.named_modules():
        original = module.get_submodule(name)
        for weights in ("_parameters", "_buffers"):
            for key, value in getattr(original, weights).items():
                setattr(child, key, value)
        _adopt_parametrizations(child, original)
        child.train(original.training)
    return layer


def _adopt_parametrizations(layer: nn.Module, original: nn.Module) -> None:
    """Weights that `original` computes (weight_norm, for one) come from the same modules, under the same names."""
    if not parametrize.is_parametrized(original):
        return
    for name, computed in original.get_submodule("parametrizations").named_children():
        setattr(layer, name, nn.Parameter(getattr(original, name).detach()))
        parametrize.register_parametrization(layer, name, nn.Identity(), unsafe=True)
        layer.get_submodule("parametrizations").register_module(name, computed)


def check_ordinary(module: nn.Module) -> None:
    for name, child in module.named_modules():
        if child._forward_hooks or child._forward_pre_hooks:
            raise UnsupportedError(f"{name or 'it'} {HOOKED}", always=True)
