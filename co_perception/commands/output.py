"""Terminal output of commands: tables, a progress bar, and the figures of an evaluation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from co_perception.engine.stage_counts import StageCounts
    from co_perception.evaluation.comparison import Comparison
    from co_perception.evaluation.summary import Summary

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = argparse._SubParsersAction

BAR = 30
COMPARED = ("top1", "macro_f1", "map", "mcap", "event_f1_50", "delay_s", "ece")
OF_CLASS = ("precision", "recall", "f1", "ap")
MANY = 20  # classes beyond which only those that occur are listed


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Prints rows of cells in aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def megabytes(done: int, total: int) -> str:
    """Progress in bytes, in words."""
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"


def add_strict(parser: argparse.ArgumentParser) -> None:
    """Adds the option --strict."""
    parser.add_argument(
        "--strict", action="store_true",
        help="exit status 1 where more than 5 %% are lost at a stage from messages to answers",
    )  # fmt: skip


def print_losses(counts: StageCounts, strict: bool) -> int:
    """Prints a line on standard error for each stage that lost much. Returns the exit status.

    It is 1 where a stage let nothing pass, and with `strict` for each of these lines.
    """
    losses = counts.losses()
    for loss in losses:
        print(f"co-perception: {loss}", file=sys.stderr)
    return int(any(loss.whole for loss in losses) or (strict and bool(losses)))


class Bar:
    """Progress on standard error: one line that is drawn again on a terminal, a line for each tenth elsewhere.

    Args:
        in_words: writes how much is done of how much.
    """

    def __init__(self, in_words: Callable[[int, int], str] = megabytes) -> None:
        self._in_words = in_words
        self._activity = ""
        self._tenths = 0
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._end_line()

    def __call__(self, activity: str, done: int, total: int) -> None:
        """Shows the progress of an activity; without a total, only its name."""
        if activity != self._activity:
            self._end_line()
            self._activity, self._tenths = activity, 0
            if not self._live:
                print(activity, file=sys.stderr, flush=True)
        tenths = 10 * min(done, total) // total if total > 0 else 0
        if not self._live and tenths > self._tenths:
            self._tenths = tenths
            print(f"{activity}: {10 * tenths} %", file=sys.stderr, flush=True)
        if self._live:
            progress = " ..."
            if total > 0:
                filled = BAR * min(done, total) // total
                progress = f"  [{'#' * filled}{'.' * (BAR - filled)}] {self._in_words(done, total)}"
            print(f"\r{activity}{progress}\x1b[K", end="", file=sys.stderr, flush=True)

    def _end_line(self) -> None:
        if self._activity and self._live:
            print(file=sys.stderr)


def print_recordings(recordings: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Each recording: its records, its length, and its problems."""
    rows = []
    for name, found in recordings:
        begin_ns, end_ns = found["first_ns"], found["last_ns"]
        seconds = "-" if begin_ns is None else f"{(end_ns - begin_ns) / 1e9:.1f}"
        rows.append((name, str(found["records"]), seconds, "; ".join(filter(None, [found["error"], *found["damage"]]))))
    print_table([("recording", "records", "seconds", "problem"), *rows])


def print_summary(recognizer: str, summary: Summary) -> None:
    """All figures of one run: overall, by class, confusions, timing."""
    counts = summary.counts
    print(
        f"\n{recognizer} on {summary.recordings} recording(s): {counts['judged']} frames judged, "
        f"{counts['warm_up']} of them during warm-up, {counts['dropped']} dropped."
    )
    intervals = {name: f"{low:.3f} to {high:.3f}" for name, (low, high) in summary.intervals.items()}
    rows = [
        (name, _number(value), _number(summary.chance.get(name)), intervals.get(name, ""))
        for name, value in summary.overall.items()
    ]
    print_table([("figure", "value", "chance", f"{summary.bootstrap.level:.0%} interval" if intervals else ""), *rows])
    print(f"\ntop1 {_number(summary.judged.accuracy)}: {summary.judged.words()}.")
    occurs = summary.confusion.sum(axis=0) + summary.confusion.sum(axis=1) > 0
    shown = [n for n in range(len(summary.classes)) if len(summary.classes) <= MANY or occurs[n]]
    print()
    classes = [(name, summary.per_class[name]) for name in (summary.classes[n] for n in shown)]
    of_classes = [
        (name, f"{found['frames']:.0f}", *(_number(found.get(figure)) for figure in OF_CLASS))
        for name, found in classes
    ]
    print_table([("class", "frames", *OF_CLASS), *of_classes])
    print("\nTruth (rows) and prediction (columns):")
    names = [summary.classes[n] for n in shown]
    cells = [(name, *(f"{summary.confusion[n, m]:.0f}" for m in shown)) for name, n in zip(names, shown, strict=True)]
    print_table([("", *names), *cells])
    measured = summary.timing.latency_ms
    latency = ", ".join(f"{name} {value:.1f}" for name, value in measured.items() if value is not None)
    print(f"\nLatency in ms: {latency or 'not measured'}. Frames missed: {summary.timing.missed}.")


def print_conditions(runs: Mapping[str, Summary]) -> None:
    """Each run's figures, and their differences from those of the first one."""
    clean = next(iter(runs.values())).overall
    print("\nUnder faults, and what that changes:")
    rows = []
    for name, summary in runs.items():
        cells = [_number(summary.overall[figure]) for figure in COMPARED]
        if summary.overall is not clean:
            changes = [summary.overall[figure] - clean[figure] for figure in COMPARED]
            cells = [f"{cell} ({change:+.3f})" for cell, change in zip(cells, changes, strict=True)]
        rows.append((name, *cells, str(summary.timing.missed)))
    chance = next(iter(runs.values())).chance
    rows.append(("chance", *(_number(chance.get(figure)) for figure in COMPARED), ""))
    print_table([("condition", *COMPARED, "missed"), *rows])


def print_comparison(found: Comparison) -> None:
    """How far two runs agree, and where they first differ."""
    ours, theirs = (name or "a recognizer without a name" for name in found.recognizers)
    print(f"\n{ours} now, {theirs} then{': the same model' if ours == theirs else ''}.")
    print(
        f"Compared: {found.both} records of both runs, {found.agreement:.2%} with the same label; probabilities "
        f"differ by {found.largest_difference:.2g} at most. {found.only_first} records are new, {found.only_second} "
        "are gone."
    )
    if found.first_parting:
        recording, stamp_ns, subject, *group = found.first_parting
        print(
            f"They part at {stamp_ns} ns of {recording}, subject {subject!r}{''.join(f', {name}' for name in group)}."
        )


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"
