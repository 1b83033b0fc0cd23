"""Conversion of a module with a forward of its own: torch.fx traces it, an interpreter turns it into a `Dag`."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from co_perception.continual.convert import trace
from co_perception.continual.convert.contraction import CONTRACTIONS
from co_perception.continual.convert.functional import Attribute, Computation, FunctionLayer, Slot, Weight, parts
from co_perception.continual.convert.functions import FUNCTIONS
from co_perception.continual.convert.site import Axes, Site, UnsupportedError, joint
from co_perception.continual.convert.space import FUNCTIONS_OF_SPACE, PADDED
from co_perception.continual.convert.tensors import (
    AxisLength,
    EqualParts,
    FinalState,
    TracedShape,
    TracedTensor,
    UnknownResult,
    whole_clip,
)
from co_perception.continual.dag import Dag, DagNode, reach
from co_perception.continual.framewise import streaming
from co_perception.continual.layer import Streaming
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
} | {
    "glu": nn.GLU,
    "interpolate": nn.Upsample,
    "softmax": nn.Softmax,
    "log_softmax": nn.LogSoftmax,
    "dropout": nn.Dropout,
    "flatten": nn.Flatten,
}
SAME = frozenset({"contiguous", "detach"})
# Their answers may share memory with what they are given; dropout gives its input itself outside training.
VIEWS = frozenset({
    "getitem", "transpose", "swapaxes", "swapdims", "permute", "movedim", "moveaxis", "squeeze", "unsqueeze", "view",
    "reshape", "flatten", "chunk", "split", "dropout", "float", "half", "double", "bfloat16", *SAME,
})  # fmt: skip
TENSORS = (TracedTensor, EqualParts)
VIEW_MODULES = (nn.Flatten, nn.Unflatten, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def read(module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
    """The network that `module` computes, and the axes of its answer."""
    reader = GraphReader(module, site)
    reader.run(TracedTensor(0, site.axes))
    answer = reader.answer
    if site.unsupported or answer is None:
        return nn.Identity(), site.axes if answer is None else answer.axes
    needed = {answer.index, 0}  # the values that the answer depends on
    for number in range(answer.index, 0, -1):
        if number in needed:
            needed.update(reader.nodes[number - 1].inputs)
    renumbered = {old: new for new, old in enumerate(sorted(needed))}
    nodes = [
        DagNode(node.layer, tuple(renumbered[i] for i in node.inputs))
        for number, node in enumerate(reader.nodes, start=1)
        if number in needed
    ]
    dag = Dag(nodes or [DagNode(streaming(nn.Identity()), (0,))], module)
    dag.training = module.training
    return dag, answer.axes


class _ReportedError(Exception):
    """A submodule is reported as unsupported already. axes: of the answer that it would have."""

    def __init__(self, axes: Axes) -> None:
        super().__init__()
        self.axes = axes


class GraphReader(fx.Interpreter):
    """Executes a traced graph on `TracedTensor`s and collects the layers of the continual network as it goes.

    Operations without continual form are reported to the site, and reading goes on with the tensor that they were
    given, so that one conversion reports all of them; what may follow from an earlier report is not listed.
    """

    def __init__(self, module: nn.Module, site: Site) -> None:
        graph = trace.trace(module, site)
        trace.check_training_branch(module, graph, site)
        super().__init__(module, graph=graph)
        self.site = self.here = site
        self.originals = dict(module.named_modules(remove_duplicate=False))
        self.in_place = {path for path, child in self.originals.items() if getattr(child, "inplace", False)}
        self.replaced: dict[str, tuple[Streaming, Axes]] = {}
        self.reaches: list[tuple[Timing, int]] = [(Timing(), 0)]
        self.nodes: list[DagNode] = []
        self.node_name = ""
        self.answer: TracedTensor | None = None

    def run_node(self, n: fx.Node) -> object:
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        given = parts((args, kwargs))
        tensors = [part.whole if isinstance(part, EqualParts) else part for part in given if isinstance(part, TENSORS)]
        unsure = any(tensor.axes.unsure for tensor in tensors)
        self.here = replace(self.site, path=self._path(n), axes=replace(self.site.axes, unsure=unsure))
        self.node_name = n.name
        if any(isinstance(part, UnknownResult) for part in given):
            return UnknownResult()
        try:
            if any(tensor.outdated for tensor in tensors):
                raise UnsupportedError(
                    "an operation in place has changed a tensor that shares memory with the one used here (a view of "
                    "it, or what it is a view of); use the operation that is not in place"
                )
            return super().run_node(n)
        except _ReportedError as reported:
            return trace.substitute(args, reported.axes)
        except ValueError as error:
            self.here.refuse(trace.source(n), error)
            return trace.substitute(args, error.axes if isinstance(error, UnsupportedError) else None)
        except (AttributeError, LookupError, TypeError) as error:  # a weight or a length where a tensor is expected
            self.here.refuse(trace.source(n), UnsupportedError(f"its arguments are not understood: {error}"))
            return trace.substitute(args, None)

    def emit(self, layer: Streaming, inputs: list[TracedTensor], axes: Axes) -> TracedTensor:
        numbers = tuple(value.index for value in inputs)
        try:
            reached = reach(layer, [self.reaches[i] for i in numbers])
        except ValueError as error:
            raise UnsupportedError(str(error)) from error
        self.reaches.append(reached)
        self.nodes.append(DagNode(layer, numbers))
        return TracedTensor(len(self.nodes), replace(axes, unsure=any(value.axes.unsure for value in inputs)))

    def emit_call(
        self, function: Callable[..., Tensor], args: Sequence[object], kwargs: Mapping[str, object], axes: Axes
    ) -> TracedTensor:
        inputs: list[TracedTensor] = []

        def slot(part: object) -> object:
            if isinstance(part, Weight):
                return trace.aligned_weight(part, axes)
            if isinstance(part, AxisLength | TracedShape):
                raise UnsupportedError("it computes with the length of an axis, which a stream does not have")
            if not isinstance(part, TracedTensor):
                return part
            inputs.append(part)
            return Slot(len(inputs) - 1)

        layer = FunctionLayer(
            function,
            tuple(trace.mapped(part, slot) for part in args),
            {key: trace.mapped(value, slot) for key, value in kwargs.items()},
        )
        return self.emit(layer, inputs, axes)

    # One method per kind of node of torch.fx, called by `Interpreter.run_node`

    def placeholder(self, target: fx.node.Target, args: trace.Args, kwargs: trace.Kwargs) -> object:
        return next(self.args_iter)

    def get_attr(self, target: fx.node.Target, args: trace.Args, kwargs: trace.Kwargs) -> Weight:
        path, _, name = str(target).rpartition(".")
        return Weight(Attribute(self.module.get_submodule(path), name))

    def output(self, target: fx.node.Target, args: trace.Args, kwargs: trace.Kwargs) -> object:
        answer = args[0]
        self.answer = answer if isinstance(answer, TracedTensor) else None
        if self.answer is None or isinstance(answer, TracedShape):
            raise UnsupportedError("forward has to return one tensor that depends on its input; pick one")
        return answer

    def call_module(self, target: fx.node.Target, args: trace.Args, kwargs: trace.Kwargs) -> object:
        path = str(target)
        original = self.originals[path]
        value = trace.only_input(args, kwargs)
        layer, axes = self._converted(original, self.site.at(path, value.axes))
        if isinstance(original, nn.Identity):
            return value
        answer = self.emit(self._put(path, layer, value.axes), [value], axes)
        if path in self.in_place:
            value.change(answer.index)
            return value
        if isinstance(original, VIEW_MODULES):
            answer.view_of(value)
        if isinstance(original, nn.RNNBase):
            last = FinalState(answer, original.num_layers)
            return answer, (last, None) if isinstance(original, nn.LSTM) else last
        return (answer, None) if isinstance(original, nn.MultiheadAttention) else answer

    def call_function(self, target: fx.node.Target, args: trace.Args, kwargs: trace.Kwargs) -> object:
        function = target
        if function is getattr and args[1] == "shape":
            value = trace.first_tensor(args)
            return TracedShape(value.index, value.axes)
        name = getattr(function, "__name__", str(function))
        if not callable(function) or not any(function is getattr(place, name, None) for place in (torch, F, operator)):
            raise UnsupportedError(
                "it is not a function of torch; make it a module and register a converter for it", always=True
            )
        if function in IN_PLACE:
            return self._in_place(IN_PLACE[function], args, kwargs)
        args, kwargs, in_place = trace.without_inplace(function, args, kwargs)
        if in_place or (name.endswith("_") and name[:-1] in ELEMENTWISE):
            return self._in_place(getattr(F if hasattr(F, name) else torch, name.rstrip("_")), args, kwargs)
        return self._apply(name, function, args, kwargs)

    def call_method(self, target: fx.node.Target, args: trace.Args, kwargs: trace.Kwargs) -> object:
        name = str(target)
        if name.endswith("_") and name[:-1] in ELEMENTWISE:
            return self._in_place(getattr(Tensor, name[:-1]), args, kwargs)
        return self._apply(name, getattr(Tensor, name, None), args, kwargs)

    def _converted(self, module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
        before = len(site.unsupported)
        layer, axes = site.visit(module, site)
        if len(site.unsupported) > before:
            raise _ReportedError(axes)
        return layer, axes

    def _put(self, path: str, layer: nn.Module, axes: Axes) -> Streaming:
        """Register a layer in the place of its module; gives the same layer again if the module is called again.

        On tensors of another layout a module without weights is a layer of its own there.
        """
        step = streaming(layer)
        known, before = self.replaced.setdefault(path, (step, axes))
        same = type(known) is type(step) and known.timing == step.timing
        if not any(True for _ in step.parameters()) and (axes.order, axes.space) != (before.order, before.space):
            return step
        if not same:
            raise UnsupportedError("it is called on tensors of different layout, and would have to be two layers")
        if known is step and isinstance(layer, Streaming):
            parent, _, name = path.rpartition(".")
            self.module.get_submodule(parent).register_module(name, layer)
        return known

    def _in_place(self, function: Callable[..., Tensor], args: trace.Args, kwargs: trace.Kwargs) -> TracedTensor:
        answer = self._apply(function.__name__, function, args, kwargs)
        target = trace.first_tensor((args, kwargs))
        if isinstance(answer, TracedTensor):
            target.change(answer.index)
        return target

    def _apply(
        self, name: str, function: Callable[..., Tensor] | None, args: trace.Args, kwargs: trace.Kwargs
    ) -> object:
        answer = self._applied(name, function, args, kwargs)
        if name in VIEWS and isinstance(args[0], TracedTensor):
            for part in parts(answer):
                if isinstance(part, TracedTensor):
                    part.view_of(args[0])
        return answer

    def _applied(
        self, name: str, function: Callable[..., Tensor] | None, args: trace.Args, kwargs: trace.Kwargs
    ) -> object:
        if name in SAME or name == "clone":
            return args[0].copy() if isinstance(args[0], TracedTensor) else args[0]
        if trace.of_weights_alone((args, kwargs)) and function is not None:
            return Weight(Computation(function, args, kwargs))
        trace.check_has_input((args, kwargs))
        if name != "pad" and any(isinstance(part, TracedTensor) and part.axes.pads != (0, 0) for part in parts(args)):
            raise UnsupportedError(PADDED)
        if name in ELEMENTWISE and function is not None:
            values = [part for part in parts((args, kwargs)) if isinstance(part, TracedTensor)]
            return self.emit_call(function, args, kwargs, joint([value.axes for value in values]))
        if name in AS_MODULE:
            return self._as_module(AS_MODULE[name], args, kwargs)
        handler = FUNCTIONS.get(name) or CONTRACTIONS.get(name) or FUNCTIONS_OF_SPACE.get(name)
        if handler is None:
            raise UnsupportedError(
                "no continual form of it is known. Make it a module and register a converter for it", always=True
            )
        try:
            inspect.signature(handler).bind(self, *args, **kwargs)
        except TypeError as error:
            raise UnsupportedError(f"its arguments are not understood: {error}") from error
        return handler(self, *args, **kwargs)

    def _as_module(self, kind: type[nn.Module], args: trace.Args, kwargs: trace.Kwargs) -> TracedTensor:
        """Convert a function as the module that does the same."""
        settings = {
            key: value for key, value in kwargs.items() if key not in ("input", "dtype", "_stacklevel", "training")
        }
        if kind is nn.Upsample:
            settings = {key: value for key, value in settings.items() if value}  # those at rest are no arguments of it
        if kind is nn.Dropout:
            args = args[:2]
        elif kind is nn.Flatten and len(args) == 1 and "start_dim" not in settings:
            settings["start_dim"] = 0
        value = trace.first_tensor(args[:1])
        if len(args) == 2 and whole_clip(args[1], value) and kind.__name__[:7] in ("AvgPool", "MaxPool"):
            kind, args = getattr(nn, f"Adaptive{kind.__name__}"), (value, 1)
        module = kind(*args[1:], **settings)
        layer, axes = self._converted(module, replace(self.here, axes=value.axes))
        if kind is nn.Dropout:
            layer.train(self.module.training)
            self.module.add_module(self.node_name, layer)  # as a child, so that a change of mode reaches it
        return self.emit(streaming(layer), [value], axes)

    def _path(self, node: fx.Node) -> str:
        if node.op == "call_module":
            inside = str(node.target)
        else:
            inside = next(reversed(node.meta.get("nn_module_stack", {"": ""})), "")
            inside = f"{inside}.{node.name}" if inside and node.op != "output" else inside or node.name
        return ".".join(part for part in (self.site.path, inside) if part)
