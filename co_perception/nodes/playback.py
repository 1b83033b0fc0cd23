"""Plays a video source at a chosen pace, in a thread of its own. No ROS in here."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

from co_perception.nodes.video_source import Frame, VideoSource

PATIENCE_S = 1.0  # between attempts to reopen a source that gave nothing


class Playback:
    """Shows each frame of a source when its time has come.

    Pace and time stamps are two things: `speed` says how fast media time passes on the wall, while each frame is shown
    with its media time, so that a slow machine can play slowly and the stream still looks as it was recorded.

    Args:
        make: opens the source, called again for each round.
        show: takes a frame and its media time in seconds since the first round began (None: live, now).
        failed: told in words why playing ended early.
        speed: media seconds per second, asked before every frame; a frame that is late is shown at once.
        loop: begins again after the last frame; a live source is reopened.
        ready: asked until it says yes before the first frame.
    """

    def __init__(
        self,
        make: Callable[[], VideoSource],
        show: Callable[[Frame, float | None], None],
        failed: Callable[[str], None],
        *,
        speed: Callable[[], float] = lambda: 1.0,
        loop: bool = False,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._make = make
        self._show = show
        self._failed = failed
        self._speed = speed
        self._loop = loop
        self._ready = ready
        self._stop = Event()
        self.finished = Event()
        self.rounds = 0
        """How often the source was played to its end."""
        self._thread = Thread(target=self._run, name="playback", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends playing after the frame being shown. May be repeated."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._ready() and not self._stop.wait(0.02):
                pass
            self._play_all()
        except Exception as error:  # a thread has nobody else to tell
            self._failed(str(error))
        finally:
            self.finished.set()

    def _play_all(self) -> None:
        begin_s = 0.0
        while not self._stop.is_set():
            end_s = self._play_once(begin_s)
            self.rounds += not self._stop.is_set()
            if not self._loop:
                return
            if end_s == begin_s:
                self._stop.wait(PATIENCE_S)
            begin_s = end_s

    def _play_once(self, begin_s: float) -> float:
        """One round from media time `begin_s`; gives the time at which the next round begins."""
        with self._make() as source:
            due, time_s = monotonic(), begin_s
            for frame in source.frames():
                if frame.time_s is not None:
                    step_s = begin_s + frame.time_s - time_s
                    time_s += step_s
                    due = max(due + step_s / self._speed(), monotonic())
                if self._stop.wait(max(due - monotonic(), 0.0)):
                    break
                self._show(frame, None if frame.time_s is None else time_s)
            return time_s if source.live or time_s == begin_s else time_s + 1.0 / source.rate_hz
