"""A disk that is full while a recording is made: it ends with the reason, and what was written before is readable."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mcap")
pytest.importorskip("rosbags")

from helpers.file_limits import files_limited_to
from helpers.processes import running
from nodes.recording.test_record import skeletons
from rclpy.serialization import serialize_message
from std_msgs.msg import String

from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.data.bags.bag_file import Bag
from co_perception.msg import SkeletonArray
from co_perception.nodes.recording.recorder import Recorder

ROOM = 60_000  # bytes in a file, as on a disk with so much left; the kernel refuses more
RECORD = """
import resource, sys
from pathlib import Path
from co_perception.nodes.recording import record
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
sys.exit(record.record(record.RecordingPlan(Path({out!r}), ("skeletons",), {{"1": "wave"}}), descriptor={descriptor}))
"""


@pytest.mark.slow
def test_a_recording_on_a_disk_that_fills_up(bench: Any, tmp_path: Path) -> None:
    out, (read_end, write_end) = tmp_path / "one", os.pipe()
    code = RECORD.format(room=ROOM, out=str(out), descriptor=read_end)
    publisher = bench.node.create_publisher(SkeletonArray, "skeletons", 100)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    sent = []
    with running([sys.executable, "-c", code], pass_fds=[read_end], **pipes) as process:
        bench.until(publisher.get_subscription_count, "the recorder")
        os.write(write_end, b"1")

        def ended() -> bool:
            sent.append(skeletons(bench))
            publisher.publish(sent[-1])
            return process.poll() is not None

        bench.until(ended, "the end of the recording")
        said, complaint = process.communicate()
    assert process.returncode == 1
    assert os.strerror(errno.EFBIG) in complaint, complaint
    assert "Traceback" not in complaint
    with Bag(out) as bag:
        found = [each.message.estimator for each in bag.messages("/skeletons")]
        assert bag.damage, "it is told that the index is missing"
    assert found == [message.estimator for message in sent[: len(found)]], "from the first on, none changed"
    assert ROOM / 600 < len(found) < ROOM / 300, "each takes 300 bytes and more"
    assert (out / "one.mcap").stat().st_size <= ROOM
    assert f"{len(found)} messages" in said
    assert [interval.label for interval in read_annotations(out / "annotations.csv")] == ["wave"]


def test_who_records_beside_other_work_goes_on_with_that(tmp_path: Path) -> None:
    """Nothing is raised; the recorder says what is wrong, and closing it is as harmless as ever."""
    recorder = Recorder(tmp_path / "a.mcap", chunk_bytes=1000)
    with files_limited_to(10_000):
        for number in range(100):
            note = serialize_message(String(data=f"{number} {os.urandom(200).hex()}"))
            recorder.write("/note", String, note, number)
    kept = recorder.messages
    recorder.close()
    recorder.close()
    assert "a.mcap" in recorder.problem
    with Bag(tmp_path / "a.mcap") as bag:
        found = [each.message.data.split()[0] for each in bag.messages("/note")]
    assert found == [str(number) for number in range(kept)]
    assert 10 < kept < 100


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_annotations_that_cannot_be_written_leave_those_there_were(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"annotations.{ending}"
    before = [Interval(0, 1000, "wave", "p1")]
    write_annotations(path, before)
    with files_limited_to(500), pytest.raises(OSError, match="too large"):
        write_annotations(path, [Interval(n * 1000, n * 1000 + 500, "squat", "p1") for n in range(1000)])
    assert read_annotations(path) == before
