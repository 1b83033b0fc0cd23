"""Attention over a sliding window in ten lines each: what the continual layers are compared with."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def single_output_attention_ref(q: Tensor, k: Tensor, v: Tensor, window: int, ahead: int = 0) -> Tensor:
    """Reference of single-output attention: y (B, heads, T, d) for q, k, v (B, heads, T, d) of a clip.

    Query i attends tokens i+ahead-window+1 .. i+ahead.
    """
    frames, answers = q.shape[2], []
    for i in range(frames):
        tokens = slice(max(0, i + ahead - window + 1), min(frames, i + ahead + 1))
        scores = q[:, :, i : i + 1] @ k[:, :, tokens].transpose(2, 3) / math.sqrt(q.shape[3])
        answers.append(scores.softmax(-1) @ v[:, :, tokens])
    return torch.cat(answers, dim=2)


def retroactive_attention_ref(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Reference of retroactive attention: y (B, heads, T, window, d) for q, k, v (B, heads, T, d) of a clip.

    All tokens of each window attend, the newest last.
    """
    y = q.new_zeros(*q.shape[:3], window, q.shape[3])
    for i in range(q.shape[2]):
        tokens = slice(max(0, i - window + 1), i + 1)
        scores = q[:, :, tokens] @ k[:, :, tokens].transpose(2, 3) / math.sqrt(q.shape[3])
        y[:, :, i, window - scores.shape[2] :] = scores.softmax(-1) @ v[:, :, tokens]
    return y


def encoder_ref(encoder: nn.TransformerEncoder, x: Tensor, window: int, ahead: int = 0) -> Tensor:
    """Reference of `TransformerEncoder` in plain torch: y (B, E, T) for a clip x (B, E, T); encoder is batch_first."""
    frames, answers = x.shape[2], []
    for i in range(frames):
        first, last = max(0, i + ahead - window + 1), min(frames, i + ahead + 1)
        answers.append(encoder(x[:, :, first:last].transpose(1, 2))[:, i - first])
    return torch.stack(answers, dim=2)
