"""Networks of others on videos and pictures, for `bench.converted`. Built by their authors' code, no weights.

Where a repository has a network for pictures alone, or one that takes two rates of a video, the usual few lines around
it stand here: folded frames, a loop over frames, the mean or a recurrent layer behind it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.converted import PublicNetwork

BSD3, BSD2, APACHE, MIT, NONE = "BSD-3-Clause", "BSD-2-Clause", "Apache-2.0", "MIT", "none stated"
PER_FRAME = "BTCHW"
AT_64, AT_96 = (3, 16, 64, 64), (3, 16, 96, 96)  # smaller than published, where a network takes it
AT_112, AT_224 = (3, 16, 112, 112), (3, 16, 224, 224)


class FoldedFrames(nn.Module):
    """A trunk for pictures on the frames of x (B, T, C, H, W), folded into the batch, and the mean of its answers."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, x: Tensor) -> Tensor:
        b, t = x.shape[:2]
        return self.trunk(x.flatten(0, 1)).view(b, t, -1).mean(1)


class FoldedLstm(nn.Module):
    """The same with a recurrent layer, whose answer to the last frame counts."""

    def __init__(self, trunk: nn.Module, features: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.lstm = nn.LSTM(features, 64, batch_first=True)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        b, t, c, h, w = x.size()
        features = self.trunk(x.reshape(b * t, c, h, w)).reshape(b, t, -1)
        out, _ = self.lstm(features)
        return self.fc(out[:, -1, :])


class LoopGru(nn.Module):
    """A trunk called frame by frame, and the state of a recurrent layer."""

    def __init__(self, trunk: nn.Module, features: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.gru = nn.GRU(features, 64, batch_first=True)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        features = [self.trunk(x[:, t]) for t in range(x.size(1))]
        _, h = self.gru(torch.stack(features, dim=1))
        return self.fc(h[-1])


class TwoRates(nn.Module):
    """A network that takes a list of the slow and the fast frames of x (B, C, T, H, W)."""

    def __init__(self, network: nn.Module, every: int) -> None:
        super().__init__()
        self.network, self.every = network, every

    def forward(self, x: Tensor) -> Tensor:
        return self.network([x[:, :, :: self.every], x])


class EncodedSequence(nn.Module):
    """An encoder of frames and a decoder of their sequence, as two modules of one network."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


def made(module: str, name: str, *args: Any, **settings: Any) -> nn.Module:
    """`module.name(...)`."""
    _import_torchvision()
    return getattr(importlib.import_module(module), name)(*args, **settings)


def _import_torchvision() -> None:
    """A torchvision that was compiled for CUDA does not load beside a torch without; its models need no operator of it,
    but it asks for two by name."""
    if importlib.util.find_spec("torchvision") is None or "torchvision" in sys.modules:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        importlib.import_module("torchvision")


def trunk(name: str) -> nn.Module:
    """A network of torchvision for pictures."""
    return made("torchvision.models", name, weights=None, num_classes=96)


def timm(name: str) -> nn.Module:
    """A network of timm for pictures."""
    size = {"img_size": 96} if name.startswith(("vit", "deit")) else {}
    return made("timm", "create_model", name, pretrained=False, num_classes=96, **size)


def movinet(name: str, **settings: Any) -> nn.Module:
    """MoViNet of that size."""
    sizes = importlib.import_module("movinets.config")._C.MODEL
    return made("movinets", "MoViNet", getattr(sizes, name), pretrained=False, **settings)


def crnn() -> nn.Module:
    """Encoder and decoder of the tutorial."""
    place = "ResNetCRNN.functions"
    return EncodedSequence(
        made(place, "EncoderCNN", img_x=90, img_y=120), made(place, "DecoderRNN", CNN_embed_dim=300, num_classes=10)
    )


def two_rates() -> nn.Module:
    """SlowFast."""
    return TwoRates(
        made("pytorchvideo.models.slowfast", "create_slowfast", head_pool_kernel_sizes=((8, 3, 3), (32, 3, 3))), 4
    )


def mvit() -> nn.Module:
    """MViT-B."""
    sizes = {
        "spatial_size": 224, "temporal_size": 16, "embed_dim_mul": [[1, 2.0], [3, 2.0], [14, 2.0]],
        "atten_head_mul": [[1, 2.0], [3, 2.0], [14, 2.0]], "pool_kv_stride_adaptive": [1, 8, 8],
        "pool_q_stride_size": [[1, 1, 2, 2], [3, 1, 2, 2], [14, 1, 2, 2]], "pool_kvq_kernel": [3, 3, 3],
    }  # fmt: skip
    return made("pytorchvideo.models.vision_transformers", "create_multiscale_vision_transformers", **sizes)


def c2d() -> nn.Module:
    """C2D as the hub of pytorchvideo has it."""
    sizes = {
        "stem_conv_kernel_size": (1, 7, 7), "stage1_pool": nn.MaxPool3d, "stage_conv_a_kernel_size": ((1, 1, 1),) * 4,
        "model_depth": 50, "head_pool_kernel_size": (4, 3, 3),
    }  # fmt: skip
    return made("pytorchvideo.models.resnet", "create_resnet", **sizes)


def i3d() -> nn.Module:
    """I3D of pytorchvideo's hub: kernels over time in every other block."""
    three = (3, 1, 1)
    sizes = {
        "stem_conv_kernel_size": (5, 7, 7), "stage1_pool": nn.MaxPool3d, "model_depth": 50,
        "head_pool_kernel_size": (4, 3, 3),
        "stage_conv_a_kernel_size": ((three,), (three, (1, 1, 1)), (three, (1, 1, 1)), ((1, 1, 1), three)),
    }  # fmt: skip
    return made("pytorchvideo.models.resnet", "create_resnet", **sizes)


def _torchvision() -> list[PublicNetwork]:
    add = partial(PublicNetwork, source="torchvision", license=BSD3)
    video = "torchvision.models.video"
    clips = {"r3d_18": AT_64, "mc3_18": AT_64, "r2plus1d_18": AT_64, "s3d": AT_224, "mvit_v1_b": AT_224,
             "mvit_v2_s": AT_224, "swin3d_t": AT_96}  # fmt: skip
    found = [
        add(name=f"torchvision {name}", make=partial(made, video, name, weights=None), clip=clip)
        for name, clip in clips.items()
    ]
    frames = partial(add, layout=PER_FRAME, clip=(8, 3, 64, 64))
    for name in (
        "resnet18", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny", "shufflenet_v2_x1_0", "swin_t",
        "efficientnet_v2_s", "mnasnet0_5", "squeezenet1_1",
    ):  # fmt: skip
        found.append(frames(name=f"torchvision {name}, mean", make=lambda name=name: FoldedFrames(trunk(name))))
    for name in ("regnet_y_400mf", "densenet121"):
        found.append(frames(name=f"torchvision {name}, LSTM", make=lambda name=name: FoldedLstm(trunk(name), 96)))
    for name in ("resnet18", "mobilenet_v2"):
        found.append(frames(name=f"torchvision {name}, loop", make=lambda name=name: LoopGru(trunk(name), 96)))
    return found


def _timm() -> list[PublicNetwork]:
    def add(**given: Any) -> PublicNetwork:
        return PublicNetwork(
            **{"source": "timm", "license": APACHE, "layout": PER_FRAME, "clip": (8, 3, 96, 96)} | given
        )

    names = (
        "resnet18", "mobilenetv3_small_100", "efficientnet_lite0", "convnext_atto", "vit_tiny_patch16_224",
        "deit_tiny_patch16_224", "regnety_002", "convnextv2_atto", "ghostnet_100", "edgenext_xx_small", "repvgg_a0",
        "mobilevit_xxs", "mobilenetv4_conv_small", "tinynet_e", "hgnetv2_b0",
    )  # fmt: skip
    found = [add(name=f"timm {name}, LSTM", make=lambda name=name: FoldedLstm(timm(name), 96)) for name in names]
    for name in ("swin_tiny_patch4_window7_224", "efficientformer_l1", "levit_128s"):  # of one size
        found.append(
            add(name=f"timm {name}, LSTM", make=lambda name=name: FoldedLstm(timm(name), 96), clip=(4, 3, 224, 224))
        )
    return found


def _pytorchvideo() -> list[PublicNetwork]:
    add = partial(PublicNetwork, source="facebookresearch/pytorchvideo", license=APACHE)
    where = "pytorchvideo.models"
    x3d = partial(made, f"{where}.x3d", "create_x3d")
    resnet = partial(made, f"{where}.resnet", "create_resnet")
    makes: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
        "x3d_xs": (partial(x3d, input_clip_length=4, input_crop_size=96), (3, 4, 96, 96)),
        "x3d_s": (partial(x3d, input_clip_length=13, input_crop_size=96), (3, 13, 96, 96)),
        "x3d_m": (partial(x3d, input_clip_length=16, input_crop_size=96), AT_96),
        "slow_r50": (partial(resnet, head_pool_kernel_size=(8, 3, 3)), (3, 8, 96, 96)),
        "c2d_r50": (c2d, (3, 8, 224, 224)),
        "i3d_r50": (i3d, (3, 8, 96, 96)),
        "csn_r101": (
            partial(made, f"{where}.csn", "create_csn", model_depth=101, head_pool_kernel_size=(2, 3, 3)),
            AT_96,
        ),
        "r2plus1d_r50": (partial(made, f"{where}.r2plus1d", "create_r2plus1d", head_pool_kernel_size=(4, 3, 3)), AT_96),
        "slowfast_r50": (two_rates, (3, 32, 96, 96)),
        "mvit_base": (mvit, (3, 16, 224, 224)),
    }
    return [add(name=f"pytorchvideo {name}", make=make, clip=clip) for name, (make, clip) in makes.items()]


def _movinets() -> list[PublicNetwork]:
    add = partial(PublicNetwork, source="Atze00/MoViNet-pytorch", license=MIT, clip=(3, 8, 96, 96))
    causal = {"causal": True, "conv_type": "2plus1d", "tf_like": True}
    return [
        add(name="MoViNet A0, causal", make=partial(movinet, "MoViNetA0", **causal), frames=(11,)),
        add(name="MoViNet A0, causal, 3d", make=partial(movinet, "MoViNetA0", causal=True), frames=(11,)),
        add(name="MoViNet A0", make=partial(movinet, "MoViNetA0", causal=False)),
    ]


def _resnets() -> list[PublicNetwork]:
    add = partial(PublicNetwork, source="kenshohara/3D-ResNets-PyTorch", license=MIT, clip=AT_64)
    depths = {"resnet": 18, "pre_act_resnet": 18, "resnet2p1d": 18, "resnext": 50, "densenet": 121}
    return [
        add(name=f"3D {kind} {depth}", make=partial(made, f"models.{kind}", "generate_model", depth))
        for kind, depth in depths.items()
    ]


def _efficient() -> list[PublicNetwork]:
    add = partial(PublicNetwork, source="okankop/Efficient-3DCNNs", license=MIT, clip=AT_64)
    settings: dict[str, dict[str, Any]] = {
        "mobilenet": {"sample_size": 64}, "mobilenetv2": {"sample_size": 64}, "shufflenet": {"groups": 3},
        "shufflenetv2": {"sample_size": 64}, "squeezenet": {"sample_size": 64, "sample_duration": 16},
        "c3d": {"sample_size": 64, "sample_duration": 16},
    }  # fmt: skip
    return [
        add(name=f"Efficient-3DCNNs {name}", make=partial(made, f"models.{name}", "get_model", num_classes=10, **more))
        for name, more in settings.items()
    ]


def _ports() -> list[PublicNetwork]:
    video = "jfzhang95/pytorch-video-recognition"
    add = PublicNetwork
    return [
        add(
            name="I3D (piergiaj)", source="piergiaj/pytorch-i3d", license=APACHE, clip=(3, 32, 224, 224), answer="BCT",
            make=partial(made, "pytorch_i3d", "InceptionI3d"), frames=(16,),
        ),
        add(
            name="I3D (hassony2)", source="hassony2/kinetics_i3d_pytorch", license=MIT, clip=(3, 32, 224, 224),
            make=partial(made, "src.i3dpt", "I3D", num_classes=400), settings={"output": 1},
        ),
        add(
            name="I3D (tomrunia)", source="tomrunia/PyTorchConv3D", license=APACHE, clip=(3, 64, 224, 224),
            make=partial(made, "models.i3d", "InceptionI3D"), answer="BCT",
        ),
        add(name="C3D (DavideA)", source="DavideA/c3d-pytorch", license=MIT, clip=AT_112,
            make=partial(made, "C3D_model", "C3D")),
        add(name="C3D (jfzhang95)", source=video, license=MIT, clip=AT_112,
            make=partial(made, "network.C3D_model", "C3D", 101)),
        add(name="R(2+1)D (jfzhang95)", source=video, license=MIT, clip=AT_64,
            make=partial(made, "network.R2Plus1D_model", "R2Plus1DClassifier", 101, (2, 2, 2, 2))),
        add(name="R3D (jfzhang95)", source=video, license=MIT, clip=AT_64,
            make=partial(made, "network.R3D_model", "R3DClassifier", 101, (2, 2, 2, 2))),
        add(name="R(2+1)D (irhum)", source="irhum/R2Plus1D-PyTorch", license=MIT, clip=AT_64,
            make=partial(made, "network", "R2Plus1DClassifier", 10, (1, 1, 1, 1))),
        add(name="P3D63", source="qijiezhao/pseudo-3d-pytorch", license=MIT, clip=(3, 16, 160, 160),
            make=partial(made, "p3d_model", "P3D63", num_classes=10)),
        add(name="S3D (kylemin)", source="kylemin/S3D", license=MIT, clip=AT_96,
            make=partial(made, "model", "S3D", 400)),
        add(name="CRNN", source="HHTseng/video-classification", license=NONE, clip=(8, 3, 90, 120), layout=PER_FRAME,
            make=crnn),
        add(name="TimeSformer (lucidrains)", source="lucidrains/TimeSformer-pytorch", license=MIT, layout=PER_FRAME,
            clip=(8, 3, 112, 112), make=partial(made, "timesformer_pytorch", "TimeSformer", dim=64, image_size=112,
            patch_size=16, num_frames=8, num_classes=10, depth=2, heads=2)),
    ]  # fmt: skip


def _segments() -> list[PublicNetwork]:
    tsm, frames = "mit-han-lab/temporal-shift-module", {"layout": PER_FRAME, "clip": (8, 3, 96, 96)}
    tsn = partial(made, "ops.models", "TSN", 10, 8, "RGB", pretrain="none")
    add = PublicNetwork
    return [
        add(name="TSN resnet18", source=tsm, license=MIT, make=partial(tsn, "resnet18"), **frames),
        add(name="TSM resnet18", source=tsm, license=MIT, make=partial(tsn, "resnet18", is_shift=True), **frames),
        add(name="TSM mobilenetv2", source=tsm, license=MIT,
            make=partial(tsn, "mobilenetv2", is_shift=True, print_spec=True), **frames),
        add(name="TANet resnet50", source="liu-zhy/temporal-adaptive-module", license=APACHE,
            make=partial(tsn, "resnet50", tam=True), **frames),
        add(name="ACTION-Net resnet50", source="V-Sense/ACTION-Net", license=MIT,
            make=partial(made, "models.models", "TSN", 10, 8, "RGB", "resnet50", pretrain="none", print_spec=False,
                         is_shift=True), **frames),
    ]  # fmt: skip


NETWORKS = (
    *_torchvision(),
    *_timm(),
    *_pytorchvideo(),
    *_movinets(),
    *_resnets(),
    *_efficient(),
    *_ports(),
    *_segments(),
)
