"""Random forwards of everyday operations: the converted network equals the plain one, or it was refused."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
        self.plane, self.line = nn.Conv1d(CHANNELS, CHANNELS, 3, padding=1), nn.Conv1d(CHANNELS, CHANNELS, 2)
        self.valid, self.pad = nn.Conv2d(CHANNELS, CHANNELS, (3, 1)), nn.ZeroPad2d((0, 0, 1, 1))
        self.rms, self.layer_norm = nn.RMSNorm(CHANNELS), nn.LayerNorm([CHANNELS])
        self.up = nn.ConvTranspose2d(CHANNELS, CHANNELS, (1, 2), stride=(1, 2))
        self.excite = nn.Sequential(nn.Conv2d(CHANNELS, 2, 1), nn.ReLU(), nn.Conv2d(2, CHANNELS, 1), nn.Sigmoid())
        self.gru, self.lstm = nn.GRU(CHANNELS, CHANNELS, batch_first=True), nn.LSTM(CHANNELS, CHANNELS)
        self.attention = nn.MultiheadAttention(CHANNELS, 2, batch_first=True)
        self.joints, self.optional, self.two = nn.Linear(JOINTS, JOINTS), Optional(), TwoAnswers()
        self.hooked, self.patched = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1)), nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.hooked.register_forward_hook(lambda _, __, y: y * 2)
        plain = self.patched.forward
        self.patched.forward = lambda x: plain(x).tanh()  # type: ignore[method-assign,assignment]
        self.mix, self.bias = nn.Parameter(torch.randn(CHANNELS, CHANNELS)), nn.Parameter(torch.randn(CHANNELS))
        self.hops = nn.ParameterList([torch.randn(JOINTS, JOINTS) for _ in range(2)])
        self.graph, self.added = nn.Buffer(torch.randn(JOINTS, JOINTS)), nn.Parameter(torch.randn(JOINTS, JOINTS))

    def forward(self, x: Tensor, scale: float = 1.0, mask: Tensor | None = None) -> Tensor:
        before, x = x, self.conv(x) * scale
        for name in self.names:
            before, x = x, STEPS[name](self, x, before)
        return x if mask is None else x * mask


class Optional(nn.Module):
    """A layer with arguments that nobody gives."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None, scale: float | None = None) -> Tensor:
        if mask is not None:
            x = x * mask
        return self.conv(x) if scale is None else x * scale


class TwoAnswers(nn.Module):
    """A layer that answers twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, (3, 1), padding=(2, 0))

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        y = self.conv(x)[:, :, :-2]
        return y, {"gate": y.sigmoid()}


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


def _frames_in_the_batch(net: Program, x: Tensor) -> Tensor:
    n, c, t, v = x.size()
    y = F.relu(net.plane(x.transpose(1, 2).reshape(n * t, c, v)))
    return y.view(n, t, c, v).transpose(1, 2)


def _graph_of_frames(net: Program, x: Tensor) -> Tensor:
    y = x.transpose(1, 2).reshape(-1, CHANNELS, JOINTS)
    y = torch.bmm(y, net.added.expand(y.size(0), JOINTS, JOINTS))
    return y.view(x.size(0), -1, CHANNELS, JOINTS).transpose(1, 2)


def _joints_in_the_batch(net: Program, x: Tensor) -> Tensor:
    n, c, t, v = x.shape
    y = net.line(F.pad(x.permute(0, 3, 1, 2).reshape(n * v, c, t), (1, 0)))
    return y.view(n, v, c, -1).permute(0, 2, 3, 1)


def _recurrent(net: Program, x: Tensor, zeros: bool) -> Tensor:
    n, c, t, v = x.shape
    y = x.permute(0, 3, 2, 1).reshape(n * v, t, c)
    start = (torch.zeros(1, n * v, CHANNELS, dtype=x.dtype, device=x.device),) if zeros else ()
    y, _ = net.gru(y, *start)
    return y.reshape(n, v, t, c).permute(0, 3, 2, 1)


def _lstm(net: Program, x: Tensor) -> Tensor:
    y, (_, _) = net.lstm(x.mean(-1).permute(2, 0, 1))
    return x + y.permute(1, 2, 0).unsqueeze(-1)


def _attention(net: Program, x: Tensor) -> Tensor:
    n, c, t, v = x.shape
    y = x.permute(0, 2, 3, 1).reshape(n * t, v, c)
    return net.attention(y, y, y, need_weights=False)[0].reshape(n, t, v, c).permute(0, 3, 1, 2)


def _shift(x: Tensor) -> Tensor:
    out = torch.zeros_like(x)
    out[:, :1, 1:] = x[:, :1, :-1]
    out[:, 1:2, :-1] = x[:, 1:2, 1:]
    out[:, 2:] = x[:, 2:]
    return out


def _added_to_a_part(x: Tensor) -> Tensor:
    x[:, 1:] += 1
    return x


def _attention_of_joints(x: Tensor, before: Tensor) -> Tensor:
    weights = torch.softmax(torch.einsum("nctv,nctw->ntvw", x, before) / x.size(1) ** 0.5, dim=-1)
    return torch.einsum("ntvw,nctw->nctv", weights, x)


STEPS |= {
    "optional arguments": lambda net, x, before: net.optional(x),
    "an argument that is given": lambda net, x, before: net.optional(x, scale=0.5),
    "channels by einsum": lambda net, x, before: torch.einsum("nctv,dc->ndtv", (x, net.mix)),
    "channels by matmul": lambda net, x, before: (x.permute(0, 2, 3, 1) @ net.mix.t()).permute(0, 3, 1, 2),
    "channels by linear": lambda net, x, before: F.linear(x.movedim(1, -1), net.mix, net.bias).movedim(-1, 1),
    "joints by linear": lambda net, x, before: net.joints(x),
    "hops": lambda net, x, before: x @ (net.graph + net.hops[0]) + x @ net.hops[1],
    "attention of joints": lambda net, x, before: _attention_of_joints(x, before),
    "attention of frames' joints": lambda net, x, before: _attention(net, x),
    "attention as a function": lambda net, x, before: F.scaled_dot_product_attention(
        x.permute(0, 2, 3, 1), before.permute(0, 2, 3, 1), x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
    "padding before": lambda net, x, before: net.valid(F.pad(x, [0, 0, 2, 0])),
    "padding module": lambda net, x, before: net.valid(net.pad(x)),
    "padding of joints": lambda net, x, before: F.pad(x, (1, 1))[..., 1:-1],
    "weight computed": lambda net, x, before: x * (net.bias.exp() + 1)[None, :, None, None],
    "convolution computed": lambda net, x, before: F.conv2d(x, net.conv.weight * 2 + 1, padding=(1, 0)),
    "frames in the batch": lambda net, x, before: _frames_in_the_batch(net, x),
    "graph of frames": lambda net, x, before: _graph_of_frames(net, x),
    "joints in the batch": lambda net, x, before: _joints_in_the_batch(net, x),
    "unbind and stack": lambda net, x, before: torch.stack(x.unbind(1)[::-1], dim=1),
    "where": lambda net, x, before: torch.where(x > 0, x, before * 0.5),
    "largest joint": lambda net, x, before: x - x.max(dim=-1, keepdim=True)[0],
    "largest channel": lambda net, x, before: x + x.amax(1, keepdim=True),
    "variance": lambda net, x, before: x / (x.var(1, keepdim=True, unbiased=False) + 1).sqrt(),
    "normalized": lambda net, x, before: F.normalize(x, dim=1),
    "gated linear unit": lambda net, x, before: F.glu(torch.cat([x, before], 1), 1),
    "root mean square norm": lambda net, x, before: net.rms(x.movedim(1, -1)).movedim(-1, 1),
    "layer norm": lambda net, x, before: net.layer_norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
    "upsampled joints": lambda net, x, before: F.interpolate(x, scale_factor=(1.0, 2.0))[..., :JOINTS],
    "resized joints": lambda net, x, before: F.interpolate(x[..., :2], size=x.shape[2:], mode="bilinear"),
    "transposed in space": lambda net, x, before: net.up(x)[..., :JOINTS],
    "excited by the frame": lambda net, x, before: x * net.excite(x.mean(-1, keepdim=True)),
    "excited by the clip": lambda net, x, before: x * net.excite(F.adaptive_avg_pool2d(x, 1)),
    "recurrent": lambda net, x, before: _recurrent(net, x, False),
    "recurrent from zeros": lambda net, x, before: _recurrent(net, x, True),
    "recurrent, time first": lambda net, x, before: _lstm(net, x),
    "type and device": lambda net, x, before: x.to(before.device).type_as(before).to(x.dtype).contiguous(),
    "temporal shift": lambda net, x, before: _shift(x),
    "shift by joining": lambda net, x, before: torch.cat([F.pad(x[:, :2, :-1], (0, 0, 1, 0)), x[:, 2:]], 1),
    "differences": lambda net, x, before: F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 1, 0)),
    "mean so far": lambda net, x, before: x.cumsum(2) / torch.arange(1, x.size(2) + 1, dtype=x.dtype).view(-1, 1),
    "two answers": lambda net, x, before: net.two(x)[0] * net.two(x)[1]["gate"],
    "hook": lambda net, x, before: net.hooked(x),
    "patched": lambda net, x, before: net.patched(x),
    "added to a part": lambda net, x, before: _added_to_a_part(x),
    "shuffled channels": lambda net, x, before: x.view(x.size(0), 2, 2, -1, x.size(3)).transpose(1, 2).reshape(
        x.size(0), CHANNELS, -1, x.size(3)),
    "chosen channels": lambda net, x, before: x[:, [2, 0, 1, 3]],
    "turned joints": lambda net, x, before: x.flip(-1).roll(1, -1),
    "expanded": lambda net, x, before: x + before.mean(1, keepdim=True).expand_as(x),
    "zeros and ones": lambda net, x, before: (x + torch.zeros_like(x)) * torch.ones(x.shape, dtype=x.dtype),
    "a weight beside": lambda net, x, before: torch.cat(
        [net.bias.view(1, -1, 1, 1).expand(x.size(0), -1, x.size(2), 1), x], dim=3)[..., :JOINTS],
    "softmax of frames": lambda net, x, before: x.softmax(2),
    "mean of the clip": lambda net, x, before: x - x.mean(2, keepdim=True),
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
        layer = convert(network, example=(CHANNELS, JOINTS), proof=False)
    except ConversionError:
        outcomes["refused"] += 1
        return
    with torch.no_grad():
        for answer in (layer.clip(x), stream_clip(layer, x, 1)):
            torch.testing.assert_close(answer, wanted, rtol=0, atol=1e-9)
    outcomes["equal"] += 1


@pytest.mark.parametrize(
    "names",
    [
        ["relu in place", "relu in place", "other in place"],
        ["differences", "transposed in space"],
        ["differences", "relu in place"],
    ],
)
def test_programs_that_came_out_wrong_once(names: list[str]) -> None:
    """A module that works in place and is called twice was taken for one that does not, the second time; zero frames
    before a clip waited until after what makes something of zeros."""
    outcomes.update(equal=0, refused=0)
    equal_or_refused(names, 0)
    assert outcomes["equal"] == 1


@pytest.mark.parametrize(
    "programs", [80, *(pytest.param(programs, marks=pytest.mark.slow) for programs in range(1500, 1504))]
)
def test_random_programs_are_equal_or_refused(programs: int) -> None:
    """The same programs on every machine, whatever else is imported or installed; other programs for each number."""
    outcomes.update(equal=0, refused=0)
    draw, names = random.Random(programs), sorted(STEPS)
    for _ in range(programs):
        drawn, seed = draw.choices(names, k=draw.randint(1, 6)), draw.randrange(2**16)
        try:
            equal_or_refused(drawn, seed)
        except Exception as error:
            raise AssertionError(f"equal_or_refused({drawn}, {seed})") from error
    assert min(outcomes.values()) > programs // 40, outcomes
