"""Endpoints of recordings, without a server: the recording of the number that is asked for, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags")

from helpers.asgi_browser import reply_of
from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag
from helpers.drawn_people import Figure

from co_perception.studio.endpoints import Question, Reply
from co_perception.studio.recording_annotations import AnnotatedRecording, ConflictError
from co_perception.studio.recording_endpoints import RecordingEndpoints

WAVE = {"start": 0, "end": SECOND, "label": "wave", "subject": "p0"}


@pytest.fixture
def recordings(tmp_path: Path) -> list[AnnotatedRecording]:
    found = []
    for name, count in (("monday", 30), ("tuesday", 15)):
        frames = [Frame(T0 + n * SECOND // 15, [Person("p0", Figure("wave", 3).frame(n / 15))]) for n in range(count)]
        found.append(AnnotatedRecording(write_bag(tmp_path / name, {"/skeletons": frames})))
    return found


def asked(recordings: list[AnnotatedRecording], end: str, **fields: Any) -> Reply:
    """What the endpoint whose path ends so answers."""
    [endpoint] = [each for each in RecordingEndpoints(recordings).endpoints() if each.path.endswith(end)]
    return reply_of(endpoint, Question(**fields))


def test_each_number_is_one_recording(recordings: list[AnnotatedRecording]) -> None:
    listed: Any = asked(recordings, "recordings").content
    assert [each["name"] for each in listed] == ["monday", "tuesday"]
    for number, name in enumerate(("monday", "tuesday")):
        overview: Any = asked(recordings, ":int}", path={"number": number}).content
        assert (overview["name"], overview["duration"]) == (name, listed[number]["duration"])
    query = {"begin": "0", "end": str(9 * SECOND)}
    person: Any = asked(recordings, "frames", path={"number": 1}, query=query).content
    assert len(person[0]["stamps"]) == 15
    with pytest.raises(LookupError):
        asked(recordings, ":int}", path={"number": 2})


def test_annotations_are_written_where_they_belong(recordings: list[AnnotatedRecording]) -> None:
    content = {"version": "", "intervals": [WAVE]}
    found: Any = asked(recordings, "intervals", path={"number": 1}, content=content).content
    assert found == {"version": recordings[1].version} and not recordings[0].intervals()
    with pytest.raises(ConflictError):
        asked(recordings, "intervals", path={"number": 1}, content=content)
    wrongs: list[Any] = [None, [], {"version": ""}, {"intervals": {}}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="expected an object with version and intervals"):
            asked(recordings, "intervals", path={"number": 1}, content=wrong)


def test_no_picture_is_no_error_and_says_why(recordings: list[AnnotatedRecording]) -> None:
    reply = asked(recordings, "picture", path={"number": 0}, query={"time": "0"})
    assert (reply.status, reply.content) == (204, b"") and "there%20are%20no%20pictures" in reply.headers["X-Why"]
