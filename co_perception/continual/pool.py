"""Average and maximum pooling over time and space as streaming layers.

A window of k frames pools each frame once over space and keeps k-1 pooled frames: the spatial work is never repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from co_perception.continual import history
from co_perception.continual.conv import Padding, pad_axes, pairs, pooled_length, usable, usable_frames
from co_perception.continual.history import History
from co_perception.continual.layer import TIME, Clock, Frames, Signal, Streaming, through
from co_perception.continual.timing import Timing

Size = int | Sequence[int]
NEVER = float("-inf")  # what a border is worth to a maximum


class _Pool(Streaming):
    """Geometry that average and maximum share. Time is the first axis of kernel_size, stride, padding and dilation."""

    axes: ClassVar[int]

    def __init__(
        self,
        kernel_size: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        if ceil_mode:
            raise ValueError(
                "ceil_mode adds an output where a clip's length leaves a remainder, which a stream cannot know before "
                "its end. Pad the end instead: padding=[(before, after), ...]"
            )
        self.kernel_size = _tuple(kernel_size, self.axes)
        self.stride = self.kernel_size if stride is None else _tuple(stride, self.axes)
        self.pads = pairs(padding, self.axes)
        self.dilation = _tuple(dilation, self.axes)
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        if any(max(pad) >= span for pad, span in zip(self.pads, spans, strict=True)):
            raise ValueError(
                f"padding {self.pads} must be less than the window {spans}: no output is made of padding alone"
            )
        self.timing = Timing(spans[0], self.stride[0], *self.pads[0])

    def extra_repr(self) -> str:
        dilation = f", dilation={self.dilation}" if set(self.dilation) != {1} else ""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.pads}{dilation}"

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        pooled = Signal(self.frame_out(signal.shape), signal.lag)
        return history.init(batch_size, self.timing.context(signal.lag), pooled, like)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        geometry = zip(shape[1:], self.kernel_size[1:], self.stride[1:], self.pads[1:], self.dilation[1:], strict=True)
        return (shape[0], *(pooled_length(*axis) for axis in geometry))

    def _frame_over_space(self, frame: Tensor) -> Tensor:
        """What pooling over space makes of one frame (B, C, *space)."""
        return self._over_space(frame.unsqueeze(TIME)).squeeze(TIME)

    def _over_space(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _answers(self, window: Frames, lag: int) -> list[Frames]:
        """The frames, one by one, that each answer of a step is pooled from."""
        window = usable_frames(window, self.timing, lag)
        field, stride, dilation = self.timing.receptive_field, self.stride[0], self.dilation[0]
        return [window[start : start + field : dilation] for start in range(0, len(window) - field + 1, stride)]

    def _leaves_space_alone(self) -> bool:
        return set(self.kernel_size[1:]) <= {1} and set(self.stride[1:]) <= {1}

    def _pad_time(self, x: Tensor, fill: float) -> Tensor:
        return pad_axes(x, (self.pads[0], *[(0, 0)] * (x.dim() - 3)), fill)

    def _masks(self, clock: Clock) -> bool:
        """Whether frames outside the clip may lie in a window."""
        return self.timing.before > 0 or (self.timing.after > 0 and clock.end is not None)


class _MaxPool(_Pool):
    """Maximum over a window. Borders are -inf, as in torch."""

    def clip(self, x: Tensor) -> Tensor:
        return self._over_time(self._pad_time(self._over_space(x), NEVER))

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        x = self._over_space(x)
        window, kept = history.join(past, x), history.push(past, x)
        if not self._masks(clock):
            return self._over_time(usable(window, self.timing, clock.lag)), kept
        # The whole window, not only x: what a fresh history holds is zero, and zero is no border of a maximum.
        window = history.mask_outside(window, history.clock_of_window(clock, past), NEVER)
        y = self._over_time(usable(window, self.timing, clock.lag))
        # Windows that lie wholly outside the clip are -inf now; later layers would make NaN of them.
        return history.mask_outside(y, through(self, clock), 0.0), kept

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        if self._masks(clock) and not clock.settled:
            return super().unrolled(frames, past, clock)
        frames = tuple(self._frame_over_space(frame) for frame in frames)
        window = (*history.frames_of(past), *frames)
        answers = tuple(reduce(torch.maximum, pooled) for pooled in self._answers(window, clock.lag))
        return answers, history.push_frames(past, frames)

    def _over_space(self, x: Tensor) -> Tensor:
        padded = pad_axes(x, self.pads[1:], NEVER)
        if self._leaves_space_alone():
            return padded
        kernel, stride, dilation = ((1, *size[1:]) for size in (self.kernel_size, self.stride, self.dilation))
        return _POOLS["max"][self.axes](padded, kernel, stride, 0, dilation)

    def _over_time(self, window: Tensor) -> Tensor:
        stride, dilation = self.stride[0], self.dilation[0]
        steps = (window.shape[TIME] - self.timing.receptive_field) // stride + 1
        pooled = window[:, :, : (steps - 1) * stride + 1 : stride]
        for first in range(dilation, self.timing.receptive_field, dilation):
            pooled = torch.maximum(pooled, window[:, :, first : first + (steps - 1) * stride + 1 : stride])
        return pooled


class _AvgPool(_Pool):
    """Mean over a window. count_include_pad: whether padded frames and pixels count as zeros, as in torch."""

    def __init__(
        self,
        kernel_size: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
        self.count_include_pad = count_include_pad

    def clip(self, x: Tensor) -> Tensor:
        inside = x.new_ones(1, 1, x.shape[TIME])
        return self._over_time(self._pad_time(self._over_space(x), 0.0), self._pad_time(inside, 0.0))

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        x = self._over_space(x)
        if self._masks(clock):
            x = history.mask_outside(x, clock, 0.0)
        window = history.join(past, x)
        inside = history.clock_of_window(clock, past).inside(window.shape[TIME]).to(x.dtype).unsqueeze(1)
        y = self._over_time(usable(window, self.timing, clock.lag), usable(inside, self.timing, clock.lag))
        return y, history.push(past, x)

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        masks = self._masks(clock) and not clock.settled
        if masks and not self.count_include_pad:
            return super().unrolled(frames, past, clock)
        frames = tuple(self._frame_over_space(frame) for frame in frames)
        frames = history.mask_frames(frames, clock) if masks else frames
        if isinstance(past, Tensor):
            window = usable(history.join(past, torch.stack(frames, TIME)), self.timing, clock.lag)
            starts = range(0, window.shape[TIME] - self.kernel_size[0] + 1, self.stride[0])
            answers = tuple(window[:, :, start : start + self.kernel_size[0]].mean(TIME) for start in starts)
        else:
            pooled = self._answers((*past, *frames), clock.lag)
            answers = tuple(reduce(torch.add, each) / self.kernel_size[0] for each in pooled)
        return answers, history.push_frames(past, frames)

    def _over_space(self, x: Tensor) -> Tensor:
        if self._leaves_space_alone() and not any(map(any, self.pads[1:])):
            return x
        pooled = self._mean_over_space(pad_axes(x, self.pads[1:]))
        if self.count_include_pad or not any(map(any, self.pads[1:])):
            return pooled
        covered = torch.ones_like(x[:1, :1, :1])
        return pooled / self._mean_over_space(pad_axes(covered, self.pads[1:]))

    def _mean_over_space(self, padded: Tensor) -> Tensor:
        return _POOLS["avg"][self.axes](padded, (1, *self.kernel_size[1:]), (1, *self.stride[1:]))

    def _over_time(self, window: Tensor, inside: Tensor) -> Tensor:
        """window: (B, C, W, *space), zero outside the clip; inside: (B or 1, 1, W), one inside the clip."""
        mean = window.unfold(TIME, self.kernel_size[0], self.stride[0]).mean(-1)
        if self.count_include_pad or not any(self.pads[0]):
            return mean
        # Of the whole window's mean, the share that the clip's frames make up. Never 0 where an answer is real.
        share = inside.unfold(TIME, self.kernel_size[0], self.stride[0]).mean(-1).clamp(min=1 / self.kernel_size[0])
        return mean / share.view(*share.shape, *[1] * (mean.dim() - 3))


class _Adaptive(_Pool):
    """Adaptive over space; over time a window of `kernel_size` frames, as in continual-inference.

    output_size: 1, or one per axis with time first: 1 over time, None keeps a spatial axis as it is. On a clip of
    `kernel_size` frames this is torch's layer; on a longer one it gives the answer of every such window.
    """

    def __init__(
        self,
        output_size: int | Sequence[int | None],
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        alone = [1] * (self.axes - 1)
        super().__init__((kernel_size, *alone), stride=(stride, *alone), padding=[padding, *[0] * (self.axes - 1)])
        self.output_size = (output_size,) * self.axes if isinstance(output_size, int) else tuple(output_size)
        if len(self.output_size) != self.axes or self.output_size[0] != 1:
            raise ValueError(
                f"expected an output size of 1 over time, then one per spatial axis ({self.axes} in all), got "
                f"{output_size}. A stream has no length to divide: kernel_size says how many frames an output spans"
            )

    def extra_repr(self) -> str:
        time = f"kernel_size={self.kernel_size[0]}, stride={self.stride[0]}, padding={self.pads[0]}"
        return f"output_size={self.output_size}, {time}"

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], *(size or length for size, length in zip(self.output_size[1:], shape[1:], strict=True)))

    def _target(self, x: Tensor) -> tuple[int, ...]:
        return (x.shape[TIME], *self.frame_out((1, *x.shape[TIME + 1 :]))[1:])


class _AdaptiveMax(_Adaptive, _MaxPool):
    def _over_space(self, x: Tensor) -> Tensor:
        return x if self.axes == 1 else _POOLS["adaptive max"][self.axes](x, self._target(x))


class _AdaptiveAvg(_Adaptive, _AvgPool):
    def _over_space(self, x: Tensor) -> Tensor:
        return x if self.axes == 1 else _POOLS["adaptive avg"][self.axes](x, self._target(x))


class AvgPool1d(_AvgPool):
    """Streaming `torch.nn.AvgPool1d` on x (B, C, T)."""

    axes = 1


class AvgPool2d(_AvgPool):
    """Streaming `torch.nn.AvgPool2d` on x (B, C, T, V)."""

    axes = 2


class AvgPool3d(_AvgPool):
    """Streaming `torch.nn.AvgPool3d` on x (B, C, T, H, W)."""

    axes = 3

    def _frame_over_space(self, frame: Tensor) -> Tensor:
        padded = any(map(any, self.pads[1:]))
        return super()._frame_over_space(frame) if padded else _mean_of(frame, self.kernel_size[1:], self.stride[1:])


class MaxPool1d(_MaxPool):
    """Streaming `torch.nn.MaxPool1d` on x (B, C, T)."""

    axes = 1


class MaxPool2d(_MaxPool):
    """Streaming `torch.nn.MaxPool2d` on x (B, C, T, V)."""

    axes = 2


class MaxPool3d(_MaxPool):
    """Streaming `torch.nn.MaxPool3d` on x (B, C, T, H, W)."""

    axes = 3

    def _frame_over_space(self, frame: Tensor) -> Tensor:
        if self._leaves_space_alone():
            return pad_axes(frame, self.pads[1:], NEVER)
        before, after = zip(*self.pads[1:], strict=True)
        if before != after:
            frame, before = pad_axes(frame, self.pads[1:], NEVER), (0, 0)
        return F.max_pool2d(frame, self.kernel_size[1:], self.stride[1:], before, self.dilation[1:])


class AdaptiveAvgPool1d(_AdaptiveAvg):
    """The mean of the last `kernel_size` frames of x (B, C, T); see `AdaptiveAvgPool3d`."""

    axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvg):
    """Mean of x (B, C, T, V): adaptive over V, `kernel_size` frames over time; see `AdaptiveAvgPool3d`."""

    axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvg):
    """Mean of x (B, C, T, H, W): adaptive over space, a window of `kernel_size` frames over time.

    `AdaptiveAvgPool3d((1, 2, 2), 16)` is `torch.nn.AdaptiveAvgPool3d((1, 2, 2))` of the last 16 frames.
    """

    axes = 3


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The maximum of the last `kernel_size` frames of x (B, C, T); see `AdaptiveAvgPool3d`."""

    axes = 1


class AdaptiveMaxPool2d(_AdaptiveMax):
    """Maximum of x (B, C, T, V): adaptive over V, `kernel_size` frames over time; see `AdaptiveAvgPool3d`."""

    axes = 2


class AdaptiveMaxPool3d(_AdaptiveMax):
    """Maximum of x (B, C, T, H, W): adaptive over space, `kernel_size` frames over time; see `AdaptiveAvgPool3d`."""

    axes = 3


def _mean_of(frame: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """The mean of a frame (B, C, H, W) over windows; over all of it where it is one window."""
    if kernel == tuple(frame.shape[2:]):
        return frame.mean((2, 3), keepdim=True)
    return F.avg_pool2d(frame, kernel, stride)


_POOLS: dict[str, dict[int, Callable[..., Tensor]]] = {
    "max": {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d},
    "avg": {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d},
    "adaptive max": {2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d},
    "adaptive avg": {2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d},
}


def _tuple(size: Size, axes: int) -> tuple[int, ...]:
    each = (size,) * axes if isinstance(size, int) else tuple(size)
    if len(each) != axes:
        raise ValueError(f"expected one size for each of {axes} axes (time first), got {size}")
    return each
