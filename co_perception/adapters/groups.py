"""Channels that can only go together, as data: which rows and columns of which tensors each of them is.

A channel of a network is a row of the weight that computes it, an entry of the norms that scale it, and a column of
every weight that reads it. All of that is one place in a `ChannelGroup`. What stays of every group, `Kept`, is all that
a pruning decides; `stay` spells it out for each axis of each tensor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Kept = Mapping[str, Tensor]
"""Channels that stay of each group, by its name: ascending indices. A group that is not named stays whole."""
Axes = dict[str, dict[int, Tensor]]
"""Indices that stay along an axis of a tensor, by its name; only where some go."""


class Member(NamedTuple):
    """One axis of one tensor: channel c of the group is places[c] (k,) along it; places is (channels, k)."""

    tensor: str
    axis: int
    places: Tensor


@dataclass(frozen=True)
class ChannelGroup:
    """name: of the layer that computes these channels; unit: what one is, "channel" or "head"."""

    name: str
    members: tuple[Member, ...]
    unit: str = "channel"

    @property
    def channels(self) -> int:
        """How many there are."""
        return len(self.members[0].places)


def stay(groups: Iterable[ChannelGroup], kept: Kept, shapes: Mapping[str, Sequence[int]]) -> Axes:
    """What stays of each tensor. shapes: of all tensors in question, by name.

    Raises: ValueError for indices that are not channels of their group, and for a group of which nothing stays.
    """
    gone: dict[tuple[str, int], set[int]] = defaultdict(set)
    for group in groups:
        wanted = kept.get(group.name)
        if wanted is None:
            continue
        goes = torch.ones(group.channels, dtype=torch.bool)
        goes[_checked(group, wanted)] = False
        for member in group.members:
            gone[member.tensor, member.axis].update(member.places[goes].flatten().tolist())
    axes: Axes = defaultdict(dict)
    for (tensor, axis), places in gone.items():
        if places:
            length = shapes[tensor][axis]
            axes[tensor][axis] = torch.tensor([place for place in range(length) if place not in places])
    return dict(axes)


def sliced(tensor: Tensor, axes: Mapping[int, Tensor]) -> Tensor:
    """What stays of a tensor, given what stays along its axes."""
    for axis, places in axes.items():
        tensor = tensor.index_select(axis, places.to(tensor.device))
    return tensor


def _checked(group: ChannelGroup, wanted: Tensor) -> Tensor:
    places = torch.as_tensor(wanted, dtype=torch.int64)
    if not places.numel() or int(places.min()) < 0 or int(places.max()) >= group.channels:
        raise ValueError(
            f"{group.name} has {group.channels} {group.unit}s and at least one stays, got "
            f"{'none' if not places.numel() else f'indices {int(places.min())} to {int(places.max())}'}"
        )
    return places
