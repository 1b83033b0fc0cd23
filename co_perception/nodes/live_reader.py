"""Reader of live sources on a thread of its own, so that whoever takes the frames never falls behind. No ROS here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition, Event, Thread
from time import monotonic
from typing import NamedTuple

from co_perception.data.video_source import SourceFrame, VideoSource

DRIFT = 2e-4  # between a camera's clock and this machine's; crystals keep 1e-4
# Frames that were read ahead while the stream was opened come early. From SETTLED_S on of their times that is taken for
# what it is, and they are caught up with by so much of the time.
SETTLED_S, CATCH_UP = 5.0, 0.05
# Of a live frame by its source's clock; beyond them that clock has jumped. One that comes early is waited for.
MOST_LAG_S, MOST_LEAD_S = 10.0, 2.0
KEPT_S = 0.2  # for which a frame waits for who is slow; then it is left out, unless it is the newest
MOST_KEPT = 16  # frames that wait; bounds memory
BEHIND_S = 1.0  # lag from which on decoding is too slow, and only key frames are decoded
POLL_S = 0.1  # between two looks whether the reader is to end


class LiveClock:
    """When each frame of a live source is due on this machine's clock, by the times that the source sends.

    Frames that waited on the way (network, busy processor) come in a burst and are still as far apart as they were
    taken. A frame is never due in the future for long: the caller waits for it. Clocks that drift apart are followed,
    and frames that always come early, because they wait to be read, are caught up with.
    """

    def __init__(self) -> None:
        self._time_s = self._due_s = self._begin_s = 0.0
        self._began = False

    def due(self, time_s: float, now_s: float) -> tuple[float, bool]:
        """When the frame of media time `time_s` is due [s, as `now_s`], and whether the clock was set anew for it."""
        step_s = time_s - self._time_s
        due_s = self._due_s + step_s
        catch_up = CATCH_UP if time_s - self._begin_s > SETTLED_S else DRIFT
        due_s += min(max(now_s - due_s, -catch_up * step_s), DRIFT * step_s)
        jump = self._began and not -MOST_LAG_S <= due_s - now_s <= MOST_LEAD_S
        if jump or not self._began:
            due_s, self._begin_s = now_s, time_s
        self._time_s, self._due_s, self._began = time_s, due_s, True
        return due_s, jump


class LiveFrame(NamedTuple):
    """A frame, and when it was due [s of `time.monotonic`]."""

    frame: SourceFrame
    due_s: float


class LiveReader:
    """Reads an open live source, and keeps its newest frames.

    The source is closed by the thread that reads it: one that waits for a frame cannot be interrupted.

    Args:
        source: opened.
        stop: ends reading.
        left_out: called for a frame that nobody took in time.
        jumped: called where the source's clock jumped and was set to now.
    """

    def __init__(
        self, source: VideoSource, stop: Event, left_out: Callable[[], None], jumped: Callable[[], None]
    ) -> None:
        self._source, self._stop, self._left_out, self._jumped = source, stop, left_out, jumped
        self._frames: deque[LiveFrame] = deque()
        self._changed, self._ended = Condition(), False
        self._error: Exception | None = None
        Thread(target=self._run, name="live_reader", daemon=True).start()

    def next(self) -> LiveFrame | None:
        """Waits for the next frame; None where there is none any more, or `stop` is set.

        Raises what reading raised, after the last frame.
        """
        with self._changed:
            while not self._frames and not self._ended and not self._stop.is_set():
                self._changed.wait(POLL_S)
            if self._stop.is_set():
                return None
            while len(self._frames) > 1 and monotonic() - self._frames[0].due_s > KEPT_S:
                self._drop()
            if self._frames:
                return self._frames.popleft()
        if self._error is not None:
            raise self._error
        return None

    def _drop(self) -> None:
        self._frames.popleft()
        self._left_out()

    def _run(self) -> None:
        try:
            with self._source:
                self._read()
        except Exception as error:  # raised again where the next frame is asked for
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read(self) -> None:
        clock = LiveClock()
        for frame in self._source.frames():
            due_s = monotonic()
            if frame.time_s is not None:
                due_s, jump = clock.due(frame.time_s, due_s)
                if jump:
                    self._jumped()
            self._source.hurries = monotonic() - due_s > BEHIND_S
            if self._stop.wait(max(due_s - monotonic(), 0.0)):
                return
            with self._changed:
                if len(self._frames) == MOST_KEPT:
                    self._drop()
                self._frames.append(LiveFrame(frame, due_s))
                self._changed.notify_all()
