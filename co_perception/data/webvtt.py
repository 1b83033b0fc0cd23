"""Annotations as subtitles of a video: WebVTT (Pfeiffer, WebVTT: The Web Video Text Tracks Format, W3C 2019).

    WEBVTT

    00:02.500 --> 00:07.250
    wave

    00:09.000 --> 00:12.000
    <v Anna>walk
    <v Ben>sit

Each line of a cue is a label, its voice whose; without a voice everybody's. Notes, styles, regions, the names and
settings of cues and all other tags are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from co_perception.data.annotations import NANO, Interval, checked
from co_perception.data.damage import bounded, reading

MOST_BYTES = 32 * 1024 * 1024
ARROW = "-->"
OTHER_BLOCKS = ("NOTE", "STYLE", "REGION")
TIME = re.compile(r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})", re.ASCII)
VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>")
TAG = re.compile(r"<[^>]*>")


def read_webvtt(path: Path | str) -> list[Interval]:
    """The cues of a .vtt file, counted from the start of its video.

    Raises: FileNotFoundError; ValueError that names the file, and the line, for what is no such file or too large,
        times that are none or end before they start, lines without a label, and overlaps of one subject.
    """
    with reading(path, "a WebVTT file"):
        lines = bounded(Path(path), MOST_BYTES).decode("utf-8-sig").splitlines()
        if not lines or not re.match(r"WEBVTT(\s|$)", lines[0]):
            raise ValueError("a WebVTT file begins with a line WEBVTT.")
        return checked(interval for number, block in _blocks(lines) for interval in _cue(number, block))


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, its lines) of each block between empty lines, the head left out."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append(line)
            continue
        if block and number - len(block) > 1:
            yield number - len(block), block
        block = []


def _cue(number: int, block: list[str]) -> Iterator[Interval]:
    if ARROW not in block[0]:
        if block[0].split()[0] in OTHER_BLOCKS:
            return
        number, block = number + 1, block[1:]  # the first line was the cue's name
    if not block or ARROW not in block[0]:
        raise ValueError(f"line {number}: expected times such as 00:02.500 {ARROW} 00:07.250.")
    start, end = block[0].split(ARROW, 1)
    start_ns, end_ns = _nanoseconds(number, start), _nanoseconds(number, end)
    for line_number, line in enumerate(block[1:], number + 1):
        voice = VOICE.search(line)
        subject = _plain(voice.group(1)) if voice else ""
        try:
            yield Interval(start_ns, end_ns, _plain(TAG.sub("", line)), subject, relative=True)
        except ValueError as error:
            raise ValueError(f"line {line_number}: {error}") from error


def _nanoseconds(number: int, text: str) -> int:
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    found = TIME.fullmatch(first)
    if not found:
        raise ValueError(f"line {number}: a time is written 00:02.500 or 01:00:02.500, got {text.strip()!r}.")
    hours, minutes, seconds, millis = (int(part or 0) for part in found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * NANO + millis * (NANO // 1000)


def _plain(text: str) -> str:
    return " ".join(unescape(text).split())
