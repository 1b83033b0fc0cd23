"""Containers: whole networks through the contract suite against the same network in plain torch."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_refused
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual import history
from co_perception.continual.check import check_streaming, stream_clip
from co_perception.continual.container import Reduction


class PlainResidual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(4, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(), nn.Conv1d(4, 4, 5, padding=2)
        )
        self.after = nn.Conv1d(4, 2, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(x + self.body(x))


def continual_residual() -> co.Sequential:
    body = co.Sequential(
        co.Conv1d(4, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(inplace=True), co.Conv1d(4, 4, 5, padding=2)
    )
    return co.Sequential(OrderedDict(residual=co.Residual(body), after=co.Conv1d(4, 2, 3, stride=2, padding=1)))


def rename(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.replace("body", "residual.body"): value for name, value in weights.items()}


def test_residual_equals_the_plain_network() -> None:
    plain, layer = PlainResidual().double().eval(), continual_residual().double()
    torch.nn.init.normal_(plain.body.get_buffer("1.running_mean"))
    layer.load_state_dict(rename(plain.state_dict()))
    check_streaming(layer, (4,), reference=plain, tolerance=1e-12)
    assert layer.timing == co.Timing(9, 2, 4, 4)


def inception() -> co.Sequential:
    """Branches of different delay, strided twice with odd lags, a maximum with one-sided borders: every phase trap in
    one."""
    mixed = co.Parallel(
        co.Conv1d(4, 2, 1),
        co.Sequential(co.Conv1d(4, 3, 3, padding=1), co.Conv1d(3, 3, 3, padding=1)),
        co.Sequential(co.MaxPool1d(3, stride=1, padding=1), co.Conv1d(4, 1, 1)),
        reduce="concat",
    )
    return co.Sequential(
        co.Conv1d(3, 4, 7, stride=2, padding=[(2, 3)]),
        nn.GELU(),
        mixed,
        co.MaxPool1d(3, stride=2, padding=[(0, 1)]),
        co.Conv1d(6, 4, 3, padding=1),
        co.MaxPool1d(2, stride=2),
        co.AvgPool1d(2, stride=1),
    )


def plain_inception(net: co.Sequential, x: Tensor) -> Tensor:
    stem, _, mixed, _, after, _, _ = net.children()
    point, deep, pooled = mixed.children()

    def conv(layer: nn.Module, x: Tensor, padding: int = 0) -> Tensor:
        return nn.functional.conv1d(x, layer.weight, layer.bias, padding=padding)  # type: ignore[arg-type]

    x = nn.functional.gelu(nn.functional.conv1d(nn.functional.pad(x, (2, 3)), stem.weight, stem.bias, stride=2))  # type: ignore[arg-type]
    first, second = deep.children()
    x = torch.cat(
        [
            conv(point, x),
            conv(second, conv(first, x, 1), 1),
            conv(list(pooled.children())[1], nn.functional.max_pool1d(x, 3, 1, 1)),
        ],
        1,
    )
    x = nn.functional.max_pool1d(nn.functional.pad(x, (0, 1), value=-torch.inf), 3, 2)
    x = nn.functional.max_pool1d(conv(after, x, 1), 2, 2)
    return nn.functional.avg_pool1d(x, 2, 1)


def test_branches_strides_and_one_sided_borders_meet() -> None:
    net = inception().double()
    check_streaming(net, (3,), reference=lambda x: plain_inception(net, x), tolerance=1e-12)
    assert net.timing.receptive_field == 39 and net.timing.stride == 8


def test_receptive_field_is_exact() -> None:
    """Frames at both ends of the stated field change an answer, frames beyond do not."""
    net = inception().double()
    x = torch.randn(1, 3, 160, dtype=torch.float64)
    answer = 10
    first = answer * net.timing.stride - net.timing.before
    last = first + net.receptive_field - 1

    def changed(frame: int) -> bool:
        other = x.clone()
        other[:, :, frame] += 100
        return not torch.equal(net.clip(x)[:, :, answer], net.clip(other)[:, :, answer])

    assert [changed(frame) for frame in (first - 1, first, last, last + 1)] == [False, True, True, False]


@pytest.mark.parametrize("layer", [co.Residual(co.Conv1d(3, 3, 5), co.Crop(2, 2)), co.Delay(3), co.Crop(1, 2)], ids=str)
def test_other_layers_keep_the_contract(layer: co.Streaming) -> None:
    check_streaming(layer.double(), (3,), tolerance=1e-12, dtype=torch.float64)


@pytest.mark.parametrize(("align", "start"), [("centered", 2), ("lagging", 0), ("leading", 4)])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_skip_around_an_unpadded_body_is_aligned_by_name(align: str, start: int, stride: int) -> None:
    body = co.Sequential(co.Conv1d(3, 3, 3), nn.Tanh(), co.Conv1d(3, 2, 3, stride=stride))
    layer = co.Residual(body, co.Conv1d(3, 2, 1, stride=stride), align=align).double()
    assert set(layer.state_dict()) >= {"body.0.weight", "body.2.bias", "shortcut.weight"}
    first, _, second = body.children()

    def reference(x: Tensor) -> Tensor:
        y = F.conv1d(torch.tanh(F.conv1d(x, first.weight, first.bias)), second.weight, second.bias, stride=stride)  # type: ignore[arg-type]
        skip = F.conv1d(x[:, :, start:], layer.shortcut.weight, layer.shortcut.bias, stride=stride)  # type: ignore[arg-type,union-attr]
        return y + skip[:, :, : y.shape[2]]

    check_streaming(layer, (3,), reference=reference, tolerance=1e-12)


def test_a_leading_skip_does_not_wait() -> None:
    delays = {align: co.Residual(co.Conv1d(3, 3, 5), align=align) for align in ("centered", "lagging", "leading")}
    kept = {align: history.length(layer.init_state(1, (3,)).layers[1][1]) for align, layer in delays.items()}
    assert kept == {"centered": 2, "lagging": 4, "leading": 0}


def test_a_skip_that_cannot_meet_is_refused_with_advice() -> None:
    assert_refused("4 frames shorter than the shortcut's", co.Residual, co.Conv1d(3, 3, 5))
    assert_refused("no middle", co.Residual, co.Conv1d(3, 3, 4), align="centered")
    assert_refused("'lagging' or 'leading', got 'late'", co.Residual, co.Conv1d(3, 3, 5), align="late")
    assert_refused("frames for one clip", co.Parallel(co.Conv1d(3, 3, 5), nn.Identity()).clip, torch.zeros(1, 3, 9))


@pytest.mark.parametrize(
    "reduce",
    ["sum", "mul", "max", "concat", lambda parts: parts[0] - 2 * parts[1]],
    ids=["sum", "mul", "max", "concat", "own"],
)
def test_broadcast_parallel_reduce_is_one_parallel(reduce: str | Reduction) -> None:
    conv = nn.Conv1d(3, 3, 3, padding=1).double()
    functions: dict[str, Callable[..., Tensor]] = {
        "sum": torch.add, "mul": torch.mul, "max": torch.maximum, "concat": lambda *parts: torch.cat(parts, 1)
    }  # fmt: skip
    together = (lambda parts: functions[reduce](*parts)) if isinstance(reduce, str) else reduce
    for net in (
        co.Sequential(co.Broadcast(2), co.Parallel(co.Conv1d(3, 3, 3, padding=1), co.Delay(3)), co.Reduce(reduce)),
        co.Sequential(co.Broadcast(), co.Parallel(co.Conv1d(3, 3, 3, padding=1), nn.Identity(), reduce=reduce)),
        co.BroadcastReduce(co.Conv1d(3, 3, 3, padding=1), nn.Identity(), reduce=reduce),
    ):
        net.double()
        next(module for module in net.modules() if isinstance(module, nn.Conv1d)).load_state_dict(conv.state_dict())
        check_streaming(net, (3,), reference=lambda x: together([conv(x), x]), tolerance=1e-12)


def test_streams_apart_go_through_layers_of_their_own() -> None:
    first = co.Parallel(co.Conv1d(3, 2, 3, padding=1), co.Conv1d(3, 4, 1))
    second = co.Parallel(co.Conv1d(2, 4, 5, padding=2), co.Delay(1))
    net = co.Sequential(co.Broadcast(), first, second, co.Reduce("sum")).double()

    def reference(x: Tensor) -> Tensor:
        left, right = (F.conv1d(x, conv.weight, conv.bias, padding="same") for conv in first.children())  # type: ignore[arg-type]
        last = next(second.children())
        return F.conv1d(left, last.weight, last.bias, padding="same") + right  # type: ignore[arg-type]

    check_streaming(net, (3,), reference=reference, tolerance=1e-12)
    assert_refused("after Broadcast comes Parallel", co.Sequential, co.Broadcast(2), nn.ReLU())


def test_a_delay_changes_when_not_which() -> None:
    net = co.Sequential(co.Delay(2), co.Conv1d(3, 4, 3, stride=3, padding=1)).double()
    check_streaming(net, (3,), reference=net.layers[1].clip, tolerance=1e-12)
    assert net.delay == 3


def test_in_place_activations_cannot_write_into_the_past() -> None:
    net = co.Sequential(co.Conv1d(2, 2, 3, padding=1), nn.ReLU(inplace=True), co.Conv1d(2, 2, 3, padding=1))
    assert not net[1].inplace


def test_modules_copy_and_pickle_after_a_training_step() -> None:
    net = inception()
    stream_clip(net, torch.randn(1, 3, 96), 8).sum().backward()
    x = torch.randn(1, 3, 96)
    wanted = stream_clip(net, x, 8)
    assert torch.equal(stream_clip(copy.deepcopy(net), x, 8), wanted)
    assert torch.equal(stream_clip(pickle.loads(pickle.dumps(net)), x, 8), wanted)


def test_what_cannot_stream_is_refused_by_name() -> None:
    assert_refused("GroupNorm has no streaming form", co.Sequential, nn.GroupNorm(1, 2))
    assert_refused("strides", co.Parallel, co.Conv1d(1, 1, 2, stride=2), co.Conv1d(1, 1, 1))
    assert_refused("at least one layer", co.Sequential)
    assert_refused("reduce", co.Parallel, co.Delay(1), reduce="average")
