"""Sliding-window attention against torch's own, window by window, and against the ten-line references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers.compiled_steps import assert_compiles_without_break
from helpers.reference_attention import retroactive_attention_ref, single_output_attention_ref
from helpers.refusals import assert_refused
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import co_perception.continual as co
from co_perception.continual.attention import WindowAttention
from co_perception.continual.check import check_streaming, stream_clip
from co_perception.continual.position import rotate
from co_perception.continual.state import leaves, state_bytes

E, HEADS, N = 8, 2, 5
EXACT: dict[str, Any] = dict(tolerance=1e-12, dtype=torch.float64)


def _plain(layer: WindowAttention, **settings: Any) -> nn.MultiheadAttention:
    """torch's attention with the layer's weights."""
    plain = nn.MultiheadAttention(E, HEADS, batch_first=True, **settings).to(layer.in_proj_weight)
    plain.load_state_dict(layer.state_dict())
    return plain.eval()


def _tokens_of(i: int, frames: int, ahead: int = 0) -> range:
    return range(max(0, i + ahead - N + 1), min(frames, i + ahead + 1))


def _torch_single(layer: WindowAttention, ahead: int = 0, mask: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    """Every answer by a call of torch's attention on the tokens of its window."""
    plain = _plain(layer)

    def reference(x: Tensor) -> Tensor:
        answers = []
        for i in range(x.shape[2]):
            tokens = _tokens_of(i, x.shape[2], ahead)
            window = x[:, :, tokens.start : tokens.stop].transpose(1, 2)
            # A window that is not full lacks its oldest positions, at the clip's end its newest.
            first = tokens.start - (i + ahead - N + 1)
            part = None if mask is None else mask[first : first + len(tokens), first : first + len(tokens)]
            answers.append(plain(window, window, window, attn_mask=part, need_weights=False)[0][:, i - tokens.start])
        return torch.stack(answers, dim=2)

    return reference


def _torch_retroactive(layer: WindowAttention) -> Callable[[Tensor], Tensor]:
    plain = _plain(layer)

    def reference(x: Tensor) -> Tensor:
        y = x.new_zeros(*x.shape, N)
        for i in range(x.shape[2]):
            tokens = _tokens_of(i, x.shape[2])
            window = x[:, :, tokens.start : tokens.stop].transpose(1, 2)
            y[:, :, i, N - len(tokens) :] = plain(window, window, window, need_weights=False)[0].transpose(1, 2)
        return y

    return reference


def _random_biases(layer: nn.Module) -> None:
    """Fresh biases are zero and would hide a mistake."""
    for name, parameter in layer.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)


@pytest.mark.parametrize("query_index", [-1, -2, -N, 0, 2])
def test_single_output_equals_torch_on_each_window(query_index: int) -> None:
    layer = co.SingleOutputAttention(E, HEADS, N, query_index=query_index).double()
    _random_biases(layer)
    ahead = N - 1 - query_index % N
    assert layer.delay == ahead
    # 14 frames cross several of the clip's blocks of N queries.
    check_streaming(layer, (E,), reference=_torch_single(layer, ahead), **EXACT)


def test_retroactive_equals_torch_on_each_window() -> None:
    layer = co.RetroactiveAttention(E, HEADS, N).double()
    _random_biases(layer)
    check_streaming(layer, (E,), reference=_torch_retroactive(layer), **EXACT)


@pytest.mark.parametrize("query_index", [-1, -3])
def test_masks_over_positions_are_those_of_torch(query_index: int) -> None:
    ahead = -1 - query_index
    hidden = torch.rand(N, N, generator=torch.Generator().manual_seed(2)) < 0.4
    hidden.fill_diagonal_(False)
    for mask in (hidden, torch.randn(N, N, dtype=torch.float64)):
        layer = co.SingleOutputAttention(E, HEADS, N, query_index=query_index, attn_mask=mask).double()
        check_streaming(layer, (E,), reference=_torch_single(layer, ahead, mask), export=False, **EXACT)


def test_masks_reach_every_query_of_a_retroactive_step() -> None:
    mask = torch.ones(N, N, dtype=torch.bool).triu(1)  # causal inside the window
    layer = co.RetroactiveAttention(E, HEADS, N, attn_mask=mask).double()
    x = torch.randn(1, E, 12, dtype=torch.float64)
    y = layer.clip(x)
    # Causally masked, a position attends those before it: the oldest one itself alone.
    _, _, v = layer._project(x.transpose(1, 2), 0, 3)
    alone = layer.out_proj(v.transpose(1, 2).flatten(2)).transpose(1, 2)
    torch.testing.assert_close(y[:, :, N - 1 :, 0], alone[:, :, : 12 - N + 1])
    check_streaming(layer, (E,), **EXACT)


def test_a_row_of_a_mask_serves_every_query() -> None:
    row = torch.tensor([0.0, -1.0, 2.0, 0.5, 0.0], dtype=torch.float64)
    one = co.RetroactiveAttention(E, HEADS, N, attn_mask=row).double()
    other = co.RetroactiveAttention(E, HEADS, N, attn_mask=row.expand(N, N)).double()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, E, 9, dtype=torch.float64)
    assert torch.equal(one.clip(x), other.clip(x))
    assert "attn_mask" not in one.state_dict(), "a mask is a setting, not a weight of torch's layer"


@pytest.mark.parametrize("ahead", [0, 2])
def test_single_output_equals_its_reference(ahead: int) -> None:
    layer = co.SingleOutputAttention(E, HEADS, N, query_index=-1 - ahead).double()
    x = torch.randn(2, E, 17, dtype=torch.float64)
    q, k, v = layer._project(x.transpose(1, 2), 0, 3)
    y = single_output_attention_ref(q, k, v, N, ahead)
    torch.testing.assert_close(layer.clip(x), layer.out_proj(y.transpose(1, 2).flatten(2)).transpose(1, 2))


def test_retroactive_equals_its_reference() -> None:
    layer = co.RetroactiveAttention(E, HEADS, N, bias=False).double()
    x = torch.randn(2, E, 11, dtype=torch.float64)
    q, k, v = layer._project(x.transpose(1, 2), 0, 3)
    y = retroactive_attention_ref(q, k, v, N).permute(0, 2, 3, 1, 4).flatten(3)
    torch.testing.assert_close(layer.clip(x), layer.out_proj(y).permute(0, 3, 1, 2))


@pytest.mark.parametrize("query_index", [-1, -3])
def test_rotary_turns_by_position_in_the_window_at_any_age(query_index: int) -> None:
    layer = co.SingleOutputAttention(E, HEADS, N, query_index=query_index, rotary=True).double()

    def reference(x: Tensor) -> Tensor:
        q, k, v = layer._project(x.transpose(1, 2), 0, 3)
        y = single_output_attention_ref(rotate(q, 1000), rotate(k, 1000), v, N, -1 - query_index)
        return layer.out_proj(y.transpose(1, 2).flatten(2)).transpose(1, 2)

    check_streaming(layer, (E,), reference=reference, **EXACT)
    # Positions are relative, so that a stream of any age answers a window as a fresh one does, to the bit.
    window = torch.randn(1, E, N, dtype=torch.float64)
    young, _ = layer(window, layer.init_state(1, (E,)))
    old = layer.init_state(1, (E,))._replace(age=torch.tensor([10_000_000]))
    again, _ = layer(window, old)
    assert torch.equal(young[..., -1], again[..., -1])


def test_rotary_retroactive_streams_and_differs_from_unturned() -> None:
    layer = co.RetroactiveAttention(E, HEADS, N, rotary=True).double()
    check_streaming(layer, (E,), **EXACT)
    plain = co.RetroactiveAttention(E, HEADS, N).double()
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(1, E, N, dtype=torch.float64)
    assert (plain.clip(x) - layer.clip(x)).abs().max() > 1e-3


@pytest.mark.parametrize("query_index", [None, -1, 1])
def test_window_attention_is_torch_frame_by_frame(query_index: int | None) -> None:
    layer = WindowAttention(E, HEADS, N, query_index=query_index).double()
    _random_biases(layer)
    plain = _plain(layer)

    def reference(x: Tensor) -> Tensor:
        answers = []
        for i in range(x.shape[2]):
            size = min(N, i + 1)
            window = x[:, :, i, N - size :].transpose(1, 2)
            y = torch.zeros(x.shape[0], N, E, dtype=x.dtype)
            y[:, N - size :] = plain(window, window, window, need_weights=False)[0]
            answers.append(y.transpose(1, 2))
        return torch.stack(answers, dim=2)

    if query_index is None:
        check_streaming(layer, (E, N), frames=6, reference=reference, **EXACT)
    else:
        x = torch.randn(2, E, 9, N, dtype=torch.float64)
        torch.testing.assert_close(layer.clip(x)[:, :, N:], reference(x)[:, :, N:, query_index])
        check_streaming(layer, (E, N), frames=6, **EXACT)


@pytest.mark.parametrize("kind", [co.SingleOutputAttention, co.RetroactiveAttention])
@pytest.mark.parametrize("settings", [dict(bias=False), dict(in_proj_bias=False), {}])
def test_parameters_are_those_of_torch(kind: type[WindowAttention], settings: dict[str, Any]) -> None:
    names = set(kind(E, HEADS, N, **settings).state_dict())
    wanted = set(nn.MultiheadAttention(E, HEADS, bias=settings.get("bias", True)).state_dict())
    assert names == (wanted - {"in_proj_bias"} if "in_proj_bias" in settings else wanted)


@pytest.mark.parametrize("kind", [co.SingleOutputAttention, co.RetroactiveAttention])
def test_dropout_acts_in_training_only(kind: type[WindowAttention]) -> None:
    layer, x = kind(E, HEADS, N, dropout=0.5), torch.randn(1, E, 9)
    assert not torch.equal(layer.clip(x), layer.clip(x))
    layer.eval()
    assert torch.equal(layer.clip(x), layer.clip(x))


def test_attention_follows_late_layers_inside_a_network() -> None:
    """Behind a padded convolution tokens arrive late; those before the clip must not be attended."""
    net = co.Sequential(co.Conv1d(3, E, 5, padding=2), co.SingleOutputAttention(E, HEADS, N, query_index=-2)).double()
    convolution, attention = net[0], net[1]
    assert isinstance(attention, co.SingleOutputAttention) and isinstance(convolution, co.Conv1d)
    reference = _torch_single(attention, 1)
    check_streaming(net, (3,), reference=lambda x: reference(convolution.clip(x)), **EXACT)


def test_a_skip_around_a_late_query_is_delayed_by_the_container() -> None:
    layer = co.SingleOutputAttention(E, HEADS, N, query_index=-3).double()
    reference = _torch_single(layer, 2)
    check_streaming(co.Residual(layer), (E,), reference=lambda x: x + reference(x), **EXACT)


def test_a_long_clip_costs_as_its_windows_do() -> None:
    """Blocks: doubling a long clip doubles the multiplications instead of quadrupling them."""
    layer, counts = co.SingleOutputAttention(E, HEADS, N).eval(), []
    for frames in (20, 40):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            layer.clip(torch.randn(1, E, frames))
        counts.append(counter.get_total_flops())
    assert counts[1] <= 2.1 * counts[0]


def test_state_is_three_leaves_and_holds_no_more_than_the_window() -> None:
    layer = co.RetroactiveAttention(E, HEADS, N)
    _, state = layer(torch.randn(1, E, 100), layer.init_state(1, (E,)))
    assert len(leaves(state)) == 4  # age, queries, keys, values
    assert state_bytes(state.layers) == 3 * (N - 1) * E * 4
    assert all(leaf.untyped_storage().nbytes() == leaf.numel() * 4 for leaf in leaves(state.layers)), "holds its chunk"
    assert len(leaves(co.SingleOutputAttention(E, HEADS, N).init_state(1, (E,)))) == 3


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("kind", [co.SingleOutputAttention, co.RetroactiveAttention])
def test_a_step_compiles_without_a_break(kind: type[WindowAttention], rotary: bool) -> None:
    assert_compiles_without_break(kind(E, HEADS, N, rotary=rotary).eval(), torch.randn(2, E, N + 2))


def test_errors_teach() -> None:
    assert_refused("multiple of 3 heads", co.SingleOutputAttention, E, 3, N)
    assert_refused("at least 2 tokens", co.RetroactiveAttention, E, HEADS, 1)
    assert_refused("-1 is the newest", co.SingleOutputAttention, E, HEADS, N, query_index=N)
    with pytest.raises(ValueError, match="hides a token from itself"):
        co.SingleOutputAttention(E, HEADS, N, attn_mask=torch.ones(N, N, dtype=torch.bool))
    assert_refused("attn_mask has shape", co.SingleOutputAttention, E, HEADS, N, attn_mask=torch.zeros(3))
    assert_refused("are odd", co.SingleOutputAttention, 6, 2, N, rotary=True)
    assert_refused("takes frames", co.SingleOutputAttention(E, HEADS, N).init_state, 1, (E + 1,))


def test_chunks_and_flush_agree_for_a_clip_shorter_than_the_window() -> None:
    layer = co.SingleOutputAttention(E, HEADS, N, query_index=-3).double()
    x = torch.randn(2, E, 2, dtype=torch.float64)
    torch.testing.assert_close(stream_clip(layer, x, 1), _torch_single(layer, 2)(x))
    torch.testing.assert_close(layer.clip(x), _torch_single(layer, 2)(x))
