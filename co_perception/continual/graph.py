"""Graph convolutions over the joints of a skeleton, one frame at a time. x is (B, C, T, V): V joints.

Three ways to mix joints, each followed by a batch norm, a skip and a ReLU, as the published skeleton networks have
them (continual forms: Hedegaard, Heidari and Iosifidis, "Continual Spatio-Temporal Graph Convolutional Networks",
arXiv:2203.11009). Their parameters have the names and shapes of those checkpoints. The caller's adjacency (P, V, V), of
P kinds of neighbor, says which joints are neighbors: entry [p, v, w] is the weight of joint v in the sum of joint w.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from co_perception.continual.framewise import EachFrame

EDGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"multiply": torch.mul, "add": torch.add}


class GraphConv(EachFrame):
    """Graph convolution of ST-GCN: ReLU(BN(sum_p Conv1x1_p(X E_p)) + R(X)) for edges E = A * M or A + M, M learned.

    Yan et al., AAAI 2018, arXiv:1801.07455. R is the identity where channels stay as they are, else a 1x1 convolution
    and a batch norm. The batch norm's scale starts at 1e-6: a new block begins as its skip.

    Args:
        in_channels, out_channels: C of x and of y.
        adjacency: A (P, V, V), the buffer `A`.
        edges: how the learned `graph_attn` (P, V, V, ones at first) changes it, "multiply" or "add".
    """

    A: Tensor

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor, *, edges: str = "multiply") -> None:
        super().__init__()
        if adjacency.dim() != 3 or adjacency.shape[1] != adjacency.shape[2]:
            raise ValueError(f"expected adjacency (P, V, V), got {tuple(adjacency.shape)}. One matrix: adjacency[None]")
        if edges not in EDGES:
            raise ValueError(f"edges is one of {sorted(EDGES)}, got {edges!r}")
        self.edges, self.out_channels = edges, out_channels
        self.register_buffer("A", adjacency.clone().to(torch.get_default_dtype()))
        self.graph_attn = nn.Parameter(torch.ones_like(self.A))
        self.g_conv = self._pointwise(in_channels, out_channels)
        self.gcn_residual = nn.Sequential()
        if in_channels != out_channels:
            self.gcn_residual = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels))
        self.bn = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.bn.weight, 1e-6)

    def clip(self, x: Tensor) -> Tensor:
        edges = self._edges()
        mixed = torch.stack([conv(self._mix(x, edges, kind)) for kind, conv in enumerate(self.g_conv)]).sum(0)
        return torch.relu(self.bn(mixed) + self.gcn_residual(x))

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.out_channels, *shape[1:])

    def folded(self) -> EachFrame:
        """The same function in evaluation, with all that is constant multiplied out."""
        return FoldedGraphConv(*self._products(self._edges()), identity=not len(self.gcn_residual))

    def _edges(self) -> Tensor:
        """(P, V, V) the edges, as far as they are constant."""
        return EDGES[self.edges](self.A, self.graph_attn)

    def _products(self, edges: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Kernels (P', O, C), edges (P', V, V) and bias (O,) with the norms folded in.

        A projecting skip is one more kind of neighbor: the joint itself.
        """
        scale, shift = affine(self.bn)
        matrices, biases = pointwise_weights(list(self.g_conv))
        kernels, bias = torch.stack(matrices) * scale[:, None], torch.stack(biases).sum(0) * scale + shift
        if len(self.gcn_residual):
            conv, norm = self.gcn_residual
            (matrix,), (skip_bias,) = pointwise_weights([conv])
            scale, shift = affine(cast(nn.BatchNorm2d, norm))
            kernels = torch.cat([kernels, (matrix * scale[:, None])[None]])
            edges = torch.cat([edges, torch.eye(edges.shape[1]).to(edges)[None]])
            bias = bias + skip_bias * scale + shift
        return kernels, edges, bias

    def _mix(self, x: Tensor, edges: Tensor, kind: int) -> Tensor:
        """x (B, C, T, V) of each joint's neighbors of one kind."""
        return x @ edges[kind]

    def _pointwise(self, in_channels: int, out_channels: int) -> nn.ModuleList:
        return nn.ModuleList(nn.Conv2d(in_channels, out_channels, 1) for _ in self.A)


class AdaptiveGraphConv(GraphConv):
    """Graph convolution of 2s-AGCN with edges A + B + C: B learned, C computed from the frame.

    Shi et al., CVPR 2019, arXiv:1805.07694. C_p = softmax(theta_p(X)^T phi_p(X) / C_e) of (V, V) joint pairs, C_e =
    out_channels / 4 channels of embedding. The offline AGCN computes one C of the whole clip, which no stream has; the
    continual network computes one of each frame. The shares that reach a joint sum to one. B is `graph_attn`, theta
    `a_conv`, phi `b_conv`.
    """

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__(in_channels, out_channels, adjacency, edges="add")
        self.embedding = out_channels // 4
        self.a_conv = self._pointwise(in_channels, self.embedding)
        self.b_conv = self._pointwise(in_channels, self.embedding)

    def _mix(self, x: Tensor, edges: Tensor, kind: int) -> Tensor:
        theta, phi = self.a_conv[kind](x).movedim(2, 1), self.b_conv[kind](x).movedim(2, 1)  # (B, T, C_e, V)
        likeness = theta.transpose(2, 3) @ phi / self.embedding
        between = edges[kind] + likeness.softmax(-2)
        return (x.movedim(2, 1) @ between).movedim(1, 2)

    def folded(self) -> EachFrame:
        embeddings = (self.a_conv, self.b_conv, self.embedding)
        identity = not len(self.gcn_residual)
        return FoldedAdaptiveGraphConv(*self._products(self._edges()), *embeddings, identity=identity)


class FoldedGraphConv(EachFrame):
    """A graph convolution for inference: relu(sum_p W_p X E_p + b (+ X)), x (B, C, T, V).

    It takes one product with all kernels W (P, O, C) and one with all edges E (P, V, V). `identity`: whether the frame
    itself is added.
    """

    weight: Tensor
    edges: Tensor
    bias: Tensor

    def __init__(self, kernels: Tensor, edges: Tensor, bias: Tensor, *, identity: bool) -> None:
        super().__init__()
        self.kinds, self.out_channels, _ = kernels.shape
        self.identity = identity
        # Rows by channel, then kind, so that the product is laid out as the second one needs it.
        self.register_buffer("weight", kernels.detach().transpose(0, 1).flatten(0, 1).contiguous())
        self.register_buffer("edges", edges.detach().flatten(0, 1).contiguous())
        self.register_buffer("bias", bias.detach()[:, None].clone())

    def clip(self, x: Tensor) -> Tensor:
        frames = x.movedim(2, 1)
        return self.each(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).movedim(1, 2)

    def each(self, frame: Tensor) -> Tensor:
        kinds = F.conv1d(frame, self.weight.unsqueeze(2)).unflatten(1, (self.out_channels, self.kinds)).flatten(2)
        mixed = kinds @ self._between(frame) + self.bias
        return torch.relu(mixed + frame if self.identity else mixed)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.out_channels, *shape[1:])

    def _between(self, frame: Tensor) -> Tensor:
        """Edges (P * V, V), or (B, P * V, V) where they depend on the frame."""
        del frame
        return self.edges


class FoldedAdaptiveGraphConv(FoldedGraphConv):
    """The same with edges E_p + softmax(theta_p(X)^T phi_p(X) / C_e); theta and phi of all kinds are one product.

    `embedding` is C_e of the network as it was trained. A pruned one has fewer channels, not as many in each kind;
    zeros fill up, which add nothing to a likeness.
    """

    embed: Tensor
    embed_bias: Tensor

    def __init__(
        self,
        kernels: Tensor,
        edges: Tensor,
        bias: Tensor,
        theta: nn.ModuleList,
        phi: nn.ModuleList,
        embedding: int,
        *,
        identity: bool,
    ) -> None:
        super().__init__(kernels, edges, bias, identity=identity)
        self.adaptive, self.embedding = len(theta), embedding
        matrices, biases = pointwise_weights([*theta, *phi])
        self.register_buffer("embed", pad_sequence(matrices, batch_first=True).flatten(0, 1).detach())
        self.register_buffer("embed_bias", pad_sequence(biases, batch_first=True).flatten().detach())

    def _between(self, frame: Tensor) -> Tensor:
        embedded = F.conv1d(frame, self.embed.unsqueeze(2), self.embed_bias)
        theta, phi = embedded.unflatten(1, (2, self.adaptive, -1)).unbind(1)  # (B, P, C_e, V)
        shares = (theta.transpose(2, 3) @ phi / self.embedding).softmax(-2).flatten(1, 2)
        return self.edges + F.pad(shares, (0, 0, 0, self.edges.shape[0] - shares.shape[1]))


def affine(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Scale and shift (C,) of a batch norm in evaluation."""
    scale = norm.weight * torch.rsqrt(norm.get_buffer("running_var") + norm.eps)
    return scale, norm.bias - norm.get_buffer("running_mean") * scale


def pointwise_weights(convs: Sequence[nn.Module]) -> tuple[list[Tensor], list[Tensor]]:
    """Matrices (out, in) and biases (out,) of pointwise convolutions."""
    matrices = [conv.get_parameter("weight").flatten(1) for conv in convs]
    return matrices, [conv.get_parameter("bias") for conv in convs]


class JointAttention(EachFrame):
    """Self attention among the joints of each frame, as in S-TR, with BN, skip and ReLU.

    Plizzari et al., 2021, arXiv:2008.07404. The skip exists where channels stay as they are. Published checkpoints also
    hold an `A` here, which nothing reads.

    Args:
        in_channels, out_channels, joints: C of x, C of y, and V.
        heads: the keys have out_channels / 4 channels over all heads, the values out_channels.
        drop_connect: share of joints that no joint attends to in training, at random per head and frame; the rest of
            each row is scaled to sum to one again.
    """

    def __init__(
        self, in_channels: int, out_channels: int, joints: int, *, heads: int = 8, drop_connect: float = 0.5
    ) -> None:
        super().__init__()
        if out_channels % (4 * heads):
            raise ValueError(
                f"{out_channels} channels do not divide into {heads} heads of keys; use a multiple of {4 * heads}"
            )
        self.heads, self.drop_connect, self.skips = heads, drop_connect, in_channels == out_channels
        self.sizes = (out_channels // 4, out_channels // 4, out_channels)
        self.data_bn = nn.BatchNorm1d(in_channels * joints)
        qkv = nn.Conv2d(in_channels, sum(self.sizes), 1)
        self.attention_conv = nn.ModuleDict({"qkv_conv": qkv, "attn_out": nn.Conv2d(out_channels, out_channels, 1)})
        self.bn = nn.BatchNorm2d(out_channels)

    def clip(self, x: Tensor) -> Tensor:
        by_joint = self.data_bn(x.transpose(2, 3).flatten(1, 2))
        normed = by_joint.unflatten(1, (x.shape[1], x.shape[3])).transpose(2, 3)
        parts = self.attention_conv["qkv_conv"](normed).split(self.sizes, dim=1)
        # Per head and frame, joints by channels: (B, heads, T, V, d)
        query, key, value = (part.unflatten(1, (self.heads, -1)).movedim(2, -1) for part in parts)
        weights = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
        if self.training and self.drop_connect:
            weights = weights * (torch.rand_like(weights[..., :1, :]) >= self.drop_connect)
            weights = F.normalize(weights, p=1, dim=-1, eps=1e-8)
        attended = self.attention_conv["attn_out"]((weights @ value).movedim(-1, 2).flatten(1, 2))
        return torch.relu(self.bn(attended + x if self.skips else attended))

    def each(self, frame: Tensor) -> Tensor:
        if self.training:
            return super().each(frame)
        qkv, out = (cast(nn.Conv2d, self.attention_conv[name]) for name in ("qkv_conv", "attn_out"))
        normed = self.data_bn(frame.flatten(1)).view_as(frame)
        parts = F.conv1d(normed, qkv.weight.squeeze(3), qkv.bias).split(self.sizes, dim=1)
        query, key, value = (part.unflatten(1, (self.heads, -1)) for part in parts)  # (B, heads, d, V)
        weights = (query.transpose(2, 3) @ key * query.shape[2] ** -0.5).softmax(-1)
        attended = F.conv1d((value @ weights.transpose(2, 3)).flatten(1, 2), out.weight.squeeze(3), out.bias)
        scale, shift = affine(self.bn)
        summed = attended + frame if self.skips else attended
        return torch.relu(summed * scale[:, None] + shift[:, None])

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.bn.num_features, *shape[1:])
