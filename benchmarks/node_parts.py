"""Parts of a frame's latency, which add up, from the time stamps of camera, node and subscriber."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PARTS = {
    "way_in": "published to the node's callback",
    "waiting": "callback to the worker",
    "pixels": "message to pixels",
    "tensor": "pixels to the network's input",
    "network": "the network's step",
    "scores": "logits to an answer",
    "message": "answer to message",
    "rest": "everything else in the node",
    "way_out": "publishing to the subscriber's callback",
    "publish": "  of which the call of publish",
}
TOTALS = {
    "node": "in the node, without the network's step",
    "overhead": "published to received, without the network's step",
    "total": "published to received",
    "sending": "(the camera's call of publish)",
}


@dataclass(frozen=True)
class Frame:
    """One frame sent. parts: nanoseconds, empty where no answer was received; sending: of the camera's publish call."""

    sending: int
    parts: dict[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether an answer was received."""
        return bool(self.parts)


def joined(
    sent: Mapping[int, tuple[int, int]], received: Mapping[int, int], noted: Sequence[Mapping[str, int]]
) -> list[Frame]:
    """All frames sent, by stamp, with what the node noted of them.

    sent: when publishing began and ended; received: when the answer came; both on the clock that processes share.
    """
    by_stamp = {times["stamp"]: times for times in noted}
    frames = []
    for stamp, (began, ended) in sent.items():
        whole = stamp in received and stamp in by_stamp
        frames.append(Frame(ended - began, _parts(began, received[stamp], by_stamp[stamp]) if whole else {}))
    return frames


def _parts(sent: int, received: int, noted: Mapping[str, int]) -> dict[str, int]:
    network = noted["infer"] - noted["to_input"] - noted.get("scores", 0)
    parts = {
        "way_in": noted["arrived"] - sent,
        "waiting": noted["began"] - noted["arrived"],
        "pixels": noted["to_rgb"],
        "tensor": noted["to_input"],
        "network": network,
        "scores": noted.get("scores", 0),
        "message": noted["activity_array"],
    }
    inside = noted["publishing"] - noted["arrived"]
    parts["rest"] = inside - sum(value for name, value in parts.items() if name != "way_in")
    return parts | {"way_out": received - noted["publishing"], "publish": noted["publish"]}


def overheads(frame: Frame) -> dict[str, int]:
    """Sums over the parts, in nanoseconds."""
    total = sum(value for name, value in frame.parts.items() if name != "publish")
    overhead = total - frame.parts["network"]
    node = overhead - frame.parts["way_in"] - frame.parts["way_out"] + frame.parts["publish"]
    return {"node": node, "overhead": overhead, "total": total, "sending": frame.sending}
