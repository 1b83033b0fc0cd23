"""Choice of the event detector's thresholds per label, so that false alarms stay below a rate that was asked for.

Every rule of a grid is tried on recordings with annotations: of each label the misses, the delays and the false alarms
under each rule are counted, by the detector of the nodes, in parts of five minutes. On every third part rules are
chosen, a sequence of them from strict to loose, in which misses and delays together cost least for so many false
alarms. The other parts decide how far one may go in that sequence: as long as the upper end of the interval for the
rate of all false alarms stays within the budget (fixed sequence testing, as in Angelopoulos et al., Learn then Test,
arXiv 2110.01052). So the rules are not judged by what they were chosen on, which would flatter them.

The interval is the exact one for counts of a Poisson process (Garwood, Fiducial limits for the Poisson distribution,
Biometrika, 1936): k = 0 in T hours allows up to 3.7 / T an hour at the level of 95 %, so a rate that too little data
cannot show is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.evaluation.ground_truth import LabeledRecording
from co_perception.evaluation.metrics.segments import (
    Segment,
    overlapping,
    segments_of_annotations,
    segments_of_events,
    within,
)
from co_perception.evaluation.subject_track import detected_events, detector_frames
from co_perception.online.events import Rules

ON = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
LASTING = ((0.7, 0.3), (0.5, 1.0))  # off as a share of on, and min_off_s
MIN_ON_S = (0.2, 0.5, 1.0, 2.0)
DELAY_S = 10.0  # of delay that costs as much as a miss
PART_NS = 300_000_000_000  # of a recording, in which is counted
EVERY = 3  # one part in so many is for choosing, the others are for judging
TIGHTER = (3, 2, 1)  # steps of `on` by which rules without any false alarm are made stricter, at the beginning
HOUR_NS = 3_600_000_000_000
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def rule_grid() -> list[Rules]:
    """All rules that are tried, the less strict first."""
    return [
        Rules(on=on, off=round(on * share, 3), min_on_s=min_on_s, min_off_s=min_off_s)
        for on, min_on_s, (share, min_off_s) in product(ON, MIN_ON_S, LASTING)
    ]


def poisson_interval(count: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of the mean of a Poisson distribution of which one draw is `count` (Garwood, 1936).

    >>> [round(end, 2) for end in poisson_interval(0)], [round(end, 2) for end in poisson_interval(10)]
    ([0.0, 3.69], [4.8, 18.39])
    """
    tail = (1 - level) / 2
    low = 0.0 if count == 0 else _mean_where(lambda mean: 1 - _at_most(count - 1, mean) - tail)
    return low, _mean_where(lambda mean: tail - _at_most(count, mean))


def _at_most(count: int, mean: float) -> float:
    """The probability of at most `count` by a Poisson distribution."""
    terms = np.arange(count + 1)
    logs = terms * math.log(mean) - mean - np.array([math.lgamma(term + 1) for term in terms])
    return float(np.exp(logs).sum())


def _mean_where(rising: Callable[[float], float]) -> float:
    """Where a function of the mean that rises crosses zero, by bisection."""
    low, high = 1e-12, 1.0
    while rising(high) < 0:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return high


def most_alarms(per_hour: float, hours: float, level: float) -> int:
    """The most false alarms in `hours` that still show, at this level, a rate of at most `per_hour`; -1: not even none.

    >>> most_alarms(1.0, 2.0, 0.95), most_alarms(1.0, 24.0, 0.95)
    (-1, 14)
    """
    count = -1
    while poisson_interval(count + 1, level)[1] <= per_hour * hours:
        count += 1
    return count


def least_hours(per_hour: float, level: float) -> float:
    """The hours without any false alarm that show a rate of at most `per_hour`."""
    return poisson_interval(0, level)[1] / per_hour


@dataclass(frozen=True, eq=False)
class TrialTable:
    """What became of each label under each rule in each part of the recordings.

    Args:
        labels: (L,) in order.
        rules: (G,) that were tried.
        hours: (N,) length of each part.
        false: (L, G, N) onsets with nothing of the label about them.
        missed: (L, G, N) true activities that were not found before they were over.
        delay_s: (L, G, N) sum of the delays of those that were found [s].
        true: (L, N) activities.
    """

    labels: tuple[str, ...]
    rules: tuple[Rules, ...]
    hours: Floats
    false: Ints
    missed: Ints
    delay_s: Floats
    true: Ints

    def of(self, parts_of_time: Sequence[int] | Ints) -> TrialTable:
        """The same of some parts; one may come several times."""
        place = np.asarray(parts_of_time)
        parts: list[Any] = [each[..., place] for each in (self.hours, self.false, self.missed, self.delay_s, self.true)]
        return TrialTable(self.labels, self.rules, *parts)


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


def trials(
    recordings: Sequence[LabeledRecording],
    labels: Sequence[str],
    classes: Sequence[str],
    report: Callable[[float], None] = lambda share: None,
    grid: Sequence[Rules] = (),
) -> TrialTable:
    """Tries each rule on the records of one group of labels.

    Args:
        recordings: narrowed to the group, with what is true.
        labels: whose events count, without those of none.
        classes: of the group, in the order of the probabilities.
        report: takes the share that is done.
        grid: rules; none: `rule_grid`.
    """
    rules = tuple(grid or rule_grid())
    tables = []
    for n, recording in enumerate(recordings):

        def share(done: float, n: int = n) -> None:
            report((n + done) / len(recordings))

        tables.append(_trials_of(recording, labels, classes, rules, share))
    names = "hours", "false", "missed", "delay_s", "true"
    parts: list[Any] = [np.concatenate([getattr(each, name) for each in tables], axis=-1) for name in names]
    return TrialTable(tuple(labels), rules, *parts)


def _trials_of(
    recording: LabeledRecording,
    labels: Sequence[str],
    classes: Sequence[str],
    rules: tuple[Rules, ...],
    report: Callable[[float], None],
) -> TrialTable:
    """The table of one recording, a column for each part of it."""
    frames, last_ns = detector_frames(recording.records, classes)
    first_ns = min((stamp_ns for _, stamp_ns, _ in frames), default=last_ns)
    parts = max(1, round((last_ns - first_ns) / PART_NS))
    width_ns = max((last_ns - first_ns) / parts, 1.0)

    def part(at_ns: int) -> int:
        return min(max(int((at_ns - first_ns) / width_ns), 0), parts - 1)

    shape = len(labels), len(rules), parts
    false, missed, delay_s = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape)
    true, hours = np.zeros((shape[0], parts), np.int64), np.full(parts, width_ns / HOUR_NS)
    subjects = _subjects(recording, first_ns, last_ns)
    for truth, _ in subjects.values():
        for each in truth:
            if each.label in labels:
                true[labels.index(each.label), part(each.start_ns)] += 1
    for g, rule in enumerate(rules):
        found = segments_of_events(detected_events(frames, rule, recording.group, last_ns))
        for subject, (truth, known) in subjects.items():
            detected = within(sorted(found.get(subject, []), key=lambda each: each.start_ns), known)
            for k, label in enumerate(labels):
                wrong, delays = _outcome(label, truth, detected)
                for start_ns in wrong:
                    false[k, g, part(start_ns)] += 1
                for start_ns, seconds in delays:
                    missed[k, g, part(start_ns)] += seconds is None
                    delay_s[k, g, part(start_ns)] += seconds or 0.0
        report((g + 1) / len(rules))
    return TrialTable(tuple(labels), rules, hours, false, missed, delay_s, true)


def _subjects(recording: LabeledRecording, first_ns: int, last_ns: int) -> dict[str, tuple[list[Segment], Any]]:
    """The true segments of each subject, and when it is known what they do."""
    names = sorted({record.subject for record in recording.records if not record.dropped})
    truth = recording.truth
    return {
        name: (
            list(segments_of_annotations(truth.activities.get(name, ()))),
            truth.known(name, first_ns, last_ns + 1),
        )
        for name in names
    }  # fmt: skip


def _outcome(
    label: str, truth: Sequence[Segment], detected: Sequence[Segment]
) -> tuple[list[int], list[tuple[int, float | None]]]:
    """Of one label and subject: the stamps of false alarms, and each activity's stamp and delay [s]; None: missed."""
    own = [each for each in truth if each.label == label]
    onsets = [each for each in detected if each.label == label]
    false = [each.start_ns for each in onsets if not overlapping(each, own)]
    delays = list[tuple[int, float | None]]()
    for each in own:
        about = [onset.decided_ns for onset in onsets if overlapping(onset, [each])]
        decided = [decided_ns for decided_ns in about if decided_ns < each.end_ns]
        delays.append((each.start_ns, max(min(decided) - each.start_ns, 0) / 1e9 if decided else None))
    return false, delays


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


def joined(tables: Sequence[TrialTable]) -> TrialTable:
    """The tables of several groups of labels, of the same recordings and rules, as one."""
    first = tables[0]
    names = "false", "missed", "delay_s", "true"
    parts: list[Any] = [np.concatenate([getattr(each, name) for each in tables]) for name in names]
    return TrialTable(tuple(label for each in tables for label in each.labels), first.rules, first.hours, *parts)


def _duration(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"
