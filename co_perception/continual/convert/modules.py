"""Continual forms of torch's modules in `convert`: layers of this package with the module's own parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from co_perception.continual import conv, framewise, norm, pool
from co_perception.continual.container import Sequential
from co_perception.continual.convert.adopt import adopt, check_ordinary
from co_perception.continual.convert.functional import FramewiseModule
from co_perception.continual.convert.layer_weights import adopt_weight
from co_perception.continual.convert.rearrangement import flattened
from co_perception.continual.convert.sequences import SEQUENCES
from co_perception.continual.convert.site import (
    CHANNELS,
    STREAMS,
    Axes,
    Converted,
    Converter,
    Site,
    UnsupportedError,
)
from co_perception.continual.convert.space import AT_MOST_ONE, MODULES_OF_SPACE, frame_by_frame
from co_perception.continual.framewise import FRAMEWISE
from co_perception.continual.history import PadFrames
from co_perception.continual.layer import TIME, Streaming

_TAKES_PADS = (
    _ConvNd,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    *MODULES_OF_SPACE,
    nn.Identity,
)
T = TypeVar("T")
L = TypeVar("L", bound=nn.Module)
Convolution = conv.Conv1d | conv.Conv2d | conv.Conv3d
Pool = nn.modules.pooling._MaxPoolNd | nn.modules.pooling._AvgPoolNd
AdaptivePool = nn.modules.pooling._AdaptiveAvgPoolNd | nn.modules.pooling._AdaptiveMaxPoolNd


def takes_pads(module: nn.Module) -> bool:
    """Whether zero frames around a clip may wait until after the module, or are padding of its own.

    What makes something else than zeros of a frame of zeros, and is done to frames alone, needs them before.
    """
    if isinstance(module, _ConvTransposeNd):
        return False
    if isinstance(module, _ConvNd):
        return module.padding_mode in ("zeros", "replicate") and max(module.kernel_size) > 1
    if isinstance(module, nn.modules.padding._ConstantPadNd):
        return not module.value
    return isinstance(module, _TAKES_PADS)


# Convolutions and pools: x (B, C, T, *space) only -------------------------------------------------------------------


def _convolution(
    module: _ConvNd,
    kernel: tuple[int, ...],
    pads: Sequence[tuple[int, int]],
    dilation: tuple[int, ...],
    kind: type[Convolution],
    **options: Any,
) -> Convolution:
    """A layer of `kind` with the channels, groups and bias of `module`; axes as the layer has them, time first."""
    channels = int(module.in_channels), int(module.out_channels)
    return kind(
        *channels, kernel, padding=pads, dilation=dilation, groups=int(module.groups), bias=module.bias is not None,
        **options,
    )  # fmt: skip


def _conv(kind: type[Convolution]) -> Converter:
    def converter(module: _ConvNd, site: Site) -> Converted:
        order = _time_first(module, site.axes, len(module.kernel_size))
        sizes: list[Sequence[int]] = [module.kernel_size, module.stride, module.dilation]
        kernel, stride, dilation = (_numbers(_each(size, order)) for size in sizes)
        if module.padding == "same":
            totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
            pads = [(total // 2, total - total // 2) for total in totals]
        else:
            padding = (0,) * len(kernel) if module.padding == "valid" else _each(module.padding, order)  # type: ignore[arg-type]
            pads = [(int(pad), int(pad)) for pad in padding]
        _check_time(site.axes, "the convolution", kernel[0], stride[0], pads[0])
        within_frames = (kernel[0], stride[0], pads[0]) == (1, 1, (0, 0))
        if module.padding_mode not in ("zeros", "replicate") and within_frames and site.axes.canonical:
            check_ordinary(module)
            return FramewiseModule(module)  # what it repeats around a frame is of that frame
        if site.axes.pads != (0, 0) and module.padding_mode != "zeros" and pads[0] != (0, 0):
            raise UnsupportedError("zero frames are put around the clip, and others around those; use one of the two")
        pads[0] = (pads[0][0] + site.axes.pads[0], pads[0][1] + site.axes.pads[1])
        around = "zeros" if site.axes.pads != (0, 0) else None
        make = partial(
            _convolution, module, kernel, pads, dilation, stride=stride, padding_mode=module.padding_mode,
            temporal_padding_mode=around,
        )  # fmt: skip
        return adopt_weight(kind, make, module, order), replace(site.axes, pads=(0, 0))

    return converter


def _transposed(kind: type[Convolution]) -> Converter:
    """A transposed convolution of stride 1 is a convolution with the kernel turned."""

    def converter(module: _ConvTransposeNd, site: Site) -> Converted:
        order = _time_first(module, site.axes, len(module.kernel_size))
        sizes: list[Sequence[int]] = [module.kernel_size, module.stride, module.dilation, module.padding]  # type: ignore[list-item]
        kernel, stride, dilation, padding = (_numbers(_each(size, order)) for size in sizes)
        around = [d * (k - 1) - p for k, d, p in zip(kernel, dilation, padding, strict=True)]
        pads = [(pad, pad) for pad in around]
        within_frames = frame_by_frame(kernel[0], stride[0], padding[0]) and not module.output_padding[order[0]]
        if set(stride) != {1} or any(module.output_padding) or min(around) < 0:
            if within_frames and site.axes.canonical:
                check_ordinary(module)
                return FramewiseModule(module)
            raise UnsupportedError(
                f"it gives more frames than it takes, and {AT_MOST_ONE}"
                if stride[0] > 1
                else "it cuts off frames at both ends of its answer, which stand for some that have not come yet"
                if around[0] < 0
                else "over time and with a stride in space it is not known here; use a resizing and a convolution",
                always=True,
            )
        _check_time(site.axes, "the convolution", kernel[0], 1, pads[0])
        make = partial(_convolution, module, kernel, pads, dilation)
        return adopt_weight(kind, make, module, order), site.axes

    return converter


def _window(kind: Callable[..., Streaming], axes: int, *settings: str) -> Converter:
    def converter(module: Pool, site: Site) -> Converted:
        order = _time_first(module, site.axes, axes)
        if getattr(module, "divisor_override", None):
            raise UnsupportedError("divisor_override is not supported; scale the answer instead")
        sizes = (getattr(module, name) for name in ("kernel_size", "stride", "padding"))
        kernel, stride, padding = (_numbers(_each(size, order)) for size in sizes)
        more = {name: getattr(module, name) for name in settings}
        if "dilation" in more:
            more["dilation"] = _each(more["dilation"], order)
        around, pads, layers = site.axes.pads, [(pad, pad) for pad in padding], list[Streaming]()
        if around == (0, 0) or (not padding[0] and max(around) < kernel[0] and more.get("count_include_pad", True)):
            pads[0] = (padding[0] + around[0], padding[0] + around[1])
            more |= {"border": 0.0} if around != (0, 0) and "dilation" in more else {}
        else:
            layers.append(PadFrames(*around))
        _check_time(site.axes, "pooling", kernel[0], stride[0], pads[0])
        if module.ceil_mode and axes > 1:
            layers.append(_over_space(module, order))
            alone = [1] * (axes - 1)
            kernel, stride, pads = (kernel[0], *alone), (stride[0], *alone), [pads[0], *[(0, 0) for _ in alone]]
            more |= {"dilation": (more["dilation"][0], *alone)} if "dilation" in more else {}
        if not (module.ceil_mode and axes > 1 and frame_by_frame(kernel[0], stride[0], max(pads[0]))):
            layers.append(kind(kernel, stride=stride, padding=pads, ceil_mode=module.ceil_mode, **more))
        layer = layers[0] if len(layers) == 1 else Sequential(*layers)
        return _new(layer, module), replace(site.axes, pads=(0, 0))

    return converter


def _over_space(module: Pool, order: Sequence[int]) -> FramewiseModule:
    """The part of a pool that is not over time, each frame alone, as torch does it with `ceil_mode`."""
    sizes = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
    settings: dict[str, Any] = {
        name: (alone, *_each(getattr(module, name), order)[1:])
        for name, alone in sizes.items()
        if hasattr(module, name)
    }
    settings |= {name: getattr(module, name) for name in ("count_include_pad", "ceil_mode") if hasattr(module, name)}
    return FramewiseModule(type(module)(**settings))


def _adaptive(kind: Callable[..., Streaming], axes: int) -> Converter:
    def converter(module: AdaptivePool, site: Site) -> Converted:
        over_time, *over_space = _each(module.output_size, _time_first(module, site.axes, axes))
        frames, after = 1, site.axes
        if over_time is not None and not site.axes.pooled:
            if over_time != 1:
                raise UnsupportedError(
                    f"it divides the clip into {over_time} parts, and a stream has no length to divide"
                )
            after = site.axes.reduced()
            frames = window_of(site, after)
        return _new(kind((1, *over_space), frames), module), after

    return converter


def window_of(site: Site, after: Axes) -> int:
    """Frames that a pool over the whole clip pools; `after` are the axes of its answer."""
    try:
        site.axes.need_frames("pooling")
        return site.window("pooling over time")
    except UnsupportedError as refused:
        missing = site.windows is None and not site.axes.newest and not site.axes.pooled
        raise UnsupportedError(str(refused), after, sure=missing) from None


def _each(size: T | Sequence[T], order: Sequence[int]) -> tuple[T, ...]:
    """The sizes of a module's axes, in another order."""
    return tuple(size[axis] for axis in order) if isinstance(size, Sequence) else (size,) * len(order)


def _numbers(sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes as Python's integers; those of NumPy do not go into a file's metadata."""
    return tuple(int(size) for size in sizes)


def _new(layer: L, module: nn.Module) -> L:
    """A layer without parameters in the place and mode of `module`."""
    check_ordinary(module)
    return layer.train(module.training)


def _time_first(module: nn.Module, axes: Axes, expected: int) -> tuple[int, ...]:
    """The axes of time and space of a module in the order of the stream, which has time first."""
    given = [place for place in axes.order[2:] if place != TIME]
    if axes.order[:2] != (STREAMS, CHANNELS) or TIME not in axes.order or given != list(range(3, 2 + expected)):
        _check_axes(module, axes, expected)
    if getattr(module, "return_indices", False):
        raise UnsupportedError("a stream has no use for the indices of its maxima; return_indices=False")
    time = axes.order[2:].index(TIME)
    return (time, *(axis for axis in range(expected) if axis != time))


def _check_axes(module: nn.Module, axes: Axes, expected: int) -> None:
    if not axes.canonical or axes.space != expected - 1:
        wanted = Axes(tuple(range(expected + 2)), expected - 1)
        raise UnsupportedError(
            f"it has to be given {wanted}, but is given {axes}. Is `layout` right? Frames without a time axis need the "
            "module with an axis more, of kernel 1 over time"
        )


def _check_time(axes: Axes, what: str, kernel: int, stride: int, pad: int | tuple[int, int]) -> None:
    if (kernel, stride) != (1, 1) or pad not in (0, (0, 0)):
        axes.need_frames(what)


# Channels -----------------------------------------------------------------------------------------------------------


def _linear(module: nn.Linear, site: Site) -> Converted:
    place = site.axes.place(-1)
    if place == CHANNELS:
        sizes = (module.in_features, module.out_features, module.bias is not None)
        return adopt_weight(framewise.Linear, lambda kind: kind(*sizes), module)
    if place == 2 + site.axes.space and place != TIME:
        return FramewiseModule(module)
    what = "time" if place == TIME else "streams" if place == STREAMS else "an axis that is not the stream's last"
    raise UnsupportedError(
        f"it maps the last axis of {site.axes}, which is {what}, not channels. Move channels last before it "
        "(x.transpose(1, -1)), or flatten an answer that was pooled over time (torch.flatten(x, 1))"
    )


def _layer_norm(module: nn.LayerNorm, site: Site) -> Converted:
    places = [site.axes.place(-1 - back) for back in reversed(range(len(module.normalized_shape)))]
    if places == [CHANNELS]:
        affine, bias = module.weight is not None, module.bias is not None
        size = module.normalized_shape[0]
        return adopt(lambda: norm.LayerNorm(size, module.eps, affine, bias), module)
    if places == list(range(3 + site.axes.space))[-len(places) :] and TIME not in places:
        return FramewiseModule(module)
    raise UnsupportedError(
        f"it normalizes the last {len(places)} axes of {site.axes}. Statistics that include time are known at a "
        "clip's end only, and other axes have to be channels alone or the whole space"
    )


def _over_channels(module: nn.Module, site: Site) -> Converted:
    if site.axes.order[1] == TIME:
        raise UnsupportedError(
            f"it has weights for each frame of a clip (axis 1 of {site.axes}), of which a stream has any number"
        )
    if site.axes.order[1] != CHANNELS:
        raise UnsupportedError(f"its channels are axis 1, which is another one here: {site.axes}")
    space = next((space for space, kind in enumerate(norm.NORMS) if isinstance(module, kind)), None)
    if space is not None and site.axes.space != space:
        _check_axes(module, site.axes, space + 1)
    check_ordinary(module)
    return module


def _softmax(module: nn.Softmax | nn.LogSoftmax, site: Site) -> Converted:
    dim = (0 if len(site.axes.order) in (1, 3) else 1) if module.dim is None else module.dim  # as torch chooses it
    place = site.axes.place(dim)
    if place in (STREAMS, TIME):
        raise UnsupportedError("it divides by a sum over time or streams; a stream knows its past frames only")
    softmax = _new(type(module)(place), module)
    return softmax if place <= TIME + 2 else FramewiseModule(softmax)


def _single(site: Site) -> Axes:
    return site.axes.reduced() if site.clip == 1 else site.axes


_CHANNELWISE = (*norm.NORMS, nn.SyncBatchNorm, nn.PReLU, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)

CONVERTERS: Mapping[type[nn.Module], Converter] = MappingProxyType(
    {kind: lambda module, site: module for kind in FRAMEWISE}
    | {kind: _over_channels for kind in _CHANNELWISE}
    | {nn.Conv1d: _conv(conv.Conv1d), nn.Conv2d: _conv(conv.Conv2d), nn.Conv3d: _conv(conv.Conv3d)}
    | dict(MODULES_OF_SPACE)
    | {getattr(nn, f"ConvTranspose{axes}d"): _transposed(getattr(conv, f"Conv{axes}d")) for axes in (1, 2, 3)}
    | {
        getattr(nn, f"{name}{axes}d"): converter(getattr(pool, f"{name}{axes}d"), axes, *settings)
        for axes in (1, 2, 3)
        for name, converter, settings in (
            ("MaxPool", _window, ("dilation",)),
            ("AvgPool", _window, ("count_include_pad",)),
            ("AdaptiveAvgPool", _adaptive, ()),
            ("AdaptiveMaxPool", _adaptive, ()),
        )
    }
    | {
        nn.Linear: _linear,
        nn.LayerNorm: _layer_norm,
        nn.Softmax: _softmax,
        nn.LogSoftmax: _softmax,
        nn.Flatten: lambda module, site: flattened(_single(site), module.start_dim, module.end_dim),
    }
    | dict(SEQUENCES)
)
