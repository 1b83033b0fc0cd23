"""Packets of video codecs in messages, decoded in the order in which they come: a picture for each, or why not.

Three messages carry them: sensor_msgs/CompressedImage whose format is a codec's name, FFMPEGPacket of
ffmpeg_image_transport_msgs (https://github.com/ros-misc-utilities/ffmpeg_image_transport_msgs), and CompressedVideo of
foxglove_msgs (https://docs.foxglove.dev/docs/sdk/schemas/compressed-video). They are known by their fields alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from co_perception.data.messages.picture_references import FrameNumbers, PictureReferences, ReferenceSets
from co_perception.data.messages.raw_image import MOST_PIXELS, bytes_of
from co_perception.data.parsing import parse_errors
from co_perception.data.video import pyav
from co_perception.engine.data import Pixels

MOST_DELAYED = 16  # pictures that H.264 and HEVC may hold back at most, to bring them into the order shown
# Names of codecs and of encoders, and FFmpeg's decoder for each. Its own decoder of AV1 needs special hardware.
_DECODERS = {
    r"([a-z]*[hx]\.?264.*)": "h264",
    r"([a-z]*[hx]\.?265.*|hevc.*)": "hevc",
    r"(av1.*|lib(aom|svt)-?av1|librav1e)": "libdav1d",
    r"(libvpx-)?vp9.*": "vp9",
    r"(libvpx|vp8.*)": "vp8",
    r"mpeg4.*": "mpeg4",
}
# Of each decoder's packets, what tells that some are missing.
_REFERENCES: dict[str, Callable[[], PictureReferences]] = {"h264": FrameNumbers, "hevc": ReferenceSets}
CODECS = ("h264", "hevc (h265)", "av1", "vp9", "vp8", "mpeg4")
Header = TypeVar("Header")


@dataclass(frozen=True, eq=False)
class VideoPicture(Generic[Header]):
    """What became of one packet.

    Args:
        header: what was given with the packet.
        format: the codec, in the packet's words.
        data: the packet's bytes.
        frame: PyAV's frame; None where there is no picture.
        why: why there is none.
    """

    header: Header
    format: str
    data: NDArray[np.uint8]
    frame: Any = None
    why: str = ""

    def rgb(self) -> Pixels:
        """(H, W, 3) uint8. Raises ValueError where there is no picture."""
        if self.frame is None:
            raise ValueError(self.why)
        pixels: Pixels = self.frame.to_ndarray(format="rgb24")
        return pixels


def codec_of(message: object) -> str:
    """The codec that a message's packet is of, in the message's words; empty for what is no packet."""
    coding = getattr(message, "format", None)
    if isinstance(message, VideoPicture):
        return message.format
    if hasattr(message, "pts") and hasattr(message, "flags"):  # FFMPEGPacket: "h264;yuv420p;bgr8;bgr8"
        return str(getattr(message, "encoding", "")).partition(";")[0] or "(none)"
    if hasattr(message, "timestamp") and coding is not None:  # CompressedVideo
        return str(coding) or "(none)"
    return str(coding) if coding is not None and _decoder_of(str(coding)) else ""


class PictureNumbers:
    """Numbers of the pictures in the packets of one stream, which come in the order of decoding.

    A picture that is shown later may come first (B-frames). Until one comes below an earlier number, every gap is a
    loss. From then on a number is lost that has not come `MOST_DELAYED` packets later.
    """

    def __init__(self) -> None:
        self.reordered = False
        self._highest: int | None = None
        self._missing: dict[int, int] = {}  # numbers that have not come, with the packet that told it

    def add(self, pts: int, packet: int, keyframe: int) -> int:
        """Takes the next packet. Returns how many numbers are known by it to be lost.

        Args:
            pts: number of its picture.
            packet: its own number.
            keyframe: packet of the newest keyframe; what was lost before it costs no more pictures.
        """
        gap = 0
        if self._missing.pop(pts, None) is not None:
            self.reordered = True
        elif self._highest is not None and pts > self._highest:
            gap = pts - self._highest - 1
            if gap <= MOST_DELAYED:
                self._missing |= dict.fromkeys(range(self._highest + 1, pts), packet)
            self._highest = pts
        elif pts != self._highest:  # the first one, or the sender began anew
            self._highest, self._missing = pts, {}
        overdue = [number for number, noted in self._missing.items() if packet - noted > MOST_DELAYED]
        costly = [number for number in overdue if self._missing.pop(number) > keyframe]
        return len(costly) if self.reordered and gap <= MOST_DELAYED else gap


class PacketDecoder(Generic[Header]):
    """Decodes the packets of one topic, with the state that its codec keeps from packet to packet.

    The first picture is a keyframe's, and so is the first one after a packet that was lost or is damaged: until then
    pictures would show what is not there. FFmpeg does not tell of most lost packets, so the caller does, by
    `interrupt`. Seen here are those of FFMPEGPacket, whose pts counts pictures in the order shown, and those of H.264
    and HEVC that others refer to.
    """

    def __init__(self) -> None:
        self._decoder = ""
        self._context: Any = None
        self._waiting: dict[int, VideoPicture[Header]] = {}  # packets whose picture has not come, by number
        self._number = 0
        self._keyframe = -1  # number of the newest packet whose picture was a keyframe
        self._pts = PictureNumbers()
        self._references: PictureReferences | None = None
        self._why = "the packets before it did not come"
        self._needs_keyframe = True
        self._revocable = False  # nothing but a gap in pts tells that a keyframe is needed

    def interrupt(self, why: str = "packets were lost before it") -> None:
        """Takes note that what comes next does not follow what came before."""
        self._why, self._needs_keyframe, self._revocable = why, True, False

    def decode(self, message: Any, header: Header) -> list[VideoPicture[Header]]:
        """What became of this packet, and of earlier ones that waited for it. Mostly one picture, this packet's.

        Never raises: a packet that cannot be decoded is a `VideoPicture` that says why.
        """
        codec = codec_of(message)
        packet = VideoPicture(header, codec, np.empty(0, np.uint8))
        settled = self.flush() if self._context is not None and _decoder_of(codec) not in ("", self._decoder) else []
        try:
            with parse_errors("a packet of video", "one with the fields of its type"):
                packet = VideoPicture(header, codec, bytes_of(message.data).copy())
                pts = None if getattr(message, "pts", None) is None else int(message.pts)
            self._open(codec)
            self._note_pts(pts)
            if not len(packet.data):  # to FFmpeg it would be the end
                self.interrupt("a packet before it was empty")
                raise ValueError("the packet is empty")
            self._note_references(packet.data.tobytes())
        except (ImportError, ValueError) as error:
            return [*settled, VideoPicture(header, codec, packet.data, why=str(error))]
        self._waiting[self._number] = packet
        self._number += 1
        return settled + self._run(self._number - 1)

    def flush(self) -> list[VideoPicture[Header]]:
        """The pictures that are still held back, where no packet follows."""
        shown = self._run(None) if self._context is not None else []
        rest = [self._refused(number) for number in list(self._waiting)]
        self._context, self._decoder = None, ""
        return shown + rest

    def _open(self, codec: str) -> None:
        """Opens the decoder of this codec, unless it is open. Raises ValueError without one."""
        decoder = _decoder_of(codec)
        if not decoder:
            raise ValueError(f"the video codec {codec!r} is none of those that are read: {', '.join(CODECS)}.")
        if decoder == self._decoder:
            return
        av = pyav()
        try:
            context = av.CodecContext.create(decoder, "r")
        except av.codec.codec.UnknownCodecError as error:
            raise ValueError(f"this PyAV has no decoder {decoder} for {codec!r}: pip install av has one.") from error
        context.thread_count = 1  # more of them hold pictures back
        context.options = {"max_pixels": str(MOST_PIXELS)} | ({"max_frame_delay": "1"} if "dav1d" in decoder else {})
        self._context, self._decoder, self._waiting, self._pts = context, decoder, {}, PictureNumbers()
        self._references = _REFERENCES[decoder]() if decoder in _REFERENCES else None
        self.interrupt("the packets before it did not come")

    def _note_references(self, data: bytes) -> None:
        if self._references is None or not self._references.lost(data):
            return
        if not self._needs_keyframe:
            self.interrupt()
        self._revocable = False

    def _note_pts(self, pts: int | None) -> None:
        if pts is None:
            return
        lost = self._pts.add(pts, self._number, self._keyframe)
        if self._pts.reordered and self._revocable:
            self._needs_keyframe = self._revocable = False
        if lost:
            before = self._needs_keyframe and not self._revocable
            self.interrupt(f"{lost} packets were lost before it")
            self._revocable = not before and not self._pts.reordered

    def _run(self, number: int | None) -> list[VideoPicture[Header]]:
        """Gives the decoder a packet, None for the end. Returns what became of all packets that are settled by it."""
        av = pyav()
        packet = None
        if number is not None:
            packet = av.Packet(self._waiting[number].data.tobytes())
            packet.pts = number
        try:
            frames = self._context.decode(packet)
        except av.error.FFmpegError as error:
            first = self._needs_keyframe
            self.interrupt(self._why if first else f"a packet before it is damaged ({error.strerror})")
            why = self._why_waiting() if first else f"the packet is damaged, or no {self._decoder}: {error.strerror}"
            return [] if number is None else [self._refused(number, why)]
        settled = list[VideoPicture[Header]]()
        for frame in frames:
            settled += self._settle(frame)
        late = list(self._waiting)[: max(len(self._waiting) - MOST_DELAYED, 0)]
        return settled + [self._refused(each) for each in late]

    def _settle(self, frame: Any) -> list[VideoPicture[Header]]:
        """The packet that a frame is of, and those before it that will have none."""
        if frame.key_frame:
            self._needs_keyframe = False
        if frame.pts not in self._waiting:
            return []
        if frame.key_frame:
            self._keyframe = max(self._keyframe, frame.pts)
        before = [self._refused(number) for number in list(self._waiting) if number < frame.pts and frame.key_frame]
        if self._needs_keyframe:
            return [self._refused(frame.pts)]
        packet = self._waiting.pop(frame.pts)
        return [*before, VideoPicture(packet.header, packet.format, packet.data, frame)]

    def _refused(self, number: int, why: str = "") -> VideoPicture[Header]:
        packet = self._waiting.pop(number)
        return VideoPicture(packet.header, packet.format, packet.data, why=why or self._why_waiting())

    def _why_waiting(self) -> str:
        return (
            f"the video waits for a keyframe, because {self._why}: until one comes there is no picture. Let the sender "
            "code one every second or so (ffmpeg_image_transport: gop_size), and subscribe reliably."
        )


def _decoder_of(codec: str) -> str:
    """FFmpeg's decoder for a codec or encoder by this name; empty where none is known."""
    name = codec.strip().lower()
    return next((decoder for pattern, decoder in _DECODERS.items() if re.fullmatch(pattern, name)), "")
