"""Modules of torch within a forward that is read, in `convert`: what they become, and what they answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from co_perception.continual.convert.adopt import is_torchs
from co_perception.continual.convert.builder import DagBuilder
from co_perception.continual.convert.calls import COMPOSED, call_of, layout_of, only_input, results
from co_perception.continual.convert.clip_layers import linear_over_clip, over_clip
from co_perception.continual.convert.fold import FoldedFrames, FoldedStreams, folded_axes, unfolded_axes
from co_perception.continual.convert.frames import change, with_frames
from co_perception.continual.convert.lengths import Length
from co_perception.continual.convert.modules import CONVERTERS, takes_pads
from co_perception.continual.convert.operations import DROPOUTS, VIEW_MODULES
from co_perception.continual.convert.rearrangement import laid_last, laid_out
from co_perception.continual.convert.recurrences import with_states
from co_perception.continual.convert.site import STREAMS, Axes, Site, UnsupportedError, atoms, user_line
from co_perception.continual.convert.tensors import (
    TracedTensor,
    whole_clip,
)
from co_perception.continual.framewise import streaming
from co_perception.continual.layer import TIME, Streaming


class ReportedError(Exception):
    """A submodule is reported as unsupported already. axes: of the answer that it would have."""

    def __init__(self, axes: Axes) -> None:
        super().__init__()
        self.axes = axes


class LayerBuilder(DagBuilder):
    """A `DagBuilder` for modules: those that the network has, and those that do what a function does."""

    recurrent = False

    def __init__(self, module: nn.Module, site: Site) -> None:
        super().__init__(module, site)
        self.replaced: dict[str, tuple[Streaming, nn.Module, Axes]] = {}
        self.operation_name = ""  # of the operation that is being read

    def call_module(self, module: nn.Module, value: TracedTensor) -> TracedTensor:
        return self._convert(module, None, value)

    def is_leaf(self, module: nn.Module) -> bool:
        if isinstance(module, Streaming) or self.site.find(module):
            return True
        if any(kind in CONVERTERS for kind in type(module).__mro__):
            return False  # its forward was changed, on the class or on the object
        if not is_torchs(module) or type(module) in COMPOSED:
            return False
        return type(module) not in (nn.Sequential, nn.ModuleList, nn.ModuleDict)

    def module_answer(
        self, module: nn.Module, path: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        if path is None and next(module.parameters(), None) is not None:
            raise UnsupportedError("it is made anew in every forward, with other weights each time")
        if isinstance(module, nn.Identity):
            return args[0] if args else kwargs["input"]  # a list of paths, too
        if self.recurrent and not isinstance(module, nn.RNNBase):
            args, kwargs = with_states(self, args, kwargs, alone=True)
        value = only_input(module, args, kwargs)
        if getattr(module, "inplace", False):
            self.site.in_place.add(module)
        answer = self._convert(module, path, value)
        if module in self.site.in_place:
            change(self, value, answer.node)
            return value
        if isinstance(module, VIEW_MODULES):
            answer.shares_memory_of(value)
        return results(module, answer)

    def _convert(self, module: nn.Module, path: str | None, value: TracedTensor) -> TracedTensor:
        """The answer of a module, whose batch and time may be merged with other axes."""
        if not takes_pads(module):
            value = with_frames(self, value)
        if isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) > 1:
            value = laid_last(self, value, len(module.normalized_shape))
        if isinstance(module, nn.Linear) and over_clip(self, module, value):
            return linear_over_clip(self, module, value)
        batch, channels = layout_of(module, value.axes)
        if channels is not None:
            value = laid_out(self, value, channels)
        axes = value.axes
        part = axes.part(batch) if batch is not None and len(axes.order) > batch else STREAMS
        if batch is not None and (axes.pooled or axes.frame is not None) and TIME not in axes.every:
            part = (*atoms(axes.part(batch)), TIME)
            if len(axes.order) > 2:
                order = tuple(part if number == batch else each for number, each in enumerate(axes.order))
                return self._per_frame(module, value, replace(axes, order=order))
            part = STREAMS
        if isinstance(part, tuple) and TIME in part:
            return self._per_frame(module, value, axes)
        if isinstance(part, tuple) and batch is not None:
            inside, merged = folded_axes(axes, batch)
            frame = self.frames[value.node]
            whole = None if frame is None else (0, frame[0], 0, *frame[1:])
            shape = (
                None
                if whole is None
                else tuple(size for place, size in enumerate(whole) if place not in (STREAMS, TIME, *merged))
            )
            layer, after = self._converted(module, path, inside, shape, self.clip_frames(value))
            step = self._put(path, layer, axes) if path is not None else streaming(layer)
            return self.emit(FoldedStreams(step, merged), [value], unfolded_axes(after, merged))
        layer, after = self._converted(module, path, axes, self.frames[value.node], self.clip_frames(value))
        return self.emit(self._put(path, layer, axes) if path is not None else streaming(layer), [value], after)

    def _per_frame(self, module: nn.Module, value: TracedTensor, axes: Axes) -> TracedTensor:
        """A module that is given frames as its batch, applied as it is."""
        if any(isinstance(child, Streaming) for child in module.modules()):
            raise UnsupportedError("a continual layer is given frames as streams; they would follow none upon another")
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
        answer = self.emit(FoldedFrames(module, call_of(module), axes), [value], value.axes)
        return answer

    def _converted(
        self, module: nn.Module, path: str | None, axes: Axes, frame: tuple[int, ...] | None, clip: int | None
    ) -> tuple[nn.Module, Axes]:
        before = len(self.site.unsupported)
        here = replace(self.here, source=user_line()) if path is None else self.site.at(path, axes)
        site = replace(here, axes=axes, frame=frame, clip=clip)
        layer, after = self.site.visit(module, site)
        if len(self.site.unsupported) > before:
            raise ReportedError(after)
        return layer, after

    def _put(self, path: str, layer: nn.Module, axes: Axes) -> Streaming:
        """Put a layer in the place of its module; gives the same layer again if the module is called again.

        On tensors of another layout a module without weights is a layer of its own there.
        """
        step = streaming(layer)
        known, _, before = self.replaced.setdefault(path, (step, layer, axes))
        same = type(known) is type(step) and known.timing == step.timing
        if not any(True for _ in step.parameters()) and (axes.order, axes.space) != (before.order, before.space):
            return step
        if not same:
            raise UnsupportedError("it is called on tensors of different layout, and would have to be two layers")
        return known

    def register_layers(self) -> None:
        """Put the layers of the continual network where the modules were that they are made from."""
        for path, (_, layer, _) in self.replaced.items():
            if isinstance(layer, Streaming) and path:
                parent, _, name = path.rpartition(".")
                self.module.get_submodule(parent).register_module(name, layer)

    def as_module(self, kind: type[nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]) -> TracedTensor:
        """Convert a function as the module that does the same."""
        value = args[0] if args else kwargs.get("input")
        if not isinstance(value, TracedTensor):
            raise UnsupportedError("it does not depend on the input; compute it once, in __init__")
        settings = {
            key: value for key, value in kwargs.items() if key not in ("input", "dtype", "_stacklevel", "training")
        }
        if kind is nn.Upsample:
            settings = {key: value for key, value in settings.items() if value}  # those at rest are no arguments of it
            args = (value, *(self._of_own_length(value, each) for each in args[1:]))
            settings |= {"size": self._of_own_length(value, settings["size"])} if "size" in settings else {}
        if kind in DROPOUTS:
            args = args[:2]
        if len(args) >= 2 and whole_clip(self, args[1], value) and kind.__name__[:7] in ("AvgPool", "MaxPool"):
            kind, args, settings = getattr(nn, f"Adaptive{kind.__name__}"), (value, 1), {}
        if kind.__name__.startswith("Adaptive"):
            sizes = args[1] if len(args) > 1 else settings.pop("output_size")
            args = (value, self._of_own_length(value, sizes))
        module = kind(*args[1:], **settings)
        if kind in DROPOUTS:
            module.train(bool(kwargs.get("training", args[2] if len(args) > 2 else True)) and self.module.training)
        known = len(self.nodes)
        answer = self._convert(module, None, value)
        if kind in DROPOUTS and answer.node > known:
            self._add_dropout(module)
        return answer

    def _of_own_length(self, value: TracedTensor, sizes: Any) -> Any:
        """The sizes of an adaptive pool or of a picture, None for the number of frames of its input."""
        if not isinstance(sizes, tuple | list) or not any(isinstance(size, Length) for size in sizes):
            return sizes
        frames = self.size_at(value, TIME)
        return tuple(None if isinstance(size, Length) and size == frames else size for size in sizes)

    def _add_dropout(self, module: nn.Module) -> None:
        """As a child of the network, so that a change of mode reaches it."""
        module.train(self.module.training)
        name = self.operation_name
        while hasattr(self.module, name):
            name += "_"
        self.module.add_module(name, module)
