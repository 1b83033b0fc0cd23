"""Independent MoViNet in plain torch, to hold the continual ones against. It shares no code with co_perception.

Written from the paper (Kondratyuk et al., arXiv 2103.11511) and TensorFlow's Model Garden; it takes the weights as a
flat dict under the names of the PyTorch port MoViNet-pytorch. All is evaluation mode, on whole clips.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]
HALVED = ("b0_l0", "b1_l0", "b2_l0", "b4_l0")  # blocks that halve the image


def reference_movinet(video: Tensor, w: Weights, *, causal: bool, whole_clip: bool = False) -> Tensor:
    """Logits (B, classes, T) of clips (B, 3, T, S, S), one for every frame.

    causal: the stream network, else base. whole_clip: means over time are those of the clip, not of the frames so far.
    """
    act = F.hardswish if causal else F.silu
    x = act(_norm(_over_space(video, w["conv1.conv_1.conv2d.weight"], 2) if causal else
            _over_both(video, w["conv1.conv_1.conv3d.weight"], 2), w, "conv1.conv_1"))  # fmt: skip
    blocks = sorted({name.split(".")[1] for name in w if name.startswith("blocks.")})
    for block in sorted(blocks, key=lambda name: [int(number) for number in re.findall(r"\d+", name)]):
        x = _block(x, w, f"blocks.{block}", 2 if block in HALVED else 1, causal, whole_clip)
    x = act(_norm(_pointwise(x, w, "conv7.conv_1"), w, "conv7.conv_1"))
    x = _mean_over_time(x.mean((3, 4), keepdim=True), whole_clip)
    x = F.silu(_pointwise(x, w, "classifier.0.conv_1"))
    return _pointwise(x, w, "classifier.3.conv_1")[..., 0, 0]


def _block(x: Tensor, w: Weights, at: str, stride: int, causal: bool, whole_clip: bool) -> Tensor:
    act = F.hardswish if causal else F.silu
    y = act(_norm(_pointwise(x, w, f"{at}.expand.conv_1"), w, f"{at}.expand.conv_1"))
    if causal:
        y = act(_norm(_over_space(y, w[f"{at}.deep.conv_1.conv2d.weight"], stride), w, f"{at}.deep.conv_1"))
        if f"{at}.deep.conv_2.conv2d.weight" in w:
            y = _over_past(y, w[f"{at}.deep.conv_2.conv2d.weight"])
            y = act(_norm(y, w, f"{at}.deep.conv_2"))
    else:
        y = act(_norm(_over_both(y, w[f"{at}.deep.conv_1.conv3d.weight"], stride), w, f"{at}.deep.conv_1"))
    squeezed = y.mean((3, 4), keepdim=True)
    seen = _mean_over_time(squeezed, whole_clip)
    seen = torch.cat([seen.expand_as(squeezed), squeezed], 1) if causal else seen
    gate = _pointwise(act(_pointwise(seen, w, f"{at}.se.fc1.conv_1")), w, f"{at}.se.fc2.conv_1")
    y = y * ((0.2 * gate + 0.5).clamp(0, 1) if causal else torch.sigmoid(gate))
    y = _norm(_pointwise(y, w, f"{at}.project.conv_1"), w, f"{at}.project.conv_1")
    if stride > 1:
        x = _half(x)
    if any(name.startswith(f"{at}.res.") for name in w):
        x = _norm(_pointwise(x, w, f"{at}.res.1.conv_1"), w, f"{at}.res.1.conv_1")
    return x + w[f"{at}.alpha"] * y


def _norm(x: Tensor, w: Weights, at: str) -> Tensor:
    mean, variance = w[f"{at}.norm.running_mean"], w[f"{at}.norm.running_var"]
    return F.batch_norm(x, mean, variance, w[f"{at}.norm.weight"], w[f"{at}.norm.bias"], eps=1e-3)


def _pointwise(x: Tensor, w: Weights, at: str) -> Tensor:
    kernel = w.get(f"{at}.conv2d.weight", w.get(f"{at}.conv3d.weight"))
    bias = w.get(f"{at}.conv2d.bias", w.get(f"{at}.conv3d.bias"))
    assert kernel is not None
    y = torch.einsum("oc,bcthw->bothw", kernel.flatten(1), x)
    return y if bias is None else y + bias.view(-1, 1, 1, 1)


def _padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """As TensorFlow's SAME: the odd pixel of padding goes to the end."""
    amounts = []
    for length in (x.shape[-1], x.shape[-2]):
        total = max(kernel - (length % stride or stride), 0)
        amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts)


def _over_space(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """kernel (C, I, k, k), of each frame."""
    frames = [
        F.conv2d(_padded(frame, kernel.shape[-1], stride), kernel, stride=stride, groups=x.shape[1] // kernel.shape[1])
        for frame in x.unbind(2)
    ]
    return torch.stack(frames, 2)


def _over_past(x: Tensor, kernel: Tensor) -> Tensor:
    """kernel (C, 1, k, 1), of each pixel's past."""
    past = F.pad(x, (0, 0, 0, 0, kernel.shape[2] - 1, 0))
    taps = [past[:, :, tap : tap + x.shape[2]] * kernel[:, 0, tap].view(-1, 1, 1, 1) for tap in range(kernel.shape[2])]
    return torch.stack(taps).sum(0)


def _over_both(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """kernel (C, I, k, k, k), as many frames after as before."""
    around = F.pad(_padded(x, kernel.shape[-1], stride), (0, 0, 0, 0, kernel.shape[2] // 2, kernel.shape[2] // 2))
    return F.conv3d(around, kernel, stride=(1, stride, stride), groups=x.shape[1] // kernel.shape[1])


def _half(x: Tensor) -> Tensor:
    """Means of the pixels that there are, 3 x 3 of every other one."""
    ones = torch.ones(1, 1, 3, 3, dtype=x.dtype)
    frames = []
    for frame in x.flatten(0, 1).split(1):
        sums = F.conv2d(_padded(frame.transpose(0, 1), 3, 2), ones, stride=2)
        count = F.conv2d(_padded(torch.ones_like(frame[:1, :1]), 3, 2), ones, stride=2)
        frames.append((sums / count).transpose(0, 1))
    y = torch.cat(frames)
    return y.unflatten(0, x.shape[:2])


def _mean_over_time(x: Tensor, whole_clip: bool) -> Tensor:
    if whole_clip:
        return x.mean(2, keepdim=True).expand_as(x)
    return torch.stack([x[:, :, : end + 1].mean(2) for end in range(x.shape[2])], 2)
