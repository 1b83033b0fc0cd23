"""Parameter names of published checkpoints, translated into those of the networks here; and strict loading.

X3D, Slow and I3D-ResNet: PySlowFast's names (`s2.pathway0_res0.branch2.a.weight`), PyTorchVideo's
(`blocks.1.res_blocks.0.branch2.conv_a`) and those of the continual networks of OpenDR and co3d, which are PySlowFast's
with numbers between. PyTorchVideo calls the spatial convolution of X3D's stem `conv_t` and the temporal one `conv_xy`;
PySlowFast's names are right.

Skeletons: continual-skeletons and OpenDR. The offline networks write `layers.layer5.residual.t_conv.weight`, the
continual ones number their containers (`layers.layer5.0.0.residual.t_conv.weight`), and OpenDR's continual ones hold
the adjacency as well. Not known are mmaction2's and PYSKL's ST-GCN (`backbone.gcn.0...`): those networks have no skip
in their graph convolution and another partition of the graph, so that no renaming makes their weights fit.

Features: CoOadTR, whose containers have numbers only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

Weights = dict[str, Tensor]

NORM_EPS = 1e-5
SHOWN = 5  # names of each kind in an error
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


def own_names(checkpoint: Mapping[str, object]) -> Weights:
    """State dict of `CoX3D` or `CoResNet3d` from a checkpoint in any of the namings above, or already in ours.

    `checkpoint` is as `torch.load` gives it, wrapped (`model_state`, `state_dict`) or not.

    Raises:
        ValueError: for two entries of one name, and for a file without tensors.
    """
    weights = unwrap(checkpoint)
    published = any(name.startswith("blocks.") for name in weights)
    renamed = _renamed(weights, _pytorchvideo(weights) if published else lambda name: _rewrite(name, _PYSLOWFAST))
    if "head.projection.weight" in renamed:  # some keep the classifier as a convolution
        renamed["head.projection.weight"] = renamed["head.projection.weight"].flatten(1)
    if "head.lin_5.weight" in renamed:  # and some 1x1x1 convolutions as matrices
        matrix = renamed["head.lin_5.weight"]
        renamed["head.lin_5.weight"] = matrix.reshape(*matrix.shape[:2], 1, 1, 1)
    # Norms that change nothing, for X3D shortcuts that change the scale alone, where PyTorchVideo has no norm.
    for name, value in list(renamed.items()):
        norm = name.replace(".shortcut.conv.weight", ".shortcut.bn.")
        if norm != name and f"{norm}weight" not in renamed:
            ones, zeros = torch.ones(len(value), dtype=value.dtype), torch.zeros(len(value), dtype=value.dtype)
            renamed[f"{norm}weight"], renamed[f"{norm}bias"] = ones, zeros
            renamed[f"{norm}running_mean"], renamed[f"{norm}running_var"] = zeros.clone(), ones - NORM_EPS
            renamed[f"{norm}num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    return renamed


def pyslowfast_name(ours: str) -> str:
    """PySlowFast's name of a parameter of ours: the inverse of `own_names`."""
    theirs = re.sub(r"^s1\.", "s1.pathway0_stem.", re.sub(r"\.res(\d+)\.", r".pathway0_res\1.", ours))
    theirs = theirs.replace(".shortcut.conv.", ".branch1.").replace(".shortcut.bn.", ".branch1_bn.")
    return theirs.replace(".body.", ".branch2.")


def unwrap(checkpoint: Mapping[str, object]) -> Weights:
    """The tensors by name of a checkpoint that may hold optimizer and configuration beside them.

    Raises:
        ValueError: if it has none.
    """
    for key in _WRAPPINGS:
        inner = checkpoint.get(key)
        if isinstance(inner, Mapping):
            checkpoint = inner
    weights = {name: value for name, value in checkpoint.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not weights:
        raise ValueError(
            f"no tensors by name among the entries {sorted(map(str, checkpoint))[:5]}: not a checkpoint of weights"
        )
    return weights


def _pytorchvideo(weights: Iterable[str]) -> Callable[[str], str]:
    """The rename rule for one checkpoint.

    Its blocks with residual blocks are s2, s3, ..., the first is the stem, the last the head. A pool between them has a
    number and no parameters.
    """
    stages = sorted({int(found[1]) for name in weights if (found := re.match(r"blocks\.(\d+)\.res_blocks\.", name))})
    parts = {0: "s1"} | {block: f"s{place}" for place, block in enumerate(stages, start=2)}

    def rename(name: str) -> str:
        found = re.match(r"blocks\.(\d+)\.", name)
        if not found:
            return name
        return _rewrite(f"{parts.get(int(found[1]), 'head')}.{name[found.end() :]}", _PYTORCHVIDEO)

    return rename


def _renamed(weights: Weights, rename: Callable[[str], str]) -> Weights:
    renamed: Weights = {}
    for theirs, value in weights.items():
        ours = rename(theirs)
        if ours in renamed:
            raise ValueError(f"{theirs}: another entry of the checkpoint is {ours} as well")
        renamed[ours] = value
    return renamed


def _rewrite(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


_LAYER = re.compile(r"^(?:(?:module|model)\.)*(?:layers|body)\.(layer\d+)\.(?:\d+\.)*(?:sum\.)?(.+)$")


def stgcn_names(checkpoint: Mapping[str, object]) -> Weights:
    """State dict of `CoStGcn` from a checkpoint in any of the namings above, or already in ours.

    `checkpoint` is as `torch.load` gives it, wrapped (`state_dict`, `model_state`) or not.

    Raises:
        ValueError: for mmaction2's and PYSKL's networks, two entries of one name, and a file without tensors.
    """
    weights = unwrap(checkpoint)
    if any(re.match(r"(backbone\.)?gcn\.\d+\.|st_gcn_networks\.", name) for name in weights):
        raise ValueError(
            "this is an ST-GCN of mmaction2, PYSKL or mmskeleton: it has no skip in its graph convolution and parts "
            "the graph by distance to the center, so its weights fit no network here. Those of OpenDR and "
            "continual-skeletons do"
        )
    renamed = _renamed(weights, _own_name)
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


def oadtr_names(checkpoint: Mapping[str, object]) -> Weights:
    """State dict of `CoOadTR` from what its training code saves, wrapped (`model`) or not, or already in ours.

    Raises:
        ValueError: for a file without tensors.
    """
    wrapped = checkpoint.get("model")
    weights = unwrap(wrapped if isinstance(wrapped, Mapping) else checkpoint)
    return {_rewrite(name, _OADTR): value for name, value in weights.items()}


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
