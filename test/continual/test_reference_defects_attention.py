"""Defects of transformers in continual-inference 1.2.4 that must not be here, by their numbers in our list."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from helpers.reference_attention import encoder_ref
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import run_steps

E, HEADS, N, FF = 16, 4, 6, 32


@torch.no_grad()
def _answers(layer: co.Streaming, x: Tensor) -> Tensor:
    """Frame by frame from a fresh state, what is not an answer yet included."""
    return torch.cat(run_steps(layer, x, layer.init_state(len(x), (E,), dtype=x.dtype))[0], dim=2)


def _pair(num_layers: int, **settings: object) -> tuple[co.TransformerEncoder, nn.TransformerEncoder]:
    torch.manual_seed(0)
    plain_layer = nn.TransformerEncoderLayer(E, HEADS, FF, batch_first=True, **settings)  # type: ignore[arg-type]
    plain = nn.TransformerEncoder(plain_layer, num_layers, enable_nested_tensor=False).double().eval()
    for parameter in plain.parameters():
        nn.init.normal_(parameter, std=0.5)
    ours = co.TransformerEncoder(num_layers, E, HEADS, N, feedforward=FF, **settings).double().eval()  # type: ignore[arg-type]
    ours.load_state_dict(plain.state_dict())
    return ours, plain


@pytest.mark.parametrize(("num_layers", "windows"), [(2, 10), (3, 4), (5, 4)])
def test_weak_spots_01_and_03_two_and_more_blocks_are_right_over_many_windows(num_layers: int, windows: int) -> None:
    """The ancestor's skip connection wraps at the wrong index, wrong from step 2n-2 on; middle blocks are a stub."""
    ours, plain = _pair(num_layers)
    x = torch.randn(2, E, windows * N, dtype=torch.float64)
    torch.testing.assert_close(_answers(ours, x), encoder_ref(plain, x, N), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1, 5, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weak_spot_02_large_inputs_and_half_precision_are_finite_and_right(scale: int, dtype: torch.dtype) -> None:
    """The ancestor sums exponentials without a maximum. Errors here are those of torch's own attention."""
    ours = co.RetroactiveAttention(E, HEADS, N).to(dtype).eval()
    plain = nn.MultiheadAttention(E, HEADS, batch_first=True).to(dtype).eval()
    plain.load_state_dict(ours.state_dict())
    exact = nn.MultiheadAttention(E, HEADS, batch_first=True).double().eval()
    exact.load_state_dict(ours.state_dict())
    x = (scale * torch.randn(2, E, 10 * N)).to(dtype)
    y = _answers(ours, x)
    assert y.dtype == dtype and y.isfinite().all()
    windows = x[:, :, 4 * N :].unfold(2, N, 1).permute(0, 2, 3, 1).flatten(0, 1)
    with torch.no_grad():
        wanted = exact(*[windows.double()] * 3, need_weights=False)[0]
        torchs = plain(*[windows] * 3, need_weights=False)[0]
    got = y[:, :, 5 * N - 1 :].permute(0, 2, 3, 1).flatten(0, 1)
    # The mean, because the largest is the rounding of whatever scores happen to be nearly equal.
    error, allowed = (got - wanted).abs().mean(), (torchs - wanted).abs().mean()
    assert error <= 1.3 * allowed


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weak_spot_02_encoders_stay_right_in_half_precision(dtype: torch.dtype) -> None:
    ours, _ = _pair(2)
    x = 20 * torch.randn(1, E, 5 * N, dtype=torch.float64)
    wanted = _answers(ours.to(dtype).double(), x.to(dtype).double())
    got = _answers(ours.to(dtype), x.to(dtype))
    assert got.isfinite().all()
    # Weights and inputs are those of the half precision; what is left is rounding in between.
    assert (got - wanted).abs().mean() < 30 * torch.finfo(dtype).eps * wanted.abs().mean()


@pytest.mark.parametrize("num_layers", [1, 2])
def test_weak_spot_04_gelu_is_gelu(num_layers: int) -> None:
    """The ancestor builds a ReLU whatever it is asked for."""
    ours, plain = _pair(num_layers, activation="gelu")
    x = torch.randn(1, E, 3 * N, dtype=torch.float64)
    y = _answers(ours, x)
    torch.testing.assert_close(y, encoder_ref(plain, x, N), rtol=0, atol=1e-12)
    other, _ = _pair(num_layers, activation="relu")
    assert (_answers(other, x) - y).abs().max() > 1e-3


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("query_index", [-2, -N, 1])
def test_weak_spot_05_another_query_has_its_skip_connection_delayed(num_layers: int, query_index: int) -> None:
    """The ancestor adds the newest token to the answer about an older one."""
    _, plain = _pair(num_layers)
    ours = co.TransformerEncoder(num_layers, E, HEADS, N, feedforward=FF, query_index=query_index).double().eval()
    ours.load_state_dict(plain.state_dict())
    late = N - 1 - query_index % N
    assert ours.delay == late
    x = torch.randn(2, E, 4 * N, dtype=torch.float64)
    y, wanted = _answers(ours, x), encoder_ref(plain, x, N, late)
    torch.testing.assert_close(y[:, :, late:], wanted[:, :, : x.shape[2] - late], rtol=0, atol=1e-12)
    torch.testing.assert_close(ours.clip(x), wanted, rtol=0, atol=1e-12)


def test_weak_spot_10_a_first_step_leaves_a_cold_state_cold() -> None:
    """The ancestor raises UnboundLocalError when a cold attention is asked without updating its state."""
    layer = co.SingleOutputAttention(E, HEADS, N).eval()
    cold, x = layer.init_state(1, (E,)), torch.randn(1, E, 3)
    first, _ = layer(x, cold)
    second, _ = layer(x, cold)  # not updating is not keeping what comes back
    assert torch.equal(first, second)


def test_weak_spot_10_nested_modules_serve_several_threads() -> None:
    """The ancestor's mode is global to the process and its state part of the module."""
    ours, _ = _pair(2)
    net = co.Sequential(co.RecyclingPositionalEncoding(E, 7), co.Sequential(ours)).double().eval()
    inputs = [torch.randn(1, E, 40, dtype=torch.float64) for _ in range(4)]
    alone = [_answers(net, x) for x in inputs]
    start = threading.Barrier(len(inputs))

    def run(x: Tensor) -> Tensor:
        start.wait()
        return _answers(net, x)

    with ThreadPoolExecutor(len(inputs)) as pool:
        assert all(torch.equal(got, wanted) for got, wanted in zip(pool.map(run, inputs), alone, strict=True))


@pytest.mark.parametrize("learned", [True, False])
def test_weak_spot_12_evaluation_is_deterministic(learned: bool) -> None:
    """The ancestor's positions advance on every call, in evaluation too."""
    net = co.Sequential(co.RecyclingPositionalEncoding(E, 7, learned=learned), co.TransformerEncoder(2, E, HEADS, N))
    net.eval()
    x = torch.randn(2, E, 9)
    with torch.no_grad():
        assert torch.equal(net.clip(x), net.clip(x))
        state = net.init_state(2, (E,))
        assert torch.equal(net(x, state)[0], net(x, state)[0])
