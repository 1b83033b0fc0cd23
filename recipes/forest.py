"""Random forests (Breiman 2001, by scikit-learn) as the figure to beat: quick, without settings, and good at this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.samples import Samples
from co_perception.engine.data import SkeletonSequence

TREES = 300
Classify = Callable[[Sequence[SkeletonSequence]], NDArray[np.int64]]


def forest(features: NDArray[Any], labels: Sequence[int]) -> Any:
    """A forest that was fitted to these."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, random_state=0, n_jobs=-1).fit(features, labels)


def window_forest(train: Samples, window: int, step: int = 4) -> Classify:
    """Sees a whole window: all coordinates of all its frames; trained on overlapping windows."""
    windows = train.windows(window, step)
    model = forest(np.stack([_frames(clip).ravel() for clip, _ in windows]), windows.labels)
    return lambda clips: model.predict(np.stack([_frames(clip).ravel() for clip in clips]))


def frame_forest(train: Samples) -> Classify:
    """Sees single frames, trained on all there are; the mean of its votes over a window decides."""
    frames = [_frames(clip) for clip, _ in train]
    labels = np.repeat(train.labels, [len(each) for each in frames])
    model = forest(np.concatenate(frames), labels)
    return lambda clips: np.array([model.predict_proba(_frames(clip)).mean(0).argmax() for clip in clips])


def _frames(clip: SkeletonSequence) -> NDArray[np.float32]:
    """(T, 2 V): coordinates of each frame, as the data set gives them, centred and scaled."""
    return clip.data[:2, ..., 0].transpose(1, 2, 0).reshape(clip.data.shape[1], -1)
