"""Convolutions over time and space as streaming layers with the parameters of their torch counterparts.

A step computes each of the k taps once (Hedegaard and Iosifidis, "Continual 3D Convolutional Neural Networks for
Real-time Processing of Videos", ECCV 2022, arXiv:2106.00050). Between steps a layer keeps k-1 frames, of whichever are
smaller: its past inputs, which are shared by reference, or, where space or channels shrink, the partial sums of answers
to come, as the paper does everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual import history
from co_perception.continual.history import History
from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.timing import Clock, Signal, Timing

Pads = tuple[tuple[int, int], ...]
Pad = int | tuple[int, int]
Padding = int | Sequence[Pad]
Size = int | tuple[int, ...]
_CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def same_padding(kernel_size: Sequence[int], stride: Sequence[int]) -> Pads:
    """TensorFlow's SAME padding, (before, after) per axis, for axes whose length is a multiple of the stride."""
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
    """Pad the axes after channels of x (B, C, T, *space) by repeating their first and last entries."""
    if not any(amount for pad in pads for amount in pad):
        return x
    return F.pad(x, [amount for pad in reversed(pads) for amount in pad], mode="replicate")


def pooled_space(
    space: Sequence[int], kernels: Sequence[int], strides: Sequence[int], pads: Pads, dilations: Sequence[int]
) -> tuple[int, ...]:
    """Size of a frame after a convolution or pool, for frames of size `space`, as torch counts it; time comes first."""
    counts = []
    for length, kernel, stride, pad, dilation in zip(
        space, kernels[1:], strides[1:], pads[1:], dilations[1:], strict=True
    ):
        window = (kernel - 1) * dilation + 1
        counts.append((length + sum(pad) - window) // stride + 1)
        if counts[-1] < 1:
            raise ValueError(f"an axis of {length} with padding {pad} is shorter than the window of {window}")
    return tuple(counts)


class _Conv(Streaming, nn.modules.conv._ConvNd):
    """Base of the three convolutions: torch's layer of the same name, with its parameters, made streaming.

    Time is the first axis of kernel_size, stride, padding and dilation. A stream knows the first frame when it arrives
    and the last when it is flushed; both are in the window by the time an answer needs them.

    Args:
        in_channels, out_channels, groups, bias: as in torch.
        kernel_size, stride, dilation: an int for all axes, or one for each.
        padding: an int for all axes, or an int or a pair (before, after) for each.
        padding_mode: what lies outside a clip and outside a frame, as in torch: "zeros", or "replicate" for the nearest
            frame and pixel.
        temporal_padding_mode: the same for time alone, where it differs.
    """

    axes: int
    torch_class: type[nn.modules.conv._ConvNd]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        temporal_padding_mode: str | None = None,
    ) -> None:
        initialize: Callable[..., None] = self.torch_class.__init__  # the three classes differ in annotations alone
        # No padding by torch: it is done here, of time and space apart.
        initialize(self, in_channels, out_channels, kernel_size, stride, 0, dilation, groups, bias, padding_mode)
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
        return _CONVOLUTIONS[self.axes](x, self.weight, bias, self.stride, 0, self.dilation, self.groups)

    def clip(self, x: Tensor) -> Tensor:
        before, after = zip(*self.pads, strict=True)
        if before == after and self.padding_mode == self.temporal_padding_mode == "zeros":  # without a padded copy
            function = _CONVOLUTIONS[self.axes]
            return function(x, self.weight, self.bias, self.stride, before, self.dilation, self.groups)
        pad_time = pad_axes if self.temporal_padding_mode == "zeros" else repeat_pad
        padded = self._pad_space(pad_time(x, (self.pads[0], *[(0, 0)] * (self.axes - 1))))
        return self._convolve(padded, self.bias)

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        borders = self.timing.has_borders(clock)
        if borders and self.temporal_padding_mode == "zeros":
            x = history.mask_outside(x, clock, 0.0)
        window = history.join(past, x)
        past_after = history.newest(window, past, x.shape[TIME])
        if borders and self.temporal_padding_mode == "replicate" and not clock.settled:
            window = history.repeat_edges(window, history.clock_of_window(clock, past))
        window = window[:, :, usable(window.shape[TIME], self.timing, clock.lag)]
        return self._convolve(self._pad_space(window), self.bias), past_after

    def settles(self, lag: int) -> int:
        if self.temporal_padding_mode == "replicate":
            return super().settles(lag)
        # Only what arrives is masked; past frames are masked already.
        return lag if self.timing.before > 0 else 0

    def _pad_space(self, x: Tensor) -> Tensor:
        if self.padding_mode == "zeros":
            return pad_axes(x, self.pads[1:])
        return repeat_pad(x, ((0, 0), *self.pads[1:]))

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        return history.init(batch_size, self.timing.context(signal.lag), signal, like)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.out_channels, *pooled_space(shape[1:], self.kernel_size, self.stride, self.pads, self.dilation))


def usable(frames: int, timing: Timing, lag: int) -> slice:
    """The part of `frames` of history and chunk that this step's outputs are computed from.

    See the third timeline of `Timing`: a stride's phase is set by the clip's first frame, which arrives `lag` frames
    in, so that the newest frames may belong to the next output.
    """
    context = timing.context(lag)
    return slice(max(-context, 0), frames - (context + timing.stride - timing.receptive_field))


class Conv1d(_Conv, nn.Conv1d):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.Conv1d` on x (B, C, T)."""

    axes = 1
    torch_class = nn.Conv1d


class Conv2d(_Conv, nn.Conv2d):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.Conv2d` on x (B, C, T, V): time, then one spatial axis such as joints."""

    axes = 2
    torch_class = nn.Conv2d

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        if len(frames) > 1 or not isinstance(past, Tensor) or not self._is_product(clock.lag):
            return super().unrolled(frames, past, clock)
        (frame,) = history.mask_frames(frames, clock) if self.timing.has_borders(clock) else frames
        joined, joints = history.beside(past, frame), frame.shape[2]
        window = joined.unflatten(2, (-1, joints)).flatten(1, 2)  # (B, C k, V), as the weight lies
        y = F.conv1d(window, self.weight.flatten(1).unsqueeze(2), self.bias)
        return (y,), joined[:, :, joints:].unflatten(2, (-1, joints))

    def _is_product(self, lag: int) -> bool:
        """Whether a step is one matrix product with the joined window: all of it is used, joint by joint."""
        alone = self.kernel_size[1] == self.stride[1] == self.dilation[0] == self.groups == 1 and self.pads[1] == (0, 0)
        zeros = self.padding_mode == self.temporal_padding_mode == "zeros"
        return alone and zeros and self.stride[0] == 1 and self.timing.context(lag) == self.kernel_size[0] - 1


class Conv3d(_Conv, nn.Conv3d):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.Conv3d` on x (B, C, T, H, W)."""

    axes = 3
    torch_class = nn.Conv3d

    def clip(self, x: Tensor) -> Tensor:
        plain = set((*self.kernel_size, *self.stride)) == {1} and not any(map(any, self.pads)) and self.groups == 1
        if plain and x.is_contiguous(memory_format=torch.channels_last_3d):  # with one thread torch is slow at that
            return F.linear(x.movedim(1, -1), self.weight.flatten(1), self.bias).movedim(-1, 1)
        return super().clip(x)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        if self._keeps_sums(signal.shape):
            signal = Signal(self.frame_out(signal.shape), signal.lag)
        return super().init_history(batch_size, signal, like)

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        if not self._keeps_sums((x.shape[1], *x.shape[TIME + 1 :])):
            return super().stream(x, past, clock)
        x = history.mask_outside(x, clock, 0.0) if self.timing.has_borders(clock) else x
        sums = history.frames_of(past)
        if not self._one_by_one(x):
            y, left = self._add_sums(x, sums)
        else:
            rows = [self._add_sums(x[i : i + 1], [each[i : i + 1] for each in sums]) for i in range(len(x))]
            y, left = torch.cat([row for row, _ in rows]), torch.cat([sums_left for _, sums_left in rows])
        return y, left if isinstance(past, Tensor) else left.unbind(TIME)

    @property
    def may_keep_sums(self) -> bool:
        """Whether partial sums of answers are kept, for some shape of frames.

        Those would be others with other weights, so a norm that follows stays a layer of its own: a state is worth the
        same before and after folding.
        """
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
        if self.timing.has_borders(clock):
            frames = history.mask_frames(frames, clock)
        if self._keeps_sums(tuple(frames[0].shape[1:])):
            answers, sums = self._unrolled_sums(frames, history.frames_of(past))
            return answers, torch.stack(sums, TIME) if isinstance(past, Tensor) else sums
        window = (*history.frames_of(past), *frames)
        window = window[usable(len(window), self.timing, clock.lag)]
        totals = []
        for start in range(0, len(window) - self.timing.receptive_field + 1, self.timing.stride):
            taps = zip(window[start :: self.dilation[0]], self.weight.unbind(2), strict=False)
            total = self._tap(*next(taps), self.bias)
            for frame, kernel in taps:
                total = total + self._tap(frame, kernel, None)
            totals.append(total)
        return tuple(totals), history.push_frames(past, frames)

    def _unrolled_sums(self, frames: Frames, waiting: Frames) -> tuple[Frames, Frames]:
        # Frame t adds tap j of the reversed kernel to answer t + j, so the answer of now is tap 0 plus the oldest sum.
        kernels, sums, answers = self.weight.unbind(2)[::-1], list(waiting), []
        for frame in frames:
            taps = [self._tap(frame, kernel, self.bias if place == 0 else None) for place, kernel in enumerate(kernels)]
            answers.append(taps[0] + sums[0])
            sums = [*(later + tap for later, tap in zip(sums[1:], taps[1:], strict=False)), taps[-1]]
        return tuple(answers), tuple(sums)

    def _tap(self, frame: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        """The contribution (B, C, H, W) of one frame of the kernel to an answer: a convolution over space."""
        before, after = zip(*self.pads[1:], strict=True)
        if before != after:
            frame, before = pad_axes(frame, self.pads[1:]), (0, 0)
        return F.conv2d(frame, kernel, bias, self.stride[1:], before, self.dilation[1:], self.groups)

    def _convolve(self, x: Tensor, bias: Tensor | None) -> Tensor:
        if self._one_by_one(x):
            return torch.cat([self._convolve(row, bias) for row in x.split(1)])
        return super()._convolve(x, bias)

    def _one_by_one(self, x: Tensor) -> bool:
        """Whether the streams of a batch are convolved one by one.

        CPU kernels choose their blocking by batch size, which changes the last bits. A volume is enough work by itself,
        so that one by one a stream's answers are the same, to the bit, in any batch.
        """
        alone = torch.is_grad_enabled() or torch.compiler.is_compiling() or len(x) == 1
        return x.device.type == "cpu" and not alone
