"""The studio's web application: pages of its own, the recordings that it was started with, and further endpoints.

It answers requests that its `Access` lets in; writes come from its own pages alone; nothing is loaded from elsewhere,
and no script stands in a page.
"""

from __future__ import annotations

import json
import logging
from asyncio import to_thread
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from co_perception.studio.access import COOKIE, TOKEN, Access
from co_perception.studio.endpoints import Endpoint, Question
from co_perception.studio.recording_annotations import AnnotatedRecording, ConflictError

PAGES = Path(__file__).parent / "pages"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
LOCAL_ONLY = Access()
MOST_BYTES = 8_000_000  # of a request
LOG = logging.getLogger(__name__)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class TooLargeError(ValueError):
    """A request that is larger than `MOST_BYTES`."""

    def __init__(self) -> None:
        super().__init__(f"a request has {MOST_BYTES} bytes at most")


def printable(error: Exception) -> str:
    """Its words, in UTF-8 whatever was sent."""
    return str(error).encode("utf-8", "backslashreplace").decode("utf-8")


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

    def answer(content: Any, status: int = 200) -> Response:
        return JSONResponse(content, status, HEADERS)

    def guarded(work: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Refuses requests of other sites; answers errors in words."""

        async def run(request: Request) -> Response:
            given = request.query_params.get(TOKEN, "")
            host, origin = request.headers.get("host", ""), request.headers.get("origin")
            if not access.allows(host, origin, given or request.cookies.get(COOKIE, "")):
                return answer({"error": "open the address that the studio printed: its pages alone are answered"}, 403)
            if access.token and given:  # from now on in a cookie, which no address shows
                there = RedirectResponse(request.url.path, 303, HEADERS)
                there.set_cookie(COOKIE, given, httponly=True, samesite="strict")
                return there
            try:
                return await work(request)
            except TooLargeError as error:
                return answer({"error": str(error)}, 413)
            except LookupError:
                return answer({"error": "there is nothing of this name"}, 404)
            except ConflictError as error:
                return answer({"error": str(error)}, 409)
            except (OverflowError, ValueError) as error:
                return answer({"error": printable(error)}, 422)
            except OSError as error:
                return answer({"error": f"nothing was written: {error}"}, 507)
            except Exception as error:  # a page shows words, which the plain text of a framework has not
                LOG.exception("%s %s", request.method, request.url.path)
                return answer({"error": f"the studio failed: {type(error).__name__}: {printable(error)}"}, 500)

        return run

    async def no_such_address(_: Request, error: Exception) -> Response:
        """Of a number with more digits than any that Python reads."""
        return answer({"error": printable(error)}, 404)

    def recording(request: Request) -> AnnotatedRecording:
        return recordings[int(request.path_params["number"])]

    async def page(request: Request) -> Response:
        name = request.path_params.get("name", "studio.html")
        path = {each.name: each for each in PAGES.iterdir() if each.suffix in TYPES}[name]
        return Response(path.read_bytes(), 200, {**HEADERS, "Content-Type": TYPES[path.suffix]})

    async def listed(_: Request) -> Response:
        return answer([{"name": each.name, "people": len(each.people), "duration": each.end_ns - each.begin_ns,
                        "intervals": len(each.intervals())} for each in recordings])  # fmt: skip

    async def overview(request: Request) -> Response:
        return answer(recording(request).overview())

    async def frames(request: Request) -> Response:
        begin, end = (int(request.query_params.get(name, "0")) for name in ("begin", "end"))
        return answer(recording(request).frames(begin, end))

    async def picture(request: Request) -> Response:
        try:
            found = await to_thread(recording(request).picture, int(request.query_params.get("time", "0")))
        except (LookupError, ValueError) as error:  # which a browser need not report on its console
            return Response(None, 204, {**HEADERS, "X-Why": quote(str(error))})
        headers = {**HEADERS, "Content-Type": "image/jpeg", "X-Time": str(found.time)}
        return Response(found.jpeg, 200, headers)

    async def body(request: Request) -> Any:
        read = b""
        async for part in request.stream():
            read += part
            if len(read) > MOST_BYTES:
                raise TooLargeError
        try:
            return json.loads(read)
        except RecursionError as error:
            raise ValueError("the request is nested too deeply") from error

    async def intervals(request: Request) -> Response:
        given = await body(request)
        if not isinstance(given, dict) or not isinstance(given.get("intervals"), list):
            raise ValueError("expected an object with version and intervals")
        version = recording(request).replace_intervals(given["intervals"], str(given.get("version", "")))
        return answer({"version": version})

    def adapted(endpoint: Endpoint) -> Route:
        async def work(request: Request) -> Response:
            content = None if endpoint.method == "GET" else await body(request)
            reply = await endpoint.answer(Question(request.path_params, request.query_params, content))
            headers = {**HEADERS, **reply.headers, "Content-Type": reply.kind}
            if isinstance(reply.content, bytes):
                return Response(reply.content, 200, headers)
            if isinstance(reply.content, AsyncIterator):
                return StreamingResponse(reply.content, 200, headers)
            return JSONResponse(reply.content, 200, headers)

        return Route(endpoint.path, guarded(work), methods=[endpoint.method])

    return Starlette(
        routes=[
            Route("/", guarded(page)),
            Route("/pages/{name}", guarded(page)),
            Route("/api/recordings", guarded(listed)),
            Route("/api/recordings/{number:int}", guarded(overview)),
            Route("/api/recordings/{number:int}/frames", guarded(frames)),
            Route("/api/recordings/{number:int}/picture", guarded(picture)),
            Route("/api/recordings/{number:int}/intervals", guarded(intervals), methods=["PUT"]),
            *map(adapted, more),
        ],
        exception_handlers={ValueError: no_such_address},
    )


def serve(
    recordings: Sequence[AnnotatedRecording], port: int, more: Sequence[Endpoint] = (), access: Access = LOCAL_ONLY
) -> None:
    """Serves until it is interrupted. Raises: ImportError without uvicorn."""
    try:
        import uvicorn
    except ImportError as error:
        raise ImportError(f"the studio needs uvicorn: pip install 'co_perception[studio]' ({error})") from error
    uvicorn.run(
        application(recordings, more, access), host=access.host, port=port, log_level="warning", lifespan="off",
        timeout_graceful_shutdown=1,  # pages that look at a running graph never end their request
    )  # fmt: skip
