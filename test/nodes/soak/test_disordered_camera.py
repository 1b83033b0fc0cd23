"""Frames in disorder: all of them arrive, and the stamps tell which are late and doubled."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("rclpy")

from co_perception.engine.stamp_order import Order, StampOrder
from co_perception.nodes.soak.disordered_camera import DELAYED, DOUBLED, SHARES, SWAPPED, DisorderedFrames

FRAMES, TICK = 20_000, 1_000_000_000 // 30


def test_every_frame_comes_and_what_is_counted_is_late_or_doubled() -> None:
    found, counts = list[int](), Counter[str]()
    disorder = DisorderedFrames(found.append, lambda event: counts.update([event]))
    for n in range(FRAMES):
        disorder.publish(n * TICK)
    missing = set(range(0, FRAMES * TICK, TICK)) - set(found)
    assert len(missing) <= 1, "one may be held back at the end"
    assert len(found) == FRAMES + counts[DOUBLED] - len(missing)
    for event, share in SHARES.items():
        assert counts[event] == pytest.approx(share * FRAMES, rel=0.25)
    order = StampOrder()
    kinds = Counter(order.place(stamp).order for stamp in found)
    assert kinds[Order.DUPLICATE] == counts[DOUBLED]
    assert kinds[Order.LATE] == counts[SWAPPED] + counts[DELAYED] - len(missing)
    assert kinds[Order.JUMP] == 0
