"""CoSlow and CoI3D: published geometry, size and cost; the contract at reduced size against an independent network."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from helpers.reference_video import reference_resnet3d
from helpers.refusals import assert_refused
from helpers.small_video_networks import blank, clip, network, pyslowfast, small

from co_perception.continual.check import check_streaming
from co_perception.continual.layer import Streaming
from co_perception.continual.pipeline import Pipeline
from co_perception.networks.cost import macs_per_clip, macs_per_step, params
from co_perception.networks.variants import COI3D_R50, COSLOW_R50, ResNet3dVariant, video_variant

BOTH = [COSLOW_R50, COI3D_R50]


@pytest.mark.parametrize(
    ("name", "window", "receptive_field", "delay", "stride"),
    [
        ("coslow_r50", None, 26, 16, 1),
        ("coslow_r50", 64, 82, 72, 1),
        ("coi3d_r50", None, 42, 24, 2),
        ("coi3d_r50", 64, 98, 80, 2),
    ],
)
def test_published_geometry(name: str, window: int | None, receptive_field: int, delay: int, stride: int) -> None:
    net = blank(video_variant(name, window=window))
    assert (net.receptive_field, net.delay, net.timing.stride) == (receptive_field, delay, stride)
    assert net.shortest_clip == (window or 8)


@pytest.mark.parametrize(("variant", "count"), [(COSLOW_R50, 32_454_096), (COI3D_R50, 28_043_472)])
def test_published_parameters(variant: ResNet3dVariant, count: int) -> None:
    assert params(blank(variant)) == count
    assert variant.published.params == pytest.approx(count / 1e6, abs=0.005)


@pytest.mark.parametrize("variant", BOTH, ids=lambda v: v.name)
def test_published_multiply_adds(variant: ResNet3dVariant) -> None:
    """As the paper counts: norms and ReLUs once in a clip and twice in a step (`macs_per_step` has why). CoI3D answers
    every other frame; the paper's figure leaves out what the frame between costs, which is the first two stages."""
    net, shape, published = blank(variant), variant.frame_shape, variant.published
    assert macs_per_clip(net, shape, 8, elementwise=1) / 1e9 == pytest.approx(published.macs_per_clip, rel=0.01)
    between = 0
    if variant.halve:
        stem, first = net[0], net[1]
        assert isinstance(stem, Streaming) and isinstance(first, Streaming)
        between = macs_per_step(stem, shape, elementwise=2) + macs_per_step(first, (64, 56, 56), elementwise=2)
    counted = macs_per_step(net, shape, elementwise=2) - between
    assert counted / 1e9 == pytest.approx(published.macs_per_step, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("variant", BOTH, ids=lambda v: v.name)
def test_keeps_the_streaming_contract(variant: ResNet3dVariant) -> None:
    reduced = small(variant, blocks=(1, 2, 1, 2))
    net = network(reduced)
    plain = partial(
        reference_resnet3d,
        w=pyslowfast(net),
        blocks=reduced.blocks,
        window=2 if variant.halve else 4,
        halve_after_first_stage=variant.halve,
    )
    check_streaming(net, reduced.frame_shape, frames=48, tolerance=1e-10, reference=plain)


@torch.no_grad()
def test_coi3d_spread_over_its_frames_gives_the_same_answers() -> None:
    variant = small(COI3D_R50)
    net = network(variant)
    x, spread = clip(40)[:1], Pipeline(net)
    assert len(spread.stages) == 2
    state, parts = net.init_state(1, variant.frame_shape), spread.init_state(1, variant.frame_shape, x)
    wanted, got = [], []
    for pair in x.split(2, dim=2):
        y, state = net(pair, state)
        wanted.append(y[:, :, 0])
        for frame in pair.unbind(2):
            answer, parts = spread(frame, parts)
            got += [] if answer is None else [answer]
    lag = net.lag_after(0)
    torch.testing.assert_close(torch.stack(got[lag:]), torch.stack(wanted[lag : len(got)]), rtol=0, atol=1e-12)


@torch.no_grad()
def test_a_clip_of_odd_length_is_refused() -> None:
    assert_refused("multiple of 2 frames and at least 4", network(small(COI3D_R50)).classify, clip(7))
