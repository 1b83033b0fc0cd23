"""Node `camera`: a video file, camera or network stream as `image_raw`, for machines without a camera driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from co_perception.nodes import running
from co_perception.nodes.diagnostics import ERROR, OK, diagnostic_array, tally_values
from co_perception.nodes.images import encode_jpeg, fill
from co_perception.nodes.messages import nanoseconds, to_time
from co_perception.nodes.pacing import NANO
from co_perception.nodes.parameters import Setting, Settings
from co_perception.nodes.playback import Playback
from co_perception.nodes.qos import TRANSPORTS, image_qos, result_qos
from co_perception.nodes.tally import Tally
from co_perception.nodes.video_source import Frame, VideoSource

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
    Setting("autostart", True, "Configure and activate at start; false: wait for a lifecycle manager.", when="start"),
)


class CameraNode(LifecycleNode):
    """Publishes `image_raw` (sensor_msgs/Image, rgb8) or `image_raw/compressed` (JPEG) while active.

    Files are stamped start + media time, live sources with the node's clock at capture. Each activation plays from
    the beginning. `on_published` may be set to be told stamp [ns] and file of each frame, in the playing thread, just
    before it goes out.
    """

    def __init__(self, node_name: str = "camera", **options: Any) -> None:
        super().__init__(node_name, **options)
        self._playback: Playback | None = None  # destroy_node() looks for it, even where a setting below is refused
        self.settings = Settings(self, SETTINGS)
        self.tally = Tally()
        self._problem = ""
        self.on_published: Callable[[int, str], None] = lambda stamp_ns, origin: None
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", result_qos())
        self.create_timer(1.0, self._tell_diagnostics, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def published(self) -> int:
        """Frames published since the node was configured."""
        return self.tally.counts().get("published", 0)

    @property
    def finished(self) -> bool:
        """Whether the source has been played to its end."""
        return self._playback is not None and self._playback.finished.is_set()

    # Transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Opens the source once, so that a wrong one shows here, and makes the publisher."""
        values = self.settings.read()
        try:
            with VideoSource(values.source) as source:
                self.get_logger().info(f"{values.source}: {source.rate_hz:.2f} Hz{' live' if source.live else ''}")
        except (ValueError, OSError, ImportError) as error:
            self.get_logger().error(f"Cannot play: {error}")
            return TransitionCallbackReturn.FAILURE
        self.tally = Tally()
        qos = image_qos(values.image_reliability, values.queue_depth)
        self._images = self.create_lifecycle_publisher(*TRANSPORTS[values.image_transport], qos)
        self.settings.configured = True
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begins to play."""
        result = super().on_activate(state)
        values = self.settings.read()
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
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops playing."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Takes the publisher away."""
        self._tear_down()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate and cleanup, from any state."""
        self._tear_down()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """As `LifecycleNode.destroy_node`; ends playing first."""
        self._stop()
        super().destroy_node()

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

    def _tell_diagnostics(self) -> None:
        if self._playback is None:
            level, message = OK, "not playing"
        elif self._problem:
            level, message = ERROR, self._problem
        else:
            waiting = f"waiting for {self.settings['wait_for_subscribers']} subscriber(s)"
            level, message = OK, "finished" if self.finished else "playing" if self.published else waiting
        values = {"source": self.settings["source"], "rate": self.settings["rate"], **tally_values(self.tally, ())}
        self._diagnostics.publish(
            diagnostic_array(self.get_clock().now().to_msg(), f"{self.get_name()}: playback", level, message, values)
        )

    def _stop(self) -> None:
        if self._playback is not None:
            self._playback.stop()
            self._playback = None

    def _tear_down(self) -> None:
        self._stop()
        if self.settings.configured:
            self.destroy_lifecycle_publisher(self._images)
            self.settings.configured = False


def main() -> None:
    """Entry point of `ros2 run co_perception camera_node`."""
    running.main(CameraNode)
