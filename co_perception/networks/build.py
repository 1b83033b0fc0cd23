"""Builds video networks from their variants, and loads checkpoints strictly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from co_perception.networks.checkpoints import own_names, unwrap
from co_perception.networks.inception import InceptionCoI3D, published_names
from co_perception.networks.resnet3d import CoResNet3d
from co_perception.networks.variants import ResNet3dVariant, VideoVariant, X3DVariant
from co_perception.networks.video import VideoNetwork
from co_perception.networks.x3d import CoX3D

SHOWN = 5  # names of each kind in an error


def build_video(variant: VideoVariant) -> VideoNetwork:
    """The network of a variant, with random weights."""
    if isinstance(variant, X3DVariant):
        return CoX3D(variant)
    if isinstance(variant, ResNet3dVariant):
        return CoResNet3d(variant)
    return InceptionCoI3D(variant)


def load_checkpoint(network: VideoNetwork, checkpoint: Mapping[str, object], source: str = "the checkpoint") -> None:
    """Load the weights of a published checkpoint, or of one saved here: all of them or none.

    `checkpoint` holds tensors by name in any naming of `own_names` or `published_names`, wrapped or not; errors name
    `source`.

    Raises:
        ValueError: lists what is missing, left over or of another shape.
    """
    rename: Callable[[Mapping[str, object]], dict[str, Tensor]]
    rename = own_names if isinstance(network, CoX3D | CoResNet3d) else lambda given: published_names(unwrap(given))
    load_strictly(network, rename(checkpoint), f"{source} is not for {network.variant.name}")


def load_strictly(network: nn.Module, weights: Mapping[str, Tensor], complaint: str) -> None:
    """Load a state dict, or name every kind of misfit before anything is changed.

    Raises:
        ValueError: starts with `complaint`.
    """
    own = network.state_dict()
    # Counters of training steps: older checkpoints have none, and no answer depends on them.
    counters = {name: own[name] for name in set(own) - set(weights) if name.endswith(".num_batches_tracked")}
    read = {**counters, **weights}
    shapes = {name: (tuple(read[name].shape), tuple(own[name].shape)) for name in own.keys() & read.keys()}
    problems = {
        "missing": sorted(own.keys() - read.keys()),
        "unknown": sorted(read.keys() - own.keys()),
        "of another shape": [
            f"{n} {had} instead of {needs}" for n, (had, needs) in sorted(shapes.items()) if had != needs
        ],
    }
    parts = []
    for kind, names in problems.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        if names:
            parts.append(f"{len(names)} tensors are {kind} ({', '.join(names[:SHOWN])}{more})")
    if not parts:
        network.load_state_dict(read)
        return
    hints = [  # the commonest misfit: a classifier of another number of classes
        f" It knows {had[0]} classes, the network {needs[0]}: build it with classes={had[0]} and their labels, or keep "
        "all but the classifier, learner.start_from(path), and train"
        for name, (had, needs) in shapes.items()
        if name.startswith(("head.", "logits.conv3d", "fc.")) and had[1:] == needs[1:] and had != needs
    ]
    raise ValueError(f"{complaint}: {'; '.join(parts)}.{''.join(hints[:1])}")
