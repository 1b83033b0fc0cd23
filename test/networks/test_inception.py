"""Continual Inception-I3D: geometry, the contract at reduced size, streams that do not disturb each other, flat
resident memory.

What the published weights answer is in test_inception_weights.py.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from helpers.refusals import assert_refused
from torch import Tensor

from co_perception.continual.check import check_streaming
from co_perception.continual.state import reset_rows
from co_perception.networks.inception import InceptionCoI3D
from co_perception.networks.variants import COI3D_INCEPTION, video_variant

SMALL = dataclasses.replace(COI3D_INCEPTION, size=32, classes=5)


def small_network() -> InceptionCoI3D:
    torch.manual_seed(0)
    net = InceptionCoI3D(SMALL)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm3d):  # fresh statistics would hide a norm at the wrong place
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    return net.eval()


def frames(count: int, rows: int = 1, seed: int = 0) -> Tensor:
    return torch.rand(rows, 3, count, SMALL.size, SMALL.size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_geometry_and_size() -> None:
    net = InceptionCoI3D()
    assert (net.receptive_field, net.timing.stride, net.delay, net.timing.before) == (107, 8, 62, 44)
    assert sum(p.numel() for p in net.parameters()) == 12_697_264


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_keeps_the_streaming_contract() -> None:
    check_streaming(small_network(), SMALL.frame_shape, frames=128, tolerance=1e-4)


@torch.no_grad()
def test_second_stream_reset_half_way_leaves_the_first_equal_to_the_bit() -> None:
    net, x = small_network(), frames(160, rows=2)
    state, alone = net.init_state(2, SMALL.frame_shape), net.init_state(1, SMALL.frame_shape)
    for step in range(20):
        part = x[:, :, 8 * step : 8 * step + 8]
        if step == 10:
            state = reset_rows(state, torch.tensor([False, True]))
        both, state = net(part, state)
        one, alone = net(part[:1], alone)
        assert torch.equal(both[:1], one)
    assert state.age.tolist() == [160, 80]


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.timeout(600)
def test_two_thousand_steps_stay_within_5_megabytes() -> None:
    net, part = small_network(), frames(8)
    state = net.init_state(1, SMALL.frame_shape)
    page = os.sysconf("SC_PAGE_SIZE")

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * page

    before = 0
    for step in range(2200):
        _, state = net(part, state)
        if step == 199:
            before = resident()
    assert resident() - before < 5e6


def test_a_clip_of_the_wrong_length_and_a_wrong_size_are_refused() -> None:
    assert_refused("multiple of 8", small_network().classify, frames(12))
    assert_refused("multiple of 32", InceptionCoI3D, dataclasses.replace(SMALL, size=100))
    assert_refused("coi3d_inception", video_variant, "i3d")
