"""How networks of others treat videos, each idiom as a small network: equal after conversion, at a clip's length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_unsupported
from torch import Tensor, nn

from co_perception.continual.check import check_streaming, stream_clip
from co_perception.continual.convert import proof
from co_perception.continual.convert.convert import convert
from co_perception.continual.convert.proof import draw_weights
from co_perception.continual.layer import Streaming
from co_perception.runtime.steppers.choose import stepper

Forward = Callable[[Any, Tensor], Any]
FRAMES = 8


class Video(nn.Module):
    """Layers for x (B, C, T, H, W), and what `forward` makes of them."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.how = forward
        self.conv = nn.Conv3d(3, 4, 3, padding=1)
        self.halving = nn.Conv3d(3, 4, 3, stride=2, padding=1)
        self.plane, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.whole, self.flow = nn.AdaptiveAvgPool3d(1), nn.Conv3d(4, 4, (3, 1, 1))
        self.ceil, self.softmax = nn.MaxPool3d(3, 2, padding=(0, 1, 1), ceil_mode=True), nn.Softmax()
        self.gru, self.fc = nn.GRU(4, 5, batch_first=True), nn.Linear(4, 5)
        self.squeeze = nn.Sequential(nn.Conv3d(4, 2, 1), nn.ReLU(), nn.Conv3d(2, 4, 1), nn.Sigmoid())
        self.scale = nn.Parameter(torch.zeros(4, 1, 1, 1))
        self.over, self.token = nn.Linear(4 * FRAMES, 5), nn.Parameter(torch.zeros(1, 1, 4))
        self.lstm = nn.LSTM(4, 5)

    def forward(self, x: Tensor) -> Any:
        return self.how(self, x)


def made(forward: Forward) -> Video:
    torch.manual_seed(0)
    network = Video(forward).eval()
    draw_weights(network)
    return network


def picture(net: Any, frame: Tensor) -> Tensor:
    y = F.dropout(F.relu(net.norm(net.plane(frame))), 0.3, net.training)
    return F.max_pool2d(y, 2).mean((2, 3))


def looped(net: Any, x: Tensor) -> Tensor:
    return net.gru(torch.stack([picture(net, x[:, :, t]) for t in range(x.size(2))], dim=0).transpose_(0, 1))[0]


def joined(net: Any, x: Tensor) -> Tensor:
    frames = [picture(net, frame).unsqueeze(1) for frame in x.unbind(2)]
    return net.gru(torch.cat(frames, 1))[1][-1]


def same_padding(net: Any, x: Tensor) -> Tensor:
    _, _, t, _, _ = x.size()
    pad = max(3 - 2, 0) if t % 2 == 0 else max(3 - t % 2, 0)
    y = F.relu(net.flow(F.pad(net.conv(x), (0, 0, 0, 0, pad // 2, pad - pad // 2))))
    return F.max_pool3d(F.pad(y, (0, 1, 0, 1, 0, 1)), 3, 2).mean((2, 3, 4))


def shifted(net: Any, x: Tensor) -> Tensor:
    y = net.plane(x.transpose(1, 2).reshape(-1, 3, 6, 6))
    nt, c, h, w = y.size()
    y = y.view(nt // FRAMES, FRAMES, c, h, w)
    out = torch.zeros_like(y)
    out[:, :-1, :1] = y[:, 1:, :1]
    out[:, 1:, 1:2] = y[:, :-1, 1:2]
    out[:, :, 2:] = y[:, :, 2:]
    return net.norm(out.view(nt, c, h, w)).view(-1, FRAMES, c, h, w).mean((1, 3, 4))


def differences(net: Any, x: Tensor) -> Tensor:
    y = net.conv(x)
    before, _ = y.split([FRAMES - 1, 1], dim=2)
    _, after = y.split([1, FRAMES - 1], dim=2)
    return F.pad(after - before, (0, 0, 0, 0, 0, 1)).mean((2, 3, 4))


def two_rates(net: Any, x: Tensor) -> Tensor:
    slow, fast = net.conv(x[:, :, ::4]), net.conv(x)
    slow = slow + fast[:, :, ::4]
    heads = [F.avg_pool3d(slow, (2, 6, 6), stride=1), F.avg_pool3d(fast, (8, 6, 6), stride=1)]
    return torch.cat([net.whole(head) for head in heads], 1).flatten(1)


def class_token(net: Any, x: Tensor) -> Tensor:
    y = net.plane(x.transpose(1, 2).reshape(-1, 3, 6, 6)).flatten(2).transpose(1, 2)
    tokens = torch.cat((net.token.expand(y.shape[0], -1, -1), y), dim=1)
    tokens = tokens + F.scaled_dot_product_attention(tokens, tokens, tokens)
    return net.fc(tokens[:, 0]).view(x.size(0), x.size(2), -1).mean(1)


def kept(net: Any, x: Tensor) -> Tensor:
    """Keeps what a stream of clips would need for the next one."""
    y = net.conv(x)
    net.last = y[:, :, -2:].clone().detach()
    numbers = torch.arange(1, x.shape[2] + 1)[None, None, :, None, None].expand(y.shape)
    return (y.cumsum(dim=2) / numbers)[:, :, -1:].mean((3, 4)).flatten(1)


VIDEOS: dict[str, Forward] = {
    "a head over the clip": lambda net, x: net.whole(net.conv(x)).flatten(1),
    "its length by its shape": lambda net, x: F.avg_pool3d(x, net.conv(x).data.size()[-3:]).flatten(1),
    "one frame is left": lambda net, x: net.fc(F.max_pool3d(net.halving(x), (4, 3, 3)).view(-1, 4)),
    "one frame as a picture": lambda net, x: F.avg_pool2d(F.max_pool3d(net.conv(x), (8, 1, 1))[:, :, 0], 6).flatten(1),
    "a loop over frames": looped,
    "frames joined": joined,
    "same padding": same_padding,
    "temporal shift": shifted,
    "differences of neighbors": differences,
    "two rates": two_rates,
    "something kept": kept,
    "an implicit softmax": lambda net, x: net.softmax(net.whole(net.conv(x)).flatten(1)),
    "a pool that rounds up": lambda net, x: net.ceil(F.pad(net.conv(x), (0, 0, 0, 0, 0, 1))).mean((2, 3, 4)),
    "as many frames as it has": lambda net, x: F.adaptive_avg_pool3d(net.conv(x), (x.shape[2], 1, 1))[:, :, -1, 0, 0],
    "two rates, one frame of each": lambda net, x: torch.cat(
        [F.avg_pool3d(net.conv(x[:, :, ::4]), (2, 6, 6), 1), F.avg_pool3d(net.conv(x), (8, 6, 6), 1)], 1
    ).mean((2, 3, 4)),
    "a linear layer over the clip": lambda net, x: net.over(net.conv(x).mean((3, 4)).flatten(1)).relu(),
    "a linear layer over frames of channels": lambda net, x: net.over(
        net.conv(x).amax((3, 4)).transpose(1, 2).reshape(x.size(0), -1)),
    "a linear layer over the clip, for each row": lambda net, x: net.over(
        net.conv(x).mean(4).permute(0, 3, 2, 1).flatten(2)).mean(1),
    "a class token for each frame": class_token,
    "a gate of zero": lambda net, x: (net.conv(x) * net.scale + net.scale).mean((2, 3, 4)),
}  # fmt: skip


def answers(layer: Streaming, x: Tensor) -> list[Tensor]:
    """The last answer of the stream, step by step, and of the clip."""
    with torch.no_grad():
        return [stream_clip(layer, x, layer.timing.stride)[:, :, -1], layer.clip(x)[:, :, -1]]


@pytest.mark.parametrize("name", VIDEOS)
def test_equal_at_the_length_of_the_example(name: str) -> None:
    network = made(VIDEOS[name])
    layer = convert(network, example=torch.zeros(1, 3, FRAMES, 6, 6))
    assert layer.state_dict().keys() == network.state_dict().keys()
    assert not hasattr(network, "last")
    for streams in (1, 3):
        x = torch.randn(streams, 3, FRAMES, 6, 6)
        with torch.no_grad():
            wanted = network(x.clone())
        wanted = wanted[:, -1] if wanted.dim() == 3 else wanted
        for got in answers(layer, x):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


QUICK = ("a class token for each frame", "a linear layer over the clip", "temporal shift")


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in VIDEOS)])
def test_onnx_runtime_steps_what_converts(name: str) -> None:
    pytest.importorskip("onnxruntime")
    layer = convert(made(VIDEOS[name]), example=torch.zeros(1, 3, FRAMES, 6, 6), proof=False)
    stepper(layer, (3, 6, 6), "onnxruntime")  # which compares it with the network


@pytest.mark.slow
@pytest.mark.parametrize("name", VIDEOS)
def test_what_converts_keeps_the_contract_of_a_layer(name: str) -> None:
    network = made(VIDEOS[name])
    layer = convert(network, example=torch.zeros(1, 3, FRAMES, 6, 6), proof=False)
    layer.load_state_dict(network.state_dict())
    check_streaming(layer, (3, 6, 6), gradients=False, tolerance=1e-4)


def test_a_loop_is_one_layer_for_all_frames() -> None:
    layer = convert(made(looped), example=torch.zeros(1, 3, FRAMES, 6, 6))
    check_streaming(
        layer, (3, 6, 6), reference=lambda x: made(looped)(x).transpose(1, 2), export=False, gradients=False,
        tolerance=1e-4,
    )  # fmt: skip


REFUSED: dict[str, tuple[Forward, str]] = {
    "a gate over the clip": (lambda net, x: net.squeeze(net.whole(net.conv(x))) * net.conv(x), "last frame has come"),
    "another number of frames": (lambda net, x: torch.stack([x[:, :, 0], x[:, :, 2]], 2), "one way for every frame"),
    "from frame to frame": (lambda net, x: net.plane(x[:, :, 1] - x[:, :, 0]), "nn.GRU"),
    "the last frames": (lambda net, x: net.conv(x)[:, :, -2:] * 2, "the last 2 frames"),
    "a class token for the clip": (
        lambda net, x: torch.cat([net.token.expand(x.size(0), -1, -1), net.conv(x).flatten(2).transpose(1, 2)], 1),
        "class token beside the patches of all frames",
    ),
    "frames as the batch of a recurrent layer": (
        lambda net, x: net.lstm(net.conv(x).mean((3, 4)).transpose(1, 2))[0], "mixes the clips .* batch_first=True",
    ),
    "written twice": (lambda net, x: _twice(net.conv(x)), "twice"),
}  # fmt: skip


def _twice(y: Tensor) -> Tensor:
    out = torch.zeros_like(y)
    out[:, :3] = y[:, :3]
    out[:, 2:] = y[:, 2:]
    return out


@pytest.mark.parametrize("name", REFUSED)
def test_refused_for_a_reason(name: str) -> None:
    forward, reason = REFUSED[name]
    assert_unsupported(reason, convert, made(forward), example=torch.zeros(1, 3, FRAMES, 6, 6))


def test_a_proof_takes_smaller_frames_where_it_can() -> None:
    sizes = set[int]()

    def seen(net: Any, x: Tensor) -> Tensor:
        if type(x) is Tensor:
            sizes.add(x.shape[-1])
        return net.conv(x).mean((3, 4))

    convert(made(seen), example=(3, 160, 160))
    assert sizes == {40}
    sizes.clear()
    convert(
        made(lambda net, x: F.avg_pool3d(seen(net, x)[..., None, None] + x[:, :1], (1, 160, 160))),
        example=(3, 160, 160),
    )
    assert sizes == {160}


def test_multiplications_are_counted_as_torch_counts_them() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    layer = convert(made(picture_by_picture), example=torch.zeros(1, 3, FRAMES, 6, 6), proof=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer.clip(torch.zeros(1, 3, FRAMES, 6, 6))
    assert proof._products(layer, (3, 6, 6), FRAMES) == counter.get_total_flops() // 2 > 0


def test_a_proof_of_a_costly_network_has_two_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "MOST_PRODUCTS", 10**4)
    clips = list[tuple[int, int]]()

    def seen(net: Any, x: Tensor) -> Tensor:
        if type(x) is Tensor:
            clips.append((x.shape[0], x.shape[2]))
        return net.halving(x)

    convert(made(seen), example=(3, 6, 6))
    assert clips == [(2, 2), (1, 4)]


def picture_by_picture(net: Any, x: Tensor) -> Tensor:
    return net.fc(net.conv(x).mean((3, 4)).transpose(1, 2)).transpose(1, 2)
