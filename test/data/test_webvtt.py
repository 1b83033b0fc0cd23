"""Subtitles as annotations: times, voices, what is left out, mistakes by their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from co_perception.data.annotations import Interval
from co_perception.data.webvtt import read_webvtt

SUBTITLES = """\ufeffWEBVTT - kitchen
Kind: captions

NOTE who waves
is Anna

STYLE
::cue { color: red }

1
00:02.500 --> 00:07.250 align:start position:0%
wave

a name with words
01:00:09.000\t-->\t01:00:12.001
<v Anna>walk
<v.loud  Ben  Smith ><i>sit</i> <c.big>&amp; talk</c></v>

00:20.000 --> 00:21.000
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "kitchen.vtt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_cues_become_intervals(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "kitchen.vtt"
    path.write_bytes(SUBTITLES.replace("\n", line_end).encode())
    assert read_webvtt(path) == [
        Interval(2_500_000_000, 7_250_000_000, "wave", relative=True),
        Interval(3_609_000_000_000, 3_612_001_000_000, "walk", "Anna", relative=True),
        Interval(3_609_000_000_000, 3_612_001_000_000, "sit & talk", "Ben Smith", relative=True),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\n00:02.500 --> 00:07.250\nwave\n", "begins with a line WEBVTT"),
        ("WEBVTTX\n", "begins with a line WEBVTT"),
        ("", "begins with a line WEBVTT"),
        ("WEBVTT\n\n00:02,500 --> 00:07.250\nwave\n", "line 3: a time is written 00:02.500.*'00:02,500'"),
        ("WEBVTT\n\n00:02.500 --> 00:70.250\nwave\n", "line 3: a time is written"),
        ("WEBVTT\n\n00:02.500 -->\nwave\n", "line 3: a time is written"),
        ("WEBVTT\n\nwave\n", "line 4: expected times"),
        ("WEBVTT\n\nname\nwave\n", "line 4: expected times"),
        ("WEBVTT\n\n00:02.500 --> 00:02.500\nwave\n", "line 4: .*not after its start"),
        ("WEBVTT\n\n00:02.500 --> 00:03.500\n<v Anna>\n", "line 4: an interval needs a label"),
        ("WEBVTT\n\n00:02.500 --> 00:05.500\nwave\n\n00:03.000 --> 00:06.000\nsit\n", "overlap"),
        ("WEBVTT\n\n00:02.500 --> 00:05.500\nwave\nand sit\n", "overlap"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read_webvtt(write(tmp_path, text))
    assert "kitchen.vtt" in str(caught.value)


def test_other_bytes_and_huge_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kitchen.vtt"
    path.write_bytes(b"WEBVTT\n\n\xff\xfe\n")
    with pytest.raises(ValueError, match=r"kitchen\.vtt"):
        read_webvtt(path)
    monkeypatch.setattr("co_perception.data.webvtt.MOST_BYTES", 16)
    with pytest.raises(ValueError, match="more than"):
        read_webvtt(write(tmp_path, SUBTITLES))
