"""Names that published skeleton and feature networks give their parameters, turned into those of the networks here.

Skeletons: continual-skeletons and OpenDR. The offline networks write `layers.layer5.residual.t_conv.weight`, the
continual ones number their containers (`layers.layer5.0.0.residual.t_conv.weight`), and OpenDR's continual ones hold
the adjacency as well. Not known are mmaction2's and PYSKL's ST-GCN (`backbone.gcn.0...`): those networks have no skip
in their graph convolution and another partition of the graph, so that no renaming makes their weights fit.
Features: CoOadTR, whose containers have numbers only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from co_perception.networks.keymaps_video import unwrap

Weights = dict[str, Tensor]

_LAYER = re.compile(r"^(?:(?:module|model)\.)*(?:layers|body)\.(layer\d+)\.(?:\d+\.)*(?:sum\.)?(.+)$")


def stgcn_names(checkpoint: Mapping[str, Any]) -> Weights:
    """State dict of `CoStGcn` from a checkpoint in any of the namings above, or already in ours.

    checkpoint: as `torch.load` gives it, wrapped (`state_dict`, `model_state`) or not.
    Raises: ValueError for mmaction2's and PYSKL's networks, two entries of one name, and a file without tensors.
    """
    weights = unwrap(checkpoint)
    if any(re.match(r"(backbone\.)?gcn\.\d+\.|st_gcn_networks\.", name) for name in weights):
        raise ValueError(
            "this is an ST-GCN of mmaction2, PYSKL or mmskeleton: it has no skip in its graph convolution and parts "
            "the graph by distance to the centre, so its weights fit no network here. Those of OpenDR and "
            "continual-skeletons do"
        )
    renamed: Weights = {}
    for theirs, value in weights.items():
        ours = _own_name(theirs)
        if ours in renamed:
            raise ValueError(f"{theirs}: another entry of the checkpoint is {ours} as well")
        renamed[ours] = value
    # S-TR's attention holds an adjacency that nothing reads.
    unread = [name for name in renamed if name.endswith("gcn.A") and f"{name[:-1]}data_bn.weight" in renamed]
    return {name: value for name, value in renamed.items() if name not in unread}


def opendr_name(ours: str) -> str:
    """The offline networks' name of a parameter of `CoStGcn`, which OpenDR's continual ones read too."""
    short = re.sub(r"\.sum\.(body\.)?", ".", ours).replace(".shortcut.", ".residual.")
    return re.sub(r"^body\.", "layers.", short)


def _own_name(theirs: str) -> str:
    found = _LAYER.match(theirs)
    if not found:
        return re.sub(r"^((module|model)\.)+(?=data_bn\.|fc\.)", "", theirs)
    layer, name = found.groups()
    name = re.sub(r"^body\.(\d+\.)*", "", name)
    if layer == "layer1":
        return f"body.layer1.sum.{name}"
    name = re.sub(r"^(residual|shortcut)\.", "shortcut.", name)
    return f"body.{layer}.sum.{name if name.startswith('shortcut.') else f'body.{name}'}"


# CoOadTR, from left to right. A block is one container after another; the last but one of two blocks nests them.
_OADTR = (
    (r"^0\.", "embed."),
    (r"^1\.pe\.", "position.pe."),
    (r"^4\.(fn\.)?", "norm."),
    (r"^5\.", "head."),
    (r"^3\.0\.(?=0\.1\.|1\.fn\.)", "encoder.layers.0."),
    (r"^3\.1\.fn\.(?=\d)", "encoder.layers.1."),
    (r"^3\.", "encoder.layers.0."),
    (r"(?<=layers\.\d)\.0\.1\.", ".self_attn."),
    (r"(?<=layers\.\d)\.(1\.fn\.1\.fn|2\.1)\.0\.", ".linear1."),
    (r"(?<=layers\.\d)\.(1\.fn\.1\.fn|2\.1)\.3\.", ".linear2."),
    (r"(?<=layers\.\d)\.1\.fn\.(0\.)?(?=weight|bias)", ".norm1."),
    (r"(?<=layers\.\d)\.(1\.fn\.2|3\.fn)\.", ".norm2."),
)


def oadtr_names(checkpoint: Mapping[str, Any]) -> Weights:
    """State dict of `CoOadTR` from what its published training code saves, or already in ours.

    checkpoint: as `torch.load` gives it, wrapped (`model`) or not. Raises: ValueError for a file without tensors.
    """
    wrapped = checkpoint.get("model")
    weights = unwrap(wrapped if isinstance(wrapped, Mapping) else checkpoint)
    return {_rewrite(name): value for name, value in weights.items()}


def _rewrite(name: str) -> str:
    for pattern, replacement in _OADTR:
        name = re.sub(pattern, replacement, name)
    return name
