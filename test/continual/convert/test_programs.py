"""Random forwards of everyday operations: the converted network equals the plain one, or it was refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from co_perception.continual.check import stream_clip
from co_perception.continual.convert.convert import ConversionError, convert

CHANNELS, JOINTS = 4, 3
STEPS: dict[str, Callable[[Program, Tensor, Tensor], Tensor]] = {}


class Program(nn.Module):
    """A forward of named steps; each takes the newest tensor and the one before (B, C, T, V)."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, (3, 1), padding=(1, 0))
        self.causal = nn.Conv2d(CHANNELS, CHANNELS, (2, 1))
        self.norm, self.relu = nn.BatchNorm2d(CHANNELS), nn.ReLU(inplace=True)
        self.softmax, self.drop = nn.Softmax(dim=-1), nn.Dropout(0.3)
        self.graph, self.added = nn.Buffer(torch.randn(JOINTS, JOINTS)), nn.Parameter(torch.randn(JOINTS, JOINTS))

    def forward(self, x: Tensor, scale: float = 1.0, mask: Tensor | None = None) -> Tensor:
        before, x = x, self.conv(x) * scale
        for name in self.names:
            before, x = x, STEPS[name](self, x, before)
        return x if mask is None else x * mask


def _in_place(x: Tensor, view: Tensor) -> Tensor:
    view.mul_(0.5)
    return x


STEPS |= {
    "convolution": lambda net, x, before: net.conv(x),
    "causal": lambda net, x, before: net.causal(F.pad(x, (0, 0, 1, 0))),
    "norm": lambda net, x, before: net.norm(x),
    "relu in place": lambda net, x, before: net.relu(x),
    "relu of a clone": lambda net, x, before: net.relu(x.clone()),
    "sum": lambda net, x, before: x + before,
    "sum in place": lambda net, x, before: x.add_(before),
    "gate": lambda net, x, before: x * torch.sigmoid(before),
    "graph": lambda net, x, before: torch.matmul(x, net.graph + net.added),
    "transposed graph": lambda net, x, before: torch.einsum("nctv,wv->nctw", x, net.added),
    "channels last": lambda net, x, before: net.softmax(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
    "joints": lambda net, x, before: net.softmax(x),
    "halves": lambda net, x, before: torch.cat(x.chunk(2, 1)[::-1], 1),
    "parts": lambda net, x, before: torch.cat([x.split(1, 1)[1], x[:, 1:]], 1),
    "view in place": lambda net, x, before: _in_place(x, x[:, 1:]),
    "transposed in place": lambda net, x, before: _in_place(x, x.transpose(1, 3)),
    "other in place": lambda net, x, before: _in_place(x, before),
    "dropout": lambda net, x, before: net.drop(x),
    "dropout in place": lambda net, x, before: _in_place(x, net.drop(x)),
    "squeeze": lambda net, x, before: x.unsqueeze(-1).tanh().squeeze(-1),
    "mean of joints": lambda net, x, before: x - x.mean(-1, keepdim=True),
    "cut": lambda net, x, before: x[:, :, 1:-1],
}  # fmt: skip

outcomes = {"equal": 0, "refused": 0}


def equal_or_refused(names: list[str], seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, x = Program(tuple(names)).double().eval(), torch.randn(2, CHANNELS, 12, JOINTS, dtype=torch.float64)
    nn.init.uniform_(network.norm.get_buffer("running_var"), 0.5, 2.0)
    try:
        with torch.no_grad():
            wanted = network(x.clone())  # which it may change
    except RuntimeError:  # tensors of different length meet: no network of anybody's
        return
    if not wanted.shape[2]:  # all frames were cut off: the plain network answers nothing, the other says so
        return
    try:
        layer = convert(network, proof=False)
    except ConversionError:
        outcomes["refused"] += 1
        return
    with torch.no_grad():
        for answer in (layer.clip(x), stream_clip(layer, x, 1)):
            torch.testing.assert_close(answer, wanted, rtol=0, atol=1e-9)
    outcomes["equal"] += 1


@pytest.mark.parametrize("programs", [80, pytest.param(2000, marks=pytest.mark.slow)])
def test_random_programs_are_equal_or_refused(programs: int) -> None:
    outcomes.update(equal=0, refused=0)
    drawn = given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=6), st.integers(0, 2**16))(
        equal_or_refused
    )
    settings(max_examples=programs, suppress_health_check=list(HealthCheck))(drawn)()
    assert min(outcomes.values()) > programs // 8, outcomes
