"""`make demo`: real video through the camera and the recogniser, over the real middleware, with everything kept.

What is left in the output folder: `activity.mcap` (all of /activity, without images), `annotated.mp4`, `timeline.png`
and `summary.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from co_perception.data.video import is_live
from co_perception.engine.data import Image
from co_perception.evaluation import run as sums
from co_perception.evaluation.timeline import draw_timeline
from co_perception.learners.recognition import StreamingLearner
from co_perception.nodes.stage import SHORT_SIDE, SKIPPED, Run, asked_hz_of, play, rate_of
from co_perception.nodes.timed import ROUND, Timed
from co_perception.nodes.video_source import VideoSource
from co_perception.runtime import store

VIEWS = tuple(f"pose2sim_single_cam{view:02d}" for view in (1, 2, 3, 4))


def main(arguments: Sequence[str] | None = None, make_learner: Callable[[str], StreamingLearner] | None = None) -> int:
    """Runs the demo; gives the exit status: 0, or 1 with the reason on stderr."""
    options = _parse(arguments)
    try:
        source = options.source or default_source()
        rate_hz = rate_of(source)
        learner = Timed((make_learner or published_learner)(options.network))
        model_rate_hz = _model_rate(options, learner)
        speed = 1.0 if is_live(source) else _measured_pace(learner, source, rate_hz, model_rate_hz)
        options.out.mkdir(parents=True, exist_ok=True)
        run = play(source, learner, options.out, model_rate_hz=model_rate_hz, speed=speed, seconds=options.seconds)
        if not run.heard:
            raise RuntimeError("no frame was answered; the messages above say why.")
        summary = summarise(run, learner, rate_hz)
        (options.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        _draw(run, learner, options.out / "timeline.png")
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    _say(summary, options.out)
    return 0


def default_source() -> str:
    """The four views of one leap, as a row of files. Raises FileNotFoundError that says how to fetch them."""
    return ",".join(str(store.locate(name)) for name in VIEWS)


def published_learner(network: str) -> StreamingLearner:
    """The learner with its published weights. Raises FileNotFoundError that says how to fetch them."""
    from co_perception.learners.video import ContinualVideoLearner

    learner = ContinualVideoLearner(network)
    learner.load()
    learner.optimize()
    return learner


def summarise(run: Run, learner: Timed, rate_hz: float) -> dict[str, Any]:
    """Everything worth knowing about a run, ready for JSON."""
    moments = [heard.moment for heard in run.heard]
    media_s = moments[-1].time_s + 1.0 / rate_hz
    return {
        "clip": {
            "sources": [Path(name).name for _, name in run.chapters],
            "rate_hz": rate_hz,
            "short_side": SHORT_SIDE,
        },
        "recognizer": learner.name,
        "frames_published": run.published,
        "frames_processed": run.processed,
        "frames_dropped": run.published - run.processed,
        "dropped_because": {cause: run.counts[cause] for cause in (*SKIPPED, "left at stop") if run.counts.get(cause)},
        "warm_up_frames": sums.warm_up_frames(moments),
        "receptive_field_frames": learner.receptive_field,
        "labels": sums.labels_over_time(moments),
        "step_ms": sums.percentiles_ms(learner.seconds),
        "end_to_end_ms": sums.percentiles_ms(sums.end_to_end_s(run.heard, run.sent_ns)),
        "playback_speed": round(run.speed, 3),
        "media_s": round(media_s, 3),
        "wall_s": round(run.wall_s, 3),
        "real_time_factor": round(media_s / run.wall_s, 3),
        "frames_per_second": round(run.processed / run.wall_s, 2),
        "device": str(getattr(learner, "device", "unknown")),
        "machine": sums.machine(),
        "versions": sums.versions(),
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description="Real video through the nodes; results in a folder.")
    parser.add_argument(
        "--source", default="", help="video file, pattern of files, camera index or URL (default: sample clips)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="folder for the results (default: %(default)s)"
    )
    parser.add_argument("--network", default="coi3d_inception", help="video network (default: %(default)s)")
    parser.add_argument(
        "--model-rate", type=float, default=None, metavar="HZ",
        help="the network's frames per second; 0: each frame of the source is one (default: 0 for the sample clips, "
        "else the rate the network was trained at)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="stop after that long (default: at the end, or Ctrl-C)"
    )
    return parser.parse_args(arguments)


def _model_rate(options: argparse.Namespace, learner: Timed) -> float:
    if options.model_rate is not None:
        return float(options.model_rate)
    return float(learner.rate_hz) if options.source else 0.0


def _measured_pace(learner: Timed, source: str, rate_hz: float, model_rate_hz: float) -> float:
    """Playback speed this machine can follow, found by trying a few frames of the source; says so on the terminal."""
    with VideoSource(source, SHORT_SIDE) as opened:
        frames = [Image(shown.pixels, index) for index, shown in enumerate(islice(opened.frames(), 32))]
    learner.reset()
    for frame in frames:
        learner.infer(frame)
    # The first round also pays for what is done once.
    step_s = learner.round_s(after=min(ROUND, len(frames) - 1))
    learner.reset()
    learner.seconds.clear()
    asked_hz = asked_hz_of(rate_hz, model_rate_hz)
    speed = sums.pace(step_s, asked_hz)
    print(
        f"{learner.name} takes {step_s * 1e3:.0f} ms a frame here, the source asks for {asked_hz:.0f} a second: ",
        end="",
    )
    print("played at its own speed." if speed == 1.0 else f"played at {speed:.2f} of its speed, so that none is lost.")
    return speed


def _draw(run: Run, learner: Timed, path: Path) -> None:
    first_ns = run.heard[0].stamp_ns
    chapters = [((stamp_ns - first_ns) / 1e9, _short(name)) for stamp_ns, name in run.chapters]
    draw_timeline(
        [heard.moment for heard in run.heard],
        path,
        title="What the recogniser said, frame by frame",
        subtitle=f"{learner.name} · {run.processed} of {run.published} frames answered · "
        f"looks back on {learner.receptive_field} frames",
        chapters=chapters,
    )


def _short(name: str) -> str:
    stem = Path(name).stem
    return next((f"view {number}" for number, view in enumerate(VIEWS, 1) if stem.startswith(view)), stem)


def _say(summary: dict[str, Any], out: Path) -> None:
    because = ", ".join(f"{count} {cause}" for cause, count in summary["dropped_because"].items())
    dropped = f"{summary['frames_dropped']} dropped{f' ({because})' if because else ''}"
    print(f"{summary['frames_processed']} of {summary['frames_published']} frames answered, {dropped}.")
    step, whole = summary["step_ms"], summary["end_to_end_ms"]
    print(
        f"A step takes {step['p50']} ms (p95 {step['p95']}), camera to answer {whole['p50']} ms (p95 {whole['p95']})."
    )
    print(f"Played at {summary['real_time_factor']:.2f} of real time. {_warmth(summary)}")
    for said in summary["labels"]:
        print(f"  {said['from_s']:6.2f} to {said['to_s']:6.2f} s  {said['label']} ({said['mean_score']:.2f})")
    print(f"Look at {', '.join(sorted(path.name for path in out.iterdir()))} in {out}.")


def _warmth(summary: dict[str, Any]) -> str:
    frames = summary["warm_up_frames"]
    if frames < summary["frames_processed"]:
        return f"Warm after {frames} frames."
    field = summary["receptive_field_frames"]
    return (
        f"Never warm: {frames} frames are too few for a network that looks back on {field}, so no label was given. "
        "Play more, or let every frame be one of the network's (--model-rate 0; from make: ARGS='--model-rate 0')."
    )


if __name__ == "__main__":
    sys.exit(main())
