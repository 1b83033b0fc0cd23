"""The authors' own networks, built as they build them: the peers tests hold ours against them, benchmarks time them.

Needs an environment with requirements-video.txt and requirements-skeleton.txt (`make peers-env`).
"""

from __future__ import annotations

import importlib
import sys
import types
from collections import OrderedDict
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import continual  # first, because it looks for Lightning, which is stood in for below
from torch import nn

from co_perception.networks.variants import ResNet3dVariant, X3DVariant
from co_perception.networks.variants_features import FeatureVariant
from co_perception.networks.variants_skeleton import SkeletonVariant

SKELETON, VIDEO = "skeleton_based_action_recognition", "activity_recognition"
GRAPH_TYPES = {"ntu25": "ntu", "openpose18": "openpose"}
STARRED = {
    "costgcn_mod": ("co_stgcn", "CoStGcnMod"),
    "coagcn_mod": ("co_agcn", "CoAGcnMod"),
    "costr_mod": ("co_str", "CoSTrMod"),
}
JOINTS = {"ntu25": 25, "openpose18": 18}


def opendr(module: str) -> Any:
    """A module of OpenDR's perception, past its packages' own __init__, which want pandas, Lightning and more."""
    if not isinstance(sys.modules.get("opendr"), _Past):
        _go_past_init()
    return importlib.import_module(f"opendr.perception.{module}")


class _Past(types.ModuleType):
    """A package whose __init__ was not run."""


def _go_past_init() -> None:
    spec = PathFinder.find_spec("opendr")  # which does not look at what stands in for it already
    if spec is None or spec.origin is None:
        raise ImportError("OpenDR is not installed here: make peers-env")
    lightning = types.ModuleType("pytorch_lightning")
    lightning.LightningModule = type("LightningModule", (nn.Module,), {})  # type: ignore[attr-defined]
    sys.modules["pytorch_lightning"] = lightning
    for name in ("", SKELETON, VIDEO, f"{VIDEO}.cox3d", f"{VIDEO}.x3d"):
        within = ["opendr", *(["perception", *name.split(".")] if name else [])]
        for end in range(1, len(within) + 1):
            package = _Past(".".join(within[:end]))
            package.__path__ = [str(Path(spec.origin).parents[1].joinpath(*within[:end]))]
            sys.modules.setdefault(package.__name__, package)


def x3d_settings(variant: X3DVariant, size: int, prefix: str = "") -> dict[str, Any]:
    """What OpenDR's learners pass to their networks."""
    named = {
        "conv1_dim": 12,
        "conv5_dim": 2048,
        "num_groups": 1,
        "width_per_group": 64,
        "width_factor": 2.0,
        "depth_factor": {3: 2.2, 5: 5.0}[variant.blocks[0]],
        "bottleneck_factor": 2.25,
        "use_channelwise_3x3x3": True,
        "dropout_rate": 0.5,
        "head_activation": "softmax",
        "head_batchnorm": False,
    }
    init = {f"{prefix}fc_std_init": 0.01, f"{prefix}final_batchnorm_zero_init": True}
    shared = {"dim_in": 3, "image_size": size, "num_classes": variant.classes}
    return {prefix + name: value for name, value in named.items()} | init | shared


def x3d(variant: X3DVariant, size: int) -> Any:
    """OpenDR's X3D, for clips; its head gives logits, not probabilities."""
    network = opendr(f"{VIDEO}.x3d.algorithm.x3d").X3D(frames_per_clip=variant.window, **x3d_settings(variant, size))
    network.head.act = nn.Identity()
    return network


def cox3d(variant: X3DVariant, size: int) -> Any:
    """OpenDR's CoX3D."""
    settings = x3d_settings(variant, size, "x3d_")
    return opendr(f"{VIDEO}.cox3d.algorithm.x3d").CoX3D(temporal_window_size=variant.window, **settings)


def coresnet(variant: ResNet3dVariant, size: int) -> Any:
    """CoSlow and CoI3D as github.com/LukasHedegaard/co3d assembles them (models/common/coresnet.py, 2022), whose stages
    of residual blocks OpenDR kept. Gives logits: the softmax at its end is left out."""
    stage = opendr(f"{VIDEO}.cox3d.algorithm.res").CoResStage
    layers: OrderedDict[str, nn.Module] = OrderedDict(s1=_stem(variant.width, variant.stem))
    inputs = variant.width
    for place, (blocks, kernels) in enumerate(zip(variant.blocks, variant.kernels, strict=True)):
        inner = variant.width * 2**place
        layers[f"s{place + 2}"] = stage(
            dim_in=inputs, dim_out=4 * inner, dim_inner=inner, temp_kernel_sizes=list(kernels),
            stride=1 if place == 0 else 2, num_blocks=blocks, num_groups=1, num_block_temp_kernel=blocks, dilation=1,
            trans_func=_bottleneck,
        )  # fmt: skip
        if place == 0 and variant.halve:
            layers["pathway0_pool"] = continual.MaxPool3d((2, 1, 1), stride=(2, 1, 1))
        inputs = 4 * inner
    frames = variant.window // 2 if variant.halve else variant.window
    layers["head"] = _sequential(
        avg_pool=continual.AvgPool3d((frames, size // 32, size // 32), stride=1),
        dropout=nn.Dropout(0.5),
        view=continual.Lambda(lambda x: x.flatten(1), takes_time=False),
        projection=continual.Linear(inputs, variant.classes, channel_dim=1),
    )
    return continual.Sequential(layers)


def _sequential(**layers: nn.Module) -> Any:
    return continual.Sequential(OrderedDict(layers))


def _stem(width: int, kernel: int) -> Any:
    stem = _sequential(
        conv=continual.Conv3d(3, width, (kernel, 7, 7), stride=(1, 2, 2), padding=(kernel // 2, 3, 3), bias=False),
        bn=nn.BatchNorm3d(width),
        relu=nn.ReLU(inplace=True),
        pool_layer=nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
    )
    return _sequential(pathway0_stem=stem)


def _bottleneck(inputs: int, outputs: int, kernel: int, stride: int, inner: int, groups: int, **_: Any) -> Any:
    conv, spatial = continual.Conv3d, dict(stride=(1, stride, stride), padding=(0, 1, 1))
    return _sequential(
        a=conv(inputs, inner, (kernel, 1, 1), padding=(kernel // 2, 0, 0), bias=False),
        a_bn=continual.forward_stepping(nn.BatchNorm3d(inner)),
        a_relu=nn.ReLU(inplace=True),
        b=conv(inner, inner, (1, 3, 3), groups=groups, bias=False, **spatial),
        b_bn=continual.forward_stepping(nn.BatchNorm3d(inner)),
        b_relu=nn.ReLU(inplace=True),
        c=conv(inner, outputs, 1, bias=False),
        c_bn=continual.forward_stepping(nn.BatchNorm3d(outputs)),
    )


def skeleton_model(module: str) -> Any:
    """A module of OpenDR's skeleton networks."""
    return opendr(f"{SKELETON}.algorithm.models.{module}")


def starred(variant: SkeletonVariant) -> Any:
    """OpenDR's network that answers every frame."""
    module, name = STARRED[variant.name]
    settings = (JOINTS[variant.layout], variant.persons, 3, GRAPH_TYPES[variant.layout])
    return getattr(skeleton_model(module), name)(*settings, num_classes=variant.classes)


def direct(mixers: Sequence[str], channels: Sequence[int], strides: Sequence[int]) -> Any:
    """The direct form, whose blocks OpenDR has and whose assembly its authors keep elsewhere: equal padding, strides of
    2 at blocks 5 and 8. mixers: of each block, "graph", "adaptive_starred" (OpenDR has no other) or "joints"."""
    base, adaptive, joints = (skeleton_model(module) for module in ("co_base", "co_agcn", "co_str"))

    def attention(inputs: int, outputs: int, graph: Any, bn_momentum: float = 0.1) -> Any:
        return continual.forward_stepping(joints.GcnUnitAttention(inputs, outputs, graph, bn_momentum, num_point=25))

    makers = {
        "graph": base.CoGraphConvolution,
        "adaptive_starred": adaptive.CoAdaptiveGraphConvolution,
        "joints": attention,
    }

    class Direct(base.CoModelBase):  # type: ignore[misc]
        def __init__(self) -> None:
            base.CoModelBase.__init__(self)
            blocks, inputs = OrderedDict(), 3
            for place, (mixer, outputs, stride) in enumerate(zip(mixers, channels, strides, strict=True)):
                settings = dict(padding="equal", stride=stride, residual=place > 0, CoGraphConv=makers[mixer])
                blocks[f"layer{place + 1}"] = base.CoSpatioTemporalBlock(inputs, outputs, self.graph.A, **settings)
                inputs = outputs
            self.layers = continual.Sequential(blocks)
            base.CoModelBase.on_init_end(self)

    return Direct()


def encoder(variant: FeatureVariant) -> Any:
    """CoOadTR made of the parts in continual-inference; its attention has biases, which ours has not."""
    sizes = dict(d_model=variant.width, nhead=variant.heads, dim_feedforward=variant.feedforward)
    layer = continual.TransformerEncoderLayerFactory(
        **sizes, dropout=0.0, activation=nn.GELU(), sequence_len=variant.window
    )
    return continual.Sequential(
        continual.Linear(variant.features, variant.width, channel_dim=1),
        continual.RecyclingPositionalEncoding(variant.width, variant.table, learned=False),
        continual.TransformerEncoder(layer, num_layers=variant.depth),
        continual.Lambda(nn.LayerNorm(variant.width), takes_time=False),
        continual.Linear(variant.width, variant.classes, channel_dim=1),
    )
