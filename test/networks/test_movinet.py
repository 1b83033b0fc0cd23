"""Continual MoViNet: published size and cost; the contract at reduced size against an independent network."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
import torch
from helpers.reference_movinet import reference_movinet
from helpers.refusals import assert_refused
from helpers.small_movinets import BASE, STREAM, drawn, port_weights, small_movinet
from helpers.small_video_networks import blank, trained_losses
from torch import Tensor

from co_perception.continual.check import check_streaming
from co_perception.continual.norm import fold_batch_norm
from co_perception.networks.cost import macs_per_clip, macs_per_step, params
from co_perception.networks.movinet import CoMovinet
from co_perception.networks.variants import (
    MOVINET_A0_BASE,
    HeadVariant,
    MovinetVariant,
    video_variant,
)


def clip(frames: int, size: int = 27, rows: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.rand(rows, 3, frames, size, size, generator=draw, dtype=torch.float64)


PARAMETERS = [3_748_031, 6_447_352, 7_326_962, 3_111_799, 4_690_296, 5_249_562]  # as many as the PyTorch port has
FRAME, CLIP = (
    [50.70, 113.21, 216.50],
    [2.756, 6.029, 11.736],
)  # millions a frame of streams, 10^9 a clip of base networks


@pytest.mark.parametrize(("variant", "count"), list(zip([*STREAM, *BASE], PARAMETERS, strict=True)))
def test_published_parameters(variant: MovinetVariant, count: int) -> None:
    """The paper's 3.1 million are those of A0 base with the classifier of 600 classes, 1.23 million of them its last
    layer. Gates of stream networks see two means: 0.66 million more."""
    net = blank(variant)
    assert params(net) == count
    if variant.published.params:
        assert variant.published.params == pytest.approx(count / 1e6, abs=0.05)
    last = net.get_submodule("fc")
    assert params(last) == 2049 * 600


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "counted"), list(zip([*STREAM, *BASE], FRAME + CLIP, strict=True)))
def test_published_multiply_adds(variant: MovinetVariant, counted: float) -> None:
    """The authors' figures, 2.7, 6.0 and 10 * 10^9 for 50 frames, are multiply-adds of convolutions and products of the
    base networks: A0 and A1 have them to 2.1 %; the A2 that was released has 17 % more than the figure. A frame of the
    stream network is 5 to 8 % away from a fiftieth of them: convolutions are split, gates are wider."""
    net, shape, published = blank(variant), variant.frame_shape, variant.published
    assert published.macs_per_clip is not None
    if variant.causal:
        step = macs_per_step(net, shape)
        assert step / 1e6 == pytest.approx(counted, abs=0.01)
        assert step / 1e9 == pytest.approx(published.macs_per_clip / 50, rel=0.085)
    else:
        clip = macs_per_clip(net, shape, 50)
        assert clip / 1e9 == pytest.approx(counted, abs=0.001)
        assert clip / 1e9 == pytest.approx(published.macs_per_clip, rel=0.18 if "a2" in variant.name else 0.021)


@pytest.mark.parametrize(
    ("name", "receptive_field", "delay"),
    [
        ("movinet_a0_stream", 29, 0), ("movinet_a1_stream", 41, 0), ("movinet_a2_stream", 45, 0),
        ("movinet_a0_base", 29, 14), ("movinet_a1_base", 41, 20), ("movinet_a2_base", 45, 22),
    ],
)  # fmt: skip
def test_geometry(name: str, receptive_field: int, delay: int) -> None:
    net = blank(video_variant(name))
    assert (net.receptive_field, net.delay, net.timing.stride) == (receptive_field, delay, 1)
    assert net.shortest_clip == 1 and net.lag_after(0) == delay


KINDS = {
    "stream": small_movinet(),
    "base": small_movinet(MOVINET_A0_BASE),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_keeps_the_streaming_contract(kind: str) -> None:
    variant = KINDS[kind]
    net = drawn(variant).double()
    plain = partial(reference_movinet, w=port_weights(net), causal=variant.causal)
    frames = 2 * net.receptive_field
    check_streaming(net, variant.frame_shape, frames=frames, tolerance=1e-10, reference=plain, export=variant.causal)
    fades = drawn(dataclasses.replace(variant, window=5)).double()
    check_streaming(fades, variant.frame_shape, frames=frames, tolerance=1e-10, export=False, gradients=False)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_answered_as_by_the_independent_network(kind: str) -> None:
    variant = KINDS[kind]
    net, x = drawn(variant).double(), clip(6)
    plain = reference_movinet(x, port_weights(net), causal=variant.causal)
    torch.testing.assert_close(net.clip(x), plain, rtol=0, atol=1e-10)
    torch.testing.assert_close(net.classify(x), plain[:, :, -1], rtol=0, atol=1e-10)
    torch.testing.assert_close(fold_batch_norm(net).clip(x), plain, rtol=0, atol=1e-10)
    assert plain.std() > 0.05


@torch.no_grad()
def test_published_base_networks_gate_over_the_whole_clip_and_do_not_stream() -> None:
    variant = small_movinet(MOVINET_A0_BASE, past_gates=False)
    net, x = drawn(variant).double(), clip(6)
    plain = reference_movinet(x, port_weights(net), causal=False, whole_clip=True)
    torch.testing.assert_close(net.classify(x), plain[:, :, -1], rtol=0, atol=1e-10)
    assert_refused("past_gates=True", net, x, net.init_state(2, variant.frame_shape))
    past = drawn(small_movinet(MOVINET_A0_BASE)).double()
    assert (past.classify(x) - plain[:, :, -1]).abs().max() > 1e-3  # not the same by itself


@torch.no_grad()
def test_up_to_the_window_means_are_those_of_all_frames_and_then_fade() -> None:
    """After a long past, what is new still changes the answer; with a mean of all frames it does not."""
    fades, lasts = (drawn(small_movinet(window=window)).double() for window in (8, 10**9))
    x = clip(40, rows=1)
    x[:, :, :30] = x[:, :, :1]
    one, other = fades.clip(x), lasts.clip(x)
    torch.testing.assert_close(one[:, :, :8], other[:, :, :8], rtol=0, atol=1e-12)
    moved = [(answers[:, :, -1] - answers[:, :, 29]).abs().max().item() for answers in (one, other)]
    assert moved[0] > 2 * moved[1]


def test_a_hard_gate_has_the_slope_of_the_variant() -> None:
    x = clip(2)
    keras, garden = (drawn(small_movinet(gate_slope=slope)).double().clip(x) for slope in (0.2, 1 / 6))
    assert (keras - garden).abs().max() > 1e-4


def test_features_for_a_head_are_those_of_each_frame() -> None:
    variant = small_movinet(head=HeadVariant("linear"))
    net = drawn(variant).double()
    features = net.trunk.clip(clip(3))
    assert features.shape == (2, variant.project, 3) and net.clip(clip(3)).shape == (2, 5, 3)
    assert net.trunk.receptive_field == blank(small_movinet()).receptive_field


def test_other_images_are_refused_and_other_sizes_built() -> None:
    net = drawn(small_movinet()).double()
    assert_refused(r"of 27 x 27, got \(28, 28\)", net.clip, clip(2, size=28))
    assert_refused(r"replace\(variant, size", net.init_state, 1, (3, 32, 32))
    other = CoMovinet(small_movinet(size=32)).double()
    other.load_state_dict(net.state_dict())
    plain = reference_movinet(clip(2, size=32), port_weights(other.eval()), causal=True)
    torch.testing.assert_close(other.clip(clip(2, size=32)), plain, rtol=0, atol=1e-10)


def test_a_training_step_lowers_the_loss() -> None:
    """From the published start, where every block gives what it is given."""
    torch.manual_seed(0)
    net = CoMovinet(small_movinet()).train()
    first, last = trained_losses(net, clip(8).float(), torch.tensor([1, 3]), lr=0.1, steps=6)
    assert last < first
