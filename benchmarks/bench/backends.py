"""The backends of `co_perception.runtime.choose`; until they are there, the eager one alone."""

from __future__ import annotations

from typing import Any

try:
    from co_perception.runtime.choose import BACKENDS, stepper
except ImportError:
    from co_perception.continual.fold import fold_batch_norm

    BACKENDS = ("eager",)

    class _Eager:
        name, precision, said = "eager", "float32", "the only one there is"

        def __init__(self, network: Any, shape: tuple[int, ...]) -> None:
            self._network, self._shape = fold_batch_norm(network), shape

        def init_state(self, batch_size: int) -> Any:
            return self._network.init_state(batch_size, self._shape)

        def __call__(self, x: Any, state: Any) -> Any:
            return self._network(x, state)

    def stepper(network: Any, shape: tuple[int, ...], backend: str = "auto", **_: Any) -> Any:
        if backend not in ("auto", "eager"):
            raise ValueError(f"no backend {backend!r}; there is: eager")
        return _Eager(network, shape)


__all__ = ["BACKENDS", "stepper"]
