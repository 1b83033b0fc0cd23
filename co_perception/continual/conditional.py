"""Choose between two layers frame by frame, without a branch on a value.

Both always run. That is what keeps the choice exact in a stream: the layer that was not chosen has still seen every
frame when it is, each stream of a batch may choose otherwise, and the traced program is one. To run only one of two
networks, choose in Python before stepping, and keep a state for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from co_perception.continual.container import Parallel
from co_perception.continual.framewise import EachFrame
from co_perception.continual.layer import TIME, Streaming

Predicate = Callable[[nn.Module, Tensor], Tensor | bool]


class Conditional(Parallel):
    """`on_true` where the predicate holds for a frame, `on_false` (the identity unless given) elsewhere.

    predicate(module, x): of frames x (B, C, T, *space), a bool tensor (B, T), each computed from its own frame alone,
    or one bool for all of them, such as `lambda module, x: not module.training`. A choice waits as long as the
    answers do: the one made at a frame decides between the answers for that frame. Both layers keep a clip's length.
    """

    def __init__(self, predicate: Predicate, on_true: nn.Module, on_false: nn.Module | None = None) -> None:
        branches = {"0": on_true, "1": on_false or nn.Identity(), "choice": _Choice(predicate)}
        super().__init__(branches, reduce=_choose)
        for name, layer in zip(branches, self.layers, strict=True):
            _check_length(name, layer)


class _Choice(EachFrame):
    """The predicate as frames (B, 1, T, 1, ...) of ones and zeros, so that it can wait in a history like any frame."""

    def __init__(self, predicate: Predicate) -> None:
        super().__init__()
        self.predicate = predicate

    def clip(self, x: Tensor) -> Tensor:
        held = self.predicate(self, x)
        expected = (x.shape[0], x.shape[TIME])
        if isinstance(held, bool):
            held = torch.full(expected, held, device=x.device)
        if held.shape != expected or held.dtype != torch.bool:
            raise ValueError(
                f"a predicate gives a bool, or bools (B, T) = {expected}; got {held.dtype} {tuple(held.shape)}. "
                "Reduce over channels and space only, for example (x > 0).flatten(3).any(-1).any(1)"
            )
        return held.to(x.dtype).view(x.shape[0], 1, x.shape[TIME], *[1] * (x.dim() - 3))

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(1 for _ in shape)


def _choose(branches: Sequence[Tensor]) -> Tensor:
    on_true, on_false, choice = branches
    per_frame = choice.flatten(2).view(*choice.shape[:3], *[1] * (on_true.dim() - 3))
    return torch.where(per_frame != 0, on_true, on_false)


def _check_length(name: str, layer: Streaming) -> None:
    timing = layer.timing
    if timing.stride != 1 or timing.before + timing.after != timing.receptive_field - 1:
        raise ValueError(
            f"layer {name} gives another number of frames than it takes ({timing}): a choice per frame has no answer "
            "to meet. Pad it to equal length, and put strides before or after Conditional"
        )
