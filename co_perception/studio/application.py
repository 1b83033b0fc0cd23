"""The studio's web application: pages of its own, the recordings that it was started with, and further endpoints.

It answers requests that its `Access` lets in; writes come from its own pages alone; nothing is loaded from elsewhere,
and no script stands in a page.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from co_perception.studio.access import COOKIE, TOKEN, Access
from co_perception.studio.endpoints import Endpoint, Question, Reply
from co_perception.studio.fields import in_thread
from co_perception.studio.recording_annotations import AnnotatedRecording
from co_perception.studio.recording_endpoints import RecordingEndpoints
from co_perception.studio.refusals import MOST_BYTES, TooLargeError, printable, refusal

PAGES = Path(__file__).parent / "pages"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
LOCAL_ONLY = Access()
LOG = logging.getLogger(__name__)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
ELSEWHERE = "open the address that the studio printed: its pages alone are answered"


def application(
    recordings: Sequence[AnnotatedRecording], more: Sequence[Endpoint] = (), access: Access = LOCAL_ONLY
) -> Any:
    """The application (ASGI) of these recordings and further endpoints. Raises: ImportError without Starlette."""
    try:
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
        from starlette.routing import Route
    except ImportError as error:
        raise ImportError(f"the studio needs Starlette: pip install 'co_perception[studio]' ({error})") from error

    def refused(status: int, words: str) -> Response:
        return JSONResponse({"error": words}, status, HEADERS)

    async def no_such_address(_: Request, error: Exception) -> Response:
        """Of a number with more digits than any that Python reads."""
        return refused(404, printable(error))

    async def replied(endpoint: Endpoint, request: Request) -> Response:
        content = None if endpoint.method == "GET" else await _content(request.stream())
        reply = await endpoint.answer(Question(request.path_params, request.query_params, content))
        headers = {**HEADERS, **reply.headers, "Content-Type": reply.kind}
        if isinstance(reply.content, bytes):
            return Response(reply.content, reply.status, headers)
        if isinstance(reply.content, AsyncIterator):
            return StreamingResponse(reply.content, reply.status, headers)
        return JSONResponse(reply.content, reply.status, headers)

    def route(endpoint: Endpoint) -> Route:
        """Refuses requests of other sites; answers errors in words."""

        async def run(request: Request) -> Response:
            given = request.query_params.get(TOKEN, "")
            host, origin = request.headers.get("host", ""), request.headers.get("origin")
            opened = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
            embedded_in = "" if opened else request.headers.get("sec-fetch-site", "")
            if not access.allows(host, origin, given or request.cookies.get(COOKIE, ""), embedded_in):
                return refused(403, ELSEWHERE)
            if access.token and given:  # from now on in a cookie, which no address shows
                there = RedirectResponse(request.url.path, 303, HEADERS)
                there.set_cookie(COOKIE, given, httponly=True, samesite="strict")
                return there
            try:
                return await replied(endpoint, request)
            except Exception as error:  # a page shows words, which the plain text of a framework has not
                status, words = refusal(error)
                if status == 500:
                    LOG.exception("%s %s", request.method, request.url.path)
                return refused(status, words)

        return Route(endpoint.path, run, methods=[endpoint.method])

    own = [Endpoint("/", in_thread(_page)), Endpoint("/pages/{name}", in_thread(_page))]
    return Starlette(
        routes=[*map(route, (*own, *RecordingEndpoints(recordings).endpoints(), *more))],
        exception_handlers={ValueError: no_such_address},
    )


def _page(question: Question) -> Reply:
    """A file of the pages. Raises: LookupError for any other."""
    name = question.path.get("name", "studio.html")
    path = {each.name: each for each in PAGES.iterdir() if each.suffix in TYPES}[name]
    return Reply(path.read_bytes(), TYPES[path.suffix])


async def _content(stream: AsyncIterator[bytes]) -> Any:
    """The JSON of a request. Raises: TooLargeError, ValueError."""
    read = b""
    async for part in stream:
        read += part
        if len(read) > MOST_BYTES:
            raise TooLargeError
    try:
        return json.loads(read)
    except RecursionError as error:
        raise ValueError("the request is nested too deeply") from error


def serve(
    recordings: Sequence[AnnotatedRecording],
    port: int,
    more: Sequence[Endpoint] = (),
    access: Access = LOCAL_ONLY,
    on_end: Callable[[], object] = lambda: None,
) -> None:
    """Serves until it is interrupted.

    Args:
        on_end: called in the handler of the signal, to end the requests that would go on, such as streams of events.

    Raises: ImportError without uvicorn; SystemExit where the port is taken, which uvicorn logs.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise ImportError(f"the studio needs uvicorn: pip install 'co_perception[studio]' ({error})") from error

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            on_end()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        application(recordings, more, access), host=access.host, port=port, log_level="warning", lifespan="off",
        timeout_graceful_shutdown=1,  # a browser that reads slowly holds up nothing
    )  # fmt: skip
    with suppress(KeyboardInterrupt):
        Server(config).run()
