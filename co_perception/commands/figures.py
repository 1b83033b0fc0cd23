"""Figures of an evaluation on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from co_perception.commands.output import print_table

if TYPE_CHECKING:
    from co_perception.evaluation.comparison import Comparison
    from co_perception.evaluation.metrics.summary import Summary

COMPARED = ("top1", "macro_f1", "map", "mcap", "event_f1_50", "delay_s", "ece")
OF_CLASS = ("precision", "recall", "f1", "ap")
MANY = 20  # classes beyond which only those that occur are listed


def print_recordings(recordings: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """What was read."""
    rows = [
        (name, str(told["records"]), _seconds(told), "; ".join(filter(None, [told["error"], *told["damage"]])))
        for name, told in recordings
    ]
    print_table([("recording", "records", "seconds", "trouble"), *rows])


def print_summary(recogniser: str, summary: Summary) -> None:
    """What it is worth."""
    counts = summary.counts
    print(
        f"\n{recogniser} on {summary.recordings} recording(s): {counts['judged']} frames judged, "
        f"{counts['warm_up']} of them before it had seen enough, {counts['dropped']} dropped."
    )
    rows = [(name, _number(value), _between(summary, name)) for name, value in summary.overall.items()]
    print_table([("figure", "value", f"{summary.bootstrap.level:.0%} interval" if summary.units else ""), *rows])
    shown = [n for n in range(len(summary.classes)) if len(summary.classes) <= MANY or _occurs(summary, n)]
    print()
    classes = [(name, summary.per_class[name]) for name in (summary.classes[n] for n in shown)]
    of_classes = [
        (name, f"{found['frames']:.0f}", *(_number(found.get(figure)) for figure in OF_CLASS))
        for name, found in classes
    ]
    print_table([("class", "frames", *OF_CLASS), *of_classes])
    print("\nWhat it was (rows), and what was said (columns):")
    names = [summary.classes[n] for n in shown]
    cells = [(name, *(f"{summary.confusion[n, m]:.0f}" for m in shown)) for name, n in zip(names, shown, strict=True)]
    print_table([("", *names), *cells])
    print_timing(summary)


def print_timing(summary: Summary) -> None:
    """How long answers took, on this machine."""
    told = ", ".join(f"{name} {value:.1f}" for name, value in summary.timing.latency_ms.items() if value is not None)
    print(f"\nLatency in ms: {told or 'not measured'}. Frames missed: {summary.timing.missed}.")


def print_conditions(runs: Mapping[str, Summary]) -> None:
    """Each run's figures, and how far they are from those of the first one."""
    clean = next(iter(runs.values())).overall
    print("\nUnder faults, and what that changes:")
    rows = []
    for name, summary in runs.items():
        cells = [_number(summary.overall[figure]) for figure in COMPARED]
        if summary.overall is not clean:
            changes = [summary.overall[figure] - clean[figure] for figure in COMPARED]
            cells = [f"{cell} ({change:+.3f})" for cell, change in zip(cells, changes, strict=True)]
        rows.append((name, *cells, str(summary.timing.missed)))
    print_table([("condition", *COMPARED, "missed"), *rows])


def print_comparison(found: Comparison) -> None:
    """How far two runs agree."""
    print(
        f"\nCompared: {found.both} records of both runs, {found.agreement:.2%} with the same label; probabilities "
        f"differ by {found.largest_difference:.2g} at most. {found.only_first} records are new, {found.only_second} "
        "are gone."
    )
    if found.first_parting:
        recording, stamp_ns, subject = found.first_parting
        print(f"They part at {stamp_ns} ns of {recording}, subject {subject!r}.")


def _occurs(summary: Summary, number: int) -> bool:
    return bool(summary.confusion[number].sum() + summary.confusion[:, number].sum())


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"


def _between(summary: Summary, name: str) -> str:
    if name not in summary.intervals:
        return ""
    low, high = summary.intervals[name]
    return f"{low:.3f} to {high:.3f}"


def _seconds(told: Mapping[str, Any]) -> str:
    return "-" if told["first_ns"] is None else f"{(told['last_ns'] - told['first_ns']) / 1e9:.1f}"
