"""Builds video networks from their variants, and loads checkpoints strictly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from co_perception.networks.checkpoints import load_strictly, own_names, unwrap
from co_perception.networks.inception import InceptionCoI3D, published_names
from co_perception.networks.movinet import CoMovinet
from co_perception.networks.movinet_names import movinet_names
from co_perception.networks.resnet3d import CoResNet3d
from co_perception.networks.variants import MovinetVariant, ResNet3dVariant, VideoVariant, X3DVariant
from co_perception.networks.video import HEAD, VideoNetwork
from co_perception.networks.x3d import CoX3D


def build_video(variant: VideoVariant) -> VideoNetwork:
    """The network of a variant, with random weights."""
    if isinstance(variant, X3DVariant):
        return CoX3D(variant)
    if isinstance(variant, ResNet3dVariant):
        return CoResNet3d(variant)
    if isinstance(variant, MovinetVariant):
        return CoMovinet(variant)
    return InceptionCoI3D(variant)


def load_checkpoint(network: VideoNetwork, checkpoint: Mapping[str, object], source: str = "the checkpoint") -> None:
    """Load the weights of a published checkpoint, or of one saved here: all of them or none.

    `checkpoint` holds tensors by name in any naming of `own_names`, `movinet_names` or `published_names`, wrapped or
    not; errors name `source`.

    Raises:
        ValueError: lists what is missing, left over or of another shape.
    """
    rename: Callable[[Mapping[str, object]], dict[str, Tensor]]
    if isinstance(network, CoMovinet):
        rename = movinet_names
    else:
        rename = own_names if isinstance(network, CoX3D | CoResNet3d) else lambda given: published_names(unwrap(given))
    given = unwrap(checkpoint)
    head = {name: value for name, value in given.items() if name.startswith(f"{HEAD}.")}  # never published
    rest = {name: value for name, value in given.items() if name not in head}
    load_strictly(network, rename(rest) | head, f"{source} is not for {network.variant.name}")
