"""A browser that sends rubbish to every address of the studio: refused in words, nothing is written, and it goes on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("starlette", reason="the extra [studio] is not installed: the studio is not tested")

from helpers.asgi_browser import Browser
from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag
from helpers.drawn_people import Figure

from co_perception.commands.studio_endpoints import workshop
from co_perception.commands.studio_teacher import GalleryTeacher
from co_perception.studio.application import application
from co_perception.studio.jobs import JobQueue
from co_perception.studio.recording_annotations import AnnotatedRecording

REFUSALS = {400, 403, 404, 405, 409, 413, 422}
ATOMS: list[Any] = [
    None, True, False, 0, -1, 1, 2**63, -(2**70), 10**400, 1.5, float("nan"), float("inf"), "", "a", "../..",
    "/etc/passwd", "\0", "\ud800", "x" * 5000, "--out", "wave\n", [], {}, [[]], {"": None},
]  # fmt: skip
NAMES = ["version", "intervals", "start", "end", "label", "subject", "group", "recording", "kind", "name", "recordings",
         "labels", "model", "epochs", "by", "per_hour", "nothing", "seconds", "start"]  # fmt: skip
PARTS = ["0", "1", "-1", "9" * 30, "9" * 5000, "x", "..", "%2e%2e", "train", "evaluate", "a b", "\udc80", "none.json"]
KINDS = ["train", "evaluate", "tune", "doctor"]


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    frames = [Frame(T0 + n * SECOND // 15, [Person("p0", Figure("wave", 3).frame(n / 15))]) for n in range(30)]
    return write_bag(tmp_path / "monday", {"/skeletons": frames})


@pytest.fixture
def studio(bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Browser, list[str]]]:
    """The whole studio, whose jobs do not begin; and the addresses of its endpoints."""
    monkeypatch.setattr(JobQueue, "_run", lambda self: None)
    monkeypatch.setattr(GalleryTeacher, "warm", lambda self: None)
    recordings = [AnnotatedRecording(bag)]
    with workshop(recordings, tmp_path / "out") as endpoints:
        app = application(recordings, endpoints)
        paths = [route.path for route in app.routes]
        yield Browser(app), paths


def rubbish(draw: random.Random, depth: int = 0) -> Any:
    if depth > 2 or draw.random() < 0.4:
        return draw.choice(ATOMS)
    if draw.random() < 0.4:
        return [rubbish(draw, depth + 1) for _ in range(draw.randrange(4))]
    found = {name: rubbish(draw, depth + 1) for name in draw.sample(NAMES, draw.randrange(1, 8))}
    return found | ({"kind": draw.choice(KINDS)} if draw.random() < 0.5 else {})


def body(draw: random.Random) -> bytes:
    whole = json.dumps(rubbish(draw)).encode()
    kind = draw.randrange(5)
    if kind == 0:
        return draw.randbytes(draw.randrange(200))
    if kind == 1:
        return whole[: draw.randrange(len(whole))]
    if kind == 2:
        place = draw.randrange(len(whole))
        return whole[:place] + draw.randbytes(3) + whole[place:]
    return whole


def filled(path: str, draw: random.Random) -> str:
    """An address with something in the place of each variable part."""
    return "/".join(draw.choice(PARTS) if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("seed", range(6))
def test_rubbish_is_refused_and_the_studio_goes_on(
    studio: tuple[Browser, list[str]], bag: Path, tmp_path: Path, seed: int
) -> None:
    browser, paths = studio
    draw = random.Random(seed)
    before = {file: file.read_bytes() for file in bag.rglob("*") if file.is_file()}
    for _ in range(250):
        path = filled(draw.choice(paths), draw)
        method = draw.choice(["GET", "POST", "PUT", "DELETE", "PATCH"])
        query = "&".join(
            f"{name}={draw.choice(['', 'x', '-1', '9' * 400, '1e9', '%00'])}"
            for name in ("begin", "end", "first", "time")
        )
        answer = browser.ask(path, method, body(draw) if method != "GET" else b"", query)
        assert answer.status in {200, 204, *REFUSALS}, (method, path, query, answer)
        if answer.status in REFUSALS - {404, 405, 400}:
            assert answer.json["error"]
    assert {file: file.read_bytes() for file in bag.rglob("*") if file.is_file()} == before
    assert not (tmp_path / "out").exists()
    assert browser.ask("/api/recordings").json[0]["name"] == "monday"


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 50_000, b'{"intervals": ' + b"[" * 50_000])
@pytest.mark.parametrize("path", ["/api/jobs", "/api/gallery", "/api/recordings/0/intervals"])
def test_what_is_nested_without_end_is_refused(studio: tuple[Browser, list[str]], path: str, content: bytes) -> None:
    answer = studio[0].ask(path, "PUT" if path.endswith("intervals") else "POST", content)
    assert answer.status == 422 and answer.json["error"]


def test_texts_that_are_no_unicode_are_refused(studio: tuple[Browser, list[str]], bag: Path) -> None:
    interval = {"start": 0, "end": SECOND, "label": "wave\ud800", "subject": "p0"}
    assert studio[0].put("", [interval]).status == 422
    assert not (bag / "annotations.csv").exists()


def test_other_sites_start_nothing(studio: tuple[Browser, list[str]]) -> None:
    content = {"kind": "doctor", "name": "a", "recordings": [0]}
    assert studio[0].post("/api/jobs", content, origin="http://evil.example").status == 403
    assert studio[0].ask("/api/jobs").json == []
    assert studio[0].post("/api/jobs", content).status == 200
