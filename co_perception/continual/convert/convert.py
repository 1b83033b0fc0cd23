"""`convert(network)`: a continual network with the weights of a plain torch one, or the list of unsupported operations.

    layer = convert(resnet3d.eval(), window=2, example=(3, 112, 112))  # 2 frames after a temporal stride of 8
    y, state = layer(frame, layer.init_state(1, (3, 112, 112)))

Layers become those of this package, `nn.Sequential` becomes `Sequential`, and a module with a forward of its own is
read: it runs once, on stand-ins for tensors. At its additions and concatenations the early values wait for the late
ones. Attention and all other operations over a whole clip look at the last `window` frames instead.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar, overload

import torch
from torch import Tensor, nn

from co_perception.continual.container import Sequential
from co_perception.continual.convert import graph
from co_perception.continual.convert.adopt import copied, is_torchs
from co_perception.continual.convert.builder import frame_after
from co_perception.continual.convert.calls import COMPOSED
from co_perception.continual.convert.functional import FramewiseModule
from co_perception.continual.convert.modules import CONVERTERS, takes_pads
from co_perception.continual.convert.proof import prove
from co_perception.continual.convert.site import (
    CHANNELS,
    NO_WINDOW,
    STREAMS,
    WHOLE_CLIP,
    Axes,
    ConversionError,
    Converter,
    Site,
    UnsupportedError,
    UnsupportedOperation,
)
from co_perception.continual.convert.space import PADDED, pads_time
from co_perception.continual.framewise import streaming
from co_perception.continual.layer import TIME, Streaming

__all__ = ["ConversionError", "Registry", "Site", "UnsupportedOperation", "convert"]

C = TypeVar("C", bound=Converter)
_WIDTHS = ("in_channels", "num_features", "in_features", "input_size", "embed_dim")  # of the layers that tell it
_NO_COMPUTATION = {"__init__", "__repr__", "extra_repr", "reset_parameters", "_load_from_state_dict", "__setstate__"}

_BY_AXES: dict[int, tuple[type[nn.Module], ...]] = {
    axes: tuple(
        getattr(nn, f"{name}{axes}d")
        for name in ("Conv", "MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "BatchNorm", "ConvTranspose")
    )
    for axes in (1, 2, 3)
}


class Registry:
    """The converters of modules by class: those of this package, and the user's own.

        registry = Registry()

        @registry.register(MyLayer)
        def _(module, site):
            return MyContinualLayer(module.weight)

        convert(network, registry=registry)

    A registry is an ordinary value: registering changes this one alone and no `convert` that was not handed it.
    """

    def __init__(self) -> None:
        self._converters: dict[type[nn.Module], Converter] = dict(CONVERTERS)

    @overload
    def register(self, kind: type[nn.Module], function: C) -> C: ...

    @overload
    def register(self, kind: type[nn.Module]) -> Callable[[C], C]: ...

    def register(self, kind: type[nn.Module], function: C | None = None) -> Callable[[C], C] | C:
        """Convert modules of class `kind` with `function(module, site)`, or use as a decorator without `function`.

        The function returns a `Streaming` (or a module that treats frames alone) that answers in the axes it is given,
        else (layer, Axes). Its parameters should be the module's own objects under the module's own names.
        """

        def put(function: C) -> C:
            self._converters[kind] = function
            return function

        return put if function is None else put(function)

    def find(self, module: nn.Module) -> Converter | None:
        """The function for the module's class, or for a base whose `forward` the class has not changed."""
        for kind in type(module).__mro__:
            if kind in self._converters and computes_as(module, kind):
                return self._converters[kind]
        return None


def computes_as(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether neither the module's class nor the module itself has changed how its base `kind` computes."""
    if not isinstance(module, kind):
        return False
    methods = {name for base in kind.__mro__[:-1] for name, value in vars(base).items() if callable(value)}
    methods -= (vars(nn.Module).keys() - {"forward"}) | _NO_COMPUTATION
    same = all(getattr(type(module), name) is getattr(kind, name) for name in methods)
    return same and not methods & vars(module).keys()


def convert(
    module: nn.Module,
    *,
    window: int | Mapping[str, int] | None = None,
    layout: str | None = None,
    example: Tensor | Sequence[int] | None = None,
    arguments: Mapping[str, object] | None = None,
    output: int | str | None = None,
    past_gates: bool = False,
    proof: bool = True,
    registry: Registry | None = None,
) -> Streaming:
    """A continual network with a copy of the weights of `module`, which stays as it is and shares nothing with it.

    State dicts of the plain network load into the continual one: every name and shape stays. Modes (train, eval) stay
    too, dropout included. Answers are those of the plain network on a clip (`layer.clip`), except that where it looks
    at a whole clip the answer for frame i is its answer to the clip that ends there and is `window` frames long at that
    place.

    Args:
        module: the plain network.
        window: frames that attention and pooling over the whole clip look at, counted at their place (after temporal
            strides); by path (`named_modules`; the name in the message for operations without one) where they differ.
        layout: letters of the axes of the plain network's input, such as "BCTHW", "BCT" or "BTC"; guessed from its
            first layer. In any case the continual network takes x (B, C, T, *space) and answers (B, C', T', *space').
        example: a clip as the plain network takes it, or the shape (C, *space) of a frame. On random clips of such
            frames the continual network is held against the plain one before it is returned, see `proof.prove`. Without
            an example that is done where the first layer tells the shape; elsewhere a warning says that nothing is
            proved, and so it does for networks with continual layers, which do not answer to clips by themselves. A
            network that computes with the size of a frame is one for frames of that size. With a clip it may compute
            with the number of frames, too, and is one for clips of that length then.
        arguments: what `forward` is given by name beside the clip, such as {"mask": torch.ones(1, 1, 1)}. Others keep
            their defaults.
        output: number or key of the answer, where `forward` returns several in a tuple, list or dict.
        past_gates: True makes a gate by the mean of the whole clip (squeeze-and-excitation) one by the mean of the
            newest `window` frames, as far as they lie in the clip. Names and weights stay, answers do not: nothing is
            proved, and the network wants to be trained so.
        proof: False for a network that is not meant to be equal, as with a layer of `registry` that is another one.
        registry: converters of the user's own layers; see `Registry`.

    Branches on `self.training` are read as they go in evaluation mode. A network in training mode whose forward differs
    there is refused.

    Raises:
        ConversionError: lists all operations that cannot be continual, and why; or the network that is converted does
            not answer as the plain one.
    """
    plain = copied(module)
    axes = Axes.named(layout or first_layout(plain))
    frame, frames = _frame_shape(module, axes, example), None
    if isinstance(example, Tensor):
        frames = example.shape[axes.order.index(TIME)]
    call: dict[str, Any] = {"arguments": dict(arguments or {}), "output": output, "past_gates": past_gates}
    site = Site("", axes, (registry or Registry()).find, convert_module, window, frame, frames, **call)
    converted, axes = convert_module(plain, site)
    if not site.unsupported:
        _check_answer(axes, site.at("", axes))
    if site.unsupported:
        raise ConversionError(without_windows(site.unsupported))
    layer = converted if isinstance(converted, Streaming) else FramewiseModule(converted)
    if proof and not site.gated:
        _prove(layer, module, site, axes)
    return layer


def without_windows(unsupported: list[UnsupportedOperation]) -> list[UnsupportedOperation]:
    """The refusals, without those for want of a window where none would help."""
    hopeless = any(WHOLE_CLIP in each.reason for each in unsupported)
    return [each for each in unsupported if not hopeless or NO_WINDOW not in each.reason]


def _check_answer(axes: Axes, site: Site) -> None:
    if axes.pads != (0, 0):
        site.report("its answer", f"it is padded: {PADDED}", "")
    for dim, part in enumerate(axes.order):
        if isinstance(part, tuple):
            site.report("its answer", axes.merged(dim), "")


def _prove(layer: Streaming, module: nn.Module, site: Site, answered: Axes) -> None:
    given, frame_shape = site.axes, site.frame
    if any(isinstance(child, Streaming) for child in module.modules()):
        warnings.warn("convert: not proved on random clips: the network has continual layers already", stacklevel=3)
    elif frame_shape is None:
        warnings.warn(
            "convert: not proved on random clips, since nothing tells the size of a frame: give a clip or the shape of "
            "a frame, such as example=(3, 112, 112)",
            stacklevel=3,
        )
    else:
        only = bool(site.of_one_length)
        prove(layer, module, frame_shape, given, answered, partial(_called, site), site.clip, only)


def _called(site: Site, network: nn.Module, x: Tensor) -> Any:
    answer = network(x, **site.arguments)
    return answer if site.output is None else answer[site.output]


def _frame_shape(module: nn.Module, axes: Axes, example: Tensor | Sequence[int] | None) -> tuple[int, ...] | None:
    """The shape (C, *space) of a frame: of the example, or told by the first layer where there is no space."""
    if isinstance(example, Tensor):
        if example.dim() != len(axes.order):
            raise ValueError(
                f"expected an example clip with the axes {axes}, got a tensor of shape {tuple(example.shape)}. They "
                'are guessed from the first layer: say layout="BCTV" for joints, "BCTHW" for pictures'
            )
        lengths = {CHANNELS: 1} | dict(zip(axes.every, example.shape, strict=True))
        return tuple(lengths[place] for place in range(3 + axes.space) if place not in (STREAMS, TIME))
    if example is not None:
        if len(example) != 1 + axes.space:
            raise ValueError(f"the shape of a frame has {1 + axes.space} axes (C, *space) here, got {tuple(example)}")
        return tuple(example)
    if CHANNELS not in axes.every or axes.space:
        return None if axes.space else (1,)
    for layer in module.modules():
        for name in _WIDTHS:
            if isinstance(width := getattr(layer, name, None), int):
                return (width,)
    return None


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


def convert_module(module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
    """The continual form of one module and the axes of its answer; unsupported operations go to `site.unsupported`."""
    try:
        return _convert(module, site)
    except ValueError as error:
        site.refuse(site.source or (type(module).__name__ if list(module.children()) else str(module)), error)
        axes = (error.axes if isinstance(error, UnsupportedError) else None) or site.axes
        sure = isinstance(error, UnsupportedError) and error.sure
        return nn.Identity(), axes if sure else replace(axes, unsure=True)


def _convert(module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
    if isinstance(module, Streaming):
        return module, site.axes
    converter = site.find(module)
    if converter:
        if site.axes.pads != (0, 0) and not takes_pads(module):
            raise UnsupportedError(PADDED)
        converted = converter(module, site)
        layer, axes = converted if isinstance(converted, tuple) else (converted, site.axes)
        if not isinstance(layer, Streaming):
            streaming(layer)  # raises ValueError where it has no streaming form
        return layer, axes
    hooked = bool(module._forward_hooks or module._forward_pre_hooks)
    plainly = computes_as(module, nn.Sequential) and not hooked and not site.arguments and site.output is None
    of_clip = site.clip is not None and any(isinstance(child, nn.Flatten) for child in module.children())
    if plainly and not _pads_otherwise(module) and not of_clip:
        return _sequential(module, site)
    changed = any(kind in CONVERTERS for kind in type(module).__mro__)  # its forward, on the class or on the object
    if is_torchs(module) and type(module) is not nn.Sequential and not changed and type(module) not in COMPOSED:
        streaming(module)
        raise UnsupportedError("no continual form of it is known; register one", always=True)
    return graph.read(module, site)


def _pads_otherwise(module: nn.Module) -> bool:
    """Whether frames are put around a clip within it that the next layer does not take."""
    layers = [*module.children(), None]
    return any(pads_time(one) and not (other and takes_pads(other)) for one, other in pairwise(layers) if one)


def _sequential(module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    axes, frame, clip = site.axes, site.frame, site.clip
    for name, child in module.named_children():
        before = len(site.unsupported)
        layers[name], axes = convert_module(child, replace(site.at(name, axes), frame=frame, clip=clip))
        layer = streaming(layers[name]) if len(site.unsupported) == before else None
        frame = frame_after(layer, frame) if layer and frame else None
        clip = int(layer.length(torch.tensor(clip))) + sum(axes.pads) if layer and clip else None
    converted = Sequential(layers) if layers else Sequential(nn.Identity())
    converted.training = module.training  # the children have their own mode
    return converted, axes
