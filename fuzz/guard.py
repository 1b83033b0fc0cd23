"""Sandbox of a fuzz target: limits of time and memory, and no code, process, connection or file of its own.

Python's audit events (PEP 578) report every file that is opened for writing, every program that is started, every
connection and every piece of code that is run. An audit hook cannot be removed, so it is installed once and armed while
a target runs.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from fuzz.target import Target, scratch

MIB = 1024 * 1024
STARTS = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn",
)  # fmt: skip
CONNECTS = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "urllib.Request")
CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Breach(BaseException):
    """An act that no parser may do. A BaseException, so that the parser's own handlers do not swallow it."""


_SCRATCH = str(scratch())
_armed: Target | None = None
_installed = False


def run(target: Target, data: bytes) -> None:
    """One input, within the target's bounds of time and acts; those of memory are the caller's to set, see `measured`
    and `limit_memory`.

    Raises Breach, and every error that the target does not document.
    """
    try:
        with _arms(target), _time(target.most_s):
            target.run(data)
    except target.refuses as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError):
                raise Breach("more memory than the target may have") from error
            cause = cause.__cause__ or cause.__context__
    except RecursionError as error:  # as a finding of its own: its traceback is long
        raise Breach(f"{target.name}: {error}") from None


def measured(target: Target, data: bytes) -> None:
    """As `run`, with Python's and NumPy's memory measured; slow."""
    tracemalloc.start()
    try:
        run(target, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > target.most_mib * MIB:
        raise Breach(f"{target.name}: {peak // MIB} MiB for {len(data)} bytes, more than {target.most_mib}")


def limit_memory(mib: int) -> None:
    """Limits the address space of this process to `mib` MiB above its present size."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    most = pages * resource.getpagesize() + mib * MIB
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def install() -> None:
    """Puts the hook in place, for good. Imports after this write no compiled files."""
    global _installed
    if not _installed:
        sys.dont_write_bytecode = True
        sys.addaudithook(_watch)
        _installed = True


@contextmanager
def _arms(target: Target) -> Iterator[None]:
    global _armed
    install()
    before, tempfile.tempdir = tempfile.tempdir, _SCRATCH
    _armed = target
    try:
        yield
    finally:
        _armed, tempfile.tempdir = None, before


@contextmanager
def _time(seconds: float) -> Iterator[None]:
    """CPU time, so that a busy machine makes no findings."""
    before = signal.signal(signal.SIGVTALRM, _late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _late(number: int, frame: FrameType | None) -> None:
    raise Breach(f"{_armed.name if _armed else 'a target'} takes more CPU time than it may")


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if _armed is None:
        return
    if event in STARTS or event in CONNECTS:
        raise Breach(f"{event} {args!r:.200}")
    if event == "open" and _writes(args) and not _inside(args[0]):
        raise Breach(f"writes {args[0]!r}")
    relative = args[-1:] != (-1,) and isinstance(args[-1], int) if args else False  # to a folder that is open
    if event in CHANGES and not relative and not _inside(args[0]):
        raise Breach(f"{event} {args[0]!r}")
    if event == "exec" and not _known(args[0], sys._getframe(1), _armed):
        raise Breach(f"runs code that came with the data: {args[0]!r}")


def _writes(args: tuple[Any, ...]) -> bool:
    _, mode, flags = args
    return bool(set(mode or "") & set("wax+")) or bool(mode is None and isinstance(flags, int) and flags & WRITING)


def _inside(path: object) -> bool:
    if isinstance(path, int):  # a file descriptor that was opened before
        return True
    return isinstance(path, (str, bytes, os.PathLike)) and os.path.abspath(os.fsdecode(path)).startswith(
        (_SCRATCH + os.sep, os.devnull)
    )


def _known(code: object, frame: FrameType, target: Target) -> bool:
    """A module that is imported lies in a file; code made at run time is known by who runs it."""
    if isinstance(code, CodeType) and os.path.exists(code.co_filename):
        return True
    module = str(frame.f_globals.get("__name__", ""))
    # annotationlib: `typing` from Python 3.14 on
    known = (*target.generates, "annotationlib", "collections", "dataclasses", "typing")
    return module.startswith(("importlib", "_frozen_importlib")) or module.partition(".")[0] in known
