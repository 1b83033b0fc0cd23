"""CoTcn: a causal temporal network over the joints of one person, with an answer for every frame and no delay.

Dilated causal convolutions with residual connections (Bai, Kolter and Koltun, 2018, arXiv:1803.01271) over all joints
of a frame at once: no graph, so a step is a handful of small products. Before the first frame lie zeros, as in
training, so that a person is answered from the first frame on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual import history
from co_perception.continual.history import History
from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.state import Tree
from co_perception.continual.timing import Clock, Signal, Timing
from co_perception.networks.body_change import CHANGES, PLACED, BodyChange, check_placed
from co_perception.networks.checkpoints import load_strictly, unwrap
from co_perception.networks.variants_skeleton import COTCN, TemporalVariant
from co_perception.skeletons.layouts import layout

FARTHEST, FASTEST = 3.0, 0.5  # torsos, and torsos per frame: what is more is damage
JOINT_FEATURES, PLACE_FEATURES = 5, 2


class JointMotion(Streaming):
    """Features of joints and their motion: x (B, 6, T, V, 1) as of `normalize.placed` to (B, 5 V + 2, T).

    They are x, y of each joint, the presence of each, what each joint has moved in the picture since the frame before,
    and what the whole body has, in torsos. What was not visible in both frames has not moved.
    """

    def __init__(self, joints: int) -> None:
        super().__init__()
        self.joints = joints
        self.timing = Timing(2, 1, 1, 0)

    def clip(self, x: Tensor) -> Tensor:
        before = torch.cat([torch.zeros_like(x[:, :, :1]), x[:, :, :-1]], TIME)
        return self._features(x, before)

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        window = history.join(past, history.mask_outside(x, clock, 0.0))
        return self._features(window[:, :, 1:], window[:, :, :-1]), history.newest(window, past, x.shape[TIME])

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, Tree]:
        frames = history.mask_frames(frames, clock)
        befores = (*history.frames_of(past), *frames[:-1])
        answers = tuple(self._features(frame, before) for frame, before in zip(frames, befores, strict=True))
        return answers, history.push_frames(past, frames)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        check_placed(signal, self.joints)
        return history.init(batch_size, 1, signal, like)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (JOINT_FEATURES * self.joints + PLACE_FEATURES,)

    def settles(self, lag: int) -> int:
        return lag + 1

    def _features(self, x: Tensor, before: Tensor) -> Tensor:
        """Of frames (B, 6, ..., V, 1), with or without T, and those before them."""
        x, before = x.squeeze(-1), before.squeeze(-1)
        joints, visible, place, size = x[:, 0:2], x[:, 2:3], x[:, 3:5], x[:, 5:6]
        joints0, visible0, place0, size0 = before[:, 0:2], before[:, 2:3], before[:, 3:5], before[:, 5:6]
        both = visible * visible0
        unit = size + (visible * -1 + 1)  # never zero
        moved = (place - place0 + joints * size - joints0 * size0) / unit * both
        progress = (place - place0) / unit * both
        count = torch.relu(both.mean(-1) * self.joints - 1) + 1
        body = progress.mean(-1) * self.joints / count
        bounded = [_bounded(joints, FARTHEST), visible, _bounded(moved, FASTEST) / FASTEST]
        return torch.cat([*(_side_by_side(each) for each in bounded), _bounded(body, FASTEST) / FASTEST], 1)


def _bounded(x: Tensor, most: float) -> Tensor:
    """x within -most .. most, of operations that every backend has."""
    return torch.relu(torch.relu(x + most) * -1 + 2 * most) * -1 + most


def _side_by_side(x: Tensor) -> Tensor:
    """(B, V * C, ...) of x (B, C, ..., V), joint by joint."""
    return x.movedim(-1, 1).flatten(1, 2)


class CoTcn(co.Sequential):
    """Temporal network of one person: x (B, 6, T, V, 1) to logits (B, classes, T)."""

    def __init__(self, variant: TemporalVariant = COTCN) -> None:
        joints, width = len(layout(variant.layout)), variant.width
        features = JOINT_FEATURES * joints + PLACE_FEATURES
        motion: Streaming = JointMotion(joints)
        if variant.body_memory:
            features += CHANGES
            motion = co.Parallel({"joints": motion, "body": BodyChange(joints, variant.body_memory)}, reduce="concat")
        blocks = OrderedDict(
            (f"block{number + 1}", _block(width, variant.kernel, dilation, variant.dropout))
            for number, dilation in enumerate(variant.dilations)
        )
        super().__init__(
            OrderedDict(
                motion=motion,
                data_bn=nn.BatchNorm1d(features),
                embed=co.Conv1d(features, width, 1),
                bn=nn.BatchNorm1d(width),
                relu=nn.ReLU(),
                **blocks,
                fc=co.Linear(width, variant.classes),
            )
        )
        self.variant = variant

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(C, V, M) of an input frame."""
        return (PLACED, len(layout(self.variant.layout)), 1)

    def classify(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of whole clips x (B, 6, T, V, 1): the mean of the newest half of the frames' answers."""
        return self.classify_features(self.clip_features(x))

    def clip_features(self, x: Tensor) -> Tensor:
        """Features (B, F) that the classifier reads of whole clips: the mean of the newest half of the frames'."""
        for layer in self.layers[:-1]:
            x = layer.clip(x)
        return x[:, :, x.shape[TIME] // 2 :].mean(TIME)

    def classify_features(self, features: Tensor) -> Tensor:
        """Logits (B, classes) of features (B, F) as of `clip_features`."""
        return self.layers[-1].clip(features.unsqueeze(TIME)).squeeze(TIME)


def _block(width: int, kernel: int, dilation: int, dropout: float) -> co.Sequential:
    body = co.Sequential(
        OrderedDict(
            conv=co.Conv1d(width, width, kernel, dilation=dilation, padding=((dilation * (kernel - 1), 0),)),
            bn=nn.BatchNorm1d(width),
            dropout=nn.Dropout1d(dropout),
        )
    )
    return co.Sequential(OrderedDict(sum=co.Residual(body), relu=nn.ReLU()))


def load_checkpoint(network: CoTcn, checkpoint: Mapping[str, object], source: str = "the checkpoint") -> None:
    """Load weights saved here: all of them or none. Raises: ValueError that names `source` and every misfit."""
    load_strictly(network, unwrap(checkpoint), f"{source} is not for {network.variant.name}")
