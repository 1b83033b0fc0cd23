"""Soak test (`make soak`): the whole graph, each node a process, on looping video, checked against limits.

Writes `soak.json` (all figures and checks), `soak.png`, `soak.md` (a table of resources by node), and the log of each
node. The exit status is 0 where every figure was within its limit.
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

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException

from co_perception.engine.arguments import CountArgument, NumberArgument, positive
from co_perception.engine.paths import expanded
from co_perception.evaluation.plots.style import Panel, draw_time_series
from co_perception.evaluation.result_folder import replaced_results, writing
from co_perception.learners.recognizers import VideoSettings
from co_perception.nodes.core.managed_node import LOST
from co_perception.nodes.soak.disordered_camera import DELAYED, DOUBLED, SWAPPED
from co_perception.nodes.soak.limits import (
    BUDGETS,
    IN_FLIGHT,
    LimitCheck,
    Series,
    limit_checks,
    risen,
    unaccounted,
)
from co_perception.nodes.soak.monitor import ResourceMonitor
from co_perception.nodes.soak.processes import NodeCommand, NodeProcess
from co_perception.nodes.soak.query_clients import QueryClients
from co_perception.runtime.store import store

CLIPS = ("sports2d_demo", "pose2sim_multi_cam02", "pose2sim_single_cam02")
FILES = ("soak.json", "soak.md", "soak.png")  # besides the logs
NETWORK, USUAL_RATE_HZ = "coi3d_inception", 12.5  # half of the rate that its published weights were trained at
CAMERA, RECEIVERS = "camera", ("pose", "video_activity")  # of its frames
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
    options = make_parser().parse_args(arguments)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        monitor, asked = watch(graph(options), options.minutes * 60.0, out)
        checks = [*judge(monitor, warm_up_s(options.minutes)), *asked]
        _write(monitor, checks, options, out)
    except (RuntimeError, OSError, ValueError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        print("soak: stopped before it was under way", file=sys.stderr)
        return 1
    print("\n".join(map(str, checks)))
    counts = f"{monitor.answers} answers, {monitor.labeled} with a label, {len(monitor.subjects)} subjects."
    print(f"{counts} {out / 'soak.png'}")
    return 0 if all(check.within for check in checks) else 1


def warm_up_s(minutes: float) -> float:
    """Warm-up of a run [s]: half of it, at most 2 minutes."""
    return min(minutes * 30.0, 120.0)


def graph(options: argparse.Namespace) -> list[NodeCommand]:
    """The nodes that activity.launch.py starts with recognizer:=both and a source."""
    apart = {
        kind: {"activity": f"activity_{kind}", "~/label_info": f"label_info_{kind}"} for kind in ("video", "skeleton")
    }
    frugal = {"threads": options.threads}
    whole = {**frugal, "image_reliability": "reliable"}  # frames of that size vanish over best effort
    source = options.source or ",".join(str(store.locate(name)) for name in CLIPS)
    playing = {"source": source, "loop": True, "rate": options.rate, "wait_for_subscribers": 2}
    look = {
        "model_path": options.video_model,
        "network": options.video_network,
        "model_rate_hz": _model_rate_hz(options),
    }
    return [
        NodeCommand("fusion"),
        NodeCommand("video_activity", {**whole, **look, "events": False}, apart["video"]),
        NodeCommand("skeleton_activity", {**frugal, "events": False}, apart["skeleton"]),
        NodeCommand("pose", whole),
        NodeCommand(
            "soak.disordered_camera" if options.disorder else CAMERA,
            {**playing, "short_side": options.short_side},
            name=CAMERA,
        ),
    ]


def watch(commands: Sequence[NodeCommand], seconds: float, out: Path) -> tuple[ResourceMonitor, Sequence[LimitCheck]]:
    """Runs the nodes for `seconds` under a monitor, from when all have begun their work and the source was played.

    Meanwhile `QueryClients` ask them; gives the monitor, and the checks of the clients.

    Raises:
        RuntimeError: where a node does not come up, or ends.
    """
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=[])
    with ExitStack() as stack:
        stack.callback(rclpy.try_shutdown)
        named = {one.name or one.module: one for one in commands}
        running = {name: stack.enter_context(NodeProcess(one, out / f"{name}.log")) for name, one in named.items()}
        monitor = ResourceMonitor({name: one.process.pid for name, one in running.items()})
        stack.callback(monitor.destroy_node)
        up_by = time.monotonic() + UP_S
        while not (monitor.answers and all(map(monitor.has_begun, running)) and monitor.rounds):
            _check(running)
            if time.monotonic() > up_by:
                raise RuntimeError(f"not under way within {UP_S:.0f} s: the logs of the nodes say more.")
            _spin(monitor, 0.1)
        monitor.begin()
        clients = QueryClients(monitor)
        stack.callback(clients.close)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                _spin(monitor, PERIOD_S)
                _check(running)
                monitor.sample()
        except (KeyboardInterrupt, ExternalShutdownException):
            print("stopped by the user")
        return monitor, list(clients.checks())


def judge(monitor: ResourceMonitor, warm_s: float) -> Iterator[LimitCheck]:
    """Checks every limit."""
    disordered = monitor.since_begin(CAMERA, SWAPPED, DOUBLED, DELAYED)
    for name, series in monitor.series.items():
        values, receives = monitor.diagnostics(name), bool(disordered and name in RECEIVERS)
        camera = monitor.series[CAMERA] if receives else None
        yield from limit_checks(name, series, BUDGETS[name], warm_s, camera)
        yield LimitCheck(name, "frames not accounted for", abs(unaccounted(values)), IN_FLIGHT)
        if receives:
            # One that is lost on the way is neither late nor doubled, or the one is not that it was to overtake.
            most = IN_FLIGHT + monitor.since_begin(name, LOST)
            missed = abs(disordered - monitor.since_begin(name, "late", "duplicate"))
            yield LimitCheck(name, "late and doubled, not counted so", missed, most)
    yield LimitCheck("activity", "messages out of order", monitor.disordered, 0)
    yield LimitCheck("activity", "silent: no answer, no label", (not monitor.answers) + (not monitor.labeled), 0)


def _spin(monitor: ResourceMonitor, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        rclpy.spin_once(monitor, timeout_sec=left)


def _check(running: Mapping[str, NodeProcess]) -> None:
    for name, process in running.items():
        if not process.alive:
            last = process.log.read_text(errors="replace").splitlines()[-1:]
            raise RuntimeError(f"{name} {process.ending}, see {process.log}: {' '.join(last)}")


def _write(monitor: ResourceMonitor, checks: Sequence[LimitCheck], options: argparse.Namespace, out: Path) -> None:
    record = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "options": vars(options),
        "answers": monitor.answers,
        "labeled": monitor.labeled,
        "subjects": len(monitor.subjects),
        "verdicts": [{**asdict(check), "kept": check.within} for check in checks],
        "series": {name: asdict(series) for name, series in monitor.series.items()},
    }
    warm_s = warm_up_s(options.minutes)
    times = {name: [time_s / 60 for time_s in series.time_s] for name, series in monitor.series.items()}
    panels = []
    for quantity, label in PANELS.items():
        lines = {name: getattr(series, quantity) for name, series in monitor.series.items()}
        panels.append(Panel(label, {name: line for name, line in lines.items() if not np.isnan(line).all()}))
    title = f"{options.minutes:g} minutes of {options.source or ', '.join(CLIPS)}"
    with replaced_results(out, FILES) as new:
        for name, text in (
            (FILES[0], json.dumps(_without_nan(record), indent=1)), (FILES[1], "\n".join(table(monitor.series, warm_s)))
        ):  # fmt: skip
            with writing(out / name):
                (new / name).write_text(f"{text}\n")
        with writing(out / FILES[2]):
            draw_time_series(times, panels, new / FILES[2], title=title, warm_up=warm_s / 60)


def table(series: Mapping[str, Series], warm_s: float) -> Iterator[str]:
    """A Markdown table of what each node used after its warm-up, beside its limits."""
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


def _without_nan(value: object) -> object:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value


def _model_rate_hz(options: argparse.Namespace) -> float:
    """As the node's parameter; every model but the usual one keeps the rate it was trained at."""
    if options.model_rate is not None:
        return float(options.model_rate)
    usual = not options.video_model and options.video_network == NETWORK
    return USUAL_RATE_HZ if usual else VideoSettings.model_rate_hz


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--minutes", type=positive("minutes", 1e5), default=20.0, help="how long (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=expanded, default="out/soak", metavar="DIR", help="folder for what is left (default: %(default)s)"
    )
    parser.add_argument("--source", default="", help="as the camera's parameter (default: three sample clips in turn)")
    parser.add_argument(
        "--rate",
        type=positive("a speed, 1 for that of the file", 100),
        default=0.5,
        help="speed of playback; stamps keep media time (default: %(default)s)",
    )
    parser.add_argument(
        "--short-side", type=CountArgument("pixels", 16, 8192), default=480,
        help="of the frames on their way (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--threads",
        type=CountArgument("a number of threads", most=1024),
        default=1,
        help="of each network (default: %(default)s)",
    )
    parser.add_argument(
        "--disorder", action="store_true", help="swap 1 of 100 frames, double 1, and delay 1 of 200 by five frames"
    )
    parser.add_argument("--video-network", default=NETWORK, help="(default: %(default)s)")
    parser.add_argument(
        "--video-model", type=expanded, default="", metavar="DIR", help="its folder (default: published weights)"
    )
    parser.add_argument(
        "--model-rate", type=NumberArgument("frames per second; 0 for each frame", 0, 1000), metavar="HZ",
        help="the video network's frames per second of media time (default: 12.5 for the "
        "published weights of coi3d_inception, else the rate the network was trained at)",
    )  # fmt: skip
    return parser
