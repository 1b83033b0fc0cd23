"""Finds the coupled channels of a network by torch-pruning's dependency graph.

The method is DepGraph (Fang et al., arXiv:2301.12900), which follows autograd from module to module. Streaming layers
are called by `clip`, and some mix channels and joints in ways that it takes for elementwise. So it gets a copy on the
meta device in which each layer has a *view*: the same coupling of channels in simple operations. What a view omits
(which joint, which frame) does not couple channels. Time is omitted too: histories, delays and residual alignment are
counted in frames, and do not depend on channels.

Not pruned: the network's inputs and answers, channels that a layer norm normalizes together (without some of them the
others would change), and those of layers that are unknown here. Attention loses whole heads.

The package `torch_pruning` is imported here, when it is needed.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

import co_perception.continual as co
from co_perception.adapters.groups import ChannelGroup, Member
from co_perception.continual.layer import Streaming

if TYPE_CHECKING:
    from torch_pruning import DependencyGraph

EXTRA = "pruning needs the extra 'adapt': pip install 'co_perception[adapt]'"
NORM = ("weight", "bias", "running_mean", "running_var")


def channel_groups(network: Streaming, frame_shape: tuple[int, ...]) -> tuple[ChannelGroup, ...]:
    """The groups of coupled channels of a network, in the order of its layers.

    Args:
        network: without parametrizations; it is not changed.
        frame_shape: (C, *space) of a frame.

    Raises: ImportError that names the extra.
    """
    try:
        import torch_pruning as pruning
    except ImportError as error:
        raise ImportError(EXTRA) from error
    shown = copy.deepcopy(network).to("meta").float().requires_grad_(True).eval()
    ends: list[Tensor] = []
    for module in list(shown.modules()):
        view = next((view for kind, view in VIEWS.items() if isinstance(module, kind)), None)
        if view is not None:
            module.clip = partial(view, module, ends)  # type: ignore[assignment]
    frames = network.receptive_field + 4 * network.timing.stride
    x = torch.zeros(1, frame_shape[0], frames // network.timing.stride * network.timing.stride, *frame_shape[1:])
    answer: list[Tensor] = []

    def forward(model: Any, given: Tensor) -> list[Tensor]:
        answer.append(model.clip(given) * 1)
        return [*answer, *ends]

    with torch.enable_grad():
        graph = pruning.DependencyGraph()
        graph.build_dependency(shown, x.to("meta"), forward_fn=forward, verbose=False)
        _slice_channels_alone(graph)
        found = [*_traced(graph, answer[0].grad_fn), *_heads(shown)]
    order = {name: place for place, name in enumerate(dict(network.named_modules()))}
    return tuple(sorted(found, key=lambda group: order[group.name]))


# From their graph to groups -------------------------------------------------------------------------------------------


def _slice_channels_alone(graph: DependencyGraph) -> None:
    """Their graph takes a slice of frames, (B, C, T, H, W)[:, :, 1:], for one of channels."""
    kinds = graph.ops.OPTYPE
    for node in graph.module2node.values():
        if node.type == kinds.SLICE and node.module.dim != 1:
            node.type = kinds.ELEMENTWISE
            for each in (node, *node.inputs):
                for dependency in each.dependencies:
                    of_slice = type(dependency.index_mapping[0]).__name__ == "_SliceIndexMapping"
                    if node in (dependency.source, dependency.target) and of_slice:
                        dependency.index_mapping[0] = None


def _traced(graph: DependencyGraph, answer: Any) -> Iterator[ChannelGroup]:
    names = {module: name for name, module in graph.model.named_modules()}
    joints: dict[str, Any] = {
        f"{name}.attention_conv.qkv_conv.weight": module
        for module, name in names.items()
        if isinstance(module, co.JointAttention)
    }
    done: set[Any] = {module.attention_conv["qkv_conv"] for module in joints.values()}  # those belong to heads
    for root in [module for module in graph.module2node if isinstance(module, (_ConvNd, nn.Linear))]:
        if root in done:
            continue
        channels = len(root.weight)
        probe = sorted({0, min(1, channels - 1), channels - 1})
        group = graph.get_pruning_group(root, graph.get_pruner_of_module(root).prune_out_channels, probe)
        outputs = [item for item in group if graph.is_out_channel_pruning_fn(item.dep.handler)]
        done |= {item.dep.target.module for item in outputs}
        members = list(_grouped(graph, group, answer, names, channels, probe))
        if members and None not in members:
            found = [member for member in members if member is not None]
            for member in list(found):
                joint = joints.get(member.tensor)
                if joint is not None and member.axis == 1:
                    # The norm before an attention among joints: channel c of joint v is entry c V + v of it.
                    count = joint.data_bn.num_features // len(member.places)
                    index = (member.places[:, :, None] * count + torch.arange(count)).flatten(1)
                    prefix = member.tensor.removesuffix("attention_conv.qkv_conv.weight")
                    found += [Member(f"{prefix}data_bn.{tensor}", 0, index) for tensor in NORM]
            yield ChannelGroup(names[root], tuple(found))


def _grouped(
    graph: DependencyGraph, group: Any, answer: Any, names: dict[Any, str], channels: int, probe: list[int]
) -> Iterator[Member | None]:
    """The members of one of their groups, of which it was asked for the channels in `probe` alone; None among them
    where a channel cannot go."""
    for item in group:
        node, module = item.dep.target, item.dep.target.module
        if node.grad_fn is answer or isinstance(module, nn.Parameter):
            yield None
            continue
        grouped = isinstance(module, _ConvNd) and 1 < module.groups < module.in_channels
        known = isinstance(module, (_ConvNd, nn.Linear, _BatchNorm)) or not any(True for _ in module.parameters())
        if grouped or not known:  # channels that cannot go one by one
            yield None
        elif module in names:
            places = _places(item.idxs, item.root_idxs, channels, probe)
            output = graph.is_out_channel_pruning_fn(item.dep.handler)
            yield from [None] if places is None else _members(names[module], module, output, places)


def _members(name: str, module: nn.Module, output: bool, index: Tensor) -> Iterator[Member]:
    """The tensors of a layer that have these channels along an axis."""
    depthwise = isinstance(module, _ConvNd) and module.groups > 1
    axis = 0 if isinstance(module, _BatchNorm) or output or depthwise else 1
    tensors = NORM if isinstance(module, _BatchNorm) else ("weight",) if axis else ("weight", "bias")
    for tensor in tensors:
        if isinstance(getattr(module, tensor), Tensor):
            yield Member(f"{name}.{tensor}", axis, index)


def _places(places: list[int], roots: list[int | None], channels: int, probe: list[int]) -> Tensor | None:
    """(channels, k) places of every channel, from those of the first two and the last: they are evenly spaced. None
    where they are not. (Their graph takes quadratic time for all channels at once.)"""
    found = defaultdict(list)
    for place, root in zip(places, roots, strict=True):
        found[root].append(place)
    if sorted(found, key=str) != sorted(probe, key=str) or len({len(row) for row in found.values()}) > 1:
        return None
    first, second, last = (torch.tensor(found[probe[i]]) for i in (0, min(1, len(probe) - 1), -1))
    spread = first + torch.arange(channels)[:, None] * (second - first)
    return spread if torch.equal(spread[-1], last) else None


# Heads: what their graph has no word for ------------------------------------------------------------------------------


def _heads(network: nn.Module) -> Iterator[ChannelGroup]:
    for name, module in network.named_modules():
        sizes: tuple[int, ...]
        if isinstance(module, co.WindowAttention):
            heads, sizes = module.num_heads, (module.out_proj.in_features,) * 3
            stacked, output = "in_proj_", "out_proj.weight"
        elif isinstance(module, co.JointAttention):
            heads, sizes = module.heads, module.sizes
            stacked, output = "attention_conv.qkv_conv.", "attention_conv.attn_out.weight"
        else:
            continue
        # Of each of the stacked projections, (heads, channels of a head): whose rows are whose.
        starts = torch.tensor([0, *sizes]).cumsum(0)[:-1]
        rows = [torch.arange(size).view(heads, -1) + start for size, start in zip(sizes, starts, strict=True)]
        own = {f"{stacked}weight", f"{stacked}bias"} & dict(module.named_parameters()).keys()
        members = [Member(f"{name}.{tensor}", 0, torch.cat(rows, 1)) for tensor in sorted(own, reverse=True)]
        members.append(Member(f"{name}.{output}", 1, rows[-1] - rows[-1].min()))
        yield ChannelGroup(name, tuple(members), unit="head")


# What the tracer is shown of a layer ----------------------------------------------------------------------------------
# view(layer, ends, x): y with the channels of layer.clip(x). What leads nowhere else goes into `ends`.


def _called(layer: Any, ends: list[Tensor], x: Tensor) -> Tensor:
    """Through nn.Module's call, which the tracer listens to."""
    layer.forward = partial(type(layer).clip, layer)
    return layer(x)


def _graph(layer: co.GraphConv, ends: list[Tensor], x: Tensor) -> Tensor:
    """Joints mix, channels do not."""
    mixed = torch.stack([conv(x) for conv in layer.g_conv]).sum(0)
    return layer.bn(mixed) + layer.gcn_residual(x)


def _adaptive(layer: co.AdaptiveGraphConv, ends: list[Tensor], x: Tensor) -> Tensor:
    """Two embeddings whose likeness is taken have channels of their own in common."""
    ends.extend(theta(x) * phi(x) for theta, phi in zip(layer.a_conv, layer.b_conv, strict=True))
    return _graph(layer, ends, x)


def _attending(layer: co.JointAttention, ends: list[Tensor], x: Tensor) -> Tensor:
    """What is between the projections belongs to heads."""
    qkv, out = layer.attention_conv["qkv_conv"], layer.attention_conv["attn_out"]
    ends.append(qkv(x))
    attended = layer.bn(out(x.new_zeros(x.shape[0], layer.sizes[-1], *x.shape[2:])))
    return attended + x if layer.skips else attended


def _encoder_layer(layer: Any, ends: list[Tensor], x: Tensor) -> Tensor:
    """The feed-forward part; the norms hold the rest together."""
    y = layer.norm1(x.transpose(1, 2))
    return layer.norm2(y + layer.linear2(layer.linear1(y))).transpose(1, 2)


def _encoder(layer: co.TransformerEncoder, ends: list[Tensor], x: Tensor) -> Tensor:
    for each in layer.layers:
        x = _encoder_layer(each, ends, x)
    return x


View = Callable[[Any, list[Tensor], Tensor], Tensor]
VIEWS: dict[type[nn.Module], View] = {
    co.AdaptiveGraphConv: _adaptive,
    co.GraphConv: _graph,
    co.JointAttention: _attending,
    co.TransformerEncoder: _encoder,
    co.EncoderLayer: _encoder_layer,
    co.Conv1d: _called,
    co.Conv2d: _called,
    co.Conv3d: _called,
    co.Linear: _called,
    co.LayerNorm: _called,
}
