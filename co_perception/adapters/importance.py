"""How much each channel of a group matters: a figure for every one, comparable over groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from co_perception.adapters.groups import ChannelGroup, Member

Score = Callable[[Tensor, Tensor], Tensor]
# Of each entry of a weight w with the gradient g of the loss.
SCORES: dict[str, Score] = {
    # Li et al., "Pruning filters for efficient ConvNets", ICLR 2017, with squares
    "magnitude": lambda w, g: w.square(),
    # Sun et al., "meProp", ICML 2017; the criterion of the channel experiments in "Structured Pruning Adapters"
    "gradient": lambda w, g: g.square(),
    # Molchanov et al., "Importance Estimation for Neural Network Pruning", CVPR 2019
    "taylor": lambda w, g: (w * g).abs(),
}


def channel_scores(
    groups: Iterable[ChannelGroup], how: str, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """(channels,) for each group by name: the mean over the weights of its members of what their entries sum to, and
    over the group's channels 1 on average.

    how: a name in SCORES. weights, gradients: by tensor name; "magnitude" needs no gradients. Biases and running
    statistics do not count. Raises: ValueError for a name that there is not.
    """
    if how not in SCORES:
        raise ValueError(f"importance is one of {', '.join(SCORES)}, got {how!r}")
    entries = {
        name: SCORES[how](weight, gradients[name] if gradients else weight).double()
        for name, weight in weights.items()
        if name.endswith("weight")
    }
    return {group.name: _scores(group, entries) for group in groups}


def _scores(group: ChannelGroup, entries: Mapping[str, Tensor]) -> Tensor:
    each = torch.stack([_sums(member, entries[member.tensor]) for member in group.members if member.tensor in entries])
    mean = each.mean(0)
    return mean / mean.mean().clamp(min=torch.finfo(mean.dtype).tiny)


def _sums(member: Member, entries: Tensor) -> Tensor:
    """(channels,) sums over the entries that are a channel's along this axis."""
    along = entries.movedim(member.axis, 0).reshape(entries.shape[member.axis], -1).sum(1)
    return along[member.places.to(along.device)].sum(1)
