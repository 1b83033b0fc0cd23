"""Small plain networks of torch, one of each kind that people convert, for `compare_answers`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Block3d(nn.Module):
    """A residual block over time and space."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv3d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm3d(outside)
        self.conv2, self.bn2 = nn.Conv3d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm3d(outside)
        self.down = nn.Sequential(nn.Conv3d(inside, outside, 1, stride, bias=False), nn.BatchNorm3d(outside))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.down(x))


class Residual1d(nn.Module):
    """A dilated block of a temporal convolutional network."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.out, self.drop = nn.Conv1d(channels, channels, 1), nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(self.out(torch.relu(self.dilated(x))))


class Recurrent(nn.Module):
    """A recurrent layer, of which the answer to the last frame is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.fc = nn.GRU(8, 16, num_layers=2, batch_first=True), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.gru(x)
        return self.fc(y[:, -1])


class Attending(nn.Module):
    """An encoder of torch's over a window, and its answer to the last frame."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.encoder(x)[:, -1])


def _video() -> nn.Module:
    head = (nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(16, 5))
    return nn.Sequential(nn.Conv3d(3, 8, 3, padding=1), Block3d(8, 16, 2), Block3d(16, 16, 1), *head)


def _tcn() -> nn.Module:
    return nn.Sequential(nn.Conv1d(8, 16, 1), *(Residual1d(16, 2**i) for i in range(5)), nn.Conv1d(16, 5, 1))


PLAIN: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "residual video network": (_video, (3, 16, 16)),
    "temporal convolutions": (_tcn, (8,)),
    "recurrent": (Recurrent, (8,)),
    "encoder": (Attending, (8,)),
}
"""Constructors by name, and the shape (C, *space) of a frame."""
