"""Continual (streaming) layers for torch.

    net = co.Sequential(co.Conv1d(3, 8, 5, padding=2), nn.ReLU(), co.Linear(8, 4)).eval()
    state = net.init_state(batch_size=1, frame_shape=(3,))
    for frame in stream:                    # (1, 3, 1): streams, channels, one frame
        y, state = net(frame, state)        # (1, 4, 1)

A step computes only what is new, and gives the answers that the plain torch network gives on a whole clip
(`net.clip`). The method is that of Continual Inference Networks (Hedegaard and Iosifidis, arXiv:2106.00050,
arXiv:2204.03418). This package imports torch and safetensors, and no other part of co_perception.
"""

from co_perception.continual.attention import RetroactiveAttention, SingleOutputAttention, WindowAttention
from co_perception.continual.container import Broadcast, BroadcastReduce, Parallel, Reduce, Residual, Sequential
from co_perception.continual.conv import Conv1d, Conv2d, Conv3d, same_padding
from co_perception.continual.convert.convert import ConversionError, Registry, convert
from co_perception.continual.cumulative import CumulativeMean, CumulativeSum, FrameNumber
from co_perception.continual.dag import Dag
from co_perception.continual.deep_encoder import DeepContinualEncoder
from co_perception.continual.encoder import (
    EncoderLayer,
    RetroactiveEncoderLayer,
    SingleOutputEncoderLayer,
    TransformerEncoder,
)
from co_perception.continual.framewise import Add, Constant, EachFrame, Framewise, Lambda, Linear, Multiply
from co_perception.continual.gating import Conditional, SqueezeExcite
from co_perception.continual.graph import AdaptiveGraphConv, GraphConv, JointAttention
from co_perception.continual.history import Crop, Delay, PadFrames
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
from co_perception.continual.state import State
from co_perception.continual.timing import Timing

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveGraphConv", "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "Add", "AvgPool1d", "AvgPool2d", "AvgPool3d", "Broadcast",
    "BroadcastReduce", "Conditional", "Constant", "Conv1d", "Conv2d", "Conv3d", "ConversionError", "Crop",
    "CumulativeMean", "CumulativeSum", "Dag", "DeepContinualEncoder", "Delay", "EachFrame", "EncoderLayer",
    "FrameGroupNorm", "FrameNumber", "Framewise", "GRU", "GraphConv", "JointAttention", "LSTM", "Lambda", "LayerNorm",
    "Linear", "MaxPool1d", "MaxPool2d", "MaxPool3d", "Multiply", "PadFrames", "Parallel", "RNN",
    "RecyclingPositionalEncoding", "Reduce", "Registry", "Residual", "RetroactiveAttention",
    "RetroactiveEncoderLayer", "Sequential", "SingleOutputAttention", "SingleOutputEncoderLayer", "SqueezeExcite",
    "State", "Streaming", "Timing", "TransformerEncoder", "WindowAttention", "convert", "same_padding",
]  # fmt: skip
