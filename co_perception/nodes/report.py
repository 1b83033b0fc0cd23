"""What a run of the demo came to: as numbers, as a picture, and in words. No ROS in here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from co_perception.evaluation import run as sums
from co_perception.evaluation.moments import Moment
from co_perception.evaluation.rows import BRIDGE_S
from co_perception.evaluation.timeline import draw_timeline
from co_perception.nodes.cast import SKIPPED, Run
from co_perception.nodes.casting import Plan
from co_perception.nodes.draw import colour_of

LEAST_S = 0.3  # who is in sight for less gets no row in the picture, though a place in the numbers
MOST_ROWS = 8
SCENE = ""


def summarise(run: Run, plan: Plan, rate_hz: float) -> dict[str, Any]:
    """Everything worth knowing about a run, ready for JSON. The counts of frames are those of the first recogniser."""
    said = sums.tracks(run.heard)
    first_ns, last_ns = run.heard[0].stamp_ns, run.heard[-1].stamp_ns
    media_s = (last_ns - first_ns) / 1e9 + 1.0 / rate_hz
    paths = {name: _path(run, name) for name in run.counts}
    first = paths.get("video") or paths["skeleton"]
    scene = said.get(SCENE, [])
    return {
        "clip": {
            "sources": [Path(name).name for _, name in run.chapters],
            "rate_hz": rate_hz,
            "short_side": plan.short_side,
        },
        "recognizer": run.recognizer,
        "frames_published": run.published,
        "frames_processed": first["frames_processed"],
        "frames_dropped": run.published - first["frames_processed"],
        "dropped_because": first["dropped_because"],
        "warm_up_frames": sums.warm_up_frames(scene) if plan.video else None,
        "receptive_field_frames": plan.video.receptive_field if plan.video else None,
        "labels": sums.labels_over_time(scene),
        "people": sums.people_over_time(said, BRIDGE_S),
        "step_ms": first["step_ms"],
        "end_to_end_ms": sums.percentiles_ms(sums.end_to_end_s(run.heard, run.sent_ns)),
        "paths": paths,
        "playback_speed": round(run.speed, 3),
        "media_s": round(media_s, 3),
        "wall_s": round(run.wall_s, 3),
        "real_time_factor": round(media_s / run.wall_s, 3),
        "frames_per_second": round(run.published / run.wall_s, 2),
        "device": str(getattr(plan.video, "device", "cpu")),
        "machine": sums.machine(),
        "versions": sums.versions(),
    }


def draw(run: Run, path: Path) -> None:
    """Writes the timeline."""
    said = {subject: moments for subject, moments in sums.tracks(run.heard).items() if _is_shown(subject, moments)}
    first_ns = run.heard[0].stamp_ns
    people = [subject for subject in said if subject][:MOST_ROWS]
    draw_timeline(
        {subject: said[subject] for subject in (SCENE, *people) if subject in said},
        path,
        title="What was said, frame by frame",
        subtitle=f"{run.recognizer} · {len(run.heard)} answers to {run.published} frames",
        chapters=[((stamp_ns - first_ns) / 1e9, _title(name)) for stamp_ns, name in run.chapters],
        badges={subject: "#{:02x}{:02x}{:02x}".format(*colour_of(subject)) for subject in people},
    )


def say(summary: dict[str, Any]) -> None:
    """Tells the essence on the terminal."""
    for name, path in summary["paths"].items():
        step = path["step_ms"]
        print(f"{name}: {_frames(path)} A step takes {step['p50']} ms (p95 {step['p95']}).")
    whole = summary["end_to_end_ms"]
    pace = f"at {summary['real_time_factor']:.2f} of real time"
    print(f"Camera to answer {whole['p50']} ms (p95 {whole['p95']}), {pace}.")
    if summary["warm_up_frames"] is not None:
        print(f"scene: {_warmth(summary)}")
        _say_labels(summary["labels"])
    for subject, person in summary["people"].items():
        seen = f"in sight from {person['from_s']:.2f} to {person['to_s']:.2f} s"
        print(f"{subject}: {seen}, {person['warm_up_share']:.0%} of it warm-up.")
        _say_labels(person["labels"])


def _path(run: Run, name: str) -> dict[str, Any]:
    counts = run.counts[name]
    return {
        "frames_processed": counts.get("processed", 0),
        "dropped_because": {cause: counts[cause] for cause in (*SKIPPED, "left at stop") if counts.get(cause)},
        "step_ms": sums.percentiles_ms(run.steps_s[name]),
    }


def _title(path: str) -> str:
    """A file's name as people know it: those in the store carry the beginning of their checksum."""
    return re.sub(r"-[0-9a-f]{12}$", "", Path(path).stem)


def _is_shown(subject: str, moments: list[Moment]) -> bool:
    return not subject or moments[-1].time_s - moments[0].time_s >= LEAST_S


def _frames(path: dict[str, Any]) -> str:
    """How many frames were answered, and what became of the others."""
    causes = dict(path["dropped_because"])
    early = causes.pop("early", 0)
    answered = path["frames_processed"]
    because = ", ".join(f"{count} {cause}" for cause, count in causes.items())
    dropped = f"{sum(causes.values())} dropped{f' ({because})' if because else ''}"
    between = f", {early} between two ticks of its clock" if early else ""
    return f"{answered} of {answered + early + sum(causes.values())} frames answered, {dropped}{between}."


def _warmth(summary: dict[str, Any]) -> str:
    frames = summary["warm_up_frames"]
    if frames < summary["frames_processed"]:
        return f"warm after {frames} frames."
    field = summary["receptive_field_frames"]
    return (
        f"never warm: {frames} frames are too few for a network that looks back on {field}, so no label was given. "
        "Play more, or let every frame be one of the network's (--model-rate 0; from make: ARGS='--model-rate 0')."
    )


def _say_labels(labels: list[dict[str, Any]]) -> None:
    for said in labels:
        print(f"  {said['from_s']:6.2f} to {said['to_s']:6.2f} s  {said['label']} ({said['mean_score']:.2f})")
