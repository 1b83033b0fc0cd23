"""A module with a forward of its own, read with torch.fx into a `Dag`."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from co_perception.continual.axes import STREAMS, Axes, Refused, joint
from co_perception.continual.call import Call, Slot, Weight
from co_perception.continual.convert_functions import Functions, LastFrame, Length, Lengths, Unknown, Value
from co_perception.continual.convert_site import Site
from co_perception.continual.convert_trace import source, trace
from co_perception.continual.dag import Dag, Step, reach
from co_perception.continual.framewise import streaming
from co_perception.continual.layer import TIME, Streaming
from co_perception.continual.timing import Timing

ELEMENTWISE = frozenset({
    "relu", "relu6", "gelu", "silu", "sigmoid", "tanh", "hardtanh", "hardswish", "hardsigmoid", "leaky_relu", "elu",
    "selu", "celu", "mish", "softplus", "softsign", "logsigmoid", "threshold", "hardshrink", "softshrink",
    "tanhshrink", "abs", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "reciprocal", "sin", "cos",
    "neg", "sign", "erf", "clamp", "clip", "clamp_min", "clamp_max", "add", "sub", "mul", "truediv", "div",
    "true_divide", "pow", "maximum", "minimum", "float", "half", "double", "bfloat16",
})  # fmt: skip
IN_PLACE = {operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
            operator.itruediv: operator.truediv}  # fmt: skip
AS_MODULE: dict[str, type[nn.Module]] = {
    f"{kind}_pool{axes}d": getattr(nn, f"{name}Pool{axes}d")
    for axes in (1, 2, 3)
    for kind, name in (("max", "Max"), ("avg", "Avg"), ("adaptive_avg", "AdaptiveAvg"), ("adaptive_max", "AdaptiveMax"))
} | {"softmax": nn.Softmax, "log_softmax": nn.LogSoftmax, "dropout": nn.Dropout, "flatten": nn.Flatten}
SAME = frozenset({"contiguous", "clone", "detach"})


def read(module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
    """The network that `module` computes, and the axes of its answer."""
    graph = trace(module, site)
    reader = _Reader(module, site)
    for node in graph.nodes:
        reader.read(node)
    return reader.finish()


class _Reader(Functions):
    """Reads a graph node by node and collects the steps."""

    def __init__(self, module: nn.Module, site: Site) -> None:
        self.module, self.site = module, site
        self.originals = dict(module.named_modules(remove_duplicate=False))
        self.in_place = {path for path, child in self.originals.items() if getattr(child, "inplace", False)}
        self.replaced: dict[str, Streaming] = {}
        self.reaches: list[tuple[Timing, int]] = [(Timing(), 0)]
        self.steps: list[Step] = []
        self.known: dict[fx.Node, Any] = {}
        self.answer: Any = None

    def read(self, node: fx.Node) -> None:
        args, kwargs = fx.map_arg((node.args, node.kwargs), lambda used: self.known[used])
        self.here = replace(self.site, path=self._path(node))
        try:
            if any(isinstance(part, Unknown) for part in _parts((args, kwargs))):
                raise _FollowsFromRefusal
            self.known[node] = getattr(self, f"_{node.op}")(node, args, kwargs)
        except _FollowsFromRefusal:
            self.known[node] = Unknown()
        except _Recorded as recorded:
            self.known[node] = self._guess(args, recorded.axes)
        except ValueError as error:
            self.here.refuse(source(node), str(error))
            self.known[node] = self._guess(args, error.axes if isinstance(error, Refused) else None)

    def finish(self) -> tuple[nn.Module, Axes]:
        if self.site.refusals or not isinstance(self.answer, Value):
            axes = self.answer.axes if isinstance(self.answer, Value) else self.site.axes
            return nn.Identity(), axes
        dag = Dag(_needed(self.steps, self.answer.index) or [Step(streaming(nn.Identity()), (0,))], self.module)
        dag.training = self.module.training
        return dag, self.answer.axes

    def emit(self, layer: Streaming, inputs: list[Value], axes: Axes) -> Value:
        places = tuple(value.index for value in inputs)
        self.reaches.append(reach(layer, [self.reaches[i] for i in places]))  # refuses what cannot meet
        self.steps.append(Step(layer, places))
        return Value(len(self.steps), axes)

    def emit_call(self, function: Callable[..., Tensor], args: Any, kwargs: Any, axes: Axes) -> Value:
        """A function applied as it is, its `Value`s becoming slots and weights finding their axes."""
        inputs: list[Value] = []

        def slot(part: Any) -> Any:
            if isinstance(part, Weight):
                return _placed(part, axes)
            if isinstance(part, Length | Lengths):
                raise Refused("it computes with the length of an axis, which a stream does not have")
            if not isinstance(part, Value):
                return part
            inputs.append(part)
            return Slot(len(inputs) - 1)

        args, kwargs = _mapped(args, slot), {key: _mapped(value, slot) for key, value in kwargs.items()}
        return self.emit(Call(function, tuple(args), kwargs), inputs, axes)

    # What nodes of torch.fx are

    def _placeholder(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        if not self.known:
            return Value(0, self.site.axes)
        if args:
            return args[0]  # an optional argument keeps its default
        raise Refused("forward takes several inputs, a stream has one")

    def _get_attr(self, node: fx.Node, args: Any, kwargs: Any) -> Weight:
        path, _, name = str(node.target).rpartition(".")
        return Weight(self.module.get_submodule(path), name)

    def _output(self, node: fx.Node, args: Any, kwargs: Any) -> None:
        self.answer = args[0]
        if not isinstance(self.answer, Value) or isinstance(self.answer, Lengths | LastFrame):
            raise Refused("forward has to return one tensor that depends on its input; pick one")

    def _call_module(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        path = str(node.target)
        original = self.originals[path]
        value = _only_input(args, kwargs)
        layer, axes = self._converted(original, self.site.at(path, value.axes))
        if isinstance(original, nn.Identity):
            return value
        answer = self.emit(self._put(path, layer), [value], axes)
        if path in self.in_place:
            value.index = answer.index
        if isinstance(original, nn.RNNBase):
            return _recurrent_answers(answer, original)
        return (answer, None) if isinstance(original, nn.MultiheadAttention) else answer

    def _converted(self, module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
        before = len(site.refusals)
        layer, axes = site.convert(module)
        if len(site.refusals) > before:
            raise _Recorded(axes)
        return layer, axes

    def _put(self, path: str, layer: nn.Module) -> Streaming:
        """The layer in the place of the module it was made of; the same one if the module is called again."""
        step = streaming(layer)
        known = self.replaced.setdefault(path, step)
        if type(known) is not type(step) or known.timing != step.timing:
            raise Refused("it is called on tensors of different layout, and would have to be two layers")
        if known is step and isinstance(layer, Streaming):
            parent, _, name = path.rpartition(".")
            self.module.get_submodule(parent).register_module(name, layer)
        return known

    def _call_function(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        function: Any = node.target
        if function in IN_PLACE:
            return self._in_place(node, IN_PLACE[function], args, kwargs)
        if function is operator.getitem:
            return self._getitem(*args)
        if function is getattr and args[1] == "shape":
            return Lengths(args[0].index, args[0].axes)
        name = getattr(function, "__name__", str(function))
        if not any(function is getattr(place, name, None) for place in (torch, F, operator)):
            raise Refused("it is not a function of torch; make it a module and register a converter for it")
        args, kwargs, in_place = _without_inplace(function, args, kwargs)
        if in_place or (name.endswith("_") and name[:-1] in ELEMENTWISE):
            return self._in_place(node, getattr(F if hasattr(F, name) else torch, name.rstrip("_")), args, kwargs)
        return self._apply(node, name, function, args, kwargs)

    def _call_method(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        name = str(node.target)
        if name.endswith("_") and name[:-1] in ELEMENTWISE:
            return self._in_place(node, getattr(Tensor, name[:-1]), args, kwargs)
        return self._apply(node, name, getattr(Tensor, name, None), args, kwargs)

    def _in_place(self, node: fx.Node, function: Callable[..., Tensor], args: Any, kwargs: Any) -> Value:
        answer = self._apply(node, function.__name__, function, args, kwargs)
        target = next(part for part in _parts((args, kwargs)) if isinstance(part, Value))
        target.index = answer.index
        return target

    def _apply(self, node: fx.Node, name: str, function: Any, args: Any, kwargs: Any) -> Any:
        if name in ELEMENTWISE:
            values = [part for part in _parts((args, kwargs)) if isinstance(part, Value)]
            if not values:
                raise Refused("it computes with weights or lengths alone; do so once, in __init__")
            return self.emit_call(function, args, kwargs, joint([value.axes for value in values]))
        if name in AS_MODULE:
            return self._as_module(node, AS_MODULE[name], args, kwargs)
        if name in SAME:
            return args[0]
        handler = getattr(self, f"_on_{name}", None)
        if handler is None:
            raise Refused("no continual form of it is known. Make it a module and register a converter for it")
        try:
            inspect.signature(handler).bind(*args, **kwargs)
        except TypeError as error:
            raise Refused(f"its arguments are not understood: {error}") from error
        return handler(*args, **kwargs)

    def _as_module(self, node: fx.Node, kind: type[nn.Module], args: Any, kwargs: Any) -> Value:
        kwargs = {
            key: value for key, value in kwargs.items() if key not in ("input", "dtype", "_stacklevel", "training")
        }
        if kind is nn.Dropout:
            args = args[:2]
        elif kind is nn.Flatten and len(args) == 1 and "start_dim" not in kwargs:
            kwargs["start_dim"] = 0
        value, module = args[0], kind(*args[1:], **kwargs)
        layer, axes = self._converted(module, replace(self.here, axes=value.axes))
        if kind is nn.Dropout:
            layer.train(self.module.training)
            self.module.add_module(node.name, layer)  # has to hear of a change of mode
        return self.emit(streaming(layer), [value], axes)

    def _path(self, node: fx.Node) -> str:
        if node.op == "call_module":
            inside = str(node.target)
        else:
            inside = next(reversed(node.meta.get("nn_module_stack", {"": ""})), "")
            inside = f"{inside}.{node.name}" if inside and node.op != "output" else inside or node.name
        return ".".join(part for part in (self.site.path, inside) if part)

    def _guess(self, args: Any, axes: Axes | None) -> Any:
        """What to read on with after a refusal."""
        value = next((part for part in _parts(args) if isinstance(part, Value)), None)
        return Unknown() if value is None else Value(value.index, axes or value.axes)


class _FollowsFromRefusal(Exception):
    """An operation on the answer of one that was refused."""


class _Recorded(Exception):
    """A submodule that was refused already."""

    def __init__(self, axes: Axes) -> None:
        super().__init__()
        self.axes = axes


def _placed(weight: Weight, axes: Axes) -> Weight:
    """A weight that is combined with a tensor of these axes."""
    tensor = getattr(weight.owner, weight.name)
    order = axes.order[len(axes.order) - tensor.dim() :] if tensor.dim() <= len(axes.order) else None
    if order is None:
        raise Refused(f"a weight of {tensor.dim()} axes meets a tensor {axes}")
    for place, length in zip(order, tensor.shape, strict=True):
        if place in (STREAMS, TIME) and length != 1:
            raise Refused(
                f"a weight of shape {tuple(tensor.shape)} differs from frame to frame of {axes}, and a stream has more "
                "frames than any table. RecyclingPositionalEncoding, registered for a module, uses its table again"
            )
    return replace(weight, order=order, axes=3 + axes.space)


def _recurrent_answers(answer: Value, module: nn.RNNBase) -> tuple[Value, Any]:
    last = LastFrame(answer.index, answer.axes)
    last.layers = module.num_layers
    return answer, (last, None) if isinstance(module, nn.LSTM) else last


_IGNORED = ("need_weights", "average_attn_weights", "is_causal")


def _only_input(args: Any, kwargs: Any) -> Value:
    """The one tensor that a module is called with (more than once for attention)."""
    given = [
        part for part in _parts((args, {k: v for k, v in kwargs.items() if k not in _IGNORED})) if part is not None
    ]
    value = given[0] if given else None
    if not isinstance(value, Value) or any(
        not isinstance(part, bool) and getattr(part, "index", None) != value.index for part in given
    ):
        raise Refused("it is given more than one tensor of the network's input; masks and initial states among them")
    if any(kwargs.get(name) for name in ("is_causal",)):
        raise Refused("is_causal is a mask over a whole clip; leave it out: a window ends at its newest frame anyway")
    return value


def _without_inplace(function: Any, args: Any, kwargs: Any) -> tuple[Any, Any, bool]:
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


def _needed(steps: list[Step], answer: int) -> list[Step]:
    """The steps that the answer depends on, renumbered so that it is the last."""
    needed = {answer}
    for number in range(answer, 0, -1):
        if number in needed:
            needed.update(steps[number - 1].inputs)
    renumbered = {old: new for new, old in enumerate(sorted(needed | {0}))}
    return [
        Step(step.layer, tuple(renumbered[i] for i in step.inputs))
        for number, step in enumerate(steps, start=1)
        if number in needed
    ]


def _parts(argument: Any) -> list[Any]:
    if isinstance(argument, dict):
        argument = tuple(argument.values())
    if isinstance(argument, tuple | list):
        return [part for each in argument for part in _parts(each)]
    return [argument]


def _mapped(argument: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(argument, tuple | list) and not isinstance(argument, Weight | Slot):
        return type(argument)(_mapped(part, function) for part in argument)
    return function(argument)
