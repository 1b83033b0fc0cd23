"""What a forward computes from weights alone, while it is read in `convert`.

Weights are ordinary tensors then, so that sizes of them and branches on them are what they are. Where each came from is
remembered, since they may be trained or loaded later: parameters by name, all else as the computation that made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from co_perception.continual.convert.functional import Attribute, Computation, Weight, mapped, parts
from co_perception.continual.convert.site import UnsupportedError

Source = Attribute | Computation
_IN_PLACE = ("iadd", "isub", "imul", "idiv", "itruediv", "ipow", "setitem", "copy_")


class RegisteredTensors:
    """Parameters and buffers of a module before its forward is read, which may put others in their places."""

    def __init__(self, module: nn.Module) -> None:
        self._tables: list[dict[str, Any]] = [
            table for child in module.modules() for table in (child._parameters, child._buffers)
        ]
        self._before = [dict(table) for table in self._tables]

    def check(self) -> None:
        """Raises UnsupportedError where one has other numbers now."""
        for table, before in zip(self._tables, self._before, strict=True):
            for name, known in before.items():
                now = table.get(name)
                same = known is None or now is known or _same_numbers(now, known)
                if not same:
                    raise UnsupportedError(
                        f"forward puts another tensor into {name!r}, so that answers depend on the calls before; give "
                        "what it computes another name",
                        always=True,
                    )

    def restore(self) -> None:
        """Puts them back."""
        for table, before in zip(self._tables, self._before, strict=True):
            table.update(before)


class Weights:
    """The tensors of a module, and those computed from them.

    Args:
        module: their owner; constants of a forward become buffers of it.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._sources: dict[int, Source] = {}
        self._alive: list[Tensor] = []  # so that no other tensor gets its identity
        self._outdated: set[int] = set()
        for owner in module.modules():
            for table in (owner._parameters, owner._buffers, vars(owner)):
                for name, value in table.items():
                    if isinstance(value, Tensor):
                        self._sources.setdefault(id(value), Attribute(owner, name))
                        self._alive.append(value)

    def weight(self, tensor: Tensor) -> Weight:
        """A placeholder for a tensor that does not depend on the input."""
        if id(tensor) in self._outdated:
            raise UnsupportedError(
                "an operation in place has changed a weight that shares memory with the one used here"
            )
        if tensor.is_meta:
            raise UnsupportedError(
                "a function made it that cannot be read, such as one of torch.jit.script", None, True
            )
        if id(tensor) not in self._sources:
            self._remember(tensor, Attribute(self._module, self._constant(tensor.detach())))
        return Weight(self._sources[id(tensor)])

    def compute(self, name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """function(*args, **kwargs) of weights and numbers, of which the source is remembered."""
        known = [part for part in parts((args, kwargs)) if isinstance(part, Tensor) and self._known(part)]
        if not known:
            return function(*args, **kwargs)
        if name in _IN_PLACE or (name.endswith("_") and not name.endswith("__")):
            return self._in_place(function, args, kwargs)
        answer = function(*args, **kwargs)
        source = Computation(function, *self._placeholders((tuple(args), dict(kwargs))))
        if isinstance(answer, Tensor):
            self._remember(answer, source)
        elif isinstance(answer, tuple | list):
            for i, part in enumerate(answer):
                if isinstance(part, Tensor):
                    self._remember(part, Computation(_part, (i, source.function, source.args, source.kwargs), {}))
        return answer

    def _known(self, tensor: Tensor) -> bool:
        return id(tensor) in self._sources or id(tensor) in self._outdated

    def _remember(self, tensor: Tensor, source: Source) -> None:
        if id(tensor) not in self._sources:  # x.to(x.dtype) is x
            self._sources[id(tensor)] = source
            self._alive.append(tensor)

    def _placeholders(self, arguments: Any) -> Any:
        return mapped(arguments, lambda part: self.weight(part) if isinstance(part, Tensor) else part)

    def _in_place(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        target = args[0]
        if isinstance(self._sources.get(id(target)), Attribute) and target is not self._fresh(target):
            raise UnsupportedError(
                "it changes a weight in place, so that answers depend on the calls before; compute it anew"
            )
        before = self.weight(target) if id(target) in self._sources else self.weight(target.clone())
        source = Computation(_changed, (function, before, *self._placeholders((tuple(args[1:]), dict(kwargs)))), {})
        answer = function(*args, **kwargs)
        memory = target.untyped_storage()._cdata
        self._outdated |= {
            id(other) for other in self._alive if other is not target and other.untyped_storage()._cdata == memory
        }
        self._sources[id(target)] = source
        self._alive.append(target)
        return answer

    def _fresh(self, tensor: Tensor) -> Tensor | None:
        """The tensor itself if it is a constant of the forward, which is made anew whenever it runs."""
        source = self._sources[id(tensor)]
        constant = isinstance(source, Attribute) and source.name.startswith("_constant")
        return tensor if constant else None

    def _constant(self, tensor: Tensor) -> str:
        name = f"_constant{sum(each.startswith('_constant') for each in self._module._buffers)}"
        self._module.register_buffer(name, tensor.clone(), persistent=False)
        return name


def _part(i: int, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    return function(*args, **kwargs)[i]


def _changed(function: Callable[..., Any], before: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    after = before.clone()
    function(after, *args, **kwargs)
    return after


def _same_numbers(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and one.dtype == other.dtype and one.equal(other)
