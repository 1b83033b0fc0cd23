"""Input of camera_info: the camera behind the pictures, for whatever size they have."""

from __future__ import annotations

from threading import Lock
from typing import Any

from sensor_msgs.msg import CameraInfo

from co_perception.data.messages.camera_info import camera_model
from co_perception.engine.camera_model import CameraModel
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.qos import image_qos

NO_CAMERA_INFO = "No sensor_msgs/CameraInfo comes on camera_info: remap it to the camera's."


class CameraInfoInput:
    """The newest message on `camera_info`, while a node is active. Callback and `camera` may run on two threads.

    Args:
        node: that is being activated.
        rectified: whether the pictures are, see `camera_model`.
    """

    def __init__(self, node: ManagedNode[Any], rectified: bool) -> None:
        self._rectified = rectified
        self._lock = Lock()
        self._camera: CameraModel | None = None  # of the newest size
        self.info: CameraInfo | None = None
        """The newest message; None: none has come."""
        node.listen(CameraInfo, "camera_info", self._on_camera_info, image_qos("best_effort"))

    def camera(self, size: tuple[int, int]) -> CameraModel | None:
        """The camera of pictures of this width and height; None where no message has come.

        Raises:
            ValueError: for a camera that was never calibrated, and for a picture of another shape.
        """
        with self._lock:
            info, camera = self.info, self._camera
        if info is None or (camera is not None and camera.size == size):
            return camera
        camera = camera_model(info, self._rectified).scaled(size)
        with self._lock:
            if info is self.info:
                self._camera = camera
        return camera

    def _on_camera_info(self, info: CameraInfo) -> None:
        with self._lock:
            if self.info is None or info.k.tolist() != self.info.k.tolist() or info.width != self.info.width:
                self._camera = None
            self.info = info
