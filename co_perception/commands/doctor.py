"""`co-perception doctor`: examines a recording or a running graph, names each fault, and says how to start."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from co_perception.commands.output import Commands, print_table
from co_perception.engine.arguments import NumberArgument
from co_perception.engine.paths import user_path

if TYPE_CHECKING:
    from co_perception.doctor.findings import Finding
    from co_perception.doctor.observation import StreamObservation

SECONDS = NumberArgument("seconds, such as 20", 1, 3600)
WIDE = 20  # times that a step is measured


def add(commands: Commands) -> None:
    about = "examine a recording or the running graph: what is wrong, and how to mend it"
    parser = commands.add_parser(
        "doctor",
        help=about,
        description=f"{about.capitalize()}. It listens only. Exit status 1 where there is a fault that keeps "
        "activities from being recognized.",
    )
    parser.add_argument(
        "bag", nargs="?", type=user_path, metavar="BAG", help="recording; none: the graph is listened to"
    )
    parser.add_argument(
        "--seconds", type=SECONDS, default=20.0, metavar="S", help="how long to listen to a graph (default: 20)"
    )
    parser.add_argument("--no-costs", action="store_true", help="do not measure what a frame costs on this machine")
    parser.add_argument("--out", type=user_path, metavar="FILE", help="file for the findings as JSON")
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="last: arguments of ROS, such as -r and -p"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.doctor.advice import delay_words, examine, start_lines, summary_rows
    from co_perception.doctor.findings import Severity

    observation = _observed(arguments)
    findings = examine(observation)
    if observation.topics:
        print_table(summary_rows(observation))
        print()
    for finding in findings:
        where = f" {finding.topic}" if finding.topic else ""
        print(f"{finding.severity.value} ({finding.fault}){where}: {finding.words}\n  Remedy: {finding.remedy}")
    if not findings:
        print("No fault was found.")
    if words := delay_words(observation):
        print(words)
    lines = start_lines(observation, findings)
    for number, line in enumerate(lines):
        print("and in another terminal:" if number else "To recognize activities in it:")
        print(f"  {line}")
    if lines and not observation.live:
        lines += _playing(arguments.bag, observation)
    if arguments.out:
        _write(arguments.out, observation, findings, lines)
    return int(any(finding.severity is Severity.ERROR for finding in findings))


def _playing(bag: Path, observation: StreamObservation) -> list[str]:
    """Prints and returns the line that plays the recording, and where there is no `ros2` what does without it."""
    from co_perception.engine.node_command import has_command

    play, look = shlex.join(["ros2", "bag", "play", str(bag), "--clock"]), ""
    print(f"and in another terminal{'' if has_command() else ', which needs the ros2 command'}:\n  {play}")
    if observation.skeletons and not has_command():
        look = shlex.join(["co-perception", "studio", str(bag), "--propose", "cotcn_everyday"])
        print(f"or, without ROS, to see in a browser what would be recognized:\n  {look}")
    return [play, *([look] if look else [])]


def _write(out: Path, observation: StreamObservation, findings: Sequence[Finding], lines: Sequence[str]) -> None:
    """Writes what was printed as JSON. Raises: OSError."""
    import json

    from co_perception.doctor.advice import delay_words, summary_rows
    from co_perception.engine.files import write_files

    found = {
        "streams": summary_rows(observation) if observation.topics else [],
        "findings": [
            {"severity": each.severity.value, "fault": each.fault, "topic": each.topic, "words": each.words,
             "remedy": each.remedy} for each in findings
        ],
        "delay": delay_words(observation),
        "commands": lines,
    }  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    write_files({out: (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()})


def _observed(arguments: argparse.Namespace) -> StreamObservation:
    from dataclasses import replace

    if arguments.bag is not None:
        from co_perception.doctor.bag_observation import observe_bag

        observation = observe_bag(arguments.bag)
    else:
        observation = _listened(arguments)
    return observation if arguments.no_costs or not observation.topics else replace(observation, costs_ms=_costs_ms())


def _listened(arguments: argparse.Namespace) -> StreamObservation:
    """What comes on the graph. Raises: RuntimeError without ROS."""
    try:
        from co_perception.nodes.doctor import listen
    except ImportError as error:
        raise RuntimeError(
            f"listening to a graph needs ROS 2 and the messages of this package, and they cannot be imported: {error}. "
            "Source your workspace, run make env, or name a recording."
        ) from error
    return listen(arguments.seconds, arguments.ros_args)


def _costs_ms() -> dict[str, float]:
    """What one frame with one person costs on this machine: the step of the everyday model, by its bundle.

    Nothing without ONNX Runtime.
    """
    from time import perf_counter

    import numpy as np

    from co_perception.engine.target import Pose
    from co_perception.learners.bundle_skeleton import BundleSkeletonLearner

    learner, took_ms = BundleSkeletonLearner(), list[float]()
    try:
        learner.load("cotcn_everyday")
    except ImportError:
        return {}
    draw = np.random.default_rng(0)
    for _ in range(WIDE):
        joints = np.concatenate([draw.uniform(0, 400, (17, 2)), np.ones((17, 1))], 1).astype(np.float32)
        began = perf_counter()
        learner.infer([Pose(joints, id="somebody")])
        took_ms.append((perf_counter() - began) * 1e3)
    return {"recognizing": float(np.median(took_ms))}
