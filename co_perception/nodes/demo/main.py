"""Command line of `make demo`: real video through the nodes, over the real middleware, with everything recorded.

Two paths recognize at once: video the activity of the scene, and pose, tracker and skeletons that of each person.
Where there is no torch, people are recognized alone, from the bundle that is shipped.
The output folder gets `activity.mcap` (all of /activity, /activity_events and /skeletons, without images),
`annotated.mp4`, `timeline.png` and `summary.json`.
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
from time import perf_counter

from co_perception.data.video import is_live
from co_perception.data.video_source import VideoSource
from co_perception.engine.arguments import NumberArgument
from co_perception.engine.data import Image
from co_perception.engine.paths import expanded, user_path
from co_perception.engine.settings import Value
from co_perception.evaluation.result_folder import replaced_results, writing
from co_perception.learners.recognizers import KINDS, VideoSettings, runs_here, skeleton_learner
from co_perception.nodes.demo.graph import ROUND, DemoConfig, required_rate_hz, source_rate_hz, sustainable_speed
from co_perception.nodes.demo.report import draw, print_summary, summarize
from co_perception.nodes.demo.run import play
from co_perception.nodes.pose import EstimatorFactory
from co_perception.nodes.skeleton_activity import LearnerFactory
from co_perception.online.recognizer import StreamingLearner
from co_perception.pose.estimator import ESTIMATORS
from co_perception.pose.finder import build
from co_perception.runtime.store import store

CLIPS = ("sports2d_demo",)
FILES = ("summary.json", "timeline.png", "activity.mcap", "annotated.mp4")  # all that a run writes
RECOGNIZERS = ("video", "skeleton", "both")
SHORT_SIDE = 256  # what the video network looks at
SHORT_SIDE_OF_PEOPLE = 480  # poses need more pixels, and so does the film
INPUT_SIZE = 384  # of the pose network: in the sample clip people are a quarter of the picture high
MODEL_RATE = NumberArgument("frames per second; 0 for each frame of the source", 0, 1000)
START = 0.25  # speed of playback before it is known how long anything takes


def main(arguments: Sequence[str] | None = None, makers: Makers | None = None) -> int:
    """Runs the demo; gives the exit status: 0, or 1 with the reason on stderr, see `--strict`."""
    options = make_parser().parse_args(arguments)
    try:
        source = options.source or default_source()
        rate_hz = source_rate_hz(source)
        options.recognizer = options.recognizer or default_recognizer(options.network)
        config = _config(options, makers or Makers(), source, rate_hz)
        with replaced_results(options.out, FILES) as out:
            result = play(config, out, options.seconds)
            losses = [(name, loss) for name, counts in result.stages.items() for loss in counts.losses()]
            if not result.answers:
                why = "; ".join(f"{name}: {loss}" for name, loss in losses) or "No frame came from the camera."
                raise RuntimeError(f"no frame was answered. {why}")
            summary = summarize(result, config, rate_hz)
            with writing(options.out / FILES[0]):
                (out / FILES[0]).write_text(json.dumps(summary, indent=2) + "\n")
            with writing(options.out / FILES[1]):
                draw(result, out / FILES[1])
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print_summary(summary)
    names = sorted(path.name for path in options.out.iterdir() if not path.name.startswith("."))  # of a run cut off
    print(f"Look at {', '.join(names)} in {options.out}.")
    for name, loss in losses:
        print(f"demo: {name}: {loss}", file=sys.stderr)
    return int(options.strict and bool(losses))


def default_source() -> str:
    """The sample clips, as a row of files. Raises FileNotFoundError that says how to fetch them."""
    return ",".join(str(store.locate(name)) for name in CLIPS)


def default_recognizer(network: str) -> str:
    """Both; of people alone where the video network cannot run."""
    if runs_here(VideoSettings(network=network)):
        return "both"
    print("Activities of people alone: labels of the scene need torch (from a checkout: make env, then make demo).")
    return "skeleton"


def published_video(network: str, threads: int | None) -> StreamingLearner:
    """The learner with its published weights, or from their bundle. Raises FileNotFoundError that says how to fetch
    them."""
    learner: StreamingLearner = KINDS["video"].loaded(VideoSettings(network=network, threads=threads or 0))
    return learner


@dataclass(frozen=True)
class Makers:
    """Factories of the learners and the estimator: published and shipped weights. `video` takes network and threads."""

    video: Callable[[str, int | None], StreamingLearner] = published_video
    people: LearnerFactory = skeleton_learner
    estimator: EstimatorFactory = build


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(prog="demo", description="Real video through the nodes; results in a folder.")
    parser.add_argument(
        "--source", default="", help="video file, pattern of files, camera index or URL (default: a sample clip)"
    )
    parser.add_argument(
        "--out",
        type=user_path,
        default=Path("out/demo"),
        metavar="DIR",
        help="folder for the results (default: %(default)s)",
    )
    parser.add_argument(
        "--recognizer", default="", choices=RECOGNIZERS,
        help="video: what happens in the scene; skeleton: what each person does (default: both where there is torch or "
        "a bundle of the video network, else skeleton)",
    )  # fmt: skip
    parser.add_argument("--network", default="coi3d_inception", help="video network (default: %(default)s)")
    parser.add_argument(
        "--skeleton-model", type=expanded, default="cotcn_everyday", metavar="MODEL",
        help="skeleton model that comes with the package, or a folder that training wrote (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--pose", default="movenet", choices=ESTIMATORS, help="(default: %(default)s)")
    parser.add_argument(
        "--model-rate", type=MODEL_RATE, default=None, metavar="HZ",
        help="the video network's frames per second; 0: each frame of the source is one (default: 0 for the sample "
        "clip, else the rate the network was trained at)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds",
        type=NumberArgument("seconds; 0 for all", 0, 1e7),
        default=0.0,
        help="stop after that long (default: at the end, or Ctrl-C)",
    )
    parser.add_argument(
        "--strict", action="store_true",
        help="exit status 1 where more than 5 %% are lost at a stage from messages to answers",
    )  # fmt: skip
    return parser


def _config(options: argparse.Namespace, makers: Makers, source: str, rate_hz: float) -> DemoConfig:
    kind, live = options.recognizer, is_live(source)
    # Two networks side by side go faster on half of the cores each than taking turns on all.
    threads = max(1, (os.cpu_count() or 1) // 2) if kind == "both" else None
    trained = options.skeleton_model and Path(options.skeleton_model).is_dir()
    model: dict[str, Value] = {"model_path": options.skeleton_model} if trained else {}
    config = DemoConfig(
        source=source,
        short_side=SHORT_SIDE if kind == "video" else SHORT_SIDE_OF_PEOPLE,
        people=None if kind == "video" else model | {"model": "" if trained else options.skeleton_model},
        pose={"estimator": options.pose, "threads": threads or 2, "input_size": INPUT_SIZE},
        make_people=makers.people,
        make_estimator=makers.estimator,
        speed=1.0 if live else START,
    )
    if kind == "skeleton":
        return config
    learner = makers.video(options.network, threads)
    usual_hz = learner.rate_hz if options.source else 0.0
    model_rate_hz = float(usual_hz if options.model_rate is None else options.model_rate)
    config = replace(config, video=learner, model_rate_hz=model_rate_hz)
    return config if live else replace(config, speed=_measured_speed(learner, config, rate_hz))


def _measured_speed(learner: StreamingLearner, config: DemoConfig, rate_hz: float) -> float:
    """Playback speed this machine can follow, found by trying a few frames of the source; it is printed."""
    with VideoSource(config.source, config.short_side) as opened:
        frames = [Image(shown.pixels, index) for index, shown in enumerate(islice(opened.frames(), 32))]
    learner.reset()
    seconds = []
    for frame in frames:
        began = perf_counter()
        learner.infer(frame)
        seconds.append(perf_counter() - began)
    # The first round also includes work that is done only once.
    step_s = quickest_round_s(seconds, after=min(ROUND, len(frames) - 1))
    learner.reset()
    required_hz = required_rate_hz(rate_hz, config.model_rate_hz)
    speed = sustainable_speed(step_s, required_hz)
    played = "its own speed" if speed == 1.0 else f"{speed:.2f} of its speed, so that none is lost"
    taken = f"{learner.name} takes {step_s * 1e3:.0f} ms a frame here, the source asks for {required_hz:.0f} a second"
    print(f"{taken}: played at {played}.")
    return speed


def quickest_round_s(seconds: Sequence[float], after: int) -> float:
    """Mean time of a frame in the quickest round that begins with or after frame `after`.

    Work is spread unevenly over a round; the quickest one was least disturbed by what else this machine does.
    """
    rounds = [seconds[begin : begin + ROUND] for begin in range(after, len(seconds), ROUND)]
    return min(sum(taken) / len(taken) for taken in rounds)
