"""Encoder layers and encoders of any depth against torch.nn.TransformerEncoder on the window of every answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.compiled_steps import assert_compiles_without_break
from helpers.reference_attention import encoder_ref
from helpers.refusals import assert_refused
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming
from co_perception.continual.state import leaves

E, HEADS, N, FF = 8, 2, 4, 12
EXACT: dict[str, Any] = dict(tolerance=1e-12, dtype=torch.float64)


def _encoder(num_layers: int, **settings: Any) -> co.TransformerEncoder:
    """In double precision, every parameter random: fresh biases are zero and would hide a mistake."""
    torch.manual_seed(num_layers)
    encoder = co.TransformerEncoder(num_layers, E, HEADS, N, feedforward=FF, **settings).double()
    for parameter in encoder.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=0.5)
    return encoder.eval()


def _plain(encoder: co.TransformerEncoder, **settings: Any) -> nn.TransformerEncoder:
    """torch's encoder with the same weights."""
    settings = {"activation": "relu", "norm_first": False, "bias": True, **settings}
    layer = nn.TransformerEncoderLayer(E, HEADS, FF, batch_first=True, **settings)
    norm = None if encoder.norm is None else nn.LayerNorm(E, bias=settings["bias"])
    plain = nn.TransformerEncoder(layer, len(encoder.layers), norm=norm, enable_nested_tensor=False).double()
    plain.load_state_dict(encoder.state_dict())
    return plain.eval()


def _reference(plain: nn.TransformerEncoder, ahead: int = 0) -> Callable[[Tensor], Tensor]:
    return lambda x: encoder_ref(plain, x, N, ahead)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize(
    "settings",
    [dict(), dict(norm_first=True), dict(activation="gelu"), dict(activation=F.silu, bias=False, norm_first=True)],
    ids=["post-norm", "pre-norm", "gelu", "function-no-bias"],
)
def test_streams_as_torch_attends_each_window(num_layers: int, settings: dict[str, Any]) -> None:
    encoder = _encoder(num_layers, **settings)
    # Exported, which takes most of the time, are one with biases and one without; other tests export pre-norm and gelu.
    export = not settings or "bias" in settings
    check_streaming(encoder, (E,), reference=_reference(_plain(encoder, **settings)), export=export, **EXACT)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_final_norm_is_that_of_torch(num_layers: int) -> None:
    encoder = _encoder(num_layers, final_norm=True)
    check_streaming(encoder, (E,), reference=_reference(_plain(encoder)), export=False, **EXACT)


@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_one_window_is_answered_as_by_torch(num_layers: int) -> None:
    encoder = _encoder(num_layers, query_index=-2)
    plain = _plain(encoder)
    for size in (2, N):
        x = torch.randn(3, E, size, dtype=torch.float64)
        torch.testing.assert_close(encoder.on_window(x), plain(x.transpose(1, 2))[:, -2])
    assert_refused("a window holds 2 to 4 tokens", encoder.on_window, torch.randn(3, E, N + 1, dtype=torch.float64))


@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_mask_lies_at_the_newest_end_of_a_window_that_is_not_full(num_layers: int) -> None:
    encoder = _encoder(num_layers, attn_mask=torch.randn(N, N))
    for size in (1, N - 1, N):
        x = torch.randn(2, E, size, dtype=torch.float64)
        torch.testing.assert_close(encoder.on_window(x), encoder.clip(x)[:, :, -1])


def test_layers_stack_by_hand_as_in_the_encoder() -> None:
    """What a researcher builds of the single layers is the encoder."""
    encoder = _encoder(3, norm_first=True)
    by_hand = co.Sequential(
        co.RetroactiveEncoderLayer(E, HEADS, N, feedforward=FF, norm_first=True),
        co.EncoderLayer(E, HEADS, N, feedforward=FF, norm_first=True),
        co.EncoderLayer(E, HEADS, N, feedforward=FF, norm_first=True, query_index=-1),
    ).double()
    by_hand.load_state_dict({name.removeprefix("layers."): value for name, value in encoder.state_dict().items()})
    check_streaming(by_hand, (E,), reference=encoder.clip, **EXACT)


@pytest.mark.parametrize(
    ("layer", "frame_shape"),
    [
        (co.SingleOutputEncoderLayer(E, HEADS, N, query_index=0, feedforward=FF), (E,)),
        (co.RetroactiveEncoderLayer(E, HEADS, N, feedforward=FF), (E,)),
        (co.EncoderLayer(E, HEADS, N, feedforward=FF), (E, N)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_single_layers_keep_the_contract(layer: co.EncoderLayer, frame_shape: tuple[int, ...]) -> None:
    check_streaming(layer.double(), frame_shape, **EXACT)


def test_windows_are_zero_where_they_have_no_token() -> None:
    layer = co.RetroactiveEncoderLayer(E, HEADS, N, feedforward=FF).eval()
    y = layer.clip(torch.randn(2, E, N))
    for i in range(N):
        assert y[:, :, i, : N - 1 - i].eq(0).all() and y[:, :, i, N - 1 - i :].ne(0).all()


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("settings", [dict(rotary=True), dict(in_proj_bias=False)])
def test_rotary_and_no_projection_bias_stream(num_layers: int, settings: dict[str, Any]) -> None:
    encoder = _encoder(num_layers, **settings)
    check_streaming(encoder, (E,), export=False, **EXACT)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_shape_of_published_online_action_detection_streams(num_layers: int) -> None:
    """As CoOadTR: features through a linear layer, recycled fixed positions, encoder with norm, classes."""
    net = co.Sequential(
        co.Conv1d(5, E, 1),
        co.RecyclingPositionalEncoding(E, 2 * N - 1, learned=False),
        _encoder(num_layers, activation="gelu", in_proj_bias=False, final_norm=True),
        co.Conv1d(E, 3, 1),
    ).double()
    net.eval()
    assert net.receptive_field == N and net.delay == 0
    check_streaming(net, (5,), **EXACT)


def test_late_tokens_before_the_clip_are_not_attended() -> None:
    encoder = _encoder(2, query_index=-2)
    net = co.Sequential(co.Conv1d(3, E, 3, padding=1), encoder).double()
    net.eval()
    reference = _reference(_plain(encoder), ahead=1)
    check_streaming(net, (3,), reference=lambda x: reference(net[0].clip(x)), **EXACT)  # type: ignore[operator]


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_the_history_does_not_grow_with_depth(num_layers: int) -> None:
    state = _encoder(num_layers).init_state(1, (E,))
    numbers = sum(leaf.numel() for leaf in leaves(state.layers))
    assert numbers == (2 if num_layers == 1 else 4) * (N - 1) * E


@pytest.mark.parametrize("num_layers", [1, 3])
def test_training_gradients_are_those_of_torch(num_layers: int) -> None:
    encoder = _encoder(num_layers, dropout=0.0).train()
    plain = _plain(encoder, dropout=0.0).train()
    x = torch.randn(2, E, 7, dtype=torch.float64)
    weight = torch.randn(2, E, 7, dtype=torch.float64)
    (encoder.clip(x) * weight).sum().backward()
    (encoder_ref(plain, x, N) * weight).sum().backward()
    wanted = dict(plain.named_parameters())
    for name, parameter in encoder.named_parameters():
        torch.testing.assert_close(parameter.grad, wanted[name].grad, msg=name)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_a_step_compiles_without_a_break(num_layers: int) -> None:
    assert_compiles_without_break(_encoder(num_layers), torch.randn(2, E, N + 2, dtype=torch.float64))


def test_errors_teach() -> None:
    assert_refused("at least one layer", co.TransformerEncoder, 0, E, HEADS, N)
    assert_refused(r"\['gelu', 'relu'\] or a function, got 'swish'", co.EncoderLayer, E, HEADS, N, activation="swish")
    assert_refused("belongs to the layer that follows", co.RetroactiveEncoderLayer, E, HEADS, N, query_index=-1)
