"""Playing: pace, rounds and ends, with a source made of numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import numpy as np

from co_perception.nodes.playback import Playback
from co_perception.nodes.video_source import Frame


class Source:
    """Frames 0.04 s apart, or live ones without a time."""

    rate_hz = 25.0

    def __init__(self, count: int, live: bool = False) -> None:
        self.count, self.live, self.closed = count, live, False

    def frames(self) -> Iterator[Frame]:
        for index in range(self.count):
            yield Frame(np.zeros((1, 1, 3), np.uint8), None if self.live else index * 0.04)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


def play(make: Callable[[], Any], **options: Any) -> tuple[list[float | None], list[str], Playback]:
    times: list[float | None] = []
    failed: list[str] = []
    options.setdefault("speed", lambda: 1000.0)
    return times, failed, Playback(make, lambda frame, time_s: times.append(time_s), failed.append, **options)


def test_a_source_is_played_once_and_closed() -> None:
    source = Source(4)
    times, failed, playback = play(lambda: source)
    assert playback.finished.wait(10)
    assert np.allclose(np.array(times, float), [0.0, 0.04, 0.08, 0.12])
    assert failed == []
    assert source.closed


def test_time_runs_on_from_round_to_round() -> None:
    rounds: list[Source] = []

    def make() -> Source:
        rounds.append(Source(2))
        if len(rounds) > 3:
            raise OSError("unplugged")
        return rounds[-1]

    times, failed, playback = play(make, loop=True)
    assert playback.finished.wait(10)
    assert np.allclose(np.array(times, float), [0.04 * i for i in range(6)])
    assert failed == ["unplugged"]


def test_live_frames_have_no_media_time() -> None:
    times, _, playback = play(lambda: Source(3, live=True))
    assert playback.finished.wait(10)
    assert times == [None, None, None]


def test_the_first_frame_waits_until_somebody_is_ready() -> None:
    ready = Event()
    asked = Event()

    def is_ready() -> bool:
        asked.set()
        return ready.is_set()

    times, _, playback = play(lambda: Source(1), ready=is_ready)
    assert asked.wait(10)
    assert times == []
    ready.set()
    assert playback.finished.wait(10)
    assert times == [0.0]


def test_stopping_does_not_wait_for_a_frame_that_is_far_away() -> None:
    shown = Event()
    playback = Playback(
        lambda: Source(2),  # type: ignore[arg-type,return-value]
        lambda frame, time_s: shown.set(),
        lambda text: None,
        speed=lambda: 1e-6,
    )
    assert shown.wait(10)
    playback.stop()
    playback.stop()
    assert playback.finished.is_set()


def test_stopping_while_nobody_is_ready() -> None:
    times, _, playback = play(lambda: Source(1), ready=lambda: False)
    playback.stop()
    assert playback.finished.is_set()
