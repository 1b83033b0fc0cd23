"""Selection of channels and blocks in pruning: importance scores, schedule of the density, which ones are retained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from co_perception.adapters.forms import Blocks
from co_perception.adapters.groups import ChannelGroup, Retained

SCHEDULES = ("linear", "cubic", "once")
Score = Callable[[Tensor, Tensor], Tensor]
# Of each entry of a weight w with the gradient g of the loss.
SCORES: dict[str, Score] = {
    # Li et al., "Pruning filters for efficient ConvNets", arXiv:1608.08710, with squares
    "magnitude": lambda w, g: w.square(),
    # Sun et al., "meProp", arXiv:1706.06197; the criterion of the channel experiments in "Structured Pruning Adapters"
    "gradient": lambda w, g: g.square(),
    # Molchanov et al., "Importance Estimation for Neural Network Pruning", arXiv:1906.10771
    "taylor": lambda w, g: (w * g).abs(),
}


def channel_scores(
    groups: Iterable[ChannelGroup], how: str, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Importance (channels,) of each group's channels by its name, 1 on average over a group.

    A channel's importance is the sum of its entries' scores, as a mean over the weights of the group. Biases and
    running statistics do not count.

    Args:
        how: a name in SCORES.
        weights, gradients: by tensor name; "magnitude" needs no gradients.

    Raises: ValueError for an unknown name.
    """
    if how not in SCORES:
        raise ValueError(f"importance is one of {', '.join(SCORES)}, got {how!r}")
    entries = {
        name: SCORES[how](weight, gradients[name] if gradients else weight).double()
        for name, weight in weights.items()
        if name.endswith("weight")
    }
    found = {}
    for group in groups:
        sums = []  # (channels,) over the entries that are a channel's, one for each weight
        for member in group.members:
            if (entry := entries.get(member.tensor)) is not None:
                along = entry.movedim(member.axis, 0).reshape(entry.shape[member.axis], -1).sum(1)
                sums.append(along[member.places.to(along.device)].sum(1))
        mean = torch.stack(sums).mean(0)
        found[group.name] = mean / mean.mean().clamp(min=torch.finfo(mean.dtype).tiny)
    return found


def density_at(done: float, target: float, schedule: str = "cubic", until: float = 0.5) -> float:
    """The density at one moment of a training: falls from 1 to `target`.

    Args:
        done: share 0..1 of the training that is done.
        target: the last density, above 0.
        schedule: "linear"; "cubic": most channels go early, while there is time to recover (Zhu and Gupta, "To prune,
            or not to prune", arXiv:1710.01878); "once": all of them at `until`.
        until: share of the training at which `target` is reached.

    Raises: ValueError for shares out of range or another schedule.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule is one of {', '.join(SCHEDULES)}, got {schedule!r}")
    if not 0 < target <= 1 or not 0 < until <= 1:
        raise ValueError(f"density and until are shares above 0 and at most 1, got {target} and {until}")
    progress = min(done / until, 1.0)
    left = {"linear": 1 - progress, "cubic": (1 - progress) ** 3, "once": float(progress < 1)}[schedule]
    return target + (1 - target) * left


def select_channels(
    groups: Sequence[ChannelGroup],
    scores: Mapping[str, Tensor],
    density: float,
    before: Retained | None = None,
    *,
    least: float = 0.5,
    multiple: int = 1,
) -> dict[str, Tensor]:
    """The channels that each group retains: of all groups together the share `density`, those with the highest scores.

    Every group retains at least one.

    Args:
        scores: (channels,) of each group by name, as `channel_scores` gives them.
        density: share 0..1 of all channels.
        before: channels retained so far; what was removed does not come back.
        least: share of `density` that every group retains, so that no layer becomes a bottleneck; 1: all groups have
            the same density.
        multiple: numbers of channels are rounded to multiples of it.
    """
    if not 0 <= least <= 1 or multiple < 1:
        raise ValueError(f"least is a share 0..1 and multiple at least 1, got {least} and {multiple}")
    ranked = {}  # channels that are there, best first
    for group in groups:
        order = scores[group.name].argsort(descending=True, stable=True).cpu()
        there = (before or {}).get(group.name)
        ranked[group.name] = order if there is None else order[(order[:, None] == there).any(1)]
    # Each group's minimum, and then the best of all the others.
    counts = [min(max(math.floor(density * least * group.channels), 1), len(ranked[group.name])) for group in groups]
    others = [
        (float(scores[group.name][channel]), -place)
        for place, (group, count) in enumerate(zip(groups, counts, strict=True))
        for channel in ranked[group.name][count:]
    ]
    more = round(density * sum(group.channels for group in groups)) - sum(counts)
    for _, place in sorted(others, reverse=True)[: max(more, 0)]:
        counts[-place] += 1
    retained = {}
    for group, count in zip(groups, counts, strict=True):
        rounded = max(round(count / multiple), 1) * multiple if group.channels > multiple else count
        retained[group.name] = ranked[group.name][:rounded].sort().values
    return retained


def select_blocks(
    forms: Mapping[str, Blocks],
    density: float,
    how: str,
    weights: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
) -> None:
    """Retain the share `density` of all blocks of a network (SPLoPA), those whose entries score highest.

    Every weight retains at least one block, and what was removed does not come back. A layer with zero blocks is as
    large and as slow as before; fewer numbers are learned and stored. how, weights, gradients: see `channel_scores`.
    """
    scores = {}  # (rows, columns) of blocks: sums of entries, 1 on average over the weight; -1 for a removed one
    for name, form in forms.items():
        entries = SCORES[how](weights[name], gradients[name] if gradients else weights[name])
        size, flat = form.prototypes.size, entries.flatten(2).sum(2) if entries.dim() > 2 else entries
        pads = [math.ceil(side / size) * size - side for side in flat.shape]
        sums = F.pad(flat, (0, pads[1], 0, pads[0])).unflatten(1, (-1, size)).unflatten(0, (-1, size)).sum((1, 3))
        present = sums / sums.mean().clamp(min=torch.finfo(sums.dtype).tiny)
        scores[name] = torch.where(form.stays, present, -torch.ones_like(present))
    ranked = torch.cat([each.flatten() for each in scores.values()]).sort(descending=True).values
    threshold = ranked[max(round(density * len(ranked)), 1) - 1]
    for name, form in forms.items():
        best = scores[name] == scores[name].max()
        form.stays = form.stays & ((scores[name] >= threshold) | best)
