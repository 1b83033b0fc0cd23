"""CoOadTR: published sizes, the contract beside torch's own encoder on every window, and the names of its
checkpoints."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_refused
from torch import Tensor, nn

from co_perception.continual.check import check_streaming
from co_perception.networks import cost
from co_perception.networks.checkpoints import oadtr_names
from co_perception.networks.oadtr import CoOadTR, load_checkpoint
from co_perception.networks.variants_features import COOADTR_B1, FEATURE_VARIANTS, FeatureVariant, feature_variant

SMALL = dataclasses.replace(
    COOADTR_B1, features=6, classes=3, width=16, heads=4, feedforward=12, window=5, table=9, dropout=0.0
)
DEPTHS = pytest.mark.parametrize("depth", [1, 2, 3])


def network(variant: FeatureVariant, seed: int = 0) -> CoOadTR:
    torch.manual_seed(seed)
    net = CoOadTR(variant).double()
    for value in net.parameters():
        if value.dim() == 1:  # norms and biases away from their start
            value.data.uniform_(0.3, 1.3)
    return net.eval()


def vectors(frames: int, rows: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(rows, SMALL.features, frames, generator=draw, dtype=torch.float64)


def torch_encoder(net: CoOadTR) -> nn.TransformerEncoder:
    v = net.variant
    layer = nn.TransformerEncoderLayer(
        v.width, v.heads, v.feedforward, dropout=0.0, activation="gelu", batch_first=True, dtype=torch.float64
    )
    encoder = nn.TransformerEncoder(layer, v.depth)
    own = {k.removeprefix("encoder."): p for k, p in net.state_dict().items() if k.startswith("encoder.")}
    left_out = encoder.load_state_dict(own, strict=False)
    assert not left_out.unexpected_keys
    for name, value in encoder.named_parameters():
        if name in left_out.missing_keys:
            assert name.endswith(("in_proj_bias", "out_proj.bias"))
            value.data.zero_()
    return encoder.eval()


def reference(net: CoOadTR, x: Tensor) -> Tensor:
    """Plain torch, one window after the other, from weights alone."""
    v, w, encoder = net.variant, net.state_dict(), torch_encoder(net)
    tokens = F.linear(x.transpose(1, 2), w["embed.weight"], w["embed.bias"])
    tokens = tokens + w["position.pe.pattern"][torch.arange(x.shape[2]) % v.table]
    newest = torch.stack(
        [encoder(tokens[:, max(0, i + 1 - v.window) : i + 1])[:, -1] for i in range(x.shape[2])], dim=1
    )
    newest = F.layer_norm(newest, (v.width,), w["norm.weight"], w["norm.bias"])
    return F.linear(newest, w["head.weight"], w["head.bias"]).transpose(1, 2)


@pytest.mark.parametrize(
    ("name", "count", "megamacs"),
    [
        ("cooadtr_b1", 10_517_526, 10.64),
        ("cooadtr_b2", 16_815_126, 224.4),
        ("cooadtr_b1_anet", 9_468_950, 9.59),
        ("cooadtr_b2_anet", 15_766_550, 223.4),
    ],
)
def test_published_sizes(name: str, count: int, megamacs: float) -> None:
    variant = feature_variant(name)
    net = CoOadTR(variant)
    assert (net.receptive_field, net.delay, net.timing.stride) == (64, 0, 1) and cost.params(net) == count
    known = variant.published
    assert known.params is not None and known.macs_per_step is not None
    assert round(count / 1e6, 1) == known.params
    macs = cost.macs_per_step(net, net.frame_shape)
    assert macs / 1e6 == pytest.approx(megamacs, rel=0.001)
    if variant.depth == 1:
        assert macs / 1e9 == pytest.approx(known.macs_per_step, rel=0.02)
    else:
        # The note: published code projects queries, keys and values of all tokens for the last block, of which one
        # asks. Attending the first block's window afresh costs 2 n^2 d per head instead of 7 n d.
        assert variant.note
        n, width, heads = variant.window, variant.width, variant.heads
        asked_once = 3 * width**2 + 2 * heads * n * width
        projected = 3 * n * width**2 + 2 * n * width
        theirs = macs - asked_once + projected - (2 * n**2 - 7 * n) * width
        assert theirs / 1e9 == pytest.approx(known.macs_per_step, rel=0.02)


@DEPTHS
def test_keeps_the_streaming_contract(depth: int) -> None:
    net = network(dataclasses.replace(SMALL, depth=depth))
    check_streaming(net, net.frame_shape, frames=20, reference=lambda x: reference(net, x), tolerance=1e-10)


def test_a_network_that_measures_its_features_answers_as_one_that_is_given_them_measured() -> None:
    plain, own = network(SMALL), CoOadTR(dataclasses.replace(SMALL, standardized=True)).double().eval()
    raw = vectors(20) * 7 + 40
    rows = raw.transpose(1, 2).flatten(0, 1)
    own.get_submodule("standard").measure(rows)  # type: ignore[operator]
    own.load_state_dict({**own.state_dict(), **plain.state_dict()})
    measured = ((rows - rows.mean(0)) / rows.std(0, correction=0)).unflatten(0, (2, 20)).transpose(1, 2)
    check_streaming(own, own.frame_shape, frames=20, gradients=False)
    with torch.no_grad():
        torch.testing.assert_close(own.clip(raw), plain.clip(measured))
        torch.testing.assert_close(own.classify(raw[..., :5]), plain.classify(measured[..., :5]))


@DEPTHS
@torch.no_grad()
def test_a_window_is_answered_as_in_a_stream(depth: int) -> None:
    net, x = network(dataclasses.replace(SMALL, depth=depth)), vectors(5)
    assert torch.allclose(net.classify(x), net.clip(x)[:, :, -1], atol=1e-12)
    assert torch.allclose(net.classify(x[:, :, :3]), net.clip(x)[:, :, 2], atol=1e-12)
    assert_refused("1 to 5 tokens", net.classify, vectors(6))
    assert_refused("6, T", net.classify, x.transpose(1, 2))


def test_windows_train() -> None:
    net = network(dataclasses.replace(SMALL, depth=2, dropout=0.1)).train()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    x, label, losses = vectors(5, rows=4), torch.tensor([0, 1, 2, 1]), []
    for _ in range(20):
        loss = F.cross_entropy(net.classify(x), label)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


# Names that CoOadTR's training saves for a block: one block, and the second of two, are of one kind.
def _block(norm1: str, linear1: str, linear2: str, norm2: str) -> dict[str, str]:
    ours = {norm1: "norm1", linear1: "linear1", linear2: "linear2", norm2: "norm2"}
    projections = {f"0.1.{name}": f"self_attn.{name}" for name in ("in_proj_weight", "out_proj.weight")}
    return projections | {f"{theirs}.{kind}": f"{own}.{kind}" for theirs, own in ours.items() for kind in KINDS}


KINDS = ("weight", "bias")
SINGLE = _block("1.fn", "2.1.0", "2.1.3", "3.fn")
FIRST_OF_TWO = _block("1.fn.0", "1.fn.1.fn.0", "1.fn.1.fn.3", "1.fn.2")
OUTSIDE = {"1.pe.pattern": "position.pe.pattern"} | {
    f"{theirs}.{kind}": f"{ours}.{kind}"
    for theirs, ours in (("0", "embed"), ("4.fn", "norm"), ("5", "head"))
    for kind in KINDS
}


def published(depth: int) -> dict[str, str]:
    """Their names of all parameters, and ours."""
    if depth == 1:
        return OUTSIDE | {f"3.{theirs}": f"encoder.layers.0.{ours}" for theirs, ours in SINGLE.items()}
    first = {f"3.0.{theirs}": f"encoder.layers.0.{ours}" for theirs, ours in FIRST_OF_TWO.items()}
    return OUTSIDE | first | {f"3.1.fn.{theirs}": f"encoder.layers.1.{ours}" for theirs, ours in SINGLE.items()}


@pytest.mark.parametrize("depth", [1, 2])
@torch.no_grad()
def test_published_names_load(depth: int) -> None:
    net = network(dataclasses.replace(SMALL, depth=depth))
    own = net.state_dict()
    theirs = {name: own[ours] for name, ours in published(depth).items()}
    assert len(theirs) == len(own)
    assert {ours: value.data_ptr() for ours, value in oadtr_names({"model": theirs}).items()} == {
        ours: value.data_ptr() for ours, value in own.items()
    }
    for weights in ({"model": theirs, "epoch": 1}, theirs, own):
        other = network(net.variant, seed=1)
        load_checkpoint(other, weights)
        assert torch.equal(other.clip(vectors(8)), net.clip(vectors(8)))


def test_misfits_are_told() -> None:
    net = network(SMALL)
    assert_refused("missing", load_checkpoint, network(dataclasses.replace(SMALL, depth=2)), net.state_dict())
    with pytest.raises(ValueError, match=r"head\.weight \(4, 16\)"):
        load_checkpoint(net, network(dataclasses.replace(SMALL, classes=4)).state_dict(), "some.pth")
    assert_refused("cooadtr_b2", feature_variant, "oadtr")
    assert set(FEATURE_VARIANTS) > {"cooadtr_b1", "cooadtr_b2"}
    assert (feature_variant("cooadtr_b2", depth=3, window=32).depth, feature_variant("cooadtr_b1").window) == (3, 64)
