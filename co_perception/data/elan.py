"""Annotations made with ELAN (Wittenburg et al., ELAN: a Professional Framework for Multimodality Research, LREC 2006).

An .eaf file is XML: a list of instants in milliseconds, and tiers of annotations between two of them. Here a tier tells
of one subject: its participant, or else its own name; ELAN's nameless `default` tells of everybody. Tiers that hang on
another one describe its annotations and not the time, so they are left out.

The file is read by expat, element by element, into flat lists. A document type, which entities need, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from co_perception.data.annotations import Interval, checked
from co_perception.data.damage import bounded, reading

MOST_BYTES = 32 * 1024 * 1024
MILLI_NS = 1_000_000
EVERYBODY = "default"


@dataclass
class _Tier:
    name: str
    participant: str
    hangs: bool
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    """The names of both instants, and the text."""

    @property
    def subject(self) -> str:
        return self.participant or ("" if self.name == EVERYBODY else self.name)


def read_elan(path: Path | str, tiers: Sequence[str] | None = None) -> list[Interval]:
    """The annotations of an .eaf file, counted from the start of its medium.

    Args:
        path: the file.
        tiers: names of those wanted; None: all that hang on no other.

    Raises: FileNotFoundError; ValueError that names the file for what is no such file or too large, tiers that are not
        there, annotations without a text or a time, media that begin elsewhere, and overlaps of one subject.
    """
    with reading(path, "an ELAN file"):
        document = _Document()
        document.parse(bounded(Path(path), MOST_BYTES))
        chosen = _chosen(document.tiers, tiers)
        return checked(interval for tier in chosen for interval in _intervals(tier, document.instants))


class _Document:
    """What the parser tells, in the file's order."""

    def __init__(self) -> None:
        self.instants: dict[str, int | None] = {}
        self.tiers: list[_Tier] = []
        self._place: tuple[str, str] | None = None
        self._text: list[str] | None = None
        self._is_elan = self._has_medium = False

    def parse(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise ValueError(f"no XML: {error}.") from error

    def _start(self, name: str, values: dict[str, str]) -> None:
        if not self._is_elan and name != "ANNOTATION_DOCUMENT":
            raise ValueError(f"an ELAN file is an ANNOTATION_DOCUMENT, this is a {name}.")
        self._is_elan = True
        if name == "HEADER" and values.get("TIME_UNITS", "milliseconds") != "milliseconds":
            raise ValueError(f"times in milliseconds are read, and these are in {values['TIME_UNITS']}.")
        if name == "MEDIA_DESCRIPTOR":
            self._medium(int(values.get("TIME_ORIGIN", 0)))
        elif name == "TIME_SLOT":
            value = values.get("TIME_VALUE")
            self.instants[values["TIME_SLOT_ID"]] = None if value is None else int(value)
        elif name == "TIER":
            self.tiers.append(_Tier(values["TIER_ID"], values.get("PARTICIPANT", "").strip(), "PARENT_REF" in values))
        elif name == "ALIGNABLE_ANNOTATION":
            self._place = values["TIME_SLOT_REF1"], values["TIME_SLOT_REF2"]
        elif name == "ANNOTATION_VALUE":
            self._text = []

    def _medium(self, origin_ms: int) -> None:
        if origin_ms and not self._has_medium:
            raise ValueError(
                f"its first medium begins at {origin_ms} ms, so that its times count from elsewhere: set the offset to "
                "0 in ELAN (Options, Media Synchronization Mode), or cut the video."
            )
        self._has_medium = True

    def _end(self, name: str) -> None:
        if name == "ANNOTATION_VALUE" and self._text is not None and self._place is not None:
            self.tiers[-1].rows.append((*self._place, " ".join("".join(self._text).split())))
            self._text = None
        elif name == "ALIGNABLE_ANNOTATION":
            self._place = None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)


def _refuse(*_: object) -> None:
    raise ValueError("an ELAN file has no document type; this one does, and is not read.")


def _chosen(tiers: Sequence[_Tier], wanted: Sequence[str] | None) -> list[_Tier]:
    if wanted is None:
        return [tier for tier in tiers if not tier.hangs]
    missing = sorted(set(wanted) - {tier.name for tier in tiers})
    if missing:
        raise ValueError(f"no tier {', '.join(missing)}; there are {', '.join(tier.name for tier in tiers) or 'none'}.")
    return [tier for tier in tiers if tier.name in wanted]


def _intervals(tier: _Tier, instants: dict[str, int | None]) -> list[Interval]:
    found = []
    for start, end, text in tier.rows:
        start_ms, end_ms = instants[start], instants[end]
        if start_ms is None or end_ms is None:
            raise ValueError(f"{text!r} in tier {tier.name} has no time of its own: align it in ELAN.")
        try:
            found.append(Interval(start_ms * MILLI_NS, end_ms * MILLI_NS, text, tier.subject, relative=True))
        except ValueError as error:
            raise ValueError(f"tier {tier.name}, {start_ms} to {end_ms} ms: {error}") from error
    return found
