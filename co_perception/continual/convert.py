"""`convert(network)`: a plain torch network as a continual one with the same weights, or the list of what prevents it.

    layer = convert(resnet3d.eval(), window=16)
    y, state = layer(frame, layer.init_state(1, (3, 112, 112)))

Layers become those of this package, `nn.Sequential` becomes `Sequential`, and a module with a forward of its own is
read with torch.fx: its additions and concatenations become meeting points at which the early values wait. Attention
and whatever else looks at a whole clip looks at the last `window` frames instead.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TypeVar, overload

from torch import nn

from co_perception.continual import convert_graph
from co_perception.continual.axes import Axes, Refused
from co_perception.continual.call import Frames
from co_perception.continual.container import Sequential
from co_perception.continual.convert_modules import CONVERTERS, first_layout
from co_perception.continual.convert_site import ConversionError, Converter, Refusal, Site
from co_perception.continual.framewise import streaming
from co_perception.continual.layer import Streaming

__all__ = ["ConversionError", "Refusal", "Registry", "Site", "convert"]

C = TypeVar("C", bound=Converter)


class Registry:
    """Which function converts which module: those of this package, and the user's own.

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
        if function is None:
            return lambda function: self._put(kind, function)
        return self._put(kind, function)

    def find(self, module: nn.Module) -> Converter | None:
        """The function for the module's class, or for a base whose `forward` the class has not changed."""
        for kind in type(module).__mro__:
            if kind in self._converters and type(module).forward is kind.forward:
                return self._converters[kind]
        return None

    def _put(self, kind: type[nn.Module], function: C) -> C:
        self._converters[kind] = function
        return function


def convert(
    module: nn.Module,
    *,
    window: int | Mapping[str, int] | None = None,
    layout: str | None = None,
    registry: Registry | None = None,
) -> Streaming:
    """A continual network with a copy of the weights of `module`, which stays as it is and shares nothing with it.

    window: frames that attention and pooling over the whole clip look at, counted where they stand (after temporal
        strides); by path (`named_modules`; the name in the message for operations without one) where they differ.
    layout: letters of the axes of the plain network's input, such as "BCTHW", "BCT" or "BTC"; guessed from its first
        layer. Whatever it is, the continual network takes x (B, C, T, *space) and answers (B, C', T', *space').
    registry: converters of the user's own layers; see `Registry`.

    State dicts of the plain network load into the continual one: every name and shape is kept. Modes (train, eval) are
    kept too, dropout included. Answers are those of the plain network on a clip (`layer.clip`), except that where it
    looks at a whole clip the answer for frame i is its answer to the clip that ends there and is `window` frames long
    at that place. Raises ConversionError with everything that cannot be continual, and why.
    """
    plain = copy.deepcopy(module)
    axes = Axes.named(layout or first_layout(plain))
    site = Site("", axes, registry or Registry(), convert_module, window)
    converted, _ = convert_module(plain, site)
    if site.refusals:
        raise ConversionError(site.refusals)
    return converted if isinstance(converted, Streaming) else Frames(converted)


def convert_module(module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
    """The continual form of one module and the axes of its answer; what prevents it is added to `site.refusals`."""
    try:
        return _convert(module, site)
    except ValueError as error:
        site.refuse(_operation(module), str(error))
        return nn.Identity(), (error.axes if isinstance(error, Refused) else None) or site.axes


def _convert(module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
    if isinstance(module, Streaming):
        return module, site.axes
    converter = site.registry.find(module)
    if converter:
        converted = converter(module, site)
        layer, axes = converted if isinstance(converted, tuple) else (converted, site.axes)
        if not isinstance(layer, Streaming):
            streaming(layer)  # refuses what has no streaming form
        return layer, axes
    if type(module).forward is nn.Sequential.forward:
        return _sequential(module, site)
    if type(module).__module__.startswith("torch.nn."):
        streaming(module)
        raise Refused("no continual form of it is known; register one")
    return convert_graph.read(module, site)


def _sequential(module: nn.Module, site: Site) -> tuple[Sequential, Axes]:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    axes = site.axes
    for name, child in module.named_children():
        layers[name], axes = convert_module(child, site.at(name, axes))
    converted = Sequential(layers) if layers else Sequential(nn.Identity())
    converted.training = module.training  # the children have their own mode
    return converted, axes


def _operation(module: nn.Module) -> str:
    return str(module) if not list(module.children()) else type(module).__name__
