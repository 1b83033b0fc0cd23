"""Browser without pictures: asks an ASGI application as a server would."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

from co_perception.studio.endpoints import Endpoint, Question, Reply

HOST = "127.0.0.1:8765"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Asks an ASGI application as a server would."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def ask(self, path: str, method: str = "GET", body: bytes = b"", query: str = "", **headers: str) -> Answer:
        sent: list[Any] = []
        parts = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
        received = [
            {"type": "http.request", "body": part, "more_body": n + 1 < len(parts)} for n, part in enumerate(parts)
        ]

        async def receive() -> Any:
            return received.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
            "raw_path": path.encode("utf-8", "replace"), "root_path": "", "scheme": "http",
            "query_string": query.encode(), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765),
            "headers": [(name.encode(), value.encode()) for name, value in {"host": HOST, **headers}.items()],
        }  # fmt: skip
        asyncio.run(self._app(scope, receive, send))
        head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], head, b"".join(part.get("body", b"") for part in sent[1:]))

    def put(self, version: str, intervals: Any, **headers: str) -> Answer:
        body = json.dumps({"version": version, "intervals": intervals}).encode()
        return self.ask("/api/recordings/0/intervals", "PUT", body, **headers)

    def post(self, path: str, content: Any, **headers: str) -> Answer:
        return self.ask(path, "POST", json.dumps(content).encode(), **headers)


def reply_of(endpoint: Endpoint, question: Question) -> Reply:
    """What an endpoint answers, without a server."""

    async def run() -> Reply:
        return await endpoint.answer(question)

    return asyncio.run(run())
