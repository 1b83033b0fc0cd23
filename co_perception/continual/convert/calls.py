"""How a forward calls torch's modules, in `convert`: what it gives them, in which layout, and what it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd

from co_perception.continual.convert.functional import parts
from co_perception.continual.convert.site import CHANNELS, Axes, UnsupportedError
from co_perception.continual.convert.tensors import Absent, Filled, FinalState, TracedTensor
from co_perception.continual.framewise import ELEMENTWISE
from co_perception.continual.layer import TIME, Streaming

# Modules of torch whose forward is read, since it does no more than to call others and functions.
COMPOSED: tuple[type[nn.Module], ...] = (
    nn.Unflatten, nn.CosineSimilarity, nn.PairwiseDistance, nn.Transformer, nn.TransformerDecoder,
    nn.TransformerDecoderLayer, nn.Softmax2d, nn.Softmin, nn.Unfold,
)  # fmt: skip
_POOLS = tuple(
    getattr(nn, f"{kind}Pool{axes}d") for kind in ("Max", "Avg", "AdaptiveAvg", "AdaptiveMax") for axes in (1, 2, 3)
)
_OVER_CHANNELS = (
    _ConvNd, _NormBase, nn.GroupNorm, _DropoutNd, nn.Upsample, nn.ChannelShuffle, nn.PReLU, nn.LPPool1d, nn.LPPool2d,
    nn.PixelShuffle, nn.PixelUnshuffle, nn.LocalResponseNorm, *_POOLS,
)  # fmt: skip


def layout_of(module: nn.Module, axes: Axes) -> tuple[int | None, int | None]:
    """Which axes of its input a module takes for streams and for channels; None where that does not matter to it."""
    if isinstance(module, (Streaming, *ELEMENTWISE)):
        return None, None
    if isinstance(module, nn.PReLU) and module.num_parameters == 1:
        return None, None
    if isinstance(module, _OVER_CHANNELS):
        return 0, 1
    if isinstance(module, nn.RNNBase | nn.MultiheadAttention | nn.TransformerEncoderLayer | nn.TransformerEncoder):
        return (0 if batch_first(module) else 1), -1
    last = isinstance(module, nn.Linear) or (
        isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) == 1
    )
    return None, -1 if last and axes.part(-1) not in (CHANNELS, 2 + axes.space) else None


def batch_first(module: nn.Module) -> bool:
    if isinstance(module, nn.TransformerEncoder):
        return batch_first(module.layers[0])
    if isinstance(module, nn.TransformerEncoderLayer):
        return batch_first(module.self_attn)
    return bool(getattr(module, "batch_first", False))


def only_input(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TracedTensor:
    """The one tensor that a module is called with (more than once for attention)."""
    ignored = ("need_weights", "average_attn_weights", "is_causal")
    tensors = {name: value for name, value in kwargs.items() if name not in ignored}
    given = [part for part in parts((args, tensors)) if part is not None and not isinstance(part, bool)]
    if isinstance(module, nn.RNNBase):
        given = [part for part in given if not _is_zero(part)]
    value = given[0] if given else None
    if not isinstance(value, TracedTensor) or any(not _same(part, value) for part in given):
        raise UnsupportedError(
            "it is given more than one tensor of the network's input; masks and initial states among them"
        )
    if kwargs.get("is_causal"):
        raise UnsupportedError(
            "is_causal is a mask over a whole clip; leave it out: a window ends at its newest frame anyway"
        )
    return value


def _same(part: object, value: TracedTensor) -> bool:
    return isinstance(part, TracedTensor) and (part.node, part.axes) == (value.node, value.axes)


def _is_zero(part: object) -> bool:
    """Whether it is an initial state of zeros, which a recurrent layer starts with anyway."""
    if isinstance(part, Filled):
        return part.number == 0
    return type(part) is Tensor and not bool(part.any())


def results(module: nn.Module, answer: TracedTensor) -> object:
    """What a module's call gives, beside the answer that a stream has."""
    if isinstance(module, nn.MultiheadAttention):
        return answer, Absent("it uses the weights of attention, which a stream does not keep")
    if not isinstance(module, nn.RNNBase):
        return answer
    merged = any(isinstance(part, tuple) and TIME in part for part in answer.axes.order)
    state = Absent("it uses the state after the last of a frame's entries; take the answer to the last, y[:, -1]")
    last = state if merged else FinalState(answer, module.num_layers)
    if isinstance(module, nn.LSTM):
        return answer, (last, Absent("it uses the cell state c, which is none of the layer's answers; h[-1] is"))
    return answer, last


def call_of(module: nn.Module) -> Callable[[nn.Module, Tensor], Tensor]:
    """How a module is applied to a plain tensor, so that it gives one."""
    if isinstance(module, nn.RNNBase):
        return _first_result
    return _on_itself if isinstance(module, nn.MultiheadAttention) else _plainly


def _plainly(module: nn.Module, x: Tensor) -> Tensor:
    return module(x)


def _first_result(module: nn.Module, x: Tensor) -> Tensor:
    return module(x)[0]


def _on_itself(module: nn.Module, x: Tensor) -> Tensor:
    return module(x, x, x, need_weights=False)[0]
