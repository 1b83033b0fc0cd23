"""The reference: the authors' networks on continual-inference 1.2.4, as OpenDR 3.0.0 builds them. Needs the environment
of the peers; the builders are those of `test/peers/authors.py`."""

from __future__ import annotations

import math
from typing import Any

from bench import subjects
from co_perception.networks.variants import ResNet3dVariant, X3DVariant
from co_perception.networks.variants_features import FeatureVariant
from co_perception.networks.variants_skeleton import SkeletonVariant


def exists(name: str) -> bool:
    """Whether its authors, or OpenDR, have that network."""
    return not (name.endswith("_short") or name == "coi3d_inception")


def reference(name: str) -> tuple[Any, tuple[int, ...], int]:
    """The network in evaluation mode, the shape of a frame, and the frames from answer to answer."""
    from peers import authors

    variant = subjects.variant(name)
    if not exists(name):
        raise ValueError(f"nobody has published {name} on continual-inference")
    if isinstance(variant, X3DVariant):
        return authors.cox3d(variant, variant.size).eval(), variant.frame_shape, 1
    if isinstance(variant, ResNet3dVariant):
        return authors.coresnet(variant, variant.size).eval(), variant.frame_shape, 2 if variant.halve else 1
    if isinstance(variant, SkeletonVariant):
        shape = (variant.inputs, authors.JOINTS[variant.layout], variant.persons)
        return _of_skeletons(variant).eval(), shape, math.prod(variant.strides)
    assert isinstance(variant, FeatureVariant)
    return authors.encoder(variant).eval(), (variant.features,), 1


def _of_skeletons(variant: SkeletonVariant) -> Any:
    from peers import authors

    if variant.name in authors.STARRED:
        return authors.starred(variant)
    # OpenDR has the adaptive convolution of the starred form only.
    mixers = tuple("adaptive_starred" if mixer == "adaptive" else mixer for mixer in variant.mixers)
    return authors.direct(mixers, variant.channels, variant.strides)


def held_bytes(network: Any) -> int:
    """Bytes of what its modules keep between steps: all buffers that do not belong to its checkpoint."""
    held = [
        buffer
        for module in network.modules()
        for name, buffer in module._buffers.items()
        if name in module._non_persistent_buffers_set and buffer is not None
    ]
    return sum(buffer.numel() * buffer.element_size() for buffer in held)
