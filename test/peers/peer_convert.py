"""Networks that others published as packages, through `convert`: equal to the plain one, and continual in every way.

pytest collects this only when it is named (`pytest test/peers/peer_convert.py`), in an environment with
requirements-convert.txt. Weights are random; video networks have pictures of the size that the table in docs/convert.md
is about.
"""

from __future__ import annotations

import pytest
import torch

from bench.converted import ABSENT, BROKEN, EQUAL, REFUSED, PublicNetwork, example_of, networks, trial
from co_perception.continual.check import check_streaming
from co_perception.continual.convert.convert import convert
from co_perception.continual.convert.proof import draw_weights

REGISTRIES = ("torchvision", "timm", "pytorch-tcn", "torch", "facebookresearch/pytorchvideo")
NETWORKS = {name: network for name, network in networks().items() if network.source in REGISTRIES}
WHOLE_CLIP = {"mvit", "swin3d", "x3d"}  # attention over all frames, or a gate by their mean
CHECKED = ("pytorch-tcn", "pytorch-tcn, layer norm, gates", "LSTM classifier of the tutorials")  # for every property


@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_network_converts_and_is_equal(name: str) -> None:
    torch.manual_seed(0)
    record = trial(NETWORKS[name])
    assert record.outcome not in (ABSENT, BROKEN), record.reasons
    expected = REFUSED if any(part in name for part in WHOLE_CLIP) else EQUAL
    assert (record.outcome, record.onnxruntime) == (expected, ""), record.reasons


@pytest.mark.parametrize("name", CHECKED)
def test_a_published_network_keeps_the_contract_of_a_layer(name: str) -> None:
    torch.manual_seed(0)
    network: PublicNetwork = NETWORKS[name]
    plain = network.make().eval()
    draw_weights(plain)
    layer = convert(plain, layout=network.layout, example=example_of(network), **network.settings)
    layer.load_state_dict(plain.state_dict())
    check_streaming(layer, network.frame_shape, gradients=False, tolerance=1e-4)
