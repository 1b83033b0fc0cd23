"""Node `camera`: publishes a video file, camera or network stream as `image_raw`, where there is no camera driver."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from co_perception.data.messages.image import encode_jpeg, fill
from co_perception.data.video import is_live
from co_perception.data.video_source import SourceFrame, VideoSource, resolve
from co_perception.engine.data import Pixels
from co_perception.engine.settings import setting
from co_perception.engine.time import NANO, nanoseconds
from co_perception.nodes.core import run_node
from co_perception.nodes.core.diagnostics import ERROR, OK, WARN, counter_values
from co_perception.nodes.core.managed_node import ManagedNode, NodeSettings
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.core.qos import TRANSPORTS, image_qos
from co_perception.nodes.live_reader import MOST_LAG_S
from co_perception.nodes.playback import Events, Playback, PlayClock

LEFT_OUT, MOVED = "left out to keep up", "moved on"
LATE_S = 0.5  # lag of a live frame from which on it is a warning
LAST_STAMP_S = 2147483647.0  # a stamp's seconds are 32 bits with a sign


@dataclass(frozen=True)
class CameraSettings(NodeSettings):
    """Parameters of the node `camera`."""

    source: str = setting("", "Video file, pattern of files played in name order, camera index, /dev/video*, or URL.")
    rate: float = setting(1.0, "Speed of files [media s per s]; stamps keep media time.", 0.01, 100.0, when="live")
    loop: bool = setting(False, "Begin again after the last frame; reopen a live source that ended.")
    gap_s: float = setting(0.0, "Stamp time added between the files of a pattern [s]; 0: they run on.", 0.0, 3600.0)
    start_stamp_s: float = setting(
        0.0, "Stamp of a file's first frame [s]; 0: the node's clock then.", 0.0, LAST_STAMP_S
    )
    frame_id: str = setting("camera", "frame_id in the headers.")
    short_side: int = setting(256, "Shrink larger frames to this short side [pixels]; 0: leave them.", 0, 8192)
    image_transport: str = setting("raw", "Publish image_raw, or image_raw/compressed as JPEG.", choices=TRANSPORTS)
    jpeg_quality: int = setting(90, "Quality of compressed frames.", 1, 100, when="live")
    image_reliability: str = setting(
        "reliable", "reliable suits every subscriber.", choices=("reliable", "best_effort")
    )
    queue_depth: int = setting(1, "Frames kept for a subscriber that falls behind.", 1, 10000)
    wait_for_subscribers: int = setting(1, "Hold the first frame until this many subscribers are there.", 0, 100)
    wait_s: float = setting(20.0, "Time after the first subscriber for which others are waited for [s].", 0.0, 3600.0)


class CameraNode(ManagedNode[CameraSettings]):
    """Publishes `image_raw` (sensor_msgs/Image, rgb8) or `image_raw/compressed` (JPEG) while active.

    Files are stamped start + media time. At their own speed (`rate` 1) and without `start_stamp_s` they keep up with
    the node's clock: frames that would be late are left out and counted. With `use_sim_time` nothing is published
    before /clock is received, nor while it stands. Live sources are stamped with the node's clock when the first frame
    came, and from there by the times that the source sends, or where it sends none, with the node's clock; with `loop`
    one that ends or is refused is tried again every second. Each activation plays from the beginning. `on_published` is
    a hook, called with stamp [ns] and file of each frame in the playing thread, just before the frame is published.
    """

    part = "playback"
    loads = True

    def __init__(self, node_name: str = "camera", **options: object) -> None:
        self._playback: Playback | None = None
        self._problem, self._lag_s, self._live, self._first_s = "", 0.0, False, math.inf
        self._reported: Counter[str] = Counter()
        self.on_published: Callable[[int, str], None] = lambda stamp_ns, origin: None
        super().__init__(node_name, CameraSettings, **options)

    @property
    def published(self) -> int:
        """Frames published since the node was configured."""
        return self.counters.counts().get("published", 0)

    @property
    def finished(self) -> bool:
        """Whether the source was played to its end."""
        return self._playback is not None and self._playback.finished.is_set()

    # Lifecycle

    def check(self, values: CameraSettings) -> None:
        """Looks for the files. Raises as `VideoSource`."""
        resolve(values.source)

    def prepare(self, values: CameraSettings) -> None:
        """Creates the publisher."""
        self._live = is_live(values.source)
        qos = image_qos(values.image_reliability, values.queue_depth)
        self._images = self.publish_on(*TRANSPORTS[values.image_transport], qos)

    def load(self, values: CameraSettings) -> str:
        """Opens the source once, so that a wrong one fails here; what it is, in words. A stream may take seconds.

        A live one that is played again and again may be away for now.
        """
        try:
            with VideoSource(values.source) as source:
                return f"{values.source}: {source.rate_hz:.2f} Hz{' live' if source.live else ''}"
        except OSError as error:
            if not (values.loop and is_live(values.source)):
                raise
            return f"{values.source} is tried again every second: {error}"

    def use(self, loaded: str) -> None:
        self.get_logger().info(loaded)

    def begin(self, values: CameraSettings) -> None:
        """Starts playing."""
        self._problem, self._lag_s, self._first_s, self._end_logged = "", 0.0, math.inf, False
        self._reported = Counter(self.counters.counts())
        simulated = self.get_clock().ros_time_is_active
        self._start_ns = self._start_ns_given = round(values.start_stamp_s * NANO) or None
        self._playback = Playback(
            lambda: VideoSource(values.source, values.short_side, self._report, values.gap_s, self._count_corrupt),
            self._publish,
            Events(self._report, self._jumped, lambda: self.counters.count(LEFT_OUT), self._moved),
            speed=lambda: self.settings.current.rate,
            in_time=lambda: self._start_ns_given is None and self.settings.current.rate == 1.0,
            live=self._live,
            loop=values.loop,
            ready=lambda: self.ready and self.is_awaited(values),
            clock=PlayClock(lambda: self.get_clock().now().nanoseconds / NANO, True) if simulated else None,
        )
        self.while_active.callback(setattr, self, "_playback", None)
        self.while_active.callback(self._playback.stop)

    def is_awaited(self, values: CameraSettings) -> bool:
        """Whether enough subscribers are there, or the first has waited for the others for long enough."""
        count, now_s = self._images.get_subscription_count(), monotonic()
        if count < values.wait_for_subscribers:
            self._first_s = min(self._first_s, now_s) if count else math.inf
            if now_s - self._first_s < values.wait_s:
                return False
            self.get_logger().warning(f"starts without having {self.who_waits(values)}; wait_s has passed")
        return True

    def who_waits(self, values: CameraSettings) -> str:
        """How many subscribers are waited for, and who is there."""
        infos = self.get_subscriptions_info_by_topic(self._images.topic_name)
        there = ", ".join(sorted(f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in infos))
        return f"{values.wait_for_subscribers} subscriber(s), there: {there or 'none'}"

    def health(self) -> tuple[bytes, str]:
        """Whether it plays, waits or has finished; the last problem is an error."""
        if self._playback is None:
            return OK, "not playing"
        if self._problem:
            return ERROR, self._problem
        if self.get_clock().ros_time_is_active and not self.get_clock().now().nanoseconds:
            return WARN, "use_sim_time is true and nothing publishes /clock: start the simulator, or set it to false"
        counts = Counter(self.counters.counts())
        new, self._reported = counts - self._reported, counts
        if self._live and (new[LEFT_OUT] or self._lag_s > LATE_S):
            return WARN, (
                f"{new[LEFT_OUT]} frame(s) left out in a second, and the last one {self._lag_s:.1f} s late: this "
                f"machine or the network is too slow for {self.settings.current.source}. Lower its rate or size."
            )
        if new[LEFT_OUT] or new[MOVED]:
            return WARN, (
                f"{new[LEFT_OUT]} frame(s) left out in a second, to keep up with the clock: this machine cannot play "
                "the file at its speed. Lower short_side or rate, or play a smaller file."
            )
        if self.finished:
            if not self._end_logged:
                self._end_logged = True
                self.get_logger().info(f"{self.settings.current.source} was played to its end; loop begins it again.")
            return OK, "finished"
        if self.published:
            return OK, "playing"
        return OK, f"waiting for {self.who_waits(self.settings.current)}"

    def values(self) -> dict[str, object]:
        """Source, speed, how late the last frame was (a live one by its source's own clock), and counters."""
        settings, rounds = self.settings.current, 0 if self._playback is None else self._playback.rounds
        played = {"source": settings.source, "rate": settings.rate, "rounds": rounds, "lag_s": f"{self._lag_s:.3f}"}
        return {**played, **counter_values(self.counters, ())}

    # Work

    def _publish(self, frame: SourceFrame, time_s: float | None, lag_s: float) -> None:
        values, now_ns = self.settings.current, self.get_clock().now().nanoseconds
        self._lag_s = lag_s
        self._problem = "" if time_s is None else self._problem  # a live source that plays again is well again
        if time_s is not None:
            self._start_ns = now_ns if self._start_ns is None else self._start_ns
            stamp = to_time(self._start_ns + round(time_s * NANO))
        else:
            stamp = to_time(max(now_ns - round(lag_s * NANO), 0))
        header = Header(stamp=stamp, frame_id=values.frame_id)
        if self.context.ok():
            self.on_published(nanoseconds(stamp), frame.origin)
            self.send(header, frame.pixels)
            self.counters.count("published")

    def send(self, header: Header, pixels: Pixels) -> None:
        """Publishes one picture."""
        values = self.settings.current
        message: Image | CompressedImage
        if values.image_transport == "raw":
            message = fill(Image(header=header), pixels)
        else:
            coded = encode_jpeg(pixels, values.jpeg_quality)
            message = CompressedImage(header=header, format="rgb8; jpeg compressed bgr8", data=coded)
        self._images.publish(message)

    def _jumped(self) -> None:
        self.counters.count("clock_jumps")
        self.get_logger().warning(
            f"the times that {self.settings.current.source} sends do not fit the frames' arrival: its clock jumped, or "
            f"frames wait for more than {MOST_LAG_S:.0f} s on the way. Stamps go on from now."
        )

    def _moved(self, shift_s: float) -> None:
        self.counters.count(MOVED)
        self.log.warning(
            f"playing was {shift_s:+.1f} s off the node's clock: stamps go on from now, without the time between.", 30.0
        )

    def _count_corrupt(self, count: int) -> None:
        self.counters.count("corrupt", count)
        self.log.warning(
            f"{count} frame(s) of {self.settings.current.source} came damaged and were left out: is the connection too "
            "slow, or does it lose packets? TCP loses none.",
            5.0,
        )

    def _report(self, problem: str) -> None:
        self._problem = problem
        self.counters.count("problems")
        if self.context.ok():
            self.log.error(problem, 30.0)


def main() -> None:
    """Entry point of `ros2 run co_perception camera_node`."""
    run_node.main(CameraNode)
