"""The graph of a module's functions, as torch.fx sees it, with what torch.fx forgets: assignments in place."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from co_perception.continual.axes import Refused
from co_perception.continual.convert_site import Site
from co_perception.continual.layer import Streaming


class _Proxy(fx.Proxy):
    """Knows `x += y` from `x = x + y`, which to torch.fx are the same."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})

    def __isub__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.isub, (self, other), {})

    def __imul__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.imul, (self, other), {})

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.itruediv, (self, other), {})


class _Tracer(fx.Tracer):
    """Goes into modules as far as there is no converter for them."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.record_stack_traces = True
        self.site, self.inside = site, ""

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        if isinstance(module, Streaming) or self.site.registry.find(module):
            return True
        return type(module).__module__.startswith("torch.nn.") and not isinstance(module, nn.Sequential | nn.ModuleList)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self.inside = self.path_of_module(m)
        return super().call_module(m, forward, args, kwargs)


def trace(module: nn.Module, site: Site) -> fx.Graph:
    tracer = _Tracer(site)
    with _evaluating(module):
        try:
            return tracer.trace(module)
        except Exception as error:  # whatever a user's forward does with a proxy
            raise Refused(
                f"torch.fx cannot read its forward (inside {tracer.inside or 'the network itself'!r}): {error}. A "
                "branch or loop must not depend on a tensor; register a converter for the module that has it"
            ) from error


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = [(child, child.training) for child in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for child, mode in modes:
            child.training = mode


def source(node: fx.Node) -> str:
    """The line of the network's source that an operation stands in, or its name."""
    lines = [line.strip() for line in (node.stack_trace or "").splitlines()]
    own = [
        code
        for place, code in pairwise(lines)
        if place.startswith("File ") and not code.startswith("File ") and str(Path(torch.__file__).parent) not in place
    ]
    return own[-1] if own else f"{node.op} {node.target}"
