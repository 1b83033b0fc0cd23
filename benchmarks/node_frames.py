"""Time from an image message to a network's input, part by part, for every encoding at 640x480.

Beside it, torch's resize of the same pixels, on one thread and on two. Prints milliseconds and keeps
out/bench/node_frames.json. `node_latency.py` has the way from end to end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

from bench.clock import Times, timed
from bench.remote import ROOT
from bench.results import write_json
from co_perception.data.messages.image import encode_jpeg, fill, to_rgb
from co_perception.evaluation.provenance import machine, versions
from co_perception.learners.preprocess_video import to_input
from co_perception.networks.variants import COI3D_INCEPTION

HEIGHT, WIDTH = 480, 640
WARM_UP, TIMES = 10, 100
CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "yuyv": 2}


def messages() -> dict[str, Any]:
    """A smooth picture with some noise in every encoding, and as JPEG."""
    rng = np.random.default_rng(0)
    wave = np.sin(np.linspace(0, 9, HEIGHT))[:, None] + np.cos(np.linspace(0, 7, WIDTH))
    picture = (wave[..., None] * (30, 40, 50) + 128 + rng.normal(0, 4, (HEIGHT, WIDTH, 3))).clip(0, 255)
    rgb = picture.astype(np.uint8)
    found: dict[str, Any] = {}
    for encoding, channels in CHANNELS.items():
        message = fill(Image(), np.ascontiguousarray(rgb[..., [0, 1, 2, 0][:channels]]), encoding)
        message.step = channels * WIDTH
        found[encoding] = message
    return found | {"jpeg": CompressedImage(format="jpeg", data=encode_jpeg(rgb))}


def by_torch(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """The same input with torch's resize of the whole frame."""
    planes = torch.from_numpy(np.array(pixels, order="C")).permute(2, 0, 1).to(torch.float32)
    scaled = F.interpolate(planes[None], (256, 341), mode="bilinear", align_corners=False)[0]
    return (scaled[:, 16:240, 58:282] / 127.5 - 1).contiguous()


def milliseconds(function: Callable[[], Any]) -> Times:
    """After some times of warm-up."""
    timed(function, WARM_UP)
    return Times.of(timed(function, TIMES))


def measure(message: Any) -> dict[str, Times]:
    """Each part for one message."""
    kind, coded = type(message), serialize_message(message)
    pixels = to_rgb(message)
    parts = {
        "deserialized": milliseconds(lambda: deserialize_message(coded, kind)),
        "to_rgb": milliseconds(lambda: to_rgb(message)),
        "to_input": milliseconds(lambda: to_input(pixels, COI3D_INCEPTION)),
    }
    for threads in (1, 2):
        torch.set_num_threads(threads)
        parts[f"torch, {threads} thread{'s'[: threads - 1]}"] = milliseconds(lambda: by_torch(pixels))
    return parts


def main() -> None:
    """Measure, print, keep."""
    known = {"machine": machine(), "versions": versions(("torch", "numpy", "opencv-python-headless", "ros-rclpy"))}
    print(f"{known['machine']}, {known['versions']}; {WIDTH} x {HEIGHT}, {WARM_UP} times of warm-up, {TIMES} measured")
    results = {name: measure(message) for name, message in messages().items()}
    for name, parts in results.items():
        for part, found in parts.items():
            print(f"{name:6} {part:16} min {found.min:6.2f}  p50 {found.p50:6.2f}  p95 {found.p95:6.2f} ms")
    write_json(ROOT / "out/bench/node_frames.json", known | {"warm-up": WARM_UP, "times": TIMES, "results": results})


if __name__ == "__main__":
    main()
