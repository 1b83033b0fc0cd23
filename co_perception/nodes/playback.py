"""Playback of a video source in a thread, each frame at its time on the node's clock. No ROS in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic

from co_perception.data.video_source import SourceFrame, VideoSource
from co_perception.nodes.live_reader import LiveReader

PATIENCE_S = 1.0  # between attempts to reopen a source that gave nothing, or that cannot be opened
LATE_S = 0.2  # a file's frame that is later is left out, so that those after it are in time again
SHOWN_S = 0.5  # but one is shown at least as often as this
MOST_BEHIND_S = 2.0  # where leaving out does not help: then the stamps are moved on, and what follows is in time
POLL_S = 0.005  # between two looks at a clock that others move
ENDS_S = 1.0  # for which a thread is waited for; a camera that sends nothing holds it up for longer


@dataclass(frozen=True)
class PlayClock:
    """The clock that files are played by.

    Args:
        now_s: its time [s]; 0 while it has not begun.
        simulated: others move it: it may stand, be slow, and jump.
    """

    now_s: Callable[[], float] = monotonic
    simulated: bool = False


@dataclass(frozen=True)
class Events:
    """What a playback tells of.

    Args:
        failed: takes the reason why a source was not played, or not to its end.
        jumped: a live source's clock jumped and was set to now.
        left_out: a frame was left out, because it was late.
        moved: takes by how much the stamps were moved on [s], because leaving out did not suffice.
    """

    failed: Callable[[str], None]
    jumped: Callable[[], None] = lambda: None
    left_out: Callable[[], None] = lambda: None
    moved: Callable[[float], None] = lambda shift_s: None


class Playback:
    """Plays a video source in a thread, each frame at its time.

    Pace and stamps are independent: `speed` is how fast media time passes, while each frame carries its media time. So
    a slow machine can play slowly, and the stamps are still those of the recording. A live source keeps its own pace.

    Args:
        make: opens the source; called again for each round.
        show: takes a frame, its media time since the first round began [s] (None: live), and how long ago it was due
            [s].
        events: what else it tells.
        speed: media seconds per second, called before every frame.
        in_time: whether frames that would be late are left out, so that media time never lags behind the clock; else a
            late frame is shown at once, and playing takes longer.
        live: whether the source is known to be live: with `loop` one that cannot be opened is tried again.
        loop: starts again after the last frame; a live source is reopened.
        ready: polled until true before the first frame.
        clock: of the node.
    """

    def __init__(
        self,
        make: Callable[[], VideoSource],
        show: Callable[[SourceFrame, float | None, float], None],
        events: Events,
        *,
        speed: Callable[[], float] = lambda: 1.0,
        in_time: Callable[[], bool] = lambda: False,
        live: bool = False,
        loop: bool = False,
        ready: Callable[[], bool] = lambda: True,
        clock: PlayClock | None = None,
    ) -> None:
        self._make, self._show, self._events = make, show, events
        self._speed, self._in_time, self._live, self._loop, self._ready = speed, in_time, live, loop, ready
        self._clock = clock or PlayClock()
        self._stop, self.finished = Event(), Event()
        self.rounds = 0
        """How often the source was played to its end."""
        self._due_s = self._shown_s = self._shift_s = 0.0
        self._thread = Thread(target=self._run, name="playback", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends playing after the current frame. Idempotent.

        A thread that waits for a source longer than ENDS_S is left to itself: it shows nothing any more.
        """
        self._stop.set()
        self._thread.join(ENDS_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and not (self._clock.now_s() > 0 and self._ready()):
                self._stop.wait(0.02)
            begin_s = 0.0
            while not self._stop.is_set():
                end_s = self._play_once(begin_s)
                self.rounds += not self._stop.is_set()
                if not self._loop:
                    break
                if end_s == begin_s:
                    self._stop.wait(PATIENCE_S)
                begin_s = end_s
        except Exception as error:  # in a thread it would be lost
            self._fail(error)
        finally:
            self.finished.set()

    def _fail(self, error: Exception) -> None:
        """Tells of an error, unless playing was ended: whoever plays next is not to hear of it."""
        if not self._stop.is_set():
            self._events.failed(str(error))

    def _play_once(self, begin_s: float) -> float:
        """Plays one round from media time `begin_s`; returns the media time at which the next begins [s]."""
        try:
            source = self._make()
        except OSError as error:
            if not (self._live and self._loop):
                raise
            self._fail(error)
            return begin_s
        if source.live:
            self._live = True
            self._play_live(source)
            return begin_s
        with source:
            return self._play_file(source, begin_s)

    def _play_file(self, source: VideoSource, begin_s: float) -> float:
        time_s = begin_s
        for frame in source.frames():
            if not self._due_s:  # the clock starts with the first frame: opening the source took its time
                self._due_s = self._shown_s = self._clock.now_s()
            step_s = begin_s + (frame.time_s or 0.0) - time_s
            time_s += step_s
            late_s = self._wait(step_s / self._speed())
            if self._stop.is_set():
                break
            if self._is_left_out(late_s):
                self._events.left_out()
                continue
            self._shown_s = self._clock.now_s()
            self._show(frame, time_s + self._shift_s, late_s)
        if time_s == begin_s:
            return begin_s
        self._due_s += 1.0 / source.rate_hz / self._speed()
        return time_s + 1.0 / source.rate_hz

    def _wait(self, step_s: float) -> float:
        """Waits until the frame is due, `step_s` after the one before; returns how late it is then [s].

        A clock that is set back takes what is due with it, and one that is set far ahead too.
        """
        self._due_s += step_s
        most_s, left_s = step_s, self._due_s - self._clock.now_s()
        while left_s > 0:
            if left_s > most_s + LATE_S:
                self._move(most_s - left_s)
                left_s = most_s
            if self._stop.wait(min(left_s, POLL_S) if self._clock.simulated else left_s):
                break
            most_s, left_s = left_s, self._due_s - self._clock.now_s()
        late_s = max(-left_s, 0.0)
        if late_s > MOST_BEHIND_S or not self._in_time():
            self._move(late_s)
        return late_s if late_s <= MOST_BEHIND_S else 0.0

    def _move(self, shift_s: float) -> None:
        """Moves on what is due, and the stamps with it where they are those of the clock."""
        self._due_s += shift_s
        if self._in_time() and shift_s:
            self._shift_s += shift_s
            self._events.moved(shift_s)

    def _is_left_out(self, late_s: float) -> bool:
        return self._in_time() and late_s > LATE_S and self._clock.now_s() - self._shown_s < SHOWN_S

    def _play_live(self, source: VideoSource) -> None:
        reader, before_s = LiveReader(source, self._stop, self._events.left_out, self._events.jumped), 0.0
        while (newest := reader.next()) is not None:
            now_s = self._clock.now_s()
            if now_s != before_s or not self._clock.simulated:  # nothing happens while simulated time stands
                self._show(newest.frame, None, max(monotonic() - newest.due_s, 0.0))
            before_s = now_s
