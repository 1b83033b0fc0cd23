"""How soon the recognizer nodes listen after they are executed, and how much memory they keep, beside a bare node.

Cases: `bare`, a node of rclpy's that has imported NumPy, ONNX Runtime and the messages and subscribes; `bundle`, the
node `skeleton_activity` as it is shipped; `torch`, the same node with its network in torch and ONNX Runtime; `video`,
the node `video_activity` with the bundle of Inception-I3D, where `co-perception bundle coi3d_inception` has made it.
The rounds of all cases are interleaved. Prints and writes (out/bench/startup.json) of each the time from exec to the
first subscription as another process sees it, the memory then and five seconds later, and both as ratios to the bare
node.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import rclpy
from people import own_domain
from rclpy.node import Node

from bench.remote import ROOT
from bench.results import write_json
from co_perception.evaluation.provenance import machine, versions
from co_perception.learners.metadata import shipped
from co_perception.nodes.soak.processes import usage

LIMIT_S, LATER_S, LOOK_S = 180.0, 5.0, 0.005
BARE = """
import sys
import rclpy, numpy, onnxruntime
from co_perception.msg import ActivityArray, SkeletonArray
rclpy.init()
node = rclpy.create_node("bare")
node.create_publisher(ActivityArray, "activity", 10)
node.create_subscription(SkeletonArray, sys.argv[1], lambda message: None, 10)
rclpy.spin(node)
"""
NODE = [
    sys.executable,
    "-m",
    "co_perception.nodes.entry",
    "skeleton_activity",
    "--ros-args",
    "-r",
    "skeletons:={topic}",
]
VIDEO = [part.replace("skeletons:=", "image_raw:=").replace("skeleton_activity", "video_activity") for part in NODE]
CASES = {
    "bare": [sys.executable, "-c", BARE, "{topic}"],
    "bundle": NODE,
    "torch": [*NODE, "-p", "model_path:={model}"],
    "video": VIDEO,
}


def without_bundle(folder: Path) -> Path:
    """A copy of the shipped model that torch runs, as it has no bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in shipped("cotcn_everyday").iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


def start(bench: Node, command: Sequence[str], topic: str) -> dict[str, float]:
    """Executes a node, and waits until it listens on this topic, on which nobody did before; it is killed."""
    began = perf_counter()
    # With compiled sources, as an installed package has them.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not bench.count_subscribers(topic):
                if perf_counter() > began + LIMIT_S or process.poll() is not None:
                    raise RuntimeError(f"{command} does not listen on {topic}")
                sleep(LOOK_S)
            ready_s, first_mb = perf_counter() - began, usage(process.pid).memory_mb
            sleep(LATER_S)
            return {"ready_s": ready_s, "first_mb": first_mb, "later_mb": usage(process.pid).memory_mb}
        finally:
            process.kill()  # a plain rclpy may wait for its middleware forever as it ends


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="+", default=["bare", "bundle", "torch"], choices=list(CASES))
    parser.add_argument("--out", type=Path, default=ROOT / "out/bench")
    chosen = parser.parse_args(arguments)
    own_domain()
    plain = without_bundle(chosen.out / "startup_model")
    rclpy.init()
    bench = rclpy.create_node("startup")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in chosen.cases}
    try:
        for number in range(chosen.rounds + 1):
            for name in chosen.cases:
                topic = f"stream_{name}_{number}"
                command = [part.replace("{topic}", topic).replace("{model}", str(plain)) for part in CASES[name]]
                one = start(bench, command, topic)
                if number:  # the first round reads files from the disk, and compiles sources
                    found[name].append(one)
    finally:
        bench.destroy_node()
        rclpy.shutdown()
    rows = {name: {key: median(one[key] for one in each) for key in each[0]} for name, each in found.items()}
    print(f"{'case':8} {'ready s':>8} {'MB then':>8} {'MB later':>9} {'x bare s':>9} {'x bare MB':>10}")
    bare = rows.get("bare")
    for name, row in rows.items():
        shares = (row["ready_s"] / bare["ready_s"], row["later_mb"] / bare["later_mb"]) if bare else (0.0, 0.0)
        print(f"{name:8} {row['ready_s']:8.2f} {row['first_mb']:8.0f} {row['later_mb']:9.0f} "
              f"{shares[0]:9.2f} {shares[1]:10.2f}")  # fmt: skip
    packages = versions(("numpy", "onnxruntime", "torch", "rclpy", "ros-rclpy"))
    content = {"machine": machine(), "versions": packages, "rows": rows, "rounds": found}
    write_json(chosen.out / "startup.json", content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
