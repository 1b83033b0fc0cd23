"""Which channels stay: how many at each moment of a training, and which of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from co_perception.adapters.groups import ChannelGroup, Kept

SCHEDULES = ("linear", "cubic", "once")


def density_at(done: float, target: float, schedule: str = "cubic", until: float = 0.5) -> float:
    """The density to have when the share `done` of a training is behind, from 1 down to `target` at the share `until`.

    linear; cubic: most goes early, while there is time to recover (Zhu and Gupta, "To prune, or not to prune", 2017);
    once: all of it at `until`. Raises: ValueError for shares that are none, or another schedule.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule is one of {', '.join(SCHEDULES)}, got {schedule!r}")
    if not 0 < target <= 1 or not 0 < until <= 1:
        raise ValueError(f"density and until are shares above 0 and at most 1, got {target} and {until}")
    progress = min(done / until, 1.0)
    left = {"linear": 1 - progress, "cubic": (1 - progress) ** 3, "once": float(progress < 1)}[schedule]
    return target + (1 - target) * left


def chosen(
    groups: Sequence[ChannelGroup],
    scores: Mapping[str, Tensor],
    density: float,
    before: Kept | None = None,
    *,
    least: float = 0.5,
    multiple: int = 1,
) -> dict[str, Tensor]:
    """The channels that stay of each group: of all groups together the share `density`, those with the highest scores.

    before: what stayed so far; what is gone does not come back. least: the share of `density` that every group keeps,
    so that no layer becomes a bottleneck; 1 gives all of them the same density. multiple: counts are rounded to
    multiples of it, at least one. Every group keeps a channel.
    """
    if not 0 <= least <= 1 or multiple < 1:
        raise ValueError(f"least is a share 0..1 and multiple at least 1, got {least} and {multiple}")
    ranked = {group.name: _ranked(group, scores[group.name], before or {}) for group in groups}
    kept = {}
    for group, count in zip(groups, _counts(groups, scores, ranked, density, least), strict=True):
        rounded = max(round(count / multiple), 1) * multiple if group.channels > multiple else count
        kept[group.name] = ranked[group.name][:rounded].sort().values
    return kept


def _ranked(group: ChannelGroup, scores: Tensor, before: Kept) -> Tensor:
    """Channels that are there, best first."""
    there = before.get(group.name)
    order = scores.argsort(descending=True, stable=True).cpu()
    return order if there is None else order[(order[:, None] == there).any(1)]


def _counts(
    groups: Sequence[ChannelGroup], scores: Mapping[str, Tensor], ranked: Mapping[str, Tensor], density: float,
    least: float,
) -> list[int]:  # fmt: skip
    """How many stay of each group: its minimum, and then the best of all that is left."""
    sure = [min(max(math.floor(density * least * group.channels), 1), len(ranked[group.name])) for group in groups]
    others = sorted(
        (
            (float(scores[group.name][channel]), -place)
            for place, (group, count) in enumerate(zip(groups, sure, strict=True))
            for channel in ranked[group.name][count:]
        ),
        reverse=True,
    )
    more = round(density * sum(group.channels for group in groups)) - sum(sure)
    for _, place in others[: max(more, 0)]:
        sure[-place] += 1
    return sure
