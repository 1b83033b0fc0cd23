"""Two streams of one skeleton, joints and bones, whose scores are fused (2s-AGCN, Shi et al., CVPR 2019)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

import co_perception.continual as co
from co_perception.networks.stgcn import CoStGcn
from co_perception.skeletons.layouts import Layout, layout


class TwoStream(co.Parallel):
    """x (B, C, T, V, M) of joints to logits (B, classes, T / stride), of which the softmax is the fused score.

    joint, bone: networks trained on each. The bones are computed here.
    """

    def __init__(self, joint: CoStGcn, bone: CoStGcn) -> None:
        if joint.variant.layout != bone.variant.layout or joint.variant.classes != bone.variant.classes:
            raise ValueError(
                "both streams need one layout and one set of classes, got "
                f"{joint.variant.layout}, {joint.variant.classes} and {bone.variant.layout}, {bone.variant.classes}"
            )
        bones = co.Sequential(OrderedDict(bones=Bones(layout(joint.variant.layout)), network=bone))
        super().__init__(OrderedDict(joint=joint, bone=bones), reduce=fuse)


class Bones(co.EachFrame):
    """x (B, C, T, V, M): each joint minus the joint its bone starts from, as `skeletons.bones`."""

    starts: Tensor

    def __init__(self, skeleton: Layout) -> None:
        super().__init__()
        self.register_buffer("starts", torch.tensor(skeleton.bone_starts), persistent=False)

    def clip(self, x: Tensor) -> Tensor:
        return x - x.index_select(3, self.starts)


def fuse(logits: Sequence[Tensor]) -> Tensor:
    """Logits (B, classes, ...) whose softmax is the mean of the streams' softmax scores: ranks are those of the
    published sum of scores."""
    scores = torch.stack([each.softmax(1) for each in logits]).mean(0)
    # A score that underflows stays finite.
    return scores.clamp(min=torch.finfo(scores.dtype).tiny).log()
