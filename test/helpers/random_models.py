"""Saved models with random weights whose answers differ from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from co_perception.engine.target import Pose
from co_perception.learners.skeleton import ContinualSkeletonLearner
from helpers.drawn_people import ACTIVITIES, RATE_HZ, Figure

SMALL = 1e-4


def skeleton_model(folder: Path, classes: Sequence[str], seed: int = 0) -> Path:
    """A folder with `costgcn_short`."""
    torch.manual_seed(seed)
    learner = ContinualSkeletonLearner("costgcn_short", classes=list(classes), threads=1)
    (classifier,) = (module for name, module in learner.model.named_modules() if name.endswith("fc"))
    for name, value in [*learner.model.named_parameters(), *learner.model.named_buffers()]:
        if name.endswith(("bn.weight", "running_var")):
            value.data.uniform_(0.5, 1.5)
        elif name.endswith("fc.weight"):
            value.data.normal_(0, SMALL)
    learner._loaded = True
    found = []
    for activity in ACTIVITIES:
        learner.reset()
        for frame in range(40):
            joints = Figure(activity, 1).frame(frame / RATE_HZ)[:, [0, 1, 3]]
            (answer,) = learner.infer([Pose(joints, id="a")])
            if answer.probabilities is not None:
                found.append(np.log(answer.probabilities))
    logits = np.array(found, np.float32)  # (frames, classes), up to what is added to all classes alike
    # Spread out over what people do: as they come, the scores of random weights all say the same.
    scale = 1.5 / logits.std(axis=0).mean()
    weight, bias = (getattr(classifier, name).data for name in ("weight", "bias"))
    bias -= torch.from_numpy(logits.mean(axis=0))
    weight *= scale
    bias *= scale
    learner.reset()
    learner.save(folder)
    return folder
