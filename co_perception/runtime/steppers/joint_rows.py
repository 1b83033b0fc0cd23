"""Skeleton networks with a row for each joint, for programs that hand every past frame on without a copy.

The state of a skeleton network has past frames side by side, (B, M, C, n, V): M persons, V joints. A program would copy
them all to put a new one beside them, and once more to leave out the oldest, for a third of a step. Here each frame is
a leaf of its own with the channels last, (B, M * V, C). Those that stay are handed on by reference; of a convolution
over time remains one copy, of the frames that it multiplies. A product has the joints of all persons of all streams as
its rows, so that it is one for all of them, with weights that ONNX Runtime packs beforehand.

It is for networks of `EachPerson` whose convolutions over time pad nothing and have no stride, such as the starred ones
of `networks.stgcn`. `choose.stepper` compares the result with the network before it is used.
"""

from __future__ import annotations

import copy
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from co_perception.continual.container import Broadcast, Reduce, Residual, Sequential
from co_perception.continual.conv import Conv2d
from co_perception.continual.each_person import EachPerson
from co_perception.continual.framewise import EachFrame, ModuleView
from co_perception.continual.graph import FoldedGraphConv, JointAttention, affine, pointwise_weights
from co_perception.continual.history import Crop, frames_of
from co_perception.continual.layer import Frames, Streaming
from co_perception.continual.state import Tree, leaves, tree_map, unpacked
from co_perception.continual.timing import Clock

JOINED = 5  # axes of past frames side by side, (B, M, C, n, V); one frame by itself has four


class JointRows(NamedTuple):
    """A network that takes and gives its state as rows of joints, and how that state is made of the usual one.

    network: the function `unrolled` alone, in steady state. place: of its `EachPerson` among its layers. usual: a state
    of the network as it was, for the shapes.
    """

    network: Streaming
    place: int
    usual: Tree

    def close(self, layers: Tree) -> Tree:
        """The usual state in rows."""
        parts = list(unpacked(layers))
        parts[self.place] = tree_map(_rows_of, parts[self.place])
        return tuple(parts)

    def open(self, layers: Tree) -> Tree:
        """The inverse of `close`."""
        parts = list(layers)
        parts[self.place] = _usual(self.usual[self.place], parts[self.place])
        return tuple(parts)


def joint_rows(network: Streaming, usual: Tree) -> JointRows | None:
    """The network in rows of joints; None for one that is not of this kind.

    Args:
        network: in evaluation mode, with its norms folded. It stays as it is.
        usual: its state, of any number of streams.
    """
    if type(network).unrolled is not Sequential.unrolled or not isinstance(network, Sequential):
        return None
    places = [place for place, layer in enumerate(network.layers) if isinstance(layer, EachPerson)]
    if len(places) != 1 or not leaves(usual[places[0]]):
        return None
    twin, (place,) = copy.deepcopy(network), places
    joints, persons = leaves(usual[place])[0].shape[-1], cast(EachPerson, twin.layers[place])
    try:
        twin.layers[place] = _PersonRows([_in_rows(layer, joints) for layer in persons.layers])
    except _UnfitError:
        return None
    return JointRows(twin, place, usual)


class _UnfitError(Exception):
    """A layer has no form in rows."""


def _in_rows(layer: Streaming, joints: int) -> Streaming:
    """A layer of frames (B * M, C, V) as one of frames (B * M * V, C). Containers are changed in place."""
    if type(layer) is Sequential or type(layer) is Residual and isinstance(layer.reduction, str):
        layer.layers = [_in_rows(child, joints) for child in layer.layers]
        return layer
    if isinstance(layer, Conv2d):
        return _RowConv(layer)
    if type(layer) is FoldedGraphConv:
        return _RowGraphConv(layer, joints)
    if type(layer) is JointAttention:
        return _RowAttention(layer, joints)
    if isinstance(layer, Crop) or isinstance(layer, ModuleView) and layer.is_elementwise:
        return layer
    if isinstance(layer, EachFrame) and not isinstance(layer, Broadcast | Reduce):
        return _ImageOfRows(layer, joints)
    raise _UnfitError


class _PersonRows(Streaming):
    """`EachPerson` of layers in rows: frames (B, C, V, M) in and out, histories (B, M * V, C) frame by frame."""

    def __init__(self, layers: list[Streaming]) -> None:
        super().__init__()
        self._body = Sequential(*layers)
        self.timing = self._body.timing

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        joints, persons = frames[0].shape[2:]
        flat = tree_map(lambda leaf: leaf.flatten(0, 1), past)
        origin = {id(rows): leaf for rows, leaf in zip(leaves(flat), leaves(past), strict=True)}
        answers, following = self._body.unrolled(tuple(map(_joints_as_batch, frames)), flat, clock)

        def handed_on(rows: Tensor) -> Tensor:
            known = origin.get(id(rows))
            return rows.unflatten(0, (-1, persons * joints)) if known is None else known

        shape = (-1, persons, joints)
        return tuple(rows.unflatten(0, shape).permute(0, 3, 2, 1) for rows in answers), tree_map(handed_on, following)

    def settles(self, lag: int) -> int:
        return self._body.settles(lag)

    def lag_after(self, lag: int) -> int:
        return self._body.lag_after(lag)


class _RowLayer(Streaming):
    """Base of layers of one frame a step in rows, in steady state."""


class _RowConv(_RowLayer):
    """A convolution over time as one product of past frames and the new one with a matrix."""

    def __init__(self, conv: Conv2d) -> None:
        super().__init__()
        plain = set((*conv.stride, *conv.dilation, conv.groups, conv.kernel_size[1])) == {1}
        if not plain or any(map(any, conv.pads)):
            raise _UnfitError
        self.timing = conv.timing
        # Columns frame by frame, each with its channels.
        self.weight, self.bias = conv.weight.detach().squeeze(3).transpose(1, 2).flatten(1).contiguous(), conv.bias

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        (frame,), earlier = frames, frames_of(past)
        window = torch.cat([*earlier, frame], 1) if earlier else frame
        return (F.linear(window, self.weight, self.bias),), (*earlier, frame)[1:] if earlier else past


class _RowGraphConv(_RowLayer):
    """A graph convolution: joints are mixed first, (V * P, V) by (V, C), then multiplied by all kernels, (P * C, O)."""

    def __init__(self, conv: FoldedGraphConv, joints: int) -> None:
        super().__init__()
        self.timing, self._identity, self._joints = conv.timing, conv.identity, joints
        edges = conv.edges.unflatten(0, (conv.kinds, joints))  # (P, from, to)
        self.edges = edges.permute(2, 0, 1).flatten(0, 1).contiguous()  # kinds of neighbors of each joint
        self.weight, self.bias = conv.weight.unflatten(0, (-1, conv.kinds)).flatten(1), conv.bias.squeeze(1)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        (frame,) = frames
        mixed = (self.edges @ frame.unflatten(0, (-1, self._joints))).view(-1, self.weight.shape[1])
        y = F.linear(mixed, self.weight, self.bias)
        return (torch.relu(y + frame if self._identity else y),), past


class _RowAttention(_RowLayer):
    """Attention among joints. Its products are those of images (C, V), which are turned within them."""

    def __init__(self, layer: JointAttention, joints: int) -> None:
        super().__init__()
        self.timing, self._joints, self._heads, self._sizes = layer.timing, joints, layer.heads, layer.sizes
        convs = [layer.attention_conv[name] for name in ("qkv_conv", "attn_out")]
        before = [part.unflatten(0, (-1, joints)).T.contiguous() for part in affine(layer.data_bn)]
        self.before_scale, self.before_shift = before  # (V, C)
        (self.qkv, matrix), (qkv_bias, bias) = pointwise_weights(convs)
        self.qkv_bias = qkv_bias[:, None]
        scale, shift = affine(layer.bn)
        self.out, self.bias = (matrix * scale[:, None]).T.contiguous(), bias * scale + shift
        self._skips, self.skip = layer.skips, scale

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        (frame,) = frames
        normed = frame.unflatten(0, (-1, self._joints)) * self.before_scale + self.before_shift
        parts = (self.qkv @ normed.transpose(1, 2) + self.qkv_bias).split(self._sizes, dim=1)
        query, key, value = (part.unflatten(1, (self._heads, -1)) for part in parts)  # (B * M, heads, d, V)
        weights = (query.transpose(2, 3) @ key * query.shape[2] ** -0.5).softmax(-1)
        attended = (value @ weights.transpose(2, 3)).flatten(1, 2)
        y = (attended.transpose(1, 2) @ self.out).flatten(0, 1) + self.bias
        return (torch.relu(y + frame * self.skip if self._skips else y),), past


class _ImageOfRows(_RowLayer):
    """Any layer that treats every frame alone, whose frames are turned before and after."""

    def __init__(self, layer: EachFrame, joints: int) -> None:
        super().__init__()
        self.timing, self._layer, self._joints = layer.timing, layer, joints

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        images = tuple(frame.unflatten(0, (-1, self._joints)).transpose(1, 2) for frame in frames)
        answers, past = self._layer.unrolled(images, past, clock)
        return tuple(answer.transpose(1, 2).flatten(0, 1) for answer in answers), past


def _joints_as_batch(frame: Tensor) -> Tensor:
    """(B * M * V, C) of a frame (B, C, V, M)."""
    return frame.permute(0, 3, 2, 1).flatten(0, 2)


def _rows_of(leaf: Tensor) -> Tree:
    """Past frames (B, M, C, n, V) as a tuple of rows (B, M * V, C), or one frame (B, M, C, V) as rows."""
    if leaf.dim() == JOINED:
        return tuple(_rows_of(frame) for frame in leaf.unbind(3))
    return leaf.transpose(2, 3).flatten(1, 2).contiguous()


def _usual(like: Tree, rows: Tree) -> Tree:
    """The inverse of `_rows_of` for a tree of such leaves; like: the tree in the usual form."""
    if isinstance(like, tuple):
        return tuple(_usual(*each) for each in zip(like, rows, strict=True))
    if like.dim() == JOINED:
        return torch.stack([_image(frame, like.shape[1]) for frame in rows], 3)
    return _image(rows, like.shape[1])


def _image(rows: Tensor, persons: int) -> Tensor:
    """(B, M, C, V) of rows (B, M * V, C)."""
    return rows.unflatten(1, (persons, -1)).transpose(2, 3).contiguous()
