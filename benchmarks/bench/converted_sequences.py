"""Networks of others on sequences and skeletons, for `bench.converted`. Built by their authors' code, no weights.

Where a forward takes a mask or a graph beside the clip, or the clip is not its first argument, the few lines that a
user would put around it stand here.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.converted import PublicNetwork

MIT, BSD2, APACHE, CC, NONE = "MIT", "BSD-2-Clause", "Apache-2.0", "CC BY-NC", "none stated"


def made(module: str, name: str, *args: Any, **settings: Any) -> nn.Module:
    """`module.name(...)`."""
    return getattr(importlib.import_module(module), name)(*args, **settings)


def classes(file: str, name: str, *args: Any, until: str = "class Trainer", **settings: Any) -> nn.Module:
    """A network of a file whose other parts do not run: Python 2, or a training loop with imports of its own."""
    path = next(path for place in sys.path if (path := Path(place, file)).exists())
    source = path.read_text().split(until)[0].replace("MS_TCB    def", "    def")  # a slip of the published file
    contents: dict[str, Any] = {"__name__": name}
    stub(loguru={"logger": None})
    exec(compile(source, path, "exec"), contents)
    return contents[name](*args, **settings)


class Masked(nn.Module):
    """A network that takes a mask of ones beside the clip, and one of its stages."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x, torch.ones_like(x))


class WithGraph(nn.Module):
    """A network that takes a graph, before the clip or after it."""

    def __init__(self, network: nn.Module, graph: Tensor, first: bool) -> None:
        super().__init__()
        self.network, self.first = network, first
        self.register_buffer("graph", graph)

    def forward(self, x: Tensor) -> Tensor:
        return self.network(self.graph, x) if self.first else self.network(x, self.graph)


class Last(nn.Module):
    """A recurrent classifier of features of people, as the tutorials have it: h0 of zeros and the last answer."""

    def __init__(self, features: int, hidden: int, layers: int, classes: int) -> None:
        super().__init__()
        self.hidden, self.layers = hidden, layers
        self.lstm = nn.LSTM(features, hidden, layers, batch_first=True)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        h0 = torch.zeros(self.layers, x.size(0), self.hidden).to(x.device)
        c0 = torch.zeros(self.layers, x.size(0), self.hidden).to(x.device)
        out, _ = self.lstm(x, (h0, c0))
        return self.fc(out[:, -1, :])


def stub(**modules: dict[str, Any]) -> None:
    """Modules that a source imports and that what is built here does not use."""
    for name, contents in modules.items():
        path = name.replace("__", ".")
        module = types.ModuleType(path)
        module.__path__ = []  # type: ignore[attr-defined]
        vars(module).update(contents)
        sys.modules.setdefault(path, module)


def on_cpu(make: Callable[[], nn.Module]) -> nn.Module:
    """A network whose authors put tensors on a GPU by name: `x.cuda(...)` does nothing here."""
    Tensor.get_device = lambda self: "cpu"  # type: ignore[method-assign,assignment,return-value]  # -1, which is none
    Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign,assignment]
    nn.Module.cuda = lambda self, *_: self  # type: ignore[method-assign,assignment]
    return make()


def with_old_numpy(make: Callable[[], nn.Module]) -> nn.Module:
    """A network that uses NumPy's names of before 1.24."""
    for name in ("int", "float", "bool"):
        setattr(np, name, getattr(__builtins__, name, None) or {"int": int, "float": float, "bool": bool}[name])
    return make()


def wavenet() -> nn.Module:
    """WaveNet of vincentherrmann, which imports what it writes sound with."""
    stub(librosa={}, soundfile={})
    return made("wavenet_model", "WaveNetModel", 4, 2, 16, 16, 32, 32, 16)


def graph_wavenet() -> nn.Module:
    """Graph WaveNet. Its Conv1d with kernels of two axes is a Conv2d since torch 1.13."""
    nn.Conv1d = nn.Conv2d  # type: ignore[misc,assignment]
    return made("model", "gwnet", "cpu", 20)


def ms_tcn() -> nn.Module:
    """MS-TCN with the sizes of the paper."""
    return Masked(classes("model.py", "MultiStageModel", 4, 10, 64, 256, 19))


def asformer() -> nn.Module:
    """ASFormer with the sizes of the paper."""
    stub(eval={"segment_bars_with_confidence": None})
    return Masked(classes("model.py", "MyTransformer", 3, 10, 2, 2, 64, 256, 19, 0.3))


def st_gcn() -> nn.Module:
    """ST-GCN for NTU skeletons."""
    graph = {"layout": "ntu-rgb+d", "strategy": "spatial"}
    return made("net.st_gcn", "Model", 3, 60, graph, True)


def skeletons(module: str, graph: str, name: str = "Model", **settings: Any) -> nn.Module:
    """The networks that share the frame of 2s-AGCN."""
    stub(torchlight={"DictAction": None, "import_class": None}, graph={})
    sys.modules["graph"].__path__ = [f"{place}/graph" for place in sys.path]  # type: ignore[attr-defined]
    sys.modules["graph"].tools = importlib.import_module("graph.tools")  # type: ignore[attr-defined]
    name_of_graph = graph.split(".")[1]
    setattr(sys.modules["graph"], name_of_graph, importlib.import_module(f"graph.{name_of_graph}"))
    return on_cpu(partial(with_old_numpy, partial(made, module, name, graph=graph, **settings)))


def ms_g3d() -> nn.Module:
    """MS-G3D for NTU skeletons."""
    sizes = {"num_class": 60, "num_point": 25, "num_person": 2, "num_gcn_scales": 13, "num_g3d_scales": 6}
    return skeletons("model.msg3d", "graph.ntu_rgb_d.AdjMatrixGraph", **sizes)


def infogcn() -> nn.Module:
    """InfoGCN for NTU skeletons."""
    stub(utils={"set_parameter_requires_grad": None, "get_vector_property": None})
    network = skeletons("model.infogcn", "graph.ntu_rgb_d.Graph", "InfoGCN")
    network.A_vector = network.A_vector.float()  # type: ignore[union-attr,operator]  # double beside single precision
    return network


def mini_road() -> nn.Module:
    """MiniROAD on features of RGB frames."""
    registry = type("Registry", (dict,), {"register": lambda self, name: lambda kind: kind})
    stub(utils={"Registry": registry}, model={}, model__model_builder={"META_ARCHITECTURES": registry()})
    sys.modules["model"].__path__ = [f"{place}/model" for place in sys.path]  # type: ignore[attr-defined]
    config = {
        "no_flow": True, "no_rgb": False, "rgb_type": "rgb_kinetics_resnet50", "flow_type": "", "hidden_dim": 256,
        "num_layers": 1, "num_classes": 22, "window_size": 128, "embedding_dim": 256, "dropout": 0.2,
    }  # fmt: skip
    return made("model.rnn.rnn", "MROAD", config)


def pyskl(module: str, name: str, **settings: Any) -> nn.Module:
    """A backbone of PYSKL without MMCV."""
    registry = types.SimpleNamespace(register_module=lambda *_, **__: lambda kind: kind)
    norms = {"BN": nn.BatchNorm2d}
    bases = {"_BatchNorm": nn.modules.batchnorm._BatchNorm, "_InstanceNorm": nn.modules.instancenorm._InstanceNorm}
    activations = {"ReLU": partial(nn.ReLU, inplace=True)}
    stub(
        mmcv={}, mmcv__runner={"load_checkpoint": None}, mmcv__utils={"Registry": None, **bases},
        mmcv__cnn={
            "build_norm_layer": lambda config, size: ("bn", norms[config["type"]](size)),
            "build_activation_layer": lambda config: activations[config["type"]](),
            "ConvModule": None, "MODELS": None,
        },
        pyskl={}, pyskl__models={}, pyskl__models__builder={"BACKBONES": registry},
        pyskl__utils={"Graph": None, "cache_checkpoint": None}, pyskl__models__gcns={},
    )  # fmt: skip
    for package in ("pyskl", "pyskl.models", "pyskl.models.gcns"):
        folder = package.replace(".", "/")
        sys.modules[package].__path__ = [f"{place}/{folder}" for place in sys.path]  # type: ignore[attr-defined]
    for place in sys.path:
        sys.modules["pyskl.utils"].__path__ = [f"{place}/pyskl/utils"]  # type: ignore[attr-defined]
        try:
            sys.modules["pyskl.utils"].Graph = importlib.import_module("pyskl.utils.graph").Graph  # type: ignore[attr-defined]
            break
        except ModuleNotFoundError:
            continue
    graph = {"layout": "nturgb+d", "mode": settings.pop("mode", "spatial"), **settings.pop("graph", {})}
    return made(f"pyskl.models.gcns.{module}", name, graph, **settings)


def honk(name: str) -> nn.Module:
    """A keyword network of Honk."""
    stub(
        chainmap={"ChainMap": None}, librosa={}, utils={},
        utils__manage_audio={"AudioPreprocessor": None},
    )  # fmt: skip
    sys.modules["utils"].__path__ = [f"{place}/utils" for place in sys.path]  # type: ignore[attr-defined]
    module = importlib.import_module("utils.model")
    return module.find_model(name)(module.find_config(name))


def stgcn_of_traffic() -> nn.Module:
    """STGCN of the traffic benchmark."""
    args = types.SimpleNamespace(
        Kt=3, Ks=3, act_func="glu", graph_conv_type="cheb_graph_conv", gso=torch.rand(20, 20), enable_bias=True,
        droprate=0.5, n_his=12,
    )  # fmt: skip
    return made("model.models", "STGCNChebGraphConv", args, [[1], [64, 16, 64], [64, 16, 64], [128, 128], [1]], 20)


def deep_conv_lstm(**settings: Any) -> nn.Module:
    """DeepConvLSTM for sensors."""
    config = {
        "no_lstm": False, "pooling": False, "reduce_layer": False, "reduce_layer_output": 8, "pool_type": "max",
        "pool_kernel_width": 2, "window_size": 48, "drop_prob": 0.5, "nb_channels": 9, "nb_classes": 6,
        "weights_init": "xavier", "seed": 1, "nb_conv_blocks": 2, "conv_block_type": "normal", "nb_filters": 32,
        "filter_width": 5, "dilation": 1, "batch_norm": True, "nb_units_lstm": 64, "nb_layers_lstm": 2,
    }  # fmt: skip
    return made("model.DeepConvLSTM", "DeepConvLSTM", config | settings)


def separator(**settings: Any) -> nn.Module:
    """The mask network of Conv-TasNet."""
    return made("conv_tasnet", "TemporalConvNet", 64, 32, 64, 3, 4, 2, 2, **settings)


def sequence(name: str, source: str, license: str, make: Callable[[], nn.Module], clip: tuple[int, ...],
             layout: str = "BCT", **more: Any) -> PublicNetwork:  # fmt: skip
    """An entry; a sequence answers frame by frame unless said otherwise."""
    return PublicNetwork(
        name=name, source=source, license=license, make=make, clip=clip, layout=layout, **{"answer": "BCT"} | more
    )


def of_people(
    name: str, source: str, license: str, make: Callable[[], nn.Module], **settings: Any
) -> PublicNetwork:  # fmt: skip
    """An entry for NTU skeletons of two people, of which the answer is about the whole clip."""
    settings = {"window": 16} | settings  # 64 frames behind strides of 4
    return sequence(name, source, license, make, (3, 64, 25, 2), "BCTVM", answer="BC", settings=settings)


def of_pyskl(name: str, module: str, kind: str, **settings: Any) -> PublicNetwork:
    """An entry for a backbone of PYSKL, which answers about frames."""
    make = partial(pyskl, module, kind, **settings)
    return sequence(name, "kennymckormick/pyskl", APACHE, make, (2, 64, 25, 3), "BMTVC", answer="BMCTV", frames=(96,))


CONVOLUTIONS = [
    sequence("MS-TCN", "yabufarha/ms-tcn", MIT, ms_tcn, (256, 96), answer="SBCT", frames=(64, 131)),
    sequence("MS-TCN++", "sj-li/MS-TCN2", MIT, partial(classes, "model.py", "MS_TCN2", 11, 10, 3, 64, 256, 19),
             (256, 96), answer="SBCT", frames=(64, 131)),
    sequence("ASRF's MS-TCN", "yiskw713/asrf", MIT,
             partial(made, "libs.models.tcn", "MultiStageTCN", 256, 64, 19, 4, 10), (256, 96), frames=(131,)),
    sequence("ASRF", "yiskw713/asrf", MIT,
             partial(made, "libs.models.tcn", "ActionSegmentRefinementFramework", 256, 64, 19, 4, 10),
             (256, 96), frames=(131,), settings={"output": 0}),
    sequence("ED-TCN", "yiskw713/asrf", MIT, partial(made, "libs.models.tcn", "EDTCN", 256, 19), (256, 96)),
    sequence("ASFormer", "ChinaYi/ASFormer", MIT, asformer, (256, 96), answer="SBCT"),
    sequence("TCN (locuslab)", "locuslab/TCN", MIT,
             partial(made, "TCN.tcn", "TemporalConvNet", 16, [25] * 4, kernel_size=5), (16, 64), frames=(90,)),
    sequence("pytorch-tcn", "pytorch-tcn", MIT,
             partial(made, "pytorch_tcn", "TCN", 16, [32] * 4), (16, 64), frames=(90,)),
    sequence("pytorch-tcn, batch norm, skips, NLC", "pytorch-tcn", MIT,
             partial(made, "pytorch_tcn", "TCN", 16, [32] * 4, use_norm="batch_norm", use_skip_connections=True,
                     input_shape="NLC"), (64, 16), "BTC", answer="BTC", frames=(90,)),
    sequence("pytorch-tcn, layer norm, gates", "pytorch-tcn", MIT,
             partial(made, "pytorch_tcn", "TCN", 16, [32] * 4, use_norm="layer_norm", use_gate=True), (16, 64)),
    sequence("pytorch-tcn, not causal", "pytorch-tcn", MIT,
             partial(made, "pytorch_tcn", "TCN", 16, [32] * 3, causal=False), (16, 64), frames=(90,)),
    sequence("VideoPose3D", "facebookresearch/VideoPose3D", CC,
             partial(made, "common.model", "TemporalModel", 17, 2, 17, [3, 3, 3], channels=128),
             (54, 17, 2), "BTVC", answer="BTVC", frames=(81,)),
    sequence("VideoPose3D, causal", "facebookresearch/VideoPose3D", CC,
             partial(made, "common.model", "TemporalModel", 17, 2, 17, [3, 3, 3], causal=True, channels=128),
             (54, 17, 2), "BTVC", answer="BTVC", frames=(81,)),
    sequence("VideoPose3D, one frame", "facebookresearch/VideoPose3D", CC,
             partial(made, "common.model", "TemporalModelOptimized1f", 17, 2, 17, [3, 3, 3], channels=128),
             (54, 17, 2), "BTVC", answer="BTVC", frames=(81,)),
    sequence("Conv-TasNet's separator, causal, cLN", "kaituoxu/Conv-TasNet", MIT,
             partial(separator, norm_type="cLN", causal=True), (64, 60), folder="src", answer="BSCT", frames=(90,)),
    sequence("Conv-TasNet's separator, BN", "kaituoxu/Conv-TasNet", MIT,
             partial(separator, norm_type="BN"), (64, 60), folder="src", answer="BSCT", frames=(90,)),
    sequence("Conv-TasNet's separator, gLN", "kaituoxu/Conv-TasNet", MIT,
             partial(separator, norm_type="gLN"), (64, 60), folder="src", answer="BSCT"),
    sequence("Conv-TasNet", "kaituoxu/Conv-TasNet", MIT,
             partial(made, "conv_tasnet", "ConvTasNet", 64, 16, 32, 64, 3, 4, 2, 2, norm_type="cLN", causal=True),
             (400,), "BT", folder="src", answer="BST"),
    sequence("InceptionTime (okrasolar)", "okrasolar/pytorch-timeseries", MIT,
             partial(made, "src.models", "InceptionModel", 3, 4, 16, 8, 41, num_pred_classes=5), (4, 128),
             answer="BC", settings={"window": 128}),
    sequence("ResNet (okrasolar)", "okrasolar/pytorch-timeseries", MIT,
             partial(made, "src.models", "ResNetBaseline", 4, num_pred_classes=5), (4, 96), answer="BC",
             settings={"window": 96}),
    sequence("FCN (okrasolar)", "okrasolar/pytorch-timeseries", MIT,
             partial(made, "src.models", "FCNBaseline", 4, num_pred_classes=5), (4, 96), answer="BC",
             settings={"window": 96}),
    sequence("Inception block (TheMrGhostman)", "TheMrGhostman/InceptionTime-Pytorch", NONE,
             partial(made, "inception", "InceptionBlock", 4, 16), (4, 128), frames=(150,)),
    sequence("WaveNet (vincentherrmann)", "vincentherrmann/pytorch-wavenet", MIT,
             wavenet, (16, 64), answer="BC"),
    sequence("Graph WaveNet", "nnzhan/Graph-WaveNet", MIT,
             graph_wavenet, (2, 20, 16), "BCVT", answer="BCVT"),
    sequence("STGCN (hazdzz)", "hazdzz/STGCN", "LGPL-2.1", stgcn_of_traffic, (1, 24, 20), "BCTV", answer="BCTV"),
    sequence("STGCN (FelixOpolka)", "FelixOpolka/STGCN-PyTorch", "AGPL-3.0",
             lambda: WithGraph(made("stgcn", "STGCN", 20, 2, 24, 3), torch.rand(20, 20), True),
             (20, 24, 2), "BVTC", answer="BVC"),
    sequence("BC-ResNet", "Qualcomm-AI-research/bcresnet", "BSD-3-Clause",
             partial(made, "bcresnet", "BCResNets", 8), (1, 40, 101), "BCVT", answer="BC",
             settings={"window": 101}),
    sequence("Honk res8", "castorini/honk", MIT, partial(honk, "res8"), (96, 40), "BTV", answer="BC",
             settings={"window": 24}),
    sequence("Honk res15-narrow", "castorini/honk", MIT, partial(honk, "res15-narrow"), (96, 40), "BTV",
             answer="BC", settings={"window": 96}),
    sequence("GTCRN", "Xiaobin-Rong/gtcrn", MIT, partial(made, "gtcrn", "GTCRN"), (257, 24, 2), "BFTC",
             answer="BFTC", frames=(33,)),
    sequence("Demucs denoiser", "facebookresearch/denoiser", CC,
             partial(made, "denoiser.demucs", "Demucs", hidden=8, depth=3), (1, 1024)),
]  # fmt: skip
RECURRENT = [
    sequence("MiniROAD", "jbistanbul/MiniROAD", MIT, mini_road, (32, 2048), "BTC", answer="BTC", frames=(50,),
             settings={"arguments": {"flow_input": None}, "output": "logits"}),
    sequence("LSTM classifier of the tutorials", "torch", "BSD-3-Clause", partial(Last, 34, 64, 2, 6), (30, 34),
             "BTC", answer="BC", frames=(44,)),
    sequence("DeepConvLSTM (dl-for-har)", "mariusbock/dl-for-har", MIT, deep_conv_lstm, (48, 9), "BTV", answer="BC"),
    sequence("DeepConvLSTM without LSTM (dl-for-har)", "mariusbock/dl-for-har", MIT,
             partial(deep_conv_lstm, no_lstm=True), (48, 9), "BTV", answer="BC"),
]  # fmt: skip
GRAPHS = [
    of_people("ST-GCN", "yysijie/st-gcn", BSD2, st_gcn),
    of_people("2s-AGCN", "lshiwjx/2s-AGCN", CC, partial(skeletons, "model.agcn", "graph.ntu_rgb_d.Graph")),
    of_people("MS-AAGCN", "lshiwjx/2s-AGCN", CC, partial(skeletons, "model.aagcn", "graph.ntu_rgb_d.Graph")),
    of_people("MS-G3D", "kenziyuliu/MS-G3D", MIT, ms_g3d),
    of_people("CTR-GCN", "Uason-Chen/CTR-GCN", CC, partial(skeletons, "model.ctrgcn", "graph.ntu_rgb_d.Graph")),
    of_people("CTR-GCN's baseline", "Uason-Chen/CTR-GCN", CC,
              partial(skeletons, "model.baseline", "graph.ntu_rgb_d.Graph")),
    of_people("InfoGCN", "stnoah1/infogcn", NONE, infogcn, output=0),
    of_people("HD-GCN", "Jho-Yonsei/HD-GCN", MIT,
              partial(skeletons, "model.HDGCN", "graph.ntu_rgb_d_hierarchy.Graph")),
    of_pyskl("ST-GCN (PYSKL)", "stgcn", "STGCN", mode="stgcn_spatial"),
    of_pyskl("STGCN++ (PYSKL)", "stgcn", "STGCN", gcn_adaptive="init", gcn_with_res=True, tcn_type="mstcn"),
    of_pyskl("AAGCN (PYSKL)", "aagcn", "AAGCN"),
    of_pyskl("AGCN without adaption (PYSKL)", "aagcn", "AAGCN", gcn_adaptive=False, gcn_attention=False),
    of_pyskl("CTR-GCN (PYSKL)", "ctrgcn", "CTRGCN"),
    of_pyskl("MS-G3D (PYSKL)", "msg3d", "MSG3D", mode="binary_adj"),
    of_pyskl("DG-STGCN (PYSKL)", "dgstgcn", "DGSTGCN", mode="random",
             graph={"num_filter": 8, "init_off": 0.04, "init_std": 0.02},
             tcn_ms_cfg=[(3, 1), (3, 2), (3, 3), (3, 4), ("max", 3), "1x1"]),
    sequence("Social-STGCNN", "abduallahmohamed/Social-STGCNN", MIT,
             lambda: WithGraph(made("model", "social_stgcnn", 1, 5), torch.rand(8, 5, 5), False),
             (2, 8, 5), "BCTV", answer="BCTV", settings={"output": 0}),
]  # fmt: skip
NETWORKS = [*CONVOLUTIONS, *RECURRENT, *GRAPHS]
