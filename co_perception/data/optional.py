"""The packages that image messages can mostly do without, each imported here and only when it is used."""

from __future__ import annotations

from types import ModuleType


def opencv() -> ModuleType:
    """OpenCV: codes JPEG, draws. Raises ImportError that says how to get it."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "this needs OpenCV, which is not installed: sudo apt install python3-opencv on a ROS 2 machine, or "
            "pip install 'co_perception[video]' in a virtual environment. Plain rgb8, bgr8, mono8, rgba8, bgra8 and "
            f"yuv422 images are read without it. ({error})"
        ) from error
    return cv2


def cv_bridge() -> ModuleType:
    """cv_bridge: image encodings that are not converted here (Bayer patterns and the like).

    Raises: ImportError that names its usual trouble: the released builds were made for NumPy 1 and do not load beside
    NumPy 2 (https://github.com/ros-perception/vision_opencv/issues/535).
    """
    try:
        import cv_bridge as bridge
    except (ImportError, AttributeError) as error:
        raise ImportError(
            "this encoding needs cv_bridge, which cannot be imported: sudo apt install ros-$ROS_DISTRO-cv-bridge. "
            "Where it is installed and fails beside NumPy 2 (_ARRAY_API not found), pin numpy<2, or let the camera "
            f"driver publish rgb8 or bgr8. ({error})"
        ) from error
    return bridge
