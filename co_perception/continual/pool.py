"""Average and maximum pooling over time and space as streaming layers.

A window of k frames pools each frame once over space and keeps k-1 pooled frames: the spatial work is never repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from co_perception.continual import history
from co_perception.continual.conv import Padding, pad_axes, pairs, pooled_length, usable
from co_perception.continual.history import History
from co_perception.continual.layer import TIME, Clock, Signal, Streaming, through
from co_perception.continual.timing import Timing

Size = int | Sequence[int]
NEVER = float("-inf")  # what a border is worth to a maximum


class _Pool(Streaming):
    """Geometry that average and maximum share. Time is the first axis of kernel_size, stride and padding."""

    axes: ClassVar[int]

    def __init__(self, kernel_size: Size, *, stride: Size | None = None, padding: Padding = 0) -> None:
        super().__init__()
        self.kernel_size = _tuple(kernel_size, self.axes)
        self.stride = self.kernel_size if stride is None else _tuple(stride, self.axes)
        self.pads = pairs(padding, self.axes)
        self.timing = Timing(self.kernel_size[0], self.stride[0], *self.pads[0])

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.pads}"

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        pooled = Signal(self.frame_out(signal.shape), signal.lag)
        return history.init(batch_size, self.timing.context(signal.lag), pooled, like)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        geometry = zip(shape[1:], self.kernel_size[1:], self.stride[1:], self.pads[1:], strict=True)
        return (shape[0], *(pooled_length(*axis) for axis in geometry))

    def _taps(self, window: Tensor) -> list[Tensor]:
        """The k frames of every window position: each (B, C, T', *space)."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        steps = (window.shape[TIME] - kernel) // stride + 1
        return [window[:, :, tap : tap + (steps - 1) * stride + 1 : stride] for tap in range(kernel)]


class _MaxPool(_Pool):
    """Maximum over a window. Borders are -inf, as in torch."""

    def clip(self, x: Tensor) -> Tensor:
        return self._over_time(pad_axes(self._over_space(x), (self.pads[0], *[(0, 0)] * (self.axes - 1)), NEVER))

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        x = self._over_space(x)
        window, kept = history.join(past, x), history.push(past, x)
        if self.timing.before <= 0 and (self.timing.after <= 0 or clock.end is None):
            return self._over_time(usable(window, self.timing, clock.lag)), kept
        # The whole window, not only x: what a fresh history holds is zero, and zero is no border of a maximum.
        window = history.mask_outside(window, clock._replace(start=clock.start - len(past)), NEVER)
        y = self._over_time(usable(window, self.timing, clock.lag))
        # Windows that lie wholly outside the clip are -inf now; later layers would make NaN of them.
        return history.mask_outside(y, through(self, clock), 0.0), kept

    def _over_space(self, x: Tensor) -> Tensor:
        if set(self.kernel_size[1:]) <= {1} and set(self.stride[1:]) <= {1}:
            return x
        return _POOLS["max"][self.axes](pad_axes(x, self.pads[1:], NEVER), (1, *self.kernel_size[1:]), (1, *self.stride[1:]))

    def _over_time(self, window: Tensor) -> Tensor:
        taps = self._taps(window)
        pooled = taps[0]
        for tap in taps[1:]:
            pooled = torch.maximum(pooled, tap)
        return pooled


class _AvgPool(_Pool):
    """Mean over a window; padded frames and pixels count as zeros, as in torch's default."""

    def clip(self, x: Tensor) -> Tensor:
        return self._over_time(pad_axes(self._over_space(x), (self.pads[0], *[(0, 0)] * (self.axes - 1))))

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        x = self._over_space(x)
        if self.timing.before > 0 or (self.timing.after > 0 and clock.end is not None):
            x = history.mask_outside(x, clock, 0.0)
        return self._over_time(usable(history.join(past, x), self.timing, clock.lag)), history.push(past, x)

    def _over_space(self, x: Tensor) -> Tensor:
        if set(self.kernel_size[1:]) <= {1} and set(self.stride[1:]) <= {1}:
            return x
        return _POOLS["avg"][self.axes](pad_axes(x, self.pads[1:]), (1, *self.kernel_size[1:]), (1, *self.stride[1:]))

    def _over_time(self, window: Tensor) -> Tensor:
        return torch.stack(self._taps(window)).sum(0) / self.kernel_size[0]


class AvgPool1d(_AvgPool):
    """Streaming `torch.nn.AvgPool1d` on x (B, C, T)."""

    axes = 1


class AvgPool2d(_AvgPool):
    """Streaming `torch.nn.AvgPool2d` on x (B, C, T, V)."""

    axes = 2


class AvgPool3d(_AvgPool):
    """Streaming `torch.nn.AvgPool3d` on x (B, C, T, H, W)."""

    axes = 3


class MaxPool1d(_MaxPool):
    """Streaming `torch.nn.MaxPool1d` on x (B, C, T)."""

    axes = 1


class MaxPool2d(_MaxPool):
    """Streaming `torch.nn.MaxPool2d` on x (B, C, T, V)."""

    axes = 2


class MaxPool3d(_MaxPool):
    """Streaming `torch.nn.MaxPool3d` on x (B, C, T, H, W)."""

    axes = 3


_POOLS = {
    "max": {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d},
    "avg": {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d},
}


def _tuple(size: Size, axes: int) -> tuple[int, ...]:
    each = (size,) * axes if isinstance(size, int) else tuple(size)
    if len(each) != axes:
        raise ValueError(f"expected one size for each of {axes} axes (time first), got {size}")
    return each
