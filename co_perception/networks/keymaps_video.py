"""Names that published X3D, Slow and I3D-ResNet checkpoints give their parameters, turned into those of the networks
here.

Known are PySlowFast's (`s2.pathway0_res0.branch2.a.weight`), PyTorchVideo's (`blocks.1.res_blocks.0.branch2.conv_a`)
and those of the continual networks of OpenDR and co3d, which are PySlowFast's with numbers between. PyTorchVideo calls
the spatial convolution of X3D's stem `conv_t` and the temporal one `conv_xy`; PySlowFast's names say what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

Weights = dict[str, Tensor]

NORM_EPS = 1e-5
_WRAPPINGS = ("model_state", "state_dict", "model_state_dict")

# PySlowFast, from left to right.
_PYSLOWFAST = (
    (r"^(module|model)\.(?=s\d\.|head\.)", ""),
    (r"(?<=\.)(\d+\.)+", ""),  # the places of containers without names, in OpenDR's networks
    (r"pathway0_(stem\.)?", ""),
    (r"\.branch1\.", ".shortcut.conv."),
    (r"\.branch1_bn\.", ".shortcut.bn."),
    (r"\.branch2\.", ".body."),
)
# PyTorchVideo, after its blocks have been numbered as stages.
_PYTORCHVIDEO = (
    (r"^s1\.conv\.conv_xy\.", "s1.conv."),
    (r"^s1\.conv\.conv_t\.", "s1.conv_xy."),
    (r"^s1\.norm\.", "s1.bn."),
    (r"\.res_blocks\.(\d+)\.", r".res\1."),
    (r"\.branch1_conv\.", ".shortcut.conv."),
    (r"\.branch1_norm\.", ".shortcut.bn."),
    (r"\.branch2\.conv_([abc])\.", r".body.\1."),
    (r"\.branch2\.norm_b\.1\.block\.0\.", ".body.se.fc1."),
    (r"\.branch2\.norm_b\.1\.block\.2\.", ".body.se.fc2."),
    (r"\.branch2\.norm_([abc])\.(0\.)?", r".body.\1_bn."),
    (r"^head\.pool\.pre_conv\.", "head.conv_5."),
    (r"^head\.pool\.pre_norm\.", "head.conv_5_bn."),
    (r"^head\.pool\.post_conv\.", "head.lin_5."),
    (r"^head\.proj\.", "head.projection."),
)


def own_names(checkpoint: Mapping[str, Any]) -> Weights:
    """State dict of `CoX3D` or `CoResNet3d` from a checkpoint in any of the namings above, or already in ours.

    checkpoint: as `torch.load` gives it, wrapped (`model_state`, `state_dict`) or not.
    Raises: ValueError for two entries of one name, and for a file without tensors.
    """
    weights = unwrap(checkpoint)
    rename = _pytorchvideo(weights) if any(name.startswith("blocks.") for name in weights) else _pyslowfast
    renamed: Weights = {}
    for theirs, value in weights.items():
        ours = rename(theirs)
        if ours in renamed:
            raise ValueError(f"{theirs}: another entry of the checkpoint is {ours} as well")
        renamed[ours] = _with_axes(ours, value)
    return renamed | _missing_shortcut_norms(renamed)


def pyslowfast_name(ours: str) -> str:
    """PySlowFast's name of a parameter of ours: the inverse of `own_names`."""
    theirs = re.sub(r"^s1\.", "s1.pathway0_stem.", re.sub(r"\.res(\d+)\.", r".pathway0_res\1.", ours))
    theirs = theirs.replace(".shortcut.conv.", ".branch1.").replace(".shortcut.bn.", ".branch1_bn.")
    return theirs.replace(".body.", ".branch2.")


def unwrap(checkpoint: Mapping[str, Any]) -> Weights:
    """The tensors by name of a checkpoint that may hold optimiser and configuration beside them."""
    for key in _WRAPPINGS:
        if isinstance(checkpoint.get(key), Mapping):
            checkpoint = checkpoint[key]
    weights = {name: value for name, value in checkpoint.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not weights:
        raise ValueError(
            f"no tensors by name among the entries {sorted(map(str, checkpoint))[:5]}: not a checkpoint of weights"
        )
    return weights


def _pyslowfast(name: str) -> str:
    return _rewrite(name, _PYSLOWFAST)


def _pytorchvideo(weights: Iterable[str]) -> Callable[[str], str]:
    """The rule for one checkpoint: its blocks with residual blocks are s2, s3, ..., the first is the stem, the last the
    head. A pool between them has a number and no parameters."""
    stages = sorted({int(found[1]) for name in weights if (found := re.match(r"blocks\.(\d+)\.res_blocks\.", name))})
    parts = {0: "s1"} | {block: f"s{place}" for place, block in enumerate(stages, start=2)}

    def rename(name: str) -> str:
        found = re.match(r"blocks\.(\d+)\.", name)
        if not found:
            return name
        return _rewrite(f"{parts.get(int(found[1]), 'head')}.{name[found.end() :]}", _PYTORCHVIDEO)

    return rename


def _rewrite(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _with_axes(name: str, value: Tensor) -> Tensor:
    """Some keep 1x1x1 convolutions as matrices, some the classifier as a convolution."""
    if name == "head.projection.weight":
        return value.flatten(1)
    return value.reshape(*value.shape[:2], 1, 1, 1) if name == "head.lin_5.weight" else value


def _missing_shortcut_norms(weights: Weights) -> Weights:
    """PyTorchVideo's X3D has no norm where the shortcut changes the scale alone; one that changes nothing stands in."""
    added: Weights = {}
    for name, value in weights.items():
        norm = name.replace(".shortcut.conv.weight", ".shortcut.bn.")
        if norm != name and f"{norm}weight" not in weights:
            ones, zeros = torch.ones(len(value), dtype=value.dtype), torch.zeros(len(value), dtype=value.dtype)
            added[f"{norm}weight"], added[f"{norm}bias"] = ones, zeros
            added[f"{norm}running_mean"], added[f"{norm}running_var"] = zeros.clone(), ones - NORM_EPS
            added[f"{norm}num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    return added
