"""Without pixels nothing of a picture leaves its process: known blocks are looked for in all that is written or sent.

The test of a picture that is published shows that they would be found.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from helpers.picture_blocks import COLORS, has_blocks, with_blocks, write_video
from helpers.wiretap import Wiretap
from rclpy.serialization import deserialize_message, serialize_message

from co_perception.data.messages.image import encode_jpeg
from co_perception.data.video import VideoReader
from co_perception.msg import ActivityArray, SkeletonArray
from co_perception.runtime.store import store
from co_perception.srv import GetAnswerInputs, Snapshot

ROOT = Path(__file__).parents[2]
FRAMES, LEAST = 60, 25  # of the video; answers to wait for
SHARED = Path("/dev/shm")


@pytest.mark.parametrize("in_bytes", [lambda p: p.tobytes(), lambda p: p[..., ::-1].tobytes(),
                                      lambda p: b"x" + (p.astype(np.float32) / 255).tobytes(),
                                      lambda p: p.astype(np.float32).tobytes(),
                                      lambda p: np.dstack([p, p[..., :1]]).tobytes(),
                                      lambda p: b"text" + encode_jpeg(p, 90)])  # fmt: skip
def test_blocks_are_found_in_any_form_and_not_in_other_content(in_bytes: Callable[[Any], bytes]) -> None:
    plain = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    assert has_blocks(in_bytes(with_blocks(plain)))
    assert not has_blocks(in_bytes(plain)) and not has_blocks(in_bytes(np.full_like(plain, COLORS[0][0])))
    assert not has_blocks(b"")


def video(path: Path) -> Path:
    """Real people, with blocks of known colors in the corners."""
    try:
        clip = store.locate("sports2d_demo")
    except FileNotFoundError:
        pytest.skip("the sample video is not in the store: make weights")
    pictures = []
    with VideoReader(str(clip), 360) as reader:
        for frame, _ in zip(reader, range(FRAMES), strict=False):
            pictures.append(with_blocks(frame.pixels))
    write_video(path, pictures)
    return path


def leaks(bench: Any, home: Path, source: Path, flag: str) -> dict[str, int]:
    """Runs the process on a video and gives where blocks were found, by topic or file, and in how many messages."""
    parameters = {
        "camera": {"source": str(source), "loop": True},
        "pose": {"confirm": 1, "threads": 1},
        "skeleton_activity": {"threads": 1, "snapshot_folder": str(home / "snapshots")},
    }
    file = home / "parameters.yaml"
    file.write_text(json.dumps({f"/**/{name}": {"ros__parameters": own} for name, own in parameters.items()}))
    words = [sys.executable, "-m", "co_perception.nodes.entry", "people_activity", flag, "--ros-args"]
    folders = {name: str(home / name) for name in ("HOME", "TMPDIR", "ROS_HOME", "ROS_LOG_DIR", "XDG_CACHE_HOME")}
    for folder in folders.values():
        Path(folder).mkdir()
    told = {"CO_PERCEPTION_CACHE": str(store.root()), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    tap = Wiretap()
    bench.executor.add_node(tap)
    before = {path.name for path in SHARED.glob("*")}
    with (home / "output").open("wb") as out:
        process = subprocess.Popen([*words, "--params-file", str(file)], env={**os.environ, **folders, **told},
                                   cwd=home, stdout=out, stderr=out)  # fmt: skip
    try:

        def answered() -> bool:
            assert process.poll() is None, (home / "output").read_text()
            people = tap.taken.get("/skeletons", [])
            return len(tap.taken.get("/activity", [])) >= LEAST and any(map(has_people, people[-1:]))

        wait(bench, answered)
        answers = [
            bench.call(Snapshot, "skeleton_activity/snapshot", path="people.safetensors"),
            bench.call(GetAnswerInputs, "skeleton_activity/answer_inputs", subject_id=somebody(tap)),
        ]
        assert all(answer.success for answer in answers), answers
        sent = {topic: list(messages) for topic, messages in tap.taken.items()}
        sent["services"] = [bytes(serialize_message(answer)) for answer in answers]
        shared = [path for path in SHARED.glob("*") if path.name not in before]
        written = {str(path): [path.read_bytes()] for path in shared if path.is_file()}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        bench.executor.remove_node(tap)
        tap.destroy_node()
    written |= {str(path.relative_to(home)): [path.read_bytes()] for path in home.rglob("*") if path.is_file()}
    assert {"/activity", "/skeletons", "/diagnostics", "/rosout", "/activity_events"} <= sent.keys()
    assert any(name.endswith("people.safetensors") for name in written) and not list(home.rglob("core*"))
    found = {place: sum(map(has_blocks, contents)) for place, contents in {**sent, **written}.items()}
    return {place: count for place, count in found.items() if count}


def wait(bench: Any, done: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        bench.executor.spin_once(timeout_sec=0.05)


def has_people(message: bytes) -> bool:
    return bool(deserialize_message(message, SkeletonArray).skeletons)


def somebody(tap: Wiretap) -> str:
    """Who has scores in the newest answers."""
    for message in reversed(tap.taken["/activity"]):
        for activity in deserialize_message(message, ActivityArray).activities:
            if activity.scores:
                return str(activity.subject_id)
    return ""


@pytest.mark.slow
def test_without_pixels_no_block_is_written_or_sent(bench: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert leaks(bench, home, video(tmp_path / "people.mkv"), "--no-pixels") == {}


@pytest.mark.slow
def test_a_topic_of_pictures_that_is_switched_on_is_found(bench: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    found = leaks(bench, home, video(tmp_path / "people.mkv"), "--camera")
    assert found.pop("/image_raw") > 5
    assert all(place.startswith(str(SHARED)) for place in found), "the middleware's shared memory may have them too"
