"""Where a conversion stands in the network, what it may ask there, and what it could not convert."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from torch import nn

from co_perception.continual.axes import Axes, Refused

Converted = nn.Module | tuple[nn.Module, Axes]
Converter = Callable[[nn.Module, "Site"], Converted]
Visit = Callable[[nn.Module, "Site"], tuple[nn.Module, Axes]]


class Converters(Protocol):
    """What finds the function that converts a module."""

    def find(self, module: nn.Module) -> Converter | None:
        """None where no function is known."""
        ...


class Refusal(NamedTuple):
    """path: of the module, as in `named_modules`. operation: what it does there. reason: why a stream cannot."""

    path: str
    operation: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path or 'the network itself'}: {self.operation}: {self.reason}"


class ConversionError(ValueError):
    """refusals: every operation that has no continual form, in the order of the computation."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("the network has no continual form:\n" + "\n".join(f"  {refusal}" for refusal in refusals))
        self.refusals = refusals


@dataclass(frozen=True)
class Site:
    """Where a module stands. path: as in `named_modules`. axes: of what it is given. visit: converts what stands at a
    site; handed in, because what modules convert to depends on their children."""

    path: str
    axes: Axes
    registry: Converters
    visit: Visit
    windows: int | Mapping[str, int] | None = None
    refusals: list[Refusal] = field(default_factory=list)

    def window(self, what: str) -> int:
        """Frames that `what` looks at, as the caller of `convert` said."""
        given = self.windows.get(self.path) if isinstance(self.windows, Mapping) else self.windows
        if given is None:
            raise Refused(
                f"{what} looks at the whole clip; say how many frames it is to look at: convert(..., window=n) or "
                f"convert(..., window={{{self.path!r}: n}})"
            )
        return given

    def at(self, name: str, axes: Axes) -> Site:
        """The place of the submodule called `name`."""
        return replace(self, path=f"{self.path}.{name}" if self.path else name, axes=axes)

    def convert(self, module: nn.Module) -> tuple[nn.Module, Axes]:
        """What becomes of a module that stands here, and the axes of its answer."""
        return self.visit(module, self)

    def refuse(self, operation: str, reason: str, path: str | None = None) -> None:
        self.refusals.append(Refusal(self.path if path is None else path, operation, reason))
