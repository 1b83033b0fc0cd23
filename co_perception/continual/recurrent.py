"""Recurrent layers on x (B, C, T) with torch's parameters: uni-directional, any number of layers, zero initial state.

Their `timing` says one frame, which is what an answer waits for. What it depends on is every frame since the start.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from co_perception.continual.layer import TIME, Clock, Signal, Streaming
from co_perception.continual.timing import Timing

Tree = tuple[tuple[Tensor, ...], ...]  # per kind of state (one; two for LSTM) and layer: (B, hidden_size)


class _Recurrent(Streaming, nn.RNNBase):
    """What the three share. Subclasses hand `input_size, hidden_size, num_layers, bias, dropout` to torch."""

    kinds: int = 1
    torch_class: type[nn.RNNBase]

    def _place(self) -> None:
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        return self._run(x, None)[0]

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        state = tuple(torch.stack(layers) for layers in past)
        if clock.lag == 0:
            y, state = self._run(x, state)
            return y, tuple(kind.unbind(0) for kind in state)
        # Frames from before the clip must leave no trace, and no input does that to a recurrence: its biases would.
        inside, answers = clock.index(x.shape[TIME]) >= 0, []
        for frame, real in zip(x.split(1, dim=TIME), inside.unbind(1), strict=True):
            y, state = self._run(frame, state)
            state = tuple(torch.where(real[:, None], kind, 0.0) for kind in state)
            answers.append(y)
        return torch.cat(answers, dim=TIME), tuple(kind.unbind(0) for kind in state)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        return tuple(
            tuple(like.new_zeros(batch_size, self.hidden_size) for _ in range(self.num_layers))
            for _ in range(self.kinds)
        )

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.hidden_size,)

    def _run(self, x: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """torch's layer on x (B, C, T) from state, one (layers, B, hidden_size) per kind; None is zero."""
        if x.dim() != 3:
            raise ValueError(
                f"a recurrent layer takes (B, C, T), got {tuple(x.shape)}. Pool or flatten space before it"
            )
        first = state if state is None or self.kinds > 1 else state[0]
        y, last = self.torch_class.forward(self, x.transpose(1, TIME), first)
        return y.transpose(1, TIME), cast(tuple[Tensor, ...], last if self.kinds > 1 else (last,))


class RNN(_Recurrent, nn.RNN):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.RNN` (Elman) on x (B, C, T)."""

    torch_class = nn.RNN

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        nonlinearity: str = "tanh",
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        settings = dict(nonlinearity=nonlinearity, bias=bias, dropout=dropout)
        nn.RNN.__init__(self, input_size, hidden_size, num_layers, batch_first=True, **settings)
        self._place()


class LSTM(_Recurrent, nn.LSTM):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.LSTM` on x (B, C, T)."""

    kinds = 2
    torch_class = nn.LSTM

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, *, bias: bool = True, dropout: float = 0.0
    ) -> None:
        nn.LSTM.__init__(self, input_size, hidden_size, num_layers, bias=bias, batch_first=True, dropout=dropout)
        self._place()


class GRU(_Recurrent, nn.GRU):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.GRU` on x (B, C, T)."""

    torch_class = nn.GRU

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, *, bias: bool = True, dropout: float = 0.0
    ) -> None:
        nn.GRU.__init__(self, input_size, hidden_size, num_layers, bias=bias, batch_first=True, dropout=dropout)
        self._place()
