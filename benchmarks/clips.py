"""From video clips to a model, on people who are left out: `python -m benchmarks.clips --data ut_interaction`.

UT-Interaction, set 1 (Ryoo and Aggarwal, 2010): one of two people kicks, points at, punches or pushes the other, or
both shake hands or hug, which counts as "other" here, as does all that the other one does. For each pair of people the
commands `train` and `evaluate` are called as a user calls them: trained on the clips of all other pairs, from the
everyday model, and judged on this pair's. Nothing is chosen by what is reported: settings are tried with
`--pairs` on some pairs, and reported on others.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from co_perception import cli
from co_perception.commands.clips import record_clips
from co_perception.commands.output import print_table
from co_perception.data.parsing import Skipped

LABELS = ("other", "other", "kick", "point", "punch", "push")  # by the last number of a clip's name
BOTH = 2  # the first labels are what both do
FIGURES = ("balanced_accuracy", "segment_f1_50", "event_f1_50", "top1")


def write_table(path: Path, clips: Sequence[Path], who: Mapping[str, str]) -> None:
    """A table of clips; `who` tells by the stem of a clip's name who acts in it, where the rule is wrong."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "label", "who"])
        for clip in clips:
            act = int(clip.stem.split("_")[2])
            writer.writerow([clip.resolve(), LABELS[act], who.get(clip.stem, "two" if act < BOTH else "most")])


def pair_of(clip: Path) -> int:
    """The number of the pair of people in a clip called NUMBER_PAIR_ACT.avi."""
    return int(clip.stem.split("_")[1])


def figures_of(run: Path) -> dict[str, float]:
    """The figures in a folder of `evaluate`, and what chance gives of balanced accuracy."""
    found: Any = json.loads((run / "summary.json").read_text(encoding="utf-8"))["figures"]
    chance = found["chance"]["balanced_accuracy"]
    return {**{name: found["overall"][name] for name in FIGURES}, "chance": chance}


def judged_pair(pair: int, bags: Mapping[int, Sequence[Path]], out: Path, options: Sequence[str]) -> dict[str, float]:
    """Figures of one pair, by a model of all others. Raises: RuntimeError where a command fails."""
    folder, background = out / f"pair_{pair}", ["--background", "other"]
    others = [str(bag) for number, found in bags.items() if number != pair for bag in found]
    train = ["train", *others, *background, "--hold-out", "0", "--out", str(folder / "lesson"), *options]
    if cli.main(train):
        raise RuntimeError(f"training without pair {pair} failed")
    own = [str(bag) for bag in bags[pair]]
    evaluate = ["evaluate", *own, "--model", str(folder / "lesson"), *background, "--held-out", "--out"]
    if cli.main([*evaluate, str(folder / "run")]):
        print(f"pair {pair}: see the lines above", file=sys.stderr)
    return figures_of(folder / "run")


def recorded(data: Path, who: Path | None, out: Path) -> dict[int, list[Path]]:
    """Recordings of the clips in a folder, by the pair of people in them; prints how long the pose network took.

    Args:
        data: folder of the clips NUMBER_PAIR_ACT.avi.
        who: JSON that tells who acts, by the stem of a clip, where the rule is wrong.
        out: folder that gets the table and the recordings.
    """
    clips = sorted(data.glob("*_*_*.avi"), key=lambda clip: int(clip.stem.split("_")[0]))
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "clips.csv", clips, json.loads(who.read_text(encoding="utf-8")) if who else {})
    began_s, skipped = time.perf_counter(), Skipped()
    found = record_clips([out / "clips.csv"], out / "recordings", "most", (), skipped)
    print(f"{len(found)} recordings in {time.perf_counter() - began_s:.0f} s. {skipped.report()}")
    bags = defaultdict[int, list[Path]](list)
    for bag in found:
        bags[pair_of(bag)].append(bag)
    return bags


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the clips NUMBER_PAIR_ACT.avi")
    parser.add_argument("--pairs", type=int, nargs="+", help="left out one after the other (default: all)")
    parser.add_argument("--who", type=Path, help="JSON: who acts, by the stem of a clip, where the rule is wrong")
    parser.add_argument("--out", type=Path, default=Path("out/clips"))
    given, options = parser.parse_known_args(arguments)
    options = options or ["--from", "cotcn_everyday"]
    bags = recorded(given.data, given.who, given.out)
    pairs = given.pairs or sorted(bags)
    rows = {pair: judged_pair(pair, bags, given.out, options) for pair in pairs}
    names = (*FIGURES, "chance")
    values = np.array([[rows[pair][name] for name in names] for pair in pairs], float)
    mean, spread = values.mean(0), values.std(0, ddof=1 if len(pairs) > 1 else 0)
    print_table(
        [
            ("pair", *names),
            *((str(pair), *(f"{value:.3f}" for value in row)) for pair, row in zip(pairs, values, strict=True)),
            ("mean", *(f"{value:.3f}" for value in mean)),
            ("deviation", *(f"{value:.3f}" for value in spread)),
        ]
    )
    (given.out / "clips.json").write_text(json.dumps({"options": options, "rows": rows}, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
