"""Give a network adapters and masks, take its plain weights out again, and make it plain.

They are parametrisations of torch: `layer.weight` is the changed weight wherever it is read, so that any network can
carry them and no layer knows of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

import co_perception.continual as co
from co_perception.adapters.forms import Blocks, CentreTap, Form, LowRank, Prototypes, matrix_shape
from co_perception.adapters.groups import Axes, ChannelGroup

METHODS = ("splora", "sppara", "splopa", "finetune")
PROTOTYPES = "prototypes"  # the child that holds those of a network


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """method: splora, sppara or splopa (see `forms`), or finetune, where every weight is trained; rank: of splora, a
    number or a share of the output channels; block, prototypes: side of splopa's blocks, and of how many prototypes."""

    method: str = "splora"
    rank: float = 8
    block: int = 32
    prototypes: int = 64

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method is one of {', '.join(METHODS)}, got {self.method!r}")
        if self.block < 1 or self.prototypes < 1:
            raise ValueError(f"block and prototypes are at least 1, got {self.block} and {self.prototypes}")


class Mask(nn.Module):
    """Entries of channels that are gone are zero. stays: broadcasts with the tensor."""

    stays: Tensor

    def __init__(self, like: Tensor) -> None:
        super().__init__()
        self.register_buffer("stays", like.new_ones([1] * like.dim()))

    def forward(self, tensor: Tensor) -> Tensor:
        return tensor * self.stays


def attach(network: nn.Module, config: AdapterConfig, classifier: Collection[str] = ()) -> None:
    """Freeze the weights of `network` and give each its adapter, in place. What is left to train is the adapters,
    biases, norms, and the tensors named in `classifier`, whose classes are new. "finetune" freezes nothing.

    Raises: ValueError that names a parameter for which there is no form; then nothing has changed.
    """
    finetune = config.method == "finetune"
    adapted = {} if finetune else {name: _parts(network, name) for name in _weights(network, classifier)}
    network.requires_grad_(finetune)
    if config.method == "splopa":
        like = next(network.parameters())
        network.add_module(
            PROTOTYPES, Prototypes(config.prototypes, config.block, device=like.device, dtype=like.dtype)
        )
    for name, parts in adapted.items():
        module, leaf = _place(network, name)
        form = _form(getattr(module, leaf), parts, config, getattr(network, PROTOTYPES, None))
        parametrize.register_parametrization(module, leaf, form)
    for name, parameter in network.named_parameters():
        if parameter.dim() <= 1 or name in classifier:
            parameter.requires_grad_(True)


def attach_masks(network: nn.Module, groups: Iterable[ChannelGroup]) -> None:
    """A mask for every parameter that has channels of a group, after its adapter."""
    parameters = {name for name, _ in plain_parameters(network)}
    for name in sorted({member.tensor for group in groups for member in group.members} & parameters):
        module, leaf = _place(network, name)
        parametrize.register_parametrization(module, leaf, Mask(getattr(module, leaf)))


def set_masks(network: nn.Module, axes: Axes) -> None:
    """Zero what does not stay: afterwards the network answers as without these channels."""
    for name, stays in axes.items():
        module, leaf = _place(network, name)
        for mask in _steps(module, leaf):
            if isinstance(mask, Mask):
                mask.stays = _mask(getattr(module, leaf), stays)


def forms(network: nn.Module) -> dict[str, Form]:
    """The adapters of a network, by the name of the weight."""
    names = [name for name, _ in plain_parameters(network)]
    return {name: step for name in names for step in _steps(*_place(network, name)) if isinstance(step, Form)}


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """The state dict of the same network without parametrisations: weights as they are read, detached."""
    names = {name for name, _ in plain_parameters(network)}
    kept = {
        name: value
        for name, value in network.state_dict().items()
        if ".parametrizations." not in f".{name}" and not name.startswith(f"{PROTOTYPES}.")
    }
    with torch.no_grad():
        for name in names - kept.keys():
            kept[name] = getattr(*_place(network, name)).detach()
    return kept


def plain_parameters(network: nn.Module) -> Iterator[tuple[str, bool]]:
    """Names that the parameters have without parametrisations, and whether something is learned there."""
    for name, parameter in network.named_parameters():
        if ".parametrizations." not in f".{name}":
            if not name.startswith(f"{PROTOTYPES}."):
                yield name, parameter.requires_grad
        elif name.endswith(".original"):
            before, _, leaf = name.removesuffix(".original").rpartition("parametrizations.")
            yield before + leaf, parameter.requires_grad


def fuse(network: nn.Module) -> None:
    """Make the network plain, in place: every weight is what it was read as."""
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


def _weights(network: nn.Module, classifier: Collection[str]) -> Iterator[str]:
    """Names of the weights that are given adapters."""
    for module_name, module in network.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            name = f"{module_name}.{leaf}".lstrip(".")
            if parameter.dim() <= 1 or name in classifier or _stays_frozen(module, leaf):
                continue
            if not _has_form(module, leaf):
                raise ValueError(
                    f"{name} of a {type(module).__name__} has no adapter: there are forms for convolutions, linear "
                    "layers and attention. Train this network with finetune"
                )
            try:
                matrix_shape(parameter)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            yield name


def _has_form(module: nn.Module, leaf: str) -> bool:
    plain = isinstance(module, (_ConvNd, nn.Linear)) and leaf == "weight"
    return plain or isinstance(module, co.WindowAttention) and leaf == "in_proj_weight"


def _stays_frozen(module: nn.Module, leaf: str) -> bool:
    """Links between joints and codes of positions are the body's and the clock's, not the task's."""
    return isinstance(module, nn.Embedding) or isinstance(module, co.GraphConv) and leaf == "graph_attn"


def _parts(network: nn.Module, name: str) -> tuple[int, ...]:
    """Rows of the matrices that are stacked in a weight; () where it is one."""
    module, leaf = _place(network, name)
    if leaf == "in_proj_weight":
        return (module.out_proj.in_features,) * 3
    path = name.removesuffix(".attention_conv.qkv_conv.weight")
    return network.get_submodule(path).sizes if path != name else ()  # type: ignore[return-value]


def _form(weight: Tensor, parts: tuple[int, ...], config: AdapterConfig, prototypes: Prototypes | None) -> Form:
    if config.method == "splora":
        return LowRank(weight, config.rank, parts)
    if config.method == "sppara":
        return CentreTap(weight)
    if prototypes is None:
        raise ValueError("splopa needs prototypes")
    return Blocks(weight, prototypes)


def _place(network: nn.Module, name: str) -> tuple[Any, str]:
    path, _, leaf = name.rpartition(".")
    return network.get_submodule(path), leaf


def _steps(module: nn.Module, leaf: str) -> Iterable[nn.Module]:
    return module.parametrizations[leaf] if parametrize.is_parametrized(module, leaf) else ()  # type: ignore[index]


def _mask(tensor: Tensor, stays: Mapping[int, Tensor]) -> Tensor:
    mask = torch.ones([1] * tensor.dim(), dtype=tensor.dtype, device=tensor.device)
    for axis, places in stays.items():
        along = torch.zeros(tensor.shape[axis], dtype=tensor.dtype, device=tensor.device)
        along[places.to(tensor.device)] = 1
        mask = mask * along.reshape([-1 if a == axis else 1 for a in range(tensor.dim())])
    return mask
