"""The output in docs/teach.md: `train` on two recordings of drawn figures, `evaluate` on a third.

The figures wave, squat or stand, each with a body and a tempo of its own (test/helpers/drawn_people.py).
The figures say nothing about accuracy on real people.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "test"))

from helpers.drawn_people import ACTIVITIES, recording

from co_perception import cli


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        monday, tuesday, friday = (
            str(recording(Path(folder) / name, seed, rounds=rounds, seconds=4.0, activities=ACTIVITIES))
            for seed, (name, rounds) in enumerate((("monday", 4), ("tuesday", 4), ("friday", 2)))
        )
        began_s = time.perf_counter()
        failed = cli.main(["train", monday, tuesday, "--out", f"{folder}/lesson"])
        print(f"({time.perf_counter() - began_s:.0f} s)\n")
        return failed or cli.main(["evaluate", friday, "--model", f"{folder}/lesson"])


if __name__ == "__main__":
    sys.exit(main())
