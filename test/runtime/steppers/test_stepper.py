"""Every backend answers as the network does, from a stream's first frame on, and a state is worth the same in all."""

from __future__ import annotations

import pytest
import torch
from helpers.stepper_networks import FAMILIES, fresh, stream
from torch import Tensor

from co_perception.continual.layer import Streaming
from co_perception.continual.state import PackedState, State, join_rows, leaves, take_rows, tree_map
from co_perception.runtime.steppers.choose import stepper
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.stepper import EagerStepper, Stepper

THREAD = StepOptions(threads=1)
AGREE = 1e-4
QUICK = ("eager", "onnxruntime", "openvino")


def steps(made: Stepper | Streaming, x: Tensor, state: State) -> tuple[list[Tensor], State]:
    """Of a network itself: the layers' own stream, which their contract tests hold against plain torch."""
    answers = []
    with torch.no_grad():
        for part in x.split(made.stride if isinstance(made, Stepper) else made.timing.stride, dim=2):
            y, state = made(part, state)
            answers.append(y)
    return answers, state


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
    made = stepper(*stepped, backend, THREAD)
    assert made.name == backend
    x = stream(stepped, stepped.network.receptive_field + 12 * made.stride, streams=2)
    got, state = steps(made, x, made.init_state(2))
    close(got, steps(stepped.network, x, fresh(stepped, 2))[0])
    alone = take_rows(state, torch.tensor([1]))
    more = stream(stepped, 3 * made.stride, seed=1)
    together, _ = steps(made, torch.cat([more, more]), state)
    close(steps(made, more, alone)[0], [answer[1:] for answer in together])


@pytest.mark.slow
@pytest.mark.parametrize("family", ["x3d", "graph", "encoder of 2"])
def test_a_stream_changes_backends_in_the_middle(family: str) -> None:
    stepped = FAMILIES[family]()
    x = stream(stepped, 3 * stepped.network.receptive_field)
    state, answers, third = fresh(stepped), [], stepped.network.receptive_field
    for backend, part in zip(QUICK, x.split(third, dim=2), strict=True):
        got, state = steps(stepper(*stepped, backend, THREAD), part, state)
        answers += got
    close(answers, steps(stepped.network, x, fresh(stepped))[0])


@pytest.mark.slow
@pytest.mark.parametrize("backend", QUICK)
def test_a_state_is_a_value(backend: str) -> None:
    """A snapshot is never written into, goes on bit-equal, and what the caller does with its frame changes nothing."""
    stepped = FAMILIES["x3d"]()
    made = stepper(*stepped, backend, THREAD)
    x = stream(stepped, stepped.network.receptive_field + 6)
    _, state = steps(made, x, made.init_state(1))
    before = tree_map(torch.clone, state)
    frames = stream(stepped, 5, seed=2)
    first, _ = steps(made, frames, state)
    assert all(torch.equal(own, other) for own, other in zip(leaves(state), leaves(before), strict=True))
    grabbed, again = torch.empty_like(frames[:, :, :1]), []
    for frame in frames.split(1, dim=2):
        grabbed.copy_(frame)
        y, state = made(grabbed, state)
        grabbed.fill_(7)  # a frame grabber fills the same tensor again
        again.append(y)
    assert all(torch.equal(own, other) for own, other in zip(first, again, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("backend", QUICK)
def test_streams_of_different_ages_step_together(backend: str) -> None:
    """One in steady state and one at its first frame: borders of the one are none of the other's."""
    stepped = FAMILIES["x3d"]()
    made = stepper(*stepped, backend, THREAD)
    before = stream(stepped, stepped.network.receptive_field)
    _, old = steps(made, before, made.init_state(1))
    x = stream(stepped, stepped.network.receptive_field + 8, streams=2, seed=4)
    got, _ = steps(made, x, join_rows([old, made.init_state(1)]))
    whole = torch.cat([before, x[:1]], dim=2)
    close([y[:1] for y in got], steps(stepped.network, whole, fresh(stepped))[0][len(before[0, 0]) :])
    close([y[1:] for y in got], steps(stepped.network, x[1:], fresh(stepped))[0])


@pytest.mark.parametrize("backend", ["eager", "onnxruntime"])
@pytest.mark.parametrize("family", ["graph", "encoder of 1"])
def test_nobody_is_a_batch_too(family: str, backend: str) -> None:
    stepped = FAMILIES[family]()
    made = stepper(*stepped, backend, StepOptions(threads=1))
    frame = torch.zeros(0, stepped.shape[0], 1, *stepped.shape[1:])
    y, state = made(frame, made(frame, made.init_state(0))[1])
    assert y.shape == (0, 7, 1) and len(state.age) == 0
    x = stream(stepped, 1)
    joined = join_rows([state, made.init_state(1)])  # somebody comes
    torch.testing.assert_close(made(x, joined)[0], made(x, made.init_state(1))[0])


def test_a_chunk_of_another_size_is_refused() -> None:
    stepped = FAMILIES["resnet"]()
    made = EagerStepper(*stepped)
    with pytest.raises(ValueError, match=r"expected one step x .* = \(1, 3, 2, 32, 32\), got \(1, 3, 1, 32, 32\)"):
        made(torch.zeros(1, 3, 1, 32, 32), made.init_state(1))


def test_what_is_handed_on_is_not_copied() -> None:
    """Of large frames the next state holds the very tensors that this one holds."""
    stepped = FAMILIES["x3d"]()
    made = stepper(*stepped, "onnxruntime", THREAD)
    _, state = steps(made, stream(stepped, stepped.network.receptive_field), made.init_state(1))
    _, after = made(stream(stepped, 1), state)
    assert isinstance(state.layers, PackedState) and isinstance(after.layers, PackedState)
    before = {leaf.data_ptr() for leaf in state.layers.tensors}
    shared = [leaf for leaf in after.layers.tensors if leaf.data_ptr() in before]
    assert len(shared) >= 4 and all(leaf[0].numel() > 8192 for leaf in shared)
