"""Layers whose weight is computed from their parameters at every use, in `convert`.

The weight of a plain convolution has time as another of its axes, or is what a hook makes of parameters (`weight_norm`
of torch.nn.utils). Names and shapes of the parameters stay those of the plain layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from co_perception.continual import conv, framewise
from co_perception.continual.convert.adopt import adopt
from co_perception.continual.convert.functional import Weight

L = TypeVar("L", bound=nn.Module)
Compute = Callable[[Mapping[str, Any]], Tensor]  # of the parameters and buffers by name


class ComputedWeight:
    """Of a layer: its weight, and its bias where there is a function for it, are computed at every use."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _compute: Compute | None = None
    _compute_bias: Compute | None = None

    @property
    def weight(self) -> Tensor:
        return self._computed("weight", self._compute)

    @property
    def bias(self) -> Tensor:
        return self._computed("bias", self._compute_bias)

    def _computed(self, name: str, compute: Compute | None) -> Tensor:
        if compute is not None:
            return compute(self._parameters | self._buffers)
        if name not in self.__dict__.get("_parameters", {}):
            raise AttributeError(name)
        return self._parameters[name]


class ComputedConv1d(ComputedWeight, conv.Conv1d):  # type: ignore[misc, override]
    """`Conv1d` with a computed weight."""


class ComputedConv2d(ComputedWeight, conv.Conv2d):  # type: ignore[misc, override]
    """`Conv2d` with a computed weight."""


class ComputedConv3d(ComputedWeight, conv.Conv3d):  # type: ignore[misc, override]
    """`Conv3d` with a computed weight."""


class ComputedLinear(ComputedWeight, framewise.Linear):  # type: ignore[misc, override]
    """`Linear` with a computed weight."""


class PlainConv1d(ComputedWeight, nn.Conv1d):  # type: ignore[misc, override]
    """Torch's `Conv1d` with weights of elsewhere: what `F.conv1d` does."""


class PlainConv2d(ComputedWeight, nn.Conv2d):  # type: ignore[misc, override]
    """Torch's `Conv2d` with weights of elsewhere: what `F.conv2d` does."""


class PlainConv3d(ComputedWeight, nn.Conv3d):  # type: ignore[misc, override]
    """Torch's `Conv3d` with weights of elsewhere: what `F.conv3d` does."""


_COMPUTED: Mapping[type[nn.Module], type[nn.Module]] = {
    conv.Conv1d: ComputedConv1d,
    conv.Conv2d: ComputedConv2d,
    conv.Conv3d: ComputedConv3d,
    framewise.Linear: ComputedLinear,
}
PLAIN: Mapping[int, type[PlainConv1d | PlainConv2d | PlainConv3d]] = {1: PlainConv1d, 2: PlainConv2d, 3: PlainConv3d}


def of_sources(module: L, weight: Weight, bias: Weight | None) -> L:
    """The module, of `PLAIN`, with these for its weight and bias."""
    module._parameters.clear()
    module._compute = partial(_of_source, weight)  # type: ignore[assignment]
    module._compute_bias = partial(_of_source, bias)  # type: ignore[assignment]
    return module


def _of_source(source: Weight | None, tensors: Mapping[str, Tensor]) -> Tensor | None:
    return None if source is None else source.tensor()


def adopt_weight(kind: type[L], make: Callable[[type[L]], L], module: nn.Module, order: Sequence[int] = ()) -> L:
    """The layer that `make` gives of `kind`, with the weights of `module`.

    order: of the axes of the module's kernel those of the layer's; () for the same order.
    """
    compute = weight_of(module)
    if isinstance(module, _ConvTransposeNd):
        compute = partial(_turned, compute or _plain, module.groups)
    axes = (0, 1, *(2 + axis for axis in order))
    if list(axes) != sorted(axes):
        compute = partial(_permuted, compute or _plain, axes)
    if compute is None:
        return adopt(lambda: make(kind), module)
    layer = adopt(lambda: make(_COMPUTED[kind]), module)  # type: ignore[arg-type]
    for name in [name for name in layer._parameters if name not in module._parameters]:
        del layer._parameters[name]
    layer._compute = compute  # type: ignore[assignment]
    layer._compute_bias = getattr(module, "_compute_bias", None)  # type: ignore[assignment]
    return layer


def weight_of(module: nn.Module) -> Compute | None:
    """What the module's weight is computed by, such as a hook of torch; None where it is a parameter."""
    if isinstance(module, ComputedWeight):
        return module._compute
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm) and hook.name == "weight":
            return partial(_weight_norm, hook.dim)
        if isinstance(hook, SpectralNorm) and hook.name == "weight":
            return partial(_spectral_norm, hook.dim)
    return None


def _plain(tensors: Mapping[str, Tensor]) -> Tensor:
    return tensors["weight"]


def _permuted(compute: Compute, axes: Sequence[int], tensors: Mapping[str, Tensor]) -> Tensor:
    return compute(tensors).permute(tuple(axes))


def _turned(compute: Compute, groups: int, tensors: Mapping[str, Tensor]) -> Tensor:
    """The weight (in, out / groups, *kernel) of a transposed convolution as that of a convolution."""
    weight = compute(tensors).unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return weight.flip(tuple(range(2, weight.dim())))


def _weight_norm(dim: int, tensors: Mapping[str, Tensor]) -> Tensor:
    return torch._weight_norm(tensors["weight_v"], tensors["weight_g"], dim)


def _spectral_norm(dim: int, tensors: Mapping[str, Tensor]) -> Tensor:
    weight = tensors["weight_orig"]
    matrix = weight.movedim(dim, 0).flatten(1)
    sigma = torch.dot(tensors["weight_u"], torch.mv(matrix, tensors["weight_v"]))
    return weight / sigma
