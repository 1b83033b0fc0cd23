"""The contract suite finds layers that break the contract, also where assertions are switched off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming
from co_perception.continual.framewise import EachFrame
from co_perception.continual.state import Tree
from co_perception.continual.timing import Clock


class OtherInStream(EachFrame):
    def clip(self, x: Tensor) -> Tensor:
        return x + 1

    def stream(self, x: Tensor, past: Tree, clock: object) -> tuple[Tensor, Tree]:
        return x, past


class WritesIntoHistory(co.Delay):
    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        y, after = super().stream(x, past, clock)
        y = y.clone()
        past[0].add_(1)
        return y, after


class MixesStreams(EachFrame):
    def clip(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


class UnusedParameter(EachFrame):
    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def clip(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("layer", "claim"),
    [
        (OtherInStream(), "not true: a stream in chunks of 1 frames, flushed, equals the clip. Largest difference 1"),
        (WritesIntoHistory(1), "not true: "),
        (MixesStreams(), "not true: a stream is not disturbed by another one"),
        (UnusedParameter(), "not true: every parameter has a gradient. Without: \\['unused'\\]"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_broken_layer_is_named(layer: co.Streaming, claim: str) -> None:
    with pytest.raises(AssertionError, match=claim):
        check_streaming(layer, (2,), export=False, dtype=torch.float32)


def test_frames_in_place_of_their_shape_are_refused() -> None:
    frames = torch.zeros(2, 3, 10, 13)
    with pytest.raises(ValueError, match="frame_shape is .* got a Tensor"):
        check_streaming(co.Conv1d(3, 3, 3), frames)  # type: ignore[arg-type]


def test_a_wrong_reference_is_named() -> None:
    with pytest.raises(AssertionError, match="not true: the clip equals the plain torch network"):
        check_streaming(co.Conv1d(2, 2, 3), (2,), reference=nn.Conv1d(2, 2, 3), export=False)


def clip_network() -> nn.Module:
    """Answers once for a clip of any length."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3)).eval()


def test_a_network_converted_with_a_window_is_compared_on_the_clip_that_fills_it() -> None:
    plain = clip_network()
    layer = co.convert(plain, window=5)
    assert layer.receptive_field == 7
    check_streaming(layer, (2,), reference=plain, whole_clip=True, export=False)
    with pytest.raises(AssertionError, match=r"with window=n\): check_streaming\(..., whole_clip=True\)"):
        check_streaming(layer, (2,), reference=plain, export=False)
    other = co.convert(plain, window=4)  # of other clips
    with pytest.raises(AssertionError, match="the last answer to a clip of 7 frames equals the plain torch network's"):
        check_streaming(other, (2,), frames=7, reference=plain, whole_clip=True, export=False)
    check_streaming(layer, (2,), frames=7, reference=plain, whole_clip=True, export=False)
    next(plain.parameters()).data.add_(0.1)
    with pytest.raises(AssertionError, match="Largest difference"):
        check_streaming(layer, (2,), reference=plain, whole_clip=True, export=False)


@pytest.mark.slow
def test_python_without_assertions_checks_as_much() -> None:
    code = """
import torch, co_perception.continual as co
from co_perception.continual.check import check_streaming
try:
    check_streaming(co.Conv1d(2, 2, 3), (2,), reference=lambda x: x[:, :, 2:], export=False)
except AssertionError as error:
    print(__debug__, error)
"""
    run = [sys.executable, "-O", "-c", code]
    root = Path(__file__).parents[2]
    answer = subprocess.run(run, cwd=root, capture_output=True, text=True, check=True, timeout=120).stdout
    assert answer.startswith("False not true: the clip equals the plain torch network")
