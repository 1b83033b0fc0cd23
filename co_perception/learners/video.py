"""Video activity recognition, frame by frame, under OpenDR's learner interface."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from co_perception.continual.fold import fold_batch_norm
from co_perception.continual.spread import Spread, StageState
from co_perception.engine.data import Image, Video
from co_perception.engine.labels import labels as read_labels
from co_perception.engine.learners import Learner
from co_perception.engine.target import Category, Status
from co_perception.learners import weights
from co_perception.learners.checkpoint_file import read_checkpoint
from co_perception.learners.frames import to_input
from co_perception.learners.metadata import Metadata
from co_perception.networks.build import build_video, load_checkpoint
from co_perception.networks.variants import PooledVariant, video_variant
from co_perception.networks.video import VideoNetwork

Frame = Image | NDArray[np.uint8]
MIN_PROGRESS, THRESHOLD = 0.75, 0.0


class Stream(NamedTuple):
    """A running recogniser: a value that `snapshot` hands out and `restore` takes.

    frames: frames seen; answers: steps that have answered; logits: (classes,) of the answer that stands, None before
    the first."""

    stages: tuple[StageState, ...]
    frames: int
    answers: int
    logits: Tensor | None


class ContinualVideoLearner(Learner):
    """Recognises the activity in a video stream; every frame is answered with the scores that stand.

    network: name of a video network; window: frames that its head averages, where that is a choice (None: the published
    clip length); device: where it runs; min_progress: share of the receptive field that must be
    real before a label counts as VALID; threshold: least probability of a VALID label (None: those of a saved learner
    that is loaded, else 0.75 and 0); threads: CPU threads of torch in this process (None: as they are). Weights come
    with `load`, never in the constructor. One stream; one thread at a time.
    """

    def __init__(
        self,
        network: str = "coi3d_inception",
        *,
        window: int | None = None,
        device: str = "cpu",
        min_progress: float | None = None,
        threshold: float | None = None,
        threads: int | None = None,
    ) -> None:
        for name, share in (("min_progress", min_progress), ("threshold", threshold)):
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name} is a share 0..1, got {share}")
        if threads is not None:
            torch.set_num_threads(threads)
        self.variant = video_variant(network, window=window)
        self.labels = read_labels(self.variant.labels)
        self.label_set = self.variant.labels
        self.device = torch.device(device)
        self._asked = (min_progress, threshold)
        self._settle(MIN_PROGRESS, THRESHOLD)
        self.model = build_video(self.variant).eval().requires_grad_(False).to(self.device)
        self._loaded = False
        self._use(self.model)

    # What the network is

    @property
    def name(self) -> str:
        """Network and label set, as `/activity` names its recogniser."""
        return f"{self.variant.name}/{self.label_set}"

    @property
    def receptive_field(self) -> int:
        """Frames that an answer is computed from."""
        return self.model.receptive_field

    @property
    def stride(self) -> int:
        """Frames between answers."""
        return self.model.timing.stride

    @property
    def rate_hz(self) -> float:
        """Frames per second of the clips the network was trained on."""
        return self.variant.rate_hz

    @property
    def loaded(self) -> bool:
        """Whether weights have been loaded."""
        return self._loaded

    # Weights

    def download(self, path: Path | str | None = None) -> None:
        """Fetch the published weights, verify and convert them. The only method that uses the network; raises as
        `weights.prepare`."""
        source = weights.prepare(self._asset())
        if path is not None:
            self._read(source)
            self.save(path)

    def load(self, path: Path | str | None = None) -> None:
        """Read a folder that `save` wrote, a published checkpoint file (`.pyth`, `.ckpt`, `.pth`, `.safetensors`), or
        (None) the published weights from the local store. Resets the stream.

        Raises FileNotFoundError that says how to get what is missing; ValueError for weights of another network.
        """
        if path is None or Path(path).is_file():
            self._read(weights.locate_converted(self._asset()) if path is None else Path(path))
            return
        saved = Metadata.read(Path(path))
        if saved.network != self.variant.name:
            raise ValueError(
                f"{path} holds {saved.network}, this learner is {self.variant.name}: "
                f"ContinualVideoLearner({saved.network!r})"
            )
        self._rebuild(saved)
        self._read(Path(path) / saved.weights)

    def save(self, path: Path | str) -> None:
        """Write weights and metadata into the folder `path`; a second save replaces the first."""
        self._need_weights()
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        metadata = Metadata(
            network=self.variant.name,
            labels=self.labels,
            label_set=self.label_set,
            size=self.variant.size,
            short_side=self.variant.short_side,
            mean=self.variant.mean,
            std=self.variant.std,
            rate_hz=self.variant.rate_hz,
            window=self.receptive_field,
            stride=self.stride,
            pool_window=self.variant.window if isinstance(self.variant, PooledVariant) else None,
            min_progress=self.min_progress,
            threshold=self.threshold,
        )
        save_file(
            {name: value.contiguous() for name, value in self.model.state_dict().items()}, folder / metadata.weights
        )
        metadata.write(folder)

    def optimize(self) -> None:
        """Fold the batch norms; kept only if its answers on random frames stay within 1e-4 of the network's. Resets
        the stream."""
        self._need_weights()
        folded = fold_batch_norm(self.model)
        shape = self.variant.frame_shape
        clip = torch.rand(1, shape[0], self.model.shortest_clip, *shape[1:], device=self.device) * 2 - 1
        with torch.no_grad():
            wanted, got = self.model.clip(clip), folded.clip(clip)
        if not torch.allclose(got, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max())):
            raise RuntimeError(f"the folded network differs by {float((got - wanted).abs().max()):.2g}; it is not used")
        self._use(folded)

    # Inference

    @torch.no_grad()
    def infer(self, data: Frame | Sequence[Frame] | Video) -> list[Category]:
        """One Category per frame given, the scores that stand after it; for a Video one Category of the whole clip
        (the offline answer).

        A frame is an Image or an array (H, W, 3) of uint8 in RGB order, of any size. A Video is (3, T, H, W) uint8, T
        cut to a multiple of the stride; it leaves the stream as it is."""
        self._need_weights()
        if isinstance(data, Video):
            return [self._infer_clip(data)]
        if isinstance(data, Image) or (isinstance(data, np.ndarray) and data.ndim == 3):
            return [self._infer_frame(data)]
        if isinstance(data, str) or not isinstance(data, Sequence):
            raise ValueError(f"expected a frame (H, W, 3) uint8, a list of frames, or a Video, got {_kind(data)}")
        return [self._infer_frame(frame) for frame in data]

    def reset(self) -> None:
        """Forget the stream: the next frame is its first."""
        like = torch.empty(0, device=self.device)
        self._stream = Stream(self._spread.init_state(1, self.variant.frame_shape, like), 0, 0, None)

    def snapshot(self) -> Stream:
        """The stream as it stands. It is a value: nothing that happens later changes it."""
        return self._stream

    def restore(self, stream: Stream) -> None:
        """Go on from a snapshot of this learner, or of another with the same weights."""
        if not isinstance(stream, Stream) or len(stream.stages) != len(self._spread.stages):
            raise ValueError(f"expected what snapshot() of a {self.variant.name} learner gave, got {_kind(stream)}")
        self._stream = stream

    # Inside

    def _infer_frame(self, frame: Frame) -> Category:
        pixels = frame.data if isinstance(frame, Image) else frame
        x = to_input(pixels, self.variant, device=self.device)
        stages, frames, answers, logits = self._stream
        answer, stages = self._spread(x.unsqueeze(0), stages)
        if answer is not None:
            answers += 1
            # The first answers describe the time before the first frame.
            logits = answer[0] if answers > self._lag else None
        self._stream = Stream(stages, frames + 1, answers, logits)
        return self._category()

    def _category(self) -> Category:
        _, frames, answers, logits = self._stream
        field, padding = self.model.timing.receptive_field, self.model.timing.before
        if logits is None:
            return Category(-1, status=Status.WARMING_UP, progress=min(frames, field - padding - 1) / field)
        described = (answers - 1 - self._lag) * self.stride
        progress = min(field, field - padding + described) / field
        return self._score(logits, progress, delay=frames - 1 - described)

    def _score(self, logits: Tensor, progress: float, delay: int = 0) -> Category:
        probabilities = torch.softmax(logits.float(), 0).cpu().numpy()
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        status = Status.VALID if confidence >= self.threshold else Status.UNCERTAIN
        return Category(
            best,
            description=self.labels[best],
            confidence=min(confidence, 1.0),
            probabilities=probabilities,
            status=status if progress >= self.min_progress else Status.WARMING_UP,
            progress=progress,
            delay=delay,
        )

    def _infer_clip(self, video: Video) -> Category:
        pixels = video.data
        frames, least = pixels.shape[1] // self.stride * self.stride, self.model.shortest_clip
        if pixels.dtype != np.uint8 or pixels.shape[0] != 3 or frames < least:
            raise ValueError(
                f"expected a Video (3, T, H, W) of uint8 with T at least {least}, got {pixels.shape} {pixels.dtype}"
            )
        inputs = [to_input(pixels[:, t].transpose(1, 2, 0), self.variant, device=self.device) for t in range(frames)]
        logits = self._running.classify(torch.stack(inputs, dim=1).unsqueeze(0))[0]
        return dataclasses.replace(self._score(logits, min(frames / self.receptive_field, 1.0)), status=Status.VALID)

    def _use(self, network: VideoNetwork) -> None:
        self._running = network
        self._spread = Spread(network)
        self._lag = network.lag_after(0)
        self.reset()

    def _settle(self, min_progress: float, threshold: float) -> None:
        """What the caller asked for stands; these are for what it left open."""
        asked_progress, asked_threshold = self._asked
        self.min_progress = min_progress if asked_progress is None else asked_progress
        self.threshold = threshold if asked_threshold is None else asked_threshold

    def _rebuild(self, saved: Metadata) -> None:
        record = {name: getattr(saved, name) for name in ("size", "short_side", "mean", "std", "rate_hz")}
        if saved.pool_window is not None:
            record["window"] = saved.pool_window
        self.variant = dataclasses.replace(self.variant, classes=len(saved.labels), labels=saved.label_set, **record)
        self.labels, self.label_set = saved.labels, saved.label_set
        self._settle(saved.min_progress, saved.threshold)
        self.model = build_video(self.variant).eval().requires_grad_(False).to(self.device)
        self._loaded = False
        self._use(self.model)

    def _read(self, path: Path) -> None:
        load_checkpoint(self.model, read_checkpoint(path), str(path))
        self._loaded = True
        self._use(self.model)

    def _asset(self) -> str:
        """The name of the published weights, where they can be fetched."""
        if self.variant.weights is None:
            raise FileNotFoundError(
                f"no weights of {self.variant.name} can be fetched from here. Download a checkpoint of its authors "
                "yourself and give it to load(path)"
            )
        return self.variant.weights

    def _need_weights(self) -> None:
        if not self._loaded:
            asset = self.variant.weights
            how = f"load() (after `co-perception weights fetch {asset}`)" if asset else "load(path of a checkpoint)"
            raise RuntimeError(f"{self.variant.name} has no weights yet: call {how}")


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" {tuple(shape)}" if shape is not None else "")
