"""BlazePose's two networks as the one file MediaPipe's Tasks want.

MediaPipe takes a `.task` file: a zip archive, stored uncompressed, of a detector and a landmark network, each with its
normalisation written into it. Google serves such a file for download; the networks themselves came inside MediaPipe
0.10.21 without that record. Here it is added, and nothing else changes.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from co_perception.pose.optional import Tasks

# value -> (value - mean) / std, of pixels 0..255: -1..1 for the detector, 0..1 for the landmarks. From MediaPipe's
# graphs pose_detection_cpu.pbtxt and pose_landmark_by_roi_cpu.pbtxt.
DETECTOR_RANGE = (127.5, 127.5)
LANDMARK_RANGE = (0.0, 255.0)


def task_file(detector: bytes, landmarks: bytes, tasks: Tasks) -> bytes:
    """A `.task` file of two TensorFlow Lite files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("pose_detector.tflite", with_normalisation(detector, *DETECTOR_RANGE, tasks))
        archive.writestr("pose_landmarks_detector.tflite", with_normalisation(landmarks, *LANDMARK_RANGE, tasks))
    return buffer.getvalue()


def with_normalisation(model: bytes, mean: float, std: float, tasks: Tasks) -> bytes:
    """A TensorFlow Lite file with metadata that says how pixels are normalised: one more buffer, and its name."""
    schema = tasks.model_schema
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(_metadata(mean, std, tasks), np.uint8)
    entry.name, entry.buffer = "TFLITE_METADATA", len(tree.buffers)
    tree.buffers.append(buffer)
    tree.metadata = [*(tree.metadata or []), entry]
    return _packed(tree, b"TFL3", tasks)


def _metadata(mean: float, std: float, tasks: Tasks) -> bytes:
    """The smallest metadata MediaPipe accepts: one graph with one input, an RGB image."""
    schema = tasks.metadata_schema
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
    return _packed(tree, b"M001", tasks)


def _packed(tree: Any, identifier: bytes, tasks: Tasks) -> bytes:
    builder = tasks.flatbuffers.Builder(1 << 20)
    builder.Finish(tree.Pack(builder), identifier)
    return bytes(builder.Output())
