"""Inputs that positions of people need: depth pictures, camera_info and TF; and the positions they give.

A frame never waits for its depth: people are found milliseconds after their picture, and the depth of that instant has
come by then, or is counted as missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from co_perception.data.messages.depth_image import DepthImage, read_depth
from co_perception.engine.camera_model import CameraModel
from co_perception.engine.coordinates import PIXELS
from co_perception.engine.person_position import PersonPosition, in_frame
from co_perception.engine.picture_turn import UPRIGHT, PictureTurn
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO, nanoseconds
from co_perception.localization.locator import Locator, LocatorOptions
from co_perception.nodes.core.camera_info_input import NO_CAMERA_INFO, CameraInfoInput
from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.qos import image_qos
from co_perception.nodes.core.transforms import FrameTransforms
from co_perception.nodes.position_settings import PositionSettings

NO_INFO, BAD_INFO = "no camera_info", "camera_info cannot be used"
NO_DEPTH, BAD_DEPTH, OTHER_SHAPE = "no depth of the frame", "depth cannot be read", "depth of another shape"
NO_TRANSFORM = "no transform"
PATIENCE = {NO_INFO: 10, NO_DEPTH: 10, NO_TRANSFORM: 10}  # frames in which it may happen, as at the start
RETAINED = 8  # depth pictures, a quarter of a second of them
SHAPE_TOLERANCE = 0.02  # of width over height, as in `CameraModel.scaled`


class PositionInput:
    """Positions of the people of each frame, while a node is active.

    What is wrong with depth, camera_info or TF is counted and reported once, and the frame goes on without a position.
    Callbacks and `locate` may run on two threads.

    Args:
        node: that is being activated.
        values: parameters.

    Raises:
        ImportError: for position_frame without tf2_ros.
    """

    def __init__(self, node: ManagedNode[Any], values: PositionSettings) -> None:
        self._values = values
        self._locator = Locator(LocatorOptions(stature=values.position_stature_m))
        self._transforms: FrameTransforms | None = None
        if values.position_frame:
            asked = f"position_frame is {values.position_frame!r}"
            self._transforms = FrameTransforms(node, values.position_frame, asked)
        self._cameras = CameraInfoInput(node, values.position_rectified)
        self._depths: deque[Any] = deque(maxlen=RETAINED)
        self._lock = Lock()
        self._complaints = Complaints(node, "People have no position", PATIENCE)
        self.counts = self._complaints.counts
        """Positions by source, and frames by what was wrong."""
        if values.position == "depth":
            node.listen(Image, "depth", self._on_depth, image_qos("best_effort", 5))

    def locate(
        self, poses: Sequence[Pose], header: Header, size: tuple[int, int], turn: PictureTurn = UPRIGHT
    ) -> dict[str, PersonPosition]:
        """The positions that can be told, by id.

        Args:
            poses: people of one frame.
            header: of their picture or message.
            size: width and height of the source picture that joints in pixels are in.
            turn: how that picture becomes an upright one.
        """
        stamp_ns = nanoseconds(header.stamp)
        in_pixels = any(pose.coordinates == PIXELS for pose in poses)
        camera = self._camera_of(size) if in_pixels else None
        depth = self._depth_of(stamp_ns, size) if camera is not None and self._values.position == "depth" else None

        def place(position: PersonPosition) -> PersonPosition | None:
            return self._placed(position, header.frame_id, stamp_ns)

        found = self._locator.locate(poses, stamp_ns, camera, depth, turn, place)
        self.counts.update(f"by {position.source.name.lower()}" for position in found.values())
        self.counts["people without"] += len(poses) - len(found)
        return found

    def diagnostics(self) -> dict[str, object]:
        """Counts for the diagnostics of the node."""
        return {f"positions, {what}": count for what, count in sorted(self.counts.items()) if count}

    def _on_depth(self, message: Image) -> None:
        with self._lock:
            self._depths.append(message)

    def _camera_of(self, size: tuple[int, int]) -> CameraModel | None:
        try:
            camera = self._cameras.camera(size)
        except ValueError as error:
            self._complaints.add(BAD_INFO, str(error))
            return None
        if camera is None:
            self._complaints.add(NO_INFO, NO_CAMERA_INFO)
        return camera

    def _depth_of(self, stamp_ns: int, size: tuple[int, int]) -> DepthImage | None:
        with self._lock:
            near = [(abs(nanoseconds(each.header.stamp) - stamp_ns), n, each) for n, each in enumerate(self._depths)]
        off_ns, _, message = min(near, default=(0, 0, None))
        if message is None:
            self._complaints.add(
                NO_DEPTH, "No depth picture comes on depth: remap it to the depth registered to the color."
            )
            return None
        if off_ns > self._values.depth_slop_s * NANO:
            self._complaints.add(
                NO_DEPTH,
                f"Depth pictures come, but none within depth_slop_s ({self._values.depth_slop_s:g} s) of a frame: the "
                f"nearest is {off_ns / NANO:.3f} s off. Do both have the clock of one camera?",
            )
            return None
        try:
            depth = read_depth(message, stamp_ns)
        except ValueError as error:
            self._complaints.add(BAD_DEPTH, str(error))
            return None
        if abs(depth.size[0] * size[1] / (depth.size[1] * size[0]) - 1) > SHAPE_TOLERANCE:
            self._complaints.add(
                OTHER_SHAPE,
                f"The depth picture has {depth.size[0]} x {depth.size[1]} pixels, the color picture {size[0]} x "
                f"{size[1]}: let the driver register depth to color (align_depth, registered).",
            )
            return None
        return depth

    def _placed(self, position: PersonPosition, frame_id: str, stamp_ns: int) -> PersonPosition | None:
        if self._transforms is None:
            return position
        try:
            rotation, translation = self._transforms.lookup(frame_id, stamp_ns)
        except ValueError as error:
            self._complaints.add(NO_TRANSFORM, str(error))
            return None
        return in_frame(position, rotation, translation, self._transforms.target)
