"""What becomes of each module of torch.nn in `convert`: a layer of this package with the module's own parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from co_perception.continual import attention, conv, elementwise, encoder, norm, pool, recurrent
from co_perception.continual.axes import CHANNELS, STREAMS, Axes, Refused
from co_perception.continual.call import Frames, fold_axes
from co_perception.continual.convert_site import Converted, Converter, Site
from co_perception.continual.framewise import FRAMEWISE
from co_perception.continual.layer import TIME, Streaming

L = TypeVar("L", bound=nn.Module)


def first_layout(network: nn.Module) -> str:
    """The layout of a network's input, by the first of its layers that has one."""
    for module in network.modules():
        for axes, kinds in _BY_AXES.items():
            if isinstance(module, kinds):
                return "BCT" + "HW"[2 - (axes - 1) :] if axes > 1 else "BCT"
        if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
            return "BTC" if module.batch_first else "TBC"
        if isinstance(module, nn.Linear | nn.LayerNorm):
            return "BTC"
    raise ValueError(
        "no layer says how the input is laid out: give layout='BCTHW' (one letter per axis; B, C, T and space)"
    )


def adopt(make: Callable[[], L], module: nn.Module) -> L:
    """The layer that `make` gives, with the parameters, buffers and mode of `module`, whose names it shares."""
    _check_ordinary(module)
    with torch.device("meta"):  # no random numbers are drawn and nothing is filled
        layer = make()
    for name, child in layer.named_modules():
        original = module.get_submodule(name)
        for weights in ("_parameters", "_buffers"):
            for key, value in getattr(original, weights).items():
                setattr(child, key, value)
        child.train(original.training)
    return layer


def _check_ordinary(module: nn.Module) -> None:
    for name, child in module.named_modules():
        if parametrize.is_parametrized(child):
            raise Refused(
                f"{name or 'it'} computes its weight; torch.nn.utils.parametrize.remove_parametrizations first"
            )
        if child._forward_hooks or child._forward_pre_hooks:
            raise Refused(
                f"{name or 'it'} has forward hooks, which a stream would not run; remove them (remove_weight_norm)"
            )


# Convolutions and pools: x (B, C, T, *space) only -------------------------------------------------------------------


def _conv(kind: type[nn.Module]) -> Converter:
    def converter(module: Any, site: Site) -> Converted:
        _check_axes(module, site.axes, len(module.kernel_size))
        pads = _padding(module)
        _check_time(site.axes, "the convolution", module.kernel_size[0], module.stride[0], pads[0])
        settings = dict(stride=module.stride, padding=pads, dilation=module.dilation, groups=module.groups)
        size = (module.in_channels, module.out_channels, module.kernel_size)
        more = dict(bias=module.bias is not None, padding_mode=module.padding_mode)
        if len(module.kernel_size) == 1:
            size, settings = (*size[:2], module.kernel_size[0]), settings | {
                "stride": module.stride[0], "dilation": module.dilation[0],
            }  # fmt: skip
        return adopt(lambda: kind(*size, **settings, **more), module)

    return converter


def _padding(module: Any) -> list[int | tuple[int, int]]:
    if module.padding == "valid":
        return [0] * len(module.kernel_size)
    if module.padding == "same":
        totals = [d * (k - 1) for k, d in zip(module.kernel_size, module.dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return list(module.padding)


def _window(kind: type[Streaming], axes: int, *settings: str) -> Converter:
    def converter(module: Any, site: Site) -> Converted:
        _check_axes(module, site.axes, axes)
        if getattr(module, "return_indices", False):
            raise Refused("a stream has no use for the indices of its maxima; return_indices=False")
        if getattr(module, "divisor_override", None):
            raise Refused("divisor_override is not supported; scale the answer instead")
        kernel, stride, padding = (_each(getattr(module, size), axes) for size in ("kernel_size", "stride", "padding"))
        _check_time(site.axes, "pooling", kernel[0], stride[0], padding[0])
        more = {name: getattr(module, name) for name in settings}
        return _new(kind(kernel, stride=stride, padding=padding, ceil_mode=module.ceil_mode, **more), module)

    return converter


def _adaptive(kind: type[Streaming], axes: int) -> Converter:
    def converter(module: Any, site: Site) -> Converted:
        _check_axes(module, site.axes, axes)
        if getattr(module, "return_indices", False):
            raise Refused("a stream has no use for the indices of its maxima; return_indices=False")
        over_time, *over_space = _each(module.output_size, axes)
        frames, after = 1, site.axes
        if over_time is not None and not site.axes.pooled:
            if over_time != 1:
                raise Refused(f"it divides the clip into {over_time} parts, and a stream has no length to divide")
            after = site.axes.reduced()
            frames = window_of(site, after)
        return _new(kind((1, *over_space), frames), module), after

    return converter


def window_of(site: Site, after: Axes) -> int:
    """Frames that a pool over the whole clip pools; `after` are the axes of its answer."""
    try:
        site.axes.need_frames("pooling")
        return site.window("pooling over time")
    except Refused as refused:
        raise Refused(str(refused), after) from None


def _each(size: Any, axes: int) -> tuple[Any, ...]:
    return tuple(size) if isinstance(size, tuple | list) else (size,) * axes


def _new(layer: L, module: nn.Module) -> L:
    """A layer without parameters in the place and mode of `module`."""
    _check_ordinary(module)
    return layer.train(module.training)


def _check_axes(module: nn.Module, axes: Axes, expected: int) -> None:
    if not axes.canonical or axes.space != expected - 1:
        wanted = Axes(tuple(range(expected + 2)), expected - 1)
        raise Refused(
            f"it has to be given {wanted}, time first of its {expected} axes, but is given {axes}. Frames without a "
            "time axis (folded into streams, or time left out) need the module with an axis more, of kernel 1 over time"
        )


def _check_time(axes: Axes, what: str, kernel: int, stride: int, pad: Any) -> None:
    if (kernel, stride) != (1, 1) or pad not in (0, (0, 0)):
        axes.need_frames(what)


def _transposed(module: nn.Module, site: Site) -> Converted:
    raise Refused(
        "it gives more frames than it takes: an answer would stand before all that it is computed from has come"
    )


# Channels -----------------------------------------------------------------------------------------------------------


def _linear(module: Any, site: Site) -> Converted:
    place = site.axes.place(-1)
    if place == CHANNELS:
        return adopt(
            lambda: elementwise.Linear(module.in_features, module.out_features, module.bias is not None), module
        )
    if place == 2 + site.axes.space and place != TIME:
        return Frames(module)
    what = "time" if place == TIME else "streams" if place == STREAMS else "an axis that is not the stream's last"
    raise Refused(
        f"it maps the last axis of {site.axes}, which is {what}, not channels. Move channels last before it "
        "(x.transpose(1, -1)), or flatten an answer that was pooled over time (torch.flatten(x, 1))"
    )


def _layer_norm(module: Any, site: Site) -> Converted:
    places = [site.axes.place(-1 - back) for back in reversed(range(len(module.normalized_shape)))]
    if places == [CHANNELS]:
        affine, bias = module.weight is not None, module.bias is not None
        size = module.normalized_shape[0]
        return adopt(lambda: norm.LayerNorm(size, module.eps, affine, bias), module)
    if places == list(range(3 + site.axes.space))[-len(places) :] and TIME not in places:
        return Frames(module)
    raise Refused(
        f"it normalises the last {len(places)} axes of {site.axes}. Statistics that include time are known at a "
        "clip's end only, and other axes have to be channels alone or the whole space"
    )


def _over_channels(module: Any, site: Site) -> Converted:
    if site.axes.order[1] != CHANNELS:
        raise Refused(f"its channels are axis 1, which is another one here: {site.axes}")
    axes = {kind: axes - 1 for axes, kinds in _BY_AXES.items() for kind in kinds if kind in _NORMS}
    space = next((space for kind, space in axes.items() if isinstance(module, kind)), None)
    if space is not None and site.axes.space != space:
        _check_axes(module, site.axes, space + 1)
    return module


def _softmax(module: Any, site: Site) -> Converted:
    if module.dim is None:
        raise Refused("it has no dim, so that its axis would depend on the number of axes; say dim=1 for channels")
    place = site.axes.place(module.dim)
    if place in (STREAMS, TIME):
        raise Refused("it divides by a sum over time or streams; a stream knows its past frames only")
    return _new(type(module)(place), module)


def _flatten(module: Any, site: Site) -> Converted:
    return fold_axes(site.axes, module.start_dim, module.end_dim)


# Recurrence and attention: x (B, T, C) or (T, B, C) -------------------------------------------------------------------


def _rnn(kind: type[nn.Module]) -> Converter:
    def converter(module: Any, site: Site) -> Converted:
        _check_sequence(module, site.axes, "recurrence")
        if module.bidirectional:
            raise Refused("bidirectional: its second direction starts at the last frame, and a stream has none")
        if module.proj_size:
            raise Refused("proj_size is not supported")
        settings = dict(bias=module.bias, dropout=module.dropout)
        if isinstance(module, nn.RNN):
            settings["nonlinearity"] = module.nonlinearity
        size = (module.input_size, module.hidden_size, module.num_layers)
        layer = adopt(lambda: kind(*size, **settings), module)
        return layer, Axes((0, 2, 1) if module.batch_first else (2, 0, 1), 0)

    return converter


def _attention(module: Any, site: Site) -> Converted:
    _check_sequence(module, site.axes, "attention")
    sizes, settings = _attention_settings(module)
    window = site.window("attention")
    layer = adopt(lambda: attention.SingleOutputAttention(*sizes, window, **settings), module)
    return layer, replace(site.axes, newest=True)


def _encoder_layer(module: Any, site: Site) -> Converted:
    _check_sequence(module.self_attn, site.axes, "attention")
    sizes, settings = _encoder_settings(module)
    window = site.window("attention")
    layer = adopt(lambda: encoder.SingleOutputEncoderLayer(*sizes, window, **settings), module)
    return layer, replace(site.axes, newest=True)


def _encoder(module: Any, site: Site) -> Converted:
    _check_sequence(module.layers[0].self_attn, site.axes, "attention")
    sizes, settings = _encoder_settings(module.layers[0])
    if any(_encoder_settings(layer) != (sizes, settings) for layer in module.layers):
        raise Refused("its layers differ in size or settings")
    if module.norm is not None and type(module.norm) is not nn.LayerNorm:
        raise Refused(f"its last norm is {module.norm}, expected a LayerNorm")
    window, depth = site.window("attention"), len(module.layers)

    def make() -> nn.Module:
        layer = encoder.TransformerEncoder(depth, *sizes, window, final_norm=module.norm is not None, **settings)
        if layer.norm is not None:
            layer.norm.eps = module.norm.eps
        return layer

    return adopt(make, module), replace(site.axes, newest=True)


def _attention_settings(module: Any) -> tuple[tuple[int, int], dict[str, Any]]:
    if module.in_proj_weight is None:
        raise Refused("kdim and vdim other than embed_dim are not supported")
    if module.bias_k is not None or module.add_zero_attn:
        raise Refused("add_bias_kv and add_zero_attn are not supported")
    bias = dict(bias=module.out_proj.bias is not None, in_proj_bias=module.in_proj_bias is not None)
    return (module.embed_dim, module.num_heads), dict(dropout=module.dropout, **bias)


def _encoder_settings(module: Any) -> tuple[tuple[int, int], dict[str, Any]]:
    if type(module) is not nn.TransformerEncoderLayer:
        raise Refused(f"its layers are {type(module).__name__}, expected TransformerEncoderLayer")
    sizes, settings = _attention_settings(module.self_attn)
    more = dict(feedforward=module.linear1.out_features, activation=module.activation, norm_first=module.norm_first)
    return sizes, settings | more | dict(layer_norm_eps=module.norm1.eps)


def _check_sequence(module: Any, axes: Axes, what: str) -> None:
    wanted = Axes((0, 2, 1) if module.batch_first else (2, 0, 1), 0)
    if (axes.order, axes.space) != (wanted.order, 0):
        raise Refused(f"it has to be given {wanted} (batch_first={module.batch_first}), but is given {axes}")
    axes.need_frames(what)


_BY_AXES: dict[int, tuple[type[nn.Module], ...]] = {
    1: (
        nn.Conv1d,
        nn.MaxPool1d,
        nn.AvgPool1d,
        nn.AdaptiveAvgPool1d,
        nn.AdaptiveMaxPool1d,
        nn.BatchNorm1d,
        nn.ConvTranspose1d,
    ),
    2: (
        nn.Conv2d,
        nn.MaxPool2d,
        nn.AvgPool2d,
        nn.AdaptiveAvgPool2d,
        nn.AdaptiveMaxPool2d,
        nn.BatchNorm2d,
        nn.ConvTranspose2d,
    ),
    3: (
        nn.Conv3d,
        nn.MaxPool3d,
        nn.AvgPool3d,
        nn.AdaptiveAvgPool3d,
        nn.AdaptiveMaxPool3d,
        nn.BatchNorm3d,
        nn.ConvTranspose3d,
    ),
}
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_CHANNELWISE = (*_NORMS, nn.SyncBatchNorm, nn.PReLU, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)

CONVERTERS: Mapping[type[nn.Module], Converter] = MappingProxyType(
    {kind: lambda module, site: module for kind in FRAMEWISE}
    | {kind: _over_channels for kind in _CHANNELWISE}
    | {nn.Conv1d: _conv(conv.Conv1d), nn.Conv2d: _conv(conv.Conv2d), nn.Conv3d: _conv(conv.Conv3d)}
    | {kind: _transposed for kind in (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)}
    | {
        nn.MaxPool1d: _window(pool.MaxPool1d, 1, "dilation"),
        nn.MaxPool2d: _window(pool.MaxPool2d, 2, "dilation"),
        nn.MaxPool3d: _window(pool.MaxPool3d, 3, "dilation"),
        nn.AvgPool1d: _window(pool.AvgPool1d, 1, "count_include_pad"),
        nn.AvgPool2d: _window(pool.AvgPool2d, 2, "count_include_pad"),
        nn.AvgPool3d: _window(pool.AvgPool3d, 3, "count_include_pad"),
        nn.AdaptiveAvgPool1d: _adaptive(pool.AdaptiveAvgPool1d, 1),
        nn.AdaptiveAvgPool2d: _adaptive(pool.AdaptiveAvgPool2d, 2),
        nn.AdaptiveAvgPool3d: _adaptive(pool.AdaptiveAvgPool3d, 3),
        nn.AdaptiveMaxPool1d: _adaptive(pool.AdaptiveMaxPool1d, 1),
        nn.AdaptiveMaxPool2d: _adaptive(pool.AdaptiveMaxPool2d, 2),
        nn.AdaptiveMaxPool3d: _adaptive(pool.AdaptiveMaxPool3d, 3),
        nn.Linear: _linear,
        nn.LayerNorm: _layer_norm,
        nn.Softmax: _softmax,
        nn.LogSoftmax: _softmax,
        nn.Flatten: _flatten,
        nn.RNN: _rnn(recurrent.RNN),
        nn.LSTM: _rnn(recurrent.LSTM),
        nn.GRU: _rnn(recurrent.GRU),
        nn.MultiheadAttention: _attention,
        nn.TransformerEncoderLayer: _encoder_layer,
        nn.TransformerEncoder: _encoder,
    }
)
