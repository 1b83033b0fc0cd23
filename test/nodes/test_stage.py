"""Playback follows what the machine can do, in both directions."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from co_perception.nodes.stage import WAITING, Cast, Run, asked_hz_of
from co_perception.nodes.tally import Tally


class Camera:
    """As much of a camera node as the pace needs."""

    finished = True

    def __init__(self, published: int) -> None:
        self.published = published
        self.rates: list[float] = []

    def set_parameters(self, changes: list[Any]) -> None:
        self.rates += [change.value for change in changes]


def cast(published: int, **counts: int) -> Any:
    tally = Tally()
    for event, times in counts.items():
        tally.count(event, times)
    audience = SimpleNamespace(heard=[None] * counts.get("processed", 0), filmed=counts.get("processed", 0))
    return Cast(Camera(published), SimpleNamespace(tally=tally), audience, Run(speed=0.5))  # type: ignore[arg-type]


def test_frames_that_pile_up_slow_the_playback() -> None:
    players = cast(WAITING + 11, processed=10)
    players.keep_pace(fitting=1.0)
    players.keep_pace(fitting=1.0)
    assert players.camera.rates == pytest.approx([0.485, 0.5 * 0.97**2])


def test_it_goes_faster_again_but_not_beyond_what_fits() -> None:
    players = cast(10, processed=8, early=1)
    for _ in range(3):
        players.keep_pace(fitting=0.52)
    assert players.camera.rates == pytest.approx([0.515, 0.52])


def test_a_few_frames_waiting_change_nothing() -> None:
    players = cast(14, processed=10)
    players.keep_pace(fitting=1.0)
    assert players.camera.rates == []


def test_all_is_answered_once_every_frame_met_its_fate_and_was_seen() -> None:
    players = cast(12, processed=8, early=2, unreadable=1, displaced=1)
    assert players.all_answered()
    players.audience.filmed = 7
    assert not players.all_answered()
    players.audience.filmed, players.camera.published = 8, 13
    assert not players.all_answered()


def test_what_is_asked_for_is_the_slower_of_source_and_model() -> None:
    assert asked_hz_of(60.0, 0.0) == 60.0
    assert asked_hz_of(60.0, 25.0) == 25.0
    assert asked_hz_of(10.0, 25.0) == 10.0


def test_a_new_file_begins_a_chapter() -> None:
    run = Run()
    for stamp_ns, origin in [(1, "a"), (2, "a"), (3, "b"), (4, "a")]:
        run.sent(stamp_ns, origin)
    assert run.chapters == [(1, "a"), (3, "b"), (4, "a")]
    assert set(run.sent_ns) == {1, 2, 3, 4}
