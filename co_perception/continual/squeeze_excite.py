"""Squeeze and excitation (Hu et al., CVPR 2018) over the frames that a stream has."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.history import History
from co_perception.continual.layer import TIME, Clock, Frames, Signal, Streaming
from co_perception.continual.pool import AvgPool1d


class SqueezeExcite(Streaming):
    """Scale each channel of x (B, C, T, H, W) by a gate computed from the frame's mean over space.

    channels, width: of the frame and of the bottleneck. Two 1x1x1 convolutions with biases, `fc1` and `fc2`, named as
    in PySlowFast's X3D blocks, with ReLU between and a sigmoid after. window: frames whose mean the gate is computed
    from: the newest and those before it that lie in the clip. 1 is what the published continual X3D networks do. The
    offline X3D takes the mean over the whole clip, which no stream has.
    """

    def __init__(self, channels: int, width: int, *, window: int = 1) -> None:
        super().__init__()
        self.fc1 = nn.Conv3d(channels, width, 1)
        self.fc2 = nn.Conv3d(width, channels, 1)
        self.mean = AvgPool1d(window, stride=1, padding=[(window - 1, 0)], count_include_pad=False)
        self.timing = self.mean.timing

    def clip(self, x: Tensor) -> Tensor:
        return x * self._gate(self.mean.clip(x.mean((3, 4))))

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        squeezed, past = self.mean.stream(x.mean((3, 4)), past, clock)
        return x * self._gate(squeezed), past

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        means = tuple(frame.mean((2, 3), keepdim=True) for frame in frames)
        if self.timing.receptive_field > 1:
            y, past = self.mean.stream(torch.stack(means, TIME).flatten(2), past, clock)
            means = tuple(mean[..., None, None] for mean in y.unbind(TIME))
        return tuple(frame * self._frame_gate(mean) for frame, mean in zip(frames, means, strict=True)), past

    def _frame_gate(self, squeezed: Tensor) -> Tensor:
        """(B, C, 1, 1) of the mean (B, C, 1, 1), as convolutions over the plane."""
        narrow = torch.relu(F.conv2d(squeezed, self.fc1.weight.squeeze(2), self.fc1.bias))
        return torch.sigmoid(F.conv2d(narrow, self.fc2.weight.squeeze(2), self.fc2.bias))

    def settles(self, lag: int) -> int:
        return self.mean.settles(lag)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        return self.mean.init_history(batch_size, Signal(signal.shape[:1], signal.lag), like)

    def _gate(self, squeezed: Tensor) -> Tensor:
        """(B, C, T, 1, 1) of the mean (B, C, T)."""
        return torch.sigmoid(self.fc2(torch.relu(self.fc1(squeezed[..., None, None]))))
