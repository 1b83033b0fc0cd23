"""Exports of annotations from the studio: each file is read back as what is annotated."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("starlette", reason="the extra [studio] is not installed: the studio is not tested")

from helpers.asgi_browser import Browser
from helpers.drawn_people import recording

from co_perception.data.annotations.sources import read_any
from co_perception.studio.application import application
from co_perception.studio.export_endpoints import KINDS, export_endpoint
from co_perception.studio.recording_annotations import AnnotatedRecording

MILLISECOND = 1_000_000


@pytest.fixture
def shown(tmp_path: Path) -> AnnotatedRecording:
    return AnnotatedRecording(recording(tmp_path / "monday", 1, rounds=1))


@pytest.mark.parametrize("ending", sorted(KINDS))
def test_a_file_is_read_back_as_what_is_annotated(shown: AnnotatedRecording, tmp_path: Path, ending: str) -> None:
    answer = Browser(application([shown], [export_endpoint([shown])])).ask(f"/api/recordings/0/export/{ending}")
    assert answer.status == 200 and f"monday.{ending}" in answer.headers["content-disposition"]
    file = tmp_path / f"exported.{ending}"
    file.write_bytes(answer.body)
    found = [each.shifted(shown.origin_ns) if each.relative else each for each in read_any(file)]
    ours = shown.intervals()
    assert [each.label for each in found] == [each.label for each in ours] and len(ours) == 2
    near = MILLISECOND if ending == "eaf" else 0  # ELAN counts milliseconds
    for one, other in zip(found, ours, strict=True):
        assert abs(one.start_ns - other.start_ns) <= near and abs(one.end_ns - other.end_ns) <= near


def test_what_is_not_there_is_refused(shown: AnnotatedRecording) -> None:
    browser = Browser(application([shown], [export_endpoint([shown])]))
    assert browser.ask("/api/recordings/0/export/exe").status == 404
    assert browser.ask("/api/recordings/1/export/csv").status == 404
    shown.file.unlink()
    answer = browser.ask("/api/recordings/0/export/csv")
    assert answer.status == 422 and "nothing is annotated yet" in answer.json["error"]
