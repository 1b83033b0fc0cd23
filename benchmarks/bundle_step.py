"""Time of a step of the default model from its bundle, for 1, 4 and 16 people: the README's figure and docs/speed.md's.

Processor time of one thread for one person, so that other programs matter little; time of the clock, on a machine with
nothing else to do, for several people beside one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from statistics import median, quantiles
from time import perf_counter, process_time

from bench.remote import ROOT
from bench.results import write_json
from co_perception.engine.target import Pose
from co_perception.learners.bundle_skeleton import BundleSkeletonLearner

sys.path.insert(0, str(ROOT / "tools/ci"))
from readme_example import recording

FRAMES, SETTLING = 1000, 200
PEOPLE = (1, 4, 16)


def steps(threads: int, people: int, clock: Callable[[], float]) -> list[float]:
    """Milliseconds of each `infer` after the first frames, with so many people in each frame."""
    learner = BundleSkeletonLearner(threads=threads)
    learner.load("cotcn_everyday")
    recorded, taken_ms = recording(), []
    for number in range(FRAMES + SETTLING):
        shown = [Pose(recorded[number % len(recorded)], "coco17", id=f"p{i}") for i in range(people)]
        began = clock()
        learner.infer(shown)
        taken_ms.append((clock() - began) * 1e3)
    return taken_ms[SETTLING:]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints and writes (out/bench/bundle_step.json) medians and the 95th percentile [ms]."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="of the steps of several people")
    threads = parser.parse_args(arguments).threads
    shares = quantiles(steps(1, 1, process_time), n=20)
    found = {"p50_ms": round(shares[9], 3), "p95_ms": round(shares[18], 3)}
    print(
        f"cotcn_everyday from its bundle: p50 {found['p50_ms']} ms, p95 {found['p95_ms']} ms of processor time a step"
    )
    whole = {people: median(steps(threads, people, perf_counter)) for people in PEOPLE}
    for people, taken in whole.items():
        share = taken / people / whole[1]
        print(f"{people:3} people: {taken:.3f} ms, {taken / people:.3f} a person, {share:.0%} of one alone")
    out = ROOT / "out/bench"
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "bundle_step.json", found | {f"people_{people}_ms": taken for people, taken in whole.items()})


if __name__ == "__main__":
    main()
