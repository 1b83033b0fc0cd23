"""Parameter names of published MoViNet checkpoints, translated into those of `CoMovinet`.

The PyTorch port of Atze00 (MoViNet-pytorch): `blocks.b0_l0.expand.conv_1.conv2d.weight`, of stream networks, and
`...conv3d.weight`, of base ones. TensorFlow's Model Garden: names of Keras' variables, with kernels in its layout, such
as `b0/l0/bneck/expansion/conv2d/conv2d/kernel:0` and, later, `block0_layer0/...`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from co_perception.networks.checkpoints import Weights, unwrap

Rules = tuple[tuple[str, str], ...]

# From left to right.
_PORT: Rules = (
    (r"^(module|model)\.", ""),
    (r"^conv1\.conv_1\.", "stem."),
    (r"^conv7\.conv_1\.", "project."),
    (r"^classifier\.0\.conv_1\.conv[23]d\.", "dense."),
    (r"^classifier\.3\.conv_1\.conv[23]d\.", "fc."),
    (r"^blocks\.b(\d)_l(\d+)\.alpha$", r"b\1.l\2.body.scale.alpha"),
    (r"^blocks\.b(\d)_l(\d+)\.res\.[01]\.conv_1\.", r"b\1.l\2.shortcut.project."),
    (r"^blocks\.b(\d)_l(\d+)\.", r"b\1.l\2.body."),
    (r"\.deep\.conv_2\.", ".temporal."),
    (r"\.(expand|deep|project)\.conv_1\.", r".\1."),
    (r"\.se\.(fc[12])\.conv_1\.conv[23]d\.", r".se.\1."),
    (r"(?<=\.)conv[23]d\.", "conv."),
    (r"(?<=\.)norm\.", "bn."),
    (r"^(stem|project)\.conv[23]d\.", r"\1.conv."),
)
_GARDEN: Rules = (
    (r":0$", ""),
    (r"^(movinet_classifier|movinet|backbone)(_\d+)?/", ""),
    (r"^block(\d)_layer(\d+)/", r"b\1/l\2/"),
    (r"^stem/stem/", "stem/"),
    (r"^head/project/", "project/"),
    (r"^classifier_head(_\d+)?/head/", "dense/"),
    (r"^classifier_head(_\d+)?/classifier/", "fc/"),
    (r"^(b\d/l\d+)/(bneck/)?skip/skip_project/", r"\1/shortcut/project/"),
    (r"^(b\d/l\d+)/(bneck/)?(rezero/)?scale$", r"\1/body/scale/alpha"),
    (r"^(b\d/l\d+)/(bneck/)?(?!shortcut|body)", r"\1/body/"),
    (r"/expansion/", "/expand/"),
    (r"/projection/", "/project/"),
    (r"/feature/(?=.*temporal)", "/temporal/"),
    (r"/feature/", "/deep/"),
    (r"/se/se_reduce/", "/se/fc1/"),
    (r"/se/se_expand/", "/se/fc2/"),
    (r"/conv[23]d(_temporal)?/((depthwise_)?conv[23]d(_\d+)?/)?(depthwise_)?kernel$", "/conv/weight"),
    (r"/conv[23]d(_temporal)?/((depthwise_)?conv[23]d(_\d+)?/)?bias$", "/bias"),
    (r"^(dense|fc)/conv/weight$", r"\1/weight"),
    (r"/se/(fc[12])/conv/weight$", r"/se/\1/weight"),
    (r"/(conv[23]d(_temporal)?/)?bn(_temporal)?/", "/bn/"),
    (r"/gamma$", "/weight"),
    (r"/beta$", "/bias"),
    (r"/moving_mean$", "/running_mean"),
    (r"/moving_variance$", "/running_var"),
    (r"/", "."),
)


def movinet_names(checkpoint: Mapping[str, object]) -> Weights:
    """State dict of `CoMovinet` from a checkpoint in any of the namings above, or already in ours.

    `checkpoint` holds tensors by name, wrapped (`state_dict`, `model_state`) or not; of a TensorFlow network `variable
    name -> numbers`.

    Raises:
        ValueError: for two entries of one name, and for a file without tensors.
    """
    weights = unwrap(checkpoint)
    garden = any("/" in name for name in weights)
    found: Weights = {}
    for theirs, value in weights.items():
        ours = theirs
        for pattern, replacement in _GARDEN if garden else _PORT:
            ours = re.sub(pattern, replacement, ours)
        if ours in found:
            raise ValueError(f"{theirs}: another entry of the checkpoint is {ours} as well")
        found[ours] = _laid_out(ours, _channels_first(theirs, value) if garden else value)
    return found


def _channels_first(name: str, value: Tensor) -> Tensor:
    """A kernel of TensorFlow, (T, H, W, in, out) or (H, W, in, out), as torch has it; depthwise: (H, W, C, 1)."""
    if value.dim() not in (4, 5):
        return value
    order = (-2, -1) if "depthwise" in name else (-1, -2)
    return value.permute(*order, *range(value.dim() - 2)).contiguous()


def _laid_out(ours: str, value: Tensor) -> Tensor:
    """A convolution as one of three dimensions, a layer of the classifier or of a gate as a matrix."""
    if not ours.endswith("weight") or value.dim() < 3:
        return value
    if re.search(r"(^dense|^fc|\.fc[12])\.weight$", ours):
        return value.flatten(1)
    if value.dim() == 4:  # over time alone (C, 1, frames, 1), or over space
        return value.unsqueeze(-1) if ".temporal." in ours else value.unsqueeze(2)
    return value
