"""Recurrent layers on x (B, C, T) with torch's parameters: uni-directional, any number of layers, zero initial state.

Their `timing` has a receptive field of one frame, because an answer waits for no other. It depends on all frames since
the start of the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.timing import Clock, Signal, Timing

Tree = tuple[tuple[Tensor, ...], ...]  # per kind of state (one; two for LSTM) and layer: (B, hidden_size)


class _Recurrent(Streaming, nn.RNNBase):
    """Base of the three: torch's layer of the same name, with its parameters, made streaming.

    Args:
        input_size: C of x.
        hidden_size: C of y.
        num_layers, bias, dropout: as in torch.
        settings: of `RNN`, nonlinearity: "tanh" or "relu".
    """

    kinds: int = 1
    torch_class: type[nn.RNNBase]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        dropout: float = 0.0,
        **settings: str,
    ) -> None:
        initialize: Callable[..., None] = self.torch_class.__init__
        initialize(self, input_size, hidden_size, num_layers, bias=bias, batch_first=True, dropout=dropout, **settings)
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

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        """The same from products and gates, which fast programs know; torch's layer is one operation."""
        if self.training and self.dropout:
            return super().unrolled(frames, past, clock)
        inside = clock.index(len(frames)).unbind(1) if clock.lag and not clock.settled else None
        layers: list[tuple[Tensor, ...]] = list(zip(*past, strict=True))
        answers = []
        for number, x in enumerate(frames):
            for layer, state in enumerate(layers):
                state = self._cell(*self._products(layer, x, state[0]), *state)
                x = state[0]
                if inside is not None:  # frames from before the clip must leave no trace
                    state = tuple(torch.where(inside[number][:, None] >= 0, kind, 0.0) for kind in state)
                layers[layer] = state
            answers.append(x)
        return tuple(answers), tuple(zip(*layers, strict=True))

    def _products(self, layer: int, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted input (B, gates * hidden_size) and the weighted state."""
        names = [f"{kind}_l{layer}" for kind in ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") * self.bias))]
        of_input, of_state, *biases = (getattr(self, name) for name in names)
        return F.linear(x, of_input, *biases[:1]), F.linear(h, of_state, *biases[1:])

    def _cell(self, x: Tensor, hidden: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The state after a frame, from its weighted input, the weighted state and the state itself."""
        raise NotImplementedError

    def settles(self, lag: int) -> int:
        return lag

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

    def _cell(self, x: Tensor, hidden: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return (torch.relu(x + hidden) if self.nonlinearity == "relu" else torch.tanh(x + hidden),)


class LSTM(_Recurrent, nn.LSTM):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.LSTM` on x (B, C, T)."""

    kinds = 2
    torch_class = nn.LSTM

    def _cell(self, x: Tensor, hidden: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        enter, keep, new, show = (x + hidden).split(self.hidden_size, 1)
        c = keep.sigmoid() * state[1] + enter.sigmoid() * new.tanh()
        return show.sigmoid() * c.tanh(), c


class GRU(_Recurrent, nn.GRU):  # type: ignore[misc]  # forward is that of the contract
    """Streaming `torch.nn.GRU` on x (B, C, T)."""

    torch_class = nn.GRU

    def _cell(self, x: Tensor, hidden: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        (reset, update, new), (of_reset, of_update, of_new) = (each.split(self.hidden_size, 1) for each in (x, hidden))
        new = torch.tanh(new + (reset + of_reset).sigmoid() * of_new)
        return (new + (update + of_update).sigmoid() * (state[0] - new),)
