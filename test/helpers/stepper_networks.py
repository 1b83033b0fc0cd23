"""Small networks of every family with random norms, for the tests of steppers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.layer import Streaming
from co_perception.continual.state import State
from co_perception.networks.build import build_video
from co_perception.networks.oadtr import CoOadTR
from co_perception.networks.stgcn import CoStGcn
from co_perception.networks.variants import COI3D_R50, COX3D_S
from co_perception.networks.variants_features import COOADTR_B1, COTRANS_SHORT
from co_perception.networks.variants_skeleton import SKELETON_VARIANTS
from co_perception.runtime.steppers.choose import stepper
from helpers.random_weights import randomize_norm
from helpers.small_movinets import drawn, small_movinet


class Stepped(NamedTuple):
    """network: in evaluation mode; shape: (C, *space) of its frames."""

    network: Streaming
    shape: tuple[int, ...]


def x3d() -> Stepped:
    """Depthwise convolutions, gates, partial sums where space shrinks."""
    variant = dataclasses.replace(COX3D_S, size=64, blocks=(2, 1, 1, 1), window=5, features=32, classes=7)
    return _made(build_video(variant), variant.frame_shape)


def resnet() -> Stepped:
    """Dense convolutions over time, a stride of two frames."""
    variant = dataclasses.replace(COI3D_R50, size=32, blocks=(1, 2, 1, 1), width=8, classes=7)
    return _made(build_video(variant), variant.frame_shape)


def movinet() -> Stepped:
    """Causal convolutions, hard activations, means of all frames so far, images of 90, 45, 23, 12, 6 and 3 pixels."""
    stages = (((16, 1, 5),), ((64, 3, 3),), ((24, 5, 3),), ((16, 3, 3),), ((24, 1, 5),))
    variant = small_movinet(window=6, size=90, stages=stages)
    return _made(drawn(variant), variant.frame_shape)


def skeletons(name: str) -> Stepped:
    """A skeleton network's blocks, four of them, of few channels."""
    known = SKELETON_VARIANTS[name]
    blocks = [0, 3, 4, -1]  # plain, alike, one that changes channels (and stride, in direct forms), the last mixer
    variant = dataclasses.replace(
        known, mixers=tuple(known.mixers[i] for i in blocks), channels=(32, 32, 64, 64),
        strides=tuple(known.strides[i] for i in blocks), pool=6, pool_padding=0, classes=7,
    )  # fmt: skip
    network = CoStGcn(variant)
    return _made(network, network.frame_shape)


def encoder(depth: int) -> Stepped:
    """An encoder over feature vectors."""
    variant = dataclasses.replace(
        COOADTR_B1, features=12, depth=depth, width=32, heads=4, feedforward=48, window=9, table=17, classes=7
    )
    return _made(CoOadTR(variant), (12,))


def sensor() -> Stepped:
    """Convolutions before attention."""
    variant = dataclasses.replace(COTRANS_SHORT, stem=(3, 5), width=16, heads=2, feedforward=16, window=8, table=15)
    return _made(CoOadTR(variant), (6,))


def pools() -> Stepped:
    """Maxima and means over time and space, one of them strided, beside each other."""
    branches = co.Parallel(
        co.Sequential(co.MaxPool3d(3, stride=1, padding=1), co.Conv3d(4, 3, 1)),
        co.AvgPool3d((3, 3, 3), stride=1, padding=1),
        reduce="concat",
    )
    network = co.Sequential(
        co.Conv3d(2, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(), branches, co.MaxPool3d((2, 2, 2))
    )
    return _made(network, (2, 8, 8))


class PlainGraphs(nn.Module):
    """A graph convolution as most people write one, with their usual head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 6, (3, 1), padding=(1, 0)))
        self.prelu, self.pool, self.head = nn.PReLU(6), nn.AdaptiveAvgPool2d(1), nn.Linear(6, 5)
        self.graph = nn.Buffer(torch.randn(3, 5, 5))
        self.added = nn.Parameter(torch.randn(3, 5, 5))
        self.hops = nn.Parameter(torch.randn(6, 3))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum("nctv,kvw->nkctw", self.prelu(self.conv(x)), self.graph + self.added)
        y = torch.einsum("nkctv,ck->nctv", y, self.hops)
        return torch.log_softmax(self.head(self.pool(y).flatten(1)), 1)


def converted() -> Stepped:
    """What `convert` makes of a plain network."""
    return _made(co.convert(PlainGraphs().eval(), window=4, example=(4, 5)), (4, 5))


_FAMILIES: dict[str, Callable[[], Stepped]] = {
    "x3d": x3d,
    "resnet": resnet,
    "movinet": movinet,
    "graph": lambda: skeletons("costgcn_mod"),
    "adaptive": lambda: skeletons("coagcn"),
    "starred": lambda: skeletons("coagcn_mod"),
    "joints": lambda: skeletons("costr_mod"),
    "encoder of 1": lambda: encoder(1),
    "encoder of 2": lambda: encoder(2),
    "encoder of 3": lambda: encoder(3),
    "sensor": sensor,
    "pools": pools,
    "converted": converted,
}


def _drawn(family: str) -> Stepped:
    """The same weights in every run and on every machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return _FAMILIES[family]()


FAMILIES = {name: partial(_drawn, name) for name in _FAMILIES}


def stream(stepped: Stepped, frames: int, streams: int = 1, seed: int = 0) -> Tensor:
    """Frames (B, C, T, *space), T the next multiple of the stride."""
    stride = stepped.network.timing.stride
    count = -(-frames // stride) * stride
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(streams, stepped.shape[0], count, *stepped.shape[1:], generator=draw)


def fresh(stepped: Stepped, streams: int = 1) -> State:
    """Streams that have seen nothing."""
    return stepped.network.init_state(streams, stepped.shape)


def assert_steps_in_onnx_runtime(network: Streaming, shape: tuple[int, ...], atol: float) -> None:
    """Asserts that ONNX Runtime gives what torch gives, frame by frame, for two streams."""
    made = stepper(network, shape, "onnxruntime")
    state, expected = made.init_state(2), network.init_state(2, shape)
    with torch.no_grad():
        for frame in torch.randn(5, 2, shape[0], 1, *shape[1:]):
            y, state = made(frame, state)
            wanted, expected = network(frame, expected)
            torch.testing.assert_close(y, wanted, rtol=1e-4, atol=atol)


def _made(network: Streaming, shape: tuple[int, ...]) -> Stepped:
    draw = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            randomize_norm(module, draw)
    return Stepped(network.eval(), shape)
