"""Plain torch networks become continual ones with the same weights, or it is said why not."""

from __future__ import annotations

import copy
import linecache
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.reference_attention import encoder_ref
from helpers.refusals import assert_refused, assert_unsupported
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming, run_steps, stream_clip
from co_perception.continual.convert.convert import ConversionError, Registry, Site, convert
from co_perception.continual.encoder import TransformerEncoder
from co_perception.continual.framewise import EachFrame


def prepared(network: nn.Module, seed: int = 0) -> nn.Module:
    """In double precision, for evaluation, and with statistics in its norms."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.get_buffer("running_mean"))
            nn.init.uniform_(module.get_buffer("running_var"), 0.5, 2.0)
    return network.double().eval()


def check(
    network: nn.Module,
    frame_shape: tuple[int, ...],
    reference: Callable[[Tensor], Tensor] | None = None,
    *,
    export: bool = False,
    **settings: object,
) -> co.Streaming:
    """Convert, hold against the plain network (or `reference`), and see that names stay what they are."""
    settings = {"example": frame_shape} | settings
    layer = convert(network, **settings)  # type: ignore[arg-type]
    own, plain = layer.state_dict(), network.state_dict()
    assert {name: value.shape for name, value in own.items()} == {name: value.shape for name, value in plain.items()}
    layer.load_state_dict(plain)
    with torch.no_grad():
        check_streaming(
            layer, frame_shape, reference=reference or network, tolerance=1e-12, export=export, dtype=torch.float64,
            gradients=False,
        )  # fmt: skip
    return layer


# Residual networks ----------------------------------------------------------------------------------------------------


class Bottleneck(nn.Module):
    def __init__(
        self, channels: int, width: int, out: int, *, temporal: int = 3, stride: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, width, (temporal, 1, 1), padding=(temporal // 2, 0, 0), bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        steps = (stride[0], stride[1], stride[1])
        self.conv2 = nn.Conv3d(width, width, (1, 3, 3), stride=steps, padding=(0, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if channels != out:
            self.downsample = nn.Sequential(nn.Conv3d(channels, out, 1, stride=steps, bias=False), nn.BatchNorm3d(out))

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet3d(nn.Module):
    """pool: frames of the global average pool's input, or None for one over whatever there is."""

    def __init__(self, pool: int | None = None) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(2, 4, 3, stride=(1, 2, 2), padding=1, bias=False), nn.BatchNorm3d(4), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.layer1 = nn.Sequential(Bottleneck(4, 2, 8), Bottleneck(8, 2, 8, temporal=1))
        self.layer2 = nn.Sequential(Bottleneck(8, 3, 12, stride=(2, 2)), Bottleneck(12, 3, 12))
        self.pool = pool
        self.avgpool = nn.AdaptiveAvgPool3d(1) if pool is None else nn.AvgPool3d((pool, 1, 1), stride=1)
        self.fc = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.layer2(self.layer1(self.maxpool(self.stem(x)))))
        if self.pool is not None:  # every window's answer: (B, 5, T')
            return self.fc(x.mean((3, 4)).transpose(1, 2)).transpose(1, 2)
        return self.fc(F.dropout(torch.flatten(x, 1), 0.5, self.training))


def resnet() -> nn.Module:
    torch.manual_seed(0)
    return prepared(ResNet3d())


def test_a_residual_network_answers_as_the_plain_one() -> None:
    network, sliding = resnet(), ResNet3d(pool=4).double().eval()
    sliding.load_state_dict(network.state_dict())
    layer = check(network, (2, 4, 4), sliding, window=4)
    # Temporal kernels of 3 at stride 1 (stem, layer1.0, layer2.0), one and the pool of 4 at stride 2.
    assert layer.timing == co.Timing(1 + 2 + 2 + 2 + 4 + 6, 2, 5, 5)
    x = torch.randn(2, 2, 8, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(layer.clip(x)[:, :, 0], network(x), rtol=0, atol=1e-12)


def test_the_plain_network_stays_as_it_is() -> None:
    network = resnet()
    before = copy.deepcopy(network.state_dict())
    layer = convert(network, window=4, example=(2, 4, 4))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [name for name, _ in network.named_modules()] == [name for name, _ in resnet().named_modules()]
    assert all(module.inplace for module in network.modules() if isinstance(module, nn.ReLU))


def test_a_converted_network_trains_moves_copies_and_pickles() -> None:
    layer = convert(resnet(), window=4, example=(2, 4, 4)).train()
    assert layer.get_submodule("layer1.0.bn1").training
    assert not convert(resnet(), window=4, example=(2, 4, 4)).get_submodule("layer1.0.bn1").training
    x = torch.randn(1, 2, 24, 4, 4, dtype=torch.float64)
    stream_clip(layer, x, 8).sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    layer.eval()
    wanted = stream_clip(layer, x, 8)
    assert torch.equal(stream_clip(copy.deepcopy(layer), x, 8), wanted)
    assert torch.equal(stream_clip(pickle.loads(pickle.dumps(layer)), x, 8), wanted)
    moved = stream_clip(layer.float(), x.float(), 8)
    assert moved.dtype == torch.float32 and (moved - wanted).abs().max() < 1e-4


def test_functional_dropout_follows_the_mode() -> None:
    class Dropping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.dropout(x, 0.5, self.training)

    layer = convert(Dropping().eval(), layout="BCT", example=(2,))
    x = torch.ones(1, 2, 100)
    assert torch.equal(layer.clip(x), x) and not torch.equal(layer.train().clip(x), x)


# Other shapes of networks ---------------------------------------------------------------------------------------------


class Inception(nn.Module):
    """Branches of different delay, joined along channels; functions instead of modules; weights of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, (5, 1), stride=(2, 1), padding=(2, 0))
        self.point = nn.Conv2d(4, 2, 1)
        self.deep = nn.Sequential(nn.Conv2d(4, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, (3, 1), padding=(1, 0)))
        self.after = nn.Conv2d(4, 1, 1)
        self.scale = nn.Parameter(torch.randn(6, 1, 1))
        self.shift = nn.Buffer(torch.randn(1, 6, 1, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x), inplace=True)
        pooled = self.after(F.max_pool2d(x, 3, stride=1, padding=1))
        x = torch.cat([self.point(x), self.deep(x), pooled], 1)
        x = self.scale * x + self.shift
        first, second = x.chunk(2, dim=1)
        gate = torch.sigmoid(x.mean([1, 3], keepdim=True))
        x = gate * (1 - first) + second[:, :, :, :]
        return F.avg_pool2d(x, (2, 3), stride=1).squeeze(-1)


def test_branches_weights_and_functions() -> None:
    torch.manual_seed(1)
    layer = check(prepared(Inception()), (2, 3), export=True)
    assert layer.timing == co.Timing(5 + 2 * 4 + 2, 2, 2 + 4, 2 + 4)


class Preactivation(nn.Module):
    """A ReLU in place changes what the shortcut, which was put aside before it, has."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv1d(2, 2, 3, padding=1)
        self.conv2 = nn.Conv1d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        shortcut = x
        if self.how == "module":
            y = self.conv2(self.relu(x))
        elif self.how == "function":
            y = self.conv2(F.relu(x, True))
        elif self.how == "method":
            x.relu_()
            y = self.conv2(x)
        else:
            x *= 2
            y = self.conv2(x)
        return self.relu(y + shortcut) + y


@pytest.mark.parametrize("how", ["module", "function", "method", "operator"])
def test_functions_in_place_are_seen_by_whoever_holds_the_tensor(how: str) -> None:
    check(prepared(Preactivation(how)), (2,))


class Cut(nn.Module):
    """Padded on both sides and cut at the end, as temporal convolutional networks do it; or not padded at all."""

    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.conv = nn.Conv1d(2, 2, 3, padding=4, dilation=2) if causal else nn.Conv1d(2, 2, 5)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.tanh(self.conv(x)[:, :, :-4]) if self.causal else self.conv(x) + x[..., 2:-2]


def test_cut_ends_and_unpadded_skips() -> None:
    assert check(prepared(nn.Sequential(Cut(True), Cut(True))), (2,), export=True).delay == 0
    assert check(prepared(Cut(False)), (2,)).delay == 4


def test_a_sequential_stays_one_with_its_names() -> None:
    network = nn.Sequential(
        nn.Sequential(nn.Conv1d(3, 4, 3, padding="same", dilation=2), nn.BatchNorm1d(4), nn.GELU()),
        nn.MaxPool1d(3, stride=2, padding=1),
        nn.Conv1d(4, 4, 3, padding=1, padding_mode="replicate", groups=2, bias=False),
        nn.AvgPool1d(3, stride=1, padding=1, count_include_pad=False),
        nn.Dropout(0.1),
        nn.Softmax(dim=1),
    )
    layer = check(prepared(network), (3,), export=True)
    assert isinstance(layer, co.Sequential) and isinstance(layer[0], co.Sequential)


def test_a_converted_network_has_the_bits_of_one_made_of_continual_layers() -> None:
    """No operation comes in between, and sums keep their order."""
    inner = [nn.Conv2d(3, 6, (3, 1), padding=(1, 0)), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d((2, 1), (2, 1))]
    network = prepared(nn.Sequential(*inner, nn.Conv2d(6, 4, (3, 2), dilation=(2, 1), padding=(2, 0))))
    by_hand = co.Sequential(
        co.Conv2d(3, 6, (3, 1), padding=[(1, 1), (0, 0)]), nn.BatchNorm2d(6), nn.ReLU(),
        co.MaxPool2d((2, 1), stride=(2, 1)), co.Conv2d(6, 4, (3, 2), dilation=(2, 1), padding=[(2, 2), (0, 0)]),
    ).double().eval()  # fmt: skip
    by_hand.load_state_dict(network.state_dict())
    layer, x = convert(network, example=(3, 5)), torch.randn(2, 3, 16, 5, dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(layer.clip(x), by_hand.clip(x))
        assert torch.equal(stream_clip(layer, x, 2), stream_clip(by_hand, x, 2))


def test_a_head_over_the_whole_clip_looks_at_a_window() -> None:
    network = prepared(
        nn.Sequential(nn.Conv3d(2, 4, 3), nn.AdaptiveAvgPool3d((1, 2, 1)), nn.Flatten(), nn.Linear(8, 3))
    )
    layer = convert(network, window=5, example=(2, 5, 5))

    def sliding(x: Tensor) -> Tensor:
        return torch.stack([network(part) for part in x.unfold(2, 7, 1).movedim(-1, 3).unbind(2)], 2)

    x = torch.randn(2, 2, 9, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(layer.clip(x), sliding(x), rtol=0, atol=1e-12)
    with torch.no_grad():
        check_streaming(layer, (2, 5, 5), reference=sliding, tolerance=1e-12, export=False, gradients=False)


def test_every_window_may_differ() -> None:
    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.AdaptiveMaxPool1d(1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.pool(x).flatten(1), x.mean(-1)], 1)

    layer = convert(TwoHeads(), window={"pool": 2, "mean": 2}, example=(2,))
    x = torch.randn(1, 2, 2)
    torch.testing.assert_close(layer.clip(x)[:, :, 0], TwoHeads()(x))
    with pytest.raises(ConversionError, match="shorter than the clip"):
        convert(TwoHeads(), window={"pool": 2, "mean": 3})


# Sequences ------------------------------------------------------------------------------------------------------------


def newest_of(network: Callable[[Tensor], Tensor], window: int) -> Callable[[Tensor], Tensor]:
    """For each frame of x (B, C, T) the answer of `network` to the window (B, n, C) that ends there."""

    def reference(x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        return torch.stack([network(x[:, max(0, end - window) : end]) for end in range(1, x.shape[1] + 1)], 2)

    return reference


class Recurrent(nn.Module):
    """How most people classify with a recurrent layer: its last state, or its answer to the last frame."""

    def __init__(self, kind: type[nn.RNN | nn.LSTM | nn.GRU], last: str) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(3)
        self.rnn = kind(3, 4, num_layers=2, batch_first=True)
        self.fc = nn.Linear(4, 2)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        y, state = self.rnn(self.norm(x))
        if self.last == "state":
            return self.fc((state[0] if isinstance(self.rnn, nn.LSTM) else state)[-1])
        return self.fc(y[:, -1] if self.last == "answer" else y)


@pytest.mark.parametrize("last", ["state", "answer", "all"])
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_classifiers(kind: type[nn.RNN | nn.LSTM | nn.GRU], last: str) -> None:
    network = prepared(Recurrent(kind, last))

    whole = (lambda x: network(x.transpose(1, 2)).transpose(1, 2)) if last == "all" else newest_of(network, 1000)
    check(network, (3,), whole)


class Classifier(nn.Module):
    def __init__(self, depth: int, norm_first: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(3, 8)
        layer = nn.TransformerEncoderLayer(
            8, 2, 16, activation="gelu", batch_first=True, norm_first=norm_first, layer_norm_eps=1e-3
        )
        norm = nn.LayerNorm(8) if norm_first else None
        self.encoder = nn.TransformerEncoder(layer, depth, norm=norm, enable_nested_tensor=False)
        self.fc = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.encoder(self.embed(x))[:, -1])


@pytest.mark.parametrize(("depth", "norm_first"), [(1, False), (2, True), (3, False)])
def test_transformers_answer_for_the_newest_token_of_a_window(depth: int, norm_first: bool) -> None:
    network = prepared(Classifier(depth, norm_first))
    layer = check(network, (3,), newest_of(network, 5), window=5)
    assert isinstance(layer.get_submodule("encoder"), TransformerEncoder)


def test_bare_transformers_and_attention() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).double().eval()
    check(encoder, (8,), lambda x: encoder_ref(encoder, x, 4), window=4)
    attention = nn.MultiheadAttention(8, 2, bias=False).double().eval()  # (T, B, C)

    def newest(x: Tensor) -> Tensor:
        tokens = x.transpose(0, 1)
        return attention(tokens, tokens, tokens)[0][-1]

    check(attention, (8,), newest_of(newest, 3), window=3)


def test_gelu_is_gelu() -> None:
    """Weak spot 4: activation="gelu" builds a ReLU, and converting an encoder always fails."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True).double().eval()
    check(layer, (8,), newest_of(lambda x: layer(x)[:, -1], 2), window=2)


# Refusals -------------------------------------------------------------------------------------------------------------


class Many(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 4, 3, padding=1)
        self.blocks = nn.ModuleList([nn.Sequential(nn.GroupNorm(2, 4), nn.ReLU()), nn.Sequential(nn.InstanceNorm1d(4))])
        self.up = nn.ConvTranspose1d(4, 4, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        x = torch.flip(x, [2])
        return self.up(x).logcumsumexp(2)


def test_every_operation_that_cannot_be_continual_is_named() -> None:
    with pytest.raises(ConversionError) as refused:
        convert(Many())
    assert [each.path for each in refused.value.unsupported] == [
        "blocks.0.0",
        "blocks.1.0",
        "flip",
        "up",
        "logcumsumexp",
    ]
    assert "torch.flip(x, [2])" in str(refused.value) and "GroupNorm(2, 4" in str(refused.value)
    with pytest.raises(ConversionError) as refused:
        convert(nn.Sequential(nn.Conv1d(2, 4, 3), Many(), nn.GroupNorm(1, 4)))
    assert [each.path for each in refused.value.unsupported][::5] == ["1.blocks.0.0", "2"]


class Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor], inner: nn.Module | None = None) -> None:
        super().__init__()
        self.function = function
        self.inner = inner
        self.table = nn.Parameter(torch.zeros(1, 2, 9))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x if self.inner is None else self.inner(x))


REFUSED: dict[str, tuple[nn.Module, str]] = {
    "bidirectional": (nn.LSTM(2, 2, bidirectional=True, batch_first=True), "last frame"),
    "transposed": (nn.ConvTranspose1d(2, 2, 2, stride=2), "more frames"),
    "ceil mode": (nn.MaxPool1d(3, 2, ceil_mode=True), "ceil_mode"),
    "adaptive": (nn.AdaptiveAvgPool1d(3), "3 parts"),
    "no window": (nn.TransformerEncoderLayer(2, 1), r"window=n"),
    "linear over time": (nn.Sequential(nn.Conv1d(2, 2, 1), nn.Linear(9, 9)), "which is time"),
    "flatten over time": (nn.Sequential(nn.Conv1d(2, 2, 1), nn.Flatten()), "merges time"),
    "norm without statistics": (nn.BatchNorm1d(2, track_running_stats=False), "statistics"),
    "softmax over time": (nn.Sequential(nn.Conv1d(2, 2, 1), nn.Softmax(-1)), "sum over time"),
    "circular": (nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular"), "frames that have not come yet"),
    "two frames": (Function(lambda x: x[:, :, 1] + 1), "picks frame 1"),
    "frames from the front": (Function(lambda x: x[:, :, :2]), "a stream can leave out frames at both ends"),
    "one stream": (Function(lambda x: x[0]), "picks streams"),
    "cat over time": (Function(lambda x: torch.cat([x, x], 2)), "along time"),
    "reversed": (Function(lambda x: x.flip(2)), "turns time around"),
    "mean of the batch": (Function(lambda x: x - x.mean(0, keepdim=True)), "streams of the batch"),
    "length": (Function(lambda x: x / x.shape[2]), "length of an axis"),
    "reshape": (Function(lambda x: x.view(x.size(0), -1)), "merges time"),
    "branch": (Function(lambda x: x if x.sum() > 0 else -x), "must not depend on a tensor"),
    "unpadded skip": (Function(lambda x: x + F.max_pool1d(x, 3, 1)), "frames shorter than the clip"),
    "strides": (Function(lambda x: x + F.max_pool1d(x, 2, 2)), "temporal strides"),
    "squeeze": (Function(lambda x: x.squeeze()), "batch of one"),
    "sum": (Function(lambda x: x.sum(2)), "grows with the clip"),
    "gate by the whole clip": (Function(lambda x: x * x.mean(2, keepdim=True)), "past_gates=True"),
    "stacked attention": (
        nn.Sequential(*[nn.TransformerEncoderLayer(2, 1, 4, batch_first=True) for _ in range(2)]),
        "one nn.TransformerEncoder",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_why(name: str) -> None:
    network, reason = REFUSED[name]
    layout = "BCT" if isinstance(network, Function | nn.AdaptiveAvgPool1d) else None
    window = 2 if name == "stacked attention" else None
    example = (2,) if isinstance(network, Function) else None
    assert_unsupported(reason, convert, network, layout=layout, window=window, example=example)


def test_a_line_of_a_package_beside_torch_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torchvision is, whose folder begins with the name of torch's."""
    source = "def forward(x):\n    return x.sigmoid().flip(2)\n"
    path = f"{Path(torch.__file__).parent}vision/models.py"
    monkeypatch.setitem(linecache.cache, path, (len(source), None, source.splitlines(keepends=True), path))
    contents: dict[str, Any] = {}
    exec(compile(source, path, "exec"), contents)
    with pytest.raises(ConversionError) as refused:
        convert(Function(contents["forward"]), layout="BCT")
    assert refused.value.unsupported[0].operation == "return x.sigmoid().flip(2)"


def test_a_table_over_time_is_refused() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.zeros(1, 9, 2))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.table

    with pytest.raises(ConversionError, match="RecyclingPositionalEncoding"):
        convert(Positions(), layout="BTC")


TABLE_CUTS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "slice": lambda table, frames: table[:, :, :frames],
    "ellipsis": lambda table, frames: table[..., :frames],
    "narrow": lambda table, frames: table.narrow(2, 0, frames),
    "split": lambda table, frames: table.split(frames, 2)[0],
    "select": lambda table, frames: table.index_select(2, torch.arange(frames)),
}


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("how", TABLE_CUTS)
def test_convert_slice(how: str, learned: bool) -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, table = nn.Conv1d(6, 6, 3, padding=1), torch.zeros(1, 6, 24)
            if learned:
                self.table = nn.Parameter(table)
            else:
                self.register_buffer("table", table)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) + TABLE_CUTS[how](self.table, x.size(2))

    with pytest.raises(ConversionError, match=r"length of an axis.* RecyclingPositionalEncoding") as refused:
        convert(Positions())
    assert len(refused.value.unsupported) == 1


@pytest.mark.parametrize(
    "forward",
    [
        lambda x, weight: x + weight.transpose(1, 2)[:, :2].transpose(1, 2),
    ],
)
def test_lengths_and_weights_in_unknown_places_are_refused(forward: Callable[[Tensor, Tensor], Tensor]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.weight = nn.Conv1d(6, 6, 3, padding=1), nn.Parameter(torch.zeros(1, 6, 24))

        def forward(self, x: Tensor) -> Tensor:
            return forward(self.conv(x), self.weight)

    with pytest.raises(ConversionError):
        convert(Net(), window=8)


def test_a_changed_forward_is_read_not_guessed() -> None:
    class Odd(nn.Conv1d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).flip(2)

    with pytest.raises(ConversionError):
        convert(Odd(2, 2, 3))


def test_a_layout_is_asked_for_where_nothing_tells() -> None:
    assert_refused("layout=", convert, nn.ReLU())
    assert_refused("B, C and T once", convert, nn.ReLU(), layout="BCC")
    x = torch.randn(1, 2, 3)
    assert torch.equal(convert(nn.ReLU(), layout="BCT", example=(2,)).clip(x), x.relu())


# The user's own layers ------------------------------------------------------------------------------------------------


class Cube(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum(1, keepdim=True) if bool(x.sum() > 1e9) else x**3  # torch.fx cannot read this


class StreamingCube(EachFrame):
    def clip(self, x: Tensor) -> Tensor:
        return x**3


def test_a_registry_converts_what_it_was_told_and_no_other_does() -> None:
    network = nn.Sequential(nn.Conv1d(2, 2, 3), Cube()).double()
    registry = Registry()

    @registry.register(Cube)
    def _(module: nn.Module, site: Site) -> StreamingCube:
        assert site.path == "1" and site.axes.canonical
        return StreamingCube()

    layer = check(network, (2,), registry=registry)
    assert isinstance(layer.get_submodule("1"), StreamingCube)
    with pytest.raises(ConversionError, match="register a converter"):
        convert(network)
    with pytest.raises(ConversionError, match="register a converter"):
        convert(network, registry=Registry())
    registry.register(Cube, lambda module, site: nn.Identity())
    with pytest.raises(ConversionError, match="answers otherwise than the plain network"):
        convert(network, registry=registry)
    assert isinstance(convert(network, registry=registry, proof=False).get_submodule("1"), nn.Identity)


def test_layers_that_are_continual_already_stay() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.excite = co.Residual(co.Conv1d(2, 2, 3, padding=1))
            self.conv = nn.Conv1d(2, 2, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.excite(x)) + x

    network = Mixed().double()
    check(network, (2,), lambda x: network.conv(network.excite.clip(x)) + x)


# Threads --------------------------------------------------------------------------------------------------------------


def test_threads_share_a_network_each_with_its_own_state() -> None:
    """Weak spot 10: a mode that is global to the process, and states that live in modules."""
    layer = convert(resnet(), window=4, example=(2, 4, 4))
    clips = torch.randn(8, 1, 2, 50, 4, 4, dtype=torch.float64)

    @torch.no_grad()
    def steps(clip: Tensor) -> list[Tensor]:
        return run_steps(layer, clip, layer.init_state(1, (2, 4, 4)))[0]

    wanted = [y for clip in clips for y in steps(clip)]
    with ThreadPoolExecutor(8) as threads:
        got = [y for answers in threads.map(steps, clips) for y in answers]
    assert len(got) == 200 and sum(not torch.equal(a, b) for a, b in zip(got, wanted, strict=True)) == 0
