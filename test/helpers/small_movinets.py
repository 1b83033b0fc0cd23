"""Small MoViNets with random weights, and their weights under the names of published checkpoints."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from co_perception.networks.build import build_video
from co_perception.networks.variants import (
    MOVINET_A0_BASE,
    MOVINET_A0_STREAM,
    MOVINET_A1_BASE,
    MOVINET_A1_STREAM,
    MOVINET_A2_BASE,
    MOVINET_A2_STREAM,
    MovinetVariant,
)
from co_perception.networks.video import VideoNetwork
from helpers.random_weights import randomize_norm

STREAM = [MOVINET_A0_STREAM, MOVINET_A1_STREAM, MOVINET_A2_STREAM]
BASE = [MOVINET_A0_BASE, MOVINET_A1_BASE, MOVINET_A2_BASE]
STAGES = (((16, 1, 5),), ((24, 3, 3),), ((24, 5, 3),), ((16, 3, 3),), ((24, 1, 5),))


def small_movinet(variant: MovinetVariant = MOVINET_A0_STREAM, **changes: object) -> MovinetVariant:
    """Every kind of block, few channels, images of odd and even sizes: 27, 14, 7, 4, 2 pixels."""
    reduced: dict[str, object] = {
        "size": 27, "short_side": 30, "stem": 8, "widths": (8, 16, 16, 16, 24), "stages": STAGES, "project": 32,
        "hidden": 24, "classes": 5, "window": 10**9,
    }  # fmt: skip
    return dataclasses.replace(variant, **(reduced | changes))  # type: ignore[arg-type]


def drawn(variant: MovinetVariant, seed: int = 0) -> VideoNetwork:
    """In evaluation mode, with weights of which none is at its default: a block that begins at zero hides the rest."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build_video(variant)
    draw = torch.Generator().manual_seed(seed)
    for name, module in net.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            randomize_norm(module, draw)
        for own, value in module.named_parameters(recurse=False):
            if own == "alpha":
                value.data.fill_(0.5 + torch.rand((), generator=draw).item())
            elif own == "bias" and isinstance(module, nn.Linear):
                value.data.copy_(torch.randn(value.shape, generator=draw) * 0.3)
        if name == "fc":
            module.weight.data.copy_(torch.randn(module.weight.shape, generator=draw) * 0.3)
    return net.eval()


def port_weights(net: VideoNetwork) -> dict[str, Tensor]:
    """The network's weights as the PyTorch port of Atze00 keeps them."""
    assert isinstance(net.variant, MovinetVariant)
    causal = net.variant.causal
    kind = "conv2d" if causal else "conv3d"
    found = {}
    for ours, value in net.state_dict().items():
        name = re.sub(r"^b(\d)\.l(\d+)\.", r"blocks.b\1_l\2.", ours)
        name = name.replace("body.scale.", "").replace("shortcut.project.", "res.1.conv_1.").replace("body.", "")
        name = re.sub(r"^stem\.", "conv1.conv_1.", re.sub(r"^project\.", "conv7.conv_1.", name))
        name = re.sub(
            r"^dense\.", f"classifier.0.conv_1.{kind}.", re.sub(r"^fc\.", f"classifier.3.conv_1.{kind}.", name)
        )
        name = re.sub(r"\.(expand|deep|project)\.", r".\1.conv_1.", name).replace(".temporal.", ".deep.conv_2.")
        name = re.sub(r"\.se\.(fc[12])\.", rf".se.\1.conv_1.{kind}.", name)
        name = re.sub(r"\.conv\.", f".{kind}.", re.sub(r"\.bn\.", ".norm.", name))
        if value.dim() == 2:  # a matrix
            value = value[..., None, None] if causal else value[..., None, None, None]
        elif value.dim() == 5 and causal:
            value = value[..., 0] if ".temporal." in ours else value[:, :, 0]
        found[name] = value
    return found


def garden_weights(net: VideoNetwork, *, later: bool) -> Mapping[str, Tensor]:
    """The network's weights under the names and in the layout of TensorFlow's variables; `later`: names of 2022 on."""
    assert isinstance(net.variant, MovinetVariant)
    causal, found = net.variant.causal, {}
    for ours, value in net.state_dict().items():
        if ours.endswith("num_batches_tracked"):
            continue
        block = re.match(r"b(\d)\.l(\d+)\.", ours)
        at = (f"block{block[1]}_layer{block[2]}/" if later else f"b{block[1]}/l{block[2]}/") if block else ""
        name = ours[block.end() :] if block else ours
        name = {"body.scale.alpha": "bneck/rezero/scale" if later else "bneck/scale"}.get(name, name)
        for pattern, replacement in (
            (r"^stem\.", "stem/stem/"), (r"^project\.", "head/project/"), (r"^dense\.", "classifier_head/head/conv/"),
            (r"^fc\.", "classifier_head/classifier/conv/"), (r"^shortcut\.project\.", "bneck/skip/skip_project/"),
            (r"^body\.expand\.", "expansion/"), (r"^body\.project\.", "projection/"), (r"^body\.deep\.", "feature/"),
            (r"^body\.temporal\.bn\.", "feature/bn_temporal/"), (r"^body\.temporal\.", "feature/TEMPORAL/"),
            (r"^body\.se\.fc1\.", "se/se_reduce/conv/"), (r"^body\.se\.fc2\.", "se/se_expand/conv/"), (r"\.", "/"),
            ("running_mean", "moving_mean"), ("running_var", "moving_variance"), (r"bn(\w*)/weight", r"bn\1/gamma"),
            (r"bn(\w*)/bias", r"bn\1/beta"), ("/weight$", "/kernel"),
        ):  # fmt: skip
            name = re.sub(pattern, replacement, name)
        if block and not name.startswith("bneck") and not later:
            name = f"bneck/{name}"
        depthwise = value.dim() == 5 and value.shape[1] == 1 and block is not None
        inner = "depthwise_conv2d" if depthwise else "conv2d_3"
        name = name.replace("TEMPORAL/conv", f"conv2d_temporal/{inner}")
        name = re.sub(r"(?<=/)conv(?=/)", f"conv2d/{inner}" if causal else "conv3d", name)
        if value.dim() == 2:
            value = value[..., None, None] if causal else value[..., None, None, None]
        elif value.dim() == 5 and causal:
            value = value[..., 0] if ".temporal." in ours else value[:, :, 0]
        if value.dim() > 1:
            order = (0, 1) if causal and depthwise else (1, 0)
            value = value.permute(*range(2, value.dim()), *order)
            name = name.replace("kernel", "depthwise_kernel") if causal and depthwise else name
        found[f"{at}{name}:0"] = value
    return found
