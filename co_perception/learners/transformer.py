"""Activity recognition from feature vectors, step by step, under OpenDR's learner interface."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from co_perception.continual.state import State, tree_map
from co_perception.engine.data import Timeseries, Vector
from co_perception.engine.learners import Dataset
from co_perception.engine.target import Category
from co_perception.learners.base import Make
from co_perception.learners.features import FeatureExamples, at_rate, checked, series_rows, to_input
from co_perception.learners.metadata import FeatureMetadata, Metadata, restored
from co_perception.learners.trainable import Pairs, TrainableLearner
from co_perception.networks.oadtr import CoOadTR, load_checkpoint
from co_perception.networks.variants_features import FEATURE_VARIANTS, FeatureVariant, feature_variant
from co_perception.training.config import TrainConfig


class Stream(NamedTuple):
    """A running recogniser: a value that `snapshot` hands out and `restore` takes. frames: given so far."""

    state: State
    frames: int


class ContinualTransformerLearner(TrainableLearner):
    """Recognises activities in a stream of feature vectors: of an extractor's, or of a sensor's few numbers.

    Every frame is answered from the last `window` ones. Before as many were seen, the answer is that of those there
    are, and `min_progress` says from which share of the window on it counts.

    Where the record says `standardised`, `fit` measures the mean and deviation of each feature, and they are part of
    the weights from then on.

    network: name of a network over features, or a record of one's own; features, window, depth: instead of its numbers
    of a frame, frames and blocks; the others as in `NetworkLearner`. One stream; one thread at a time.
    """

    kind = FeatureMetadata
    model: CoOadTR

    def __init__(
        self,
        network: str | FeatureVariant = "cooadtr_b1",
        *,
        features: int | None = None,
        window: int | None = None,
        depth: int | None = None,
        classes: Sequence[str] | None = None,
        device: str = "cpu",
        min_progress: float | None = None,
        threshold: float | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(
            feature_variant(network, features=features, depth=depth, window=window),
            classes=classes,
            device=device,
            min_progress=min_progress,
            threshold=threshold,
            threads=threads,
        )

    # Inference

    @torch.no_grad()
    def infer(self, data: Vector | Sequence[Vector] | Timeseries) -> list[Category]:
        """One Category per feature vector, the scores after it; for a Timeseries one Category of its last frame, which
        leaves the stream as it is: what a fresh stream would answer there.

        Raises: ValueError for another number of features, and where one is NaN or infinite."""
        self._need_weights()
        if isinstance(data, Timeseries):
            return [self._infer_clip(data)]
        vectors: list[Any] = list(data) if isinstance(data, Sequence) else [data]
        if not all(isinstance(vector, Vector) for vector in vectors):
            raise ValueError(
                f"expected a Vector, a list of them, or a Timeseries, got {type(data).__name__}: an array of features "
                "becomes Vector(array), one of (time, features) Timeseries(array)"
            )
        for vector in vectors:
            checked(vector.data[None], self.variant)
        return [self._infer_vector(vector) for vector in vectors]

    def reset(self) -> None:
        """Forget the stream: the next frame is its first."""
        self._stream = Stream(self._steps.init_state(1), 0)

    def snapshot(self) -> Stream:
        """The stream as it stands. It is a value: nothing that happens later changes it."""
        return self._stream

    def restore(self, stream: Stream) -> None:
        """Go on from a snapshot of this learner, or of another with the same weights."""
        if not isinstance(stream, Stream):
            raise ValueError(f"expected what snapshot() gave, got {type(stream).__name__}")
        tree_map(_check_fits, self._stream.state, stream.state)
        self._stream = stream

    # Training

    def fit(self, dataset: Dataset, val_dataset: Dataset | None = None, **settings: Any) -> dict[str, Any]:
        """As `TrainableLearner.fit`."""
        pairs: Any = dataset if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") else list(dataset)
        if self.variant.standardised and not (self._loaded or self.begun):
            rows = [series_rows(pairs, place, self.variant) for place in range(len(pairs))]
            standard: Any = self.model.get_submodule("standard")
            standard.measure(torch.from_numpy(np.concatenate(rows)))
        return super().fit(pairs, val_dataset, **settings)

    def _pupil(self, seed: int) -> CoOadTR:
        network: CoOadTR = super()._pupil(seed)
        if self.variant.standardised:
            network.get_submodule("standard").load_state_dict(self.model.get_submodule("standard").state_dict())
        return network

    def _examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> FeatureExamples:
        """Windows as long as the shortest example; a clip is answered by what the network attends to."""
        shortest = min((len(series_rows(dataset, place, self.variant)) for place in range(len(labels))), default=0)
        frames = min(shortest, self.variant.window) if config.mode == "clip" else shortest
        return FeatureExamples(dataset, labels, self.variant, frames)

    # Inside

    def _infer_vector(self, vector: Vector) -> Category:
        x = to_input(vector.data[None]).to(self.device)
        answer, state = self._steps(x[None], self._stream.state)
        self._stream = Stream(state, self._stream.frames + 1)
        return self._score(answer[0, :, 0], min(self._stream.frames / self.receptive_field, 1.0))

    def _infer_clip(self, series: Timeseries) -> Category:
        rows = at_rate(series, self.variant)
        answers = self.model.clip(to_input(rows).to(self.device)[None])
        answer = self._score(answers[0, :, -1], 1.0)
        return dataclasses.replace(answer, progress=min(len(rows) / self.receptive_field, 1.0))

    def _network(self) -> CoOadTR:
        return CoOadTR(self.variant)

    def _load_weights(self, checkpoint: Mapping[str, Any], source: str) -> None:
        load_checkpoint(self.model, checkpoint, source)

    def _restored(self, saved: Metadata) -> FeatureVariant:
        record: FeatureVariant = restored(self.variant, saved)
        return dataclasses.replace(record, window=saved.window - record.reach)

    def _use(self, network: CoOadTR, make: Make) -> None:
        self._steps = make(network, tuple(network.frame_shape))
        self._run_with([self._steps])
        self.reset()

    def _published_classes(self) -> int:
        return FEATURE_VARIANTS.get(self.variant.name, self.variant).classes


def _check_fits(own: Tensor, given: Tensor) -> Tensor:
    if own.shape != given.shape:
        raise ValueError(f"this is a stream of another network: {tuple(given.shape)} instead of {tuple(own.shape)}")
    return given
