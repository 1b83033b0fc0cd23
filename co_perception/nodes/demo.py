"""`make demo`: real video through the nodes, over the real middleware, with everything kept.

Two paths recognise at once: video tells what happens in the scene, and for each person pose, track and skeletons tell
what they do. What is left in the output folder: `activity.mcap` (all of /activity, /activity_events and /skeletons,
without images), `annotated.mp4`, `timeline.png` and `summary.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from co_perception.data.video import is_live
from co_perception.engine.data import Image
from co_perception.evaluation import run as sums
from co_perception.learners.recognisers import skeleton_learner
from co_perception.learners.recognition import StreamingLearner
from co_perception.nodes.casting import Plan, asked_hz_of, rate_of
from co_perception.nodes.pose import EstimatorFactory
from co_perception.nodes.report import draw, say, summarise
from co_perception.nodes.skeleton_activity import LearnerFactory
from co_perception.nodes.stage import play
from co_perception.nodes.timed import ROUND, Timed
from co_perception.nodes.video_source import VideoSource
from co_perception.pose.estimator import ESTIMATORS
from co_perception.pose.finder import build
from co_perception.runtime import store

CLIPS = ("sports2d_demo",)
RECOGNISERS = ("video", "skeleton", "both")
SHORT_SIDE = 256  # what the video network looks at
SHORT_SIDE_OF_PEOPLE = 480  # poses want more pixels, and so do those who look at the film
INPUT_SIZE = 384  # of the pose network: in the sample clip people are a quarter of the picture high
START = 0.25  # speed of playback before it is known how long anything takes


def main(arguments: Sequence[str] | None = None, makers: Makers | None = None) -> int:
    """Runs the demo; gives the exit status: 0, or 1 with the reason on stderr."""
    options = _parse(arguments)
    try:
        source = options.source or default_source()
        rate_hz = rate_of(source)
        plan = _plan(options, makers or Makers(), source, rate_hz)
        options.out.mkdir(parents=True, exist_ok=True)
        run = play(plan, options.out, options.seconds)
        if not run.heard:
            raise RuntimeError("no frame was answered; the messages above say why.")
        summary = summarise(run, plan, rate_hz)
        (options.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        draw(run, options.out / "timeline.png")
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    say(summary)
    print(f"Look at {', '.join(sorted(path.name for path in options.out.iterdir()))} in {options.out}.")
    return 0


def default_source() -> str:
    """The sample clips, as a row of files. Raises FileNotFoundError that says how to fetch them."""
    return ",".join(str(store.locate(name)) for name in CLIPS)


def published_video(network: str, threads: int | None) -> StreamingLearner:
    """The learner with its published weights. Raises FileNotFoundError that says how to fetch them."""
    from co_perception.learners.video import ContinualVideoLearner

    learner = ContinualVideoLearner(network, threads=threads)
    learner.load()
    learner.optimize()
    return learner


@dataclass(frozen=True)
class Makers:
    """Where what recognises comes from: published and shipped weights. video: takes network and threads."""

    video: Callable[[str, int | None], StreamingLearner] = published_video
    people: LearnerFactory = skeleton_learner
    estimator: EstimatorFactory = build


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description="Real video through the nodes; results in a folder.")
    parser.add_argument(
        "--source", default="", help="video file, pattern of files, camera index or URL (default: a sample clip)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="folder for the results (default: %(default)s)"
    )
    parser.add_argument(
        "--recognizer", default="both", choices=RECOGNISERS,
        help="video: what happens in the scene; skeleton: what each person does (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--network", default="coi3d_inception", help="video network (default: %(default)s)")
    parser.add_argument(
        "--skeleton-model", default="costgcn_short_motions", metavar="NAME",
        help="skeleton model that comes with the package, or a folder that training wrote (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--pose", default="movenet", choices=ESTIMATORS, help="(default: %(default)s)")
    parser.add_argument(
        "--model-rate", type=float, default=None, metavar="HZ",
        help="the video network's frames per second; 0: each frame of the source is one (default: 0 for the sample "
        "clip, else the rate the network was trained at)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="stop after that long (default: at the end, or Ctrl-C)"
    )
    return parser.parse_args(arguments)


def _plan(options: argparse.Namespace, makers: Makers, source: str, rate_hz: float) -> Plan:
    kind, live = options.recognizer, is_live(source)
    # Two networks side by side go faster on half of the cores each than taking turns on all.
    threads = max(1, (os.cpu_count() or 1) // 2) if kind == "both" else None
    plan = Plan(
        source=source,
        short_side=SHORT_SIDE if kind == "video" else SHORT_SIDE_OF_PEOPLE,
        people=None if kind == "video" else _model(options.skeleton_model),
        pose={"estimator": options.pose, "threads": threads or 2, "input_size": INPUT_SIZE},
        make_people=makers.people,
        make_estimator=makers.estimator,
        speed=1.0 if live else START,
    )
    if kind == "skeleton":
        return plan
    learner = Timed(makers.video(options.network, threads))
    plan = replace(plan, video=learner, model_rate_hz=_model_rate(options, learner))
    return plan if live else replace(plan, speed=_measured_pace(learner, plan, rate_hz))


def _model(name: str) -> dict[str, Any]:
    """Parameters of skeleton_activity for a folder, or for a shipped model."""
    return {"model_path": name, "model": ""} if Path(name).is_dir() and name else {"model": name}


def _model_rate(options: argparse.Namespace, learner: Timed) -> float:
    if options.model_rate is not None:
        return float(options.model_rate)
    return float(learner.rate_hz) if options.source else 0.0


def _measured_pace(learner: Timed, plan: Plan, rate_hz: float) -> float:
    """Playback speed this machine can follow, found by trying a few frames of the source; says so on the terminal."""
    with VideoSource(plan.source, plan.short_side) as opened:
        frames = [Image(shown.pixels, index) for index, shown in enumerate(islice(opened.frames(), 32))]
    learner.reset()
    for frame in frames:
        learner.infer(frame)
    # The first round also pays for what is done once.
    step_s = learner.round_s(after=min(ROUND, len(frames) - 1))
    learner.reset()
    asked_hz = asked_hz_of(rate_hz, plan.model_rate_hz)
    speed = sums.pace(step_s, asked_hz)
    print(
        f"{learner.name} takes {step_s * 1e3:.0f} ms a frame here, the source asks for {asked_hz:.0f} a second: ",
        end="",
    )
    print("played at its own speed." if speed == 1.0 else f"played at {speed:.2f} of its speed, so that none is lost.")
    return speed


if __name__ == "__main__":
    sys.exit(main())
