"""Every backend answers as the network does, from a stream's first frame on, and a state is worth the same in all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from stepped import FAMILIES, Stepped, fresh, stream
from torch import Tensor

from co_perception.continual.state import Sealed, State, join_rows, leaves, take_rows, tree_map
from co_perception.runtime.choose import stepper
from co_perception.runtime.stepper import EagerStepper, Stepper

AGREE = 1e-4
QUICK = ("eager", "onnxruntime", "openvino")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def steps(made: Stepper, x: Tensor, state: State) -> tuple[list[Tensor], State]:
    answers = []
    for part in x.split(made.stride, dim=2):
        y, state = made(part, state)
        answers.append(y)
    return answers, state


@torch.no_grad()
def expected(stepped: Stepped, x: Tensor, state: State) -> list[Tensor]:
    """The layers' own stream, which their contract tests hold against plain torch."""
    answers = []
    for part in x.split(stepped.network.timing.stride, dim=2):
        y, state = stepped.network(part, state)
        answers.append(y)
    return answers


def close(got: list[Tensor], wanted: list[Tensor]) -> None:
    spread = torch.cat(wanted).abs().max()
    assert spread > 0.01, "answers that are all zero would agree by themselves"
    for own, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=AGREE * float(spread.clamp(min=1)))


@pytest.mark.parametrize("backend", QUICK)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_backend_answers_as_the_network_does(family: str, backend: str) -> None:
    """From the first frame through the borders of the clip into steady state; two streams, then one of them alone."""
    stepped = FAMILIES[family]()
    made = stepper(stepped.network, stepped.shape, backend, threads=1)
    assert made.name == backend
    x = stream(stepped, stepped.network.receptive_field + 12 * made.stride, streams=2)
    got, state = steps(made, x, made.init_state(2))
    close(got, expected(stepped, x, fresh(stepped, 2)))
    alone = take_rows(state, torch.tensor([1]))
    more = stream(stepped, 3 * made.stride, seed=1)
    together, _ = steps(made, torch.cat([more, more]), state)
    close(steps(made, more, alone)[0], [answer[1:] for answer in together])


@pytest.mark.parametrize("family", ["x3d", "graph", "encoder of 2"])
def test_a_stream_changes_backends_in_the_middle(family: str) -> None:
    stepped = FAMILIES[family]()
    x = stream(stepped, 3 * stepped.network.receptive_field)
    state, answers, third = fresh(stepped), [], stepped.network.receptive_field
    for backend, part in zip(QUICK, x.split(third, dim=2), strict=True):
        got, state = steps(stepper(stepped.network, stepped.shape, backend, threads=1), part, state)
        answers += got
    close(answers, expected(stepped, x, fresh(stepped)))


@pytest.mark.parametrize("backend", QUICK)
def test_a_state_is_a_value(backend: str) -> None:
    """A snapshot is never written into, goes on bit-equal, and what the caller does with its frame changes nothing."""
    stepped = FAMILIES["x3d"]()
    made = stepper(stepped.network, stepped.shape, backend, threads=1)
    x = stream(stepped, stepped.network.receptive_field + 6)
    _, state = steps(made, x, made.init_state(1))
    kept = tree_map(torch.clone, state)
    frames = stream(stepped, 5, seed=2)
    first, _ = steps(made, frames, state)
    assert all(torch.equal(own, other) for own, other in zip(leaves(state), leaves(kept), strict=True))
    grabbed, again = torch.empty_like(frames[:, :, :1]), []
    for frame in frames.split(1, dim=2):
        grabbed.copy_(frame)
        y, state = made(grabbed, state)
        grabbed.fill_(7)  # a frame grabber fills the same tensor again
        again.append(y)
    assert all(torch.equal(own, other) for own, other in zip(first, again, strict=True))


@pytest.mark.parametrize("backend", QUICK)
def test_streams_of_different_ages_step_together(backend: str) -> None:
    """One in steady state and one at its first frame: borders of the one are none of the other's."""
    stepped = FAMILIES["x3d"]()
    made = stepper(stepped.network, stepped.shape, backend, threads=1)
    before = stream(stepped, stepped.network.receptive_field)
    _, old = steps(made, before, made.init_state(1))
    x = stream(stepped, stepped.network.receptive_field + 8, streams=2, seed=4)
    got, _ = steps(made, x, join_rows([old, made.init_state(1)]))
    whole = torch.cat([before, x[:1]], dim=2)
    close([y[:1] for y in got], expected(stepped, whole, fresh(stepped))[len(before[0, 0]) :])
    close([y[1:] for y in got], expected(stepped, x[1:], fresh(stepped)))


def test_nobody_is_a_batch_too() -> None:
    stepped = FAMILIES["graph"]()
    made = EagerStepper(stepped.network, stepped.shape)
    y, state = made(torch.zeros(0, stepped.shape[0], 1, *stepped.shape[1:]), made.init_state(0))
    assert y.shape == (0, 7, 1) and len(state.age) == 0


def test_a_chunk_of_another_size_is_refused() -> None:
    stepped = FAMILIES["resnet"]()
    made = EagerStepper(stepped.network, stepped.shape)
    with pytest.raises(ValueError, match=r"expected one step x .* = \(1, 3, 2, 32, 32\), got \(1, 3, 1, 32, 32\)"):
        made(torch.zeros(1, 3, 1, 32, 32), made.init_state(1))


def test_what_is_handed_on_is_not_copied() -> None:
    """Of large frames the next state holds the very tensors that this one holds."""
    stepped = FAMILIES["x3d"]()
    made = stepper(stepped.network, stepped.shape, "onnxruntime", threads=1)
    _, state = steps(made, stream(stepped, stepped.network.receptive_field), made.init_state(1))
    _, after = made(stream(stepped, 1), state)
    assert isinstance(state.layers, Sealed) and isinstance(after.layers, Sealed)
    before = {leaf.data_ptr() for leaf in state.layers.held}
    shared = [leaf for leaf in after.layers.held if leaf.data_ptr() in before]
    assert len(shared) >= 4 and all(leaf[0].numel() > 8192 for leaf in shared)
