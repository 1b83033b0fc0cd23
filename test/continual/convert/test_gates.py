"""Gates by the whole clip as gates by past frames, against the same networks written with means over past frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_unsupported
from torch import Tensor, nn

from co_perception.continual.check import check_streaming
from co_perception.continual.convert.convert import convert

WINDOW = 4
Pool = Callable[[Tensor], Tensor]  # x (B, C, T, H, W) -> the mean over time, (B, C, 1 or T, H, W)


def of_the_clip(x: Tensor) -> Tensor:
    return x.mean(2, keepdim=True)


def of_past_frames(x: Tensor) -> Tensor:
    """The mean of the newest frames of the window, as far as they lie in the clip."""
    means = [x[:, :, max(0, end - WINDOW) : end].mean(2) for end in range(1, x.shape[2] + 1)]
    return torch.stack(means, 2)


class Gated(nn.Module):
    """A gate within a network; `how` has how it is written, `pool` what it is of."""

    def __init__(self, how: Callable[[Any, Tensor], Tensor], pool: Pool) -> None:
        super().__init__()
        self.how, self.pool = how, pool
        self.conv, self.after = nn.Conv3d(3, 4, 3, padding=1), nn.Conv3d(4, 2, (3, 1, 1), padding=(1, 0, 0))
        self.squeeze = nn.Sequential(nn.Conv3d(4, 2, 1), nn.ReLU(), nn.Conv3d(2, 4, 1), nn.Sigmoid())
        self.narrow, self.wide = nn.Linear(4, 2), nn.Linear(2, 4)
        self.whole = nn.AdaptiveAvgPool3d(1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.after(self.how(self, y) if self.pool is of_the_clip else self.gated(y))

    def gated(self, y: Tensor) -> Tensor:
        return y * self.squeeze(self.pool(y).mean((3, 4), keepdim=True))


def linear(net: Any, y: Tensor) -> Tensor:
    gate = net.wide(net.narrow(net.whole(y).flatten(1)).relu()).sigmoid()
    return y * gate.view(y.size(0), 4, 1, 1, 1).expand_as(y)


def linear_of_past(net: Any, y: Tensor) -> Tensor:
    mean = of_past_frames(y).mean((3, 4)).transpose(1, 2)
    return y * net.wide(net.narrow(mean).relu()).sigmoid().transpose(1, 2)[..., None, None]


GATES: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "a pool that adapts": lambda net, y: net.squeeze(net.whole(y)) * y,
    "a mean": lambda net, y: y * net.squeeze(y.mean((2, 3, 4), keepdim=True)),
    "a mean over time, then over space": lambda net, y: (
        y * net.squeeze(F.adaptive_avg_pool3d(y.mean(2, keepdim=True), 1))
    ),
}


def check(network: Gated, reference: Gated) -> None:
    layer = convert(network, window=WINDOW, example=(3, 5, 5), past_gates=True)
    assert layer.state_dict().keys() == network.state_dict().keys()
    reference.load_state_dict(network.state_dict())
    with torch.no_grad():
        check_streaming(
            layer, (3, 5, 5), reference=reference, tolerance=1e-9, export=False, gradients=False, dtype=torch.float64
        )


@pytest.mark.parametrize("name", GATES)
def test_a_gate_by_past_frames(name: str) -> None:
    check(Gated(GATES[name], of_the_clip).double().eval(), Gated(GATES[name], of_past_frames).double().eval())


def test_a_gate_of_linear_layers() -> None:
    reference = Gated(linear, of_past_frames).double().eval()
    reference.gated = lambda y: linear_of_past(reference, y)  # type: ignore[method-assign]
    check(Gated(linear, of_the_clip).double().eval(), reference)


def test_edges_computed_from_the_clip() -> None:
    """As in CTR-GCN (Chen et al., ICCV 2021, arXiv:2107.12213): edges of joints, by the mean over time."""

    class Edges(nn.Module):
        def __init__(self, pool: Pool) -> None:
            super().__init__()
            self.pool, self.conv = pool, nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            if self.pool is of_the_clip:
                mean = self.conv(x).mean(-2)
                return torch.einsum("ncuv,nctv->nctu", torch.tanh(mean.unsqueeze(-1) - mean.unsqueeze(-2)), x)
            past = of_past_frames(self.conv(x))
            return torch.einsum("nctuv,nctv->nctu", torch.tanh(past.unsqueeze(-1) - past.unsqueeze(-2)), x)

    network, reference = (Edges(pool).double().eval() for pool in (of_the_clip, of_past_frames))
    layer = convert(network, window=WINDOW, example=(3, 5), past_gates=True)
    reference.load_state_dict(network.state_dict())
    x = torch.randn(2, 3, 9, 5, dtype=torch.float64)
    torch.testing.assert_close(layer.clip(x), reference(x), rtol=0, atol=1e-12)


def test_a_network_without_gates_is_proved_as_ever() -> None:
    network = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.AdaptiveAvgPool3d(1), nn.Flatten()).eval()
    x = torch.randn(1, 3, WINDOW, 5, 5)
    layer = convert(network, window=WINDOW, example=(3, 5, 5), past_gates=True)
    torch.testing.assert_close(layer.clip(x)[:, :, -1], network(x))


def test_what_is_refused() -> None:
    largest = Gated(lambda net, y: y * y.amax((2, 3, 4), keepdim=True), of_the_clip).eval()
    assert_unsupported("no mean", convert, largest, window=WINDOW, example=(3, 5, 5), past_gates=True)
    mean = Gated(GATES["a mean"], of_the_clip).eval()
    assert_unsupported("past_gates=True", convert, mean, window=WINDOW, example=(3, 5, 5))
