"""Transformer encoders over a sliding window of n tokens: each layer alone, and a stack of any depth.

After Hedegaard, Bakhtiarnia and Iosifidis, "Continual Transformers", ICLR 2023, arXiv:2201.06268. A token x (B, E, T)
enters; the outputs are

    SingleOutputEncoderLayer   (B, E, T) -> (B, E, T)         one token of the window
    RetroactiveEncoderLayer    (B, E, T) -> (B, E, T, n)      the whole window, attended afresh at every step
    EncoderLayer               (B, E, T, n) -> (B, E, T, n)   an ordinary layer on windows; or (B, E, T), one token
    TransformerEncoder         (B, E, T) -> (B, E, T)         depth 1: single; N: retroactive, N - 2 ordinary, one token

Parameters are named as in `torch.nn.TransformerEncoderLayer` and `torch.nn.TransformerEncoder`, whose state dicts load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual import history
from co_perception.continual.attention import (
    AttentionHistory,
    AttentionSettings,
    RetroactiveAttention,
    SingleOutputAttention,
    WindowAttention,
    WindowSettings,
)
from co_perception.continual.history import History, hold
from co_perception.continual.layer import TIME, Streaming
from co_perception.continual.position import frames_ahead, hide, inside_windows, slide, whole
from co_perception.continual.state import Tree
from co_perception.continual.timing import Clock, Signal, Timing

if TYPE_CHECKING:
    from typing_extensions import Unpack

Activation = str | Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class EncoderSettings(AttentionSettings, total=False):
    """Settings of encoders besides sizes and `query_index`; see `EncoderLayer`."""

    feedforward: int
    activation: Activation
    norm_first: bool
    layer_norm_eps: float


class SingleOutputHistory(NamedTuple):
    """History of a layer that answers one token; waiting: frames (B, E) of the skip connection, late queries only."""

    attention: AttentionHistory
    waiting: History


class RetroactiveHistory(NamedTuple):
    """History of a layer that answers the window; tokens: (B, E, n-1), the skip connection of its older tokens."""

    attention: AttentionHistory
    tokens: Tensor


class EncoderLayer(Streaming):
    """An ordinary encoder layer among the n tokens of each frame of x (B, E, T, n). The base of the other two.

    y is (B, E, T, n), zero where a window has no token yet; (B, E, T) where `query_index` names one token to answer.

    Args:
        embed_dim, num_heads, window, query_index: as in `WindowAttention`, and so are all that are not listed here.
        feedforward: channels between linear1 and linear2.
        dropout: as in torch, of attention weights and of both branches, only in training.
        activation: "relu", "gelu" or a function.
        norm_first: normalize what enters a branch (pre-norm), not the sum after it.
        layer_norm_eps: of both norms.
        bias: False for none.
    """

    attention_class: type[WindowAttention] = WindowAttention

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        window: int,
        *,
        query_index: int | None = None,
        feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        norm_first: bool = False,
        layer_norm_eps: float = 1e-5,
        bias: bool = True,
        **settings: Unpack[WindowSettings],
    ) -> None:
        super().__init__()
        query = {} if query_index is None else {"query_index": query_index}
        self.self_attn = self.attention_class(
            embed_dim, num_heads, window, dropout=dropout, bias=bias, **query, **settings
        )
        self.linear1 = nn.Linear(embed_dim, feedforward, bias=bias)
        self.linear2 = nn.Linear(feedforward, embed_dim, bias=bias)
        self.norm1 = nn.LayerNorm(embed_dim, eps=layer_norm_eps, bias=bias)
        self.norm2 = nn.LayerNorm(embed_dim, eps=layer_norm_eps, bias=bias)
        self.dropout = nn.Dropout(dropout)
        if callable(activation):
            self.activation = activation
        elif activation in ACTIVATIONS:
            self.activation = ACTIVATIONS[activation]
        else:
            raise ValueError(f"activation is one of {sorted(ACTIVATIONS)} or a function, got {activation!r}")
        self.norm_first = norm_first
        self.timing = self.self_attn.timing

    def clip(self, x: Tensor) -> Tensor:
        return whole(self, x)

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        y = self.over_windows(x, inside_windows(clock, x.shape[TIME], self.self_attn.window))
        return y if self.self_attn.ahead is None else y.squeeze(3), past

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        return self.self_attn.init_history(batch_size, signal, like)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.self_attn.frame_out(shape)

    def over_windows(self, x: Tensor, inside: Tensor) -> Tensor:
        """x (B, E, T, m), the newest m <= n tokens of each window; inside (B, T, m): those that exist.

        y (B, E, T, 1) where one token is answered, otherwise (B, E, T, m).
        """
        y = self._after(x[..., self.self_attn.asks(x.shape[3])], self.self_attn.over_windows(self._before(x), inside))
        return hide(y, inside) if self.self_attn.ahead is None else y

    def _before(self, x: Tensor) -> Tensor:
        """The input of the attention for x (B, E, ...)."""
        return self.norm1(x.movedim(1, -1)).movedim(-1, 1) if self.norm_first else x

    def _after(self, skip: Tensor, attended: Tensor) -> Tensor:
        """The layer from its first sum on: skip and attended (B, E, ...)."""
        y = (skip + self.dropout(attended)).movedim(1, -1)
        if self.norm_first:
            y = y + self._feed_forward(self.norm2(y))
        else:
            y = self.norm1(y)
            y = self.norm2(y + self._feed_forward(y))
        return y.movedim(-1, 1)

    def _feed_forward(self, y: Tensor) -> Tensor:
        return self.dropout(self.linear2(self.dropout(self.activation(self.linear1(y)))))


class SingleOutputEncoderLayer(EncoderLayer):
    """An encoder layer that answers one token of the window, by default the newest: x and y (B, E, T).

    Output i describes token i. With query_index -1-a it comes a frames late, and so does the skip connection.
    """

    attention_class = SingleOutputAttention

    def stream(self, x: Tensor, past: SingleOutputHistory, clock: Clock) -> tuple[Tensor, SingleOutputHistory]:
        attended, attention = self.self_attn.stream(self._before(x), past.attention, clock)
        skip, waiting = hold(x, past.waiting)
        return self._after(skip, attended), SingleOutputHistory(attention, waiting)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> SingleOutputHistory:
        attention = self.self_attn.init_history(batch_size, signal, like)
        return SingleOutputHistory(attention, history.init(batch_size, self.timing.after, signal, like))


class RetroactiveEncoderLayer(EncoderLayer):
    """An encoder layer that answers the whole window at every step: x (B, E, T), y (B, E, T, n), the newest token last.

    Zero where a window has no token yet.
    """

    attention_class = RetroactiveAttention

    def stream(self, x: Tensor, past: RetroactiveHistory, clock: Clock) -> tuple[Tensor, RetroactiveHistory]:
        window = self.self_attn.window
        attended, attention = self.self_attn.stream(self._before(x), past.attention, clock)
        joined, tokens = slide(past.tokens, x)
        windows = joined.unsqueeze(2) if joined.shape[2] == window else joined.unfold(2, window, 1)
        y = self._after(windows, attended)
        return hide(y, inside_windows(clock, x.shape[TIME], window)), RetroactiveHistory(attention, tokens)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> RetroactiveHistory:
        attention = self.self_attn.init_history(batch_size, signal, like)
        return RetroactiveHistory(attention, like.new_zeros(batch_size, *signal.shape, self.self_attn.window - 1))


class TransformerEncoder(Streaming):
    """An encoder of any depth over the last n tokens, answering one of them: x and y (B, E, T).

    Output i is that of `torch.nn.TransformerEncoder` on tokens i-n+1 .. i of the clip (those that exist), at token i;
    with query_index -1-a, on tokens i-n+1+a .. i+a. Depth 1 is a single-output layer. Deeper, every token's meaning
    changes with the window's first token, so all layers but the last work on the whole window at every step.

    Args:
        embed_dim, num_heads, window, query_index, settings: as in `EncoderLayer`.
        final_norm: a LayerNorm `norm` after the last layer.
    """

    def __init__(
        self,
        num_layers: int,
        embed_dim: int,
        num_heads: int,
        window: int,
        *,
        query_index: int = -1,
        final_norm: bool = False,
        **settings: Unpack[EncoderSettings],
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"an encoder has at least one layer, got num_layers={num_layers}")
        sizes = (embed_dim, num_heads, window)
        layers: list[EncoderLayer] = []
        if num_layers == 1:
            layers.append(SingleOutputEncoderLayer(*sizes, query_index=query_index, **settings))
        else:
            layers.append(RetroactiveEncoderLayer(*sizes, **settings))
            layers.extend(EncoderLayer(*sizes, **settings) for _ in range(num_layers - 2))
            layers.append(EncoderLayer(*sizes, query_index=query_index, **settings))
        self.layers = nn.ModuleList(layers)
        eps, bias = settings.get("layer_norm_eps", 1e-5), settings.get("bias", True)
        self.norm = nn.LayerNorm(embed_dim, eps=eps, bias=bias) if final_norm else None
        ahead = frames_ahead(query_index, window)
        self.timing = Timing(window, 1, window - 1 - ahead, ahead)

    def clip(self, x: Tensor) -> Tensor:
        return whole(self, x)

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        first, *others = self._stack()
        x, past = first.stream(x, past, clock)
        for layer in others:
            # Layers on windows keep no history, and a window's place in the clip is that of its newest token.
            x, _ = layer.stream(x, (), clock)
        return self._normed(x), past

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        return self._stack()[0].init_history(batch_size, signal, like)

    def on_window(self, x: Tensor) -> Tensor:
        """The answer (B, E) to one window x (B, E, m) of m <= n tokens, for training on windows.

        It costs one window; `clip` answers every token of a clip with its own window, which costs one window each where
        layers are stacked.

        Raises:
            ValueError: for a window of another length.
        """
        if not self.timing.after < x.shape[2] <= self.timing.receptive_field:
            raise ValueError(
                f"a window holds {self.timing.after + 1} to {self.timing.receptive_field} tokens, got {x.shape[2]}. "
                "Longer clips go through clip(), which answers every token"
            )
        y = x.unsqueeze(TIME)
        inside = torch.ones(x.shape[0], 1, x.shape[2], dtype=torch.bool, device=x.device)
        for layer in self._stack():
            y = layer.over_windows(y, inside)
        return self._normed(y.squeeze(3)).squeeze(TIME)

    def _normed(self, y: Tensor) -> Tensor:
        return y if self.norm is None else self.norm(y.movedim(1, -1)).movedim(-1, 1)

    def _stack(self) -> list[EncoderLayer]:
        return list(self.layers)  # type: ignore[arg-type]  # a ModuleList does not know what it holds
