"""Muon: momentum whose matrices are made orthogonal before they are taken as a step.

Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024
(https://kellerjordan.github.io/posts/muon). All directions of a matrix learn at one pace. `torch.optim.Muon` takes
matrices only and not before torch 2.9; here kernels of convolutions are matrices of (channels out, channels in x taps).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic Newton-Schulz iteration, from there
ITERATIONS = 4


class Muon(torch.optim.Optimizer):
    """The optimizer of the layers within a network; biases, norms and classifiers need another.

    Args:
        parameters: of two or more dimensions.
        lr: of a matrix with no more rows than columns.
        momentum: of the gradients, after Nesterov.
        weight_decay: decoupled, as of AdamW.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step; there is no closure."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                mean.lerp_(weight.grad, 1 - group["momentum"])
                way = orthogonal(weight.grad.lerp(mean, group["momentum"]).flatten(1))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                scale = max(1.0, way.shape[0] / way.shape[1]) ** 0.5
                weight.add_(way.view_as(weight), alpha=-group["lr"] * scale)


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix with the singular vectors of this one and singular values near 1."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix) / (matrix.norm() + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
