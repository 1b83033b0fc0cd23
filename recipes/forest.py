"""Random forests as baselines (Breiman, Machine Learning 2001; by scikit-learn): quick, and without settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.samples import Samples
from co_perception.engine.data import SkeletonSequence

TREES = 300
Classify = Callable[[Sequence[SkeletonSequence]], NDArray[np.int64]]


def forest(features: NDArray[Any], labels: Sequence[int] | NDArray[Any]) -> Any:
    """A fitted forest: features (N, F), labels (N,)."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, random_state=0, n_jobs=-1).fit(features, labels)


def window_forest(train: Samples, window: int, step: int = 4) -> Classify:
    """A forest whose features are all coordinates of all frames of a window; trained on overlapping windows."""
    windows = train.windows(window, step)
    model = forest(np.stack([_frames(clip).ravel() for clip, _ in windows]), windows.labels)
    return lambda clips: model.predict(np.stack([_frames(clip).ravel() for clip in clips]))


def frame_forest(train: Samples) -> Classify:
    """A forest of single frames, trained on all of them; the mean of its votes over a window decides."""
    frames = [_frames(clip) for clip, _ in train]
    labels = np.repeat(train.labels, [len(each) for each in frames])
    model = forest(np.concatenate(frames), labels)
    return lambda clips: np.array([model.predict_proba(_frames(clip)).mean(0).argmax() for clip in clips])


def _frames(clip: SkeletonSequence) -> NDArray[np.float32]:
    """(T, 2 V): coordinates of each frame, as the data set gives them, centered and scaled."""
    return clip.data[:2, ..., 0].transpose(1, 2, 0).reshape(clip.data.shape[1], -1)
