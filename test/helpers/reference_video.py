"""Independent X3D and 3D ResNet in plain torch, to hold the continual ones against. They share no code with
co_perception.

Written from table 1 of the X3D paper (Feichtenhofer, arXiv 2004.04730), table 1 of SlowFast (arXiv 1812.03982) and
PySlowFast's names, under which they take the weights as a flat dict. All is evaluation mode.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]


def reference_x3d(video: Tensor, w: Weights, blocks: tuple[int, ...], window: int, *, gate_per_frame: bool) -> Tensor:
    """Logits (B, classes, T') of clips (B, 3, T, H, W), one for every window of that many frames.

    gate_per_frame: squeeze-excite looks at each frame alone, not at the whole clip.
    """
    x = F.conv3d(video, w["s1.pathway0_stem.conv_xy.weight"], stride=(1, 2, 2), padding=(0, 1, 1))
    x = F.conv3d(x, w["s1.pathway0_stem.conv.weight"], padding=(2, 0, 0), groups=x.shape[1])
    x = F.relu(_norm(x, w, "s1.pathway0_stem.bn"))
    for stage, count in enumerate(blocks, start=2):
        for block in range(count):
            at = f"s{stage}.pathway0_res{block}"
            y = F.relu(_norm(F.conv3d(x, w[f"{at}.branch2.a.weight"]), w, f"{at}.branch2.a_bn"))
            stride = (1, 2, 2) if block == 0 else (1, 1, 1)
            y = F.conv3d(y, w[f"{at}.branch2.b.weight"], stride=stride, padding=1, groups=y.shape[1])
            y = _norm(y, w, f"{at}.branch2.b_bn")
            if block % 2 == 0:
                y = _squeeze_excite(y, w, f"{at}.branch2.se", (3, 4) if gate_per_frame else (2, 3, 4))
            y = y * torch.sigmoid(y)
            y = _norm(F.conv3d(y, w[f"{at}.branch2.c.weight"]), w, f"{at}.branch2.c_bn")
            x = F.relu(_shortcut(x, w, at, stride) + y)
    x = F.relu(_norm(F.conv3d(x, w["head.conv_5.weight"]), w, "head.conv_5_bn"))
    x = F.relu(F.conv3d(_mean(x, window), w["head.lin_5.weight"]))
    return _classify(x, w)


def reference_resnet3d(
    video: Tensor, w: Weights, blocks: tuple[int, ...], window: int, *, halve_after_first_stage: bool
) -> Tensor:
    """Logits (B, classes, T') of clips (B, 3, T, H, W); temporal kernels are read off the weights. window: frames that
    reach the head's pool."""
    x = _same_in_time(video, w["s1.pathway0_stem.conv.weight"], (1, 2, 2), 3)
    x = F.max_pool3d(F.relu(_norm(x, w, "s1.pathway0_stem.bn")), (1, 3, 3), (1, 2, 2), (0, 1, 1))
    for stage, count in enumerate(blocks, start=2):
        for block in range(count):
            at = f"s{stage}.pathway0_res{block}"
            stride = (1, 2, 2) if block == 0 and stage > 2 else (1, 1, 1)
            y = F.relu(_norm(_same_in_time(x, w[f"{at}.branch2.a.weight"]), w, f"{at}.branch2.a_bn"))
            y = F.conv3d(y, w[f"{at}.branch2.b.weight"], stride=stride, padding=(0, 1, 1))
            y = F.relu(_norm(y, w, f"{at}.branch2.b_bn"))
            y = _norm(F.conv3d(y, w[f"{at}.branch2.c.weight"]), w, f"{at}.branch2.c_bn")
            x = F.relu(_shortcut(x, w, at, stride) + y)
        if stage == 2 and halve_after_first_stage:
            x = F.max_pool3d(x, (2, 1, 1))
    return _classify(_mean(x, window), w)


def _norm(x: Tensor, w: Weights, at: str) -> Tensor:
    statistics = w[f"{at}.running_mean"], w[f"{at}.running_var"]
    return F.batch_norm(x, *statistics, w[f"{at}.weight"], w[f"{at}.bias"], eps=1e-5)


def _same_in_time(x: Tensor, kernel: Tensor, stride: tuple[int, int, int] = (1, 1, 1), pad: int = 0) -> Tensor:
    return F.conv3d(x, kernel, stride=stride, padding=(kernel.shape[2] // 2, pad, pad))


def _shortcut(x: Tensor, w: Weights, at: str, stride: tuple[int, int, int]) -> Tensor:
    if f"{at}.branch1.weight" not in w:
        return x
    return _norm(F.conv3d(x, w[f"{at}.branch1.weight"], stride=stride), w, f"{at}.branch1_bn")


def _squeeze_excite(x: Tensor, w: Weights, at: str, over: tuple[int, ...]) -> Tensor:
    gate = F.relu(F.conv3d(x.mean(over, keepdim=True), w[f"{at}.fc1.weight"], w[f"{at}.fc1.bias"]))
    return x * torch.sigmoid(F.conv3d(gate, w[f"{at}.fc2.weight"], w[f"{at}.fc2.bias"]))


def _mean(x: Tensor, window: int) -> Tensor:
    """(B, C, T - window + 1, 1, 1): over all of space and every `window` frames."""
    return torch.stack(
        [x[:, :, first : first + window].mean((2, 3, 4)) for first in range(x.shape[2] - window + 1)], 2
    )[..., None, None]


def _classify(x: Tensor, w: Weights) -> Tensor:
    weight, bias = w["head.projection.weight"], w["head.projection.bias"]
    return torch.einsum("kc,bct->bkt", weight, x[..., 0, 0]) + bias[:, None]
