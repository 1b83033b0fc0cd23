"""Heads on the features of video networks: as layers of the network, and beside plain torch."""

from __future__ import annotations

from typing import cast

import pytest
import torch
import torch.nn.functional as F
from helpers.small_video_networks import clip, network, small
from torch import nn

from co_perception.continual.check import check_streaming
from co_perception.networks.heads import build_head
from co_perception.networks.oadtr import Standardize
from co_perception.networks.variants import COI3D_R50, COX3D_S, DEEPCOT, GRU, HEADS, HeadVariant


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_is_the_last_layer_and_its_trunk_gives_what_it_reads(kind: str) -> None:
    head = HeadVariant(kind, width=8, window=3)
    with_head = network(small(COX3D_S, blocks=(1, 1, 1, 1), features=16, head=head), published=False)
    x = clip(9)
    features = with_head.trunk.clip(x)
    assert features.shape == (2, 16, 6)  # the pool of four frames pads nothing
    torch.testing.assert_close(with_head.classifier_head.clip(features), with_head.clip(x))
    assert with_head.clip(x).shape == (2, 5, 6)


@pytest.mark.parametrize("kind", HEADS)
def test_heads_stream(kind: str) -> None:
    torch.manual_seed(0)
    head = build_head(HeadVariant(kind, width=8, window=4), 6, 3).double()
    check_streaming(head, (6,), frames=12, tolerance=1e-10, export=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [GRU, DEEPCOT])
def test_networks_with_heads_stream(kind: str) -> None:
    strided = small(COI3D_R50, blocks=(1, 1, 1, 1), head=HeadVariant(kind, width=8, window=2))
    check_streaming(network(strided, published=False), strided.frame_shape, frames=32, tolerance=1e-9, export=False)


def test_the_gru_head_is_the_papers() -> None:
    """MiniROAD beside torch's own layers: linear, layer norm, ReLU, GRU, ReLU, linear."""
    torch.manual_seed(0)
    head = build_head(HeadVariant(GRU, width=8), 6, 3).double().eval()
    cast(Standardize, head.get_submodule("standard")).measure(torch.randn(50, 6).double() * 3 + 1)
    x = torch.randn(2, 6, 7).double()
    own = head.state_dict()
    gru = nn.GRU(8, 8, batch_first=True).double()
    gru.load_state_dict({name.removeprefix("gru."): value for name, value in own.items() if name.startswith("gru.")})
    rows = ((x.transpose(1, 2) - own["standard.mean"]) / own["standard.deviation"]) @ own["embed.weight"].T
    embedded = F.relu(F.layer_norm(rows + own["embed.bias"], (8,), own["norm.weight"], own["norm.bias"]))
    expected = F.relu(gru(embedded)[0]) @ own["head.weight"].T + own["head.bias"]
    torch.testing.assert_close(head.clip(x), expected.transpose(1, 2))


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(ValueError, match="no head 'lstm'; there are: linear, gru, attention, deepcot"):
        HeadVariant("lstm")
