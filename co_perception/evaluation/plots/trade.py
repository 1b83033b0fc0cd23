"""Figure of misses and delay against the rate of false alarms that is allowed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from co_perception.evaluation.plots.style import COLORS, FAINT, INK, pyplot
from co_perception.evaluation.rule_trials import TrialTable
from co_perception.evaluation.threshold_choice import trade

POINTS = 24


def draw_trade(path: Path, table: TrialTable, rate: float, level: float) -> None:
    """Draws the share of missed activities and their mean delay for rates about the one that was asked for.

    Args:
        path: of the picture.
        table: of all labels.
        rate: that was asked for [1/h].
        level: of the interval of the rate.
    """
    found = trade(table, [float(each) for each in rate * np.geomspace(1 / 16, 64, POINTS)], level)
    plt = pyplot()
    figure, (misses, delays) = plt.subplots(2, 1, figsize=(8, 6), sharex=True)
    labels = [label for k, label in enumerate(table.labels) if table.true[k].any()]
    for place, label in enumerate(labels):
        own = [(x, next(each for each in result.choices if each.label == label)) for x, result in found.items()]
        rates, color = [x for x, _ in own], COLORS[place % len(COLORS)]
        misses.plot(
            rates, [each.missed / each.true for _, each in own], color=color, label=label, drawstyle="steps-post"
        )
        delays.plot(rates, [each.mean_delay_s for _, each in own], color=color, drawstyle="steps-post")
    for axes, what in ((misses, "share missed"), (delays, "mean delay [s]")):
        axes.axvline(rate, color=FAINT, ls="--", lw=1)
        axes.set_ylabel(what, color=INK)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
    delays.set_xlabel(f"false alarms per hour that are allowed, all labels, at {level:.0%}", color=INK)
    if labels:
        misses.legend(fontsize=8, ncols=3)
    figure.savefig(path, dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)
