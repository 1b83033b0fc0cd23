"""Five clips of each act, by some pairs of people, asked of other pairs: `show` beside `train` and beside chance.

    python -m benchmarks.shown_clips --data ut_interaction --who who.json

UT-Interaction, set 1, as in `benchmarks.clips`: kick, point, punch and push, and "other" for all else. Five of the ten
pairs of people teach, one clip of each act, and the commands are asked of the other five; then the other way round.
"acts" shows the four acts alone, "show" the clips of other acts, too, and what the other one does in all of them
(`--background other`), as `train` has it. `show` has no settings; those of `train` are its defaults with
`--from cotcn_everyday`. Options of `train` may follow.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.clips import FIGURES, figures_of, recorded
from co_perception import cli
from co_perception.commands.output import print_table
from co_perception.data.bags.labeled_bags import annotations_beside

OTHER = "other"
BACKGROUND = ["--background", OTHER]
WAYS = ("acts", "show", "train")
OPTIONS = ("--from", "cotcn_everyday")  # of `train`, unless others follow


def splits(pairs: Sequence[int], draws: int) -> list[tuple[list[int], list[int]]]:
    """Who teaches and who is asked: halves of the pairs, drawn `draws` times, each of them both ways."""
    rng, found = np.random.default_rng(0), list[tuple[list[int], list[int]]]()
    for _ in range(draws):
        drawn = rng.permutation(sorted(pairs)).tolist()
        one, other = sorted(drawn[: len(drawn) // 2]), sorted(drawn[len(drawn) // 2 :])
        found += [(one, other), (other, one)]
    return found


def taught(way: str, bags: Sequence[Path], out: Path, options: Sequence[str]) -> float:
    """Makes a model in `out` of recordings by one of `WAYS`; seconds that it took. Raises: RuntimeError if it fails."""
    sources, began_s = [str(bag) for bag in bags], time.perf_counter()
    if way == "acts":
        of_acts = [str(bag) for bag in bags if {each.label for each in annotations_beside(bag)} != {OTHER}]
        command = ["show", *of_acts, "--gallery", str(out)]
    elif way == "show":
        command = ["show", *sources, *BACKGROUND, "--gallery", str(out)]
    else:
        command = ["train", *sources, *BACKGROUND, "--hold-out", "0", "--out", str(out), *options]
    if cli.main(command):
        raise RuntimeError(f"{way} failed: see the lines above")
    return time.perf_counter() - began_s


def judged(model: Path, bags: Sequence[Path], out: Path) -> dict[str, float]:
    """Figures of `evaluate` of a model on recordings, and what shares of the frames of acts and others are recalled."""
    command = ["evaluate", *(str(bag) for bag in bags), "--model", str(model), *BACKGROUND, "--out", str(out)]
    if cli.main(command):
        print(f"{model}: see the lines above", file=sys.stderr)
    of_class = json.loads((out / "summary.json").read_text(encoding="utf-8"))["figures"]["per_class"]
    acts = float(np.mean([each["recall"] for label, each in of_class.items() if label != OTHER]))
    return {**figures_of(out), "acts": acts, OTHER: of_class[OTHER]["recall"]}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the clips NUMBER_PAIR_ACT.avi")
    parser.add_argument("--who", type=Path, help="JSON: who acts, by the stem of a clip, where the rule is wrong")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--draws", type=int, default=1, help="how often the pairs are halved (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out/shown_clips"))
    given, options = parser.parse_known_args(arguments)
    bags = recorded(given.data, given.who, given.out)
    names, rows = (*FIGURES, "chance", "acts", OTHER, "seconds"), dict[str, list[dict[str, float]]]()
    for number, (teach, asked) in enumerate(splits(list(bags), given.draws)):
        for way in given.ways:
            model, run = given.out / f"{way}_{number}", given.out / f"{way}_{number}_run"
            seconds = taught(way, [bag for pair in teach for bag in bags[pair]], model, options or OPTIONS)
            found = judged(model, [bag for pair in asked for bag in bags[pair]], run)
            rows.setdefault(way, []).append({**found, "seconds": seconds})
            print(f"{way}, by pairs {teach}: {rows[way][-1]}", flush=True)
    means = {way: {name: float(np.mean([row[name] for row in of])) for name in names} for way, of in rows.items()}
    print_table([("", *names), *((way, *(f"{of[name]:.3f}" for name in names)) for way, of in means.items())])
    (given.out / "shown_clips.json").write_text(
        json.dumps({"options": options, "rows": rows}, indent=1), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
