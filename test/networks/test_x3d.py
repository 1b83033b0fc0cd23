"""Continual X3D: published geometry, size and cost; the contract at reduced size against an independent network."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
import torch
from helpers.reference_video import reference_x3d
from helpers.refusals import assert_refused
from helpers.small_video_networks import blank, clip, network, pyslowfast, small, trained_losses

from co_perception.continual.check import check_streaming, run_steps
from co_perception.continual.state import state_bytes
from co_perception.networks.build import build_video
from co_perception.networks.cost import macs_per_clip, macs_per_step, params, stream_bytes
from co_perception.networks.variants import COX3D_L, COX3D_M, COX3D_S, COX3D_XS, X3DVariant, video_variant

SIZES = [COX3D_XS, COX3D_S, COX3D_M, COX3D_L]


@pytest.mark.parametrize(
    ("name", "window", "receptive_field", "delay"),
    [
        ("cox3d_xs", None, 60, 31), ("cox3d_s", None, 69, 40), ("cox3d_m", None, 72, 43), ("cox3d_l", None, 130, 72),
        ("cox3d_s", 64, 120, 91), ("cox3d_m", 64, 120, 91), ("cox3d_l", 64, 178, 120),
    ],
)  # fmt: skip
def test_published_geometry(name: str, window: int | None, receptive_field: int, delay: int) -> None:
    variant = video_variant(name, window=window)
    assert isinstance(variant, X3DVariant)
    net = blank(variant)
    assert (net.receptive_field, net.delay, net.timing.stride) == (receptive_field, delay, 1)
    assert net.shortest_clip == variant.window


@pytest.mark.parametrize(("variant", "count"), list(zip(SIZES, [3_794_322] * 3 + [6_153_432], strict=True)))
def test_published_parameters(variant: X3DVariant, count: int) -> None:
    assert params(blank(variant)) == count
    assert variant.published.params == pytest.approx(count / 1e6, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("variant", SIZES, ids=lambda v: v.name)
def test_published_multiply_adds(variant: X3DVariant) -> None:
    """As the paper counts: norms and ReLUs once in a clip and twice in a step. Without them they are 5 to 10 % less."""
    net, shape, published = blank(variant), variant.frame_shape, variant.published
    assert macs_per_clip(net, shape, variant.window, elementwise=1) / 1e9 == pytest.approx(
        published.macs_per_clip, rel=0.01
    )
    step = macs_per_step(net, shape)
    if published.macs_per_step:
        assert macs_per_step(net, shape, elementwise=2) / 1e9 == pytest.approx(published.macs_per_step, rel=0.02)
        assert 0.88 < step / 1e9 / published.macs_per_step < 0.93
    # One frame of a clip and no redundancy; the head's end, after its pool, works per answer.
    after_pool = 432 * 2048 + 2048 * 400
    per_frame = (macs_per_clip(net, shape, variant.window) - after_pool) / variant.window
    assert step == pytest.approx(per_frame + after_pool, rel=1e-3)


def test_state_is_counted_without_being_made() -> None:
    variant = small(COX3D_M)
    made = network(variant).init_state(1, variant.frame_shape)
    assert stream_bytes(network(variant), variant.frame_shape) == state_bytes(made)
    assert stream_bytes(blank(COX3D_M), COX3D_M.frame_shape) < 27 * 2**20


@pytest.mark.slow
@pytest.mark.parametrize("scope", [1, 3])
def test_keeps_the_streaming_contract(scope: int) -> None:
    """Scope 1 against the independent network. Gradients reach every parameter, in clips and in streams."""
    variant = small(COX3D_M, scope=scope)
    net = network(variant)
    plain = partial(reference_x3d, w=pyslowfast(net), blocks=variant.blocks, window=4, gate_per_frame=True)
    check_streaming(
        net, variant.frame_shape, frames=40, tolerance=1e-10, export=scope == 1, reference=plain if scope == 1 else None
    )


@torch.no_grad()
def test_a_steady_step_is_the_unpadded_network_on_its_receptive_field() -> None:
    """Whatever happened before those frames leaves no trace."""
    variant = small(COX3D_S)
    net = network(variant)
    x = clip(2 * net.receptive_field)
    x[1, :, : net.receptive_field] = 3.0  # another past
    x[1, :, net.receptive_field :] = x[0, :, net.receptive_field :]
    *_, newest = run_steps(net, x, net.init_state(2, variant.frame_shape))[0]
    torch.testing.assert_close(newest[0], newest[1], rtol=0, atol=1e-12)


@torch.no_grad()
def test_offline_network_gates_over_the_whole_clip() -> None:
    variant = small(COX3D_M, scope=None)
    net, x = network(variant), clip(9)
    expected = reference_x3d(x, pyslowfast(net), variant.blocks, 4, gate_per_frame=False)
    torch.testing.assert_close(net.clip(x), expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(net.classify(x), expected.mean(2), rtol=0, atol=1e-10)
    assert_refused("no stream has; use scope=1", net, x, net.init_state(2, variant.frame_shape))


def test_a_training_step_lowers_the_loss() -> None:
    """From the published start, where every residual body gives zero."""
    net = build_video(small(COX3D_S)).train()
    first, last = trained_losses(net, clip(8).float(), torch.tensor([1, 3]), lr=0.05, steps=4)
    assert last < first


def test_wrong_clips_windows_and_names_are_refused() -> None:
    assert_refused("at least 4", network(small(COX3D_M)).classify, clip(3))
    assert_refused("no window", video_variant, "coi3d_inception", window=64)
    assert_refused("cox3d_xs", video_variant, "x3d")
    assert dataclasses.replace(COX3D_M, window=64) == video_variant("cox3d_m", window=64)
