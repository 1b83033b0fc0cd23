"""Which blocks of weights stay, for SPLoPA: as `importance` and `choice` do for channels."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from co_perception.adapters.forms import Blocks
from co_perception.adapters.importance import SCORES


def set_blocks(
    forms: Mapping[str, Blocks],
    density: float,
    how: str,
    weights: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
) -> None:
    """Let the share `density` of all blocks of a network stay, those whose entries score highest. Every weight keeps a
    block, and what is gone does not come back. A layer with zero blocks is as large and as slow as before: what becomes
    less is what is learned and stored.

    how, weights, gradients: as in `importance.channel_scores`.
    """
    scores = {
        name: _scores(SCORES[how](weights[name], gradients[name] if gradients else weights[name]), form)
        for name, form in forms.items()
    }
    ranked = torch.cat([each.flatten() for each in scores.values()]).sort(descending=True).values
    threshold = ranked[max(round(density * len(ranked)), 1) - 1]
    for name, form in forms.items():
        best = scores[name] == scores[name].max()
        form.stays = form.stays & ((scores[name] >= threshold) | best)


def _scores(entries: Tensor, form: Blocks) -> Tensor:
    """(rows, columns) of blocks: the sum of their entries, 1 on average over the weight; nothing where one is gone."""
    size, flat = form.prototypes.size, entries.flatten(2).sum(2) if entries.dim() > 2 else entries
    pads = [math.ceil(side / size) * size - side for side in flat.shape]
    sums = F.pad(flat, (0, pads[1], 0, pads[0])).unflatten(1, (-1, size)).unflatten(0, (-1, size)).sum((1, 3))
    present = sums / sums.mean().clamp(min=torch.finfo(sums.dtype).tiny)
    return torch.where(form.stays, present, -torch.ones_like(present))
