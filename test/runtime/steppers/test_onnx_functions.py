"""Functions of elements and axes that networks of others have between their layers, in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.stepper_networks import assert_steps_in_onnx_runtime
from torch import Tensor, nn

import co_perception.continual as co

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "powers": lambda x: x**2 + (x.abs() + 0.1) ** 0.5 + 2.0**x,
    "roots": lambda x: (x.abs() + 1).sqrt() + (x.abs() + 1).rsqrt() + (x.square() + 1).reciprocal(),
    "logarithms": lambda x: (x.abs() + 1).log() + x.abs().log1p() + x.exp(),
    "circular": lambda x: x.sin() - x.cos() + torch.erf(x) + (-x),
    "rounding": lambda x: (3 * x).floor() + (3 * x).ceil() + (3 * x).round() + x.sign(),
    "limits": lambda x: x.clamp(-0.5, 0.3) + F.hardtanh(x) + F.relu6(4 * x) + x.clamp(min=0.1) + x.clamp_max(0.2),
    "units": lambda x: F.leaky_relu(x, 0.2) + F.elu(x, 1.5) + F.celu(x, 0.7) + F.selu(x),
    "hard units": lambda x: F.hardsigmoid(4 * x) + F.hardswish(4 * x) + F.softsign(x),
    "soft units": lambda x: F.softplus(x) + F.mish(x),
    "comparisons": lambda x: torch.where(x > 0, x, -1.0) + torch.where(x <= 0.1, x, 2.0) + (x.sign() == 1).float(),
    "extremes": lambda x: torch.minimum(x, 1 - x) + torch.maximum(x, 0.5 - x),
    "sums": lambda x: x.sum(1, keepdim=True) + x.sum(-1, keepdim=True) + x,
    "largest": lambda x: x.amax(1, keepdim=True) + x.amin(-1, keepdim=True) + x.logsumexp(1, keepdim=True) + x,
    "norms": lambda x: F.normalize(x, dim=1) + torch.linalg.vector_norm(x, 1, -1, True),
    "spread": lambda x: x.var(1, unbiased=False, keepdim=True) + x.std((1, 3), keepdim=True) + x,
    "running sum": lambda x: x.cumsum(1) + x.flip(1) + torch.roll(x, 1, 3) + torch.roll(x, (2, 1), (1, 3)),
    "wider": lambda x: x[:, :1].expand(-1, 6, -1, -1) + x.repeat(1, 2, 1, 1)[:, :6],
    "gates": lambda x: F.glu(x, 1).repeat(1, 2, 1, 1),
    "picked": lambda x: x.index_select(3, torch.tensor([2, 0, 1])) + x.argmax(1, keepdim=True).float(),
    "whole numbers among others": lambda x: x * x.argmax(1, keepdim=True) + (x.argmin(1, keepdim=True) < 2.5).float(),
    "in order": lambda x: x.sort(1)[0] + x.sort(-1, descending=True)[0] * x.sort(1)[1],
    "few largest": lambda x: x.topk(2, 1)[0].sum(1, keepdim=True) - x.topk(1, -1, largest=False)[0] * x,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_step_in_onnx_runtime_gives_what_torch_gives(name: str) -> None:
    torch.manual_seed(0)
    network = co.Sequential(co.Conv2d(6, 6, (3, 1), padding=(1, 0)), co.Framewise(FUNCTIONS[name]), nn.ReLU()).eval()
    assert_steps_in_onnx_runtime(network, (6, 3), atol=1e-4)


@pytest.mark.parametrize(
    "settings", [{"stride": (1, 2)}, {"stride": (1, 3), "output_padding": (0, 2), "groups": 2, "bias": False}],
    ids=["halves of joints", "groups"],
)  # fmt: skip
def test_a_transposed_convolution_in_space(settings: dict[str, Any]) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(6, 6, (3, 1), padding=(1, 0)), nn.ConvTranspose2d(6, 4, (1, 3), **settings)).eval()
    assert_steps_in_onnx_runtime(co.convert(plain, example=(6, 5)), (6, 5), atol=1e-5)
