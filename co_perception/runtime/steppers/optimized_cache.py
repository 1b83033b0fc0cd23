"""Programs of bundles as ONNX Runtime optimized them for this processor, kept in the user's cache.

Optimizing the program of a large network takes a second and several times the memory of its weights. What comes of it
is for one processor and one version of ONNX Runtime: another one makes its own. Nothing of the cache is used before its
checksums were compared; what is damaged, or cannot be opened, is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from co_perception.runtime.steppers.onnx_session import Session, import_onnxruntime, open_session
from co_perception.runtime.trim_memory import trim_memory

FORMAT = "1"  # of an entry
LARGE = 4 << 20  # bytes of constants from which on a program is kept: smaller ones are optimized in some milliseconds
MODEL, CONSTANTS, SUMS = "model.onnx", "constants.bin", "sums.json"
CHUNK = 1 << 20


class SharedConstants:
    """The constants that programs of a bundle share, read when they are needed.

    Args:
        digest: of their file.
        read: all of them by name.
        size: in bytes.
    """

    def __init__(self, digest: str, read: Callable[[], Mapping[str, NDArray[Any]]], size: int) -> None:
        self.digest, self.size = digest, size
        self._read = read
        self._arrays: Mapping[str, NDArray[Any]] = {}

    def of(self, names: Collection[str]) -> dict[str, NDArray[Any]]:
        """Those of these names. Raises: ValueError for one that is not there; what reading raises."""
        if not self._arrays:
            self._arrays = self._read()
        if missing := set(names) - self._arrays.keys():
            raise ValueError(f"constants are missing: {sorted(missing)[:5]}")
        return {name: self._arrays[name] for name in sorted(names)}

    def release(self) -> None:
        """Forget what was read; sessions keep what they use."""
        self._arrays = {}


def open_program(
    model: bytes, constants: SharedConstants, names: Collection[str], threads: int | None
) -> tuple[Session, object]:
    """A session of a program, and what must live as long as it.

    Args:
        constants: of the bundle, of which the program uses these `names`.
        threads: as of `onnx_session.open_session`.
    """
    if constants.size < LARGE:
        own = constants.of(names)
        return open_session(model, threads, constants=own, arena=False), own
    entry = entry_of(model, constants.digest)
    session = _opened(entry, threads)
    if session is None and _write(entry, model, constants, names):
        session = _opened(entry, threads)
    if session is None:  # nothing can be written here, or what was written cannot be read
        own = constants.of(names)
        return open_session(model, threads, constants=own), own
    return session, None


def entry_of(model: bytes, constants_digest: str) -> Path:
    """The folder of a program's entry for this processor and this ONNX Runtime; it may not exist."""
    from co_perception.runtime.store.store import root  # which a small program does without

    content = hashlib.sha256(model + constants_digest.encode()).hexdigest()[:32]
    return root() / "optimized" / f"{content}-{machine_digest()}"


def machine_digest() -> str:
    """What a graph is optimized for, as 16 hex digits: the processor with its abilities, and ONNX Runtime's version."""
    runtime = import_onnxruntime()
    facts = [FORMAT, runtime.__version__, platform.machine(), *_processor()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, which is not held in memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(CHUNK):
            digest.update(part)
    return digest.hexdigest()


def _processor() -> list[str]:
    wanted = ("model name", "flags", "Features", "CPU implementer", "CPU part")
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() in wanted:
                found.setdefault(key.strip(), value.strip())
    return [f"{key}: {value}" for key, value in sorted(found.items())] or [platform.processor()]


def _opened(entry: Path, threads: int | None) -> Session | None:
    """The session of an entry, None where there is none that is whole."""
    try:
        sums = json.loads((entry / SUMS).read_text())
        if any(sums[name] != file_digest(entry / name) for name in (MODEL, CONSTANTS)):
            return None
        return open_session(str(entry / MODEL), threads, optimize=False, arena=False)
    except ImportError:
        raise
    except Exception:  # of the file system, of JSON, and of onnxruntime, which has one class per status
        return None


def _write(entry: Path, model: bytes, constants: SharedConstants, names: Collection[str]) -> bool:
    """Optimizes a program and keeps it in place of what is there of it; False where that cannot be written."""
    part = entry.with_name(f".{entry.name}.{secrets.token_hex(4)}")
    try:
        part.mkdir(parents=True)
        open_session(
            model, 1, constants=constants.of(names), arena=False, written=part / MODEL, written_constants=CONSTANTS
        )
        sums = {name: file_digest(part / name) for name in (MODEL, CONSTANTS)}
        (part / SUMS).write_text(json.dumps(sums))
        # Those of other processors and versions, too: a robot has one.
        for other in entry.parent.glob(f"{entry.name.partition('-')[0]}-*"):
            shutil.rmtree(other, ignore_errors=True)
        os.replace(part, entry)
    except OSError:
        return entry.is_dir()  # another process may have been quicker
    finally:
        shutil.rmtree(part, ignore_errors=True)
        trim_memory()
    return True
