"""Provenance of a run: digests of its files, versions of its software, the machine."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from co_perception.engine.files import file_digest

PACKAGES = ("co_perception", "numpy", "torch", "rosbags", "opencv-python-headless", "ai-edge-litert", "mediapipe", "av")


def digests(path: Path | str) -> dict[str, str]:
    """SHA-256 of a file, or of all files in a folder, by path: what `sha256sum` would print."""
    path = Path(path)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file): file_digest(file) for file in files}


def surroundings() -> dict[str, Any]:
    """Versions of the software that computes, and the machine it runs on."""
    return {"versions": versions(PACKAGES), "machine": machine()}


def digest_of_all(paths: Iterable[Path | str]) -> str:
    """One digest for the contents of several files or folders; their names do not matter."""
    return digest_of_contents(digest for path in paths for digest in digests(path).values())


def digest_of_contents(each: Iterable[str]) -> str:
    """One digest for the digests of several files, in any order."""
    return hashlib.sha256("\n".join(sorted(each)).encode()).hexdigest()


def versions(packages: Iterable[str] = ("numpy", "torch", "av", "ros-rclpy", "rclpy")) -> dict[str, str]:
    """The version of Python, and of those of `packages` that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def machine() -> str:
    """The processor in words, as far as it is known."""
    if sys.platform == "linux":
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        if names:
            return f"{names[0]}, {len(names)} threads"
    return platform.processor() or platform.machine()
