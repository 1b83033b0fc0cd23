"""Studio in a real browser: an application that is served, and Chromium in which nothing may go wrong."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 20_000
DESKTOP, PHONE = {"width": 1200, "height": 760}, {"width": 390, "height": 760}


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an application that is served meanwhile."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def browser_context(address: str, size: dict[str, int] | None = None, expected: tuple[str, ...] = ()) -> Iterator[Any]:
    """A browser of Playwright; at the end nothing must have gone wrong in it, or left this machine.

    Args:
        size: of the window; None: of a desktop.
        expected: parts of messages on its console that are no fault, such as a status that is provoked.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        made = browser.new_context(viewport=size or DESKTOP, has_touch=size == PHONE)
        made.set_default_timeout(PATIENCE_MS)
        errors: list[str] = []
        outside: list[str] = []
        made.on("weberror", lambda error: errors.append(str(error.error)))
        made.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        made.on("request", lambda request: outside.append(request.url) if address not in request.url else None)
        yield made
        wrong = [error for error in errors if not any(part in error for part in expected)]
        left = [url for url in outside if not url.startswith("data:")]
        browser.close()
        assert not wrong and not left, (wrong, left)
