"""MediaPipe's pose landmarker: BlazePose (arXiv:2006.10204), 33 joints of each of a few people, on the CPU.

One network detects people, a second one finds the joints of each. From frame to frame the joints say where to look, so
the first runs only while fewer people are tracked than asked for. Works with MediaPipe 0.10.21 to 0.10.30, which open
no network connection; later ones may report their use to Google.

The packages `mediapipe` and `flatbuffers` are imported here, when an estimator is built.
"""

from __future__ import annotations

import contextlib
import io
import sys
import weakref
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.runtime.store import store
from co_perception.runtime.versions import is_since

# value -> (value - mean) / std, of pixels 0..255: -1..1 for the detector, 0..1 for the landmarks. From MediaPipe's
# graphs pose_detection_cpu.pbtxt and pose_landmark_by_roi_cpu.pbtxt.
DETECTOR_RANGE = (127.5, 127.5)
LANDMARK_RANGE = (0.0, 255.0)
REPORTS_SINCE = (0, 10, 31)  # from here on MediaPipe may tell Google how it is used (docs/security.md)
DETECTOR, LANDMARKS = "blazepose_detector", "blazepose_full"
_NO_STAMP_MS = 33  # images without a stamp count as a 30 Hz stream


class MediaPipeModules(NamedTuple):
    """Modules of MediaPipe: its Tasks, and the classes that write its model files (FlatBuffers)."""

    mediapipe: ModuleType
    vision: ModuleType
    base_options: Any
    model_schema: ModuleType
    metadata_schema: ModuleType
    flatbuffers: ModuleType


def import_mediapipe() -> MediaPipeModules:
    """The modules. ImportError says how to install them, or why the installed version is not used."""
    if is_since("mediapipe", REPORTS_SINCE):
        raise ImportError(
            "MediaPipe later than 0.10.30 may report over the network how it is used, and here nothing uses the "
            "network: pip install 'mediapipe>=0.10.21,<0.10.31'. MoveNet does without it."
        )
    try:
        import flatbuffers

        # MediaPipe's audio, unused here, searches PortAudio at import by starting ldconfig and a C compiler, but not
        # where sounddevice is not installed.
        sys.modules.setdefault("sounddevice", None)  # type: ignore[arg-type]
        import mediapipe
        from mediapipe.tasks.metadata import metadata_schema_py_generated, schema_py_generated
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        raise ImportError(
            "the estimator mediapipe needs the package of that name, which is not installed or lacks its Tasks: "
            f"pip install 'co_perception[mediapipe]'. MoveNet does without it. ({error})"
        ) from error
    return MediaPipeModules(
        mediapipe, vision, BaseOptions, schema_py_generated, metadata_schema_py_generated, flatbuffers
    )


class MediaPipePose:
    """Estimates poses of up to `people` people, most confident first.

    A joint's score is the lesser of its visibility and its presence; a person's, which MediaPipe does not give, is
    their mean. Close the estimator: MediaPipe prints harmless errors about what is still open when Python ends.

    Args:
        people: most in one picture; each costs a pass of the landmark network.
        person_threshold: least score of the detector, and of a person's presence from frame to frame.
        joint_threshold: least score of a joint; others are zeros.
        streaming: images are a stream: people are tracked from frame to frame, and where `people` is 1 the joints are
            smoothed. False: each image independently, at the cost of the detector every time.
        model_path: a `.task` file, such as Google's pose_landmarker_heavy.task; None makes one of the networks in the
            store ("full").

    Raises: ValueError for an option out of range or an unreadable file; ImportError without MediaPipe;
        FileNotFoundError where the networks have not been fetched.
    """

    name = "mediapipe_blazepose_full"
    layout = "blazepose33"

    def __init__(
        self,
        people: int = 2,
        person_threshold: float = 0.5,
        joint_threshold: float = 0.1,
        streaming: bool = True,
        model_path: str | Path | None = None,
    ) -> None:
        if people < 1:
            raise ValueError(f"people is the most to be found, at least 1, got {people}.")
        if not (0 <= person_threshold <= 1 and 0 <= joint_threshold <= 1):
            raise ValueError(f"thresholds are scores 0..1, got {person_threshold} and {joint_threshold}.")
        self._people, self._streaming = people, streaming
        self._person_threshold, self._joint_threshold = person_threshold, joint_threshold
        self._modules = import_mediapipe()
        if model_path is not None and not Path(model_path).is_file():
            raise FileNotFoundError(f"there is no file {model_path}; model_path is a .task file, or None.")
        if model_path is None:
            networks = store.locate(DETECTOR).read_bytes(), store.locate(LANDMARKS).read_bytes()
            self._model = task_file(*networks, self._modules)
        else:
            self._model = Path(model_path).read_bytes()
            self.name = f"mediapipe_{Path(model_path).stem}"
        self._stamp_ns: int | None = None
        self._clock_ms = 0
        self._landmarker: Any = None
        self._close: Callable[[], object] = lambda: None
        self._open()

    def estimate(self, image: Image) -> list[Pose]:
        """Everybody found, most confident first. A stamp older than the one before begins a new stream."""
        if self._landmarker is None:
            raise ValueError("this estimator is closed: build another one.")
        library = self._modules.mediapipe
        picture = library.Image(image_format=library.ImageFormat.SRGB, data=np.ascontiguousarray(image.data))
        if self._streaming:
            # MediaPipe wants whole milliseconds, each more than the one before.
            stamp_ns, passed_ms = image.stamp_ns, 1
            if stamp_ns is not None and self._stamp_ns is not None and stamp_ns < self._stamp_ns:
                self.reset()
            if stamp_ns is None:
                passed_ms = _NO_STAMP_MS
            elif self._stamp_ns is not None:
                passed_ms = max((stamp_ns - self._stamp_ns) // 1_000_000, 1)
            self._stamp_ns = stamp_ns
            self._clock_ms += passed_ms
            result = self._landmarker.detect_for_video(picture, self._clock_ms)
        else:
            result = self._landmarker.detect(picture)
        poses = [self._pose(landmarks, image) for landmarks in result.pose_landmarks]
        return sorted((pose for pose in poses if pose is not None), key=lambda pose: -pose.confidence)

    def reset(self) -> None:
        """Forget earlier frames."""
        if self._landmarker is not None and self._clock_ms:
            self._close()
            self._open()

    def close(self) -> None:
        """Free the networks. May be repeated."""
        self._close()
        self._landmarker = None

    def _open(self) -> None:
        vision = self._modules.vision
        mode = vision.RunningMode.VIDEO if self._streaming else vision.RunningMode.IMAGE
        options = vision.PoseLandmarkerOptions(
            base_options=self._modules.base_options(model_asset_buffer=self._model),
            running_mode=mode,
            num_poses=self._people,
            min_pose_detection_confidence=self._person_threshold,
            min_pose_presence_confidence=self._person_threshold,
            min_tracking_confidence=self._person_threshold,
        )
        try:
            self._landmarker = vision.PoseLandmarker.create_from_options(options)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"MediaPipe cannot use this model: {error}") from error
        self._close = weakref.finalize(self, _close, self._landmarker)
        self._stamp_ns, self._clock_ms = None, 0

    def _pose(self, landmarks: Any, image: Image) -> Pose | None:
        """One person; None where no joint was found."""
        height, width = image.data.shape[:2]
        rows = [(mark.x * width, mark.y * height, min(mark.visibility, mark.presence)) for mark in landmarks]
        joints = np.array(rows, np.float32)
        confidence = float(np.clip(joints[:, 2].mean(), 0, 1))
        joints[~(joints[:, 2] >= self._joint_threshold)] = 0.0
        return Pose(joints, self.layout, confidence=confidence) if joints[:, 2].any() else None


def _close(landmarker: Any) -> None:
    """Closes it; while Python ends, its threads may be gone already, and the process takes the rest with it."""
    with contextlib.suppress(RuntimeError):
        landmarker.close()


def task_file(detector: bytes, landmarks: bytes, modules: MediaPipeModules) -> bytes:
    """A `.task` file of two TensorFlow Lite files: an uncompressed zip archive of detector and landmark network.

    MediaPipe wants the normalization of pixels written into each network. Google serves such a file for download; the
    networks came inside MediaPipe 0.10.21 without that record. It is added here, and nothing else is changed.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("pose_detector.tflite", with_normalization(detector, *DETECTOR_RANGE, modules))
        archive.writestr("pose_landmarks_detector.tflite", with_normalization(landmarks, *LANDMARK_RANGE, modules))
    return buffer.getvalue()


def with_normalization(model: bytes, mean: float, std: float, modules: MediaPipeModules) -> bytes:
    """A TensorFlow Lite file with metadata that says how pixels are normalized: one more buffer, and its name."""
    schema = modules.model_schema
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(_metadata(mean, std, modules), np.uint8)
    entry.name, entry.buffer = "TFLITE_METADATA", len(tree.buffers)
    tree.buffers.append(buffer)
    tree.metadata = [*(tree.metadata or []), entry]
    return _packed(tree, b"TFL3", modules)


def _metadata(mean: float, std: float, modules: MediaPipeModules) -> bytes:
    """The smallest metadata MediaPipe accepts: one graph with one input, an RGB image."""
    schema = modules.metadata_schema
    options, unit = schema.NormalizationOptionsT(), schema.ProcessUnitT()
    options.mean, options.std = [mean], [std]
    unit.optionsType, unit.options = schema.ProcessUnitOptions.NormalizationOptions, options
    image, content = schema.ImagePropertiesT(), schema.ContentT()
    image.colorSpace = schema.ColorSpaceType.RGB
    content.contentPropertiesType, content.contentProperties = schema.ContentProperties.ImageProperties, image
    tensor, graph, tree = schema.TensorMetadataT(), schema.SubGraphMetadataT(), schema.ModelMetadataT()
    tensor.name, tensor.processUnits, tensor.content = "image", [unit], content
    graph.inputTensorMetadata = [tensor]
    tree.subgraphMetadata, tree.minParserVersion = [graph], "1.0.0"
    return _packed(tree, b"M001", modules)


def _packed(tree: Any, identifier: bytes, modules: MediaPipeModules) -> bytes:
    builder = modules.flatbuffers.Builder(1 << 20)
    builder.Finish(tree.Pack(builder), identifier)
    return bytes(builder.Output())
