"""Digests of all answers to the sample clip, which tell whether two commits answer bit for bit alike.

    python benchmarks/compare_answers.py --out before.json          # at one commit
    python benchmarks/compare_answers.py --against before.json      # at another: exit status 1 where an answer differs

The clip of `make demo` goes through three streams by the path of `co-perception evaluate`: `video` (the scene),
`poses` (MoveNet and tracker) and `skeleton` (the recognizer of these poses). Small plain networks of each kind go
through `convert` (`converted: ...`), and noise through them. One thread, so that sums keep their order.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import sys
import warnings
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from bench.plain_networks import PLAIN
from co_perception.data.bags.bag_frames import FrameStream, RecordedFrame
from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.engine.settings import values_of
from co_perception.learners.recognizers import KINDS
from co_perception.learners.replay import posed, replay
from co_perception.pose.finder import Finder, PoseSettings, build
from co_perception.runtime.store import store

CLIP = "sports2d_demo"
SHORT_SIDE = 256  # pixels; the video network looks at 224 of them
VIDEO = {"threads": 1, "model_rate_hz": 0.0}
POSE = {"estimator": "movenet", "threads": 1, "input_size": 384}
SKELETON = {"threads": 1, "model": "costgcn_short_motions"}


class Digest:
    """SHA-256 of a stream of answers, and how many there were."""

    def __init__(self) -> None:
        self._hash, self.count = hashlib.sha256(), 0

    def add(self, *values: Any) -> None:
        """Takes one answer: numbers exactly as they are, arrays byte for byte."""
        self.count += 1
        for value in values:
            if isinstance(value, float):
                self._hash.update(struct.pack("<d", value))
            elif hasattr(value, "tobytes"):
                self._hash.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
            else:
                self._hash.update(f"{value!r};".encode())

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"answers": self.count, "sha256": self._hash.hexdigest()}


def clip_frames(limit: int, short_side: int) -> FrameStream:
    """The clip as frames of a recording that begins at 1 s."""
    with VideoReader(str(store.locate(CLIP)), short_side) as reader:
        for frame in islice(reader, limit):
            stamp_ns = 1_000_000_000 + round(frame.time_s * 1e9)
            yield RecordedFrame(stamp_ns, stamp_ns, partial(Image, frame.pixels, stamp_ns))


def answers(kind: str, settings: Mapping[str, Any], frames: FrameStream) -> Digest:
    """Every record of a recognizer, in order."""
    digest = Digest()
    values = values_of(KINDS[kind].settings, settings)
    learner = KINDS[kind].loaded(values)
    for record in replay(KINDS[kind].recognizer(learner, values), frames):
        status = None if record.status is None else record.status.name
        label, progress = record.label(learner.labels), float(record.progress)
        place = record.stamp_ns, record.delay_ns, record.missing
        digest.add(*place, record.subject, status, label, progress, record.probabilities)
    return digest


def pose_frames(limit: int, digest: Digest) -> FrameStream:
    """The people MoveNet finds in the clip, tracked; their joints go into `digest`."""
    values = values_of(PoseSettings, POSE)
    estimator = build(values)
    try:
        for frame in posed(clip_frames(limit, 0), Finder(estimator, values)):
            for pose in frame.read().poses:
                digest.add(frame.stamp_ns, pose.id, float(pose.confidence), pose.data)
            yield frame
    finally:
        estimator.close()


def converted(name: str) -> Digest:
    """The answers of a plain network's continual form to 40 frames of noise, as a clip and step by step."""
    import torch

    from co_perception.continual import convert

    torch.manual_seed(0)
    torch.set_num_threads(1)
    make, frame_shape = PLAIN[name]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # without an example nothing is proved, and older commits know none
        layer, digest = convert(make().eval(), window=8), Digest()
        x = torch.randn(2, frame_shape[0], 40, *frame_shape[1:])
        digest.add(layer.clip(x).contiguous().numpy())
        state = layer.init_state(2, frame_shape)
        for chunk in x.split(layer.timing.stride, dim=2):
            y, state = layer(chunk, state)
            digest.add(y.contiguous().numpy())
    return digest


def digests(limit: int) -> dict[str, Any]:
    """One digest for each stream."""
    poses = Digest()
    found = {f"converted: {name}": converted(name) for name in PLAIN} | {
        "video": answers("video", VIDEO, clip_frames(limit, SHORT_SIDE)),
        "skeleton": answers("skeleton", SKELETON, pose_frames(limit, poses)),
        "poses": poses,
    }
    return {"clip": CLIP, "frames": limit, "streams": {name: digest.as_dict() for name, digest in found.items()}}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=230, help="of the clip, which has 230 (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the digests are written, as JSON")
    parser.add_argument("--against", type=Path, metavar="FILE", help="digests of another commit")
    options = parser.parse_args()
    found = digests(options.frames)
    text = json.dumps(found, indent=2) + "\n"
    print(text, end="")
    if options.out:
        options.out.write_text(text)
    if options.against is None:
        return 0
    others = json.loads(options.against.read_text())
    if others["frames"] != found["frames"]:
        raise SystemExit(f"{options.against} is of {others['frames']} frames, this is of {found['frames']}.")
    differing = [name for name, stream in found["streams"].items() if others["streams"].get(name) != stream]
    print(f"different: {', '.join(differing)}" if differing else "bit for bit the same")
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
