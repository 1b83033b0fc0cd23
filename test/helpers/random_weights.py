"""Random statistics of batch norms: fresh ones would hide a norm at the wrong place."""

from __future__ import annotations

import torch
from torch.nn.modules.batchnorm import _BatchNorm


def randomize_norm(norm: _BatchNorm, draw: torch.Generator) -> None:
    """Scale, shift, mean and variance of which none is at its default, near enough to keep signals in range."""
    for value, low, high in (
        (norm.weight, 0.5, 1.2),
        (norm.bias, -0.3, 0.3),
        (norm.running_mean, -0.3, 0.3),
        (norm.running_var, 0.5, 1.5),
    ):
        assert value is not None
        value.data.copy_(torch.rand(value.shape, generator=draw) * (high - low) + low)
