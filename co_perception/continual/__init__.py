"""Continual (streaming) layers: `y, state = layer(x, state)`. Knows torch and nothing else."""

from co_perception.continual.attention import RetroactiveAttention, SingleOutputAttention, WindowAttention
from co_perception.continual.conditional import Conditional
from co_perception.continual.container import Broadcast, BroadcastReduce, Parallel, Reduce, Residual, Sequential
from co_perception.continual.conv import Conv1d, Conv2d, Conv3d, same_padding
from co_perception.continual.convert import ConversionError, Registry, convert
from co_perception.continual.dag import Dag
from co_perception.continual.delay import Crop, Delay
from co_perception.continual.elementwise import Add, Constant, Linear, Multiply
from co_perception.continual.encoder import (
    EncoderLayer,
    RetroactiveEncoderLayer,
    SingleOutputEncoderLayer,
    TransformerEncoder,
)
from co_perception.continual.framewise import EachFrame, Framewise, Lambda
from co_perception.continual.graph import AdaptiveGraphConv, GraphConv, JointAttention
from co_perception.continual.layer import Streaming
from co_perception.continual.norm import FrameGroupNorm, LayerNorm
from co_perception.continual.pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from co_perception.continual.position import RecyclingPositionalEncoding
from co_perception.continual.recurrent import GRU, LSTM, RNN
from co_perception.continual.squeeze_excite import SqueezeExcite
from co_perception.continual.state import State
from co_perception.continual.timing import Timing

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveGraphConv",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "Broadcast",
    "BroadcastReduce",
    "Conditional",
    "Constant",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConversionError",
    "Crop",
    "Dag",
    "Delay",
    "EachFrame",
    "EncoderLayer",
    "FrameGroupNorm",
    "Framewise",
    "GRU",
    "GraphConv",
    "JointAttention",
    "LSTM",
    "Lambda",
    "LayerNorm",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Multiply",
    "Parallel",
    "RNN",
    "RecyclingPositionalEncoding",
    "Reduce",
    "Registry",
    "Residual",
    "RetroactiveAttention",
    "RetroactiveEncoderLayer",
    "Sequential",
    "SingleOutputAttention",
    "SingleOutputEncoderLayer",
    "SqueezeExcite",
    "State",
    "Streaming",
    "Timing",
    "TransformerEncoder",
    "WindowAttention",
    "convert",
    "same_padding",
]
