"""Attaches adapters and channel masks to a network, and fuses them with its weights.

They are parametrizations of torch: `layer.weight` is the changed weight wherever it is read, so every network can have
them without changes to its layers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

import co_perception.continual as co
from co_perception.adapters.forms import AdapterForm, Blocks, CenterTap, LowRank, Prototypes, matrix_shape, rank_of
from co_perception.adapters.groups import Axes, ChannelGroup

METHODS = ("splora", "sppara", "splopa", "finetune")
PROTOTYPES = "prototypes"  # the child that holds those of a network


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """How weights are adapted.

    Args:
        method: splora, sppara or splopa (see `forms`), or finetune, which trains every weight.
        rank: of splora: a number, or a share of the output channels below 1.
        block, prototypes: of splopa: side of a block, and number of prototypes.
    """

    method: str = "splora"
    rank: float = 8
    block: int = 32
    prototypes: int = 64

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method is one of {', '.join(METHODS)}, got {self.method!r}")
        rank_of(self.rank, 1, 1)  # raises for what is none, whatever the layer's size
        if self.block < 1 or self.prototypes < 1:
            raise ValueError(f"block and prototypes are at least 1, got {self.block} and {self.prototypes}")


class Mask(nn.Module):
    """Sets entries of removed channels to zero. stays: 0 or 1, broadcasts with the tensor."""

    stays: Tensor

    def __init__(self, like: Tensor) -> None:
        super().__init__()
        self.register_buffer("stays", like.new_ones([1] * like.dim()))

    def forward(self, tensor: Tensor) -> Tensor:
        return tensor * self.stays


def attach(network: nn.Module, config: AdapterConfig, classifier: Collection[str] = ()) -> None:
    """Freeze the weights of `network` and give each its adapter, in place.

    Adapters, biases, norms and the tensors named in `classifier`, whose classes are new, remain trainable. "finetune"
    freezes nothing.
    Raises: ValueError that names a parameter for which there is no form; then nothing was changed.
    """
    finetune = config.method == "finetune"
    adapted = {} if finetune else dict(_weights(network, classifier))
    network.requires_grad_(finetune)
    prototypes: Prototypes | None = None
    if config.method == "splopa":
        like = next(network.parameters())
        prototypes = Prototypes(config.prototypes, config.block, device=like.device, dtype=like.dtype)
        network.add_module(PROTOTYPES, prototypes)
    for name, parts in adapted.items():
        module, leaf = _place(network, name)
        weight: Tensor = getattr(module, leaf)
        if prototypes is not None:
            form: AdapterForm = Blocks(weight, prototypes)
        else:
            form = LowRank(weight, config.rank, parts) if config.method == "splora" else CenterTap(weight)
        parametrize.register_parametrization(module, leaf, form)
    for name, parameter in network.named_parameters():
        if parameter.dim() <= 1 or name in classifier:
            parameter.requires_grad_(True)


def attach_masks(network: nn.Module, groups: Iterable[ChannelGroup]) -> None:
    """Give every parameter that has channels of a group a mask, after its adapter."""
    parameters = {name for name, _ in plain_parameters(network)}
    for name in sorted({member.tensor for group in groups for member in group.members} & parameters):
        module, leaf = _place(network, name)
        parametrize.register_parametrization(module, leaf, Mask(getattr(module, leaf)))


def set_masks(network: nn.Module, axes: Axes) -> None:
    """Set removed channels to zero: the network then answers as without them."""
    for name, stays in axes.items():
        module, leaf = _place(network, name)
        for step in _steps(module, leaf):
            if isinstance(step, Mask):
                tensor: Tensor = getattr(module, leaf)
                step.stays = tensor.new_ones([1] * tensor.dim())
                for axis, places in stays.items():
                    along = tensor.new_zeros(tensor.shape[axis])
                    along[places.to(tensor.device)] = 1
                    step.stays = step.stays * along.reshape([-1 if a == axis else 1 for a in range(tensor.dim())])


def forms(network: nn.Module) -> dict[str, AdapterForm]:
    """The adapters of a network, by the name of the weight."""
    names = [name for name, _ in plain_parameters(network)]
    return {name: step for name in names for step in _steps(*_place(network, name)) if isinstance(step, AdapterForm)}


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """The state dict of the same network without parametrizations, its weights changed by their adapters; detached."""
    names = {name for name, _ in plain_parameters(network)}
    plain = {
        name: value
        for name, value in network.state_dict().items()
        if ".parametrizations." not in f".{name}" and not name.startswith(f"{PROTOTYPES}.")
    }
    with torch.no_grad():
        for name in names - plain.keys():
            plain[name] = getattr(*_place(network, name)).detach()
    return plain


def plain_parameters(network: nn.Module) -> Iterator[tuple[str, bool]]:
    """Names of the parameters without parametrizations, and whether each is trainable."""
    for name, parameter in network.named_parameters():
        if ".parametrizations." not in f".{name}":
            if not name.startswith(f"{PROTOTYPES}."):
                yield name, parameter.requires_grad
        elif name.endswith(".original"):
            before, _, leaf = name.removesuffix(".original").rpartition("parametrizations.")
            yield before + leaf, parameter.requires_grad


def fuse(network: nn.Module) -> None:
    """Fuse adapters and masks with the weights, in place: a plain network with the same answers."""
    for module in list(network.modules()):
        if parametrize.is_parametrized(module):
            steps: Any = module.parametrizations
            with torch.no_grad():
                plain = {leaf: getattr(module, leaf).detach().clone() for leaf in steps}
            # Not remove_parametrizations: it takes the property from the class, which copies of the module share.
            module.__class__ = parametrize.type_before_parametrizations(module)
            del module.parametrizations
            for leaf, value in plain.items():
                module.register_parameter(leaf, nn.Parameter(value))
    if hasattr(network, PROTOTYPES):
        delattr(network, PROTOTYPES)


def _weights(network: nn.Module, classifier: Collection[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names of the weights that are given adapters, and rows of the matrices that are stacked in each; () where one."""
    for module_name, module in network.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            name = f"{module_name}.{leaf}".lstrip(".")
            if parameter.dim() <= 1 or name in classifier:
                continue
            # Links between joints belong to the body, positions to the clock, and not to the task.
            if isinstance(module, nn.Embedding) or isinstance(module, co.GraphConv) and leaf == "graph_attn":
                continue
            plain = isinstance(module, (_ConvNd, nn.Linear)) and leaf == "weight"
            if not plain and not (isinstance(module, co.WindowAttention) and leaf == "in_proj_weight"):
                raise ValueError(
                    f"{name} of a {type(module).__name__} has no adapter: there are forms for convolutions, linear "
                    "layers and attention. Train this network with finetune"
                )
            try:
                matrix_shape(parameter)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            path = name.removesuffix(".attention_conv.qkv_conv.weight")
            parts: Any = () if path == name else network.get_submodule(path).sizes
            yield name, parts if plain else (module.out_proj.in_features,) * 3


def _place(network: nn.Module, name: str) -> tuple[Any, str]:
    path, _, leaf = name.rpartition(".")
    return network.get_submodule(path), leaf


def _steps(module: nn.Module, leaf: str) -> Iterable[nn.Module]:
    return module.parametrizations[leaf] if parametrize.is_parametrized(module, leaf) else ()  # type: ignore[index]
