"""Complaints are counted each time, and logged once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from co_perception.nodes.core.complaints import Complaints


def test_each_kind_is_logged_once_after_its_patience() -> None:
    logged: list[str] = []
    node: Any = SimpleNamespace(get_logger=lambda: SimpleNamespace(warning=logged.append))
    complaints = Complaints(node, "No map", {"late": 3})
    for kind in ("late", "late", "broken", "broken", "late", "late"):
        complaints.add(kind, f"it is {kind}")
    assert complaints.counts == {"late": 4, "broken": 2}
    assert logged == ["No map: it is broken", "No map: it is late"]
