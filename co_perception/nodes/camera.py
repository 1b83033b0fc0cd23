"""Node `camera`: a video file, camera or network stream as `image_raw`, for machines without a camera driver."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from co_perception.data.image_messages import encode_jpeg, fill
from co_perception.learners.pacing import NANO
from co_perception.nodes import running
from co_perception.nodes.base import ManagedNode
from co_perception.nodes.diagnostics import ERROR, OK, tally_values
from co_perception.nodes.messages import nanoseconds, to_time
from co_perception.nodes.parameters import Setting
from co_perception.nodes.playback import Playback
from co_perception.nodes.qos import TRANSPORTS, image_qos
from co_perception.nodes.video_source import Frame, VideoSource
from co_perception.nodes.working import AUTOSTART

LAST_STAMP_S = 2147483647.0  # a stamp's seconds are 32 bits with a sign
SETTINGS = (
    Setting("source", "", "Video file, pattern of files played in name order, camera index, /dev/video*, or URL."),
    Setting("rate", 1.0, "Speed of files [media s per s]; stamps keep media time.", 0.01, 100.0, when="live"),
    Setting("loop", False, "Begin again after the last frame; reopen a live source that ended."),
    Setting("gap_s", 0.0, "Stamp time added between the files of a pattern [s]; 0: they run on.", 0.0, 3600.0),
    Setting("start_stamp_s", 0.0, "Stamp of a file's first frame [s]; 0: the node's clock then.", 0.0, LAST_STAMP_S),
    Setting("frame_id", "camera", "frame_id in the headers."),
    Setting("short_side", 256, "Shrink larger frames to this short side [pixels]; 0: leave them.", 0, 8192),
    Setting("image_transport", "raw", "Publish image_raw, or image_raw/compressed as JPEG.", choices=TRANSPORTS),
    Setting("jpeg_quality", 90, "Quality of compressed frames.", 1, 100, when="live"),
    Setting("image_reliability", "reliable", "reliable suits every subscriber.", choices=("reliable", "best_effort")),
    Setting("queue_depth", 1, "Frames kept for a subscriber that falls behind.", 1, 10000),
    Setting("wait_for_subscribers", 1, "Hold the first frame until this many subscribers are there.", 0, 100),
    AUTOSTART,
)


class CameraNode(ManagedNode):
    """Publishes `image_raw` (sensor_msgs/Image, rgb8) or `image_raw/compressed` (JPEG) while active.

    Files are stamped start + media time, live sources with the node's clock at capture. Each activation plays from
    the beginning. `on_published` may be set to be told stamp [ns] and file of each frame, in the playing thread, just
    before it goes out.
    """

    part = "playback"

    def __init__(self, node_name: str = "camera", **options: Any) -> None:
        self._playback: Playback | None = None
        self._problem = ""
        self.on_published: Callable[[int, str], None] = lambda stamp_ns, origin: None
        super().__init__(node_name, SETTINGS, **options)

    @property
    def published(self) -> int:
        """Frames published since the node was configured."""
        return self.tally.counts().get("published", 0)

    @property
    def finished(self) -> bool:
        """Whether the source has been played to its end."""
        return self._playback is not None and self._playback.finished.is_set()

    # What ManagedNode asks for

    def prepare(self, values: SimpleNamespace) -> None:
        """Opens the source once, so that a wrong one shows here, and makes the publisher."""
        with VideoSource(values.source) as source:
            self.get_logger().info(f"{values.source}: {source.rate_hz:.2f} Hz{' live' if source.live else ''}")
        qos = image_qos(values.image_reliability, values.queue_depth)
        self._images = self.publish_on(*TRANSPORTS[values.image_transport], qos)

    def begin(self, values: SimpleNamespace) -> None:
        """Begins to play."""
        self._problem = ""
        self._start_ns = round(values.start_stamp_s * NANO) or None
        self._playback = Playback(
            lambda: VideoSource(values.source, values.short_side, self._report, values.gap_s),
            self._publish,
            self._report,
            speed=lambda: float(self.settings["rate"]),
            loop=values.loop,
            ready=lambda: self._images.get_subscription_count() >= values.wait_for_subscribers,
        )
        self.while_active.callback(self._stop)

    def health(self) -> tuple[bytes, str]:
        """How far playing has come."""
        if self._playback is None:
            return OK, "not playing"
        if self._problem:
            return ERROR, self._problem
        waiting = f"waiting for {self.settings['wait_for_subscribers']} subscriber(s)"
        return OK, "finished" if self.finished else "playing" if self.published else waiting

    def values(self) -> dict[str, object]:
        """Source, speed and counts."""
        rounds = 0 if self._playback is None else self._playback.rounds
        played = {"source": self.settings["source"], "rate": self.settings["rate"], "rounds": rounds}
        return {**played, **tally_values(self.tally, ())}

    # Work

    def _publish(self, frame: Frame, time_s: float | None) -> None:
        message = self._message(frame, Header(stamp=self._stamp(time_s), frame_id=self.settings["frame_id"]))
        if self.context.ok():
            self.on_published(nanoseconds(message.header.stamp), frame.origin)
            self._images.publish(message)
            self.tally.count("published")

    def _stamp(self, time_s: float | None) -> Any:
        now = self.get_clock().now().to_msg()
        if time_s is None:
            return now
        if self._start_ns is None:
            self._start_ns = nanoseconds(now)
        return to_time(self._start_ns + round(time_s * NANO))

    def _message(self, frame: Frame, header: Header) -> Image | CompressedImage:
        if self.settings["image_transport"] == "raw":
            return fill(Image(header=header), frame.pixels)
        coded = encode_jpeg(frame.pixels, self.settings["jpeg_quality"])
        return CompressedImage(header=header, format="rgb8; jpeg compressed bgr8", data=coded)

    def _report(self, problem: str) -> None:
        self._problem = problem
        self.tally.count("problems")
        if self.context.ok():
            self.get_logger().error(problem)

    def _stop(self) -> None:
        if self._playback is not None:
            self._playback.stop()
            self._playback = None


def main() -> None:
    """Entry point of `ros2 run co_perception camera_node`."""
    running.main(CameraNode)
