"""Optimiser and learning rate of a training."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from co_perception.training.config import TrainConfig


def optimiser(parameters: Iterable[nn.Parameter], config: TrainConfig) -> Optimizer:
    """Over the parameters that ask for a gradient. Scales and biases (parameters of one axis) do not decay."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [parameter for parameter in trained if parameter.dim() <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0)
    return (AdamW if config.optimizer == "adamw" else Adam)(groups, lr=config.lr)


def schedule(optimizer: Optimizer, config: TrainConfig, steps: int) -> LambdaLR:
    """The learning rate of each of `steps` steps, a function of the step alone."""
    return LambdaLR(optimizer, lambda step: share(step / max(steps, 1), 1 / max(steps, 1), config))


def share(done: float, one: float, config: TrainConfig) -> float:
    """Of the highest rate, for the step that begins when the share `done` of the training is behind; one: a step."""
    if done < config.warmup:
        return min((done + one) / config.warmup, 1.0)
    past = min((done - config.warmup) / (1 - config.warmup), 1.0)
    if config.schedule == "cosine":
        return (1 + math.cos(math.pi * past)) / 2
    if config.schedule == "step":
        return 0.1 ** ((past >= 0.5) + (past >= 0.75))
    return 1.0
