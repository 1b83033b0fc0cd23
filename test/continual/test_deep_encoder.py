"""DeepCoT beside torch's encoder with a causal mask of n tokens, beside its equations, and beside our own encoder."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.refusals import assert_refused
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming
from co_perception.networks import cost

E, HEADS, N, FF = 8, 2, 4, 12
DEPTHS = pytest.mark.parametrize("depth", [1, 2, 4])


def encoder(depth: int, final_norm: bool = False) -> co.DeepContinualEncoder:
    torch.manual_seed(depth)
    made = co.DeepContinualEncoder(depth, E, HEADS, N, feedforward=FF, final_norm=final_norm).double().eval()
    for value in made.parameters():
        if value.dim() == 1:  # norms and biases away from their start
            value.data.uniform_(0.3, 1.3)
    return made


def tokens(frames: int) -> Tensor:
    return torch.randn(2, E, frames, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def masked(own: co.DeepContinualEncoder, x: Tensor, depth: int, final_norm: bool = False) -> Tensor:
    """torch's encoder on a whole clip, each token seeing itself and the n - 1 before it."""
    norm = nn.LayerNorm(E) if final_norm else None
    layer = nn.TransformerEncoderLayer(E, HEADS, FF, batch_first=True)
    plain = nn.TransformerEncoder(layer, depth, norm, enable_nested_tensor=False).double().eval()
    plain.load_state_dict(own.state_dict())
    behind = torch.arange(x.shape[2])[:, None] - torch.arange(x.shape[2])
    return plain(x.transpose(1, 2), mask=(behind < 0) | (behind >= N)).transpose(1, 2)


@DEPTHS
@pytest.mark.parametrize("final_norm", [False, True])
def test_it_is_torchs_encoder_with_a_banded_mask_and_streams(depth: int, final_norm: bool) -> None:
    own = encoder(depth, final_norm)
    assert own.receptive_field == depth * (N - 1) + 1 and own.delay == 0
    check_streaming(
        own, (E,), frames=20, reference=lambda x: masked(own, x, depth, final_norm), tolerance=1e-10, export=depth == 2
    )


@torch.no_grad()
def test_the_equations_step_by_step() -> None:
    """Keys and values of each layer are memories of n rows, to which a step adds one and which nothing changes."""
    own, x = encoder(3), tokens(11)
    memories: list[tuple[list[Tensor], list[Tensor]]] = [([], []) for _ in range(3)]
    answers = []
    for token in x[0].T:
        for number, (keys, values) in enumerate(memories):
            w = {name.removeprefix(f"layers.{number}."): p for name, p in own.state_dict().items()}
            q, k, v = (w["self_attn.in_proj_weight"] @ token + w["self_attn.in_proj_bias"]).chunk(3)
            keys.append(k)
            values.append(v)
            del keys[:-N], values[:-N]
            heads = []
            for head in range(HEADS):
                part = slice(head * E // HEADS, (head + 1) * E // HEADS)
                scores = torch.stack([q[part] @ key[part] for key in keys]) / math.sqrt(E // HEADS)
                heads.append(sum(s * value[part] for s, value in zip(scores.softmax(0), values, strict=True)))
            attended = w["self_attn.out_proj.weight"] @ torch.cat(heads) + w["self_attn.out_proj.bias"]
            y = nn.functional.layer_norm(token + attended, (E,), w["norm1.weight"], w["norm1.bias"])
            hidden = torch.relu(w["linear1.weight"] @ y + w["linear1.bias"])
            out = w["linear2.weight"] @ hidden + w["linear2.bias"]
            token = nn.functional.layer_norm(y + out, (E,), w["norm2.weight"], w["norm2.bias"])
        answers.append(token)
    torch.testing.assert_close(own.clip(x)[0], torch.stack(answers, 1))


@torch.no_grad()
def test_where_it_must_agree_with_the_encoder_that_computes_windows_anew() -> None:
    """Of one layer they are the same; of several at the first token, where both have one token, and not after it."""
    x = tokens(9)
    for depth in (1, 3):
        deep, anew = encoder(depth), co.TransformerEncoder(depth, E, HEADS, N, feedforward=FF).double().eval()
        anew.load_state_dict(deep.state_dict())
        ours, theirs = deep.clip(x), anew.clip(x)
        torch.testing.assert_close(ours[:, :, 0], theirs[:, :, 0])
        assert torch.allclose(ours, theirs) == (depth == 1)
    torch.testing.assert_close(deep.on_window(x), ours[:, :, -1])


def test_a_step_costs_as_much_more_as_the_window_is_longer() -> None:
    """O(n d) a layer; the encoder that computes the window anew has a part that grows with its square."""

    def macs(kind: type[co.DeepContinualEncoder] | type[co.TransformerEncoder], window: int) -> float:
        return cost.macs_per_step(kind(3, E, HEADS, window, feedforward=FF), (E,))

    deep = [macs(co.DeepContinualEncoder, window) for window in (8, 16, 32)]
    assert deep[2] - deep[1] == 2 * (deep[1] - deep[0]) == 2 * 3 * 2 * E * 8
    anew = [macs(co.TransformerEncoder, window) for window in (8, 16, 32)]
    assert anew[2] - anew[1] > 2 * (anew[1] - anew[0]) and anew[2] > 5 * deep[2]


def test_no_layer_is_refused() -> None:
    assert_refused("at least one layer", co.DeepContinualEncoder, 0, E, HEADS, N)
