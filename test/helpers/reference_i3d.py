"""An independent Inception-I3D in plain torch, to hold the continual one against. It shares no code with co_perception.

Written from table 1 of the Inception paper (Szegedy and others, arXiv 1409.4842), figure 3 of Quo Vadis (Carreira and
Zisserman, arXiv 1705.07750) and TensorFlow's rule for SAME padding. It takes the weights as a flat dict under the names
of the well-known PyTorch port (`Mixed_3b.b1a.conv3d.weight`), and checks none of them itself: a missing name is a
KeyError, a superfluous one is reported by `parameter_names`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Triple = tuple[int, int, int]
Weights = Mapping[str, Tensor]

EPSILON = 1e-3
# Outputs of the four branches: 1x1 | reduce, 3x3 | reduce, 3x3 | pool, 1x1.
MIXED: dict[str, tuple[int, int, int, int, int, int]] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}


class Answer(NamedTuple):
    """positions: logits (B, classes, T'), one per temporal position; mean: (B, classes), as published."""

    positions: Tensor
    mean: Tensor


def reference_i3d(video: Tensor, weights: Weights, *, temporal_padding: bool = True) -> Answer:
    """Logits of clips `video` (B, 3, T, H, W), RGB in [-1, 1], in evaluation mode.

    temporal_padding: False leaves out all padding in time and keeps that in space; every position then has seen real
    frames only, and 107 frames are the fewest that give one.
    """
    net = _Net(weights, temporal_padding)
    x = net.unit(video, "Conv3d_1a_7x7", (7, 7, 7), (2, 2, 2))
    x = net.max_pool(x, (1, 3, 3), (1, 2, 2))
    x = net.unit(x, "Conv3d_2b_1x1", (1, 1, 1))
    x = net.unit(x, "Conv3d_2c_3x3", (3, 3, 3))
    x = net.max_pool(x, (1, 3, 3), (1, 2, 2))
    x = net.mixed(net.mixed(x, "Mixed_3b"), "Mixed_3c")
    x = net.max_pool(x, (3, 3, 3), (2, 2, 2))
    for name in ("Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f"):
        x = net.mixed(x, name)
    x = net.max_pool(x, (2, 2, 2), (2, 2, 2))
    x = net.mixed(net.mixed(x, "Mixed_5b"), "Mixed_5c")
    x = F.avg_pool3d(x, (2, 7, 7), stride=1)
    x = F.conv3d(x, weights["logits.conv3d.weight"], weights["logits.conv3d.bias"])
    positions = x.squeeze(4).squeeze(3)
    return Answer(positions, positions.mean(2))


class _Net(NamedTuple):
    weights: Weights
    temporal_padding: bool

    def same(self, x: Tensor, kernel: Triple, stride: Triple, value: float) -> Tensor:
        """`x` padded as TensorFlow's SAME: output length ceil(length / stride), the odd element behind."""
        pads: list[int] = []
        for axis in (4, 3, 2):  # F.pad begins with the last axis
            length, k, s = x.shape[axis], kernel[axis - 2], stride[axis - 2]
            total = max((math.ceil(length / s) - 1) * s + k - length, 0)
            if axis == 2 and not self.temporal_padding:
                total = 0
            pads += [total // 2, total - total // 2]
        return F.pad(x, pads, value=value)

    def unit(self, x: Tensor, name: str, kernel: Triple, stride: Triple = (1, 1, 1)) -> Tensor:
        w = self.weights
        x = F.conv3d(self.same(x, kernel, stride, 0.0), w[f"{name}.conv3d.weight"], stride=stride)
        mean, var = w[f"{name}.bn.running_mean"], w[f"{name}.bn.running_var"]
        return F.relu(F.batch_norm(x, mean, var, w[f"{name}.bn.weight"], w[f"{name}.bn.bias"], eps=EPSILON))

    def max_pool(self, x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
        return F.max_pool3d(self.same(x, kernel, stride, -math.inf), kernel, stride)

    def mixed(self, x: Tensor, name: str) -> Tensor:
        one, two = (1, 1, 1), (3, 3, 3)
        branches: tuple[Tensor, ...] = (
            self.unit(x, f"{name}.b0", one),
            self.unit(self.unit(x, f"{name}.b1a", one), f"{name}.b1b", two),
            self.unit(self.unit(x, f"{name}.b2a", one), f"{name}.b2b", two),
            self.unit(self.max_pool(x, two, one), f"{name}.b3b", one),
        )
        if not self.temporal_padding:
            branches = _aligned(branches)
        return torch.cat(branches, 1)


def _aligned(branches: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Without padding a 3-frame branch loses a frame at either end; the 1-frame branch is cut to match."""
    length = min(branch.shape[2] for branch in branches)
    return tuple(branch.narrow(2, (branch.shape[2] - length) // 2, length) for branch in branches)


def random_weights(classes: int = 400, *, seed: int = 0) -> dict[str, Tensor]:
    """Weights of every name and shape the network has, scaled so that signals neither die nor explode."""
    draw = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}
    for name, shape in _kernels(classes).items():
        fan_in = math.prod(shape[1:])
        weights[f"{name}.conv3d.weight"] = torch.randn(shape, generator=draw) * math.sqrt(2 / fan_in)
        vector = torch.rand(5, shape[0], generator=draw)
        if name == "logits":
            weights["logits.conv3d.bias"] = vector[0]
            continue
        weights[f"{name}.bn.weight"] = 0.5 + vector[1]
        weights[f"{name}.bn.bias"] = vector[2] - 0.5
        weights[f"{name}.bn.running_mean"] = vector[3] - 0.5
        weights[f"{name}.bn.running_var"] = 0.5 + vector[4]
        weights[f"{name}.bn.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    return weights


def parameter_shapes(classes: int = 400) -> dict[str, tuple[int, ...]]:
    """Every name a checkpoint of this network holds, with its shape."""
    return {name: tuple(value.shape) for name, value in random_weights(classes).items()}


def _kernels(classes: int) -> dict[str, tuple[int, ...]]:
    """Kernel shapes (O, I, D, H, W) by unit."""
    one, two = (1, 1, 1), (3, 3, 3)
    kernels: dict[str, tuple[int, ...]] = {
        "Conv3d_1a_7x7": (64, 3, 7, 7, 7),
        "Conv3d_2b_1x1": (64, 64, *one),
        "Conv3d_2c_3x3": (192, 64, *two),
    }
    inputs = 192
    for name, (b0, b1a, b1b, b2a, b2b, b3b) in MIXED.items():
        kernels[f"{name}.b0"] = (b0, inputs, *one)
        kernels[f"{name}.b1a"], kernels[f"{name}.b1b"] = (b1a, inputs, *one), (b1b, b1a, *two)
        kernels[f"{name}.b2a"], kernels[f"{name}.b2b"] = (b2a, inputs, *one), (b2b, b2a, *two)
        kernels[f"{name}.b3b"] = (b3b, inputs, *one)
        inputs = b0 + b1b + b2b + b3b
    kernels["logits"] = (classes, inputs, *one)
    return kernels
