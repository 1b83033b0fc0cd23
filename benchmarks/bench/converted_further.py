"""Networks of others that were tried after those of the other two files, for `bench.converted`.

Parts of networks are here too, where the whole asks for a training framework: a block of darts, the gate of GSM, the
excitation of TEA within its trunk.
"""

from __future__ import annotations

import importlib
import sys
import types
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.converted import PublicNetwork
from bench.converted_sequences import APACHE, MIT, NONE, classes, made, on_cpu, sequence, stub
from bench.converted_video import AT_64, PER_FRAME, FoldedFrames
from bench.converted_video import made as made_for_pictures


class FirstOfLists(nn.Module):
    """A recurrent network that answers with lists of its layers' answers and states: the answers of the last layer."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)[0][-1]


class FoldedPlanes(nn.Module):
    """A module that takes frames as its batch and gives as many, on x (B, T, C, H, W)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.flatten(0, 1)).view(x.shape)


def tcn_of_darts() -> nn.Module:
    """The residual blocks of darts' TCN, without its framework."""
    forecasting = "darts__models__forecasting"
    names = ("PLForecastingModule", "PastCovariatesTorchModel", "TimeSeries", "ShiftedTorchTrainingDataset",
             "TorchTrainingDataset", "PLModuleInput", "TorchTrainingSample", "io_processor")  # fmt: skip
    stub(**{
        "darts": {name: object for name in names},
        "darts__logging": {"get_logger": lambda _: None, "raise_log": None},
        "darts__models": {}, forecasting: {},
        f"{forecasting}__pl_forecasting_module": {name: object for name in names},
        f"{forecasting}__torch_forecasting_model": {name: object for name in names},
        "darts__utils": {}, "darts__utils__data": {name: object for name in names},
        "darts__utils__data__torch_datasets": {},
        "darts__utils__data__torch_datasets__utils": {name: object for name in names},
        "darts__utils__torch": {"MonteCarloDropout": nn.Dropout},
    })  # fmt: skip
    file = "darts/models/forecasting/tcn_model.py"
    sizes: dict[str, Any] = {
        "num_filters": 16,
        "kernel_size": 3,
        "dilation_base": 2,
        "dropout": 0.1,
        "weight_norm": True,
    }
    sizes |= {"num_layers": 3, "input_size": 8, "target_size": 4}
    block = partial(classes, file, "_ResidualBlock", until="class _TCNModule", **sizes)
    return nn.Sequential(*(block(nr_blocks_below=number) for number in range(3)))


def ts_tcc() -> nn.Module:
    """The encoder and classifier of TS-TCC for nine channels of a phone's sensors."""
    config = types.SimpleNamespace(
        input_channels=9, kernel_size=8, stride=1, final_out_channels=128, num_classes=6, dropout=0.35, features_len=18
    )
    return made("models.model", "base_Model", config)


def hcn() -> nn.Module:
    """HCN for NTU skeletons."""
    stub(utils={"utils": types.SimpleNamespace(initial_model_weight=lambda layers: None)})
    return made_for_pictures("model.HCN", "HCN")


class OfAnyBatch(nn.Module):
    """SGN, which has its one-hot codes of joints and frames for batches of one size, for any."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network, self.codes = network, {name: getattr(network, name)[:1] for name in ("spa", "tem")}

    def forward(self, x: Tensor) -> Tensor:
        for name, code in self.codes.items():
            setattr(self.network, name, code.expand(x.size(0), *code.shape[1:]))
        return self.network(x)


def sgn() -> nn.Module:
    """SGN for NTU skeletons."""
    args = types.SimpleNamespace(batch_size=2, train=0)
    return OfAnyBatch(on_cpu(partial(made, "model", "SGN", 60, "NTU", 20, args)))


def gsm() -> nn.Module:
    """The gate of GSM. It makes its zeros on a GPU by name."""
    module: Any = importlib.import_module("gsm")
    module.ftens = lambda *sizes: torch.zeros(sizes)
    return FoldedPlanes(module.gsmModule(8, 8))


def hifi_gan() -> nn.Module:
    """The generator of HiFi-GAN."""
    stub(
        utils={"init_weights": lambda *_: None, "get_padding": lambda kernel, dilation=1: (kernel - 1) * dilation // 2}
    )
    sizes = types.SimpleNamespace(
        resblock="1", upsample_rates=[8, 8], upsample_kernel_sizes=[16, 16], upsample_initial_channel=64,
        resblock_kernel_sizes=[3, 7], resblock_dilation_sizes=[[1, 3, 5], [1, 3, 5]],
    )  # fmt: skip
    return made("models", "Generator", sizes)


def trunk_of_tea() -> nn.Module:
    """TEA's Res2Net, of which blocks shift and excite by motion."""
    path = next(path for place in sys.path if (path := Path(place, "ops/tea50_8f.py")).exists())
    source = path.read_text().replace(
        "06e79181.pth'\n    'res2net50_48w", "06e79181.pth',\n    'res2net50_48w"
    )  # a slip
    contents: dict[str, Any] = {"__name__": "tea50_8f"}
    exec(compile(source, path, "exec"), contents)
    return FoldedFrames(contents["tea50_8f"]())


def trunk_of_tdn() -> nn.Module:
    """TDN, which takes five pictures for a frame."""
    return FoldedFrames(made_for_pictures("ops.tdn_net", "tdn_net", "resnet50", 8, False))


def conv_lstm() -> nn.Module:
    """ConvLSTM of one layer."""
    return FirstOfLists(made("convlstm", "ConvLSTM", 3, 8, (3, 3), 1, batch_first=True))


def mst_gcn() -> nn.Module:
    """MST-GCN for NTU skeletons, with the sizes of its configuration for joints."""
    blocks = [[3, 112, False, 1], [112, 112, True, 1], [112, 224, True, 2], [224, 448, True, 2], [448, 448, True, 1]]
    settings: dict[str, Any] = {
        "num_class": 60, "num_point": 25, "num_person": 2, "block_args": blocks, "graph": "graph.ntu_rgb_d.Graph",
        "graph_args": {"labeling_mode": "spatial"}, "kernel_size": 9, "block_type": "ms", "reduct_ratio": 2,
        "expand_ratio": 0, "s_scale": 4, "t_scale": 4, "layer_type": "basic", "act": "relu", "atten": "None",
        "bias": True,
    }  # fmt: skip
    return made("model.AEMST_GCN", "Model", **settings)


NETWORKS = [
    sequence("darts' TCN blocks", "unit8co/darts", APACHE, tcn_of_darts, (8, 64), frames=(90,)),
    sequence("TS-TCC's classifier", "emadeldeen24/TS-TCC", MIT, ts_tcc, (9, 128), answer="BC", settings={"output": 0}),
    sequence("HCN", "huguyuehuhu/HCN-pytorch", NONE, hcn, (3, 64, 25, 2), "BCTVM", answer="BC"),
    sequence("SGN", "microsoft/SGN", MIT, sgn, (20, 75), "BTC", answer="BC"),
    sequence("Conformer (lucidrains), causal", "lucidrains/conformer", MIT,
             partial(made, "conformer", "Conformer", 32, depth=2, heads=2, dim_head=16, conv_causal=True),
             (40, 32), "BTC", answer="BTC"),
    sequence("HiFi-GAN's generator", "jik876/hifi-gan", MIT, hifi_gan, (80, 32)),
    sequence("DSTformer", "Walter0807/MotionBERT", APACHE,
             partial(made, "lib.model.DSTformer", "DSTformer", dim_feat=32, dim_rep=32, depth=2, num_heads=2,
                     maxlen=32),
             (32, 17, 3), "BTVC", answer="BTVC"),
    sequence("MST-GCN", "czhaneva/MST-GCN", MIT, mst_gcn, (3, 64, 25, 2), "BCTVM", answer="BC",
             settings={"output": 1}),
    PublicNetwork(name="ConvLSTM", source="ndrplz/ConvLSTM_pytorch", license=MIT, make=conv_lstm, layout=PER_FRAME,
                  clip=(8, 3, 16, 16), answer="BTCHW"),
    PublicNetwork(name="GSM's gate", source="swathikirans/GSM", license="BSD-2-Clause", make=gsm, layout=PER_FRAME,
                  clip=(8, 8, 14, 14), answer="BTCHW"),
    PublicNetwork(name="TEA", source="Phoenix1327/tea-action-recognition", license=APACHE, make=trunk_of_tea,
                  layout=PER_FRAME, clip=(8, 3, 224, 224)),
    PublicNetwork(name="TDN", source="MCG-NJU/TDN", license=APACHE, make=trunk_of_tdn, layout=PER_FRAME,
                  clip=(8, 15, 224, 224)),
    PublicNetwork(name="Efficient-3DCNNs resnext", source="okankop/Efficient-3DCNNs", license=MIT, clip=AT_64,
                  make=partial(made, "models.resnext", "resnext50", sample_size=64, sample_duration=16,
                               num_classes=10)),
]  # fmt: skip
