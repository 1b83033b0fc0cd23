"""Looks through a pickle before it is read, for the few bytes that would have the unpickler work without end."""

from __future__ import annotations

import pickletools
from typing import Any, BinaryIO

from co_perception.runtime.clamped import clamped

SHARED = 1000  # items that a tuple may unfold to, however short the pickle is

_MARK = -1
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_WHOLES = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET")


class RefusedPickleError(ValueError):
    """The file is damaged, or asks for something that plain arrays do not need."""


def check_claims(file: BinaryIO) -> None:
    """Refuses what makes room or takes time out of all proportion. The file is left at the end of its pickle.

    Numbers of remembered objects that are higher than there are objects, and lengths beyond the file's end: the
    unpickler makes room for what is claimed, and six bytes can ask for 64 GiB. Tuples that unfold to more than there is
    of the pickle: forty that each hold the next one twice are a key that takes years to hash.

    Raises: RefusedPickleError; ValueError and others of `pickletools` for what is no pickle.
    """
    start = file.tell()
    size = file.seek(0, 2) - start
    file.seek(start)
    unfolded = _Unfolded()
    for most, (opcode, number, _) in enumerate(pickletools.genops(clamped(file)), 1):
        if opcode.name in _PUTS and int(number or 0) > most:
            raise RefusedPickleError(f"it numbers an object {number} where there are {most} at most.")
        if opcode.name == "FRAME" and int(number or 0) > size:
            raise ValueError(f"a part of {number} bytes in a file of {size}")
        if unfolded.follow(opcode, number) > max(most, SHARED):
            raise RefusedPickleError(f"it has a tuple that unfolds to more than its {most} parts.")


class _Unfolded:
    """The unpickler's stack with, in the place of each object, how many items it would be hashed as: all within a tuple
    as often as it is there, and one for whatever cannot be a key or is hashed as itself."""

    def __init__(self) -> None:
        self._stack: list[int] = []
        self._memo: dict[Any, int] = {}

    def follow(self, opcode: pickletools.OpcodeInfo, argument: Any) -> int:
        """Takes one step; what the newest object unfolds to. Raises IndexError where the stack is too short."""
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
            taken = self._taken(opcode)
            self._stack += [1 + sum(taken) if opcode.name in _WHOLES else 1] * len(opcode.stack_after)
        return self._stack[-1] if self._stack else 0

    def _taken(self, opcode: pickletools.OpcodeInfo) -> list[int]:
        """What an operation takes off the stack, the mark and what lies above it included."""
        taken: list[int] = []
        plain = list(opcode.stack_before)
        if pickletools.markobject in plain:
            while (top := self._stack.pop()) != _MARK:
                taken.append(top)
            plain = plain[: plain.index(pickletools.markobject)]
        return taken + [self._stack.pop() for _ in plain]
