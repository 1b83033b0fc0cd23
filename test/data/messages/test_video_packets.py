"""Packets of video become the pictures that were coded; where packets are lost, none until the next keyframe."""

from __future__ import annotations

import sys
from array import array
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.video_packets import ENCODERS, KEYFRAMES, MESSAGES, brightness, compressed_image, ffmpeg_packet, packets

from co_perception.data.messages.image import encoding_of, to_rgb
from co_perception.data.messages.video_packets import (
    MOST_DELAYED,
    PacketDecoder,
    PictureNumbers,
    VideoPicture,
    codec_of,
)


def shown(pictures: list[VideoPicture[int]]) -> dict[int, int]:
    """Brightness of the pictures there are, by header."""
    there = {picture.header: to_rgb(picture) for picture in pictures if picture.frame is not None}
    assert all(pixels.shape == (64, 64, 3) and pixels.dtype == np.uint8 for pixels in there.values())
    return {number: round(float(pixels.mean())) for number, pixels in there.items()}


def decoded(messages: list[tuple[int, Any]], decoder: PacketDecoder[int] | None = None) -> list[VideoPicture[int]]:
    decoder = decoder or PacketDecoder()
    found = [picture for number, message in messages for picture in decoder.decode(message, number)]
    return found + decoder.flush()


def right(found: dict[int, int]) -> bool:
    return all(abs(value - brightness(number)) <= 4 for number, value in found.items())


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("codec", ENCODERS)
def test_every_codec_in_every_message(codec: str, kind: str) -> None:
    made = packets(codec)
    messages = [MESSAGES[kind](codec, packet) for packet in made]
    pictures = decoded(list(enumerate(messages)))
    assert [picture.header for picture in pictures] == list(range(24))
    found = shown(pictures)
    assert len(found) == 24 and right(found), found
    assert encoding_of(pictures[0]) == encoding_of(messages[0]) == f"video codec {codec_of(messages[0])!r}"
    assert pictures[3].data.tobytes() == made[3][0]


@pytest.mark.parametrize("codec", ENCODERS)
def test_who_joins_late_waits_for_a_keyframe(codec: str) -> None:
    messages = [(n, compressed_image(codec, packet)) for n, packet in enumerate(packets(codec))]
    pictures = decoded(messages[3:])
    assert sorted(shown(pictures)) == list(range(KEYFRAMES, 24)) and right(shown(pictures))
    assert [picture.header for picture in pictures] == list(range(3, 24))
    with pytest.raises(ValueError, match="waits for a keyframe, because the packets before it did not come"):
        to_rgb(pictures[4])


@pytest.mark.parametrize("codec", ENCODERS)
def test_a_lost_packet_costs_pictures_until_the_next_keyframe(codec: str) -> None:
    """FFmpeg conceals it: pictures that never were would go to the network."""
    decoder, found = PacketDecoder[int](), list[VideoPicture[int]]()
    for number, packet in enumerate(packets(codec)):
        if number == 11:
            decoder.interrupt()
        else:
            found += decoder.decode(compressed_image(codec, packet), number)
    assert sorted(shown(found)) == [*range(11), *range(2 * KEYFRAMES, 24)]
    assert [picture.header for picture in found] == [*range(11), *range(12, 24)]
    assert {picture.why for picture in found if picture.frame is None and "packets were lost before" in picture.why}


@pytest.mark.parametrize("kind", ["CompressedImage", "CompressedVideo"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("lost", [range(11, 12), range(10, 13), range(8, 10), range(6, 10)])
def test_packets_that_a_recording_lacks_are_known_by_what_refers_to_them(codec: str, kind: str, lost: range) -> None:
    """FFmpeg said nothing, and the pictures after the gap were wrong without a trace."""
    messages = [(n, MESSAGES[kind](codec, packet)) for n, packet in enumerate(packets(codec)) if n not in lost]
    found = decoded(messages)
    assert sorted(shown(found)) == [*range(lost[0]), *range(2 * KEYFRAMES, 24)] and right(shown(found))
    assert {picture.header for picture in found} == set(range(24)) - {*lost}
    assert all("packets were lost before it" in picture.why for picture in found if picture.frame is None)


# Options of encoders with which pictures refer to others in other ways.
REFERENCES = {
    "b-frames": ("h264", 3, {}),
    "pyramid": ("h264", 7, {"x264-params": "b-pyramid=normal:ref=5"}),
    "slices": ("h264", 0, {"x264-params": "slices=4:ref=4", "tune": "zerolatency"}),
    "interlaced": ("h264", 2, {"x264-params": "interlaced=1"}),
    "main profile": ("h264", 0, {"profile": "main", "tune": "zerolatency"}),
    "baseline": ("h264", 0, {"profile": "baseline"}),
    "4:4:4 lossless": ("h264", 0, {"qp": "0", "tune": "zerolatency"}),
    "open GOP": ("hevc", 3, {"x265-params": "log-level=none:open-gop=1"}),
    "hevc b-pyramid": ("hevc", 4, {"x265-params": "log-level=none:b-pyramid=1:ref=5:open-gop=0"}),
    "hevc layers": ("hevc", 4, {"x265-params": "log-level=none:temporal-layers=1:open-gop=0"}),
    "scaling lists": ("hevc", 0, {"x265-params": "log-level=none:scaling-list=default", "tune": "zerolatency"}),
    "hevc slices": ("hevc", 2, {"x265-params": "log-level=none:slices=2"}),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_whatever_pictures_refer_to_none_is_taken_for_lost(name: str) -> None:
    codec, b_frames, options = REFERENCES[name]
    made = packets(codec, 70, b_frames, options, keyframes=30)
    found = decoded([(packet[2], compressed_image(codec, packet)) for packet in made])
    refused = {picture.header: picture.why for picture in found if picture.frame is None}
    assert not refused and len(found) == 70


def test_lost_packets_of_ffmpeg_image_transport_are_known_by_pts() -> None:
    messages = [(n, ffmpeg_packet("h264", packet)) for n, packet in enumerate(packets())]
    del messages[10:12]
    found = decoded(messages)
    assert sorted(shown(found)) == [*range(10), *range(2 * KEYFRAMES, 24)]
    assert "because 2 packets were lost before it" in found[10].why


@pytest.mark.parametrize("codec", ENCODERS)
@pytest.mark.parametrize("damage", [b"", bytes(200), b"\xff" * 50])
def test_a_damaged_packet(codec: str, damage: bytes) -> None:
    messages = [(n, compressed_image(codec, packet)) for n, packet in enumerate(packets(codec))]
    messages[10][1].data = damage
    found = shown(decoded(messages))
    assert set(found) >= {*range(10), *range(2 * KEYFRAMES, 24)} and 10 not in found
    if codec in ("h264", "hevc", "vp9") and damage:
        assert sorted(found) == [*range(10), *range(2 * KEYFRAMES, 24)]


def test_pictures_in_another_order_than_their_packets_have_their_own_headers() -> None:
    """B-frames: the header of a packet is that of its picture."""
    made = packets(b_frames=2)
    assert [number for *_, number in made] != sorted(number for *_, number in made)
    found = decoded([(number, compressed_image("h264", (data, key, number))) for data, key, number in made])
    assert sorted(shown(found)) == list(range(24)) and right(shown(found))
    assert [picture.header for picture in found] == sorted(picture.header for picture in found)


def test_b_frames_of_ffmpeg_image_transport_are_no_losses() -> None:
    """The fault: its pts counts pictures in the order shown, and each step above one was taken for a loss."""
    made = packets(b_frames=2)
    found = decoded([(packet[2], ffmpeg_packet("h264", packet)) for packet in made])
    assert sorted(shown(found)) == list(range(24)) and right(shown(found))


def test_a_lost_packet_between_b_frames_is_known_when_it_has_not_come_for_long() -> None:
    made = packets(count=36, b_frames=2)
    gops = [number for _, key, number in made if key]
    anchor = next(at for at, packet in enumerate(made) if packet[2] > gops[1] and not packet[1])
    heads = [(packet[2], ffmpeg_packet("h264", packet)) for packet in made]
    healed = decoded(heads[:anchor] + heads[anchor + 1 :])  # keyframes came since: nothing more is refused
    assert {number for number in range(36) if number >= gops[2]} <= set(shown(healed))
    numbers = PictureNumbers()
    pts = [0, 3, 1, 2, 6, 4, *range(7, 40)]
    lost = [numbers.add(each, packet, keyframe=0) for packet, each in enumerate(pts)]
    assert sum(lost[2:]) == 1 and lost.index(1) == 4 + MOST_DELAYED + 1
    assert PictureNumbers().add(2**62, 0, -1) == 0 == numbers.add(0, 50, 0)
    assert numbers.add(2**62, 51, 0) == 2**62 - 1  # no reordering: known at once, and not listed


def test_another_codec_on_the_topic_and_a_second_sender() -> None:
    decoder = PacketDecoder[int]()
    first = [(n, compressed_image("h264", packet)) for n, packet in enumerate(packets(count=4))]
    second = [(n, compressed_image("vp9", packet)) for n, packet in enumerate(packets("vp9", count=4))]
    found = [picture for number, message in first + second for picture in decoder.decode(message, number)]
    assert [picture.frame is not None for picture in found] == [True] * 8


def test_packets_that_wait_while_the_codec_changes_keep_their_pictures() -> None:
    """The fault: with B-frames the last packets before the change were in no record."""
    first = [(packet[2], compressed_image("h264", packet)) for packet in packets(count=7, b_frames=2)]
    second = [(100 + n, compressed_image("vp9", packet)) for n, packet in enumerate(packets("vp9", count=2))]
    found = decoded(first + second)
    assert [picture.header for picture in found] == [*range(7), 100, 101]
    assert all(picture.frame is not None for picture in found)


def test_packets_that_no_decoder_takes_are_bounded() -> None:
    decoder = PacketDecoder[int]()
    found = [each for n in range(100) for each in decoder.decode(SimpleNamespace(format="hevc", data=b"\0\0\1\x46"), n)]
    assert len(found) >= 100 - MOST_DELAYED and all(picture.frame is None for picture in found)


@pytest.mark.parametrize(
    ("message", "codec"),
    [
        (SimpleNamespace(format="rgb8; jpeg compressed bgr8", data=b""), ""),
        (SimpleNamespace(format="jpeg", data=b""), ""),
        (SimpleNamespace(format="theora", data=b""), ""),
        (SimpleNamespace(encoding="rgb8", step=3, data=b""), ""),
        (SimpleNamespace(format="H264", data=b""), "H264"),
        (SimpleNamespace(format="h265", data=b""), "h265"),
        (SimpleNamespace(encoding="hevc_nvenc", pts=0, flags=0, data=b""), "hevc_nvenc"),
        (SimpleNamespace(encoding="", pts=0, flags=0, data=b""), "(none)"),
        (SimpleNamespace(timestamp=None, format="vvc", data=b""), "vvc"),
    ],
)
def test_what_is_a_packet(message: Any, codec: str) -> None:
    assert codec_of(message) == codec
    if codec:
        with pytest.raises(ValueError, match="is no picture by itself"):
            to_rgb(message)


def test_codecs_that_are_not_read_and_fields_of_other_types() -> None:
    [picture] = PacketDecoder[int]().decode(SimpleNamespace(timestamp=None, format="vvc", data=b"1"), 0)
    with pytest.raises(ValueError, match=r"'vvc' is none of those that are read: h264, hevc \(h265\), av1"):
        picture.rgb()
    for data in ("text", None, array("d", [1.0])[:0], 7):
        [picture] = PacketDecoder[int]().decode(SimpleNamespace(format="h264", data=data), 0)
        assert picture.frame is None and picture.why


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    [picture] = PacketDecoder[int]().decode(SimpleNamespace(format="h264", data=b"1"), 0)
    with pytest.raises(ValueError, match=r"needs PyAV.*co_perception\[video\]"):
        to_rgb(picture)
