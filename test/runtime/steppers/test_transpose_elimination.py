"""Traced steps without the transposes that undo each other: the same numbers, with fewer operations."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from co_perception.continual.convert.convert import convert
from co_perception.runtime.steppers.arranged_values import UnchangedError
from co_perception.runtime.steppers.onnx_graph import onnx_graph
from co_perception.runtime.steppers.onnx_stepper import OnnxStepper
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.transpose_elimination import _Elimination, eliminate_transposes

PEOPLE, JOINTS = 2, 5


def traced(function: Callable[..., object], *given: Tensor) -> fx.GraphModule:
    graph = make_fx(function, pre_dispatch=True)(*given)
    graph.graph.eliminate_dead_code()
    return graph


def count(graph: fx.Graph, name: str) -> int:
    return sum(name in str(node.target) for node in graph.nodes)


def without_detours(module: fx.GraphModule) -> fx.GraphModule:
    """The module with its operations put together, however few that saves."""
    return fx.GraphModule(module, _Elimination(module.graph).run())


def fold(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2).flatten(0, 1)


def unfold(y: Tensor) -> Tensor:
    return y.unflatten(0, (-1, PEOPLE)).permute(0, 2, 3, 1)


def test_persons_that_are_folded_for_each_layer_are_folded_once() -> None:
    def forward(x: Tensor, other: Tensor) -> Tensor:
        for _ in range(6):
            x = unfold(fold(x).cumsum(1)).relu()
        return x + unfold(fold(other).cumsum(2)) * 2

    given = torch.randn(3, 4, JOINTS, PEOPLE), torch.randn(3, 4, JOINTS, PEOPLE)
    before = traced(forward, *given)
    after = without_detours(before)
    assert torch.equal(after(*given), before(*given))
    assert count(before.graph, "permute") == 14 and count(after.graph, "permute") == 3
    assert eliminate_transposes(before.graph) is not before.graph


def test_frames_that_are_unbound_and_stacked_again_stay_together() -> None:
    weight, bias, mean, variance = torch.rand(4, 4).unbind()

    def forward(x: Tensor) -> Tensor:
        frames = [F.batch_norm(frame, mean, variance, weight, bias) for frame in x.unbind(2)]
        return torch.stack([frame.relu() + frame.sigmoid() for frame in frames], 2)

    x = torch.randn(3, 4, 6, JOINTS)
    before = traced(forward, x)
    after = without_detours(before)
    torch.testing.assert_close(after(x), before(x))
    assert (count(before.graph, "batch_norm"), count(after.graph, "batch_norm")) == (6, 1)
    assert count(after.graph, "stack") == count(after.graph, "unbind") == 0


def test_the_only_frame_is_not_taken_apart() -> None:
    def forward(x: Tensor) -> Tensor:  # (B, C, 1, V, M)
        for _ in range(4):
            frames = [unfold(fold(frame.cumsum(1))) for frame in x.unbind(2)]
            x = torch.stack([frame.relu() for frame in frames], 2) + x.select(2, -1).unsqueeze(-3)
        return x

    x = torch.randn(3, 4, 1, JOINTS, PEOPLE)
    before = traced(forward, x)
    after = without_detours(before)
    torch.testing.assert_close(after(x), before(x))
    assert count(before.graph, "permute") == 8 and count(after.graph, "permute") == 0
    assert count(after.graph, "stack") == count(after.graph, "unbind") == count(after.graph, "select") == 0


def test_other_parts_are_not_taken_for_the_whole() -> None:
    bias = torch.arange(5.0)

    def forward(x: Tensor) -> tuple[Tensor, ...]:
        frames = x.unbind(2)
        return (
            torch.stack(frames[::-1], 2),
            torch.stack(frames[:2], 2),
            torch.stack([frames[0].relu(), frames[1].sigmoid(), frames[2].relu()], 2),
            torch.stack([frame + bias for frame in frames], 2),
            torch.stack([frames[0], frames[0], frames[2]], 3),
            torch.stack([one * other for one, other in zip(frames, x.unbind(2)[::-1], strict=True)], 1),
        )

    x = torch.randn(3, 4, 3, 5)
    before = traced(forward, x)
    for got, wanted in zip(without_detours(before)(x), before(x), strict=True):
        assert torch.equal(got, wanted)


def test_axes_of_one_length_are_not_mistaken_for_each_other() -> None:
    """A norm of other channels than the source's, and numbers that lie before the axis of the frames."""
    weight, bias, mean, variance = torch.rand(4, 3).unbind()

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        turned = F.batch_norm(x.transpose(1, 2), mean, variance, weight, bias)
        return turned, torch.stack([frame + bias[:, None] for frame in x.unbind(2)], 2)

    x = torch.randn(2, 3, 3, 5)
    before = traced(forward, x)
    for got, wanted in zip(without_detours(before)(x), before(x), strict=True):
        torch.testing.assert_close(got, wanted)


def test_a_graph_whose_streams_are_not_first_stays_as_it_is() -> None:
    """A reshape leaves the number on axis 0 open, which is that of the streams elsewhere."""

    def forward(x: Tensor) -> Tensor:  # (B, L, E)
        for _ in range(12):
            x = x.transpose(0, 1).reshape(x.shape[1], -1).sin().view(x.shape[1], -1, 6).transpose(0, 1) + 1
        return x

    before = traced(forward, torch.randn(2, 3, 6))
    with pytest.raises(UnchangedError):
        without_detours(before)
    assert eliminate_transposes(before.graph) is before.graph


MOVES: dict[str, Callable[[Tensor], Tensor]] = {
    "fold": lambda x: unfold(fold(x)),
    "fold and sum": lambda x: unfold(fold(x).cumsum(1)),
    "turned": lambda x: x.transpose(1, 2).cumsum(2).transpose(1, 2),
    "relu": torch.relu,
    "halves": lambda x: torch.cat([half.tanh() for half in x.chunk(2, 1)[::-1]], 1),
    "halves inside": lambda x: unfold(torch.cat([half * 2 for half in fold(x).split(2, 1)], 1)),
    "frames": lambda x: torch.stack([each.relu() for each in x.unbind(2)], 2),
    "frames folded": lambda x: torch.stack([unfold(fold(each.unsqueeze(2))).squeeze(2) for each in x.unbind(2)], 2),
    "frames of folded": lambda x: unfold(torch.stack([each.exp() for each in fold(x).unbind(2)], 2)).clamp(max=5),
    "first": lambda x: x + x.select(2, 0).unsqueeze(2),
    "only frame": lambda x: x * unfold(torch.stack([each.tanh() for each in fold(x)[:, :, 1:2].unbind(2)], 2)),
    "cut": lambda x: torch.cat([x[:, :, 2:], x.narrow(2, 0, 2)], 2),
    "merged": lambda x: x.flatten(1, 2).sin().unflatten(1, x.shape[1:3]),
    "sums": lambda x: x * unfold(fold(x)) + fold(x).unflatten(0, (-1, PEOPLE)).permute(0, 2, 3, 1).sigmoid(),
}


@pytest.mark.parametrize("seed", range(120))
def test_any_order_of_moves_gives_the_same_numbers(seed: int) -> None:
    names = random.Random(seed).choices(sorted(MOVES), k=7)

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        middle = x
        for number, name in enumerate(names):
            x = MOVES[name](x)
            middle = x if number == 3 else middle
        return x, middle

    x = torch.randn(3, 4, JOINTS, PEOPLE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    before = traced(forward, x)
    for got, wanted in zip(without_detours(before)(x), before(x), strict=True):
        # Functions of vectorized and of single numbers differ in the last bit.
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12, msg=str(names))


class Graphs(nn.Module):
    """Persons beside the batch, as in ST-GCN and its successors, with a stride and branches of several dilations."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.ModuleList([nn.Conv2d(3 if i == 0 else 8, 8, 1) for i in range(3)])
        self.branches = nn.ModuleList(
            [nn.Conv2d(8, 4, (3, 1), padding=(d, 0), dilation=(d, 1)) for _ in range(3) for d in (1, 2)]
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(8) for _ in range(3)])
        self.down, self.hops = nn.Conv2d(8, 8, 1, stride=(2, 1)), nn.Parameter(torch.randn(JOINTS, JOINTS))

    def forward(self, x: Tensor) -> Tensor:  # (N, C, T, V, M)
        n, c, t, v, m = x.shape
        x = x.permute(0, 4, 1, 2, 3).reshape(n * m, c, t, v)
        for number, (conv, norm) in enumerate(zip(self.inside, self.norms, strict=True)):
            y = torch.einsum("nctv,vw->nctw", conv(x), self.hops)
            y = norm(torch.cat([self.branches[2 * number + d](y) for d in (0, 1)], 1)).relu()
            x = self.down(y) if number == 1 else y if number == 0 else y + x
        return x.reshape(n, m, 8, -1, v).mean(1)


def test_a_converted_network_of_persons_has_few_transposes_left() -> None:
    torch.manual_seed(0)
    plain = Graphs().eval()
    for norm in plain.norms:
        nn.init.uniform_(norm.get_buffer("running_var"), 0.5, 2)
    layer = convert(plain, layout="BCTHW", example=(3, JOINTS, PEOPLE), proof=False)
    stepper = OnnxStepper(layer, (3, JOINTS, PEOPLE), StepOptions(threads=1))
    graph = onnx_graph(Program(stepper, multiple=4)).model.graph
    kinds = [node.op_type for node in graph.node]
    trace = Program(stepper, multiple=4).traced(2).graph
    assert kinds.count("Transpose") <= count(trace, "permute") / 2
    for streams in (1, 3):
        x = torch.randn(streams, 3, 40, JOINTS, PEOPLE)
        state, expected = stepper.init_state(streams), layer.init_state(streams, (3, JOINTS, PEOPLE))
        with torch.no_grad():
            for part in x.split(layer.timing.stride, 2):
                got, state = stepper(part, state)
                wanted, expected = layer(part, expected)
                torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5)
