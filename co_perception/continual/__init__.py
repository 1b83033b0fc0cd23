"""Continual (streaming) layers: `y, state = layer(x, state)`. Knows torch and nothing else."""

from co_perception.continual.container import Parallel, Residual, Sequential
from co_perception.continual.conv import Conv1d, Conv2d, Conv3d, same_padding
from co_perception.continual.delay import Crop, Delay
from co_perception.continual.framewise import Framewise
from co_perception.continual.layer import Streaming
from co_perception.continual.pool import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from co_perception.continual.state import State
from co_perception.continual.timing import Timing

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "Crop",
    "Delay",
    "Framewise",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Parallel",
    "Residual",
    "Sequential",
    "State",
    "Streaming",
    "Timing",
    "same_padding",
]
