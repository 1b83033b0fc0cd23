"""A file server over TLS on this machine, with a certificate made for it, that does what a test wants of it."""

from __future__ import annotations

import re
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Behavior:
    """What the server does, which a test may change at any time.

    Attributes:
        content, tag: of the file /file.pyth, and its ETag; an empty tag: none is sent.
        cuts: bytes after which each of the next answers ends early.
        status: of every answer; 0: as usual.
        location: where to send on to; empty: nowhere.
        ranges: whether Range is heeded.
        announced: Content-Length; None: the true one; -1: none, and the body ends with the connection.
        headers: sent besides.
        drip_s: between bytes of the body; drip_headers_s: between bytes of the head.
        requests: the Range header of each request so far.
    """

    content: bytes = b""
    tag: str = '"one"'
    cuts: list[int] = field(default_factory=list)
    status: int = 0
    location: str = ""
    ranges: bool = True
    announced: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    drip_headers_s: float = 0.0
    requests: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    behavior: Behavior

    def do_GET(self) -> None:
        b, asked = self.behavior, self.headers.get("Range", "")
        b.requests.append(asked)
        if b.drip_headers_s:
            self._drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60_000, b.drip_headers_s)
            return
        if b.location or b.status:
            self.send_response(302 if b.location else b.status)
            self.send_header("Location", b.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        begin, found = 0, re.fullmatch(r"bytes=(\d+)-", asked)
        if found and b.ranges and self.headers.get("If-Range") == b.tag:
            begin = int(found[1])
        body = b.content[begin:]
        self.send_response(206 if begin else 200)
        if b.announced != -1:
            self.send_header("Content-Length", str(len(body) if b.announced is None else b.announced))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(b.content) - 1}/{len(b.content)}")
        for name, value in (({"ETag": b.tag} if b.tag else {}) | b.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if b.drip_s:
            self._drip(body, b.drip_s)
        else:
            self.wfile.write(body[: b.cuts.pop(0)] if b.cuts else body)

    def _drip(self, body: bytes, pause_s: float) -> None:
        try:
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                time.sleep(pause_s)
        except OSError:  # the other side has gone
            return

    def log_message(self, *what: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up, as they should."""


def make_certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """(certificate, key) of a host, signed by itself: its own authority."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@contextmanager
def serving(behavior: Behavior, certificate: Path, key: Path) -> Iterator[str]:
    """The address of the file, while it is served."""
    handler = type("Handler", (_Handler,), {"behavior": behavior})
    server = _Server(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}/file.pyth"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
