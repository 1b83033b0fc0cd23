"""Results of a demo run: as numbers, as a timeline, and in words. No ROS in here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from co_perception.engine.target import Status
from co_perception.evaluation.plots.timeline import BRIDGE_NS, draw_timeline
from co_perception.evaluation.provenance import machine, versions
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.subject_track import LONG_NS, segments_with_records
from co_perception.evaluation.timing import percentiles_ms
from co_perception.nodes.core.draw import color_of
from co_perception.nodes.demo.graph import SKIPPED, DemoConfig, DemoResult
from co_perception.nodes.demo.subscribers import ReceivedAnswer, row_of

LEAST_NS = 300_000_000  # a person in sight for less gets no row in the picture, though a place in the numbers
MOST_ROWS = 24  # eight people with three groups of labels
SCENE = ""
Track = Sequence[FrameRecord]


def summarize(result: DemoResult, config: DemoConfig, rate_hz: float) -> dict[str, Any]:
    """Everything worth knowing about a run, ready for JSON. The counts of frames are those of the first recognizer."""
    tracks = records_by_subject(result.answers)
    first_ns, last_ns = result.answers[0].stamp_ns, result.answers[-1].stamp_ns
    media_s = (last_ns - first_ns) / 1e9 + 1.0 / rate_hz
    paths: dict[str, dict[str, Any]] = {
        name: {
            "frames_processed": counts.get("processed", 0),
            "dropped_because": {cause: counts[cause] for cause in (*SKIPPED, "left at stop") if counts.get(cause)},
            "step_ms": percentiles_ms(result.steps_s[name]),
            "stages": result.stages[name].as_dict() if name in result.stages else {},
        }
        for name, counts in result.counts.items()
    }
    first = paths.get("video") or paths["skeleton"]
    scene = tracks.get(SCENE, [])
    sent_ns = result.sent_ns
    end_to_end = (
        (answer.received_ns - sent_ns[answer.stamp_ns]) / 1e9 for answer in result.answers if answer.stamp_ns in sent_ns
    )
    return {
        "clip": {
            "sources": [Path(name).name for _, name in result.chapters],
            "rate_hz": rate_hz,
            "short_side": config.short_side,
        },
        "recognizer": result.recognizer,
        "frames_published": result.published,
        "frames_processed": first["frames_processed"],
        "frames_dropped": result.published - first["frames_processed"],
        "dropped_because": first["dropped_because"],
        "warm_up_frames": warm_up_frames(scene) if config.video else None,
        "receptive_field_frames": config.video.receptive_field if config.video else None,
        "labels": labels_over_time(scene, result.classes, first_ns),
        "people": people_over_time(tracks, result.classes, first_ns),
        "step_ms": first["step_ms"],
        "end_to_end_ms": percentiles_ms(end_to_end),
        "paths": paths,
        "playback_speed": round(result.speed, 3),
        "media_s": round(media_s, 3),
        "wall_s": round(result.wall_s, 3),
        "real_time_factor": round(media_s / result.wall_s, 3),
        "frames_per_second": round(result.published / result.wall_s, 2),
        "device": str(getattr(config.video, "device", "cpu")),
        "machine": machine(),
        "versions": versions(),
    }


def records_by_subject(answers: Iterable[ReceivedAnswer]) -> dict[str, list[FrameRecord]]:
    """The records of each subject (and group), see `row_of`, in order of appearance; the scene's id is empty."""
    found: dict[str, list[FrameRecord]] = {}
    for answer in answers:
        for record in answer.records:
            found.setdefault(row_of(record), []).append(record)
    return found


def warm_up_frames(records: Track) -> int:
    """Answered frames before the first one that was not warm-up; all of them where there was none."""
    return next((n for n, record in enumerate(records) if record.status != Status.WARMING_UP), len(records))


def labels_over_time(
    records: Track, classes: Sequence[str], origin_ns: int, max_gap_ns: int = LONG_NS
) -> list[dict[str, Any]]:
    """Each segment with a label: from which frame to which [s since `origin_ns`], and the label's mean score."""
    found = []
    for segment, inside in segments_with_records(records, classes, max_gap_ns):
        if segment.label:
            scores = [record.top(1)[0][1] for record in inside]
            found.append({
                "label": segment.label,
                "from_s": round((inside[0].stamp_ns - origin_ns) / 1e9, 3),
                "to_s": round((inside[-1].stamp_ns - origin_ns) / 1e9, 3),
                "frames": len(inside),
                "mean_score": round(sum(scores) / len(scores), 3),
            })  # fmt: skip
    return found


def people_over_time(
    tracks: Mapping[str, Track], classes: Sequence[str], origin_ns: int, max_gap_ns: int = BRIDGE_NS
) -> dict[str, dict[str, Any]]:
    """Each person's time in sight [s], share of answers that were warm-up, and labels. The scene is left out."""
    return {
        subject: {
            "from_s": round((records[0].stamp_ns - origin_ns) / 1e9, 3),
            "to_s": round((records[-1].stamp_ns - origin_ns) / 1e9, 3),
            "frames": len(records),
            "warm_up_share": round(sum(r.status == Status.WARMING_UP for r in records) / len(records), 3),
            "labels": labels_over_time(records, classes, origin_ns, max_gap_ns),
        }
        for subject, records in tracks.items()
        if subject
    }


def draw(result: DemoResult, path: Path) -> None:
    """Writes the timeline."""
    tracks = {
        subject: records
        for subject, records in records_by_subject(result.answers).items()
        if not subject or records[-1].stamp_ns - records[0].stamp_ns >= LEAST_NS
    }
    subjects = [subject for subject in tracks if subject]
    people, others = subjects[:MOST_ROWS], len(subjects[MOST_ROWS:])
    left_out = f" · {others} more {'row' if others == 1 else 'rows'} not drawn" if others else ""
    # Files in the store carry the beginning of their checksum, which is left out.
    titles = [(stamp_ns, re.sub(r"-[0-9a-f]{12}$", "", Path(name).stem)) for stamp_ns, name in result.chapters]
    draw_timeline(
        {subject: tracks[subject] for subject in (SCENE, *people) if subject in tracks},
        result.classes,
        path,
        title="Predictions, frame by frame",
        subtitle=f"{result.recognizer} · {len(result.answers)} answers to {result.published} frames{left_out}",
        origin_ns=result.answers[0].stamp_ns,
        chapters=titles,
        badges={subject: "#{:02x}{:02x}{:02x}".format(*color_of(subject)) for subject in people},
    )


def print_summary(summary: dict[str, Any]) -> None:
    """Prints the essence of `summarize`."""
    for name, path in summary["paths"].items():
        step = path["step_ms"]
        causes = dict(path["dropped_because"])
        early, answered = causes.pop("early", 0), path["frames_processed"]
        because = ", ".join(f"{count} {cause}" for cause, count in causes.items())
        dropped = f"{sum(causes.values())} dropped{f' ({because})' if because else ''}"
        between = f", {early} between two ticks of its clock" if early else ""
        whole = answered + early + sum(causes.values())
        print(
            f"{name}: {answered} of {whole} frames answered, {dropped}{between}. "
            f"A step takes {step['p50']} ms (p95 {step['p95']})."
        )
    total = summary["end_to_end_ms"]
    pace = f"at {summary['real_time_factor']:.2f} of real time"
    print(f"Camera to answer {total['p50']} ms (p95 {total['p95']}), {pace}.")
    frames = summary["warm_up_frames"]
    if frames is not None:
        if frames < summary["frames_processed"]:
            print(f"scene: warm after {frames} frames.")
        else:
            print(
                f"scene: never warm: {frames} frames are too few for a network that looks back on "
                f"{summary['receptive_field_frames']}, so no label was given. Play more, or let every frame be one of "
                "the network's (--model-rate 0; from make: ARGS='--model-rate 0')."
            )
        _print_labels(summary["labels"])
    for subject, person in summary["people"].items():
        visible = f"in sight from {person['from_s']:.2f} to {person['to_s']:.2f} s"
        print(f"{subject}: {visible}, {person['warm_up_share']:.0%} of it warm-up.")
        _print_labels(person["labels"])


def _print_labels(labels: Sequence[Mapping[str, Any]]) -> None:
    for each in labels:
        print(f"  {each['from_s']:6.2f} to {each['to_s']:6.2f} s  {each['label']} ({each['mean_score']:.2f})")
