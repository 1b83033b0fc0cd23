"""`make soak`: the whole graph, each node a process, on looping video for as long as you like, and what it takes.

What is left in the output folder: `soak.json` (all figures and verdicts), `soak.png`, `soak.md` (a table of what each
node took), and what each node logged. The exit status is 0 where every budget was kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException

from co_perception.evaluation.lines import Panel, draw_lines
from co_perception.nodes.budgets import BUDGETS, Series, Verdict, risen, verdicts
from co_perception.nodes.processes import Part, Running
from co_perception.nodes.vitals import Vitals
from co_perception.runtime import store

CLIPS = ("sports2d_demo", "pose2sim_multi_cam02", "pose2sim_single_cam02")
PERIOD_S = 1.0  # between two samples
UP_S = 300.0  # in which all nodes have to be up, and the source played once: memory is that of its largest clip
PANELS = {
    "memory_mb": "resident memory (MB)",
    "cpu": "cores kept busy",
    "threads": "threads",
    "descriptors": "file descriptors",
    "latency_p95_ms": "latency, 95 of 100 answers (ms)",
    "waiting": "frames waiting",
    "dropped": "frames dropped so far",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the soak; gives the exit status."""
    options = _parse(arguments)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        vitals = watch(parts(options), options.minutes * 60.0, out)
        judged = list(judge(vitals, warm_up_s(options.minutes)))
    except (RuntimeError, OSError, ValueError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        print("soak: stopped before it was under way", file=sys.stderr)
        return 1
    _keep(vitals, judged, options, out)
    print("\n".join(map(str, judged)))
    print(
        f"{vitals.answers} answers, {vitals.labelled} with a label, {len(vitals.subjects)} subjects. {out / 'soak.png'}"
    )
    return 0 if all(verdict.kept for verdict in judged) else 1


def warm_up_s(minutes: float) -> float:
    """How long a run of so many minutes warms up: half of it, at most 2 minutes."""
    return min(minutes * 30.0, 120.0)


def parts(options: argparse.Namespace) -> list[Part]:
    """The nodes that activity.launch.py starts with recognizer:=both and a source."""
    apart = {
        kind: {"activity": f"activity_{kind}", "~/label_info": f"label_info_{kind}"} for kind in ("video", "skeleton")
    }
    frugal = {"threads": options.threads}
    whole = {**frugal, "image_reliability": "reliable"}  # frames of that size vanish over best effort
    playing = {"source": options.source or _clips(), "loop": True, "rate": options.rate, "wait_for_subscribers": 2}
    look = {"model_path": options.video_model, "network": options.video_network, "model_rate_hz": options.model_rate}
    return [
        Part("fusion"),
        Part("video_activity", {**whole, **look, "events": False}, apart["video"]),
        Part("skeleton_activity", {**frugal, "events": False}, apart["skeleton"]),
        Part("pose", whole),
        Part("camera", {**playing, "short_side": options.short_side}),
    ]


def watch(graph: Sequence[Part], seconds: float, out: Path) -> Vitals:
    """Runs the parts for so long and gives what was seen. Raises RuntimeError where one does not come up or ends."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=[])
    with ExitStack() as stack:
        stack.callback(rclpy.try_shutdown)
        running = {part.module: stack.enter_context(Running(part, out / f"{part.module}.log")) for part in graph}
        vitals = Vitals({name: process.pid for name, process in running.items()})
        stack.callback(vitals.destroy_node)
        _await(vitals, running)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                _spin(vitals, PERIOD_S)
                _check(running)
                vitals.sample()
        except (KeyboardInterrupt, ExternalShutdownException):
            print("stopped by the user")
    return vitals


def judge(vitals: Vitals, warm_s: float) -> Iterator[Verdict]:
    """A verdict on every budget."""
    for name, series in vitals.series.items():
        yield from verdicts(name, series, BUDGETS[name], warm_s)
    yield Verdict("activity", "messages out of order", vitals.disordered, 0)
    yield Verdict("activity", "silent: no answer, no label", (not vitals.answers) + (not vitals.labelled), 0)


def _await(vitals: Vitals, running: Mapping[str, Running]) -> None:
    """Until every node has told of its health, the first answer was heard, and the source was played once."""
    end = time.monotonic() + UP_S
    while not (vitals.answers and all(map(vitals.told, running)) and int(vitals.told("camera").get("rounds", 0))):
        _check(running)
        if time.monotonic() > end:
            raise RuntimeError(f"not under way within {UP_S:.0f} s: the logs of the nodes say more.")
        _spin(vitals, 0.1)
    vitals.begin()


def _spin(vitals: Vitals, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        rclpy.spin_once(vitals, timeout_sec=left)


def _check(running: Mapping[str, Running]) -> None:
    for name, process in running.items():
        if not process.alive:
            last = process.log.read_text(errors="replace").splitlines()[-1:]
            raise RuntimeError(f"{name} {process.ending}, see {process.log}: {' '.join(last)}")


def _keep(vitals: Vitals, judged: Sequence[Verdict], options: argparse.Namespace, out: Path) -> None:
    record = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "options": vars(options),
        "answers": vitals.answers,
        "labelled": vitals.labelled,
        "subjects": len(vitals.subjects),
        "verdicts": [{**asdict(verdict), "kept": verdict.kept} for verdict in judged],
        "series": {name: asdict(series) for name, series in vitals.series.items()},
    }
    (out / "soak.json").write_text(json.dumps(_without_nan(record), indent=1))
    (out / "soak.md").write_text("\n".join(table(vitals.series, warm_up_s(options.minutes))) + "\n")
    times = {name: [time_s / 60 for time_s in series.time_s] for name, series in vitals.series.items()}
    panels = [Panel(title, _lines(vitals.series, quantity)) for quantity, title in PANELS.items()]
    title = f"{options.minutes:g} minutes of {options.source or ', '.join(CLIPS)}"
    draw_lines(times, panels, out / "soak.png", title=title, warm_up=warm_up_s(options.minutes) / 60)


def table(series: Mapping[str, Series], warm_s: float) -> Iterator[str]:
    """What each node took after its warm-up, beside its budget, in Markdown."""
    yield "| node | memory (MB) | grown (MB) | cores | threads | descriptors | latency p50, p95 (ms) | dropped |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, one in series.items():
        warm, budget = one.after(warm_s), BUDGETS[name]
        p50, p95 = (float(np.median(values)) for values in (warm.latency_p50_ms, warm.latency_p95_ms))
        latency = f"{p50:.0f}, {p95:.0f} of {budget.latency_ms:.0f}" if budget.latency_ms else ""
        yield (
            f"| {name} | {max(warm.memory_mb):.0f} of {budget.memory_mb:.0f} | {risen(warm.memory_mb):.1f} "
            f"| {np.mean(warm.cpu):.2f} of {budget.cpu} | {max(warm.threads)} of {budget.threads} "
            f"| {max(warm.descriptors)} | {latency} "
            f"| {warm.dropped[-1] - warm.dropped[0]} of {warm.received[-1] - warm.received[0]} |"
        )


def _lines(series: Mapping[str, Series], quantity: str) -> dict[str, list[float]]:
    found = {name: getattr(one, quantity) for name, one in series.items()}
    return {name: values for name, values in found.items() if any(value == value for value in values)}


def _without_nan(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value


def _clips() -> str:
    return ",".join(str(store.locate(name)) for name in CLIPS)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (default: %(default)s)")
    parser.add_argument("--out", default="out/soak", help="folder for what is left (default: %(default)s)")
    parser.add_argument("--source", default="", help="as the camera's parameter (default: three sample clips in turn)")
    parser.add_argument(
        "--rate", type=float, default=0.5, help="speed of playback; stamps keep media time (default: %(default)s)"
    )
    parser.add_argument("--short-side", type=int, default=480, help="of the frames on their way (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of each network (default: %(default)s)")
    parser.add_argument("--video-network", default="coi3d_inception", help="(default: %(default)s)")
    parser.add_argument("--video-model", default="", help="its folder (default: published weights)")
    parser.add_argument(
        "--model-rate", type=float, default=12.5, metavar="HZ",
        help="the video network's frames per second of media time (default: %(default)s)",
    )  # fmt: skip
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
