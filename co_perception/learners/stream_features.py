"""Features of whole recordings, as a video network's trunk computes them on the robot, and their store on disk.

A trunk answers once per stride, from a receptive field of frames; before the first frame of a stream lie zeros. Here
the same features are computed for many frames at once: `clip` for a short recording, chunk by chunk for a long one.
They are stored under a digest of the pictures, of the trunk and of the preprocessing, so that each recording costs
once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b, sha256
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.continual.container import Sequential
from co_perception.continual.layer import TIME
from co_perception.continual.norm import fold_batch_norm
from co_perception.continual.state import State
from co_perception.continual.timing import Timing
from co_perception.data.known_content import content_digests
from co_perception.engine.data import Pixels, Video
from co_perception.engine.files import write_files
from co_perception.learners.preprocess_video import clip_input
from co_perception.networks.variants import CENTER, VideoVariant
from co_perception.networks.video import VideoNetwork
from co_perception.runtime.steppers.choose import stepper
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.stepper import Stepper
from co_perception.runtime.store import store

AT_ONCE = 160  # frames of a recording that is computed as one clip
CHUNK = 64  # frames of a longer one that are computed at once
STEPPED = 1500  # frames of longer ones from which on a program of the step is worth its making, on a CPU
FORMAT = 1  # of the files


Chunks = Callable[[Tensor, State], tuple[Tensor, State]]  # frames (B, C, T, *space), T a multiple of the stride


class PictureStream(Protocol):
    """A stream of pictures at the network's rate: a whole video file, or a run of a bag's pictures."""

    def pictures(self) -> Iterator[tuple[Pixels, float]]:
        """The pictures (H, W, 3) and their times [s]."""
        ...

    def content(self) -> str:
        """What tells it from others: equal for a copy."""
        ...

    def length_s(self) -> float:
        """About how long it lasts [s]."""
        ...


@dataclass(frozen=True)
class VideoInMemory:
    """A Video in memory, with frames at the network's rate, as a `PictureStream`."""

    frames: NDArray[np.uint8]  # (T, H, W, 3)
    rate_hz: float

    def pictures(self) -> Iterator[tuple[Pixels, float]]:
        yield from ((pixels, number / self.rate_hz) for number, pixels in enumerate(self.frames))

    def content(self) -> str:
        digest = blake2b(np.ascontiguousarray(self.frames).tobytes(), digest_size=32).hexdigest()
        return f"{digest} {self.frames.shape} {self.rate_hz}"

    def length_s(self) -> float:
        return len(self.frames) / self.rate_hz


@dataclass(frozen=True, eq=False)
class StreamFeatures:
    """Features of one stream.

    Args:
        rows: (steps, F) one vector for each answer of the trunk, from the first on.
        frames: that the stream has.
        begin_s: time of its first frame.
        digests: (frames,) of what each picture shows, see `data.known_content`; 0: nothing.
    """

    rows: NDArray[np.float32]
    frames: int
    begin_s: float
    digests: NDArray[np.uint64]

    def to_bytes(self) -> bytes:
        """For `from_file`."""
        from safetensors.numpy import save

        notes = {"format": str(FORMAT), "frames": str(self.frames), "begin_s": repr(self.begin_s)}
        return save({"rows": self.rows, "digests": self.digests}, notes)

    @classmethod
    def from_file(cls, path: Path) -> StreamFeatures:
        """What `to_bytes` gave. Raises: ValueError for any other file, and a damaged one."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                notes = file.metadata() or {}
                if notes.get("format") != str(FORMAT):
                    raise ValueError(f"{path} holds no features of format {FORMAT}")
                rows, digests = file.get_tensor("rows"), file.get_tensor("digests")
                frames, begin_s = int(notes["frames"]), float(notes["begin_s"])
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{path} holds no whole features: {error}") from None
        if rows.ndim != 2 or rows.dtype != np.float32 or digests.shape != (frames,):
            raise ValueError(f"{path} holds no features: rows {rows.shape} {rows.dtype}, {frames} frames")
        return cls(rows, frames, begin_s, digests.astype(np.uint64))


class FeatureExtractor:
    """Computes features of recordings by the trunk of a network, and stores them.

    Args:
        network: with a head; its trunk is not changed.
        device: where the trunk runs.
        folder: of the store; None: `features` in the package's own store.
    """

    def __init__(self, network: VideoNetwork, device: torch.device | str = "cpu", folder: Path | None = None) -> None:
        self.variant, self.device = network.variant, device
        self.timing = network.trunk.timing
        self.digest = trunk_digest(network)
        self.folder = folder or store.root() / "features"
        self._trunk: Sequential | None = None
        self._network = network
        self._steps: Chunks | None = None
        self._chunked = 0.0  # frames of longer recordings so far

    def stored(self, recording: PictureStream) -> StreamFeatures | None:
        """The features that were stored before; None where there are none, or where the file is damaged."""
        try:
            return StreamFeatures.from_file(self._path(recording))
        except (OSError, ValueError):
            return None

    def compute(self, recording: PictureStream, note: Callable[[int], None] = lambda frames: None) -> StreamFeatures:
        """Computes and stores the features.

        Args:
            note: called with the number of frames done.

        Raises:
            OSError: where the recording cannot be read, or the features cannot be written.
            ValueError: for one that is too short for an answer.
        """
        if self._trunk is None:
            # In this layout pools and convolutions over whole clips take four fifths of the time on a CPU.
            trunk = fold_batch_norm(self._network.trunk).eval()
            self._trunk = trunk.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # torch has it
        pictures = _Pictures(recording, self.variant, self.device)
        settled = self._program(self._trunk, recording) or self._trunk
        rows = list(_rows(self._trunk, settled, pictures, self.variant, note))
        if not rows:
            least = -(-(self.timing.receptive_field - self.timing.before - self.timing.after) // self.timing.stride)
            raise ValueError(
                f"{pictures.count} frames at {self.variant.rate_hz:g} Hz are too short for an answer of "
                f"{self.variant.name}, which takes {least * self.timing.stride}"
            )
        digests = np.array(pictures.digests, np.uint64)
        found = StreamFeatures(np.concatenate(rows), pictures.count, pictures.begin_s, digests)
        path = self._path(recording)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_files({path: found.to_bytes()})
        return found

    def _program(self, trunk: Sequential, recording: PictureStream) -> Chunks | None:
        """Steps that take three fifths of the time on a CPU, once enough frames make up for the time to make them.

        Whether a recording is computed by them or by the trunk changes the last digits of its features alone.
        """
        frames = recording.length_s() * self.variant.rate_hz
        if torch.device(self.device).type != "cpu" or frames <= AT_ONCE:
            return None
        self._chunked += frames
        if self._steps is None and self._chunked >= STEPPED:
            plain = fold_batch_norm(self._network.trunk).eval()
            made = stepper(plain, self.variant.frame_shape, options=StepOptions(torch.get_num_threads()))
            self._steps = partial(_step_by_step, made)
        return self._steps

    def _path(self, recording: PictureStream) -> Path:
        name = blake2b(recording.content().encode(), digest_size=16).hexdigest()
        return self.folder / f"{self.variant.name}-{self.digest}" / f"{name}.safetensors"


class _Pictures:
    """The pictures of a recording as chunks of the network's input, counted and digested on the way."""

    def __init__(self, recording: PictureStream, variant: VideoVariant, device: torch.device | str) -> None:
        self._pictures, self._variant, self._device = recording.pictures(), variant, device
        self.count, self.begin_s, self.digests = 0, 0.0, list[int]()

    def take(self, frames: int) -> Tensor | None:
        """(1, 3, T, size, size) the next frames, at most as many; None where there are none."""
        taken = list(islice(self._pictures, frames))
        if not taken:
            return None
        if not self.count:
            self.begin_s = taken[0][1]
        self.count += len(taken)
        pixels = [each for each, _ in taken]
        for picture in pixels:
            digest = next(content_digests(Video(picture.transpose(2, 0, 1)[:, None])), bytes(8))
            self.digests.append(int.from_bytes(digest, "little"))
        x = clip_input(pixels, self._variant, device=self._device).unsqueeze(0)
        return x.contiguous(memory_format=torch.channels_last_3d)


def _step_by_step(made: Stepper, x: Tensor, state: State) -> tuple[Tensor, State]:
    """The answers to a chunk of frames, as the network gives them."""
    found = []
    for frames in x.split(made.stride, TIME):
        y, state = made(frames, state)
        found.append(y)
    return torch.cat(found, TIME), state


@torch.no_grad()
def _rows(
    trunk: Sequential, settled: Chunks, pictures: _Pictures, variant: VideoVariant, note: Callable[[int], None]
) -> Iterator[NDArray[np.float32]]:
    """Features (n, F), part by part; where the start of a stream does not matter any more, by `settled`."""
    x = pictures.take(AT_ONCE)
    if x is None:
        return
    following = pictures.take(CHUNK) if x.shape[TIME] == AT_ONCE else None
    stride = trunk.timing.stride
    if following is None:
        whole = x.shape[TIME] // stride * stride
        if trunk.timing.length(whole) > 0:
            yield _of_steps(trunk.clip(x[:, :, :whole]))
        note(pictures.count)
        return
    state = trunk.init_state(1, variant.frame_shape, device=x.device)
    chunks: list[Tensor | None] = [*x.split(CHUNK, TIME), following]
    rest = x[:, :, :0]
    while chunks:
        part = chunks.pop(0)
        if part is None:
            return
        part = torch.cat([rest, part], TIME)
        whole = part.shape[TIME] // stride * stride
        part, rest = part[:, :, :whole], part[:, :, whole:]
        if whole:
            index = int(trunk.output_index(state, whole)[0, 0])
            begun = int(state.age.min()) < trunk.settles(0)
            y, state = (trunk if begun else settled)(part, state)
            if max(-index, 0) < y.shape[TIME]:
                yield _of_steps(y[:, :, max(-index, 0) :])
        note(pictures.count)
        if not chunks:
            chunks.append(pictures.take(CHUNK))


def _of_steps(y: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(y[0].T.float().cpu().numpy())


def trunk_digest(network: VideoNetwork) -> str:
    """Digest of a trunk's weights and of the preprocessing before it, which together say what a feature means."""
    variant = network.variant
    shown: list[object] = [variant.size, variant.short_side, variant.mean, variant.std, variant.rate_hz]
    if variant.crop != CENTER:  # which digests of earlier versions do not name
        shown.append(variant.crop)
    digest = sha256(json.dumps([FORMAT, variant.name, getattr(variant, "window", None), *shown]).encode())
    for name, value in sorted(network.trunk.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def real_frames(timing: Timing, steps: int, frames: int) -> NDArray[np.int64]:
    """(steps,) frames of the stream in the receptive field of each answer; all others of it are padding."""
    begin = np.arange(steps) * timing.stride - timing.before
    return np.minimum(begin + timing.receptive_field, frames) - np.maximum(begin, 0)


def counted_steps(timing: Timing, steps: int, frames: int, min_progress: float) -> NDArray[np.bool_]:
    """(steps,) whether an answer counts: `min_progress` of its field is real; where none has that, those with most."""
    least = min(int(np.ceil(min_progress * timing.receptive_field)), frames)
    real = real_frames(timing, steps, frames)
    return real >= min(least, int(real.max(initial=0)))
