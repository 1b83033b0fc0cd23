"""Packets of video as PyAV's encoders make them, and the messages that carry them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.processes import own_scheduling

SIZE = (64, 64)  # width, height
KEYFRAMES = 8  # from one keyframe to the next
# Encoder of each codec, and options with which no picture waits for a later one.
ENCODERS = {
    "h264": ("libx264", {"tune": "zerolatency", "x264-params": "scenecut=0"}),
    "hevc": ("libx265", {"tune": "zerolatency", "x265-params": "log-level=none:scenecut=0:open-gop=0"}),
    "av1": ("libsvtav1", {"svtav1-params": "pred-struct=1:lookahead=0"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "lag-in-frames": "0"}),
}


def brightness(number: int) -> int:
    """Of all pixels of one picture."""
    return 30 + 6 * number


def packets(
    codec: str = "h264",
    count: int = 24,
    b_frames: int = 0,
    options: Mapping[str, str] | None = None,
    keyframes: int = KEYFRAMES,
) -> list[tuple[bytes, bool, int]]:
    """Bytes, whether a keyframe, and number of the picture, of each packet in the order of decoding.

    Without `options` there are those with which no picture waits, or where there are B-frames none.
    """
    av = pytest.importorskip("av")
    encoder, usual = ENCODERS[codec]
    if encoder not in av.codecs_available:
        pytest.skip(f"PyAV without {encoder}")
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height = SIZE
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 30), Fraction(30, 1)
    context.gop_size, context.max_b_frames, context.thread_count = keyframes, b_frames, 1
    context.options = dict(({} if b_frames else usual) if options is None else options)
    made = list[Any]()
    with own_scheduling():
        for number in range(count):
            pixels = np.full((SIZE[1], SIZE[0], 3), min(brightness(number), 255), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            made += context.encode(frame)
        made += context.encode(None)
    return [(bytes(packet), packet.is_keyframe, packet.pts) for packet in made]


def compressed_image(codec: str, packet: tuple[bytes, bool, int], header: Any = None) -> Any:
    return SimpleNamespace(header=header, format=codec, data=packet[0])


def ffmpeg_packet(codec: str, packet: tuple[bytes, bool, int], header: Any = None) -> Any:
    """As ffmpeg_image_transport publishes it, whose pts counts its packets."""
    return SimpleNamespace(
        header=header, width=SIZE[0], height=SIZE[1], encoding=f"{ENCODERS[codec][0]};yuv420p;bgr8;bgr8",
        pts=packet[2], flags=int(packet[1]), is_bigendian=False, data=packet[0],
    )  # fmt: skip


def compressed_video(codec: str, packet: tuple[bytes, bool, int], header: Any = None) -> Any:
    """As foxglove_msgs has it; it has no header."""
    stamp = getattr(header, "stamp", SimpleNamespace(sec=0, nanosec=0))
    return SimpleNamespace(timestamp=stamp, frame_id="eye", format=codec.replace("hevc", "h265"), data=packet[0])


MESSAGES: dict[str, Callable[..., Any]] = {
    "CompressedImage": compressed_image,
    "FFMPEGPacket": ffmpeg_packet,
    "CompressedVideo": compressed_video,
}
