"""Choice of the event detector's thresholds per label, so that false alarms stay below a rate that was asked for.

Of each label the misses, the delays and the false alarms under each rule are known (`rule_trials`), in parts of five
minutes. On every third part rules are chosen, a sequence of them from strict to loose, in which misses and delays
together cost least for so many false alarms. The other parts decide how far one may go in that sequence: as long as the
upper end of the interval for the rate of all false alarms stays within the budget (fixed sequence testing, as in
Angelopoulos et al., Learn then Test, arXiv 2110.01052). So the rules are not judged by what they were chosen on, which
would flatter them.

The interval is the exact one for counts of a Poisson process (`metrics.poisson_rate`): k = 0 in T hours allows up to
3.7 / T an hour at the level of 95 %, so a rate that too little data cannot show is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from co_perception.evaluation.metrics.poisson_rate import least_hours, most_alarms, poisson_interval
from co_perception.evaluation.rule_trials import TrialTable
from co_perception.online.events import Rules

DELAY_S = 10.0  # of delay that costs as much as a miss
EVERY = 3  # one part in so many is for choosing, the others are for judging
TIGHTER = (3, 2, 1)  # steps of `on` by which rules without any false alarm are made stricter, at the beginning


@dataclass(frozen=True)
class LabelChoice:
    """The rule of one label, and what it does in the parts for judging."""

    label: str
    rules: Rules
    true: int
    missed: int
    mean_delay_s: float  # NaN where nothing was found
    false: int


@dataclass(frozen=True)
class TuningResult:
    """The rules of all labels, and the rate of their false alarms in the parts for judging, with its interval [1/h]."""

    choices: tuple[LabelChoice, ...]
    hours: float
    per_hour: float
    interval: tuple[float, float]
    level: float

    @property
    def false(self) -> int:
        return sum(each.false for each in self.choices)


def choose(table: TrialTable, per_hour: float, level: float = 0.95) -> TuningResult:
    """The rule of each label.

    Of rules that cost the same, the one with fewer false alarms is taken, and of these the strictest; so a label of
    which there is no example gets the strictest one.

    Args:
        table: of all labels.
        per_hour: false alarms of all labels together that are allowed, at most.
        level: of the interval whose upper end stays below that.

    Raises:
        ValueError: where the recordings are too short to show such a rate, or no rules keep to it.
    """
    parts = np.arange(len(table.hours))
    choosing, judging = table.of(parts[parts % EVERY == 0]), table.of(parts[parts % EVERY != 0])
    hours = float(judging.hours.sum())
    most = most_alarms(per_hour, hours, level)
    if most < 0:
        whole, needed = float(table.hours.sum()), least_hours(per_hour, level) * EVERY / (EVERY - 1)
        raise ValueError(
            f"too little data: of {_duration(whole)} two thirds are for judging, and {_duration(hours)} without a "
            f"single false alarm would show a rate below {poisson_interval(0, level)[1] / max(hours, 1e-9):.3g} an "
            f"hour at {level:.0%}, not below {per_hour:g}. Record {_duration(needed)} in all, or ask for more false "
            "alarms per hour."
        )
    chosen: list[int] | None = None
    for picked in _sequence(choosing, EVERY * most + EVERY):
        if sum(int(judging.false[k, g].sum()) for k, g in enumerate(picked)) > most:
            break
        chosen = picked
    if chosen is None:
        raise ValueError(
            f"even the strictest rules give more than the {most} false alarms in {_duration(hours)} that would show at "
            f"most {per_hour:g} an hour: ask for more, or train the model on what it takes for something else."
        )
    choices = tuple(_label_choice(judging, k, g) for k, g in enumerate(chosen))
    count = sum(each.false for each in choices)
    low, high = poisson_interval(count, level)
    return TuningResult(choices, hours, count / hours, (low / hours, high / hours), level)


def _sequence(table: TrialTable, most: int) -> Iterator[list[int]]:
    """The rules of all labels, from strict to loose: the strictest; those without a false alarm, first tightened; then
    with one more false alarm at a time, up to `most`."""
    labels = len(table.labels)
    strictest = max(range(len(table.rules)), key=lambda g: (_strictness(table.rules[g]), g))
    yield [strictest] * labels
    options = [list(_options(table, k, most)) for k in range(labels)]
    least = [of_label[0][2] if of_label else strictest for of_label in options]
    tightest = [next((g for alarms, _, g in of_label if alarms == 0), least[k]) for k, of_label in enumerate(options)]
    for steps in TIGHTER:
        yield [_tightened(table.rules, g, steps) for g in tightest]
    cheapest = math.inf
    for _, (cost, picked) in sorted(_cheapest(options, most).items()):
        if cost < cheapest:
            cheapest = cost
            yield picked


def _strictness(rules: Rules) -> tuple[float, float, float]:
    return rules.on, rules.min_on_s, rules.off


def _tightened(rules: Sequence[Rules], g: int, steps: int) -> int:
    """The rule with an `on` that is so many steps of the grid higher, and all else alike as far as that goes."""
    levels = sorted({each.on for each in rules})
    on = levels[min(levels.index(rules[g].on) + steps, len(levels) - 1)]
    alike = [n for n, each in enumerate(rules) if each.on == on and each.min_on_s == rules[g].min_on_s]
    same = [n for n in alike if rules[n].min_off_s == rules[g].min_off_s]
    return (same or alike or [g])[0]


def _options(table: TrialTable, k: int, most: int) -> Iterator[tuple[int, float, int]]:
    """For each number of false alarms up to `most`, the best rule of a label with so many: (alarms, cost, rule)."""
    false = table.false[k].sum(axis=-1)
    cost = table.missed[k].sum(axis=-1) + table.delay_s[k].sum(axis=-1) / DELAY_S
    order = sorted(range(len(table.rules)), key=lambda g: (int(false[g]), float(cost[g]), -g))
    best = math.inf
    for g in order:
        if false[g] <= most and cost[g] < best:
            best = float(cost[g])
            yield int(false[g]), best, g


def _cheapest(options: Sequence[Sequence[tuple[int, float, int]]], most: int) -> dict[int, tuple[float, list[int]]]:
    """For each number of false alarms in all, up to `most`, the least cost and the option of each label."""
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for of_label in options:
        grown: dict[int, tuple[float, list[int]]] = {}
        for (alarms, (cost, picked)), (more, costs, g) in product(best.items(), of_label):
            whole = alarms + more
            if whole <= most and cost + costs < grown.get(whole, (math.inf, []))[0]:
                grown[whole] = cost + costs, [*picked, g]
        best = grown
    return best


def _label_choice(table: TrialTable, k: int, g: int) -> LabelChoice:
    true, missed = int(table.true[k].sum()), int(table.missed[k, g].sum())
    delay_s = float(table.delay_s[k, g].sum()) / (true - missed) if true > missed else math.nan
    return LabelChoice(table.labels[k], table.rules[g], true, missed, delay_s, int(table.false[k, g].sum()))


def trade(table: TrialTable, rates: Sequence[float], level: float = 0.95) -> Mapping[float, TuningResult]:
    """The choices for several rates, as far as they can be shown."""
    found = {}
    for rate in rates:
        try:
            found[rate] = choose(table, rate, level)
        except ValueError:
            continue
    return found


def _duration(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"
