"""What `video_activity` costs with `subject: person`: CPU time of a camera frame, by network and people.

The recognizer is that of the node, with its defaults, stepped by ONNX Runtime with one thread, so that CPU time is what
a frame takes. Pictures of 640 x 480 come at 25 Hz with the people's joints (noise and stick figures; weights are
random, which changes no times). The node keeps one frame that waits, the newest (`queue_depth: 1`): `lost` is the
share of frames that it would drop on one core of its own, which follows from the times measured. The pose estimator is
not counted. Prints a table; leaves person_crops.json in out/bench.

    python benchmarks/person_crops.py --networks coi3d_inception cox3d_s --people 1 2 4 --frames 200
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import process_time

import numpy as np

from bench import results
from bench.machine import describe
from bench.results import number, write_json
from co_perception.commands.output import print_table
from co_perception.data.messages.people import ImageWithPeople, from_poses
from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.learners.recognizers import VideoSettings, video_recognizer
from co_perception.learners.video import ContinualVideoLearner
from co_perception.online.pacing import Verdict

CAMERA_HZ, WIDTH, HEIGHT = 25.0, 640, 480
NETWORKS = ("coi3d_inception", "coi3d_r50", "coslow_r50", "cox3d_s", "cox3d_m")
HEADER = ("network", "ticks a second", "people", "CPU ms a frame", "longest", "of one core", "lost")


@dataclass(frozen=True)
class Row:
    """ms_mean: of a camera's frame, those that the network's clock leaves out counted as 0; busy: share of one core."""

    network: str
    rate_hz: float
    people: int
    ms_mean: float
    ms_max: float
    busy: float
    lost: float


def measure(learner: ContinualVideoLearner, people: int, frames: int) -> Row:
    """The CPU time of `frames` frames, after as many as the network needs for its first answers."""
    recognizer = video_recognizer(learner, VideoSettings(subject="person", max_people=people))
    rng, warm = np.random.default_rng(0), round(learner.receptive_field * CAMERA_HZ / learner.rate_hz)
    pictures = rng.integers(0, 256, (4, HEIGHT, WIDTH, 3), dtype=np.uint8)
    ms = []
    for count in range(warm + frames):
        stamp_ns = round((1 + count / CAMERA_HZ) * NANO)
        poses = [figure(f"{who}", 100 + 130 * who + 20 * np.sin(count / 9)) for who in range(people)]
        found = from_poses(poses, (WIDTH, HEIGHT), stamp_ns=stamp_ns)
        observation = ImageWithPeople(Image(pictures[count % 4], stamp_ns), found)
        begin_s = process_time()
        admission = recognizer.admit(stamp_ns)
        if admission.verdict == Verdict.TAKE:
            recognizer.answer(observation, stamp_ns, admission)  # type: ignore[arg-type]  # it takes people
        ms.append(1000 * (process_time() - begin_s))
    times = np.array(ms[warm:])
    busy = float(times.mean()) * CAMERA_HZ / 1000
    name, rate_hz = learner.variant.name, learner.rate_hz
    return Row(name, rate_hz, people, float(times.mean()), float(times.max()), busy, lost(times, 1000 / CAMERA_HZ))


def figure(who: str, x: float) -> Pose:
    """A standing person around x [pixels]."""
    joints = np.ones((17, 3), np.float32)
    joints[:, 0] = x + 25 * np.cos(np.arange(17))
    joints[:, 1] = np.linspace(120, 400, 17)
    return Pose(joints, id=who)


def lost(times_ms: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], period_ms: float) -> float:
    """Share of frames that find one waiting and take its place, where one is worked on and one may wait.

    >>> lost([50.0] * 100, 40.0)
    0.19
    """
    free_ms, waiting, dropped = 0.0, -1, 0
    for place in range(len(times_ms)):
        now_ms = place * period_ms
        if waiting >= 0 and free_ms <= now_ms:
            free_ms, waiting = free_ms + float(times_ms[waiting]), -1
        if free_ms <= now_ms and waiting < 0:
            free_ms = now_ms + float(times_ms[place])
        else:
            dropped += waiting >= 0
            waiting = place
    return dropped / len(times_ms)


def cells(row: Row) -> tuple[str, ...]:
    """A line of the table."""
    figures = (number(row.ms_mean), number(row.ms_max), f"{row.busy:.0%}", f"{row.lost:.0%}")
    return (row.network, f"{row.rate_hz:g}", str(row.people), *figures)


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print and keep."""
    options = results.parser(__doc__, NETWORKS)
    options.add_argument("--people", nargs="+", type=int, default=[1, 2, 4])
    options.add_argument("--frames", type=int, default=200, help="frames of the camera to measure")
    chosen, rows = options.parse_args(given), list[Row]()
    for name in chosen.networks:
        learner = ContinualVideoLearner(name, threads=1)
        learner.load_tensors(learner.model.state_dict(), "random weights")
        learner.optimize("onnxruntime")
        rows += [measure(learner, people, chosen.frames) for people in chosen.people]
        print_table([HEADER, *map(cells, rows)])
    write_json(chosen.out / "person_crops.json", {"rows": [asdict(row) for row in rows], "machine": describe(1, "cpu")})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
