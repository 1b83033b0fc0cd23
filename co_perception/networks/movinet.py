"""MoViNet A0, A1 and A2, stream and base: Kondratyuk et al., CVPR 2021, arXiv:2103.11511.

The stream networks are those that the authors released in July 2021: convolutions of space, then causal ones of time,
hard swish, and squeeze-excite gates that see the mean of the frames so far beside that of the frame. A0 to A2 have no
positional encoding there; the larger ones do. The base networks have convolutions of three dimensions that look ahead,
swish, and gates that see one mean; their other layers are the same, and so are no weights.

Two things differ from the authors' networks, both by choice of the variant: a mean forgets (`MovinetVariant.window`),
and a base network's gates see past frames alone (`past_gates`), or it could not stream. A head on features gets those
of each frame, before the mean over time. `movinet_names` translates the names of published checkpoints.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.framewise import EachFrame, Linear
from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.state import Tree
from co_perception.continual.timing import Clock, Signal, Timing
from co_perception.networks.heads import build_head
from co_perception.networks.variants import MOVINET_A0_STREAM, MovinetVariant
from co_perception.networks.video import HEAD, VideoNetwork, drop_space
from co_perception.networks.x3d import round_width

NORM_EPS, NORM_MOMENTUM = 1e-3, 0.01
SQUEEZE = 0.25  # channels of a gate's bottleneck to those that it looks at
Activation = Callable[[Tensor], Tensor]


class CoMovinet(VideoNetwork):
    """MoViNet: x (B, 3, T, S, S), RGB in [0, 1], to logits (B, classes, T), one answer per frame.

    Its receptive field is that of the convolutions. Through its means an answer depends on all frames before.
    """

    variant: MovinetVariant

    def __init__(self, variant: MovinetVariant = MOVINET_A0_STREAM, *, dropout: float = 0.2) -> None:
        super().__init__(variant, _layers(variant, dropout))
        _init_as_published(self)

    def clip(self, x: Tensor) -> Tensor:
        _check_size(self.variant, tuple(x.shape[3:]))
        return super().clip(x)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        _check_size(self.variant, signal.shape[1:])
        return super().init_history(batch_size, signal, like)

    def classify(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of whole clips (B, 3, T, S, S): the last answer, whose means are those of the clip."""
        return super().classify(x) if self.variant.head else self.clip(x)[:, :, -1]


class MeanGate(Streaming):
    """Scales each channel of x (B, C, T, H, W) by a gate computed from the mean over space of all frames so far.

    Squeeze-and-Excitation (Hu et al., CVPR 2018, arXiv:1709.01507) as a causal network has it.

    Args:
        channels: C.
        memory: as of `co.CumulativeMean`.
        beside: whether the gate sees the mean of the frame alone, too.
        activation, gate: functions after the two layers `fc1` and `fc2`.
    """

    def __init__(self, channels: int, *, memory: int, beside: bool, activation: Activation, gate: Activation) -> None:
        super().__init__()
        inputs = 2 * channels if beside else channels
        width = round_width(inputs * SQUEEZE)
        self.fc1, self.fc2 = Linear(inputs, width), Linear(width, channels)
        self.mean = co.CumulativeMean(memory)
        self._beside, self._activation, self._gate = beside, activation, gate
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        squeezed = x.mean((3, 4))
        return x * self._gates(self.mean.clip(squeezed), squeezed)

    def stream(self, x: Tensor, past: Tensor, clock: Clock) -> tuple[Tensor, Tree]:
        squeezed = x.mean((3, 4))
        means, past = self.mean.stream(squeezed, past, clock)
        return x * self._gates(means, squeezed), past

    def unrolled(self, frames: Frames, past: Tensor, clock: Clock) -> tuple[Frames, Tree]:
        squeezed = tuple(frame.mean((2, 3)) for frame in frames)
        means, past = self.mean.unrolled(squeezed, past, clock)
        answers = []
        for frame, mean, own in zip(frames, means, squeezed, strict=True):
            narrow = self._activation(self.fc1.each(torch.cat([mean, own], 1) if self._beside else mean))
            answers.append(frame * self._gate(self.fc2.each(narrow))[..., None, None])
        return tuple(answers), past

    def settles(self, lag: int) -> int:
        return self.mean.settles(lag)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        return self.mean.init_history(batch_size, Signal(signal.shape[:1], signal.lag), like)

    def _gates(self, means: Tensor, squeezed: Tensor) -> Tensor:
        """(B, C, T, 1, 1) of means (B, C, T) of frames so far and of the frame."""
        given = torch.cat([means, squeezed], 1) if self._beside else means
        return self._gate(self.fc2.clip(self._activation(self.fc1.clip(given))))[..., None, None]


class ClipMeanGate(MeanGate):
    """A gate computed from the mean over a whole clip, as in the published base networks."""

    def clip(self, x: Tensor) -> Tensor:
        return x * self._gates(x.mean((2, 3, 4))[..., None], x[:, :, :0, 0, 0])

    def stream(self, *_: object) -> NoReturn:
        raise ValueError("past_gates=False takes a mean over the whole clip, which no stream has; use past_gates=True")

    def unrolled(self, *_: object) -> NoReturn:
        self.stream()


class HardGate(nn.Module):
    """A sigmoid of straight lines: slope * x + 1 / 2, between 0 and 1."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return F.hardsigmoid(x * (6 * self.slope))


class Rezero(EachFrame):
    """x times a trained number, 0 before training: ReZero (Bachlechner et al., 2020, arXiv:2003.04887)."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(()))

    def clip(self, x: Tensor) -> Tensor:
        return x * self.alpha

    def each(self, frame: Tensor) -> Tensor:
        return frame * self.alpha


class HalvedImage(EachFrame):
    """Means of 3 x 3 pixels, every other one, of those that there are: TensorFlow's SAME."""

    def clip(self, x: Tensor) -> Tensor:
        return self.each(x.movedim(TIME, 1).flatten(0, 1)).unflatten(0, (x.shape[0], x.shape[TIME])).movedim(1, TIME)

    def each(self, frame: Tensor) -> Tensor:
        # SAME begins at the first pixel where an axis is even; the last window then has two pixels.
        odd = (frame.shape[2] % 2, frame.shape[3] % 2)
        return F.avg_pool2d(frame, 3, 2, odd, ceil_mode=True, count_include_pad=False)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], *(-(-length // 2) for length in shape[1:]))


def _check_size(variant: MovinetVariant, given: tuple[int, ...]) -> None:
    if tuple(given) != variant.frame_shape[1:]:
        raise ValueError(
            f"{variant.name} takes images of {variant.size} x {variant.size}, got {given}: its padding is that of one "
            "size. For another, build it of dataclasses.replace(variant, size=...); weights stay the same"
        )


def _same(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding of an axis, before and after."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def _unit(
    inputs: int, outputs: int, activation: nn.Module | None, kernel: tuple[int, int] = (1, 1), *,
    size: int = 1, stride: int = 1, groups: int = 1, causal: bool = True,
) -> co.Sequential:  # fmt: skip
    """Convolution, batch norm, activation.

    Args:
        kernel: frames and pixels.
        size, stride: of the image, whose padding is SAME.
        causal: whether it sees past frames alone; else as many after as before.
    """
    frames, pixels = kernel
    time = (frames - 1, 0) if causal else (frames // 2, frames // 2)
    space = _same(size, pixels, stride)
    conv = co.Conv3d(
        inputs, outputs, (frames, pixels, pixels), stride=(1, stride, stride), padding=(time, space, space),
        groups=groups, bias=False,
    )  # fmt: skip
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=conv, bn=nn.BatchNorm3d(outputs, eps=NORM_EPS, momentum=NORM_MOMENTUM)
    )
    if activation is not None:
        layers["act"] = activation
    return co.Sequential(layers)


def _block(
    variant: MovinetVariant, inputs: int, outputs: int, layer: tuple[int, int, int], size: int, stride: int
) -> co.Residual:
    """Wider by 1x1x1, over space and time channel by channel, a gate, narrower by 1x1x1, times a trained number."""
    wide, frames, pixels = layer
    body: OrderedDict[str, nn.Module] = OrderedDict(expand=_unit(inputs, wide, _activation(variant)))
    kernel = (1 if variant.causal else frames, pixels)
    body["deep"] = _unit(
        wide, wide, _activation(variant), kernel, size=size, stride=stride, groups=wide, causal=variant.causal
    )
    if variant.causal and frames > 1:
        body["temporal"] = _unit(wide, wide, _activation(variant), (frames, 1), groups=wide)
    body |= {"se": _gate(variant, wide), "project": _unit(wide, outputs, None), "scale": Rezero()}
    shortcut: OrderedDict[str, nn.Module] = OrderedDict()
    if stride > 1:
        shortcut["pool"] = HalvedImage()
    if stride > 1 or inputs != outputs:
        shortcut["project"] = _unit(inputs, outputs, None)
    return co.Residual(co.Sequential(body), co.Sequential(shortcut) if shortcut else None)


def _gate(variant: MovinetVariant, channels: int) -> MeanGate:
    if variant.causal:
        hard = HardGate(variant.gate_slope)
        return MeanGate(channels, memory=variant.window, beside=True, activation=F.hardswish, gate=hard)
    kind = MeanGate if variant.past_gates else ClipMeanGate
    return kind(channels, memory=variant.window, beside=False, activation=F.silu, gate=torch.sigmoid)


def _activation(variant: MovinetVariant) -> nn.Module:
    return nn.Hardswish() if variant.causal else nn.SiLU()


def _layers(variant: MovinetVariant, dropout: float) -> OrderedDict[str, nn.Module]:
    inputs, size = variant.stem, variant.size
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        stem=_unit(3, inputs, _activation(variant), (1, 3), size=size, stride=2)
    )
    size = -(-size // 2)
    for place, (outputs, blocks) in enumerate(zip(variant.widths, variant.stages, strict=True)):
        stage: OrderedDict[str, nn.Module] = OrderedDict()
        for number, layer in enumerate(blocks):
            stride = 2 if number == 0 and place != variant.unstrided else 1
            stage[f"l{number}"] = _block(variant, inputs, outputs, layer, size, stride)
            inputs, size = outputs, -(-size // stride)
        layers[f"b{place}"] = co.Sequential(stage)
    layers["project"] = _unit(inputs, variant.project, _activation(variant))
    layers["squeeze"] = drop_space()
    if variant.head:
        layers[HEAD] = build_head(variant.head, variant.project, variant.classes)
        return layers
    layers["mean"] = co.CumulativeMean(variant.window)
    layers["dense"], layers["dense_act"] = Linear(variant.project, variant.hidden), nn.SiLU()
    layers["dropout"], layers["fc"] = nn.Dropout(dropout), Linear(variant.hidden, variant.classes)
    return layers


def _init_as_published(network: nn.Module) -> None:
    """He normal over fan-in (arXiv:1502.01852) and a small classifier; a head has its own first weights."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv3d | nn.Linear) and not name.startswith(HEAD):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if name == "fc":
                nn.init.normal_(module.weight, std=0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
