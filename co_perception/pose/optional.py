"""The packages pose estimation needs, each imported here and only when an estimator is built."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, NamedTuple

from co_perception.runtime.versions import is_since

TELLS_SINCE = (0, 10, 31)  # from here on MediaPipe may tell Google how it is used (docs/security.md)
_INSTALL = "pip install 'co_perception[pose]'"


def litert() -> ModuleType:
    """LiteRT's interpreter, which runs TensorFlow Lite files. Raises ImportError that says how to get it."""
    try:
        from ai_edge_litert import interpreter
    except ImportError as error:
        raise ImportError(f"MoveNet needs LiteRT, which is not installed: {_INSTALL}. ({error})") from error
    return interpreter


class Tasks(NamedTuple):
    """What is used of MediaPipe: the Tasks, and the classes its model files (FlatBuffers) are written with."""

    mediapipe: ModuleType
    vision: ModuleType
    base_options: Any
    model_schema: ModuleType
    metadata_schema: ModuleType
    flatbuffers: ModuleType


def mediapipe_tasks() -> Tasks:
    """MediaPipe's Tasks. Raises ImportError that says how to get them, or why those that are installed are not used."""
    if is_since("mediapipe", TELLS_SINCE):
        raise ImportError(
            "MediaPipe later than 0.10.30 may report over the network how it is used, and here nothing uses the "
            "network: pip install 'mediapipe>=0.10.21,<0.10.31'. MoveNet does without it."
        )
    try:
        import flatbuffers

        # MediaPipe's audio, which nobody uses here, looks for PortAudio when it is imported, by starting ldconfig and a
        # C compiler. It does without where sounddevice is not installed.
        sys.modules.setdefault("sounddevice", None)  # type: ignore[arg-type]
        import mediapipe
        from mediapipe.tasks.metadata import metadata_schema_py_generated, schema_py_generated
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        raise ImportError(
            f"the estimator mediapipe needs the package of that name, which is not installed or lacks its Tasks: "
            f"{_INSTALL}. MoveNet does without it. ({error})"
        ) from error
    return Tasks(mediapipe, vision, BaseOptions, schema_py_generated, metadata_schema_py_generated, flatbuffers)
