"""Continual skeleton networks: CoST-GCN, CoAGCN and CoS-TR (Hedegaard, Heidari and Iosifidis, 2023, arXiv:2203.11009).

One builder, three ways to mix joints: the graph convolution of ST-GCN (Yan et al., AAAI 2018, arXiv:1801.07455), the
adaptive one of 2s-AGCN (Shi et al., CVPR 2019, arXiv:1805.07694), and attention among joints as in S-TR (Plizzari et
al., 2021, arXiv:2008.07404). As clip networks (`classify`) they are those networks. Two forms of each, which the record
chooses (`variants_skeleton`): direct, the offline network's weights unchanged and one answer per 4 frames; starred,
trained as such and one answer per frame.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NoReturn

import torch
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.each_person import EachPerson
from co_perception.continual.framewise import EachFrame
from co_perception.continual.graph import FoldedGraphConv
from co_perception.continual.state import Tree
from co_perception.continual.timing import Signal, Timing
from co_perception.networks.checkpoints import load_strictly, stgcn_names
from co_perception.networks.variants_skeleton import COSTGCN, SkeletonVariant
from co_perception.skeletons.layouts import layout, spatial_partition


class ClipAdaptiveGraphConv(co.AdaptiveGraphConv):
    """The adaptive graph convolution of the offline AGCN: one likeness of joints for the whole clip.

    No stream has that. Clip mode only; its weights fit `AdaptiveGraphConv`.
    """

    def _mix(self, x: Tensor, edges: Tensor, kind: int) -> Tensor:
        theta, phi = self.a_conv[kind](x).flatten(1, 2), self.b_conv[kind](x).flatten(1, 2)  # (B, C_e * T, V)
        likeness = theta.transpose(1, 2) @ phi / theta.shape[1]
        return x @ (edges[kind] + likeness.softmax(-2))[:, None]

    def folded(self) -> ClipAdaptiveGraphConv:
        return self  # its edges are those of a clip, not of a frame

    def init_history(self, *_: object) -> NoReturn:
        raise ValueError("AGCN attends over the whole clip and cannot stream; its weights fit the network 'coagcn'")


class StarredAdaptiveGraphConv(co.AdaptiveGraphConv):
    """The graph convolution that the published CoAGCN* was trained with: x_v (1 + sum_w (A + B)_vw).

    Each joint is multiplied by one plus the sum of its edges, so that no joint depends on another. The published code
    sums the attention over the joints that it should mix, and shares sum to one whatever they are. `a_conv`
    and `b_conv` are therefore without effect and without gradient; they are here for the checkpoints. A network to be
    trained anew is better off with the mixer "adaptive".
    """

    def _mix(self, x: Tensor, edges: Tensor, kind: int) -> Tensor:
        return x * (1 + edges[kind].sum(1))

    def folded(self) -> EachFrame:
        edges = torch.diag_embed(1 + self._edges().sum(2))
        return FoldedGraphConv(*self._products(edges), identity=not len(self.gcn_residual))


class JointNorm(EachFrame, nn.BatchNorm1d):  # type: ignore[misc]  # forward is that of the contract
    """Batch norm of each channel of each joint of each person, x (B, C, T, V, M).

    It has the parameters of `BatchNorm1d(M * V * C)`, in that order.
    """

    def __init__(self, channels: int, joints: int, persons: int) -> None:
        nn.BatchNorm1d.__init__(self, persons * joints * channels)
        self.frame_shape = (channels, joints, persons)
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        self._check_frame((x.shape[1], *x.shape[3:]))
        channels, joints, persons = self.frame_shape
        flat = x.permute(0, 4, 3, 1, 2).flatten(1, 3)
        return nn.BatchNorm1d.forward(self, flat).unflatten(1, (persons, joints, channels)).permute(0, 3, 4, 2, 1)

    def each(self, frame: Tensor) -> Tensor:
        channels, joints, persons = self.frame_shape
        normed = nn.BatchNorm1d.forward(self, frame.permute(0, 3, 2, 1).flatten(1))
        return normed.unflatten(1, (persons, joints, channels)).permute(0, 3, 2, 1)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        self._check_frame(signal.shape)
        return ()

    def _check_frame(self, shape: tuple[int, ...]) -> None:
        if tuple(shape) != self.frame_shape:
            raise ValueError(
                f"expected skeletons (C, V, M) = {self.frame_shape}: channels, joints, persons, got {tuple(shape)}. "
                "One person needs an axis too, x.unsqueeze(-1); one that is absent is zeros"
            )


Mixer = Callable[[int, int, Tensor], nn.Module]
# How a block mixes joints: input and output channels, partition (3, V, V).
MIXERS: dict[str, Mixer] = {
    "graph": co.GraphConv,
    "adaptive": co.AdaptiveGraphConv,
    "adaptive_starred": StarredAdaptiveGraphConv,
    "adaptive_clip": ClipAdaptiveGraphConv,
    "joints": lambda inputs, outputs, graph: co.JointAttention(inputs, outputs, graph.shape[-1]),
}


class CoStGcn(co.Sequential):
    """Skeleton network: x (B, C, T, V, M), T frames of M persons with V joints, to logits (B, classes, T / stride)."""

    def __init__(self, variant: SkeletonVariant = COSTGCN) -> None:
        skeleton = layout(variant.layout)
        super().__init__(
            OrderedDict(
                data_bn=JointNorm(variant.inputs, len(skeleton), variant.persons),
                body=EachPerson(_blocks(variant, torch.from_numpy(spatial_partition(skeleton)))),
                spatial_pool=co.Framewise(_mean_of_joints, frame_out=lambda shape: shape[:1]),
                pool=co.AvgPool1d(variant.pool, stride=1, padding=variant.pool_padding),
                dropout=nn.Dropout(variant.dropout),
                fc=co.Linear(variant.channels[-1], variant.classes),
            )
        )
        self.variant = variant
        _init_as_published(self)

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(C, V, M) of an input frame."""
        return (self.variant.inputs, len(layout(self.variant.layout)), self.variant.persons)

    def classify(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of whole clips x (B, C, T, V, M) of one length, as of the offline network.

        They are the mean over all steps, for any length of the pool.
        """
        return self.classify_features(self.clip_features(x))

    def clip_features(self, x: Tensor) -> Tensor:
        """Features (B, F) that the classifier reads of whole clips: the mean over all steps."""
        data_bn, body, over_joints = self.layers[:3]
        needed = body.receptive_field - body.timing.before - body.timing.after
        if x.dim() != 5 or x.shape[2] < needed:
            raise ValueError(f"expected clips (B, C, T, V, M) of at least {needed} frames, got {tuple(x.shape)}")
        return over_joints.clip(body.clip(data_bn.clip(x))).mean(2)

    def classify_features(self, features: Tensor) -> Tensor:
        """Logits (B, classes) of features (B, F) as of `clip_features`."""
        dropout, fc = self.layers[-2:]
        return fc.clip(dropout.clip(features.unsqueeze(2))).squeeze(2)


def load_checkpoint(network: CoStGcn, checkpoint: Mapping[str, object], source: str = "the checkpoint") -> None:
    """Load the weights of a published checkpoint, or of one saved here: all of them or none.

    `checkpoint` holds tensors by name in any naming of `stgcn_names`, wrapped or not; errors name `source`.

    Raises:
        ValueError: lists what is missing, left over, of another shape, or of another graph.
    """
    weights, own = stgcn_names(checkpoint), network.state_dict()
    complaint = f"{source} is not for {network.variant.name} with {network.variant.layout} joints"
    graphs = {name: value for name, value in own.items() if name.endswith("gcn.A")}
    for name, graph in graphs.items():
        loaded = weights.get(name, graph)
        if loaded.shape == graph.shape and not torch.allclose(loaded.to(graph), graph, atol=1e-5):
            raise ValueError(f"{complaint}: it was trained with other links between its joints ({name} differs)")
    load_strictly(network, graphs | weights, complaint)


def _blocks(variant: SkeletonVariant, graph: Tensor) -> OrderedDict[str, nn.Module]:
    blocks: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = variant.inputs
    plan = zip(variant.mixers, variant.channels, variant.strides, strict=True)
    for place, (mixer, outputs, stride) in enumerate(plan):
        body = co.Sequential(
            OrderedDict(
                gcn=MIXERS[mixer](inputs, outputs, graph),
                tcn=_temporal(outputs, outputs, variant.kernel, stride, variant.kernel // 2 if variant.padded else 0),
            )
        )
        summed: co.Streaming = body
        if place > 0:  # the first block has no skip: joints' coordinates are not features
            changes = inputs != outputs or stride > 1
            shortcut = _temporal(inputs, outputs, 1, stride, 0) if changes else None
            summed = co.Residual(body, shortcut, align="centered")
        blocks[f"layer{place + 1}"] = co.Sequential(OrderedDict(sum=summed, relu=nn.ReLU()))
        inputs = outputs
    return blocks


def _temporal(inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> co.Sequential:
    conv = co.Conv2d(inputs, outputs, (kernel, 1), stride=(stride, 1), padding=(padding, 0))
    return co.Sequential(OrderedDict(t_conv=conv, bn=nn.BatchNorm2d(outputs)))


def _mean_of_joints(x: Tensor) -> Tensor:
    return x.mean((3, 4))


def _init_as_published(network: CoStGcn) -> None:
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, math.sqrt(2 / network.variant.classes))
        elif isinstance(module, nn.Conv2d) and "attention_conv" not in name:
            if "g_conv" in name:
                nn.init.normal_(module.weight, 0, math.sqrt(2 / (3 * module.weight.numel())))
            else:
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if network.variant.marks:
        nn.init.normal_(network.get_parameter("data_bn.bias"), 0, network.variant.marks)
