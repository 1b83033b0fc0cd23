"""Endpoints of the live page, over a graph that only notes what is asked of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("starlette", reason="the extra [studio] is not installed: the studio is not tested")

from helpers.asgi_browser import HOST, Browser

from co_perception.studio.application import application
from co_perception.studio.endpoints import Question
from co_perception.studio.live import MOST_LOOKS, LivePage


class NotedGraph:
    """Notes what is asked; has one picture."""

    folder: Path | None = Path("takes")
    summary: dict[str, Any] | None = None

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.tells: list[Callable[[str, str], None]] = []

    def watch(
        self, tell: Callable[[str, str], None], chosen: Mapping[str, str], without: Sequence[str] = ()
    ) -> Callable[[], None]:
        self.tells.append(tell)
        self.asked.append(("watch", dict(chosen), list(without)))
        return lambda: self.tells.remove(tell)

    def picture(self, topic: str) -> tuple[int, bytes] | None:
        return (7, b"\xff\xd8") if topic == "/eye" else None

    def settings(self, node: str) -> dict[str, Any]:
        if node != "/net":
            raise TimeoutError(f"{node}/get_parameters is not there")
        return {"threshold": -1.0, "task": "", "tasks": ""}

    def change(self, node: str, name: str, value: Any) -> str:
        self.asked.append(("change", node, name, value))
        return "it lies between -1 and 1" if value == 5 else ""

    def recognizers(self) -> list[str]:
        return ["/net"]

    def use_model(self, node: str, folder: str) -> None:
        self.asked.append(("model", node, folder))

    def reset(self, node: str, subjects: Sequence[str]) -> str:
        self.asked.append(("reset", node, list(subjects)))
        return "all is forgotten"

    def record(self, name: str, topics: Sequence[str], labels: Sequence[str], plan: Mapping[str, Any] | None) -> None:
        self.asked.append(("record", name, topics, labels, plan))
        if name == "there":
            raise FileExistsError("takes/there is there already")

    def mark(self, label: str, at_s: float | None = None) -> None:
        self.asked.append(("mark", label, at_s))

    def stop(self) -> dict[str, Any]:
        raise ValueError("nothing is recorded now")


@pytest.fixture
def graph() -> NotedGraph:
    return NotedGraph()


@pytest.fixture
def browser(graph: NotedGraph) -> Browser:
    return Browser(application([], LivePage(graph).endpoints()))


def test_a_model_of_the_studio_is_used_by_its_key_and_no_other_path(graph: NotedGraph) -> None:
    def model_of(key: str) -> str:
        return {"gallery/mine": "/out/gallery/mine"}[key]

    browser = Browser(application([], LivePage(graph, model_of=model_of).endpoints()))
    assert browser.ask("/api/live/recognizers").json == ["/net"]
    assert browser.post("/api/live/model", {"node": "/net", "model": "gallery/mine"}).status == 200
    assert browser.post("/api/live/model", {"node": "/net", "model": ""}).status == 200
    assert browser.post("/api/live/model", {"node": "/net", "model": "/etc"}).status == 404
    assert graph.asked == [("model", "/net", "/out/gallery/mine"), ("model", "/net", "")]
    without = Browser(application([], LivePage(None, "no ROS here").endpoints()))
    assert without.ask("/api/live/recognizers").json == []


def test_what_is_asked_reaches_the_graph(browser: Browser, graph: NotedGraph) -> None:
    assert browser.ask("/api/live").json == {"available": True, "why": "", "folder": "takes"}
    assert browser.ask("/api/live/settings", query="node=%2Fnet").json["threshold"] == -1.0
    change = json.dumps({"node": "/net", "name": "threshold", "value": 0.4}).encode()
    assert browser.ask("/api/live/settings", "PUT", change).json == {"refused": ""}
    refused = json.dumps({"node": "/net", "name": "threshold", "value": 5}).encode()
    assert "between" in browser.ask("/api/live/settings", "PUT", refused).json["refused"]
    assert browser.post("/api/live/reset", {"node": "/net"}).json == {"words": "all is forgotten"}
    assert browser.post("/api/live/reset", {"node": "/net", "subject": "p1"}).status == 200
    plan = {"repeats": 2, "act_s": 1.5, "rest_s": 1}
    request = {"name": "one", "topics": ["/s"], "labels": ["wave"], "plan": plan}
    assert browser.post("/api/live/recording", request).status == 200
    assert browser.post("/api/live/mark", {"label": "wave"}).status == 200
    assert browser.post("/api/live/mark", {"label": "wave", "at": 2.5}).status == 200
    assert graph.asked == [
        ("change", "/net", "threshold", 0.4), ("change", "/net", "threshold", 5), ("reset", "/net", []),
        ("reset", "/net", ["p1"]), ("record", "one", ["/s"], ["wave"], plan), ("mark", "wave", None),
        ("mark", "wave", 2.5),
    ]  # fmt: skip


def test_pictures_have_their_stamp(browser: Browser) -> None:
    found = browser.ask("/api/live/picture", query="topic=%2Feye")
    assert (found.status, found.body, found.headers["x-stamp"]) == (200, b"\xff\xd8", "7")
    assert found.headers["content-type"] == "image/jpeg" and found.headers["cache-control"] == "no-store"
    assert browser.ask("/api/live/picture", query="topic=%2Fnone").status == 404


def test_what_makes_no_sense_is_told(browser: Browser, graph: NotedGraph) -> None:
    silent = browser.ask("/api/live/settings", query="node=%2Fother")
    assert silent.status == 422 and "is not there" in silent.json["error"]
    ended = browser.post("/api/live/stop", {})
    assert ended.status == 422 and "nothing is recorded" in ended.json["error"]
    there = browser.post("/api/live/recording", {"name": "there", "topics": [], "labels": [], "plan": None})
    assert there.status == 507 and "there already" in there.json["error"]
    graph.asked.clear()
    nonsense: list[Any] = [
        {"name": 5, "topics": [], "labels": []}, {"name": "a", "topics": "x", "labels": []},
        {"name": "a", "topics": [1], "labels": []}, {"name": "a", "topics": [], "labels": [], "plan": {"repeats": "3"}},
        {"name": "a"}, [],
    ]  # fmt: skip
    for wrong in nonsense:
        assert browser.post("/api/live/recording", wrong).status == 422, wrong
    assert browser.post("/api/live/mark", {"label": ["wave"]}).status == 422
    for second in (-1, True, "2", 1e9, [2.5]):
        assert browser.post("/api/live/mark", {"label": "wave", "at": second}).status == 422
    assert browser.post("/api/live/mark", {"label": "x"}, origin="http://evil.example").status == 403
    assert graph.asked == []


def test_without_a_graph_the_page_says_why() -> None:
    browser = Browser(application([], LivePage(None, "no ROS here").endpoints()))
    assert browser.ask("/api/live").json == {"available": False, "why": "no ROS here", "folder": ""}
    assert browser.ask("/api/live/picture", query="topic=x", host=HOST).status == 404


def test_who_stops_reading_does_not_look_any_more(graph: NotedGraph) -> None:
    page = LivePage(graph)

    async def run() -> None:
        streams = []
        for _ in range(MOST_LOOKS):
            reply = await page.events(Question(query={"people": "/s", "without": "pictures,rubbish"}))
            assert reply.kind == "text/event-stream"
            stream: Any = reply.content
            await anext(stream)
            streams.append(stream)
        assert graph.asked[0] == ("watch", {"people": "/s", "without": "pictures,rubbish"}, ["pictures"])
        with pytest.raises(ValueError, match="look already"):
            await page.events(Question())
        graph.tells[0]("said", "1")
        assert "event: said\ndata: 1\n\n" in await asyncio.wait_for(anext(streams[0]), 10)
        for stream in streams:
            await stream.aclose()
        await asyncio.sleep(0.05)
        assert graph.tells == []
        await page.events(Question())

    asyncio.run(run())


def test_pages_that_come_at_once_are_not_more_than_others(graph: NotedGraph) -> None:
    async def run() -> None:
        page = LivePage(graph)
        replies = [await page.events(Question()) for _ in range(MOST_LOOKS + 3)]  # before any of them is read
        streams: list[Any] = [reply.content for reply in replies]
        first = [await anext(stream) for stream in streams]
        assert [text.startswith("event: problem") for text in first] == [False] * MOST_LOOKS + [True] * 3
        assert len(graph.tells) == MOST_LOOKS and "look already" in first[-1]
        with pytest.raises(StopAsyncIteration):
            await anext(streams[-1])
        for stream in streams:
            await stream.aclose()
        await page.events(Question())

    asyncio.run(run())


def test_a_recording_that_ended_can_be_annotated(graph: NotedGraph) -> None:
    opened: list[Path] = []

    def open_(path: Path) -> int:
        opened.append(path)
        if path.name == "empty":
            raise ValueError("nobody is found")
        return 3

    browser = Browser(application([], LivePage(graph, opened=open_).endpoints()))
    assert browser.post("/api/live/recorded", {}).status == 404
    graph.summary = {"path": "takes/one"}
    assert browser.post("/api/live/recorded", {}).json == {"number": 3, "why": ""}
    graph.summary = {"path": "takes/empty"}
    assert browser.post("/api/live/recorded", {}).json == {"number": None, "why": "nobody is found"}
    assert opened == [Path("takes/one"), Path("takes/empty")]


def test_a_graph_that_does_not_start_says_why() -> None:
    class Broken(NotedGraph):
        def watch(
            self, tell: Callable[[str, str], None], chosen: Mapping[str, str], without: Sequence[str] = ()
        ) -> Callable[[], None]:
            raise RuntimeError("failed to parse global arguments")

    async def run() -> list[str]:
        page = LivePage(Broken())
        reply = await page.events(Question())
        assert isinstance(reply.content, AsyncIterator)
        found = [text async for text in reply.content]
        assert not page._queues
        return found

    [event] = asyncio.run(run())
    assert event == 'event: problem\ndata: "ROS cannot be used: failed to parse global arguments"\n\n'
