"""Streams of stamps as drivers, networks and clocks make them, and what docs/stamps.md says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from co_perception.engine.time import NANO

TICK = NANO // 30
START = 1_700_000_000 * NANO
JUMPS_NS = (TICK // 3, TICK, 3 * TICK, 3 * NANO // 10, NANO, NANO + 1, 5 * NANO, 4295 * NANO)
KINDS = ("shuffle", "late", "double", "loop", "ahead", "back", "thin", "zero", "drift")


@st.composite
def orders(draw: Callable[[Any], Any]) -> list[int]:
    """Stamps [ns] in the order of arrival: a stream of 30 Hz that is shuffled, played in a loop, thinned, doubled, set
    ahead for a time, set back for good, late, without stamps or of a clock that runs a hundredth too fast."""
    stamps = [START + n * TICK for n in range(draw(st.integers(2, 60)))]
    for kind in draw(st.lists(st.sampled_from(KINDS), max_size=5)):
        at, length = draw(st.integers(0, len(stamps) - 1)), draw(st.integers(1, 12))
        jump = draw(st.sampled_from(JUMPS_NS))
        part = stamps[at : at + length]
        if kind == "shuffle":
            stamps[at : at + length] = draw(st.permutations(part))
        elif kind == "late":
            stamps.insert(min(at + length, len(stamps) - 1), stamps.pop(at))
        elif kind == "double":
            stamps.insert(at + draw(st.integers(0, 2)), stamps[at])
        elif kind == "loop":
            stamps = (stamps * 2)[:120]
        elif kind == "ahead":
            stamps[at : at + length] = [stamp + jump for stamp in part]
        elif kind == "back":
            stamps[at:] = [stamp - jump for stamp in stamps[at:]]
        elif kind == "thin":
            stamps = stamps[:: 1 + length % 4]
        elif kind == "zero":
            stamps[at] = 0
        else:
            stamps = [stamp + (stamp - START) // 100 for stamp in stamps]
    return [max(stamp, 0) for stamp in stamps]


def by_definition(stamps: Sequence[int], gap_s: float) -> list[tuple[str, int]]:
    """What each message is, and the epoch it is found in, word by word as docs/stamps.md has it."""
    found: list[tuple[str, int]] = []
    epochs: list[list[int]] = []  # stamps that count to each
    late_in_a_row: list[int] = []
    gap_ns = round(gap_s * NANO)
    for stamp in stamps:
        kind = _kind(stamp, epochs, late_in_a_row, gap_ns)
        if kind in ("first", "jump"):
            epochs.append([])
        if kind in ("first", "jump", "next"):
            epochs[-1].append(stamp)
            late_in_a_row = []
        elif kind == "late":
            if not -gap_ns <= stamp - max(epochs[-1]) < 0:
                epochs[-2].append(stamp)
            if stamp not in late_in_a_row[-1:]:
                follows = late_in_a_row and 0 < stamp - late_in_a_row[-1] <= gap_ns
                late_in_a_row = [*late_in_a_row, stamp] if follows else [stamp]
        found.append((kind, len(epochs) - 1))
    return found


def _kind(stamp: int, epochs: list[list[int]], late_in_a_row: list[int], gap_ns: int) -> str:
    if not epochs:
        return "first"
    newest = max(epochs[-1])
    if stamp == newest:
        return "duplicate"
    if newest < stamp <= newest + gap_ns:
        return "next"
    overtaken = newest - gap_ns <= stamp < newest
    of_before = len(epochs) > 1 and abs(stamp - max(epochs[-2])) <= gap_ns
    if not (overtaken or of_before):
        return "jump"
    third = len(late_in_a_row) == 2 and 0 < stamp - late_in_a_row[-1] <= gap_ns
    return "jump" if third else "late"
