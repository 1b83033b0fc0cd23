"""Positions of tokens in a stream: a recycled table of encodings, a rotation that needs none, and sliding windows.

A stream has no first token to count from, so a table of L entries is used cyclically (Hedegaard, Bakhtiarnia and
Iosifidis, "Continual Transformers", ICLR 2023, arXiv:2201.06268). With L >= n the tokens of a window of n have entries
of their own; 2n - 1 served its authors best. Rotary positions (Su et al., "RoFormer", arXiv:2104.09864) depend on
differences only and are applied inside the window, so that neither age nor a period matters.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from co_perception.continual.layer import TIME, Streaming
from co_perception.continual.timing import Clock, Signal, Timing


class RecyclingPositionalEncoding(Streaming):
    """Positional encoding with a cyclic table: x (B, E, T, *space) plus entry `index mod length`.

    The index is that of the frame in its clip.

    Args:
        embed_dim, length: E, and entries of the table.
        learned: a table `pe.weight` (length, E), otherwise that of `cyclic_table`, `pe.pattern`: names of the original.
        shift: in training mode, `clip` starts each clip at a random entry, as a window of a long stream starts
            anywhere. Evaluation and streaming are deterministic: a stream's first frame has entry 0.
    """

    def __init__(self, embed_dim: int, length: int, *, learned: bool = True, shift: bool = True) -> None:
        super().__init__()
        if length < 1:
            raise ValueError(f"a table has at least one entry, got length={length}; 2 * window - 1 is a good one")
        self.pe: nn.Embedding | _Fixed = nn.Embedding(length, embed_dim) if learned else _Fixed(length, embed_dim)
        self.length_of_table, self.shift = length, shift
        self.timing = Timing()

    def extra_repr(self) -> str:
        return f"length={self.length_of_table}, shift={self.shift}"

    def clip(self, x: Tensor) -> Tensor:
        index = torch.arange(x.shape[TIME], device=x.device).expand(x.shape[0], -1)
        if self.training and self.shift:
            index = index + torch.randint(self.length_of_table, (x.shape[0], 1), device=x.device)
        return self._add(x, index)

    def stream(self, x: Tensor, past: tuple[()], clock: Clock) -> tuple[Tensor, tuple[()]]:
        return self._add(x, clock.index(x.shape[TIME])), past

    def _add(self, x: Tensor, index: Tensor) -> Tensor:
        entries = self.pe(index % self.length_of_table).movedim(-1, 1)  # (B, E, T)
        return x + entries.reshape(*entries.shape, *[1] * (x.dim() - 3))


class _Fixed(nn.Module):
    pattern: Tensor

    def __init__(self, length: int, embed_dim: int) -> None:
        super().__init__()
        self.register_buffer("pattern", cyclic_table(length, embed_dim).to(torch.get_default_dtype()))

    def forward(self, index: Tensor) -> Tensor:
        return self.pattern[index]


def cyclic_table(length: int, embed_dim: int) -> Tensor:
    """Cyclic table (length, embed_dim) float64: waves whose last entry neighbors their first.

    Ma et al., "Learning to Iteratively Solve Routing Problems with Dual-Aspect Collaborative Transformer", NeurIPS
    2021, equation 4 and appendix B, averaged over five neighbors and centered. Waves are evaluated at their exact
    places, which published code rounds down to 1/100: a difference in the shortest waves only.
    """
    half = embed_dim // 2
    if half < 1:
        raise ValueError(f"a cyclic table needs an embed_dim of at least 2, got {embed_dim}")
    channel = torch.arange(embed_dim)
    periods = torch.linspace(length ** (1 / half), length, half, dtype=torch.float64).long()
    place = channel // 3 * 3 + 1
    period = torch.where(place < half, periods[place.clamp(max=half - 1)], length).double()
    frequency = 2 * math.pi / period
    phase = torch.where(channel <= half, 0.0, 2 * math.pi * (half - channel) / half)
    # Stretched so that a whole number of periods fits the table.
    z = torch.arange(length).double()[:, None] / length * torch.ceil(length / period) * period
    angle = frequency * (z % (2 * period) - period).abs() + phase
    wave = torch.where(channel % 2 == 0, angle.sin(), angle.cos())
    smooth = torch.stack([wave.roll(step, dims=0) for step in (-2, -1, 0, 1, 2)]).mean(0)
    return smooth - wave.mean(0)


def rotate(x: Tensor, first: int, base: float = 10_000.0) -> Tensor:
    """Rotary positions (arXiv:2104.09864) of x (..., L, d), whose tokens are at first .. first + L - 1.

    Channels (i, i + d/2) are a pair, turned by the angle position * base ** (-2i/d).
    """
    half = x.shape[-1] // 2
    exact = torch.promote_types(x.dtype, torch.float32)
    position = torch.arange(first, first + x.shape[-2], device=x.device, dtype=exact)
    frequency = base ** (-torch.arange(half, device=x.device, dtype=exact) / half)
    angle = position[:, None] * frequency
    cos, sin = angle.cos(), angle.sin()
    low, high = x[..., :half], x[..., half:]
    return torch.cat([low * cos - high * sin, high * cos + low * sin], dim=-1).to(x.dtype)


def slide(past: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """`past` and `new` tokens joined along axis 2, and the newest of them, as many as `past` has."""
    joined = torch.cat([past.to(new.dtype), new], dim=2)
    newest = joined[:, :, new.shape[2] :]
    # A view would keep a whole long chunk alive for the sake of its last tokens.
    return joined, newest.clone() if new.shape[2] > past.shape[2] else newest


def tokens_inside(clock: Clock, frames: int, window: int) -> Tensor:
    """(B, window - 1 + T) which of the tokens before and in a chunk lie inside the clip."""
    return clock._replace(start=clock.start - (window - 1)).inside(window - 1 + frames)


def inside_windows(clock: Clock, frames: int, window: int) -> Tensor:
    """(B, T, window) which positions of the windows that end at a chunk's frames hold a token of the clip."""
    inside = tokens_inside(clock, frames, window)
    return inside.unsqueeze(1) if frames == 1 else inside.unfold(1, window, 1)


def hide(y: Tensor, inside: Tensor) -> Tensor:
    """Set y (B, E, T, n) to zero where inside (B, T, n) is false."""
    return torch.where(inside[:, None], y, 0.0)


def frames_ahead(query_index: int, window: int) -> int:
    """Tokens of the window that are newer than the one at `query_index`."""
    if not -window <= query_index < window:
        raise ValueError(f"query_index {query_index} is outside a window of {window}: -1 is the newest, 0 the oldest")
    return window - 1 - query_index % window


def whole(layer: Streaming, x: Tensor) -> Tensor:
    """The clip form of a layer that has only a stream: x (B, C, T, *space) as one chunk, late answers included."""
    late, batch, frames = layer.lag_after(0), x.shape[0], x.shape[TIME]
    past = layer.init_history(batch, Signal((x.shape[1], *x.shape[TIME + 1 :])), x)
    start = torch.zeros(batch, dtype=torch.int64, device=x.device)
    padding = x.new_zeros(batch, x.shape[1], late, *x.shape[TIME + 1 :])
    y, _ = layer.stream(torch.cat([x, padding], dim=TIME), past, Clock(start, start + frames, 0))
    return y[:, :, late:]
