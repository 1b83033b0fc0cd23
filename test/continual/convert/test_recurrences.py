"""Loops over frames that carry a state along: equal to the plain network on clips of any length, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers.refusals import assert_unsupported
from torch import Tensor, nn

from co_perception.continual.check import check_streaming, stream_clip
from co_perception.continual.convert.convert import convert
from co_perception.continual.recurrence import Recurrence
from co_perception.runtime.steppers.choose import stepper

Forward = Callable[[Any, Tensor], Tensor]


class Loop(nn.Module):
    """Layers for features x (B, T, C) and pictures (B, T, C, H, W), and what `forward` makes of them."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.how = forward
        self.lstm, self.gru, self.rnn = nn.LSTMCell(3, 4), nn.GRUCell(4, 4), nn.RNNCell(3, 4, nonlinearity="relu")
        self.fc, self.of_input, self.of_state = nn.Linear(4, 2), nn.Linear(3, 4), nn.Linear(4, 4)
        self.gates, self.update = nn.Conv2d(3 + 4, 16, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.enter, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.before = nn.Conv1d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.how(self, x)


def cells(net: Any, x: Tensor) -> Tensor:
    h = torch.zeros(x.size(0), 4, dtype=x.dtype)
    c, g = torch.zeros_like(h), torch.zeros_like(h)
    outs = []
    for t in range(x.size(1)):
        h, c = net.lstm(x[:, t], (h, c))
        g = net.gru(h, g)
        outs.append(net.fc(g))
    return torch.stack(outs, dim=1)


def states_left_out(net: Any, x: Tensor) -> Tensor:
    state: Any = None
    for frame in x.unbind(1):
        state = net.lstm(frame, state)
    return net.fc(state[0])


def last_state(net: Any, x: Tensor) -> Tensor:
    y = net.before(x.transpose(1, 2)).transpose(1, 2)
    h = x.new_zeros(x.size(0), 4)
    for t in range(x.shape[1]):
        h = net.rnn(y[:, t, :], h)
    return net.fc(h).softmax(-1)


def written_out(net: Any, x: Tensor) -> Tensor:
    h, outs = torch.zeros(x.size(0), 4, dtype=x.dtype), []
    for t in range(x.size(1)):
        keep = torch.sigmoid(net.of_state(h))
        h = keep * h + (1 - keep) * torch.tanh(net.of_input(x[:, t]))
        outs.append(h.unsqueeze(1))
    return torch.cat(outs, 1)


def previous_frame(net: Any, x: Tensor) -> Tensor:
    before, outs = torch.zeros(x.size(0), 3, dtype=x.dtype), []
    for t in range(x.size(1)):
        outs.append(net.of_input(x[:, t] - before))
        before = x[:, t]
    return torch.stack(outs, 1)


def convolutional_lstm(net: Any, x: Tensor) -> Tensor:
    b, t, _, height, width = x.size()
    h = c = torch.zeros(b, 4, height, width, dtype=x.dtype)
    outs = []
    for i in range(t):
        enter, keep, show, new = net.gates(torch.cat([x[:, i], h], dim=1)).split(4, dim=1)
        c = keep.sigmoid() * c + enter.sigmoid() * new.tanh()
        h = show.sigmoid() * c.tanh()
        outs.append(h)
    return torch.stack(outs, dim=1)


def convolutional_gru(net: Any, x: Tensor) -> Tensor:
    h, outs = x.new_zeros(x.shape[0], 4, *x.shape[3:]), []
    for i in range(x.shape[1]):
        z = net.norm(net.enter(x[:, i]) + net.update(h)).sigmoid()
        h = (1 - z) * h + z * net.enter(x[:, i]).relu()
        outs.append(h)
    return torch.stack(outs, 1).mean((3, 4))


FEATURES: dict[str, Forward] = {
    "cells of torch, one upon the other": cells,
    "written out": written_out,
    "the frame before": previous_frame,
}
LAST: dict[str, Forward] = {"states left out": states_left_out, "the last state, behind a convolution": last_state}
PICTURES: dict[str, Forward] = {"convolutional LSTM": convolutional_lstm, "convolutional GRU": convolutional_gru}


def made(forward: Forward) -> Loop:
    torch.manual_seed(0)
    return Loop(forward).double().eval()


@pytest.mark.parametrize("name", FEATURES)
def test_loops_over_features(name: str) -> None:
    network = made(FEATURES[name])
    layer = convert(network, layout="BTC", example=torch.zeros(1, 5, 3))
    other = made(FEATURES[name])
    for weight in other.parameters():
        weight.data.mul_(1.5)
    layer.load_state_dict(other.state_dict())
    check_streaming(
        layer, (3,), reference=lambda x: other(x.transpose(1, 2)).transpose(1, 2), tolerance=1e-9, export=False,
        gradients=False, dtype=torch.float64,
    )  # fmt: skip


@pytest.mark.parametrize("name", LAST)
def test_the_answer_to_the_last_frame(name: str) -> None:
    network = made(LAST[name])
    layer = convert(network, layout="BTC", example=torch.zeros(1, 5, 3))
    for frames in (5, 9):
        x = torch.randn(2, frames, 3, dtype=torch.float64)
        with torch.no_grad():
            for answer in (layer.clip(x.mT), stream_clip(layer, x.mT, 1)):
                torch.testing.assert_close(answer[:, :, -1], network(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", PICTURES)
def test_loops_over_pictures(name: str) -> None:
    network = made(PICTURES[name])
    layer = convert(network, layout="BTCHW", example=torch.zeros(1, 4, 3, 5, 6, dtype=torch.float64))
    x = torch.randn(2, 7, 3, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        wanted = network(x).transpose(1, 2)
        for answer in (layer.clip(x.transpose(1, 2)), stream_clip(layer, x.transpose(1, 2), 1)):
            torch.testing.assert_close(answer, wanted, rtol=0, atol=1e-12)


def test_states_that_are_the_same_are_one() -> None:
    layer = convert(made(convolutional_gru), layout="BTCHW", example=torch.zeros(1, 4, 3, 5, 6, dtype=torch.float64))
    state = layer.init_state(1, (3, 5, 6))
    found = [each.layer for each in layer._nodes if isinstance(each.layer, Recurrence)]  # type: ignore[union-attr]
    assert len(found) == 1 and found[0].extra_repr().endswith("states (4, 5, 6)"), "h alone"
    assert layer(torch.zeros(1, 3, 1, 5, 6, dtype=torch.float64), state)[0].shape == (1, 4, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FEATURES, *PICTURES])
def test_onnx_runtime_steps_loops(name: str) -> None:
    pytest.importorskip("onnxruntime")
    frame = (3,) if name in FEATURES else (3, 5, 6)
    network = made((FEATURES | PICTURES)[name]).float()
    layer = convert(network, layout="BTCHW"[: 2 + len(frame)], example=torch.zeros(1, 4, *frame), proof=False)
    stepper(layer, frame, "onnxruntime")  # which compares it with the network


def ones_first(net: Any, x: Tensor) -> Tensor:
    h, outs = torch.ones(x.size(0), 4, dtype=x.dtype), []
    for t in range(x.size(1)):
        h = net.gru(h, h) + net.of_input(x[:, t])
        outs.append(h)
    return torch.stack(outs, 1)


def backwards(net: Any, x: Tensor) -> Tensor:
    h, outs = torch.zeros(x.size(0), 4, dtype=x.dtype), []
    for t in reversed(range(x.size(1))):
        h = net.rnn(x[:, t], h)
        outs.append(h)
    return torch.stack(outs[::-1], 1)


def other_in_one_round(net: Any, x: Tensor) -> Tensor:
    h, outs = torch.zeros(x.size(0), 4, dtype=x.dtype), []
    for t in range(x.size(1)):
        h = net.rnn(x[:, t], h.tanh() if t == 3 else h)
        outs.append(h)
    return torch.stack(outs, 1)


def two_rounds_back(net: Any, x: Tensor) -> Tensor:
    states = [torch.zeros(x.size(0), 4, dtype=x.dtype)] * 2
    for t in range(x.size(1)):
        states.append(net.rnn(x[:, t], states[-2]))
    return torch.stack(states[2:], 1)


def grows(net: Any, x: Tensor) -> Tensor:
    h, outs = torch.zeros(x.size(0), 4, dtype=x.dtype), []
    for t in range(x.size(1)):
        h = net.rnn(x[:, t], h) * (t + 1)
        outs.append(h)
    return torch.stack(outs, 1)


REFUSED: dict[str, Forward] = {
    "ones before the first frame": ones_first,
    "from the last frame on": backwards,
    "another way in one round": other_in_one_round,
    "a state of two rounds before": two_rounds_back,
    "a number of the round": grows,
    "one frame by its number": lambda net, x: net.fc(net.of_input(x[:, 2])),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_loops_are_refused(name: str) -> None:
    network = made(REFUSED[name])
    assert_unsupported("", convert, network, layout="BTC", example=torch.zeros(1, 5, 3), proof=False)
