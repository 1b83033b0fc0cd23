"""The studio's application without a browser: what it serves, to whom, and what it refuses."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("starlette", reason="the extra [studio] is not installed: the studio is not tested")

from helpers.asgi_browser import HOST, Browser
from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag
from helpers.drawn_people import Figure

from co_perception.studio.application import PAGES, application
from co_perception.studio.endpoints import Endpoint, Question, Reply
from co_perception.studio.recording_annotations import AnnotatedRecording
from co_perception.studio.refusals import MOST_BYTES


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    figure = Figure("wave", 3)
    frames = [Frame(T0 + n * SECOND // 15, [Person("p0", figure.frame(n / 15))]) for n in range(30)]
    return write_bag(tmp_path / "monday", {"/skeletons": frames})


@pytest.fixture
def browser(bag: Path) -> Browser:
    return Browser(application([AnnotatedRecording(bag)]))


WAVE = {"start": 0, "end": SECOND, "label": "wave", "subject": "p0"}


def test_pages_need_nothing_from_elsewhere_and_no_script_within(browser: Browser) -> None:
    page = browser.ask("/")
    policy = page.headers["content-security-policy"]
    assert page.status == 200 and "default-src 'none'" in policy and "unsafe" not in policy
    text = page.body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=", text)
    linked = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert "/pages/studio.js" in linked
    for script in PAGES.glob("*.js"):
        served = browser.ask(f"/pages/{script.name}")
        assert served.status == 200 and served.headers["content-type"].startswith("text/javascript")
        assert not re.search(r"https?://|\beval\(|innerHTML", script.read_text())


def test_recordings_are_listed_and_shown(browser: Browser) -> None:
    [listed] = browser.ask("/api/recordings").json
    assert listed == {"name": "monday", "people": 1, "duration": 29 * SECOND // 15 + 1, "intervals": 0}
    assert browser.ask("/api/recordings/0").json["people"][0]["id"] == "p0"
    [person] = browser.ask("/api/recordings/0/frames", query=f"begin=0&end={SECOND}").json
    assert len(person["stamps"]) == len(person["joints"]) == 15


def test_annotations_are_saved_and_conflicts_told(browser: Browser, bag: Path) -> None:
    saved = browser.put("", [WAVE])
    assert saved.status == 200 and "wave" in (bag / "annotations.csv").read_text()
    stale = browser.put("", [])
    assert stale.status == 409 and "changed elsewhere" in stale.json["error"]
    assert browser.put(saved.json["version"], []).status == 200


def test_rubbish_is_refused_in_words_and_writes_nothing(browser: Browser, bag: Path) -> None:
    for body in (b"", b"{", b"[]", b'{"intervals": 5}', b"\xff\xfe", b'{"version": "", "intervals": [{"start": 1e9}]}'):
        answer = browser.ask("/api/recordings/0/intervals", "PUT", body)
        assert answer.status == 422 and answer.json["error"]
    assert browser.ask("/api/recordings/0/intervals", "PUT", b" " * (MOST_BYTES + 1)).status == 413
    assert browser.ask("/api/recordings/0/frames", query="begin=x").status == 422
    assert not (bag / "annotations.csv").exists()


@pytest.mark.parametrize("path", ["/pages/../application.py", "/pages/none.js", "/pages/__init__.py", "/etc/passwd",
                                  "/api/recordings/7", "/api/recordings/-1"])  # fmt: skip
def test_nothing_else_is_read(browser: Browser, path: str) -> None:
    assert browser.ask(path).status == 404


def test_other_sites_get_nothing_and_change_nothing(browser: Browser, bag: Path) -> None:
    assert browser.ask("/api/recordings", host="evil.example:8765").status == 403  # a name that leads here
    assert browser.put("", [WAVE], origin="http://evil.example").status == 403
    assert not (bag / "annotations.csv").exists()
    assert browser.put("", [WAVE], origin=f"http://{HOST}").status == 200


def test_a_full_disk_is_told(browser: Browser, bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("co_perception.studio.recording_annotations.write_annotations", full)
    answer = browser.put("", [WAVE])
    assert answer.status == 507 and "No space left" in answer.json["error"]


def test_what_nobody_expected_is_told_in_words(bag: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Question) -> Reply:
        raise ImportError("teaching needs torch: pip install torch")

    answer = Browser(application([AnnotatedRecording(bag)], [Endpoint("/api/broken", fail)])).ask("/api/broken")
    assert answer.status == 500 and answer.json == {
        "error": "the studio failed: ImportError: teaching needs torch: pip install torch"
    }
    assert "GET /api/broken" in caplog.text and "teaching needs torch" in caplog.text


SERVED = """
import os, signal, threading, urllib.request
from co_perception.studio.application import serve
from co_perception.studio.live import LivePage

class Graph:
    def watch(self, tell, chosen, without=()):
        return lambda: None

def look():
    while True:
        try:
            page = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/live/events")
            break
        except OSError:
            pass
    page.readline()
    os.kill(os.getpid(), signal.SIGINT)
    page.read()

threading.Thread(target=look, daemon=True).start()
live = LivePage(Graph())
serve([], PORT, live.endpoints(), on_end=live.close)
print("ended")
"""


def test_an_interrupt_ends_it_without_a_traceback_while_a_page_is_open() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = SERVED.replace("PORT", str(port))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
