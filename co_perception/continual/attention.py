"""Multi-head attention over a sliding window of n tokens; a token is a frame, x (B, E, T).

After Hedegaard, Bakhtiarnia and Iosifidis, "Continual Transformers: Redundancy-Free Attention for Online Inference",
ICLR 2023, arXiv:2201.06268. Multiplications are per head (width d) and step, projections apart:

    SingleOutputAttention   one query of the window       y (B, E, T)       2nd
    RetroactiveAttention    every query of the window     y (B, E, T, n)    2n^2 d
    WindowAttention         the same, on windows that exist already: x, y (B, E, T, n)

Queries, keys and values are projected once per token and kept. The paper's retroactive step (7nd) also keeps sums of
exp(q k) and adds and subtracts one token. That is not done here: without a maximum the exponentials overflow (measured
in its library: inputs times 5 wrong, times 20 NaN), a maximum cannot be taken back out of a sum, and subtraction leaves
an error that grows with the stream. The window is attended afresh instead, about 2 % of the multiplications of a
two-block CoOadTR step (n 64, 8 heads of 128). Keeping the scores and computing their new row and column only, n^2 d +
2nd, was measured too: 25 % faster at that size, 2 to 4 times slower with heads of 16 to 64 (one CPU thread), and n^2
numbers more state that half precision would spoil.

Tokens outside the clip are masked: from the first token on, an answer is that of attention among the tokens there are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.layer import TIME, Streaming
from co_perception.continual.position import frames_ahead, hide, inside_windows, rotate, slide, tokens_inside, whole
from co_perception.continual.state import Tree
from co_perception.continual.timing import Clock, Signal, Timing

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AttentionHistory(NamedTuple):
    """Projections of past tokens: keys and values (B, heads, n-1, d), oldest first, and queries yet to be answered."""

    keys: Tensor
    values: Tensor
    queries: Tensor | tuple[()]


class WindowSettings(TypedDict, total=False):
    """Settings of attention that encoder layers hand on as they are; see `WindowAttention`."""

    in_proj_bias: bool
    rotary: bool
    attn_mask: Tensor | None


class AttentionSettings(WindowSettings, total=False):
    """Settings that every attention takes besides its sizes; see `WindowAttention`."""

    dropout: float
    bias: bool


class WindowAttention(Streaming):
    """Ordinary attention among the n tokens of each frame of x (B, E, T, n), as RetroactiveAttention gives them.

    y is (B, E, T, n), zero where a window has no token yet; (B, E, T) where `query_index` names one token to ask.

    The base of the other two. Parameters are named as in `torch.nn.MultiheadAttention`, whose state dict loads.

    Args:
        embed_dim, num_heads: E and a divisor of it.
        window: n, tokens attended at most, the newest included. At least 2.
        query_index: a Python index into the window, -1 being the newest.
        dropout: of attention weights, in training.
        bias: False leaves both projections without bias.
        in_proj_bias: False leaves the input projection without bias, as vision transformers do.
        rotary: turn queries and keys by their position in the window (`position.rotate`).
        attn_mask: (n, n) [query, key], or (n,) for every query, over the positions of a full window, oldest first. As
            in torch, True hides and a float is added to the score. A window that is not full yet lacks the oldest
            positions. No token may be hidden from itself.
    """

    in_proj_bias: nn.Parameter | None
    attn_mask: Tensor | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        window: int,
        *,
        query_index: int | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        in_proj_bias: bool = True,
        rotary: bool = False,
        attn_mask: Tensor | None = None,
    ) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} is not a multiple of {num_heads} heads")
        if window < 2:
            raise ValueError(f"a window holds at least 2 tokens, the newest included, got {window}")
        if rotary and (embed_dim // num_heads) % 2:
            raise ValueError(f"rotary positions turn pairs of channels; heads of {embed_dim // num_heads} are odd")
        self.embed_dim, self.num_heads, self.window = embed_dim, num_heads, window
        self.dropout, self.rotary = dropout, rotary
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * embed_dim, embed_dim)))
        has_bias = bias and in_proj_bias
        self.register_parameter("in_proj_bias", nn.Parameter(torch.zeros(3 * embed_dim)) if has_bias else None)
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        if bias:
            nn.init.zeros_(self.out_proj.bias)
        self.register_buffer("attn_mask", _additive(attn_mask, window), persistent=False)
        self.ahead = None if query_index is None else frames_ahead(query_index, window)
        self.timing = Timing()

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, heads={self.num_heads}, window={self.window}, ahead={self.ahead}"

    def clip(self, x: Tensor) -> Tensor:
        return whole(self, x)

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        y = self.over_windows(x, inside_windows(clock, x.shape[TIME], self.window))
        return y if self.ahead is None else y.squeeze(3), past

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if self.ahead is None else shape[:1]

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        self._check_frame(signal, (self.embed_dim, self.window))
        return ()

    def over_windows(self, x: Tensor, inside: Tensor) -> Tensor:
        """x (B, E, T, m), the newest m <= n tokens of each window; inside (B, T, m): those that exist.

        y (B, E, T, 1) for the one position that asks, otherwise (B, E, T, m).
        """
        asks = self.asks(x.shape[3])
        tokens = x.permute(0, 2, 3, 1).flatten(0, 1)  # (B T, m, E)
        if self.ahead is not None and not (self.rotary or self.training):
            return self._ask_once(tokens, inside.flatten(0, 1)).unflatten(0, inside.shape[:2]).permute(0, 3, 1, 2)
        (q,), (k, v) = self._project(tokens[:, asks], 0, 1), self._project(tokens, 1, 3)
        y = self._among(q, k, v, inside.flatten(0, 1)).unflatten(0, inside.shape[:2]).permute(0, 3, 1, 2)
        return hide(y, inside) if self.ahead is None else y

    def asks(self, size: int) -> slice:
        """The positions whose queries are answered, in windows that hold their newest `size` tokens only."""
        return slice(0, size) if self.ahead is None else slice(size - 1 - self.ahead, size - self.ahead)

    def _project(self, tokens: Tensor, first: int, last: int) -> tuple[Tensor, ...]:
        """Queries (0), keys (1) and values (2) of tokens (N, L, E), from first to last-1, each (N, heads, L, d)."""
        inner = self.out_proj.in_features  # less than embed_dim where heads were pruned
        rows = slice(first * inner, last * inner)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        y = F.linear(tokens, self.in_proj_weight[rows], bias)
        return y.unflatten(2, (last - first, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)

    def _among(self, q: Tensor, k: Tensor, v: Tensor, inside: Tensor) -> Tensor:
        """Attention among the tokens of N windows, (N, 1 or m, E); k, v (N, heads, m, d), inside (N, m)."""
        size, asks = k.shape[2], self.asks(k.shape[2])
        bias = None if self.attn_mask is None else self.attn_mask[-size:, -size:][asks]
        return self._attend(q, k, v, self._allowed(inside), bias, asks.start)

    def _ask_once(self, tokens: Tensor, inside: Tensor) -> Tensor:
        """Attention of one query of each window of tokens (N, m, E), without projecting all tokens: (N, 1, E).

        q (W_k x_j) = (q W_k) x_j and sum_j a_j (W_v x_j) = W_v (sum_j a_j x_j): the same products in another order,
        2 E^2 + 2 m E heads of them instead of 2 m E^2. The keys' bias shifts all scores alike, and shares sum to one.
        """
        heads, asks = self.num_heads, self.asks(tokens.shape[1])
        (q,) = self._project(tokens[:, asks], 0, 1)  # (N, heads, 1, d)
        _, key, value = self.in_proj_weight.unflatten(0, (3, heads, -1)).unbind(0)  # (heads, d, E)
        scores = (q @ key).squeeze(2) @ tokens.transpose(1, 2) / math.sqrt(q.shape[3])  # (N, heads, m)
        allowed = self._allowed(inside)[:, 0]  # (N, 1, m)
        if self.attn_mask is not None:
            size = tokens.shape[1]
            scores = scores + self.attn_mask[-size:, -size:][asks].to(scores.dtype)
        mixed = scores.masked_fill(~allowed, -math.inf).softmax(-1) @ tokens  # (N, heads, E)
        y = (mixed.unsqueeze(2) @ value.transpose(1, 2)).transpose(1, 2).flatten(2)  # (N, 1, heads d)
        return self.out_proj(y if self.in_proj_bias is None else y + self.in_proj_bias[2 * self.embed_dim :])

    def _allowed(self, inside: Tensor) -> Tensor:
        """(N, 1, 1 or m, m) which tokens each query attends, given those that exist (N, m)."""
        size = inside.shape[1]
        # Every token attends itself, existing or not: a softmax over nothing is NaN.
        own = torch.eye(size, dtype=torch.bool, device=inside.device)[self.asks(size)]
        return inside[:, None, None, :] | own

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, allowed: Tensor, bias: Tensor | None, first: int) -> Tensor:
        """Softmax attention and output projection: (N, Lq, E). first: position of query 0, from key 0."""
        if self.rotary:
            q, k = rotate(q, first), rotate(k, 0)
        mask = allowed if bias is None else torch.where(allowed, bias.to(q.dtype), -math.inf)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0)
        return self.out_proj(y.transpose(1, 2).flatten(2))

    def _no_tokens(self, batch_size: int, queries: int, like: Tensor) -> AttentionHistory:
        shape = (batch_size, self.num_heads, self.window - 1, self.out_proj.in_features // self.num_heads)
        waiting = like.new_zeros(*shape[:2], queries, shape[3]) if queries else ()
        return AttentionHistory(like.new_zeros(shape), like.new_zeros(shape), waiting)

    def _check_frame(self, signal: Signal, shape: tuple[int, ...]) -> None:
        if signal.shape != shape:
            letters = "(E,)" if len(shape) == 1 else "(E, window)"
            raise ValueError(
                f"{type(self).__name__} takes frames {letters} = {shape}, got {signal.shape}. A frame is one token: "
                "pool other axes or fold them into the batch first"
            )


class SingleOutputAttention(WindowAttention):
    """Attention of one query over the last n tokens: y (B, E, T) for x (B, E, T).

    An answer describes the token that asks: with query_index -1, output i attends tokens i-n+1 .. i; with -1-a, tokens
    i-n+1+a .. i+a, and comes a frames late.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        window: int,
        *,
        query_index: int = -1,
        **settings: Unpack[AttentionSettings],
    ) -> None:
        super().__init__(embed_dim, num_heads, window, query_index=query_index, **settings)
        self.ahead: int = frames_ahead(query_index, window)
        self.timing = Timing(window, 1, window - 1 - self.ahead, self.ahead)

    def stream(self, x: Tensor, past: AttentionHistory, clock: Clock) -> tuple[Tensor, AttentionHistory]:
        q, k, v = self._project(x.transpose(1, 2), 0, 3)
        queries = past.queries
        if isinstance(queries, Tensor):
            q, queries = slide(queries, q)
        (k, keys), (v, values) = slide(past.keys, k), slide(past.values, v)
        inside = tokens_inside(clock, x.shape[TIME], self.window)
        # Blocks of n queries see 2n - 1 keys: a long clip costs as its windows do, not the square of its length.
        parts = []
        for start in range(0, x.shape[TIME], self.window):
            end = min(start + self.window, x.shape[TIME])
            near = slice(start, end + self.window - 1)
            parts.append(self._banded(q[:, :, start:end], k[:, :, near], v[:, :, near], inside[:, near]))
        return torch.cat(parts, dim=1).transpose(1, 2), AttentionHistory(keys, values, queries)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> AttentionHistory:
        self._check_frame(signal, (self.embed_dim,))
        return self._no_tokens(batch_size, self.ahead, like)

    def _banded(self, q: Tensor, k: Tensor, v: Tensor, inside: Tensor) -> Tensor:
        """Attention of L queries over one band of keys, (B, L, E): query i attends keys i .. i+n-1.

        q (B, heads, L, d); k, v (B, heads, L+n-1, d); inside (B, L+n-1).
        """
        own = self.window - 1 - self.ahead  # position in its window of the token that asks
        position = torch.arange(k.shape[2], device=k.device) - torch.arange(q.shape[2], device=k.device)[:, None]
        band = (position >= 0) & (position < self.window)
        # A token sees itself even outside the clip: a softmax over nothing is NaN.
        allowed = (band & inside[:, None, None, :]) | (position == own)
        bias = None if self.attn_mask is None else self.attn_mask[own][position.clamp(0, self.window - 1)]
        return self._attend(q, k, v, allowed, bias, own)


class RetroactiveAttention(WindowAttention):
    """Attention of every token of the window at every step: y (B, E, T, n) for x (B, E, T), the newest token last.

    Zero where a window has no token yet.
    """

    def __init__(self, embed_dim: int, num_heads: int, window: int, **settings: Unpack[AttentionSettings]) -> None:
        if "query_index" in settings:
            raise ValueError(
                "a retroactive layer answers every token; query_index belongs to the layer that follows it"
            )
        super().__init__(embed_dim, num_heads, window, **settings)
        self.timing = Timing(window, 1, window - 1, 0)

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, AttentionHistory]:
        q, k, v = self._project(x.transpose(1, 2), 0, 3)
        (q, queries), (k, keys), (v, values) = slide(past.queries, q), slide(past.keys, k), slide(past.values, v)
        inside = inside_windows(clock, x.shape[TIME], self.window)
        if q.shape[2] > self.window:  # one window (B T, heads, n, d) for each frame of a chunk
            q, k, v = (part.unfold(2, self.window, 1).permute(0, 2, 1, 4, 3).flatten(0, 1) for part in (q, k, v))
        y = self._among(q, k, v, inside.flatten(0, 1)).unflatten(0, inside.shape[:2])
        return hide(y.permute(0, 3, 1, 2), inside), AttentionHistory(keys, values, queries)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> AttentionHistory:
        self._check_frame(signal, (self.embed_dim,))
        return self._no_tokens(batch_size, self.window - 1, like)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape, self.window)


def _additive(mask: Tensor | None, window: int) -> Tensor | None:
    """Convert a mask of torch's convention to numbers (window, window) to add to scores."""
    if mask is None:
        return None
    if tuple(mask.shape) not in ((window,), (window, window)):
        raise ValueError(
            f"attn_mask has shape ({window},) or ({window}, {window}), the window's, got {tuple(mask.shape)}"
        )
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape).masked_fill(mask, -math.inf)
    mask = mask.expand(window, window).clone()
    if mask.diagonal().eq(-math.inf).any():
        raise ValueError("attn_mask hides a token from itself: a stream's first token sees no other. True means hidden")
    return mask
