"""Endpoints of recordings: who is in sight, joints, pictures and annotations of each, by its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from co_perception.studio.endpoints import Endpoint, Question, Reply
from co_perception.studio.fields import in_thread
from co_perception.studio.recording_annotations import AnnotatedRecording

ONE = "/api/recordings/{number:int}"


class RecordingEndpoints:
    """What pages ask of recordings.

    Args:
        recordings: in the order of their numbers; more may come.
    """

    def __init__(self, recordings: Sequence[AnnotatedRecording]) -> None:
        self._recordings = recordings

    def endpoints(self) -> list[Endpoint]:
        """All of them."""
        return [
            Endpoint("/api/recordings", in_thread(self._listed)),
            Endpoint(ONE, in_thread(lambda question: self._asked(question).overview())),
            Endpoint(f"{ONE}/frames", in_thread(self._frames)),
            Endpoint(f"{ONE}/picture", in_thread(self._picture)),
            Endpoint(f"{ONE}/intervals", in_thread(self._replace_intervals), "PUT"),
        ]

    def _asked(self, question: Question) -> AnnotatedRecording:
        """The recording of a number. Raises: LookupError."""
        return self._recordings[int(question.path["number"])]

    def _listed(self, _: Question) -> list[dict[str, Any]]:
        return [
            {"name": each.name, "people": len(each.people), "duration": each.end_ns - each.begin_ns,
             "intervals": len(each.intervals())}
            for each in self._recordings
        ]  # fmt: skip

    def _frames(self, question: Question) -> list[dict[str, Any]]:
        begin, end = (int(question.query.get(name, "0")) for name in ("begin", "end"))
        return self._asked(question).frames(begin, end)

    def _picture(self, question: Question) -> Reply:
        """The picture of a time; none, with the reason, where there is none: a browser reports no error then."""
        try:
            found = self._asked(question).picture(int(question.query.get("time", "0")))
        except (LookupError, ValueError) as error:
            return Reply(b"", "image/jpeg", {"X-Why": quote(str(error))}, status=204)
        return Reply(found.jpeg, "image/jpeg", {"X-Time": str(found.time)})

    def _replace_intervals(self, question: Question) -> dict[str, str]:
        given = question.content
        if not isinstance(given, dict) or not isinstance(given.get("intervals"), list):
            raise ValueError("expected an object with version and intervals")
        return {"version": self._asked(question).replace_intervals(given["intervals"], str(given.get("version", "")))}
