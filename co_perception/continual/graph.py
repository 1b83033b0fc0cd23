"""Graph convolutions over the joints of a skeleton, one frame at a time. x is (B, C, T, V): V joints.

Three ways to mix joints, each followed by a batch norm, a skip and a ReLU, as the published skeleton networks have
them (continual forms: Hedegaard, Heidari and Iosifidis, "Continual Spatio-Temporal Graph Convolutional Networks",
2022). Their parameters have the names and shapes of those checkpoints. Which joints are neighbours is the caller's
adjacency (P, V, V), of P kinds of neighbour: entry [p, v, w] is what joint v gives to joint w.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.framewise import EachFrame

EDGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"multiply": torch.mul, "add": torch.add}


class GraphConv(EachFrame):
    """ReLU(BN(sum_p Conv1x1_p(X E_p)) + R(X)) for edges E = A * M or A + M, M learned, as in ST-GCN (Yan et al., 2018).

    adjacency: A (P, V, V), kept as the buffer `A`. edges: how the learned `graph_attn` (P, V, V, ones at first) changes
    it, "multiply" or "add". R is the identity where channels stay as they are, else a 1x1 convolution and a batch norm.
    The batch norm's scale starts at 1e-6: a new block begins as its skip.
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
        edges = EDGES[self.edges](self.A, self.graph_attn)
        mixed = torch.stack([conv(self._mix(x, edges, kind)) for kind, conv in enumerate(self.g_conv)]).sum(0)
        return torch.relu(self.bn(mixed) + self.gcn_residual(x))

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.out_channels, *shape[1:])

    def _mix(self, x: Tensor, edges: Tensor, kind: int) -> Tensor:
        """x (B, C, T, V) of each joint's neighbours of one kind."""
        return x @ edges[kind]

    def _pointwise(self, in_channels: int, out_channels: int) -> nn.ModuleList:
        return nn.ModuleList(nn.Conv2d(in_channels, out_channels, 1) for _ in self.A)


class AdaptiveGraphConv(GraphConv):
    """Graph convolution with edges A + B + C, as in 2s-AGCN (Shi et al., CVPR 2019): B learned, C computed from the
    frame.

    C_p = softmax(theta_p(X)^T phi_p(X) / C_e) of (V, V) joint pairs, C_e = out_channels / 4 channels of embedding.
    The offline AGCN computes one C of the whole clip, which no stream has; the continual network computes one of each
    frame. The shares that reach a joint sum to one. B is `graph_attn`, theta `a_conv`, phi `b_conv`.
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


class JointAttention(EachFrame):
    """Self attention among the joints of each frame, as in S-TR (Plizzari et al., 2021), with BN, skip and ReLU.

    joints: V. heads: the keys have out_channels / 4 channels over all heads, the values out_channels. The skip exists
    where channels stay as they are. drop_connect: share of joints that no joint attends to in training, at random per
    head and frame; what is left of each row is scaled to sum to one again.
    Published checkpoints also hold an `A` here, which nothing reads.
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
        attended = self.attention_conv["attn_out"](self._attend(self._normed(x)))
        return torch.relu(self.bn(attended + x if self.skips else attended))

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.bn.num_features, *shape[1:])

    def _normed(self, x: Tensor) -> Tensor:
        """x (B, C, T, V) normalised by channel and joint."""
        by_joint = self.data_bn(x.transpose(2, 3).flatten(1, 2))
        return by_joint.unflatten(1, (x.shape[1], x.shape[3])).transpose(2, 3)

    def _attend(self, x: Tensor) -> Tensor:
        parts = self.attention_conv["qkv_conv"](x).split(self.sizes, dim=1)
        # Per head and frame, joints by channels: (B, heads, T, V, d)
        query, key, value = (part.unflatten(1, (self.heads, -1)).movedim(2, -1) for part in parts)
        weights = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
        if self.training and self.drop_connect:
            weights = weights * (torch.rand_like(weights[..., :1, :]) >= self.drop_connect)
            weights = F.normalize(weights, p=1, dim=-1, eps=1e-8)
        return (weights @ value).movedim(-1, 2).flatten(1, 2)
