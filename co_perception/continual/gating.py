"""Layers that gate frames: a choice between two layers frame by frame, and squeeze-and-excitation of channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.container import Parallel
from co_perception.continual.framewise import EachFrame
from co_perception.continual.history import History
from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.pool import AvgPool1d
from co_perception.continual.timing import Clock, Signal

Predicate = Callable[[nn.Module, Tensor], Tensor | bool]


class Conditional(Parallel):
    """`on_true` where the predicate holds for a frame, `on_false` (the identity unless given) elsewhere.

    Both layers always run, and there is no branch on a value. That is what keeps the choice exact in a stream: the
    layer that was not chosen has received every frame when it is chosen, each stream of a batch may choose otherwise,
    and the traced program is one. To run only one of two networks, choose in Python before stepping, and keep a state
    for each. A choice waits as long as the answers do: the one made at a frame decides between the answers for that
    frame. Both layers keep a clip's length.

    Args:
        predicate: predicate(module, x) of frames x (B, C, T, *space): a bool tensor (B, T), each computed from its own
            frame alone, or one bool for all of them, such as `lambda module, x: not module.training`.
        on_true, on_false: layers whose answers are taken where the predicate is true, and elsewhere.
    """

    def __init__(self, predicate: Predicate, on_true: nn.Module, on_false: nn.Module | None = None) -> None:
        branches = {"0": on_true, "1": on_false or nn.Identity(), "choice": _Choice(predicate)}
        super().__init__(branches, reduce=_choose)
        for name, layer in zip(branches, self.layers, strict=True):
            timing = layer.timing
            if timing.stride != 1 or timing.before + timing.after != timing.receptive_field - 1:
                raise ValueError(
                    f"layer {name} gives another number of frames than it takes ({timing}): a choice per frame has no "
                    "answer to meet. Pad it to equal length, and put strides before or after Conditional"
                )


class _Choice(EachFrame):
    """The predicate as frames (B, 1, T, 1, ...) of ones and zeros, so that it can wait in a history like any frame."""

    def __init__(self, predicate: Predicate) -> None:
        super().__init__()
        self.predicate = predicate

    def clip(self, x: Tensor) -> Tensor:
        chosen = self.predicate(self, x)
        expected = (x.shape[0], x.shape[TIME])
        if isinstance(chosen, bool):
            chosen = torch.full(expected, chosen, device=x.device)
        if chosen.shape != expected or chosen.dtype != torch.bool:
            raise ValueError(
                f"a predicate gives a bool, or bools (B, T) = {expected}; got {chosen.dtype} {tuple(chosen.shape)}. "
                "Reduce over channels and space only, for example (x > 0).flatten(3).any(-1).any(1)"
            )
        return chosen.to(x.dtype).view(x.shape[0], 1, x.shape[TIME], *[1] * (x.dim() - 3))

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(1 for _ in shape)


def _choose(branches: Sequence[Tensor]) -> Tensor:
    on_true, on_false, choice = branches
    per_frame = choice.flatten(2).view(*choice.shape[:3], *[1] * (on_true.dim() - 3))
    return torch.where(per_frame != 0, on_true, on_false)


class SqueezeExcite(Streaming):
    """Scale each channel of x (B, C, T, H, W) by a gate computed from the frame's mean over space.

    Squeeze-and-Excitation (Hu et al., CVPR 2018, arXiv:1709.01507): two 1x1x1 convolutions with biases, `fc1` and
    `fc2`, named as in PySlowFast's X3D blocks, with ReLU between and a sigmoid after. The offline X3D
    (arXiv:2004.04730) takes the mean over the whole clip, which no stream has.

    Args:
        channels, width: C of the frame and of the bottleneck.
        window: frames whose mean the gate is computed from: the newest and those before it that lie in the clip. 1 is
            what the published continual X3D networks do (arXiv:2106.00050).
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
        answers = []
        for frame, mean in zip(frames, means, strict=True):  # means (B, C, 1, 1): the gate as convolutions of a plane
            narrow = torch.relu(F.conv2d(mean, self.fc1.weight.squeeze(2), self.fc1.bias))
            answers.append(frame * torch.sigmoid(F.conv2d(narrow, self.fc2.weight.squeeze(2), self.fc2.bias)))
        return tuple(answers), past

    def settles(self, lag: int) -> int:
        return self.mean.settles(lag)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        return self.mean.init_history(batch_size, Signal(signal.shape[:1], signal.lag), like)

    def _gate(self, squeezed: Tensor) -> Tensor:
        """(B, C, T, 1, 1) of the mean (B, C, T)."""
        return torch.sigmoid(self.fc2(torch.relu(self.fc1(squeezed[..., None, None]))))
