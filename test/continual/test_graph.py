"""Graph convolutions against their formulas, written joint by joint and frame by frame."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_refused
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming

JOINTS, KINDS = 5, 3
ADJACENCY = torch.rand(KINDS, JOINTS, JOINTS, generator=torch.Generator().manual_seed(0))


def awake(layer: nn.Module) -> nn.Module:
    """Weights and statistics that leave nothing at zero or one."""
    torch.manual_seed(1)
    for name, value in layer.named_parameters():
        if "bn" in name or "residual.1" in name or name == "graph_attn":
            nn.init.uniform_(value, 0.5, 1.5)
    for name, buffer in layer.named_buffers():
        if "running" in name:
            nn.init.uniform_(buffer, 0.5, 1.5)
    return layer.double().eval()


def norm(bn: nn.Module, x: Tensor) -> Tensor:
    """Batch norm in evaluation of (B, C)."""
    return (x - bn.running_mean) / (bn.running_var + bn.eps).sqrt() * bn.weight + bn.bias  # type: ignore[operator]


def point(conv: nn.Module, x: Tensor) -> Tensor:
    """A 1x1 convolution of (B, C)."""
    return F.linear(x, conv.weight.flatten(1), conv.bias)  # type: ignore[operator,arg-type]


def finish(layer: nn.Module, mixed: Tensor, x: Tensor) -> Tensor:
    skip = norm(layer.gcn_residual[1], point(layer.gcn_residual[0], x)) if len(layer.gcn_residual) else x  # type: ignore[index,arg-type]
    return torch.relu(norm(layer.bn, mixed) + skip)  # type: ignore[arg-type]


def graph_frame(layer: nn.Module, x: Tensor, between: list[Tensor]) -> Tensor:
    """One frame (B, C, V); between: per kind (V, V) or (B, V, V), what joint v gives to joint w."""
    answers = []
    for w in range(JOINTS):
        mixed = torch.zeros(())
        for conv, edges in zip(layer.g_conv, between, strict=True):  # type: ignore[arg-type]
            share = edges.expand(len(x), JOINTS, JOINTS)
            gathered = sum(x[:, :, v] * share[:, v, w, None] for v in range(JOINTS))
            mixed = mixed + point(conv, gathered)  # type: ignore[arg-type]
        answers.append(finish(layer, mixed, x[:, :, w]))
    return torch.stack(answers, 2)


def check_frames(layer: co.Streaming, channels: int, function: Callable[[Tensor], Tensor]) -> None:
    """The layer equals a function of single frames (B, C, V)."""

    def reference(x: Tensor) -> Tensor:
        return torch.stack([function(frame) for frame in x.unbind(2)], 2)

    check_streaming(layer, (channels, JOINTS), reference=reference, tolerance=1e-12)


@pytest.mark.parametrize("edges", ["multiply", "add"])
@pytest.mark.parametrize("channels", [3, 8])
def test_graph_convolution(edges: str, channels: int) -> None:
    layer = awake(co.GraphConv(channels, 8, ADJACENCY, edges=edges))
    assert isinstance(layer, co.GraphConv)
    between = list(layer.A * layer.graph_attn if edges == "multiply" else layer.A + layer.graph_attn)
    check_frames(layer, channels, lambda frame: graph_frame(layer, frame, between))


def test_adaptive_graph_convolution() -> None:
    layer = awake(co.AdaptiveGraphConv(3, 8, ADJACENCY))
    assert isinstance(layer, co.AdaptiveGraphConv)

    def per_frame(x: Tensor) -> Tensor:
        between = []
        for kind in range(KINDS):
            theta = point(layer.a_conv[kind], x.transpose(1, 2))  # (B, V, C_e)
            phi = point(layer.b_conv[kind], x.transpose(1, 2))
            shares = (torch.einsum("bvc,bwc->bvw", theta, phi) / 2).softmax(1)
            between.append(layer.A[kind] + layer.graph_attn[kind] + shares)
        return graph_frame(layer, x, between)

    for conv in layer.a_conv:
        conv.bias.requires_grad_(False)  # shifts what the softmax is blind to: no gradient, and none expected
    check_frames(layer, 3, per_frame)


@pytest.mark.parametrize("channels", [3, 16])
def test_joint_attention(channels: int) -> None:
    layer = awake(co.JointAttention(channels, 16, JOINTS, heads=2))
    assert isinstance(layer, co.JointAttention)
    qkv, out = layer.attention_conv["qkv_conv"], layer.attention_conv["attn_out"]

    def per_frame(x: Tensor) -> Tensor:
        given = norm(layer.data_bn, x.flatten(1)).view(x.shape)
        mapped = point(qkv, given.transpose(1, 2))  # (B, V, 4 + 4 + 16)
        query, key, value = mapped[..., :4], mapped[..., 4:8], mapped[..., 8:]
        heads = []
        for head in range(2):
            q, k, v = (part.chunk(2, -1)[head] for part in (query, key, value))
            heads.append((torch.einsum("bvc,bwc->bvw", q, k) / 2**0.5).softmax(2) @ v)
        attended = point(out, torch.cat(heads, -1)).transpose(1, 2)
        attended = attended + x if channels == 16 else attended
        return torch.stack([torch.relu(norm(layer.bn, attended[:, :, v])) for v in range(JOINTS)], 2)

    check_frames(layer, channels, per_frame)


def test_drop_connect_drops_joints_and_rescales_what_is_left() -> None:
    layer = co.JointAttention(16, 16, JOINTS, heads=2, drop_connect=0.9).train()
    x = torch.randn(2, 16, 50, JOINTS)
    assert layer.clip(x).isfinite().all()  # also where every joint was dropped
    assert not torch.equal(layer.clip(x), layer.clip(x))
    layer.drop_connect = 0.0
    assert torch.equal(layer.clip(x), layer.clip(x))


def test_parameters_are_named_as_in_the_published_checkpoints() -> None:
    names = set(co.AdaptiveGraphConv(3, 8, ADJACENCY).state_dict())
    assert {"A", "graph_attn", "g_conv.2.weight", "a_conv.0.bias", "b_conv.1.weight", "bn.running_mean"} <= names
    assert {"gcn_residual.0.weight", "gcn_residual.1.running_var"} <= names
    assert not any("residual" in name for name in co.GraphConv(8, 8, ADJACENCY).state_dict())
    names = set(co.JointAttention(64, 64, 25).state_dict())
    assert {"data_bn.weight", "attention_conv.qkv_conv.weight", "attention_conv.attn_out.bias", "bn.bias"} <= names


def test_a_new_block_begins_as_its_skip() -> None:
    x = torch.randn(2, 8, 3, JOINTS)
    torch.testing.assert_close(co.GraphConv(8, 8, ADJACENCY).eval().clip(x), torch.relu(x), atol=1e-4, rtol=0)


def test_wrong_settings_are_refused_with_advice() -> None:
    assert_refused(r"adjacency\[None\]", co.GraphConv, 3, 8, ADJACENCY[0])
    assert_refused("edges is one of", co.GraphConv, 3, 8, ADJACENCY, edges="divide")
    assert_refused("multiple of 32", co.JointAttention, 3, 40, 25)
