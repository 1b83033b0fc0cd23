"""Random networks stream as the same networks in plain torch, in any chunks.

Each drawn layer is made twice: as a streaming layer, and as a function of a whole clip in torch's own operations that
shares nothing with it but the weights. Clips may be shorter than the receptive field, padding longer than a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.random_search import examples
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import stream_clip

CHANNELS = 2
Clip = Callable[[Tensor], Tensor]
Drawn = tuple[nn.Module, Clip]


def padded(x: Tensor, pad: tuple[int, int], mode: str = "zeros", fill: float = 0.0) -> Tensor:
    if mode == "replicate":
        first, last = x[:, :, :1], x[:, :, -1:]
        return torch.cat([first.expand(-1, -1, pad[0]), x, last.expand(-1, -1, pad[1])], 2)
    return F.pad(x, pad, value=fill)


def chain(functions: Sequence[Clip]) -> Clip:
    def run(x: Tensor) -> Tensor:
        for function in functions:
            x = function(x)
        return x

    return run


@st.composite
def geometries(draw: st.DrawFn, keeps: bool, strides: int) -> tuple[int, int, int, tuple[int, int]]:
    """kernel, dilation, stride, padding. keeps: output i lies at input i * stride, and there is one for each."""
    kernel, dilation, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, strides))
    span = (kernel - 1) * dilation + 1
    before = draw(st.integers(0, span - 1))
    return kernel, dilation, stride, (before, span - 1 - before if keeps else draw(st.integers(0, span - 1)))


@st.composite
def convs(draw: st.DrawFn, keeps: bool = True, strides: int = 1, stride: int | None = None) -> Drawn:
    kernel, dilation, drawn, pad = draw(geometries(keeps, strides))
    stride = stride or drawn
    mode = draw(st.sampled_from(["zeros", "replicate"]))
    groups = draw(st.sampled_from([1, CHANNELS]))
    settings: dict[str, Any] = dict(stride=stride, dilation=dilation, groups=groups)
    layer = co.Conv1d(CHANNELS, CHANNELS, kernel, padding=[pad], padding_mode=mode, **settings).double()
    return layer, lambda x: F.conv1d(padded(x, pad, mode), layer.weight, layer.bias, **settings)


@st.composite
def maxima(draw: st.DrawFn, keeps: bool = True, strides: int = 1) -> Drawn:
    kernel, dilation, stride, pad = draw(geometries(keeps, strides))
    layer = co.MaxPool1d(kernel, stride=stride, padding=[pad], dilation=dilation)
    return layer, lambda x: F.max_pool1d(padded(x, pad, fill=-torch.inf), kernel, stride, 0, dilation)


@st.composite
def means(draw: st.DrawFn, keeps: bool = True, strides: int = 1) -> Drawn:
    kernel, stride = draw(st.integers(1, 5)), draw(st.integers(1, strides))
    before = draw(st.integers(0, kernel - 1))
    pad = (before, kernel - 1 - before if keeps else draw(st.integers(0, kernel - 1)))
    counts = draw(st.booleans())
    layer = co.AvgPool1d(kernel, stride=stride, padding=[pad], count_include_pad=counts)

    def clip(x: Tensor) -> Tensor:
        total = F.avg_pool1d(padded(x, pad), kernel, stride)
        return total if counts else total / F.avg_pool1d(padded(torch.ones_like(x), pad), kernel, stride)

    return layer, clip


others: st.SearchStrategy[Drawn] = st.one_of(
    st.integers(0, 3).map(lambda frames: (co.Delay(frames), lambda x: x)),
    st.sampled_from([(nn.ReLU(), F.relu), (nn.Tanh(), torch.tanh)]),
)
keeping: st.SearchStrategy[Drawn] = st.one_of(convs(), maxima(), means(), others)


@st.composite
def sequences(draw: st.DrawFn, layers: st.SearchStrategy[Drawn], at_most: int) -> Drawn:
    drawn = draw(st.lists(layers, min_size=1, max_size=at_most))
    return co.Sequential(*(layer for layer, _ in drawn)), chain([clip for _, clip in drawn])


@st.composite
def residuals(draw: st.DrawFn) -> Drawn:
    body, clip = draw(sequences(keeping, 2))
    return co.Residual(body), lambda x: x + clip(x)


@st.composite
def unpadded_residuals(draw: st.DrawFn) -> Drawn:
    kernel, dilation = draw(st.sampled_from([(3, 1), (5, 1), (3, 2), (2, 2)]))
    missing = (kernel - 1) * dilation
    body = co.Conv1d(CHANNELS, CHANNELS, kernel, dilation=dilation).double()
    align, start = draw(st.sampled_from([("centered", missing // 2), ("lagging", 0), ("leading", missing)]))

    def clip(x: Tensor) -> Tensor:
        y = F.conv1d(x, body.weight, body.bias, dilation=dilation)
        return y + x[:, :, start : start + y.shape[2]]

    return co.Residual(body, align=align), clip


@st.composite
def parallels(draw: st.DrawFn) -> Drawn:
    stride = draw(st.integers(1, 2))
    branches = draw(st.lists(st.tuples(convs(stride=stride), sequences(keeping, 2)), min_size=2, max_size=3))
    layers = [co.Sequential(first, rest) for (first, _), (rest, _) in branches]
    clips = [chain([first, rest]) for (_, first), (_, rest) in branches]
    reduce = draw(st.sampled_from(["sum", "concat", "max", "mul"]))

    def together(x: Tensor) -> Tensor:
        answers = torch.stack([clip(x) for clip in clips])
        return {"sum": answers.sum(0), "max": answers.amax(0), "mul": answers.prod(0)}[reduce]

    if reduce != "concat":
        return co.Parallel(*layers, reduce=reduce), together
    back = co.Conv1d(CHANNELS * len(layers), CHANNELS, 1).double()
    concat: Clip = lambda x: F.conv1d(torch.cat([clip(x) for clip in clips], 1), back.weight, back.bias)  # noqa: E731
    return co.Sequential(co.Parallel(*layers, reduce="concat"), back), concat


anything: st.SearchStrategy[Drawn] = st.one_of(
    convs(keeps=False, strides=3), maxima(keeps=False, strides=2), means(keeps=False, strides=2), keeping,
    residuals(), unpadded_residuals(), parallels(),
)  # fmt: skip


@dataclass
class Case:
    net: co.Streaming
    x: Tensor
    expected: Tensor
    chunkings: list[list[int]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    seed = draw(st.integers(0, 2**16))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net, clip = draw(sequences(anything, 5))
        assert isinstance(net, co.Streaming)
        stride = net.timing.stride
        assume(stride <= 8)
        steps = draw(st.integers(1, net.receptive_field // stride + 6))
        x = torch.randn(2, CHANNELS, steps * stride, dtype=torch.float64)
    try:
        with torch.no_grad():
            expected = clip(x)
    except RuntimeError:  # the clip is shorter than a window
        assume(False)
    assume(bool(expected.isfinite().all()))  # not so where a window holds padding alone
    cuts = sorted(draw(st.sets(st.integers(1, steps), max_size=4)) | {steps})
    irregular = [(end - start) * stride for start, end in zip([0, *cuts], cuts, strict=False)]
    return Case(net, x, expected, [[stride] * steps, irregular, [steps * stride]])


checked: list[str] = []


@examples(250, suppress_health_check=list(HealthCheck))
@given(cases())
def streams_as_plain_torch(case: Case) -> None:
    bound = 1e-11 * max(1.0, case.expected.abs().max().item())
    with torch.no_grad():
        assert (case.net.clip(case.x) - case.expected).abs().max() <= bound, "the clip differs"
        for chunks in case.chunkings:
            got = stream_clip(case.net, case.x, chunks)
            assert got.shape == case.expected.shape, f"in chunks of {chunks}: {got.shape}"
            assert (got - case.expected).abs().max() <= bound, f"in chunks of {chunks}"
    checked.append(str(case.net))


@pytest.mark.slow
@pytest.mark.hypothesis
def test_random_networks_stream_as_plain_torch_in_any_chunks() -> None:
    streams_as_plain_torch()
    assert len(checked) >= 200
    for kind in (
        "Conv1d", "MaxPool1d", "AvgPool1d", "Delay", "Residual", "Parallel", "replicate", "dilation", "stride",
    ):  # fmt: skip
        assert sum(kind in net for net in checked) > 10, f"hardly a network with {kind} was drawn"
