"""Continual forms of modules and functions that pad, resize or rearrange frames in `convert`.

Whatever they do to space and channels they do to each frame alone, as they are. Zero frames that are put around a clip
wait in `Axes.pads` for the convolution that takes them: the usual way to write a causal one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.convert.frames import with_frames
from co_perception.continual.convert.functional import ChannelsLast, FramewiseModule, FunctionLayer, Slot
from co_perception.continual.convert.site import CHANNELS, STREAMS, Axes, Converted, Converter, Site, UnsupportedError
from co_perception.continual.convert.tensors import Emitter, TracedTensor
from co_perception.continual.layer import TIME

PADDED = (
    "zero frames before or after a clip are taken by a convolution alone; put the padding right before it, or write it "
    "as padding of the convolution"
)


def pads_time(module: nn.Module) -> bool:
    """Whether a module puts zeros around its third axis from the front, if it has that."""
    kinds = tuple(getattr(nn, f"{kind}Pad{axes}d") for axes in (1, 2, 3) for kind in ("Zero", "Constant"))
    return isinstance(module, kinds) and any(tuple(module.padding)[-2:])


def frame_by_frame(kernel: int, stride: int, pad: int) -> bool:
    """Whether a window over time is one frame, so that its module treats frames alone."""
    return (kernel, stride, pad) == (1, 1, 0)


def pad(
    emitter: Emitter, given: TracedTensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> TracedTensor:
    """`F.pad`: amounts (before, after) of each axis, the last one first."""
    if value:
        given = with_frames(emitter, given)  # zero frames that wait have this value beside them, too
    flat, axes = padding_of(given.axes, pad, mode, value)
    if not any(flat):
        return _beside(given, axes)
    return _beside(emitter.emit(FunctionLayer(F.pad, (Slot(0), flat, mode, value)), [given], given.axes), axes)


def _beside(value: TracedTensor, axes: Axes) -> TracedTensor:
    return TracedTensor(value.node, replace(axes, unsure=value.axes.unsure))


def padding_of(axes: Axes, pad: Sequence[int], mode: str, fill: float | None) -> tuple[tuple[int, ...], Axes]:
    """The amounts as F.pad takes them for x (B, C, T, *space) without time, and the axes with those of time."""
    amounts = {axes.place(-1 - back): (int(pad[2 * back]), int(pad[2 * back + 1])) for back in range(len(pad) // 2)}
    before, after = amounts.pop(TIME, (0, 0))
    if before or after:
        axes.need_frames("padding over time")
        if mode != "constant" or fill:
            raise UnsupportedError(f"it pads time with mode {mode!r} and value {fill}: only zero frames are known here")
        if min(before, after) < 0:
            raise UnsupportedError("a negative padding leaves out frames; write x[:, :, a:-b]")
        axes = replace(axes, pads=(axes.pads[0] + before, axes.pads[1] + after))
    inside = {place: amount for place, amount in amounts.items() if amount != (0, 0)}
    if STREAMS in inside:
        raise UnsupportedError("it pads the batch; streams have to stay apart")
    if mode != "constant" and CHANNELS in inside:
        raise UnsupportedError(f"it pads channels with mode {mode!r}; zeros and other constants are known there")
    # From the last axis to the first that is padded; F.pad repeats or reflects only where all after channels are named.
    first = min(inside, default=3 + axes.space) if mode == "constant" else TIME
    every = range(2 + axes.space, first - 1, -1) if inside else ()
    return tuple(amount for place in every for amount in amounts.get(place, (0, 0))), axes


def _pad_module(mode: str) -> Converter:
    def converter(module: Any, site: Site) -> Converted:
        fill = getattr(module, "value", None)
        flat, axes = padding_of(site.axes, tuple(module.padding), mode, fill)
        return (FunctionLayer(F.pad, (Slot(0), flat, mode, fill)) if any(flat) else nn.Identity()), axes

    return converter


def _rms_norm(module: nn.RMSNorm, site: Site) -> Converted:
    if len(module.normalized_shape) == 1 and site.axes.place(-1) == CHANNELS:
        return ChannelsLast(module)
    places = [site.axes.place(-1 - back) for back in reversed(range(len(module.normalized_shape)))]
    if places == list(range(3 + site.axes.space))[-len(places) :] and TIME not in places:
        return FramewiseModule(module)
    raise UnsupportedError(
        f"it normalizes the last {len(places)} axes of {site.axes}; channels or the whole space only"
    )


def _glu(module: nn.GLU, site: Site) -> Converted:
    place = site.axes.place(module.dim)
    if place in (STREAMS, TIME):
        raise UnsupportedError("it halves time or the batch; give the axis of channels, dim=1")
    return FramewiseModule(nn.GLU(place))


def _channel_shuffle(module: nn.ChannelShuffle, site: Site) -> Converted:
    if site.axes.order[1] != CHANNELS:
        raise UnsupportedError(f"its channels are axis 1, which is another one here: {site.axes}")
    return FramewiseModule(module)


AT_MOST_ONE = (
    "no layer of a stream answers more often than it is given frames. Take the answers before it, at their own rate, "
    "or leave out the pooling that it makes up for: dilated convolutions see as far"
)
MORE_FRAMES = f"it makes more or fewer frames of those of a clip, and {AT_MOST_ONE}"


def _upsample(module: nn.Upsample, site: Site) -> Converted:
    """Pictures are resized one by one; time keeps its length, by a factor of 1 or by the size that the clip has."""
    axes, given = site.axes, module.size if module.size is not None else module.scale_factor
    space = [place for place in axes.order[2:] if place != TIME]
    if axes.order[:2] != (STREAMS, CHANNELS) or space != list(range(3, 3 + axes.space)):
        raise UnsupportedError(f"it has to be given (B, C, ...) with the axes of space in their order, not {axes}")
    over_all = list(given) if isinstance(given, tuple | list) else [given] * (len(axes.order) - 2)
    if len(over_all) != len(axes.order) - 2:
        raise UnsupportedError(f"it has {len(over_all)} sizes for a tensor {axes}")
    if TIME in axes.order:
        over_time = over_all.pop(axes.order.index(TIME) - 2)
        stays = over_time is None or over_time == (site.clip if module.size is not None else 1)
        if not stays:
            raise UnsupportedError(MORE_FRAMES, always=True)
        if module.size is not None and over_time is not None:
            site.of_one_length.append(site.path)
    if not over_all:
        return nn.Identity(), axes
    kinds = {"linear", "bilinear", "trilinear"}
    mode = ("linear", "bilinear", "trilinear")[len(over_all) - 1] if module.mode in kinds else module.mode
    size, factor = (tuple(over_all), None) if module.size is not None else (None, tuple(over_all))
    options = (size, factor, mode, module.align_corners, module.recompute_scale_factor)
    return FunctionLayer(_resized, (Slot(0), *options)), axes


def _resized(x: Tensor, *options: Any) -> Tensor:
    """Each frame of x (B, C, T, *space) resized."""
    frames = x.movedim(TIME, 1)
    y = F.interpolate(frames.flatten(0, 1), *options)
    return y.view(*frames.shape[:2], *y.shape[1:]).movedim(1, TIME)


_PAD_MODES = {"Zero": "constant", "Constant": "constant", "Reflection": "reflect", "Replication": "replicate"}
FUNCTIONS_OF_SPACE: Mapping[str, Callable[..., TracedTensor]] = MappingProxyType({"pad": pad})
MODULES_OF_SPACE: Mapping[type[nn.Module], Converter] = MappingProxyType(
    {getattr(nn, f"{name}Pad{axes}d"): _pad_module(mode) for axes in (1, 2, 3) for name, mode in _PAD_MODES.items()}
    | {nn.RMSNorm: _rms_norm, nn.GLU: _glu, nn.ChannelShuffle: _channel_shuffle, nn.Upsample: _upsample}
)
