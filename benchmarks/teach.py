"""What docs/teach.md shows: `train` and `evaluate` on recordings of drawn figures, two to learn from, one to judge by.

The figures wave, squat or stand, each with a body and a tempo of its own (test/drawn_people.py). They show that the
commands work and what they print; how well a network knows real people they do not show.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "test"))

from bag_writing import SECOND, Frame, Person, write_bag
from drawn_people import ACTIVITIES, performance

from co_perception import cli
from co_perception.data.annotations import Interval, write_annotations

T0 = 1_700_000_000 * SECOND


def recording(path: Path, seed: int) -> str:
    """A bag with its annotations beside it: two rounds of each activity, four seconds each."""
    frames, said = [], []
    for figure, instants in performance(2, 4.0, ACTIVITIES, seed):
        seen = [Frame(T0 + round(at_s * SECOND), [Person("body_1", figure.frame(at_s))]) for at_s in instants]
        said.append(Interval(seen[0].stamp_ns, seen[-1].stamp_ns + 1, figure.activity))
        frames += seen
    write_bag(path, {"/skeletons": frames})
    write_annotations(path / "annotations.csv", said)
    return str(path)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        monday, tuesday, friday = (
            recording(Path(folder) / name, seed) for seed, name in enumerate(("monday", "tuesday", "friday"))
        )
        began_s = time.perf_counter()
        failed = cli.main(["train", monday, tuesday, "--out", f"{folder}/lesson"])
        print(f"({time.perf_counter() - began_s:.0f} s)\n")
        return failed or cli.main(["evaluate", friday, "--model", f"{folder}/lesson"])


if __name__ == "__main__":
    sys.exit(main())
