"""Average and maximum pooling over time and space as streaming layers.

A window of k frames pools each frame once over space and keeps k-1 pooled frames: the spatial work is never repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from co_perception.continual import history
from co_perception.continual.conv import Pad, Padding, Size, pad_axes, pairs, pooled_space, usable
from co_perception.continual.history import History
from co_perception.continual.layer import TIME, Frames, Streaming, check_clip, through
from co_perception.continual.timing import Clock, Signal, Timing

NEVER = float("-inf")  # a border's value in a maximum


class _Pool(Streaming):
    """Base of average and maximum: their geometry. Time is the first axis of kernel_size, stride, padding, dilation."""

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
        self._over_time_only = set(self.kernel_size[1:]) | set(self.stride[1:]) <= {1}
        self.ceil_mode = ceil_mode
        if ceil_mode and (not self._over_time_only or (sum(self.pads[0]) - spans[0]) % self.stride[0]):
            raise ValueError(
                "ceil_mode adds an output where a clip's length leaves a remainder, which a stream cannot know before "
                "its end. Pad the end instead: padding=[(before, after), ...]. A pool over time alone may have it if "
                "its windows end with the last frame of a whole number of strides"
            )

    def extra_repr(self) -> str:
        dilation = f", dilation={self.dilation}" if set(self.dilation) != {1} else ""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.pads}{dilation}"

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        pooled = Signal(self.frame_out(signal.shape), signal.lag)
        return history.init(batch_size, self.timing.context(signal.lag), pooled, like)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], *pooled_space(shape[1:], self.kernel_size, self.stride, self.pads, self.dilation))

    def _over_space(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _frame_over_space(self, frame: Tensor) -> Tensor:
        return self._over_space(frame.unsqueeze(TIME)).squeeze(TIME)

    def _answers(self, window: Frames, lag: int) -> list[Frames]:
        """The frames, one by one, that each answer of a step is pooled from."""
        window = window[usable(len(window), self.timing, lag)]
        field, stride, dilation = self.timing.receptive_field, self.stride[0], self.dilation[0]
        return [window[start : start + field : dilation] for start in range(0, len(window) - field + 1, stride)]

    def _check_remainder(self, x: Tensor) -> None:
        check_clip(self, x)
        if self.ceil_mode and (x.shape[TIME] + sum(self.pads[0]) - self.timing.receptive_field) % self.stride[0]:
            raise ValueError(
                f"{x.shape[TIME]} frames leave a remainder of the stride {self.stride[0]}, of which ceil_mode makes an "
                "answer that a stream does not give; use clips of a whole number of steps"
            )

    def _pad_time(self, x: Tensor, fill: float) -> Tensor:
        return pad_axes(x, (self.pads[0], *[(0, 0)] * (x.dim() - 3)), fill)


class _MaxPool(_Pool):
    """Maximum over a window.

    Args:
        border: what the frames padded before and after a clip hold; -inf, as in torch, unless given.
    """

    def __init__(
        self,
        kernel_size: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        border: float = NEVER,
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
        self.border = border

    def clip(self, x: Tensor) -> Tensor:
        self._check_remainder(x)
        return self._over_time(self._pad_time(self._over_space(x), self.border))

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        x = self._over_space(x)
        window, past_after = history.join(past, x), history.push(past, x)
        part = usable(window.shape[TIME], self.timing, clock.lag)
        if not self.timing.has_borders(clock):
            return self._over_time(window[:, :, part]), past_after
        # The whole window, not only x: what a fresh history holds is zero, and zero is no border of a maximum.
        window = history.mask_outside(window, history.clock_of_window(clock, past), self.border)
        y = self._over_time(window[:, :, part])
        # Windows that lie wholly outside the clip are -inf now; later layers would make NaN of them.
        return history.mask_outside(y, through(self, clock), 0.0), past_after

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        masks = self.timing.has_borders(clock) and not clock.settled
        frames = tuple(self._frame_over_space(frame) for frame in frames)
        window = (*history.frames_of(past), *frames)
        if masks:  # as in `stream`
            window = history.mask_frames(window, history.clock_of_window(clock, past), self.border)
        answers = tuple(reduce(torch.maximum, pooled) for pooled in self._answers(window, clock.lag))
        if masks:
            answers = history.mask_frames(answers, through(self, clock))
        return answers, history.push_frames(past, frames)

    def _over_space(self, x: Tensor) -> Tensor:
        padded = pad_axes(x, self.pads[1:], NEVER)
        if self._over_time_only:
            return padded
        kernel, stride, dilation = ((1, *size[1:]) for size in (self.kernel_size, self.stride, self.dilation))
        return getattr(F, f"max_pool{self.axes}d")(padded, kernel, stride, 0, dilation)

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
        self._check_remainder(x)
        inside = x.new_ones(1, 1, x.shape[TIME])
        return self._over_time(self._pad_time(self._over_space(x), 0.0), self._pad_time(inside, 0.0))

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        x = self._over_space(x)
        x = history.mask_outside(x, clock, 0.0) if self.timing.has_borders(clock) else x
        window = history.join(past, x)
        inside = history.clock_of_window(clock, past).inside(window.shape[TIME]).to(x.dtype).unsqueeze(1)
        part = usable(window.shape[TIME], self.timing, clock.lag)
        return self._over_time(window[:, :, part], inside[:, :, part]), history.push(past, x)

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        masks = self.timing.has_borders(clock) and not clock.settled
        if masks and not self.count_include_pad:
            return super().unrolled(frames, past, clock)
        frames = tuple(self._frame_over_space(frame) for frame in frames)
        frames = history.mask_frames(frames, clock) if masks else frames
        if isinstance(past, Tensor):
            window = history.join(past, torch.stack(frames, TIME))
            window = window[:, :, usable(window.shape[TIME], self.timing, clock.lag)]
            starts = range(0, window.shape[TIME] - self.kernel_size[0] + 1, self.stride[0])
            answers = tuple(window[:, :, start : start + self.kernel_size[0]].mean(TIME) for start in starts)
        else:
            pooled = self._answers((*past, *frames), clock.lag)
            answers = tuple(reduce(torch.add, each) / self.kernel_size[0] for each in pooled)
        return answers, history.push_frames(past, frames)

    def _over_space(self, x: Tensor) -> Tensor:
        if self._over_time_only and not any(map(any, self.pads[1:])):
            return x
        pooled = self._mean_over_space(pad_axes(x, self.pads[1:]))
        if self.count_include_pad or not any(map(any, self.pads[1:])):
            return pooled
        covered = torch.ones_like(x[:1, :1, :1])
        return pooled / self._mean_over_space(pad_axes(covered, self.pads[1:]))

    def _mean_over_space(self, padded: Tensor) -> Tensor:
        return getattr(F, f"avg_pool{self.axes}d")(padded, (1, *self.kernel_size[1:]), (1, *self.stride[1:]))

    def _over_time(self, window: Tensor, inside: Tensor) -> Tensor:
        """Mean over time of window (B, C, W, *space), zero outside the clip; inside (B or 1, 1, W): one inside it."""
        mean = window.unfold(TIME, self.kernel_size[0], self.stride[0]).mean(-1)
        if self.count_include_pad or not any(self.pads[0]):
            return mean
        # Of the whole window's mean, the share that the clip's frames make up. Never 0 where an answer is real.
        share = inside.unfold(TIME, self.kernel_size[0], self.stride[0]).mean(-1).clamp(min=1 / self.kernel_size[0])
        return mean / share.view(*share.shape, *[1] * (mean.dim() - 3))


class _Adaptive(_Pool):
    """Adaptive over space; over time a window of `kernel_size` frames, as in continual-inference (arXiv:2204.03418).

    On a clip of `kernel_size` frames this is torch's layer; on a longer one it gives the answer of every such window.

    Args:
        output_size: 1, or one per axis with time first: 1 over time, None keeps a spatial axis as it is.
        kernel_size, stride, padding: over time, padding an int or a pair (before, after).
    """

    def __init__(
        self, output_size: int | Sequence[int | None], kernel_size: int, *, stride: int = 1, padding: Pad = 0
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

    def _over_space(self, x: Tensor) -> Tensor:
        if self.axes == 1:
            return x
        target = (x.shape[TIME], *self.frame_out((1, *x.shape[TIME + 1 :]))[1:])
        kind = "max" if isinstance(self, _MaxPool) else "avg"
        return getattr(F, f"adaptive_{kind}_pool{self.axes}d")(x, target)


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
        before, after = zip(*self.pads[1:], strict=True)
        if self.kernel_size[1:] == tuple(frame.shape[2:]) and not any(before + after):
            return frame.mean((2, 3), keepdim=True)
        if before != after or any(2 * pad > size for pad, size in zip(before, self.kernel_size[1:], strict=True)):
            return super()._frame_over_space(frame)
        return F.avg_pool2d(frame, self.kernel_size[1:], self.stride[1:], before, False, self.count_include_pad)


class MaxPool1d(_MaxPool):
    """Streaming `torch.nn.MaxPool1d` on x (B, C, T)."""

    axes = 1


class MaxPool2d(_MaxPool):
    """Streaming `torch.nn.MaxPool2d` on x (B, C, T, V)."""

    axes = 2


class MaxPool3d(_MaxPool):
    """Streaming `torch.nn.MaxPool3d` on x (B, C, T, H, W)."""

    axes = 3

    def _over_space(self, x: Tensor) -> Tensor:
        """The pool of images, of which the frames are a batch: many times as fast as torch's of a volume."""
        if self._over_time_only:
            return super()._over_space(x)
        streams, channels, frames = x.shape[:3]
        if x.is_contiguous(memory_format=torch.channels_last_3d):
            pooled = self._of_images(x.transpose(1, TIME).flatten(0, 1))
            return pooled.view(streams, frames, *pooled.shape[1:]).transpose(1, TIME)
        pooled = self._of_images(x.flatten(1, 2))
        return pooled.view(streams, channels, frames, *pooled.shape[2:])

    def _of_images(self, images: Tensor) -> Tensor:
        """(N, C, H', W') of images (N, C, H, W), without a padded copy where torch pads them so that windows agree."""
        before, counts = [pad for pad, _ in self.pads[1:]], list[tuple[int, ...]]()
        for length, size, stride, dilation, pads in zip(
            images.shape[2:], self.kernel_size[1:], self.stride[1:], self.dilation[1:], self.pads[1:], strict=True
        ):
            spare = length - (size - 1) * dilation - 1
            rounded_up = -(-(spare + 2 * pads[0]) // stride) + 1
            rounded_up -= (rounded_up - 1) * stride >= length + pads[0]  # no window begins behind the image
            counts.append(((spare + sum(pads)) // stride + 1, (spare + 2 * pads[0]) // stride + 1, rounded_up))
        wanted, down, up = zip(*counts, strict=True)
        padded = self.kernel_size[1:], self.stride[1:], before, self.dilation[1:]
        if wanted in (down, up) and all(2 * pad <= k for pad, k in zip(before, self.kernel_size[1:], strict=True)):
            return F.max_pool2d(images, *padded, ceil_mode=wanted != down)
        images = pad_axes(images, self.pads[1:], NEVER)
        return F.max_pool2d(images, self.kernel_size[1:], self.stride[1:], 0, self.dilation[1:])

    def _frame_over_space(self, frame: Tensor) -> Tensor:
        if self._over_time_only:
            return pad_axes(frame, self.pads[1:], NEVER)
        before, after = zip(*self.pads[1:], strict=True)
        if before != after or any(2 * pad > size for pad, size in zip(before, self.kernel_size[1:], strict=True)):
            frame, before = pad_axes(frame, self.pads[1:], NEVER), (0, 0)
        return F.max_pool2d(frame, self.kernel_size[1:], self.stride[1:], before, self.dilation[1:])


class AdaptiveAvgPool1d(_Adaptive, _AvgPool):
    """The mean of the last `kernel_size` frames of x (B, C, T); see `AdaptiveAvgPool3d`."""

    axes = 1


class AdaptiveAvgPool2d(_Adaptive, _AvgPool):
    """Mean of x (B, C, T, V): adaptive over V, `kernel_size` frames over time; see `AdaptiveAvgPool3d`."""

    axes = 2


class AdaptiveAvgPool3d(_Adaptive, _AvgPool):
    """Mean of x (B, C, T, H, W): `AdaptiveAvgPool3d((1, 2, 2), 16)` is torch's of (1, 2, 2) on the last 16 frames."""

    axes = 3


class AdaptiveMaxPool1d(_Adaptive, _MaxPool):
    """The maximum of the last `kernel_size` frames of x (B, C, T); see `AdaptiveAvgPool3d`."""

    axes = 1


class AdaptiveMaxPool2d(_Adaptive, _MaxPool):
    """Maximum of x (B, C, T, V): adaptive over V, `kernel_size` frames over time; see `AdaptiveAvgPool3d`."""

    axes = 2


class AdaptiveMaxPool3d(_Adaptive, _MaxPool):
    """Maximum of x (B, C, T, H, W): adaptive over space, `kernel_size` frames over time; see `AdaptiveAvgPool3d`."""

    axes = 3


def _tuple(size: Size, axes: int) -> tuple[int, ...]:
    each = (size,) * axes if isinstance(size, int) else tuple(size)
    if len(each) != axes:
        raise ValueError(f"expected one size for each of {axes} axes (time first), got {size}")
    return each
