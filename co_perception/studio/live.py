"""Endpoints of the live page: a running graph that is looked at, asked, and recorded. No ROS in here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any, Protocol

from co_perception.studio.endpoints import Endpoint, Question, Reply
from co_perception.studio.event_queue import EventQueue

KINDS = ("pictures", "people", "activity")  # of topics that a page chooses
MOST_LOOKS = 8  # pages at once: each costs a copy of all that is told
MOST_S = 1e7  # of a recording
TOO_MANY = f"{MOST_LOOKS} pages look already: close one"


class LiveSource(Protocol):
    """The running graph, see `nodes.live.live_graph.LiveGraph`. Its methods may wait, and are called from threads."""

    folder: Path | None

    @property
    def summary(self) -> dict[str, Any] | None: ...

    def watch(
        self, tell: Callable[[str, str], None], chosen: Mapping[str, str], without: Sequence[str] = ()
    ) -> Callable[[], None]: ...

    def picture(self, topic: str) -> tuple[int, bytes] | None: ...

    def settings(self, node: str) -> dict[str, Any]: ...

    def change(self, node: str, name: str, value: Any) -> str: ...

    def recognizers(self) -> list[str]: ...

    def use_model(self, node: str, folder: str) -> None: ...

    def reset(self, node: str, subjects: Sequence[str]) -> str: ...

    def record(
        self, name: str, topics: Sequence[str], labels: Sequence[str], plan: Mapping[str, Any] | None
    ) -> None: ...

    def mark(self, label: str, at_s: float | None = None) -> None: ...

    def stop(self) -> dict[str, Any]: ...


class LivePage:
    """What the live page asks for.

    Args:
        source: the running graph; None where there is none.
        why: why there is none, in words.
        opened: takes the path of a recording that ended, and returns its number among those that are annotated.
        model_of: the folder of a model by its key, such as "gallery/mine".
    """

    def __init__(
        self,
        source: LiveSource | None,
        why: str = "",
        opened: Callable[[Path], int] = lambda _: 0,
        model_of: Callable[[str], str] = str,
    ) -> None:
        self._source, self._why, self._opened, self._model_of = source, why, opened, model_of
        self._queues = set[EventQueue]()  # of the pages that look

    def close(self) -> None:
        """Lets all pages go, for whose requests a server that ends would wait; on any thread, or in a handler."""
        for queue in [*self._queues]:
            queue.close()

    def endpoints(self) -> list[Endpoint]:
        """All of them."""
        return [
            Endpoint("/api/live", self.about),
            Endpoint("/api/live/events", self.events),
            Endpoint("/api/live/picture", self.picture),
            Endpoint("/api/live/settings", self.settings),
            Endpoint("/api/live/settings", self.change, "PUT"),
            Endpoint("/api/live/recognizers", self.recognizers),
            Endpoint("/api/live/model", self.use_model, "POST"),
            Endpoint("/api/live/reset", self.reset, "POST"),
            Endpoint("/api/live/recording", self.record, "POST"),
            Endpoint("/api/live/mark", self.mark, "POST"),
            Endpoint("/api/live/stop", self.stop, "POST"),
            Endpoint("/api/live/recorded", self.recorded, "POST"),
        ]

    async def about(self, _: Question) -> Reply:
        """Whether there is a graph, and whether recordings may be made."""
        source = self._source
        folder = source.folder if source is not None else None
        return Reply({"available": source is not None, "why": self._why, "folder": str(folder) if folder else ""})

    async def events(self, question: Question) -> Reply:
        """Everything as server-sent events, for as long as the page is open.

        Raises: ValueError where too many pages look.
        """
        source = self._there()
        if len(self._queues) >= MOST_LOOKS:
            raise ValueError(TOO_MANY)
        return Reply(self._stream(source, dict(question.query)), "text/event-stream")

    async def _stream(self, source: LiveSource, query: Mapping[str, str]) -> AsyncIterator[str]:
        """The events; whoever stops reading them does not look any more."""
        if len(self._queues) >= MOST_LOOKS:  # of several that were let in at once
            yield _problem(TOO_MANY)
            return
        queue = EventQueue()
        without = [kind for kind in query.get("without", "").split(",") if kind in KINDS]
        begun = asyncio.ensure_future(asyncio.to_thread(source.watch, queue.put, query, without))
        self._queues.add(queue)
        try:
            try:
                await asyncio.shield(begun)
            except Exception as error:  # such as ROS that does not start
                yield _problem(f"ROS cannot be used: {error}")
                return
            async for text in queue.stream():
                yield text
        finally:
            self._queues.discard(queue)
            begun.add_done_callback(_end)

    async def picture(self, question: Question) -> Reply:
        """The newest picture of a topic. Raises: LookupError before there is one."""
        found = await asyncio.to_thread(self._there().picture, question.query.get("topic", ""))
        if found is None:
            raise LookupError("no picture has come")
        return Reply(found[1], "image/jpeg", {"X-Stamp": str(found[0])})

    async def settings(self, question: Question) -> Reply:
        """What can be set of a recognizer."""
        return Reply(await self._asked(self._there().settings, question.query.get("node", "")))

    async def change(self, question: Question) -> Reply:
        """Sets threshold or task; why it was refused, if it was."""
        given = question.texts("node", "name")
        value = _fields(question).get("value")
        return Reply({"refused": await self._asked(self._there().change, given["node"], given["name"], value)})

    async def recognizers(self, _: Question) -> Reply:
        """The recognizers of skeletons that run now; none where there is no graph."""
        if self._source is None:
            return Reply([])
        try:
            return Reply(await self._asked(self._source.recognizers))
        except Exception:  # ROS does not start: the live page says why
            return Reply([])

    async def use_model(self, question: Question) -> Reply:
        """Lets a recognizer use a model of the studio, or without one its own."""
        given = question.texts("node", "model")
        folder = self._model_of(given["model"]) if given["model"] else ""
        await self._asked(self._there().use_model, given["node"], folder)
        return Reply({})

    async def reset(self, question: Question) -> Reply:
        """Lets a recognizer forget everybody, or one subject."""
        given = question.texts("node", "subject")
        subjects = [given["subject"]] if given["subject"] else []
        return Reply({"words": await self._asked(self._there().reset, given["node"], subjects)})

    async def record(self, question: Question) -> Reply:
        """Begins a recording."""
        name, given = question.texts("name")["name"], _fields(question)
        topics, labels, plan = given.get("topics"), given.get("labels"), given.get("plan")
        if not _are_texts(topics) or not _are_texts(labels) or not (plan is None or _are_numbers(plan)):
            raise ValueError("expected lists of topics and labels, and a plan of numbers or none")
        await self._asked(self._there().record, name, topics, labels, plan)
        return Reply({})

    async def mark(self, question: Question) -> Reply:
        """Marks a label in the recording that runs, at the second of it at which it was pressed."""
        at_s = _fields(question).get("at")
        if at_s is not None and (type(at_s) not in (int, float) or not 0 <= at_s < MOST_S):
            raise ValueError(f"a mark is at a second of the recording, got {at_s!r:.100}")
        await self._asked(self._there().mark, question.texts("label")["label"], at_s)
        return Reply({})

    async def stop(self, _: Question) -> Reply:
        """Ends the recording; says what is in it."""
        return Reply(await self._asked(self._there().stop))

    async def recorded(self, _: Question) -> Reply:
        """Opens what was recorded last, to be annotated: its number, or why it cannot be."""
        summary = self._there().summary
        if summary is None:
            raise LookupError("nothing was recorded")
        try:
            return Reply({"number": await asyncio.to_thread(self._opened, Path(summary["path"])), "why": ""})
        except (ImportError, OSError, ValueError) as error:
            return Reply({"number": None, "why": str(error)})

    def _there(self) -> LiveSource:
        if self._source is None:
            raise LookupError(self._why)
        return self._source

    async def _asked(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What it returns on a thread of its own. Raises: ValueError where a node does not answer."""
        try:
            return await asyncio.to_thread(work, *arguments)
        except (TimeoutError, FutureTimeoutError) as error:  # two kinds before Python 3.11
            raise ValueError(str(error) or "ROS does not answer") from error


def _fields(question: Question) -> Mapping[str, Any]:
    return question.content if isinstance(question.content, dict) else {}


def _problem(words: str) -> str:
    """The event that says why none will come: where an answer has begun, its status cannot say it."""
    return f"event: problem\ndata: {json.dumps(words)}\n\n"


def _end(begun: asyncio.Future[Callable[[], None]]) -> None:
    """Ends a look, if it has begun."""
    if begun.exception() is None:
        begun.result()()


def _are_texts(given: Any) -> bool:
    return isinstance(given, list) and len(given) <= 100 and all(isinstance(each, str) for each in given)


def _are_numbers(given: Any) -> bool:
    return isinstance(given, dict) and all(type(each) in (int, float) for each in given.values())
