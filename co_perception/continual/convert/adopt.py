"""Layers of this package that take over the weights, the names and the mode of a plain module in `convert`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

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
                getattr(child, weights)[key] = value
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


def is_torchs(module: nn.Module) -> bool:
    """Whether a module's class is one of torch's, be its weights computed (`parametrize`) or not."""
    return bool(parametrize.type_before_parametrizations(module).__module__.startswith("torch.nn."))


def check_ordinary(module: nn.Module) -> None:
    """Raises UnsupportedError where hooks do more than to compute the weight from parameters in evaluation mode."""
    for name, child in module.named_modules():
        known = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
        norms = (WeightNorm, SpectralNorm) if type(child) in known and not child.training else WeightNorm
        hooks = [hook for hook in child._forward_pre_hooks.values() if not isinstance(hook, norms)]
        if hooks or child._forward_hooks or (child._forward_pre_hooks and type(child) not in known):
            raise UnsupportedError(f"{name or 'it'} {HOOKED}", always=True)


def copied(module: L) -> L:
    """A deep copy. Torch refuses that of tensors computed from parameters, such as the weight of weight_norm."""
    computed = [
        (child, name, value)
        for child in module.modules()
        for name, value in vars(child).items()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    try:
        for child, name, value in computed:
            vars(child)[name] = value.detach()
        return copy.deepcopy(module)
    finally:
        for child, name, value in computed:
            vars(child)[name] = value
