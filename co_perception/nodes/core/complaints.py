"""Complaints: what is wrong with frames, counted by kind and logged once of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from rclpy.node import Node

AT_ONCE: Mapping[str, int] = MappingProxyType({})


class Complaints:
    """Counts what is wrong with frames, while they go on without what is missing.

    Args:
        node: that logs.
        about: begins each warning: what the frames lack.
        patience: frames in which a kind may happen before it is logged, as at the start; else it is logged at once.
    """

    def __init__(self, node: Node, about: str, patience: Mapping[str, int] = AT_ONCE) -> None:
        self._node, self._about, self._patience = node, about, patience
        self.counts: Counter[str] = Counter()
        """Frames by what was wrong."""
        self._reported: set[str] = set()

    def add(self, kind: str, why: str) -> None:
        """Counts one frame; warns once of each kind."""
        self.counts[kind] += 1
        if self.counts[kind] >= self._patience.get(kind, 1) and kind not in self._reported:
            self._reported.add(kind)
            self._node.get_logger().warning(f"{self._about}: {why}")
