"""One download over https: it goes on where it was cut off, and is bounded in size and time.

The file grows beside a small JSON file that says of which version on the server it is a part (RFC 9110, Range and
If-Range); where that has changed, the download begins anew. Only https is followed, also where the server sends one
on. Whose certificates are trusted, Python's `ssl` decides: those of the system, or of `SSL_CERT_FILE`. A proxy is taken
from the environment as everywhere (`https_proxy`, `no_proxy`). What a file is worth, the caller has to check.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from co_perception.engine.files import write_files
from co_perception.runtime.store.pip_download import Progress, StoreError

BLOCK = 1 << 16
REDIRECTS = (301, 302, 303, 307, 308)
_AGAIN = "Nothing of it is used; what has come is kept, and the same command goes on from there."


@dataclass(frozen=True)
class Limits:
    """Bounds of one download.

    Args:
        bytes: of the file.
        seconds: from the first connection to the last byte.
        stall_s: without a byte, after which a connection counts as cut.
        attempts: connections, one after each cut; pause_s: before the second, doubled before each further one.
        redirects: addresses that the server may send on to, one after the other.
    """

    bytes: int
    seconds: float = 1800.0
    stall_s: float = 30.0
    attempts: int = 4
    pause_s: float = 0.5
    redirects: int = 5


@dataclass(frozen=True)
class _Version:
    """What the server said of the file that a part is of; total: its bytes, where it said so."""

    url: str = ""
    validator: str = ""
    total: int | None = None


class _CutError(Exception):
    """The connection ended before the file did; the text says how."""


def download_https(url: str, part: Path, what: str, progress: Progress, limits: Limits) -> None:
    """Makes `part` the file at `url`; a part of it that is there already is completed.

    Args:
        what: is downloaded, for progress and errors.

    Raises:
        StoreError: where the server cannot be reached or trusted, sends on to another protocol, has no such file, or
            does not keep to the limits, and where the disk is full. The texts say what remains and what to do.
    """
    deadline = monotonic() + limits.seconds
    for attempt in range(limits.attempts):
        try:
            return _go_on(url, part, what, progress, limits, deadline)
        except _CutError as error:
            cut = f"{what} was not fetched, {_size(part)} bytes have come ({attempt + 1} attempts): {error}. {_AGAIN}"
        if attempt + 1 < limits.attempts:
            sleep(max(0.0, min(limits.pause_s * 2**attempt, deadline - monotonic())))
        if monotonic() >= deadline:
            raise _too_slow(what, part, limits)
    raise StoreError(cut)


def check_address(url: str) -> SplitResult:
    """The parts of an https address. Raises: ValueError for another protocol, a password or no host in it."""
    parts = urlsplit(url)
    _ = parts.port  # which raises, too
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.password:
        raise ValueError(f"{url} is no plain https address (https://host/file)")
    return parts


def discard(part: Path) -> None:
    """Removes a part and what is known of it."""
    for path in (part, _version_file(part)):
        path.unlink(missing_ok=True)


def _go_on(url: str, part: Path, what: str, progress: Progress, limits: Limits, deadline: float) -> None:
    """One connection. Raises: _CutError where another one may help."""
    known, size = _read_version(part), _size(part)
    if known.url != url or not (known.validator and size):
        known, size = _Version(), 0
    if size and size == known.total:
        return
    headers = {"Accept-Encoding": "identity", "User-Agent": "co_perception"}
    if size:
        headers |= {"Range": f"bytes={size}-", "If-Range": known.validator}
    with _answer(url, headers, part, what, limits, deadline) as response:
        beginning = _begins_at(response, size, known)
        if beginning is None:
            discard(part)
            raise _CutError(
                f"the server did not go on after {size} bytes, as it was asked to; the next time begins anew"
            )
        offset, total = beginning
        if total is not None and total > limits.bytes:
            discard(part)
            raise StoreError(_too_large(what, f"the server announces {total} bytes", limits))
        if total is None and not response.chunked:
            raise _CutError("the server does not say how long the file is, so nobody could see it end early")
        _prepare(part, offset, _Version(url, _validator(response), total))
        _append(response, part, what, progress, limits, deadline, total)
    if total is not None and _size(part) != total:
        raise _CutError(f"the server announced {total} bytes")


@contextmanager
def _answer(
    url: str, headers: dict[str, str], part: Path, what: str, limits: Limits, deadline: float
) -> Iterator[http.client.HTTPResponse]:
    """The server's answer with a body, after all redirects; at the deadline the connection ends, whatever it does."""
    location = ""
    for _ in range(limits.redirects + 1):
        try:
            url = urljoin(url, location)
            parts = check_address(url)
        except ValueError as error:
            raise StoreError(f"{what}: the server sent on to another address, and {error}. Nothing was taken") from None
        with _connection(parts, what, limits, deadline) as connection:
            try:
                connection.request(
                    "GET", parts._replace(scheme="", netloc="", fragment="").geturl() or "/", None, headers
                )
                response = connection.getresponse()
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise _CutError(_reason(error)) from None
            if monotonic() >= deadline:  # a head that was cut off looks like one that has ended
                raise _too_slow(what, part, limits)
            if response.status not in REDIRECTS:
                _check_status(response, what, url)
                yield response
                return
            location = response.headers.get("Location", "")
    raise StoreError(f"{what}: the server sent on more than {limits.redirects} times")


@contextmanager
def _connection(
    parts: SplitResult, what: str, limits: Limits, deadline: float
) -> Iterator[http.client.HTTPSConnection]:
    host, port = parts.hostname or "", parts.port or 443
    connection = _through_proxy(host, port, max(0.001, min(limits.stall_s, deadline - monotonic())))
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        raise StoreError(
            f"{what} was not fetched: the certificate of {host} is not trusted ({error.verify_message}). Where a "
            "network has its own authority, name its file: SSL_CERT_FILE=/path/of/authority.pem"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise _CutError(f"{host} cannot be reached ({_reason(error)})") from None
    line = connection.sock

    def end() -> None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(max(0.0, deadline - monotonic()), end)
    watch.daemon = True
    watch.start()
    try:
        yield connection
    finally:
        watch.cancel()
        connection.close()


def _through_proxy(host: str, port: int, timeout: float) -> http.client.HTTPSConnection:
    context = ssl.create_default_context()
    proxy = None if proxy_bypass(host) else getproxies().get("https")
    if not proxy:
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port or 3128, timeout=timeout, context=context)
    user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
    headers = {"Proxy-Authorization": f"Basic {base64.b64encode(user).decode()}"} if parts.username else {}
    connection.set_tunnel(host, port, headers)
    return connection


def _check_status(response: http.client.HTTPResponse, what: str, url: str) -> None:
    if response.status in (200, 206, 416):
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise StoreError(f"{what}: the server packs the file ({encoding}), which nobody asked it to do")
        return
    status = f"{response.status} {response.reason}"
    if response.status >= 500 or response.status in (408, 429):
        raise _CutError(f"the server answered {status}")
    raise StoreError(f"{what} was not fetched: the server answered {status} for {url}. The authors may have moved it")


def _begins_at(response: http.client.HTTPResponse, size: int, known: _Version) -> tuple[int, int | None] | None:
    """Where in the file the answer begins, and how long that is; None: neither at its beginning nor after the part."""
    if response.status == 200:
        return 0, None if response.chunked else response.length
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if response.status == 416 or found is None or int(found[1]) != size:
        return None
    total = int(found[2])
    return (size, total) if known.total in (None, total) else None


def _prepare(part: Path, offset: int, version: _Version) -> None:
    """Cuts the part at the offset, and notes the version that it is of."""
    part.parent.mkdir(parents=True, exist_ok=True)
    if not offset:  # in this order: a part of another version never has this one's note
        part.write_bytes(b"")
        write_files({_version_file(part): json.dumps(asdict(version)).encode()})


def _append(
    response: http.client.HTTPResponse,
    part: Path,
    what: str,
    progress: Progress,
    limits: Limits,
    deadline: float,
    total: int | None,
) -> None:
    done = _size(part)
    with part.open("ab", buffering=0) as file:
        while True:
            try:
                block = response.read1(BLOCK)
            except (OSError, http.client.HTTPException) as error:
                if monotonic() >= deadline:
                    raise _too_slow(what, part, limits) from None
                raise _CutError(_reason(error)) from None
            if monotonic() >= deadline:
                raise _too_slow(what, part, limits)
            if not block:
                break
            done += len(block)
            if done > limits.bytes:
                discard(part)
                raise StoreError(_too_large(what, "more comes", limits))
            try:
                _write(file, block)
            except OSError as error:
                raise StoreError(f"{what}: {part} cannot be written ({_reason(error)}). Make room. {_AGAIN}") from None
            progress(f"downloading {what}", done, total or 0)
        os.fsync(file.fileno())


def _write(file: io.FileIO, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]


def _validator(response: http.client.HTTPResponse) -> str:
    """What If-Range takes: a strong ETag, or the time of change; empty: none, and a part is of no use."""
    tag = response.headers.get("ETag", "")
    return response.headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag


def _read_version(part: Path) -> _Version:
    try:
        content: Any = json.loads(_version_file(part).read_bytes())
        return _Version(str(content["url"]), str(content["validator"]), content["total"])
    except (OSError, ValueError, KeyError, TypeError):  # none, or damaged: the download begins anew
        return _Version()


def _version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _too_slow(what: str, part: Path, limits: Limits) -> StoreError:
    return StoreError(f"{what} took longer than {limits.seconds:.0f} s, {_size(part)} bytes have come. {_AGAIN}")


def _too_large(what: str, how: str, limits: Limits) -> str:
    return f"{what} has at most {limits.bytes} bytes, and {how}: it is another file. Nothing was kept"


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
