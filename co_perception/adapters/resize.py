"""Make a network as wide as the tensors it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

import co_perception.continual as co


def resize(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put these tensors into the network in place of its own, whatever their shapes, and let its layers know their
    new widths. States that were made before do not fit any more.

    tensors: all of the network's, under their names. Parameters ask for gradients as before.
    Raises: ValueError for names that are missing or left over, and for tensors that do not fit each other; for the
    latter the network is then of no use.
    """
    own = network.state_dict()
    if own.keys() != tensors.keys():
        missing, unknown = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
        raise ValueError(f"these are not the tensors of this network: missing {missing[:5]}, unknown {unknown[:5]}")
    rows = {name: len(own[name]) for name in own if name.endswith(STACKED)}
    for name, tensor in tensors.items():
        path, _, leaf = name.rpartition(".")
        module = network.get_submodule(path)
        value = tensor.detach().to(own[name].device).contiguous().clone()
        if leaf in module._parameters:
            asks = module._parameters[leaf].requires_grad  # type: ignore[union-attr]
            module._parameters[leaf] = nn.Parameter(value, requires_grad=asks)
        else:
            module._buffers[leaf] = value
    shares = {name.removesuffix(ending): len(tensors[name]) / count
              for name, count in rows.items() for ending in STACKED if name.endswith(ending)}  # fmt: skip
    for name, module in network.named_modules():
        for kind, settle in SETTLED.items():
            if isinstance(module, kind):
                settle(module, shares.get(name, 1.0))


STACKED = (".in_proj_weight", ".attention_conv.qkv_conv.weight")  # whose rows say how many heads there are


def _conv(module: Any, share: float) -> None:
    depthwise = 1 < module.groups == module.in_channels
    module.out_channels = len(module.weight)
    module.groups = len(module.weight) if depthwise else module.groups
    module.in_channels = module.weight.shape[1] * module.groups


def _linear(module: Any, share: float) -> None:
    module.out_features, module.in_features = module.weight.shape


def _norm(module: Any, share: float) -> None:
    module.num_features = len(module.running_mean)


def _graph(module: Any, share: float) -> None:
    # `embedding` stays: it scales the likeness of joints, which fewer channels add to as they did.
    module.out_channels = len(module.bn.running_mean)


def _joints(module: Any, share: float) -> None:
    module.heads = round(module.heads * share)
    module.sizes = tuple(round(size * share) for size in module.sizes)


def _window(module: Any, share: float) -> None:
    module.num_heads = round(module.num_heads * share)


SETTLED: dict[type[nn.Module], Callable[[Any, float], None]] = {
    _ConvNd: _conv,
    nn.Linear: _linear,
    _BatchNorm: _norm,
    co.GraphConv: _graph,
    co.JointAttention: _joints,
    co.WindowAttention: _window,
}
