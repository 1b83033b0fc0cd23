"""Skeleton networks: geometry of the published sizes, the contract at reduced size beside a plain torch network, and
which checkpoints load."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_refused
from torch import Tensor, nn

from co_perception.continual.check import check_streaming, run_steps
from co_perception.networks import cost
from co_perception.networks.checkpoints import opendr_name, stgcn_names
from co_perception.networks.stgcn import CoStGcn, load_checkpoint
from co_perception.networks.variants_skeleton import AGCN, COAGCN, COSTGCN, SKELETON_VARIANTS, SkeletonVariant
from co_perception.networks.variants_skeleton import skeleton_variant as find
from co_perception.skeletons.layouts import LAYOUTS, layout

ALL = pytest.mark.parametrize("name", SKELETON_VARIANTS)


def small(variant: SkeletonVariant) -> SkeletonVariant:
    """Three blocks of the same kinds, on few channels, frames and joints."""
    padded = variant.padded
    return dataclasses.replace(
        variant,
        layout="coco17",
        classes=5,
        mixers=(variant.mixers[0], variant.mixers[-1], variant.mixers[-1]),
        channels=(32, 32, 64) if "joints" in variant.mixers else (4, 4, 8),
        strides=(1, 1, 2) if padded else (1, 1, 1),
        kernel=3,
        pool=4,
        pool_padding=1 if padded else 0,
    )


def network(variant: SkeletonVariant, seed: int = 0) -> CoStGcn:
    """With norms, biases and edges that are not at their start, which would hide what is at the wrong place."""
    torch.manual_seed(seed)
    net = CoStGcn(variant).double()
    for name, value in [*net.named_parameters(), *net.named_buffers()]:
        if name.endswith(("bn.weight", "residual.1.weight", "running_var", "graph_attn")):
            value.data.uniform_(0.5, 1.5)
        elif name.endswith(("bias", "running_mean")):
            value.data.normal_(0, 0.1)
    return net.eval()


def skeletons(net: CoStGcn, frames: int, rows: int = 2) -> Tensor:
    channels, *space = net.frame_shape
    draw = torch.Generator().manual_seed(1)
    return torch.randn(rows, channels, frames, *space, generator=draw, dtype=torch.float64)


# The networks in plain torch, from weights alone ----------------------------------------------------------------------

Weights = dict[str, Tensor]


def features(net: CoStGcn, x: Tensor) -> Tensor:
    """(B, C, T') before the pool of the offline network on whole clips x (B, C, T, V, M)."""
    weights, (rows, channels, frames, joints, persons) = dict(net.state_dict()), x.shape
    h = x.permute(0, 4, 3, 1, 2).reshape(rows, persons * joints * channels, frames)
    h = norm(h, weights, "data_bn.").reshape(rows, persons, joints, channels, frames)
    h = torch.cat([h[:, person].permute(0, 2, 3, 1) for person in range(persons)])
    v = net.variant
    for place, (mixer, stride) in enumerate(zip(v.mixers, v.strides, strict=True)):
        inside = f"body.layer{place + 1}.sum." + ("body." if place else "")
        mixed = mix(h, weights, f"{inside}gcn.", mixer)
        pad = v.kernel // 2 if v.padded else 0
        temporal, bias = weights[f"{inside}tcn.t_conv.weight"], weights[f"{inside}tcn.t_conv.bias"]
        y = F.conv2d(mixed, temporal, bias, (stride, 1), (pad, 0))
        y = norm(y, weights, f"{inside}tcn.bn.")
        if place:
            cut = v.kernel // 2 - pad
            skip, beside = h[:, :, cut : h.shape[2] - cut], f"body.layer{place + 1}.sum.shortcut."
            if f"{beside}t_conv.weight" in weights:
                skip = F.conv2d(skip, weights[f"{beside}t_conv.weight"], weights[f"{beside}t_conv.bias"], (stride, 1))
                skip = norm(skip, weights, f"{beside}bn.")
            y = y + skip
        h = y.relu()
    return torch.stack(h.mean(3).chunk(persons)).mean(0)


def norm(x: Tensor, weights: Weights, name: str) -> Tensor:
    mean, var = weights[f"{name}running_mean"], weights[f"{name}running_var"]
    return F.batch_norm(x, mean, var, weights[f"{name}weight"], weights[f"{name}bias"])


def pointwise(x: Tensor, weights: Weights, name: str) -> Tensor:
    weight, bias = weights[f"{name}.weight"].flatten(1), weights[f"{name}.bias"]
    return torch.einsum("oi,nitv->notv", weight, x) + bias.view(-1, 1, 1)


def mix(h: Tensor, weights: Weights, name: str, mixer: str) -> Tensor:
    if mixer == "joints":
        return attend(h, weights, name)
    graph, learned = weights[f"{name}A"], weights[f"{name}graph_attn"]
    y = torch.zeros(())
    for kind in range(3):
        edges = (graph * learned if mixer == "graph" else graph + learned)[kind].expand(len(h), h.shape[2], -1, -1)
        if mixer != "graph":
            theta = pointwise(h, weights, f"{name}a_conv.{kind}")
            phi = pointwise(h, weights, f"{name}b_conv.{kind}")
            if mixer == "adaptive_clip":
                alike = torch.einsum("nctv,nctw->nvw", theta, phi) / (theta.shape[1] * theta.shape[2])
                edges = edges + alike.softmax(1)[:, None]
            else:
                alike = torch.einsum("nctv,nctw->ntvw", theta, phi) / theta.shape[1]
                edges = edges + alike.softmax({"adaptive": 2, "adaptive_starred": 3}[mixer])
        # The starred one as its code has it: no joint is mixed with another.
        joints = "nctv" if mixer == "adaptive_starred" else "nctw"
        y = y + pointwise(torch.einsum(f"nctv,ntvw->{joints}", h, edges), weights, f"{name}g_conv.{kind}")
    y = norm(y, weights, f"{name}bn.")
    if f"{name}gcn_residual.0.weight" in weights:
        h = norm(pointwise(h, weights, f"{name}gcn_residual.0"), weights, f"{name}gcn_residual.1.")
    return (y + h).relu()


def attend(h: Tensor, weights: Weights, name: str, heads: int = 8) -> Tensor:
    rows, channels, frames, joints = h.shape
    x = h.permute(0, 1, 3, 2).reshape(rows, channels * joints, frames)
    x = norm(x, weights, f"{name}data_bn.").reshape(rows, channels, joints, frames).permute(0, 1, 3, 2)
    qkv = pointwise(x, weights, f"{name}attention_conv.qkv_conv")
    outputs = qkv.shape[1] * 2 // 3
    answers = []
    for head in range(heads):
        key, value = outputs // 4 // heads, outputs // heads
        q = qkv[:, head * key : (head + 1) * key]
        k = qkv[:, outputs // 4 + head * key : outputs // 4 + (head + 1) * key]
        v = qkv[:, outputs // 2 + head * value : outputs // 2 + (head + 1) * value]
        shares = (torch.einsum("nctv,nctw->ntvw", q, k) / key**0.5).softmax(-1)
        answers.append(torch.einsum("ntvw,nctw->nctv", shares, v))
    y = pointwise(torch.cat(answers, 1), weights, f"{name}attention_conv.attn_out")
    return norm(y + h if channels == outputs else y, weights, f"{name}bn.").relu()


def pooled(net: CoStGcn, x: Tensor) -> Tensor:
    v, w = net.variant, net.state_dict()
    mean = F.avg_pool1d(features(net, x), v.pool, 1, v.pool_padding)
    return F.conv1d(mean, w["fc.weight"][:, :, None], w["fc.bias"])


# The tests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "count"),
    [
        (f"{family}{form}", count)
        for family, count in (("costgcn", 3_141_478), ("coagcn", 3_469_510), ("costr", 3_073_345))
        for form in ("", "_mod")
    ],
)
def test_published_sizes(name: str, count: int) -> None:
    variant = find(name)
    net = CoStGcn(variant)
    geometry = (net.receptive_field, net.delay, net.timing.stride, net.timing.before)
    assert geometry == ((300, 299, 1, 0) if name.endswith("_mod") else (449, 296, 4, 152))
    assert cost.params(net) == count
    body = net.layers[1].timing
    assert (body.receptive_field, body.before) == ((153, 76) if variant.padded else (81, 0))
    known = variant.published
    assert known.params is not None and known.macs_per_step is not None
    unread = 7 * 3 * 25 * 25 if "joints" in variant.mixers else 0
    assert round((count + unread) / 1e6, 2) == known.params
    macs = cost.macs_per_step(net, net.frame_shape)
    if name in ("costgcn_mod", "costr", "costr_mod"):
        assert macs / 1e9 == pytest.approx(known.macs_per_step, rel=0.02)
    else:
        assert variant.note
        assert round((macs + unexplained(variant)) / 1e9, 2) == known.macs_per_step


def unexplained(variant: SkeletonVariant) -> int:
    """What the note of a record says that the published count has more, in multiply-adds."""
    everybody = len(layout(variant.layout)) * variant.persons
    if not variant.padded:
        inputs = (variant.inputs, *variant.channels[:-1])
        return sum(3 * 2 * i * o // 4 for i, o in zip(inputs, variant.channels, strict=True)) * everybody
    # Blocks 5 and 8 halve the frame rate: of 4 and 2 frames, half are dropped.
    return sum(kept * variant.kernel * width**2 * everybody for kept, width in ((2, 128), (1, 256)))


@pytest.mark.slow
@pytest.mark.timeout(600)
@ALL
def test_keeps_the_streaming_contract(name: str) -> None:
    net = network(small(find(name)))
    # Gradients are below: a norm in training takes those of the biases before it away.
    check_streaming(
        net, net.frame_shape, frames=24, reference=lambda x: pooled(net, x), tolerance=1e-9, gradients=False
    )


@ALL
def test_every_parameter_has_a_gradient(name: str) -> None:
    net = network(small(find(name)))
    x = skeletons(net, 32)
    # What is added to all that a softmax weighs against each other changes no share. The starred attention is idle.
    without = {"adaptive": r"a_conv\.\d\.bias", "adaptive_starred": r"[ab]_conv\."}.get(net.variant.mixers[0], "none")
    for forward in (net.clip, net.classify, lambda x: net(x, net.init_state(2, net.frame_shape))[0]):
        net.zero_grad()
        forward(x).square().sum().backward()
        for parameter, value in net.named_parameters():
            found = value.grad is not None and bool(value.grad.abs().sum() > 1e-12)
            assert found or re.search(without, parameter), parameter


@pytest.mark.parametrize("variant", [*SKELETON_VARIANTS.values(), AGCN], ids=lambda v: v.name)
@torch.no_grad()
def test_clips_are_those_of_the_offline_network(variant: SkeletonVariant) -> None:
    net = network(small(variant))
    x = skeletons(net, 30)
    wanted = F.linear(features(net, x).mean(2), net.state_dict()["fc.weight"], net.state_dict()["fc.bias"])
    assert torch.allclose(net.classify(x), wanted, atol=1e-10)


@torch.no_grad()
def test_agcn_is_refused_as_a_stream_and_lends_its_weights() -> None:
    offline = network(small(AGCN))
    assert_refused("coagcn", offline.init_state, 1, offline.frame_shape)
    load_checkpoint(CoStGcn(small(COAGCN)), offline.state_dict())


@pytest.mark.parametrize("skeleton", LAYOUTS)
@pytest.mark.parametrize("persons", [1, 2])
@ALL
@torch.no_grad()
def test_layouts_and_persons(name: str, skeleton: str, persons: int) -> None:
    net = network(dataclasses.replace(small(find(name)), layout=skeleton, persons=persons))
    assert net.frame_shape == (3, len(layout(skeleton)), persons)
    state = net.init_state(2, net.frame_shape)
    y, state = net(skeletons(net, 4), state)
    assert y.shape[:2] == (2, 5) and state.age.tolist() == [4, 4]


@torch.no_grad()
def test_joints_are_mixed_but_by_the_attention_that_was_published_for_streams() -> None:
    for variant in (COAGCN, find("coagcn_mod")):
        block = network(small(variant)).body.layer1.sum.gcn  # type: ignore[union-attr]
        x = torch.randn(1, 3, 4, 17, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        moved = x.clone()
        moved[..., 0] += 1
        changed = (block.clip(moved) != block.clip(x)).any(2).any(1).flatten()  # type: ignore[operator]
        assert changed.tolist() == [True] * 17 if variant is COAGCN else [True] + [False] * 16


@torch.no_grad()
def test_persons_change_places_without_effect_where_they_are_normalized_alike() -> None:
    net = network(small(COSTGCN))
    state = net.state_dict()
    for name, value in state.items():
        if name.startswith("data_bn.") and value.dim():
            state[name] = value.view(2, -1)[:1].expand(2, -1).flatten()
    net.load_state_dict(state)
    x = skeletons(net, 30)
    assert torch.allclose(net.classify(x), net.classify(x.flip(-1)), atol=1e-10)


@torch.no_grad()
def test_the_short_network_answers_a_second_of_frames_once_as_clip_and_as_stream() -> None:
    net = network(find("costgcn_short"))
    x = skeletons(net, 20)
    assert (net.receptive_field, net.timing.stride, net.variant.rate_hz) == (16, 1, 15.0)
    assert cost.params(net) < 1_000_000 and net.frame_shape == (3, 17, 1)
    answers, _ = run_steps(net, x, net.init_state(2, net.frame_shape))
    for start in range(5):
        window = x[:, :, start : start + 16]
        assert net.clip(window).shape == (2, 20, 1)
        assert torch.allclose(net.classify(window), answers[start + 15][:, :, 0], atol=1e-10)


def test_a_clip_trains() -> None:
    net = network(small(COSTGCN)).train()
    x, label = skeletons(net, 24), torch.tensor([1, 3])
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    losses = []
    for _ in range(12):
        loss = F.cross_entropy(net.classify(x), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_wrong_frames_are_refused() -> None:
    net = network(small(COSTGCN))
    assert_refused("One person needs an axis too", net.init_state, 1, (3, 17))
    assert_refused(re.escape("(3, 17, 2)"), net.classify, torch.zeros(1, 3, 10, 18, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match="at least 7 frames"):
        starred = network(small(find("costgcn_mod")))
        starred.classify(skeletons(starred, 6))
    assert_refused("costgcn_mod", find, "stgcn")


# Checkpoints ----------------------------------------------------------------------------------------------------------


def numbered(short: str) -> str:
    """A name of an offline network as the continual one has it: containers by number."""
    found = re.match(r"layers\.layer(\d+)\.(.*)", short)
    if not found or found[1] == "1":
        return short
    return f"layers.layer{found[1]}.{'0.0' if found[2].startswith('residual') else '0.1'}.{found[2]}"


@ALL
def test_published_names_come_back(name: str) -> None:
    net = network(small(find(name)))
    own = net.state_dict()
    short = {opendr_name(key): value for key, value in own.items()}
    assert "layers.layer3.residual.t_conv.weight" in short and "layers.layer2.tcn.bn.running_var" in short
    for naming in (short, {numbered(key): value for key, value in short.items()}, own):
        for weights in (naming, {"state_dict": naming, "epoch": 3}, {f"model.{k}": v for k, v in naming.items()}):
            back = stgcn_names(weights)
            assert back.keys() == own.keys() and all(back[key] is own[key] for key in own)


def test_a_checkpoint_without_graphs_and_one_with_an_unread_graph_load() -> None:
    net = network(small(find("costr")))
    weights = {numbered(opendr_name(k)): v for k, v in net.state_dict().items() if not k.endswith("gcn.A")}
    weights["layers.layer3.0.1.gcn.A"] = torch.zeros(3, 17, 17)
    other = network(small(find("costr")), seed=1)
    load_checkpoint(other, {"state_dict": weights})
    x = skeletons(net, 20)
    assert torch.equal(net.classify(x), other.classify(x))


def test_misfits_are_told_before_anything_is_loaded() -> None:
    net = network(small(COSTGCN))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    graph = {k: v.flip(1) if k.endswith("layer2.sum.body.gcn.A") else v for k, v in before.items()}
    classes = network(dataclasses.replace(net.variant, classes=7)).state_dict()
    joints = network(dataclasses.replace(net.variant, layout="openpose18")).state_dict()
    for wrong, words in (
        (graph, "other links"),
        (classes, r"fc\.weight \(7, 8\)"),
        (joints, "coco17"),
        (network(small(find("costr"))).state_dict(), "unknown"),
        ({"backbone.gcn.0.gcn.A": torch.zeros(1)}, "mmaction2"),
        ({"epoch": 3}, "no tensors"),
        ({"layers.layer2.tcn.bn.bias": torch.ones(4), "layers.layer2.0.1.tcn.bn.bias": torch.ones(4)}, "another entry"),
        ({k: v for k, v in before.items() if k != "fc.bias"}, "fc.bias"),
    ):
        assert_refused(words, load_checkpoint, net, wrong, "some.ckpt")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_records_are_checked() -> None:
    assert_refused("every block", dataclasses.replace, COSTGCN, strides=(1,))
    assert isinstance(CoStGcn(small(COSTGCN)), nn.Module)
    one = find("costr", layout="openpose18", persons=1)
    assert (one.layout, one.persons, one.name) == ("openpose18", 1, "costr")
    assert find("costgcn").normalization == find("costgcn_short", layout="ntu25").normalization == "spine"
    assert find("costgcn_short").normalization == find("costgcn", layout="openpose18").normalization == "body"


def test_an_untrained_network_tells_left_from_right_where_its_record_says_so() -> None:
    # The graph is its own mirror image and joints are averaged at the end: without marks both sides look the same.
    variant = find("costgcn_short")
    swapped = list(layout("coco17").mirror)
    x = torch.randn(2, 3, 16, 17, 1, generator=torch.Generator().manual_seed(0))
    for marks, same in ((0.0, True), (1.0, False)):
        torch.manual_seed(0)
        net = CoStGcn(dataclasses.replace(variant, marks=marks)).eval()
        with torch.no_grad():
            assert torch.allclose(net.classify(x), net.classify(x[:, :, :, swapped]), atol=1e-4) == same
