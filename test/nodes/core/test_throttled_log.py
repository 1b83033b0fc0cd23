"""A repetition is held back, another trouble at the same place is not."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy")

from co_perception.nodes.core.throttled_log import MOST_TEXTS, ThrottledLog


class Lines:
    """A logger that notes what it logs, and a clock."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now_s = 0.0

    def warning(self, text: str) -> None:
        self.lines.append(text)

    error = warning


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def log(lines: Any) -> ThrottledLog:
    return ThrottledLog(lines, lambda: lines.now_s)


def test_a_second_trouble_is_logged_at_once_and_numbers_make_none(lines: Lines, log: ThrottledLog) -> None:
    for now_s, text in [
        (0, "2 frames late"),
        (1, "No image for 5.0 s"),
        (2, "3 frames late"),
        (29, "No image for 34 s"),
    ]:
        lines.now_s = now_s
        log.warning(text, 30.0)
    assert lines.lines == ["2 frames late", "No image for 5.0 s"]
    lines.now_s = 30
    log.warning("4 frames late", 30.0)
    log.error("No image for 35 s", 30.0)
    assert lines.lines[2:] == ["4 frames late"]


def test_what_is_remembered_is_bounded(lines: Lines, log: ThrottledLog) -> None:
    for number in range(3 * MOST_TEXTS):
        log.error(chr(1000 + number), 30.0)
    assert len(log._logged_s) == MOST_TEXTS and len(lines.lines) == 3 * MOST_TEXTS
