"""Activity recognition from feature vectors, step by step, under OpenDR's learner interface."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.continual.layer import Streaming
from co_perception.continual.state import State, tree_map
from co_perception.engine.data import Timeseries, Vector
from co_perception.engine.learners import Dataset
from co_perception.engine.target import Category
from co_perception.engine.time import frames_at_rate
from co_perception.learners.base import StepperFactory, host_array
from co_perception.learners.metadata import FeatureMetadata, Metadata, restored
from co_perception.learners.options import OptionKeywords
from co_perception.learners.trainable import Pairs, TrainableLearner, indexed
from co_perception.networks.oadtr import CoOadTR, Standardize, load_checkpoint
from co_perception.networks.variants_features import FEATURE_VARIANTS, FeatureVariant, feature_variant
from co_perception.training.config import TrainConfig
from co_perception.training.examples import Examples

if TYPE_CHECKING:
    from typing import Unpack  # from Python 3.11 on


class FeatureStream(NamedTuple):
    """A running feature stream: a value that `snapshot` returns and `restore` takes."""

    state: State  # of the network
    frames: int  # so far


class ContinualTransformerLearner(TrainableLearner):
    """Recognizes activities in a stream of feature vectors: of an extractor's, or of a sensor's few numbers.

    Every frame is answered from the last `window` ones. Before the window is full, the answer is that of the frames so
    far, and `min_progress` says from which share of the window on it counts.

    Where the record says `standardized`, `fit` measures the mean and deviation of each feature, and they are part of
    the weights from then on. One stream; one thread at a time.

    Args:
        network: name of a network over features, or a record of one's own.
        features: numbers of a frame, where they are not those of the record.
        window: frames of the attention, likewise.
        depth: encoder blocks, likewise.
        options: the fields of `LearnerOptions`.
    """

    kind = FeatureMetadata
    model: CoOadTR
    variant: FeatureVariant
    _stream: FeatureStream

    def __init__(
        self,
        network: str | FeatureVariant = "cooadtr_b1",
        *,
        features: int | None = None,
        window: int | None = None,
        depth: int | None = None,
        **options: Unpack[OptionKeywords],
    ) -> None:
        super().__init__(feature_variant(network, features=features, depth=depth, window=window), **options)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(features,) of an input frame."""
        return self.model.frame_shape

    @torch.no_grad()
    def infer(self, data: Vector | Sequence[Vector] | Timeseries) -> list[Category]:
        """Answer feature vectors of the stream, or a whole series.

        Args:
            data: vectors; or a Timeseries, which leaves the stream as it is: what a fresh stream would answer at its
                last frame.

        Returns:
            One Category per vector, the scores after it; for a Timeseries one Category.

        Raises:
            ValueError: for another number of features, and where one is NaN or infinite.
        """
        self._need_weights()
        if isinstance(data, Timeseries):
            rows = at_rate(data, self.variant)
            logits = self.model.clip(to_input(rows).to(self.device)[None])[0, :, -1]
            answer = self._score(host_array(logits), 1.0)
            return [dataclasses.replace(answer, progress=min(len(rows) / self.receptive_field, 1.0))]
        vectors = list(data) if isinstance(data, Sequence) else [data]
        if not all(isinstance(vector, Vector) for vector in vectors):
            raise ValueError(
                f"expected a Vector, a list of them, or a Timeseries, got {type(data).__name__}: an array of features "
                "becomes Vector(array), one of (time, features) Timeseries(array)"
            )
        for vector in vectors:
            check_features(vector.data[None], self.variant)
        answers = []
        for vector in vectors:
            x = to_input(vector.data[None]).to(self.device)
            logits, state = self._steps(x[None], self._stream.state)
            self._stream = FeatureStream(state, self._stream.frames + 1)
            answers.append(
                self._score(host_array(logits[0, :, 0]), min(self._stream.frames / self.receptive_field, 1.0))
            )
        return answers

    def reset(self) -> None:
        self._stream = FeatureStream(self._steps.init_state(1), 0)

    def snapshot(self) -> FeatureStream:
        """The stream as a value, which nothing that happens later changes."""
        return self._stream

    def restore(self, stream: FeatureStream) -> None:
        """Go on from a snapshot of this learner, or of another with the same weights."""
        if not isinstance(stream, FeatureStream):
            raise ValueError(f"expected what snapshot() gave, got {type(stream).__name__}")
        tree_map(_check_fits, self._stream.state, stream.state)
        self._stream = stream

    def fit(self, dataset: Dataset, val_dataset: Dataset | None = None, **settings: Any) -> dict[str, Any]:
        pairs = indexed(dataset)
        if self.variant.standardized and not (self._loaded or self.begun):
            rows = [series_rows(pairs, index, self.variant) for index in range(len(pairs))]
            cast(Standardize, self.model.get_submodule("standard")).measure(torch.from_numpy(np.concatenate(rows)))
        return super().fit(pairs, val_dataset, **settings)

    def _training_network(self, config: TrainConfig, examples: Examples) -> Streaming:
        network = super()._training_network(config, examples)
        if self.variant.standardized:
            network.get_submodule("standard").load_state_dict(self.model.get_submodule("standard").state_dict())
        return network

    def _examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> FeatureExamples:
        """Windows as long as the shortest example, in clip mode at most the attention window."""
        shortest = min((len(series_rows(dataset, index, self.variant)) for index in range(len(labels))), default=0)
        frames = min(shortest, self.variant.window) if config.mode == "clip" else shortest
        return FeatureExamples(dataset, labels, self.variant, frames)

    def _network(self) -> CoOadTR:
        return CoOadTR(self.variant)

    def _load_weights(self, checkpoint: Mapping[str, Any], source: str) -> None:
        load_checkpoint(self.model, checkpoint, source)

    def _restored(self, saved: Metadata) -> FeatureVariant:
        record = restored(self.variant, saved)
        return dataclasses.replace(record, window=record.window_of(saved.window))

    def _use(self, network: CoOadTR, make: StepperFactory) -> None:
        self._steps = make(network, network.frame_shape)
        self._run_with([self._steps])
        self.reset()

    def _published_classes(self) -> int:
        return FEATURE_VARIANTS.get(self.variant.name, self.variant).classes


def _check_fits(own: Tensor, given: Tensor) -> Tensor:
    if own.shape != given.shape:
        raise ValueError(f"this is a stream of another network: {tuple(given.shape)} instead of {tuple(own.shape)}")
    return given


def check_features(values: NDArray[np.float32], variant: FeatureVariant) -> None:
    """Raises: ValueError for rows (T, features) with another number of features, or where one is NaN or infinite."""
    if values.shape[-1] != variant.features:
        raise ValueError(
            f"{variant.name} takes {variant.features} features a frame, got shape {values.shape}: build the learner "
            f"with features={values.shape[-1]}, or give time first, (time, features)"
        )
    if not np.isfinite(values).all():
        raise ValueError("a feature is NaN or infinite: leave such a frame out, or repeat the one before")


def to_input(rows: NDArray[np.float32]) -> Tensor:
    """Network input (features, T) from rows (T, features)."""
    return torch.from_numpy(np.ascontiguousarray(rows.T))


def at_rate(series: Timeseries, variant: FeatureVariant) -> NDArray[np.float32]:
    """Rows (T, features) at the network's rate: those nearest in time. Raises ValueError where theirs is unknown."""
    check_features(series.data, variant)
    return series.data[frames_at_rate(len(series.data), series.rate_hz, variant.rate_hz)]


@dataclass(frozen=True, eq=False)
class FeatureExamples:
    """(Timeseries, Category) pairs as inputs of a network: the newest `frames` rows of each, in training any run."""

    dataset: Pairs  # by index, each read when it is needed
    labels: Sequence[int]
    variant: FeatureVariant
    frames: int

    def __len__(self) -> int:
        return len(self.labels)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """(features, frames) float32."""
        rows = series_rows(self.dataset, index, self.variant)
        spare = len(rows) - self.frames
        start = spare if rng is None else int(rng.integers(spare + 1))
        return to_input(rows[start : start + self.frames])


def series_rows(dataset: Pairs, index: int, variant: FeatureVariant) -> NDArray[np.float32]:
    """Rows (T, features) of one example at the network's rate. Raises: ValueError that names the example."""
    series = dataset[index][0]
    if not isinstance(series, Timeseries):
        raise ValueError(f"example {index}: expected a Timeseries (time, features), got {type(series).__name__}")
    try:
        return at_rate(series, variant)
    except ValueError as error:
        raise ValueError(f"example {index}: {error}") from error
