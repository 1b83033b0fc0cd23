"""What a run was made of, so that it can be repeated: digests of its files, versions, the machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from co_perception.evaluation.run import machine, versions

PACKAGES = ("co_perception", "numpy", "torch", "rosbags", "opencv-python-headless", "ai-edge-litert", "mediapipe", "av")


def digests(path: Path | str) -> dict[str, str]:
    """SHA-256 of a file, or of all files in a folder, by path: what `sha256sum` would print of them."""
    path = Path(path)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file): _sha256(file) for file in files}


def surroundings() -> dict[str, Any]:
    """Versions of what computes, and on what."""
    return {"versions": versions(PACKAGES), "machine": machine()}


def digest_of_all(paths: Iterable[Path | str]) -> str:
    """One digest for several files or folders, whatever they are called."""
    each = sorted(digest for path in paths for digest in digests(path).values())
    return hashlib.sha256("\n".join(each).encode()).hexdigest()


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
