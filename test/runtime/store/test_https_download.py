"""Downloads from a TLS server on this machine that is cut off, slow, endless, untrusted, or wrong in other ways."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from time import monotonic

import pytest
from helpers.file_limits import files_limited_to
from helpers.tls_server import Behavior, make_certificate, serving

from co_perception.runtime.store.https_download import Limits, check_address, discard, download_https
from co_perception.runtime.store.pip_download import StoreError

QUICK = Limits(2 << 20, seconds=30.0, stall_s=5.0, pause_s=0.0)
ONCE = dataclasses.replace(QUICK, attempts=1)


def nothing(what: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "partial" / "weights"


def fetch(url: str, part: Path, limits: Limits = QUICK) -> bytes:
    download_https(url, part, "weights", nothing, limits)
    return part.read_bytes()


def test_a_file_arrives_whole_with_progress(address: str, behavior: Behavior, part: Path) -> None:
    told: list[tuple[str, int, int]] = []
    download_https(address, part, "weights", lambda *what: told.append(what), QUICK)
    assert part.read_bytes() == behavior.content
    assert told[-1] == ("downloading weights", 1 << 20, 1 << 20) and len(told) > 3


def test_a_cut_download_goes_on_where_it_was_cut(address: str, behavior: Behavior, part: Path) -> None:
    behavior.cuts = [300_000, 400_000]
    assert fetch(address, part) == behavior.content
    assert behavior.requests == ["", "bytes=300000-", "bytes=700000-"]


def test_a_later_run_goes_on_where_an_earlier_one_ended(address: str, behavior: Behavior, part: Path) -> None:
    behavior.cuts = [300_000]
    with pytest.raises(StoreError, match=r"300000 bytes have come .1 attempts.*goes on from there"):
        fetch(address, part, ONCE)
    assert part.read_bytes() == behavior.content[:300_000]
    assert fetch(address, part) == behavior.content
    assert behavior.requests == ["", "bytes=300000-"]
    assert fetch(address, part) == behavior.content and len(behavior.requests) == 2, "a whole part needs no request"


@pytest.mark.parametrize(
    "how", ["another version", "no ranges", "no tag", "weak tag", "damaged note", "another address"]
)
def test_a_part_that_does_not_fit_is_downloaded_anew(how: str, address: str, behavior: Behavior, part: Path) -> None:
    behavior.tag = {"no tag": "", "weak tag": 'W/"one"'}.get(how, '"one"')
    behavior.cuts = [300_000]
    with pytest.raises(StoreError):
        fetch(address, part, ONCE)
    if how == "another version":
        behavior.content, behavior.tag = behavior.content[::-1], '"two"'
    if how == "no ranges":
        behavior.ranges = False
    if how == "damaged note":
        part.with_name("weights.json").write_text("{")
    url = f"{address}?2" if how == "another address" else address
    assert fetch(url, part) == behavior.content


def test_a_server_that_answers_a_range_with_another_one_is_asked_anew(
    address: str, behavior: Behavior, part: Path
) -> None:
    behavior.cuts = [300_000]
    with pytest.raises(StoreError):
        fetch(address, part, ONCE)
    behavior.status = 416
    with pytest.raises(StoreError, match="did not go on after 300000 bytes"):
        fetch(address, part, ONCE)
    behavior.status = 0
    assert fetch(address, part) == behavior.content


def test_only_https_is_followed(address: str, behavior: Behavior, part: Path) -> None:
    behavior.location = address.replace("https", "http")
    with pytest.raises(StoreError, match="sent on to another address, and http://localhost.*is no plain https address"):
        fetch(address, part)
    for url in ("http://a/b", "ftp://a/b", "file:///etc/passwd", "https:///b", "https://user:secret@a/b"):
        with pytest.raises(ValueError, match="no plain https address"):
            check_address(url)
    assert not part.exists()


@pytest.mark.parametrize("location", ["https://[", "https://localhost:port/", "https://localhost/a b", "/é", ""])
def test_a_broken_address_is_a_store_error(location: str, address: str, behavior: Behavior, part: Path) -> None:
    behavior.location = location or "?"
    with pytest.raises(StoreError):
        fetch(address, part, ONCE)


def test_redirects_are_followed_and_bounded(
    address: str, behavior: Behavior, part: Path, certificate: tuple[Path, Path]
) -> None:
    with serving(Behavior(location=address), *certificate) as first:
        assert fetch(first, part) == behavior.content
    behavior.location = "/file.pyth"
    with pytest.raises(StoreError, match="sent on more than 5 times"):
        fetch(address, part.with_name("other"))
    assert len(behavior.requests) == 7


@pytest.mark.parametrize("announced", [None, 3 << 20])
def test_a_huge_body_is_refused(announced: int | None, address: str, behavior: Behavior, part: Path) -> None:
    behavior.announced = announced
    behavior.content *= 3
    with pytest.raises(StoreError, match="has at most 2097152 bytes, and the server announces 3145728"):
        fetch(address, part)
    assert not part.exists()


def test_more_than_was_announced_is_not_taken(address: str, behavior: Behavior, part: Path) -> None:
    behavior.announced = 1000
    assert fetch(address, part) == behavior.content[:1000]


def test_chunks_without_an_end_are_refused(address: str, behavior: Behavior, part: Path) -> None:
    behavior.announced, behavior.headers = -1, {"Transfer-Encoding": "chunked"}
    behavior.content = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    behavior.content *= 5
    with pytest.raises(StoreError, match="has at most 2097152 bytes, and more comes"):
        fetch(address, part)
    assert not part.exists()


def test_a_length_that_nobody_tells_is_refused(address: str, behavior: Behavior, part: Path) -> None:
    behavior.announced = -1
    with pytest.raises(StoreError, match="does not say how long the file is"):
        fetch(address, part)


def test_a_packed_body_is_refused(address: str, behavior: Behavior, part: Path) -> None:
    behavior.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(StoreError, match="packs the file .gzip."):
        fetch(address, part)


@pytest.mark.parametrize("where", ["body", "head"])
def test_a_server_that_never_ends_is_left_at_the_limit(
    where: str, address: str, behavior: Behavior, part: Path
) -> None:
    if where == "body":
        behavior.drip_s = 0.05
    else:
        behavior.drip_headers_s = 0.05
    began = monotonic()
    with pytest.raises(StoreError, match="took longer than 1 s"):
        fetch(address, part, dataclasses.replace(QUICK, seconds=1.0))
    assert monotonic() - began < 10, "each byte comes in time, and 15 hours of them"


def test_a_silent_server_is_left(address: str, behavior: Behavior, part: Path) -> None:
    behavior.drip_s = 60.0
    with pytest.raises(StoreError, match="timed out"):
        fetch(address, part, dataclasses.replace(ONCE, stall_s=0.3))


def test_a_disk_that_takes_no_more_is_told_and_the_part_is_used_later(
    address: str, behavior: Behavior, part: Path
) -> None:
    with files_limited_to(500_000), pytest.raises(StoreError, match="cannot be written .*Make room"):
        fetch(address, part)
    assert part.stat().st_size == 500_000
    assert fetch(address, part) == behavior.content
    assert behavior.requests == ["", "bytes=500000-"]


def test_an_untrusted_certificate_is_refused(
    address: str, part: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path, "elsewhere")[0]))
    with pytest.raises(
        StoreError, match="the certificate of localhost is not trusted .self-signed certificate.*SSL_CERT"
    ):
        fetch(address, part)
    assert not part.exists()


def test_the_certificate_of_another_host_is_refused(
    behavior: Behavior, part: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = make_certificate(tmp_path, "elsewhere")
    monkeypatch.setenv("SSL_CERT_FILE", str(own[0]))
    monkeypatch.setenv("no_proxy", "*")
    with serving(behavior, *own) as url, pytest.raises(StoreError, match="not trusted .Hostname mismatch"):
        fetch(url, part)


@pytest.mark.parametrize("status", [404, 403, 500])
def test_an_answer_without_a_file_is_told(status: int, address: str, behavior: Behavior, part: Path) -> None:
    behavior.status = status
    with pytest.raises(StoreError, match=f"the server answered {status}"):
        fetch(address, part)
    assert len(behavior.requests) == (4 if status == 500 else 1), "what may be repaired is asked for again"


def test_a_server_that_is_not_there(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(StoreError, match="localhost cannot be reached .*refused"):
        fetch("https://localhost:9/file", part)


def test_a_proxy_of_the_environment_is_used(address: str, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://localhost:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(StoreError, match="cannot be reached"):
        fetch(address, part, ONCE)


def test_discard_leaves_nothing(address: str, behavior: Behavior, part: Path) -> None:
    behavior.cuts = [10]
    with pytest.raises(StoreError):
        fetch(address, part, ONCE)
    assert json.loads(part.with_name("weights.json").read_text())["total"] == 1 << 20
    discard(part)
    assert list(part.parent.iterdir()) == []
