"""Limits on what a few bytes of an untrusted file can cost: bounded reads, and a check of pickles beforehand."""

from __future__ import annotations

import pickletools
from typing import BinaryIO, cast

SHARED = 1000  # items that a tuple may unfold to, however short the pickle is
LARGE = 1 << 16  # bytes; finding the end costs a file its buffer, and smaller reads do no harm

_MARK = -1
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_WHOLES = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET")


class RefusedPickleError(ValueError):
    """The file is damaged, or asks for something that plain arrays do not need."""


def bounded(file: BinaryIO) -> BinaryIO:
    """The same open file, for readers that trust the lengths a file claims.

    `read` reserves the memory it is asked for before it knows what is there, so it is never asked for much more than
    the rest of the file.
    """
    return cast("BinaryIO", _Bounded(file))


class _Bounded:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.readline, self.seek, self.tell, self.seekable = file.readline, file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        if count < LARGE:
            return self._file.read(count)
        at = self._file.tell()
        left = self._file.seek(0, 2) - at
        self._file.seek(at)
        return self._file.read(min(count, max(left, 0)))


def check_claims(file: BinaryIO) -> None:
    """Refuse a pickle that takes memory or time out of all proportion. The file is left at the end of the pickle.

    Refused are memo indices above the number of objects, and lengths beyond the file's end: the unpickler reserves what
    is claimed, and six bytes can ask for 64 GiB. Also tuples that unfold to more items than the pickle has opcodes: as
    a dict's key, forty that each hold the next one twice take years to hash.

    Raises: RefusedPickleError; ValueError and others of `pickletools` for what is no pickle.
    """
    start = file.tell()
    size = file.seek(0, 2) - start
    file.seek(start)
    unfolded = _Unfolded()
    for most, (opcode, number, _) in enumerate(pickletools.genops(bounded(file)), 1):
        if opcode.name in _PUTS and int(number or 0) > most:
            raise RefusedPickleError(f"it numbers an object {number} where there are {most} at most.")
        if opcode.name == "FRAME" and int(number or 0) > size:
            raise ValueError(f"a part of {number} bytes in a file of {size}")
        if unfolded.follow(opcode, number) > max(most, SHARED):
            raise RefusedPickleError(f"it has a tuple that unfolds to more than its {most} parts.")


class _Unfolded:
    """The unpickler's stack with the cost of hashing each object in its place.

    A tuple costs all items within, as often as they occur; anything that is hashed by itself, or cannot be, costs one.
    """

    def __init__(self) -> None:
        self._stack: list[int] = []
        self._memo: dict[object, int] = {}

    def follow(self, opcode: pickletools.OpcodeInfo, argument: object) -> int:
        """Take one step; the cost of the newest object. Raises IndexError where the stack is too short."""
        if opcode.name in _PUTS or opcode.name == "MEMOIZE":
            self._memo[len(self._memo) if opcode.name == "MEMOIZE" else argument] = self._stack[-1]
        elif opcode.name in _GETS:
            self._stack.append(self._memo[argument])
        elif opcode.name == "DUP":
            self._stack.append(self._stack[-1])
        elif opcode.name == "MARK":
            self._stack.append(_MARK)
        elif opcode.name == "POP":
            self._stack.pop()
        else:
            taken: list[int] = []  # costs of what comes off the stack, the mark and all above it included
            plain = list(opcode.stack_before)
            if pickletools.markobject in plain:
                while (top := self._stack.pop()) != _MARK:
                    taken.append(top)
                plain = plain[: plain.index(pickletools.markobject)]
            taken += [self._stack.pop() for _ in plain]
            self._stack += [1 + sum(taken) if opcode.name in _WHOLES else 1] * len(opcode.stack_after)
        return self._stack[-1] if self._stack else 0
