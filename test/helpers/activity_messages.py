"""Builders of ActivityArray messages, as recognizers publish them."""

from __future__ import annotations

from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from co_perception.msg import Activity, ActivityArray, ActivityHypothesis
from co_perception.nodes.activity_fusion import TimedActivityArray

VALID, UNCERTAIN = Activity.STATUS_VALID, Activity.STATUS_UNCERTAIN
WARMING_UP, STALE = Activity.STATUS_WARMING_UP, Activity.STATUS_STALE


def activity(subject: str, status: int = VALID, roi: int = 0, progress: float = 1.0, **scores: float) -> Activity:
    hypotheses = [ActivityHypothesis(label=label, score=score) for label, score in scores.items()]
    region = RegionOfInterest(width=roi, height=roi)
    return Activity(subject_id=subject, status=status, hypotheses=hypotheses, progress=progress, roi=region)


def part(name: str, *activities: Activity, sec: int = 7, **fields: int) -> TimedActivityArray:
    header = Header(stamp=Time(sec=sec), frame_id="camera")
    message = ActivityArray(header=header, recognizer=f"net/{name}", label_set=name, activities=list(activities))
    for field, value in fields.items():
        setattr(message, field, Duration(nanosec=value) if field.endswith(("delay", "latency")) else value)
    return TimedActivityArray(message, 0)
