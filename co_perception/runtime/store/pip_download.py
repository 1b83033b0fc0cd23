"""One download from a package index, by pip in hash-checking mode.

pip compares the checksum of what arrives with the one demanded before it opens it. Of a source archive it then wants
the metadata, for which setuptools would run the archive's setup.py; `inert_backend` stands in its place, so nothing of
the package is run and no build requirement is fetched. What remains: pip itself, which unpacks a source archive that
has passed its checksum into a temporary folder. (An archive whose pyproject.toml names another backend would have that
one run: take a wheel where there is one.) pip's own configuration (index, proxy, certificates) holds.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from co_perception.runtime.store.assets import Distribution

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, bytes done, bytes in all); both are 0 while there is nothing to count."""

POLL_S = 0.2
_INERT_BACKEND = Path(__file__).with_name("inert_backend.py")
_HASHES = re.compile(r"Expected sha256 (?P<expected>\w+).*?Got\s+(?P<got>\w+)", re.S)
_NO_NETWORK = re.compile(r"ConnectTimeout|ReadTimeout|name resolution|ProxyError|SSLError|ConnectionError|Max retries")


class StoreError(RuntimeError):
    """A file could not be fetched or used; the text says why and what to do."""


class ChecksumError(StoreError):
    """A file is not the one its checksum was taken from."""


def download(distribution: Distribution, folder: Path, progress: Progress) -> Path:
    """Puts the distribution's file below the existing, empty `folder` and returns its path.

    Raises: ChecksumError where the index serves another file; StoreError where there is no pip, where the index cannot
    be reached, and where it has no such file.
    """
    log, scratch, backend = folder / "pip.log", folder / "scratch", folder / "backend" / "setuptools"
    scratch.mkdir()  # for temporary files, inside the store
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    shutil.copyfile(_INERT_BACKEND, backend / "build_meta.py")  # where `setuptools` is looked for
    paths = os.pathsep.join([str(backend.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(distribution, folder),
            env=os.environ | {"PYTHONPATH": paths, "TMPDIR": str(scratch), "PIP_USE_PEP517": "1"},
            cwd=scratch,  # `python -m` imports from the working folder first: an empty one
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(process, scratch, distribution, progress)
        finally:
            process.kill()
            process.wait()
    archive = folder / "got" / distribution.file
    if process.returncode or not archive.is_file():
        raise _explain(distribution, log.read_text("utf-8", errors="replace"))
    return archive


def _command(distribution: Distribution, folder: Path) -> list[str]:
    wish = folder / "requirements.txt"
    wish.write_text(f"{distribution.package}=={distribution.version} --hash=sha256:{distribution.sha256}\n", "utf-8")
    form = "--only-binary" if distribution.is_wheel else "--no-binary"
    options = ["--no-deps", "--require-hashes", form, ":all:", "--no-build-isolation", "--ignore-requires-python"]
    quiet = ["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "2"]
    place = ["--dest", str(folder / "got"), "--requirement", str(wish)]
    machine: list[str] = []
    if distribution.is_wheel and distribution.tags[1:] != ("none", "any"):  # nothing of it is run: it may be another
        python, abi, platforms = distribution.tags
        machine = ["--implementation", python[:2], "--python-version", python[2:], "--abi", abi]
        machine += [word for platform in platforms.split(".") for word in ("--platform", platform)]
    return [sys.executable, "-m", "pip", "download", *options, *machine, *quiet, *place]


def _wait(process: subprocess.Popen[bytes], scratch: Path, distribution: Distribution, progress: Progress) -> None:
    # Not every pip that is around can report progress, so it is read off the largest file below the folder.
    what = f"downloading {distribution.package} {distribution.version}"
    while True:
        sizes = [0]
        for base, _, names in os.walk(scratch):
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # pip moved it between the two calls
                    sizes.append(os.stat(os.path.join(base, name)).st_size)
        progress(what, min(max(sizes), distribution.bytes), distribution.bytes)
        try:
            process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            continue
        if process.returncode == 0:
            progress(what, distribution.bytes, distribution.bytes)
        return


def _explain(distribution: Distribution, log: str) -> StoreError:
    """The error that pip's output amounts to."""
    what = f"{distribution.package}=={distribution.version}"
    if hashes := _HASHES.search(log):
        return ChecksumError(
            f"{distribution.file} from the package index has SHA-256 {hashes['got']}, expected {hashes['expected']}; "
            "nothing was kept. The index or a proxy serves another file: try another index (see: pip config list)."
        )
    if "No module named pip" in log:
        return StoreError(
            f"fetching {what} needs pip for {sys.executable}: apt install python3-pip, or python3 -m ensurepip."
        )
    if _NO_NETWORK.search(log):
        return StoreError(
            f"{what} was not fetched: the package index cannot be reached. Connect this machine to a network "
            "(pip's index and proxy settings hold), or fetch on another machine and copy the store's folder over."
        )
    if "No matching distribution" in log:
        return StoreError(
            f"{what} was not fetched: pip's index has no {distribution.file}. See which it is: pip config list."
        )
    return StoreError(f"pip could not fetch {what}:\n" + "\n".join(log.strip().splitlines()[-5:]))
