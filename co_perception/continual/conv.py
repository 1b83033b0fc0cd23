"""Convolutions over time and space as streaming layers with the parameters of their torch counterparts.

A step computes the ideal k taps once (Hedegaard and Iosifidis, "Continual 3D Convolutional Neural Networks for
Real-time Processing of Videos", ECCV 2022). Between steps a layer keeps k-1 frames, of whichever are smaller: its past
inputs, which are shared by reference, or, where space or channels shrink, the partial sums of answers to come, as the
paper does everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual import history
from co_perception.continual.history import History
from co_perception.continual.layer import TIME, Clock, Frames, Signal, Streaming
from co_perception.continual.timing import Timing

Pads = tuple[tuple[int, int], ...]
Padding = int | Sequence[int | tuple[int, int]]


def same_padding(kernel_size: Sequence[int], stride: Sequence[int]) -> Pads:
    """(before, after) per axis of TensorFlow's SAME padding, for axes whose length is a multiple of the stride."""
    totals = [max(k - s, 0) for k, s in zip(kernel_size, stride, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def pairs(padding: Padding, axes: int) -> Pads:
    """Padding per axis as (before, after): an int for all axes, or one int or pair for each."""
    each = [padding] * axes if isinstance(padding, int) else list(padding)
    if len(each) != axes:
        raise ValueError(f"expected padding for {axes} axes (time first), got {padding}")
    return tuple((p, p) if isinstance(p, int) else (p[0], p[1]) for p in each)


def pad_axes(x: Tensor, pads: Pads, fill: float = 0.0) -> Tensor:
    """Pad the trailing len(pads) axes of x by (before, after) each."""
    flat = [amount for pad in reversed(pads) for amount in pad]
    return F.pad(x, flat, value=fill) if any(flat) else x


def repeat_pad(x: Tensor, pads: Pads) -> Tensor:
    """Pad the axes after channels of x (B, C, T, *space) by repeating what lies at their ends."""
    if not any(amount for pad in pads for amount in pad):
        return x
    return F.pad(x, [amount for pad in reversed(pads) for amount in pad], mode="replicate")


def pooled_length(length: int, kernel: int, stride: int, pad: tuple[int, int], dilation: int = 1) -> int:
    """Outputs along an axis of a convolution or pooling window, as torch counts them."""
    count = (length + sum(pad) - (kernel - 1) * dilation - 1) // stride + 1
    if count < 1:
        window = (kernel - 1) * dilation + 1
        raise ValueError(f"an axis of {length} with padding {pad} is shorter than the window of {window}")
    return count


class _Conv(Streaming, nn.modules.conv._ConvNd):
    """What the three convolutions share. Time is the first axis of kernel_size, stride, padding and dilation.

    padding_mode: what stands outside a clip and outside a frame, as in torch: "zeros", or "replicate" for the nearest
    frame and pixel. temporal_padding_mode: the same for time alone, where it differs. A stream knows the first frame
    when it arrives and the last when it is flushed; both are in the window by the time an answer needs them.
    """

    axes: int

    def _place(self, padding: Padding, temporal_padding_mode: str | None) -> None:
        self.pads = pairs(padding, self.axes)
        self.temporal_padding_mode = temporal_padding_mode or self.padding_mode
        for mode in (self.padding_mode, self.temporal_padding_mode):
            if mode not in ("zeros", "replicate"):
                raise ValueError(
                    f"padding_mode {mode!r} would need frames that have not come yet; choose 'zeros' or 'replicate'"
                )
        field = (self.kernel_size[0] - 1) * self.dilation[0] + 1
        self.timing = Timing(field, self.stride[0], *self.pads[0])
        if self.temporal_padding_mode == "replicate" and self.timing.after >= field:
            raise ValueError(
                f"{self.timing.after} repeated frames after a clip need a receptive field of more than that, got "
                f"{field}: the last output would see nothing else. Use a smaller temporal padding"
            )

    def _convolve(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """torch's function on a window that is padded already."""
        raise NotImplementedError

    def clip(self, x: Tensor) -> Tensor:
        pad_time = pad_axes if self.temporal_padding_mode == "zeros" else repeat_pad
        padded = self._pad_space(pad_time(x, (self.pads[0], *[(0, 0)] * (self.axes - 1))))
        return self._convolve(padded, self.bias)

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        borders = self._has_borders(clock)
        if borders and self.temporal_padding_mode == "zeros":
            x = history.mask_outside(x, clock, 0.0)
        window = history.join(past, x)
        kept = history.newest(window, past, x.shape[TIME])
        if borders and self.temporal_padding_mode == "replicate" and not clock.settled:
            window = history.repeat_edges(window, history.clock_of_window(clock, past))
        window = self._pad_space(usable(window, self.timing, clock.lag))
        return self._convolve(window, self.bias), kept

    def _has_borders(self, clock: Clock) -> bool:
        return self.timing.before > 0 or (self.timing.after > 0 and clock.end is not None)

    def settles(self, lag: int) -> int:
        if self.temporal_padding_mode == "replicate":
            return super().settles(lag)
        # Only what arrives is masked; what was kept is masked already.
        return lag if self.timing.before > 0 else 0

    def _pad_space(self, x: Tensor) -> Tensor:
        if self.padding_mode == "zeros":
            return pad_axes(x, self.pads[1:])
        return repeat_pad(x, ((0, 0), *self.pads[1:]))

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        return history.init(batch_size, self.timing.context(signal.lag), signal, like)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        geometry = zip(shape[1:], self.kernel_size[1:], self.stride[1:], self.pads[1:], self.dilation[1:], strict=True)
        return (self.out_channels, *(pooled_length(*axis) for axis in geometry))


def usable(window: Tensor, timing: Timing, lag: int) -> Tensor:
    """The part of history and chunk that this step's outputs are computed from.

    A stride's phase is set by the clip's first frame, which arrives `lag` frames in: the newest frames may belong to
    the next output.
    """
    context = timing.context(lag)
    ahead = context + timing.stride - timing.receptive_field
    return window[:, :, max(-context, 0) : window.shape[2] - ahead]


def usable_frames(window: Frames, timing: Timing, lag: int) -> Frames:
    """`usable` of frames one by one."""
    context = timing.context(lag)
    return window[max(-context, 0) : len(window) - (context + timing.stride - timing.receptive_field)]


class Conv1d(_Conv, nn.Conv1d):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.Conv1d` on x (B, C, T). padding: (before, after) pairs allowed."""

    axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: Padding = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        temporal_padding_mode: str | None = None,
    ) -> None:
        settings: Any = (kernel_size, stride, 0, dilation, groups, bias, padding_mode)
        nn.Conv1d.__init__(self, in_channels, out_channels, *settings)
        self._place(padding, temporal_padding_mode)

    def _convolve(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv1d(x, self.weight, bias, self.stride, 0, self.dilation, self.groups)


class Conv2d(_Conv, nn.Conv2d):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.Conv2d` on x (B, C, T, V): time, then one spatial axis such as joints."""

    axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: Padding = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        temporal_padding_mode: str | None = None,
    ) -> None:
        settings: Any = (kernel_size, stride, 0, dilation, groups, bias, padding_mode)
        nn.Conv2d.__init__(self, in_channels, out_channels, *settings)
        self._place(padding, temporal_padding_mode)

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        if len(frames) > 1 or not isinstance(past, Tensor) or not self._is_product(clock.lag):
            return super().unrolled(frames, past, clock)
        (frame,) = history.mask_frames(frames, clock) if self._has_borders(clock) else frames
        joined, joints = history.beside(past, frame), frame.shape[2]
        window = joined.unflatten(2, (-1, joints)).flatten(1, 2)  # (B, C k, V), as the weight lies
        y = F.conv1d(window, self.weight.flatten(1).unsqueeze(2), self.bias)
        return (y,), joined[:, :, joints:].unflatten(2, (-1, joints))

    def _is_product(self, lag: int) -> bool:
        """Whether a step is one matrix product with the joined window: all of it is used, joint by joint."""
        alone = self.kernel_size[1] == self.stride[1] == self.dilation[0] == self.groups == 1 and self.pads[1] == (0, 0)
        zeros = self.padding_mode == self.temporal_padding_mode == "zeros"
        return alone and zeros and self.stride[0] == 1 and self.timing.context(lag) == self.kernel_size[0] - 1

    def _convolve(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv2d(x, self.weight, bias, self.stride, 0, self.dilation, self.groups)


class Conv3d(_Conv, nn.Conv3d):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.Conv3d` on x (B, C, T, H, W)."""

    axes = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int],
        *,
        stride: int | tuple[int, int, int] = 1,
        padding: Padding = 0,
        dilation: int | tuple[int, int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        temporal_padding_mode: str | None = None,
    ) -> None:
        settings: Any = (kernel_size, stride, 0, dilation, groups, bias, padding_mode)
        nn.Conv3d.__init__(self, in_channels, out_channels, *settings)
        self._place(padding, temporal_padding_mode)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        if self._keeps_sums(signal.shape):
            signal = Signal(self.frame_out(signal.shape), signal.lag)
        return super().init_history(batch_size, signal, like)

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        if not self._keeps_sums((x.shape[1], *x.shape[TIME + 1 :])):
            return super().stream(x, past, clock)
        x = history.mask_outside(x, clock, 0.0) if self._has_borders(clock) else x
        sums = history.frames_of(past)
        if not self._one_by_one(x):
            y, kept = self._add_sums(x, sums)
        else:
            rows = [self._add_sums(x[i : i + 1], [each[i : i + 1] for each in sums]) for i in range(len(x))]
            y, kept = torch.cat([row for row, _ in rows]), torch.cat([left for _, left in rows])
        return y, kept if isinstance(past, Tensor) else kept.unbind(TIME)

    @property
    def may_keep_sums(self) -> bool:
        """Whether there are frames of which partial sums of answers are kept. Those would be others with other weights,
        so a norm that follows stays a layer of its own: a state is worth the same before and after folding."""
        spans = zip(self.kernel_size[1:], self.dilation[1:], self.pads[1:], strict=True)
        shrinks = any((size - 1) * dilation > sum(pads) for size, dilation, pads in spans)
        return self._sums and (shrinks or max(self.stride[1:]) > 1 or self.out_channels < self.in_channels)

    @property
    def _sums(self) -> bool:
        plain = self.stride[0] == self.dilation[0] == 1 and self.padding_mode == self.temporal_padding_mode == "zeros"
        return plain and self.kernel_size[0] > 1

    def _keeps_sums(self, shape: tuple[int, ...]) -> bool:
        """Whether partial sums of answers are kept, and not inputs of this shape (C, *space)."""
        return self._sums and prod(self.frame_out(shape)) < prod(shape)

    def _add_sums(self, x: Tensor, sums: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Answers to a chunk, and the sums that are left, (B, C, k - 1, *space)."""
        frames, later = x.shape[TIME], self.kernel_size[0] - 1
        if frames <= later:
            answers, left = self._unrolled_sums(x.unbind(TIME), tuple(sums))
            return torch.stack(answers, TIME), torch.stack(left, TIME)
        total = self._convolve(self._pad_space(pad_axes(x, ((later, later), (0, 0), (0, 0)))), None)
        total = torch.cat([total[:, :, :later] + torch.stack(tuple(sums), TIME), total[:, :, later:]], TIME)
        y = total[:, :, :frames]
        return y if self.bias is None else y + self.bias.view(-1, 1, 1, 1), total[:, :, frames:].clone()

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        if self.padding_mode == "replicate" or self.temporal_padding_mode == "replicate":
            return super().unrolled(frames, past, clock)
        if self._has_borders(clock):
            frames = history.mask_frames(frames, clock)
        if self._keeps_sums(tuple(frames[0].shape[1:])):
            answers, sums = self._unrolled_sums(frames, history.frames_of(past))
            return answers, torch.stack(sums, TIME) if isinstance(past, Tensor) else sums
        window = usable_frames((*history.frames_of(past), *frames), self.timing, clock.lag)
        starts = range(0, len(window) - self.timing.receptive_field + 1, self.timing.stride)
        answers = tuple(self._sum_of_taps(window[start :: self.dilation[0]]) for start in starts)
        return answers, history.push_frames(past, frames)

    def _unrolled_sums(self, frames: Frames, waiting: Frames) -> tuple[Frames, Frames]:
        kernels, sums, answers = self.weight.unbind(2)[::-1], list(waiting), []
        for frame in frames:
            taps = [self._tap(frame, kernel, self.bias if place == 0 else None) for place, kernel in enumerate(kernels)]
            answers.append(taps[0] + sums[0])
            sums = [*(later + tap for later, tap in zip(sums[1:], taps[1:], strict=False)), taps[-1]]
        return tuple(answers), tuple(sums)

    def _sum_of_taps(self, frames: Frames) -> Tensor:
        """One answer (B, C, H, W): a convolution over space for each of the kernel's frames, and their sum."""
        taps = zip(frames, self.weight.unbind(2), strict=False)
        total = self._tap(*next(taps), self.bias)
        for frame, kernel in taps:
            total = total + self._tap(frame, kernel, None)
        return total

    def _tap(self, frame: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        """What one frame of the kernel adds to an answer."""
        before, after = zip(*self.pads[1:], strict=True)
        if before != after:
            frame, before = pad_axes(frame, self.pads[1:]), (0, 0)
        return F.conv2d(frame, kernel, bias, self.stride[1:], before, self.dilation[1:], self.groups)

    def _convolve(self, x: Tensor, bias: Tensor | None) -> Tensor:
        if self._one_by_one(x):
            return torch.cat([self._convolve(row, bias) for row in x.split(1)])
        return F.conv3d(x, self.weight, bias, self.stride, 0, self.dilation, self.groups)

    def _one_by_one(self, x: Tensor) -> bool:
        """CPU kernels choose their blocking by batch size, which changes the last bits. A volume is enough work by
        itself, so streams go one by one and a stream's answers are the same, to the bit, whoever else is there."""
        alone = torch.is_grad_enabled() or torch.compiler.is_compiling() or len(x) == 1
        return x.device.type == "cpu" and not alone
