"""The studio's web application: pages of its own, and the recordings that it was started with, for this machine only.

It answers requests that name this machine as their host, so that no page of another site reaches it by a name of its
own; writes come from its own pages alone; nothing is loaded from elsewhere, and no script stands in a page.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from co_perception.studio.recording_annotations import AnnotatedRecording, ConflictError

PAGES = Path(__file__).parent / "pages"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
HOSTS = ("127.0.0.1", "localhost")
MOST_BYTES = 8_000_000  # of a request
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def application(recordings: Sequence[AnnotatedRecording]) -> Any:
    """The application (ASGI) of these recordings. Raises: ImportError without Starlette."""
    try:
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.responses import JSONResponse, Response
        from starlette.routing import Route
    except ImportError as error:
        raise ImportError(f"the studio needs Starlette: pip install 'co_perception[studio]' ({error})") from error

    def answer(content: Any, status: int = 200) -> Response:
        return JSONResponse(content, status, HEADERS)

    def guarded(work: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Refuses requests of other sites; answers errors in words."""

        async def run(request: Request) -> Response:
            host = request.headers.get("host", "")
            origin = request.headers.get("origin")
            if host.rpartition(":")[0] not in HOSTS or origin not in (None, f"http://{host}"):
                return answer({"error": "this studio is for this machine's own pages only"}, 403)
            try:
                return await work(request)
            except (IndexError, KeyError):
                return answer({"error": "there is nothing of this name"}, 404)
            except ConflictError as error:
                return answer({"error": str(error)}, 409)
            except ValueError as error:
                return answer({"error": str(error)}, 422)
            except OSError as error:
                return answer({"error": f"nothing was written: {error}"}, 507)

        return run

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

    async def intervals(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return answer({"error": f"a request has {MOST_BYTES} bytes at most"}, 413)
        given = json.loads(body)
        if not isinstance(given, dict) or not isinstance(given.get("intervals"), list):
            raise ValueError("expected an object with version and intervals")
        version = recording(request).replace_intervals(given["intervals"], str(given.get("version", "")))
        return answer({"version": version})

    return Starlette(
        routes=[
            Route("/", guarded(page)),
            Route("/pages/{name}", guarded(page)),
            Route("/api/recordings", guarded(listed)),
            Route("/api/recordings/{number:int}", guarded(overview)),
            Route("/api/recordings/{number:int}/frames", guarded(frames)),
            Route("/api/recordings/{number:int}/intervals", guarded(intervals), methods=["PUT"]),
        ]
    )


def serve(recordings: Sequence[AnnotatedRecording], port: int) -> None:
    """Serves until it is interrupted, on 127.0.0.1 alone. Raises: ImportError without uvicorn."""
    try:
        import uvicorn
    except ImportError as error:
        raise ImportError(f"the studio needs uvicorn: pip install 'co_perception[studio]' ({error})") from error
    uvicorn.run(application(recordings), host=HOSTS[0], port=port, log_level="warning", lifespan="off")
