"""Adds a run's ratios to a history, and finds those that fell: `ratio_history.py out/bench/steps.json ratios.csv`.

Milliseconds of different machines do not compare; the ratio to the reference, measured in the same minute, does. Ends
with status 1 where one is a quarter below the median of its last ten.
"""

from __future__ import annotations

import csv
import datetime
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

LAST, LEAST = 10, 3  # values that are compared with, and how many there must be
FALL = 0.75
HEAD = ("date", "network", "backend", "ratio")


def fallen(history: dict[str, list[float]], ratios: dict[str, float]) -> list[str]:
    """A line for each ratio that is far below the median of those before."""
    lines = []
    for name, ratio in ratios.items():
        before = history.get(name, [])[-LAST:]
        if len(before) >= LEAST and ratio < FALL * (usual := statistics.median(before)):
            lines.append(f"{name}: {ratio:.2f} times as fast as the reference, before {usual:.2f}")
    return lines


def main(results: Path, file: Path) -> int:
    """Reads both files, writes the second; prints what fell."""
    rows = json.loads(results.read_text())
    ratios = {f"{row['network']} {row['backend']}": row["ratio"] for row in rows if row["ratio"]}
    history: dict[str, list[float]] = defaultdict(list)
    if file.is_file():
        for row in csv.DictReader(file.open(newline="")):
            history[f"{row['network']} {row['backend']}"].append(float(row["ratio"]))
    lines = fallen(history, ratios)
    with file.open("a", newline="") as opened:
        writer = csv.writer(opened)
        if not history:
            writer.writerow(HEAD)
        today = datetime.date.today().isoformat()
        writer.writerows([today, *name.split(" ", 1), f"{ratio:.3f}"] for name, ratio in ratios.items())
    print("\n".join(lines) or f"{len(ratios)} ratios, none fell")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
