"""Parts that the video networks share: the base class `VideoNetwork`, and residual stages of X3D and ResNet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor, nn

import co_perception.continual as co
from co_perception.networks.heads import build_head
from co_perception.networks.variants import VideoVariant

SIZE_UNIT = 32  # the spatial strides multiplied, in every network here
HEAD = "activity_head"  # name of the layer that stands in place of the published classifier


class VideoNetwork(co.Sequential):
    """Base of the video networks: x (B, 3, T, H, W) to logits (B, classes, T / stride).

    x is normalized by the variant's mean and std; T is a multiple of the stride. With `variant.head` the last layer is
    that head, and all before it are the `trunk`.
    """

    def __init__(self, variant: VideoVariant, layers: OrderedDict[str, nn.Module]) -> None:
        super().__init__(layers)
        self.variant = variant

    @property
    def shortest_clip(self) -> int:
        """Frames of the shortest clip that has an answer."""
        timing = self.timing
        return -((timing.before + timing.after - timing.receptive_field) // timing.stride) * timing.stride

    @property
    def trunk(self) -> co.Sequential:
        """The layers from x to features (B, F, T / stride), which a head is trained on; the same tensors.

        Raises:
            ValueError: where the network has its published classifier and no head.
        """
        if self.variant.head is None:
            raise ValueError(f"{self.variant.name} has its published classifier and no head on its features")
        return co.Sequential(OrderedDict(list(self.named_children())[:-1]))

    @property
    def classifier_head(self) -> co.Sequential:
        """The head, from features (B, F, T) to logits (B, classes, T). Raises ValueError as `trunk`."""
        if self.variant.head is None:
            raise ValueError(f"{self.variant.name} has its published classifier and no head on its features")
        return cast(co.Sequential, self.get_submodule(HEAD))

    def classify(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of whole clips (B, 3, T, H, W): the offline network's, their mean where it has several.

        Raises:
            ValueError: for a length that has no answer or is no multiple of the stride.
        """
        if x.shape[2] < self.shortest_clip or x.shape[2] % self.timing.stride:
            raise ValueError(
                f"a clip holds a multiple of {self.timing.stride} frames and at least {self.shortest_clip}, got "
                f"{x.shape[2]}"
            )
        return self.clip(x).mean(2)


def convolution(
    inputs: int, outputs: int, kernel: tuple[int, int, int], *, stride: int = 1, groups: int = 1
) -> co.Conv3d:
    """A convolution without bias, padded by half its kernel. `stride` is that of space; time has none."""
    padding = [size // 2 for size in kernel]
    return co.Conv3d(inputs, outputs, kernel, stride=(1, stride, stride), padding=padding, groups=groups, bias=False)


def stage(bodies: Sequence[co.Sequential], inputs: int, outputs: int, stride: int) -> co.Sequential:
    """Residual blocks `res0` ... with a ReLU after each sum.

    The first changes channels and scale: its shortcut has a 1x1x1 convolution for that.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for place, body in enumerate(bodies):
        shortcut = None
        if place == 0 and (inputs != outputs or stride > 1):
            projection = convolution(inputs, outputs, (1, 1, 1), stride=stride)
            shortcut = co.Sequential(OrderedDict(conv=projection, bn=nn.BatchNorm3d(outputs)))
        layers[f"res{place}"] = co.Residual(body, shortcut)
        layers[f"relu{place}"] = nn.ReLU()
    return co.Sequential(layers)


def with_answers(
    layers: OrderedDict[str, nn.Module], classifier: Mapping[str, nn.Module], variant: VideoVariant, features: int
) -> OrderedDict[str, nn.Module]:
    """The layers, then those that answer: the published `classifier` of features (B, F, T, H, W), or the head."""
    if variant.head is None:
        return OrderedDict(**layers, **classifier, squeeze=drop_space())
    return OrderedDict(**layers, squeeze=drop_space(), **{HEAD: build_head(variant.head, features, variant.classes)})


def drop_space() -> co.Framewise:
    """(B, C, T) of x (B, C, T, H, W): the only position, or the mean of those that a larger image leaves."""
    return co.Framewise(_drop_space, frame_out=lambda shape: shape[:1])


def _drop_space(x: Tensor) -> Tensor:
    return x.flatten(2, 4) if x.shape[3] * x.shape[4] == 1 else x.mean((3, 4))


def init_as_published(network: nn.Module) -> None:
    """Initialize for training: He normal over fan-out, a small classifier, residual bodies that begin at zero.

    He et al., arXiv:1502.01852; Goyal et al., arXiv:1706.02677. A head has its own first weights.
    """
    for name, module in network.named_modules():
        if name.startswith(HEAD):
            continue
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
        elif isinstance(module, co.Residual):
            nn.init.zeros_(module.get_parameter("body.c_bn.weight"))
