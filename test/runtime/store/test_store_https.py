"""The store, with files that come from an https address: trusted once and pinned, or of a published checksum."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from helpers.tls_server import Behavior

from co_perception.runtime.store import assets, pins, store
from co_perception.runtime.store.assets import Asset
from co_perception.runtime.store.https_download import Limits

Asked = list[tuple[str, str, int]]


@pytest.fixture
def item(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asset:
    """The only asset there is; nobody has published its checksum."""
    made = Asset("one", "model", None, "", "", 0, "MIT", "made here", "a file", url=address, most_bytes=2 << 20)
    monkeypatch.setattr(assets, "ASSETS", {"one": made})
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path / "store"))
    monkeypatch.setattr(store, "Limits", partial(Limits, pause_s=0.0))
    return made


def publish(monkeypatch: pytest.MonkeyPatch, item: Asset, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(assets, "ASSETS", {"one": dataclasses.replace(item, sha256=digest, bytes=len(content))})


def trusting(asked: Asked, answer: bool = True) -> store.Trust:
    def trust(record: Asset, sha256: str, size: int) -> bool:
        asked.append((record.name, sha256, size))
        return answer

    return trust


def files() -> list[str]:
    found = [str(path.relative_to(store.root())) for path in store.root().rglob("*") if path.is_file()]
    return sorted(name for name in found if name != ".lock")


def test_what_nobody_vouches_for_is_not_even_asked_for(item: Asset, behavior: Behavior) -> None:
    with pytest.raises(store.StoreError, match="nobody has published a checksum of one .*--trust-first"):
        store.fetch("one")
    assert not behavior.requests and files() == []


def test_the_first_fetch_asks_and_pins(item: Asset, behavior: Behavior) -> None:
    asked: Asked = []
    path = store.fetch("one", trust=trusting(asked))
    digest = hashlib.sha256(behavior.content).hexdigest()
    assert asked == [("one", digest, len(behavior.content))]
    assert path.read_bytes() == behavior.content and path.name == f"one-{digest[:12]}.pyth"
    assert files() == [f"assets/{path.name}", pins.FILE]
    assert store.fetch("one") == store.locate("one") == store.verify("one") == path
    assert len(behavior.requests) == 1


def test_what_is_not_trusted_leaves_nothing(item: Asset) -> None:
    with pytest.raises(store.StoreError, match="was not trusted"):
        store.fetch("one", trust=trusting([], False))
    assert files() == []


def test_a_changed_file_is_refused_whoever_trusts_it(item: Asset, behavior: Behavior) -> None:
    path = store.fetch("one", trust=trusting([]))
    path.unlink()
    asked: Asked = []
    behavior.content = behavior.content[::-1]
    with pytest.raises(store.ChecksumError, match="is not one any more.*remove its entry from .*pins.json"):
        store.fetch("one", trust=trusting(asked))
    assert not asked and files() == [pins.FILE]
    behavior.content = behavior.content[::-1]
    assert store.fetch("one") == path


def test_a_published_checksum_needs_no_trust(item: Asset, behavior: Behavior, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, item, behavior.content)
    assert store.fetch("one").read_bytes() == behavior.content
    assert files() == [f"assets/{store.path_of('one').name}"]


@pytest.mark.parametrize("change", ["content", "longer", "shorter"])
def test_another_file_than_the_published_one_is_refused(
    change: str, item: Asset, behavior: Behavior, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, item, behavior.content)
    whole = behavior.content
    behavior.content = {"content": whole[::-1], "longer": whole + b"x", "shorter": whole[:-1]}[change]
    with pytest.raises(store.StoreError, match="is not one any more|has at most"):
        store.fetch("one")
    assert files() == []


def test_a_part_of_another_file_ends_in_an_error_and_then_in_the_file(
    item: Asset, behavior: Behavior, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has changed the file and not its tag; so the part does not fit, and only the checksum can tell."""
    publish(monkeypatch, item, behavior.content)
    behavior.cuts = [200_000] * 4
    right, behavior.content = behavior.content, behavior.content[::-1]
    behavior.ranges = True
    with pytest.raises(store.StoreError):
        store.fetch("one")
    behavior.cuts, behavior.content = [], right
    with pytest.raises(store.ChecksumError):
        store.fetch("one")
    assert store.fetch("one").read_bytes() == right


def test_a_given_file_is_checked_alike(item: Asset, tmp_path: Path, behavior: Behavior) -> None:
    own = tmp_path / "downloaded by hand.pyth"
    own.write_bytes(behavior.content)
    with pytest.raises(store.StoreError, match="nobody has published"):
        store.fetch("one", given=own)
    path = store.fetch("one", trust=trusting([]), given=own)
    assert path.read_bytes() == behavior.content and not behavior.requests and own.exists()
    path.unlink()
    own.write_bytes(b"another")
    with pytest.raises(store.ChecksumError, match="is not one any more"):
        store.fetch("one", given=own)
    with pytest.raises(store.StoreError, match="no file of at most"):
        store.fetch("one", given=tmp_path)


def test_what_is_published_elsewhere_has_to_be_brought(
    item: Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behavior: Behavior
) -> None:
    moved = dataclasses.replace(item, url="", elsewhere="FTP: example.org, folder/one.ckpt")
    monkeypatch.setattr(assets, "ASSETS", {"one": moved})
    with pytest.raises(store.StoreError, match="example.org.*weights fetch one --from FILE"):
        store.fetch("one", trust=trusting([]))
    with pytest.raises(FileNotFoundError, match="example.org.*weights fetch one --from FILE"):
        store.locate("one")
    own = tmp_path / "one.ckpt"
    own.write_bytes(behavior.content)
    assert store.fetch("one", trust=trusting([]), given=own).suffix == ".ckpt"


def test_two_fetches_at_once_are_one_download(item: Asset, behavior: Behavior) -> None:
    asked: Asked = []
    with ThreadPoolExecutor(3) as threads:
        found = set(threads.map(lambda name: store.fetch(name, trust=trusting(asked)), ["one"] * 3))
    assert len(found) == len(asked) == len(behavior.requests) == 1
    assert next(iter(found)).read_bytes() == behavior.content


FETCH = """
import sys
from co_perception.runtime.store import assets, store
item = assets.Asset("one", "model", None, "", "", 0, "MIT", "made here", "a file", url=sys.argv[1])
assets.ASSETS = {"one": item}
print(store.fetch("one", trust=lambda *what: True))
"""


def test_two_processes_at_once_are_one_download(item: Asset, behavior: Behavior) -> None:
    run = [sys.executable, "-c", FETCH, item.url]
    both = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {process.communicate(timeout=60)[0].strip() for process in both}
    assert paths == {str(store.path_of("one"))} and len(behavior.requests) == 1


def test_a_fetch_that_is_killed_leaves_a_part_that_the_next_one_completes(item: Asset, behavior: Behavior) -> None:
    behavior.announced, behavior.cuts = None, [400_000]
    code = FETCH.replace("store.fetch(", "store.fetch(progress=die, name=").replace(
        "print(", "def die(what, done, total):\n    if done > 200_000: os._exit(9)\nimport os\nprint("
    )
    run = subprocess.run([sys.executable, "-c", code, item.url], capture_output=True, text=True, timeout=60)
    assert run.returncode == 9, run.stderr
    assert not (store.root() / "assets").exists()
    path = store.fetch("one", trust=trusting([]))
    assert path.read_bytes() == behavior.content and behavior.requests[-1].startswith("bytes=")
    assert files() == [f"assets/{path.name}", pins.FILE]


def test_a_pin_is_forgotten_with_its_file_and_a_published_checksum_is_not(
    item: Asset, behavior: Behavior, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.fetch("one", trust=trusting([]))
    store.forget("one")
    assert files() == [pins.FILE] and not store.record("one").sha256
    publish(monkeypatch, item, behavior.content)
    with pytest.raises(ValueError, match="is published"):
        store.forget("one")
