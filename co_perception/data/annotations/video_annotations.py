"""Readers of annotations of videos: ELAN files (.eaf) and WebVTT subtitles (.vtt).

ELAN: Wittenburg et al., ELAN: a Professional Framework for Multimodality Research, LREC 2006. An .eaf file is XML: a
list of instants in milliseconds, and tiers of annotations between two of them. Here a tier belongs to one subject: its
participant, or else its own name; ELAN's `default` tier belongs to everybody. Tiers with a parent describe the
parent's annotations and not the time, so they are left out. The file is read by expat, element by element, into flat
lists. A document type, which entities need, is refused. `elan_writer` adds what ELAN has no place for: the group of a
tier's labels in the name of its type, and the recording in a property.

WebVTT: W3C Candidate Recommendation 2019.

    WEBVTT

    00:02.500 --> 00:07.250
    wave

    00:09.000 --> 00:12.000
    <v Anna>walk
    <v Ben>sit

Each line of a cue is a label; its voice names the subject, up to the tag that ends the voice or to another one;
without a voice it holds for everybody. Notes, styles, regions, the names and settings of cues and all other tags are
left out. A cue begins at its times, as in the standard's parser: right behind the head or another cue as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

from co_perception.data.annotations.intervals import Interval, checked
from co_perception.data.parsing import parse_errors, parse_xml, read_bounded
from co_perception.engine.time import NANO

MOST_BYTES = 32 * 1024 * 1024
MILLI_NS = NANO // 1000
EVERYBODY = "default"  # name of a tier
GROUP_TYPE = "group:"  # begins the type of a tier whose labels are of a group
RECORDING = "co_perception:recording"  # property of a file
ARROW = "-->"
OTHER_BLOCKS = ("NOTE", "STYLE", "REGION")
TIME = re.compile(r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})", re.ASCII)
VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>|</v>")  # one that begins, or the end of one
TAG = re.compile(r"<[^>]*>")
LINE_END = re.compile("\r\n|\n|\r")  # and no other: U+2028 and the like are part of a text


@dataclass
class _Tier:
    name: str
    subject: str
    group: str
    has_parent: bool
    rows: list[tuple[str, str, str]] = field(default_factory=list)  # ids of first and last instant, and the text


def read_elan(path: Path | str, tiers: Sequence[str] | None = None) -> list[Interval]:
    """The annotations of an .eaf file, in time since the start of its medium; of all tiers without a parent by default.

    Raises ValueError that names the file, for what is no such file or too large, tiers that are missing, annotations
    without a text or a time, media that begin elsewhere, and overlaps of one subject.
    """
    with parse_errors(path, "an ELAN file"):
        return parse_elan(read_bounded(Path(path), MOST_BYTES), tiers)


def parse_elan(content: bytes, tiers: Sequence[str] | None = None) -> list[Interval]:
    """As `read_elan`, of the content of a file; errors do not name it, and may be any of `data.parsing.STUMBLES`."""
    document = _Document()
    parse_xml(content, document)
    names = [tier.name for tier in document.tiers]
    if missing := sorted(set(tiers or ()) - set(names)):
        raise ValueError(f"no tier {', '.join(missing)}; there are {', '.join(names) or 'none'}.")
    chosen = [tier for tier in document.tiers if (not tier.has_parent if tiers is None else tier.name in tiers)]
    found = []
    for tier in chosen:
        for start, end, text in tier.rows:
            start_ms, end_ms = document.instants[start], document.instants[end]
            if start_ms is None or end_ms is None:
                raise ValueError(f"{text!r} in tier {tier.name} has no time of its own: align it in ELAN.")
            try:
                start_ns, end_ns = start_ms * MILLI_NS, end_ms * MILLI_NS
                found.append(Interval(start_ns, end_ns, text, tier.subject, True, document.recording, tier.group))
            except ValueError as error:
                raise ValueError(f"tier {tier.name}, {start_ms} to {end_ms} ms: {error}") from error
    return checked(found)


class _Document:
    """Instants and tiers in the order of the file, filled by the handlers of expat."""

    def __init__(self) -> None:
        self.instants: dict[str, int | None] = {}
        self.tiers: list[_Tier] = []
        self.recording = ""
        self._names_recording = False
        self._place: tuple[str, str] | None = None
        self._text: list[str] | None = None
        self._is_elan = self._has_medium = False

    def refuse_doctype(self, *_: object) -> None:
        raise ValueError("an ELAN file has no document type; this one does, and is not read.")

    def start(self, name: str, values: dict[str, str]) -> None:
        if not self._is_elan and name != "ANNOTATION_DOCUMENT":
            raise ValueError(f"an ELAN file is an ANNOTATION_DOCUMENT, this is a {name}.")
        self._is_elan = True
        if name == "HEADER" and values.get("TIME_UNITS", "milliseconds") != "milliseconds":
            raise ValueError(f"times in milliseconds are read, and these are in {values['TIME_UNITS']}.")
        if name == "MEDIA_DESCRIPTOR":
            origin_ms = int(values.get("TIME_ORIGIN", 0))
            if origin_ms and not self._has_medium:
                raise ValueError(
                    f"its first medium begins at {origin_ms} ms, so that its times count from elsewhere: set the "
                    "offset to 0 in ELAN (Options, Media Synchronization Mode), or cut the video."
                )
            self._has_medium = True
        elif name == "TIME_SLOT":
            value, id = values.get("TIME_VALUE"), values["TIME_SLOT_ID"]
            if id in self.instants:
                raise ValueError(f"it has two instants of the name {id!r}.")
            self.instants[id] = None if value is None else int(value)
        elif name == "TIER":
            self.tiers.append(_tier(values))
        elif name == "PROPERTY":
            self._names_recording = values.get("NAME") == RECORDING
        elif name == "ALIGNABLE_ANNOTATION":
            self._place = values["TIME_SLOT_REF1"], values["TIME_SLOT_REF2"]
        elif name == "ANNOTATION_VALUE":
            self._text = []

    def end(self, name: str) -> None:
        if name == "ANNOTATION_VALUE" and self._text is not None and self._place is not None:
            self.tiers[-1].rows.append((*self._place, " ".join("".join(self._text).split())))
            self._text = None
        elif name == "ALIGNABLE_ANNOTATION":
            self._place = None
        elif name == "PROPERTY":
            self._names_recording = False

    def characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)
        elif self._names_recording:
            self.recording += text


def _tier(values: dict[str, str]) -> _Tier:
    """A tier with the attributes `values`."""
    name, participant = values["TIER_ID"], values.get("PARTICIPANT", "").strip()
    type_name = values.get("LINGUISTIC_TYPE_REF", "")
    group = type_name.removeprefix(GROUP_TYPE) if type_name.startswith(GROUP_TYPE) else ""
    everybody = name == EVERYBODY or group and name == f"{EVERYBODY} ({group})"
    subject = participant or ("" if everybody else name)
    return _Tier(name, subject, group, "PARENT_REF" in values)


def read_webvtt(path: Path | str) -> list[Interval]:
    """The cues of a .vtt file, in time since the start of its video.

    Raises ValueError that names the file and the line, for what is no such file or too large, times that cannot be read
    or end before they start, lines without a label, and overlaps of one subject.
    """
    with parse_errors(path, "a WebVTT file"):
        lines = LINE_END.split(read_bounded(Path(path), MOST_BYTES).decode("utf-8-sig"))
        if not re.match(r"WEBVTT(\s|$)", lines[0]):
            raise ValueError("a WebVTT file begins with a line WEBVTT.")
        return checked(interval for number, block in _blocks(lines) for interval in _cue(number, block))


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, its lines) of each block between empty lines, the head left out.

    Times begin a block of their own, with the line before them where that is the first of its block: a cue's name.
    """
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip() and (not block or ARROW not in line or _names_a_cue(number, block)):
            block.append(line)
            continue
        if block and number - len(block) > 1:
            yield number - len(block), block
        block = [line] if line.strip() else []


def _names_a_cue(number: int, block: list[str]) -> bool:
    """Whether `block`, which ends at the times in line `number`, is the name of their cue. Raises ValueError for a note
    or the like: players show what stands behind it, and its author may not know."""
    first = block[0].split()[0]
    if ARROW not in block[0] and first in OTHER_BLOCKS:
        raise ValueError(f"line {number}: times in a {first}, which players show: take them out.")
    return len(block) == 1 and number > 2 and ARROW not in block[0]


def _cue(number: int, block: list[str]) -> Iterator[Interval]:
    if ARROW not in block[0]:
        if block[0].split()[0] in OTHER_BLOCKS:
            return
        number, block = number + 1, block[1:]  # the first line was the cue's name
    if not block or ARROW not in block[0]:
        raise ValueError(f"line {number}: expected times such as 00:02.500 {ARROW} 00:07.250.")
    start, end = block[0].split(ARROW, 1)
    start_ns, end_ns = _nanoseconds(number, start), _nanoseconds(number, end)
    if len(block) == 1:
        raise ValueError(f"line {number}: there is no label below these times. Time without an activity is left out.")
    subject = ""
    for line_number, line in enumerate(block[1:], number + 1):
        voices = list(VOICE.finditer(line))
        if len([voice for voice in voices if voice[1]]) > 1:
            raise ValueError(f"line {line_number}: several voices in one line; write a line for each.")
        spoken = next((_plain(voice[1]) for voice in voices if voice[1]), subject)
        try:
            yield Interval(start_ns, end_ns, _plain(TAG.sub("", line)), spoken, relative=True)
        except ValueError as error:
            raise ValueError(f"line {line_number}: {error}") from error
        subject = "" if voices and not voices[-1][1] else spoken


def _nanoseconds(number: int, text: str) -> int:
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    found = TIME.fullmatch(first)
    if not found:
        raise ValueError(f"line {number}: a time is written 00:02.500 or 01:00:02.500, got {text.strip()!r}.")
    hours, minutes, seconds, millis = (int(part or 0) for part in found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * NANO + millis * MILLI_NS


def _plain(text: str) -> str:
    return " ".join(unescape(text).split())
