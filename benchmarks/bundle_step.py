"""Processor time of a step of the default model from its bundle, for one person on one thread: the README's figure.

Time of the processor and not of the clock, so that other programs matter little.
"""

from __future__ import annotations

import sys
from statistics import quantiles
from time import process_time

from bench.remote import ROOT
from bench.results import write_json
from co_perception.engine.target import Pose
from co_perception.learners.bundle_skeleton import BundleSkeletonLearner

sys.path.insert(0, str(ROOT / "tools/ci"))
from readme_example import recording

FRAMES = 1000


def main() -> None:
    """Prints and writes (out/bench/bundle_step.json) the median and the 95th percentile [ms]."""
    learner = BundleSkeletonLearner(threads=1)
    learner.load("cotcn_everyday")
    shown = [Pose(joints, "coco17", id="anna") for joints in recording()]
    taken_ms = []
    for number in range(FRAMES + 100):
        began = process_time()
        learner.infer([shown[number % len(shown)]])
        taken_ms.append((process_time() - began) * 1e3)
    shares = quantiles(taken_ms[100:], n=20)
    found = {"p50_ms": round(shares[9], 3), "p95_ms": round(shares[18], 3)}
    out = ROOT / "out/bench"
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "bundle_step.json", found)
    print(
        f"cotcn_everyday from its bundle: p50 {found['p50_ms']} ms, p95 {found['p95_ms']} ms of processor time a step"
    )


if __name__ == "__main__":
    main()
