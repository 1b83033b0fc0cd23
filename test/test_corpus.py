"""Replays test/corpus: sound files of each format, harmful ones made by hand, and findings of the fuzzer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("jsonargparse")

from fuzz import guard
from fuzz.registry import TARGETS
from fuzz.target import Target

CORPUS = Path(__file__).with_name("corpus")
FILES = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("name", TARGETS)
def test_sound_files_are_read(name: str) -> None:
    """Or else a target would prove nothing."""
    sound = sorted((CORPUS / name).glob("0_*"))
    assert sound
    for file in sound:
        try:
            TARGETS[name].run(file.read_bytes())
        except ValueError as error:
            assert name == "image" and re.search("more than 8 bits|which is no name of", str(error))


@pytest.mark.parametrize("name", TARGETS)
def test_no_file_does_harm(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other error than those documented, no code or program run, no connection, nothing written elsewhere, within
    the bounds of time and memory."""
    monkeypatch.chdir(tmp_path)
    for file in (CORPUS / name).iterdir():
        try:
            guard.measured(TARGETS[name], file.read_bytes())
        except BaseException as error:
            raise AssertionError(f"{file.relative_to(CORPUS)}: {type(error).__name__}: {error}") from error
    assert not list(tmp_path.iterdir())


def test_every_file_has_a_target_and_is_small() -> None:
    assert {file.parent.name for file in FILES} == set(TARGETS)
    assert not [file for file in FILES if file.stat().st_size > 32 * 1024]


def _runs(data: bytes) -> None:
    exec(compile(data, "<data>", "exec"), {})


def _starts(data: bytes) -> None:
    import subprocess

    subprocess.run(["true"], check=True)


def _connects(data: bytes) -> None:
    import socket

    socket.create_connection(("127.0.0.1", 9), timeout=0.1)


def _writes(data: bytes) -> None:
    Path("marker").write_bytes(data)


def _stays(data: bytes) -> None:
    while True:
        pass


def _grows(data: bytes) -> None:
    bytearray(2 * guard.MIB)


@pytest.mark.parametrize("act", [_runs, _starts, _connects, _writes, _stays, _grows])
def test_the_guard_sees_what_it_is_there_for(act: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(guard.Breach):
        guard.measured(Target("bad", act, most_s=0.2, most_mib=1), b"pass")  # type: ignore[arg-type]
    assert not (tmp_path / "marker").exists()
