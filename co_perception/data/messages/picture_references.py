"""Lost packets of H.264 and HEVC, found in the packets that came: which pictures they refer to, and how they count.

FFmpeg paints over such a gap without a word. AV1, VP9, VP8 and MPEG-4 have no numbers by which every gap shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

_START = re.compile(b"\0\0\1")
_HEAD = 256  # bytes of a slice that are read: its header is shorter
MOST_LISTED = 64  # reference picture sets, and pictures in one of them


class PictureReferences(Protocol):
    """Follows the packets of one stream."""

    def lost(self, packet: bytes) -> int:
        """Takes the next packet, of one picture. Returns how many pictures are known by it to be lost."""


class BitReader:
    """Reads the bits of a unit, without the bytes that keep start codes out of it. Raises ValueError at its end."""

    def __init__(self, unit: bytes) -> None:
        plain = unit.replace(b"\0\0\3", b"\0\0")
        self._bits, self._left = int.from_bytes(plain, "big"), 8 * len(plain)

    def read(self, count: int) -> int:
        """The next bits as a number."""
        if count > self._left:
            raise ValueError("it ends too early")
        self._left -= count
        return (self._bits >> self._left) & ((1 << count) - 1)

    def unsigned(self) -> int:
        """The next number in Exp-Golomb code, ue(v); se(v) is as long."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)

    def skip(self, numbers: int) -> None:
        """Leaves out so many numbers in Exp-Golomb code."""
        for _ in range(numbers):
            self.unsigned()


def _units(packet: bytes) -> Iterator[bytes]:
    """NAL units of a packet with start codes (Annex B); none of one in another form."""
    if not packet.startswith((b"\0\0\1", b"\0\0\0\1")):
        return
    starts = [match.end() for match in _START.finditer(packet)]
    for start, end in zip(starts, [*starts[1:], len(packet) + 3], strict=True):
        yield packet[start : end - 3]


@dataclass(frozen=True)
class H264Sequence:
    """Of a sequence parameter set: bits of frame_num, whether planes are apart, whether numbers may be left out."""

    bits: int
    planes: bool
    gaps: bool

    @classmethod
    def read(cls, reader: BitReader) -> tuple[int, H264Sequence]:
        """Number and content (ITU-T H.264, 7.3.2.1.1)."""
        profile = reader.read(8)
        reader.read(16)
        number, planes = reader.unsigned(), False
        if profile in (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135):
            form = reader.unsigned()
            planes = form == 3 and reader.read(1) == 1
            reader.skip(2)
            reader.read(1)
            if reader.read(1):
                for matrix in range(12 if form == 3 else 8):
                    if reader.read(1):
                        _skip_scaling_list(reader, 16 if matrix < 6 else 64)
        bits, order = 4 + reader.unsigned(), reader.unsigned()
        if order == 1:
            reader.read(1)
            reader.skip(2)
        if order in (0, 1):
            reader.skip(min(reader.unsigned(), MOST_LISTED * 4) if order else 1)
        reader.unsigned()
        return number, cls(bits, planes, reader.read(1) == 1)


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            code = reader.unsigned()
            delta = (code + 1) // 2 if code % 2 else -code // 2
            following = (last + delta + 256) % 256
        last = following or last


class FrameNumbers:
    """H.264: each reference picture has the number of the one before plus one (ITU-T H.264, 7.4.3, frame_num).

    A lost picture that no other refers to costs itself alone, and does not show.
    """

    def __init__(self) -> None:
        self._sequences: dict[int, H264Sequence] = {}
        self._of_pictures: dict[int, int] = {}
        self._newest: int | None = None

    def lost(self, packet: bytes) -> int:
        """As `PictureReferences.lost`."""
        try:
            for unit in _units(packet):
                kind = unit[0] & 31
                if kind == 7:
                    number, sequence = H264Sequence.read(BitReader(unit[1:]))
                    self._sequences[number] = sequence
                elif kind == 8:
                    reader = BitReader(unit[1:_HEAD])
                    picture = reader.unsigned()
                    self._of_pictures[picture] = reader.unsigned()
                elif kind in (1, 5):
                    return self._add(BitReader(unit[1:_HEAD]), kind == 5, unit[0] & 96 != 0)
        except (IndexError, ValueError):  # damaged: the decoder says so
            self._newest = None
        return 0

    def _add(self, reader: BitReader, begins: bool, referred: bool) -> int:
        reader.skip(2)
        sequence = self._sequences.get(self._of_pictures.get(reader.unsigned(), -1))
        if sequence is None:
            self._newest = None
            return 0
        if sequence.planes:
            reader.read(2)
        number, newest, count = reader.read(sequence.bits), self._newest, 1 << sequence.bits
        missing = 0
        if not begins and newest is not None and number != newest and not sequence.gaps:
            missing = (number - newest - 1) % count
        if begins or referred:
            self._newest = number
        elif missing:
            self._newest = (number - 1) % count
        return missing


DeltaSet = list[tuple[int, bool]]
"""A short-term reference picture set: how far each picture is from the present one, and whether that needs it."""


@dataclass(frozen=True)
class HevcSequence:
    """Of a sequence parameter set: bits of a picture's number, whether planes are apart, and its sets."""

    bits: int
    planes: bool
    sets: list[DeltaSet]

    @classmethod
    def read(cls, reader: BitReader) -> tuple[int, HevcSequence]:
        """Number and content (ITU-T H.265, 7.3.2.2.1)."""
        reader.read(4)
        layers = reader.read(3)
        reader.read(1)
        _skip_profile(reader, layers)
        number = reader.unsigned()
        planes = reader.unsigned() == 3 and reader.read(1) == 1
        reader.skip(2)
        reader.skip(4 if reader.read(1) else 0)
        reader.skip(2)
        bits = 4 + reader.unsigned()
        reader.skip(3 * (layers + 1 if reader.read(1) else 1))
        reader.skip(6)
        if reader.read(1) and reader.read(1):
            _skip_scaling_lists(reader)
        reader.read(2)
        if reader.read(1):
            reader.read(8)
            reader.skip(2)
            reader.read(1)
        count, sets = reader.unsigned(), list[DeltaSet]()
        if count > MOST_LISTED:
            raise ValueError("too many sets")
        for _ in range(count):
            sets.append(_delta_set(reader, sets, last=False))
        return number, cls(bits, planes, sets)


def _skip_profile(reader: BitReader, layers: int) -> None:
    reader.read(96)
    present = [(reader.read(1), reader.read(1)) for _ in range(layers)]
    reader.read(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        reader.read(88 * profile + 8 * level)


def _skip_scaling_lists(reader: BitReader) -> None:
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            by_itself = reader.read(1)
            reader.skip((min(64, 1 << (4 + 2 * size)) + (size > 1)) if by_itself else 1)


def _delta_set(reader: BitReader, known: list[DeltaSet], last: bool) -> DeltaSet:
    """The next set (ITU-T H.265, 7.3.7 and 7.4.8); `last` in a slice, which follows all known ones."""
    if known and reader.read(1):
        base = known[-1 - (reader.unsigned() if last else 0)]
        back, size = reader.read(1), reader.unsigned() + 1
        step = -size if back else size
        found: DeltaSet = []
        for delta, _ in [*base, (0, False)]:
            used = reader.read(1) == 1
            if (used or reader.read(1)) and delta + step:
                found.append((delta + step, used))
    else:
        before, after = reader.unsigned(), reader.unsigned()
        if max(before, after) > MOST_LISTED:
            raise ValueError("too many pictures")
        found = []
        for count, sign in ((before, -1), (after, 1)):
            delta = 0
            for _ in range(count):
                delta += sign * (reader.unsigned() + 1)
                found.append((delta, reader.read(1) == 1))
    return sorted(found, key=lambda entry: (entry[0] > 0, abs(entry[0])))


@dataclass(frozen=True)
class HevcPicture:
    """Of a picture parameter set: its sequence, whether output is flagged, and further bits in headers of slices."""

    sequence: int
    flagged: bool
    further: int

    @classmethod
    def read(cls, reader: BitReader) -> tuple[int, HevcPicture]:
        """Number and content (ITU-T H.265, 7.3.2.3.1)."""
        number, sequence = reader.unsigned(), reader.unsigned()
        reader.read(1)
        return number, cls(sequence, reader.read(1) == 1, reader.read(3))


class ReferenceSets:
    """HEVC: each picture names those that it is predicted from (ITU-T H.265, 8.3.2, reference picture set)."""

    def __init__(self) -> None:
        self._sequences: dict[int, HevcSequence] = {}
        self._pictures: dict[int, HevcPicture] = {}
        self._present: set[int] | None = None  # numbers of pictures that later ones may refer to
        self._base = 0  # number of the newest picture of the lowest layer

    def lost(self, packet: bytes) -> int:
        """As `PictureReferences.lost`."""
        try:
            for unit in _units(packet):
                kind = unit[0] >> 1 & 63
                if kind == 33:
                    number, sequence = HevcSequence.read(BitReader(unit[2:]))
                    self._sequences[number] = sequence
                elif kind == 34:
                    number, picture = HevcPicture.read(BitReader(unit[2:_HEAD]))
                    self._pictures[number] = picture
                elif kind <= 9 or 16 <= kind <= 21:
                    return self._add(BitReader(unit[2:_HEAD]), kind, unit[1] & 7 == 1)
        except (IndexError, ValueError):  # damaged: the decoder says so
            self._present = None
        return 0

    def _add(self, reader: BitReader, kind: int, lowest: bool) -> int:
        if not reader.read(1):  # no first slice: a packet with a part of a picture
            return 0
        if kind >= 16:
            reader.read(1)
        picture = self._pictures.get(reader.unsigned())
        sequence = self._sequences.get(picture.sequence) if picture else None
        if picture is None or sequence is None:
            self._present = None
            return 0
        reader.read(picture.further)
        reader.skip(1)
        reader.read(picture.flagged + 2 * sequence.planes)
        if kind in (19, 20):
            self._present, self._base = {0}, 0
            return 0
        number = self._number(reader.read(sequence.bits), sequence.bits, anew=kind in (16, 17, 18))
        listed = [] if kind == 21 and self._present is None else self._listed(reader, sequence)
        present, needed = self._present, {number + delta for delta, used in listed if used}
        if kind in (16, 17, 18) or (kind == 21 and present is None):
            self._present = set()
        elif present is not None:
            self._present = present & {number + delta for delta, _ in listed}
        if self._present is not None:
            self._present.add(number)
        if lowest and kind not in (0, 2, 4, 6, 7, 8, 9):
            self._base = number
        # Pictures shown before a keyframe that begins the stream may refer to what was before; FFmpeg leaves them out.
        return len(needed - present) if present is not None and kind < 8 else 0

    def _number(self, low: int, bits: int, anew: bool) -> int:
        """The whole number of a picture of which only the low bits are coded."""
        if anew or self._present is None:
            return low
        size = 1 << bits
        return self._base + (low - self._base + size // 2) % size - size // 2

    @staticmethod
    def _listed(reader: BitReader, sequence: HevcSequence) -> DeltaSet:
        if not reader.read(1):
            return _delta_set(reader, sequence.sets, last=True)
        count = len(sequence.sets)
        place = reader.read((count - 1).bit_length()) if count > 1 else 0
        return sequence.sets[place]
