"""Groups of coupled channels as data, and networks without some of them: which rows and columns go together.

A channel of a network is a row of the weight that computes it, an entry of the norms that scale it, and a column of
every weight that reads it. All of that is one index in a `ChannelGroup`. A pruning is the channels that each group
retains (`Retained`); `retained_axes` translates it to indices along the axes of tensors. `resize` gives the layers of a
network the widths of the tensors that are left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

import co_perception.continual as co

Retained = Mapping[str, Tensor]
"""Retained channels of each group by its name: ascending indices. A group that is not named is not pruned."""
Axes = dict[str, dict[int, Tensor]]
"""Retained indices along an axis of a tensor, by the tensor's name; only where some are removed."""
STACKED = (".in_proj_weight", ".attention_conv.qkv_conv.weight")  # whose rows say how many heads there are


class Member(NamedTuple):
    """One axis of one tensor: channel c of the group is the indices places[c] (k,) along it; places (channels, k)."""

    tensor: str
    axis: int
    places: Tensor


@dataclass(frozen=True)
class ChannelGroup:
    """Coupled channels. name: of the layer that computes them; unit: what one of them is, "channel" or "head"."""

    name: str
    members: tuple[Member, ...]
    unit: str = "channel"

    @property
    def channels(self) -> int:
        """Their number."""
        return len(self.members[0].places)


def retained_axes(groups: Iterable[ChannelGroup], retained: Retained, shapes: Mapping[str, Sequence[int]]) -> Axes:
    """The retained indices of each tensor. shapes: of all tensors of the groups, by name.

    Raises: ValueError for indices that are not channels of their group, and for a group that retains none.
    """
    gone: dict[tuple[str, int], set[int]] = defaultdict(set)
    for group in groups:
        wanted = retained.get(group.name)
        if wanted is None:
            continue
        goes = torch.ones(group.channels, dtype=torch.bool)
        channels = torch.as_tensor(wanted, dtype=torch.int64)
        if not channels.numel() or int(channels.min()) < 0 or int(channels.max()) >= group.channels:
            raise ValueError(
                f"{group.name} has {group.channels} {group.unit}s and at least one stays, got "
                f"{f'indices {int(channels.min())} to {int(channels.max())}' if channels.numel() else 'none'}"
            )
        goes[channels] = False
        for member in group.members:
            gone[member.tensor, member.axis].update(member.places[goes].flatten().tolist())
    axes: Axes = defaultdict(dict)
    for (tensor, axis), places in gone.items():
        if places:
            length = shapes[tensor][axis]
            axes[tensor][axis] = torch.tensor([place for place in range(length) if place not in places])
    return dict(axes)


def sliced(tensor: Tensor, axes: Mapping[int, Tensor]) -> Tensor:
    """A tensor without what its axes do not retain."""
    for axis, places in axes.items():
        tensor = tensor.index_select(axis, places.to(tensor.device))
    return tensor


def resize(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Replace all of a network's tensors by those of their names, and adapt the widths of its layers, in place.

    Earlier states do not fit any more. Parameters require gradients as before.

    Raises: ValueError for missing or unknown names, and for tensors that do not fit each other; in the latter case the
        network is unusable.
    """
    own = network.state_dict()
    if own.keys() != tensors.keys():
        missing, unknown = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
        raise ValueError(f"these are not the tensors of this network: missing {missing[:5]}, unknown {unknown[:5]}")
    rows = {name: len(own[name]) for name in own if name.endswith(STACKED)}
    for name, tensor in tensors.items():
        path, _, leaf = name.rpartition(".")
        module = network.get_submodule(path)
        value = tensor.detach().to(own[name].device).contiguous().clone()
        if leaf in module._parameters:
            trainable = module._parameters[leaf].requires_grad  # type: ignore[union-attr]
            module._parameters[leaf] = nn.Parameter(value, requires_grad=trainable)
        else:
            module._buffers[leaf] = value
    shares = {name.removesuffix(ending): len(tensors[name]) / count
              for name, count in rows.items() for ending in STACKED if name.endswith(ending)}  # fmt: skip
    for name, module in network.named_modules():
        _update_widths(module, shares.get(name, 1.0))


def _update_widths(module: nn.Module, share: float) -> None:
    """Set the widths in a layer's attributes to those of its tensors. share: of its heads that remain, 0..1."""
    if isinstance(module, _ConvNd):
        depthwise = 1 < module.groups == module.in_channels
        module.out_channels = len(module.weight)
        module.groups = len(module.weight) if depthwise else module.groups
        module.in_channels = module.weight.shape[1] * module.groups
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    if isinstance(module, _BatchNorm) and module.running_mean is not None:
        module.num_features = len(module.running_mean)
    if isinstance(module, co.GraphConv):
        # `embedding` stays: it scales the similarity of joints, which fewer channels add to as they did.
        module.out_channels = len(module.get_buffer("bn.running_mean"))
    if isinstance(module, co.JointAttention):
        module.heads = round(module.heads * share)
        module.sizes = tuple(round(size * share) for size in module.sizes)  # type: ignore[assignment]
    if isinstance(module, co.WindowAttention):
        module.num_heads = round(module.num_heads * share)
