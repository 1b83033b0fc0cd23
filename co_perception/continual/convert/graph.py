"""Conversion of a module with a forward of its own: it runs once on stand-ins for tensors, and a `Dag` comes of it."""

from __future__ import annotations

import copy
import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.convert import constants
from co_perception.continual.convert.calls import COMPOSED, call_of, layout_of, only_input, results
from co_perception.continual.convert.contraction import CONTRACTIONS
from co_perception.continual.convert.convolution import CONVOLUTIONS
from co_perception.continual.convert.fold import FoldedFrames, FoldedStreams, folded_axes, unfolded_axes
from co_perception.continual.convert.functional import FunctionLayer, Slot, Weight, mapped, parts
from co_perception.continual.convert.functions import FUNCTIONS, elementwise
from co_perception.continual.convert.interception import intercepted
from co_perception.continual.convert.lengths import (
    RECYCLING,
    ClipLength,
    FrameCount,
    Length,
    Size,
    product,
    whole_number,
)
from co_perception.continual.convert.properties import ATTRIBUTES, QUESTIONS, attribute_name, is_setter
from co_perception.continual.convert.rearrangement import laid_out
from co_perception.continual.convert.site import CHANNELS, STREAMS, Axes, Site, UnsupportedError, user_line
from co_perception.continual.convert.space import FUNCTIONS_OF_SPACE, PADDED
from co_perception.continual.convert.tensors import (
    Absent,
    Filled,
    FinalState,
    StandIn,
    TracedTensor,
    UnknownResult,
    whole_clip,
)
from co_perception.continual.convert.weights import Weights
from co_perception.continual.dag import Dag, DagNode, reach
from co_perception.continual.framewise import streaming
from co_perception.continual.layer import TIME, Streaming, evaluation_mode
from co_perception.continual.timing import Timing

ELEMENTWISE = frozenset({
    "relu", "relu6", "gelu", "silu", "sigmoid", "tanh", "hardtanh", "hardswish", "hardsigmoid", "leaky_relu", "elu",
    "selu", "celu", "mish", "softplus", "softsign", "logsigmoid", "threshold", "hardshrink", "softshrink",
    "tanhshrink", "abs", "absolute", "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "square",
    "reciprocal", "sin", "cos", "neg", "negative", "sign", "erf", "clamp", "clip", "clamp_min", "clamp_max", "add",
    "sub", "subtract", "mul", "multiply", "truediv", "div", "divide", "true_divide", "pow", "maximum", "minimum",
    "float", "half", "double", "bfloat16", "rsub", "rdiv", "rtruediv", "rpow", "radd", "rmul", "where", "masked_fill",
    "gt", "ge", "lt", "le", "eq", "ne", "logical_and", "logical_or", "logical_not", "bitwise_not", "bitwise_and",
    "bitwise_or", "invert", "and", "or", "isnan", "isinf", "nan_to_num", "floor", "ceil", "round", "remainder", "fmod",
    "atan2", "atan", "hypot", "lerp", "addcmul", "addcdiv", "logit", "floor_divide", "special_expit", "exp2", "int",
    "long", "bool", "xlogy", "softmin", "frac", "trunc", "heaviside", "logaddexp", "asinh", "sinh", "cosh", "tan",
})  # fmt: skip
IN_PLACE: Mapping[str, Callable[..., Any]] = {
    "iadd": torch.add, "isub": torch.sub, "imul": torch.mul, "itruediv": torch.div, "idiv": torch.div,
    "ipow": torch.pow,
}  # fmt: skip
AS_MODULE: dict[str, type[nn.Module]] = {
    f"{kind}_pool{axes}d": getattr(nn, f"{name}Pool{axes}d")
    for axes in (1, 2, 3)
    for kind, name in (("max", "Max"), ("avg", "Avg"), ("adaptive_avg", "AdaptiveAvg"), ("adaptive_max", "AdaptiveMax"))
} | {
    "glu": nn.GLU,
    "interpolate": nn.Upsample,
    "softmax": nn.Softmax,
    "log_softmax": nn.LogSoftmax,
    "dropout": nn.Dropout,
    "dropout1d": nn.Dropout1d,
    "dropout2d": nn.Dropout2d,
    "dropout3d": nn.Dropout3d,
    "alpha_dropout": nn.AlphaDropout,
}
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
SAME = frozenset({"contiguous", "detach", "cuda", "cpu", "requires_grad_", "type_as", "data", "retain_grad"})
OF_STATES = frozenset({*SAME, "clone", "getitem", "squeeze", "mean", "to"})
# Their answers may share memory with what they are given; dropout gives its input itself outside training.
VIEWS = frozenset({
    "getitem", "transpose", "swapaxes", "swapdims", "permute", "movedim", "moveaxis", "squeeze", "unsqueeze", "view",
    "reshape", "flatten", "chunk", "split", "dropout", "float", "half", "double", "bfloat16", "to", "type", "unbind",
    "iter", "unflatten", "view_as", "reshape_as", "expand", "expand_as", "narrow", "select", "T", "mT", "t", "real",
    "split_with_sizes", "tensor_split", "broadcast_to", *SAME,
})  # fmt: skip
OUTDATED = (
    "an operation in place has changed a tensor that shares memory with the one used here (a view of it, or what it is "
    "a view of); use the operation that is not in place"
)
VIEW_MODULES = (nn.Flatten, nn.Unflatten, *DROPOUTS)
HANDLERS: Mapping[str, Callable[..., Any]] = {
    **FUNCTIONS, **CONTRACTIONS, **CONVOLUTIONS, **FUNCTIONS_OF_SPACE, **constants.MADE,
}  # fmt: skip
PADDING_FIRST = ("pad", "cat", "concat", "concatenate", "conv1d", "conv2d", "conv3d")


def read(module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
    """The network that `module` computes, and the axes of its answer."""
    if any(child.training for child in module.modules()):
        check_training_branch(module, site)
    with evaluation_mode(module):
        reader = GraphReader(module, site)
        answer = reader.read()
    if site.unsupported or answer is None:
        return nn.Identity(), site.axes if answer is None else answer.axes
    needed = {answer.node, 0}  # the values that the answer depends on
    for number in range(answer.node, 0, -1):
        if number in needed:
            needed.update(reader.nodes[number - 1].inputs)
    renumbered = {old: new for new, old in enumerate(sorted(needed))}
    nodes = [
        DagNode(node.layer, tuple(renumbered[i] for i in node.inputs))
        for number, node in enumerate(reader.nodes, start=1)
        if number in needed
    ]
    reader.register_layers()
    if reader.clip.taken:
        site.of_one_length.append(site.path)
    dag = Dag(nodes or [DagNode(streaming(nn.Identity()), (0,))], module, site.frame if reader.bound else None)
    dag.training = module.training
    return dag, answer.axes


def check_training_branch(module: nn.Module, site: Site) -> None:
    """Raises UnsupportedError where a module in training mode computes otherwise than in evaluation."""
    logs = []
    for mode in (True, False):
        copied = copy.deepcopy(module)
        reader = GraphReader(copied, replace(site, unsupported=[]))
        if mode:
            reader.read()
        else:
            with evaluation_mode(copied):
                reader.read()
        logs.append(reader.log)
    if logs[0] != logs[1]:
        raise UnsupportedError(
            "its forward differs in training mode, and a stream would go on as in evaluation: convert(network.eval())",
            always=True,
        )


class _FollowsError(Exception):
    """The forward cannot go on, for a reason that is reported already."""


class _ReportedError(Exception):
    """A submodule is reported as unsupported already. axes: of the answer that it would have."""

    def __init__(self, axes: Axes) -> None:
        super().__init__()
        self.axes = axes


class GraphReader:
    """Runs a forward on `TracedTensor`s and collects the layers of the continual network as it goes.

    Operations without continual form are reported to the site, and reading goes on with the tensor that they were
    given, so that one conversion reports all of them; what may follow from an earlier report is not listed.
    """

    def __init__(self, module: nn.Module, site: Site) -> None:
        self.module, self.site, self.here = module, site, site
        self.paths = {id(child): path for path, child in reversed(list(module.named_modules()))}
        self.weights = Weights(module)
        self.like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0)).detach()
        self.replaced: dict[str, tuple[Streaming, nn.Module, Axes]] = {}
        self.reaches: list[tuple[Timing, int]] = [(Timing(), 0)]
        self.frames: list[tuple[int, ...] | None] = [site.frame]
        self.nodes: list[DagNode] = []
        self.bound = False  # to the size of a frame, by numbers that the forward took
        self.clip = ClipLength(site.clip)
        self.log: list[tuple[object, ...]] = []
        self._inside: list[str] = []
        self._reported: list[ValueError] = []
        self._names: Counter[str] = Counter()
        self._name = ""

    def read(self) -> TracedTensor | None:
        """Run the forward; None where it cannot be read to its end."""
        attributes = {child: dict(vars(child)) for child in self.module.modules()}
        before = len(self.site.unsupported)
        try:
            with intercepted(self):
                answer = self.module(TracedTensor(0, self.site.axes), **self.site.arguments)
            for error, line in self.clip.refusals:  # those that the forward has caught
                if error not in self._reported:
                    self._at("").refuse(line, error)
            return self._chosen(answer)
        except _FollowsError:
            return None
        except UnsupportedError as error:
            self._at("output").refuse(user_line(error), error)
            return None
        except Exception as error:  # whatever a user's forward does with what is no tensor
            if len(self.site.unsupported) == before:
                self._at("").report(user_line(error), _unreadable(error, ".".join(self._inside)))
            return None
        finally:
            for child, values in attributes.items():  # what the forward puts on its modules is nothing to keep
                for name, value in list(vars(child).items()):
                    if name not in values:
                        del vars(child)[name]
                    elif any(isinstance(part, StandIn) for part in parts(value)):
                        vars(child)[name] = values[name]

    def _chosen(self, answer: object) -> TracedTensor | None:
        if isinstance(answer, UnknownResult):
            return None
        wanted = self.site.output
        if wanted is not None:
            try:
                answer = answer[wanted]  # type: ignore[index]
            except (LookupError, TypeError) as error:
                raise UnsupportedError(f"output={wanted!r} is none of what forward returns: {error!r}") from error
        if isinstance(answer, Absent):
            raise UnsupportedError(answer.reason)
        if isinstance(answer, TracedTensor) and answer.outdated:
            raise UnsupportedError(OUTDATED)
        if not isinstance(answer, TracedTensor):
            raise UnsupportedError(
                f"forward has to return one tensor that depends on its input, and returns {_described(answer)}: say "
                "which one with convert(..., output=its number or its key)"
            )
        return answer

    # What a forward does, by `interception`

    def operation(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        given = parts((args, kwargs))
        name = _named(function)
        if not any(isinstance(part, StandIn | Length) for part in given):
            if name == "cuda":
                return args[0]  # where the network is, not where it was trained
            try:
                return self.weights.compute(name, function, args, kwargs)
            except UnsupportedError as error:
                self._at(name).refuse(user_line(), error)
                return UnknownResult()
        attribute = attribute_name(function)
        if attribute is not None or name in QUESTIONS or name in ("size", "eq", "ne"):
            return self._guarded(attribute or name, lambda: self._asked(attribute, name, function, args, kwargs), args)
        self.log.append((name, *_logged(name, args, kwargs)))
        self._name = self._numbered(name)
        return self._guarded(self._name, lambda: self._operation(name, function, args, kwargs), (args, kwargs))

    def made(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        name = self._name = function.__name__
        return self._guarded(name, lambda: constants.made(self, name, args, kwargs), (args, kwargs))

    def module_call(
        self, module: nn.Module, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        path = self.paths.get(id(module))
        if module is self.module or not self._is_leaf(module):
            if path:
                self._inside.append(path)
            answer = call(*args, **kwargs)
            if path:
                self._inside.pop()
            return answer
        self.log.append((path, *_logged(path or "", args, kwargs)))
        return self._guarded("", lambda: self._module_call(module, path, args, kwargs), (args, kwargs), module, path)

    def _guarded(
        self,
        name: str,
        compute: Callable[[], object],
        arguments: object,
        module: nn.Module | None = None,
        path: str | None = None,
    ) -> object:
        """What `compute` gives, or a stand-in for it where it is reported as unsupported."""
        given = parts(arguments)
        traced = [part for part in given if isinstance(part, TracedTensor)]
        unsure = any(value.axes.unsure for value in traced)
        self.here = replace(self._at(name, path), axes=replace(self.site.axes, unsure=unsure))
        where = user_line() if module is None else str(module)
        if any(isinstance(part, UnknownResult) for part in given):
            return self._unknown(name)
        try:
            absent = next((part for part in given if isinstance(part, Absent)), None)
            if absent is not None and name in (*QUESTIONS, *ATTRIBUTES, "size"):
                raise UnsupportedError(absent.reason)
            if absent is not None:
                return absent
            if any(value.outdated for value in traced):
                raise UnsupportedError(OUTDATED)
            return compute()
        except _ReportedError as reported:
            return substitute(given, reported.axes)
        except ValueError as error:
            self.here.refuse(where, error)
            self._reported.append(error)
            if name in QUESTIONS:  # it asked for a number, and there is none to go on with
                raise _FollowsError from error
            return substitute(given, error.axes if isinstance(error, UnsupportedError) else None)
        except (AttributeError, LookupError, TypeError, RuntimeError) as error:
            self.here.refuse(where, UnsupportedError(f"its arguments are not understood: {error}"))
            return substitute(given, None)

    def _unknown(self, name: str) -> UnknownResult:
        if name in QUESTIONS or name in ("shape", "ndim", "size", "iter"):
            raise _FollowsError
        return UnknownResult()

    def _asked(
        self,
        attribute: str | None,
        name: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> object:
        value = args[0] if args else None
        if isinstance(value, Filled):
            return constants.asked(value, attribute or name, args[1:], kwargs)
        if isinstance(value, FinalState):
            value = value.of_layer(-1)
        if not isinstance(value, TracedTensor):
            return self._operation(name, function, tuple(args), dict(kwargs))
        if attribute is not None:
            if attribute not in ATTRIBUTES:
                raise UnsupportedError(f"{attribute} of a tensor is not known here")
            return ATTRIBUTES[attribute](self, value)
        if name in QUESTIONS and not (name in ("int", "float", "bool") and not function.__name__.startswith("__")):
            return QUESTIONS[name](self, *args, **kwargs)
        self.log.append((name, *_logged(name, args, kwargs)))
        return self._operation(name, function, tuple(args), dict(kwargs))

    def _operation(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        if is_setter(function):
            raise UnsupportedError("it sets an attribute of a tensor", None, True)
        args, kwargs = mapped(args, whole_number), mapped(kwargs, whole_number)
        if isinstance(args[0] if args else None, Filled):
            answer = constants.computed(args[0], name, function, args, kwargs)
            if answer is not None:
                return answer
        if name in IN_PLACE:
            return self._in_place(name, IN_PLACE[name], args, kwargs)
        args, kwargs, flag = without_inplace(function, args, kwargs)
        if flag or (name.endswith("_") and name[:-1] in ELEMENTWISE):
            plain = name.rstrip("_")
            function = next(getattr(place, plain) for place in (F, torch, Tensor) if hasattr(place, plain))
            return self._in_place(plain, function, args, kwargs)
        return self._apply(name, function, args, kwargs)

    def _in_place(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        answer = self._apply(name, function, args, kwargs)
        target = args[0] if args else kwargs.get("input")
        if not isinstance(target, TracedTensor):
            raise UnsupportedError("it changes in place what does not depend on the input")
        if isinstance(answer, TracedTensor):
            if answer.axes.order != target.axes.order:
                raise UnsupportedError("it changes a tensor in place to one of other axes")
            target.axes = replace(answer.axes, unsure=target.axes.unsure or answer.axes.unsure)
            target.change(answer.node)
        return target

    def _apply(
        self, name: str, function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        answer = self._applied(name, function, args, kwargs)
        if name in VIEWS and args and isinstance(args[0], TracedTensor):
            for part in parts(answer):
                if isinstance(part, TracedTensor) and part is not args[0]:
                    part.shares_memory_of(args[0])
        return answer

    def _applied(
        self, name: str, function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        first = args[0] if args else None
        if any(isinstance(part, FinalState) for part in parts((args, kwargs))) and name not in OF_STATES:
            return Absent(FinalState.other)
        if name in SAME or name == "clone":
            return first.apart() if isinstance(first, TracedTensor) else first
        if name in ("to", "type"):
            return self._to(function, args, kwargs)
        if any(isinstance(part, Length) for part in parts((args, kwargs))) and not _has_traced(args, kwargs):
            return self._weights_of_lengths(name, function, args, kwargs)
        if name not in PADDING_FIRST and any(
            isinstance(part, TracedTensor) and part.axes.pads != (0, 0) for part in parts((args, kwargs))
        ):
            raise UnsupportedError(PADDED)
        if name in ELEMENTWISE:
            return elementwise(self, function, args, kwargs)
        if name in AS_MODULE:
            return self._as_module(AS_MODULE[name], args, kwargs)
        handler = HANDLERS.get(name)
        if handler is None:
            raise UnsupportedError(
                "no continual form of it is known. Make it a module and register a converter for it", always=True
            )
        if "input" in kwargs and not args:
            args = (kwargs.pop("input"),)
        try:
            inspect.signature(handler).bind(self, *args, **kwargs)
        except TypeError as error:
            raise UnsupportedError(f"its arguments are not understood: {error}") from error
        return handler(self, *args, **kwargs)

    def _to(self, function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """`x.to(...)`: a device or another tensor's type is the network's own; a precision is a function."""
        value = args[0]
        wanted = [part for part in parts((args[1:], kwargs)) if isinstance(part, torch.dtype)]
        if not isinstance(value, TracedTensor):  # a weight that takes after the input
            return (
                value
                if value.is_floating_point()
                else self.weights.compute("to", Tensor.to, (value, self.like.dtype), {})
            )
        if not wanted or wanted[0] == self.like.dtype:
            return value.apart()
        return self.emit_call(Tensor.to, (value, wanted[0]), {}, value.axes)

    def _weights_of_lengths(
        self, name: str, function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        """A weight repeated for each stream or frame is the weight itself, which meets each of them anyway."""
        weight = args[0] if args else None
        sizes = args[1:] if len(args) != 2 or not isinstance(args[1], tuple | list) else args[1]
        if name in ("new_zeros", "new_ones", "new_full", "new_empty"):
            return constants.MADE[name](self, *args, **kwargs)
        if name in ("expand", "repeat", "broadcast_to", "tile") and isinstance(weight, Tensor):
            own = (*[1] * (len(sizes) - weight.dim()), *weight.shape)
            if all(not isinstance(size, Length) or mine == 1 for mine, size in zip(own, sizes, strict=True)):
                return self.weights.compute(
                    name, function, (weight, [1 if isinstance(s, Length) else s for s in sizes]), {}
                )
        raise UnsupportedError(
            "it computes with the length of an axis, which a stream does not have. If it cuts a table, such as one of "
            f"positions, to the clip's length: {RECYCLING}"
        )

    # What becomes of it

    def emit(self, layer: Streaming, inputs: list[TracedTensor], axes: Axes) -> TracedTensor:
        numbers = tuple(value.node for value in inputs)
        try:
            reached = reach(layer, [self.reaches[i] for i in numbers])
        except ValueError as error:
            raise UnsupportedError(str(error)) from error
        unsure = any(value.axes.unsure for value in inputs)
        shapes = [self.frames[i] for i in numbers]
        frame = (
            None if unsure or None in shapes else frame_after(layer, shapes[0] if len(shapes) == 1 else tuple(shapes))
        )
        self.frames.append(frame)
        self.reaches.append(reached)
        self.nodes.append(DagNode(layer, numbers))
        return TracedTensor(len(self.nodes), replace(axes, unsure=unsure))

    def emit_call(
        self, function: Callable[..., Tensor], args: Sequence[object], kwargs: Mapping[str, object], axes: Axes
    ) -> TracedTensor:
        inputs: list[TracedTensor] = []

        def slot(part: object) -> object:
            if isinstance(part, Filled | Length):
                raise UnsupportedError("it computes with the length of an axis, which a stream does not have")
            if isinstance(part, TracedTensor):
                inputs.append(part)
                return Slot(len(inputs) - 1)
            if isinstance(part, Tensor):
                return aligned_weight(self.weights.weight(part), axes)
            return part

        args, kwargs = mapped(tuple(args), slot), mapped(dict(kwargs), slot)
        return self.emit(FunctionLayer(function, tuple(args), kwargs), inputs, axes)

    def of_weights(self, function: Callable[..., Tensor], *args: object) -> Tensor:
        return self.weights.compute(_named(function), function, args, {})

    def weight(self, tensor: Tensor) -> Weight:
        return self.weights.weight(tensor)

    def sizes(self, value: TracedTensor) -> tuple[Size, ...]:
        return tuple(
            product([self.size_at(value, place) for place in (part if isinstance(part, tuple) else (part,))])
            for part in value.axes.order
        )

    def size_at(self, value: TracedTensor, place: int) -> Size:
        if place == STREAMS:
            return Length(1, True, None, self.clip)
        if place == TIME:
            if self.single(value):
                return 1
            count = FrameCount.after(self.reaches[value.node][0])
            return Length(1, False, replace(count, shorter=count.shorter - sum(value.axes.pads)), self.clip)
        frame = self.frames[value.node]
        if frame is None:
            if value.axes.unsure:
                raise _FollowsError
            raise UnsupportedError(
                "it asks for the size of a frame, which is not known: give a clip or the shape of a frame, such as "
                "convert(..., example=(3, 112, 112))"
            )
        self.bound = self.bound or place > TIME
        return frame[0 if place == CHANNELS else place - TIME]

    def knows_frame(self, value: TracedTensor) -> bool:
        return self.frames[value.node] is not None

    def single(self, value: TracedTensor) -> bool:
        if value.axes.pooled or self.site.clip is None:
            return value.axes.pooled
        return self.reaches[value.node][0].length(self.site.clip) + sum(value.axes.pads) == 1

    def call_module(self, module: nn.Module, value: TracedTensor) -> TracedTensor:
        return self._convert(module, None, value)

    # Modules

    def _is_leaf(self, module: nn.Module) -> bool:
        if isinstance(module, Streaming) or self.site.find(module):
            return True
        if not type(module).__module__.startswith("torch.nn.") or type(module) in COMPOSED:
            return False
        return type(module) not in (nn.Sequential, nn.ModuleList, nn.ModuleDict)

    def _module_call(
        self, module: nn.Module, path: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        if path is None and next(module.parameters(), None) is not None:
            raise UnsupportedError("it is made anew in every forward, with other weights each time")
        value = only_input(module, args, kwargs)
        if isinstance(module, nn.Identity):
            return value
        changed = bool(getattr(module, "inplace", False))
        answer = self._convert(module, path, value)
        if changed:
            value.change(answer.node)
            return value
        if isinstance(module, VIEW_MODULES):
            answer.shares_memory_of(value)
        return results(module, answer)

    def _convert(self, module: nn.Module, path: str | None, value: TracedTensor) -> TracedTensor:
        """The answer of a module, whose batch and time may be merged with other axes."""
        batch, channels = layout_of(module, value.axes)
        if channels is not None:
            value = laid_out(self, value, channels)
        axes = value.axes
        part = axes.part(batch) if batch is not None and len(axes.order) > batch else STREAMS
        if batch is not None and axes.pooled and TIME not in axes.every:
            part = (STREAMS, TIME)
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
            layer, after = self._converted(module, path, inside, shape)
            step = self._put(path, layer, axes) if path is not None else streaming(layer)
            return self.emit(FoldedStreams(step, merged), [value], unfolded_axes(after, merged))
        layer, after = self._converted(module, path, axes, self.frames[value.node])
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
        self, module: nn.Module, path: str | None, axes: Axes, frame: tuple[int, ...] | None
    ) -> tuple[nn.Module, Axes]:
        before = len(self.site.unsupported)
        site = replace(self.here if path is None else self.site.at(path, axes), axes=axes, frame=frame)
        layer, after = self.site.visit(module, site)
        if len(self.site.unsupported) > before:
            raise _ReportedError(after)
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

    def _as_module(self, kind: type[nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]) -> TracedTensor:
        """Convert a function as the module that does the same."""
        value = args[0] if args else kwargs.get("input")
        if not isinstance(value, TracedTensor):
            raise UnsupportedError("it does not depend on the input; compute it once, in __init__")
        settings = {
            key: value for key, value in kwargs.items() if key not in ("input", "dtype", "_stacklevel", "training")
        }
        if kind is nn.Upsample:
            settings = {key: value for key, value in settings.items() if value}  # those at rest are no arguments of it
        if kind in DROPOUTS:
            args = args[:2]
        if len(args) >= 2 and whole_clip(self, args[1], value) and kind.__name__[:7] in ("AvgPool", "MaxPool"):
            kind, args, settings = getattr(nn, f"Adaptive{kind.__name__}"), (value, 1), {}
        module = kind(*args[1:], **settings)
        if kind in DROPOUTS:
            module.train(bool(kwargs.get("training", args[2] if len(args) > 2 else True)) and self.module.training)
        answer = self._convert(module, None, value)
        if kind in DROPOUTS:
            self._add_dropout(module)
        return answer

    def _add_dropout(self, module: nn.Module) -> None:
        """As a child of the network, so that a change of mode reaches it."""
        module.train(self.module.training)
        name = self._name
        while hasattr(self.module, name):
            name += "_"
        self.module.add_module(name, module)

    def _at(self, name: str, path: str | None = None) -> Site:
        inside = [path] if path is not None else [*self._inside[-1:], name]
        return replace(self.site, path=".".join(part for part in (self.site.path, *inside) if part))

    def _numbered(self, name: str) -> str:
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}_{self._names[name] - 1}"


def frame_after(layer: Streaming, shape: Any) -> tuple[int, ...]:
    """Shape of a frame of a layer's answer. Raises UnsupportedError where the layer does not take such frames."""
    try:
        with torch.no_grad():
            return tuple(int(size) for size in layer.frame_out(shape))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise UnsupportedError(f"it does not take frames of shape {shape}: {error}") from error


def substitute(given: Sequence[object], axes: Axes | None) -> TracedTensor | UnknownResult:
    """A stand-in for the answer of an operation without continual form: its input."""
    value = next((part for part in given if isinstance(part, TracedTensor)), None)
    if value is None:
        return UnknownResult()
    return TracedTensor(value.node, replace(axes or value.axes, unsure=True, pads=(0, 0)))


def aligned_weight(weight: Weight, axes: Axes) -> Weight:
    """A weight that is combined with a tensor of these axes."""
    tensor = weight.tensor()
    if tensor.dim() == 0:
        return weight
    order = axes.order[len(axes.order) - tensor.dim() :] if tensor.dim() <= len(axes.order) else None
    if order is None:
        raise UnsupportedError(f"a weight of {tensor.dim()} axes meets a tensor {axes}")
    for place, length in zip(order, tensor.shape, strict=True):
        if (isinstance(place, tuple) or place in (STREAMS, TIME)) and length != 1:
            raise UnsupportedError(
                f"a weight of shape {tuple(tensor.shape)} differs from frame to frame of {axes}, and a stream has more "
                f"frames than any table. {RECYCLING}"
            )
    places = tuple(place[0] if isinstance(place, tuple) else place for place in order)
    return replace(weight, order=places, axes=3 + axes.space)


def without_inplace(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], bool]:
    """Arguments of a function without its flag to work in place, and that flag."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    if "inplace" not in names:
        return args, kwargs, False
    at = names.index("inplace")
    flag = bool(kwargs.get("inplace", args[at] if len(args) > at else False))
    return args[:at], {key: value for key, value in kwargs.items() if key != "inplace"}, flag


def _named(function: Callable[..., Any]) -> str:
    name = str(getattr(function, "__name__", function))
    return name[2:-2] if name.startswith("__") and name.endswith("__") else name


def _has_traced(args: object, kwargs: object) -> bool:
    return any(isinstance(part, TracedTensor | FinalState) for part in parts((args, kwargs)))


def _logged(name: str, args: object, kwargs: object) -> tuple[str, ...]:
    """What an operation is given; whether dropout is active is a mode, which a stream follows."""
    given = parts((args, kwargs))[:1] if "drop" in name else parts((args, kwargs))
    return tuple(
        f"value {part.node}" if isinstance(part, TracedTensor)
        else f"weight {tuple(part.shape)}" if isinstance(part, Tensor) and not isinstance(part, StandIn)
        else type(part).__name__ if isinstance(part, StandIn | nn.Module) or callable(part)
        else str(part)
        for part in given
    )  # fmt: skip


def _described(answer: object) -> str:
    if isinstance(answer, dict):
        return f"a dict of {sorted(map(str, answer))}"
    if isinstance(answer, tuple | list):
        return f"{len(answer)} of them"
    return type(answer).__name__


def _unreadable(error: Exception, inside: str) -> str:
    text = str(error)
    if isinstance(error, TypeError) and "Length" in text:
        return (
            "it computes with the length of an axis, which a stream does not have. If it cuts a table, such as one of "
            f"positions, to the clip's length: {RECYCLING}"
        )
    return f"its forward cannot be read (inside {inside or 'the network itself'!r}): {type(error).__name__}: {text}"
