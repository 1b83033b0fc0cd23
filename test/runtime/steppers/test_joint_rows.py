"""State of skeleton networks in rows of joints: the same answers as the network, and nothing of it outside."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.stepper_networks import FAMILIES, Stepped, fresh, stream
from torch import Tensor

from co_perception.continual import state as states
from co_perception.continual.norm import fold_batch_norm
from co_perception.continual.state import PackedState, State, leaves, named_leaves, state_bytes, unpacked
from co_perception.runtime.steppers import joint_rows
from co_perception.runtime.steppers.choose import difference, stepper
from co_perception.runtime.steppers.onnx_stepper import OnnxStepper
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.stepper import EagerStepper, Stepper

THREAD = StepOptions(threads=1)
IN_ROWS = ["graph", "starred", "joints"]  # the starred networks of each mixer, which pad nothing


def stepped_in_rows(family: str) -> tuple[OnnxStepper, Stepped]:
    stepped = FAMILIES[family]()
    made = stepper(*stepped, "onnxruntime", THREAD)
    assert isinstance(made, OnnxStepper) and made.rows is not None
    return made, stepped


def answers(made: Stepper, x: Tensor, state: State) -> tuple[list[Tensor], State]:
    found = []
    for part in x.split(made.stride, dim=2):
        y, state = made(part, state)
        found.append(y)
    return found, state


@pytest.mark.parametrize("family", IN_ROWS)
def test_a_hundred_steps_answer_as_the_network_does(family: str) -> None:
    """The reference steps the plain network, whose frames lie side by side with the joints last."""
    made, stepped = stepped_in_rows(family)
    x = stream(stepped, 100, streams=2)
    own, state = answers(made, x, made.init_state(2))
    expected, other = answers(EagerStepper(fold_batch_norm(stepped.network), stepped.shape), x, fresh(stepped, 2))
    for y, z in zip(own, expected, strict=True):
        torch.testing.assert_close(y, z, rtol=0, atol=1e-5 * float(z.abs().max()))
    assert isinstance(state.layers, PackedState) and not isinstance(unpacked(state.layers), PackedState)
    for (name, leaf), (other_name, other_leaf) in zip(named_leaves(state), named_leaves(other), strict=True):
        assert name == other_name and leaf.shape == other_leaf.shape
        torch.testing.assert_close(leaf, other_leaf, rtol=0, atol=1e-5 * max(float(other_leaf.abs().max()), 1))
    assert state_bytes(state.layers) == sum(leaf.nbytes for leaf in leaves(state.layers)), "no frame is held twice"


def test_frames_that_stay_are_handed_on_without_a_copy() -> None:
    made, stepped = stepped_in_rows("graph")
    x = stream(stepped, 3)
    _, before = answers(made, x[:, :, :2], made.init_state(1))
    _, after = answers(made, x[:, :, 2:], before)
    assert isinstance(before.layers, PackedState) and isinstance(after.layers, PackedState)
    held = {leaf.data_ptr() for leaf in before.layers.tensors}
    new = [leaf for leaf in after.layers.tensors if leaf.data_ptr() not in held]
    histories = sum(leaf.dim() in (4, 5) for leaf in leaves(made.init_state(1).layers))
    assert len(new) == histories + 1, "one frame of each history, and the pool's window"


def test_two_steps_from_one_state_are_both_right() -> None:
    made, stepped = stepped_in_rows("graph")
    plain = EagerStepper(fold_batch_norm(stepped.network), stepped.shape)
    x = stream(stepped, 40)
    _, state = answers(made, x, made.init_state(1))
    _, other = answers(plain, x, fresh(stepped))
    before = [leaf.clone() for leaf in leaves(state.layers)]
    for seed in (1, 2, 1):
        more = stream(stepped, 20, seed=seed)
        own, _ = answers(made, more, state)
        expected, _ = answers(plain, more, other)
        for y, z in zip(own, expected, strict=True):
            torch.testing.assert_close(y, z, rtol=0, atol=1e-5 * float(z.abs().max()))
    assert all(leaf.equal(known) for leaf, known in zip(leaves(state.layers), before, strict=True))


def test_rows_of_several_people_are_streams_of_their_own() -> None:
    """They are taken, put beside each other and replaced as those of any state."""
    made, stepped = stepped_in_rows("graph")
    x, more = stream(stepped, 30, streams=3), stream(stepped, 5, streams=3, seed=1)
    _, together = answers(made, x, made.init_state(3))
    single = [answers(made, x[i : i + 1], made.init_state(1))[1] for i in range(3)]
    turned = states.join_rows([single[2], single[0]])
    taken = states.take_rows(together, torch.tensor([2, 0]))
    put = states.put_rows(together, torch.tensor([1]), single[0])
    expected = torch.cat(answers(made, more, together)[0], 2)
    for state, rows in ((turned, [2, 0]), (taken, [2, 0])):
        found = torch.cat(answers(made, more[rows], state)[0], 2)
        torch.testing.assert_close(found, expected[rows], rtol=0, atol=1e-5 * float(expected.abs().max()))
    found = torch.cat(answers(made, more[[0, 0, 2]], put)[0], 2)
    torch.testing.assert_close(found, expected[[0, 0, 2]], rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_a_snapshot_goes_on_in_other_backends_and_comes_back(tmp_path: Path) -> None:
    made, stepped = stepped_in_rows("joints")
    plain = EagerStepper(fold_batch_norm(stepped.network), stepped.shape)
    x, more = stream(stepped, 30), stream(stepped, 20, seed=1)
    _, state = answers(made, x, made.init_state(1))
    states.save(state, tmp_path / "stream")
    loaded = states.load(tmp_path / "stream", fresh(stepped))
    own, _ = answers(made, more, state)
    for z, y in zip(answers(made, more, loaded)[0], own, strict=True):
        assert z.equal(y)
    for z, y in zip(answers(plain, more, loaded)[0], own, strict=True):
        torch.testing.assert_close(z, y, rtol=0, atol=1e-5 * float(y.abs().max()))
    halfway, crossed = answers(plain, more[:, :, :10], loaded)
    assert len(halfway) == 10
    for z, y in zip(answers(made, more[:, :, 10:], crossed)[0], own[10:], strict=True):
        torch.testing.assert_close(z, y, rtol=0, atol=1e-5 * float(y.abs().max()))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))])
def test_a_copy_of_a_state_goes_on_without_the_program(copied: Callable[[State], State]) -> None:
    made, stepped = stepped_in_rows("graph")
    x, more = stream(stepped, 5, streams=2), stream(stepped, 3, streams=2, seed=1)
    _, state = answers(made, x, made.init_state(2))
    other = copied(state)
    assert not isinstance(other.layers, PackedState)
    for leaf, known in zip(leaves(other), leaves(state), strict=True):
        assert leaf.equal(known)
    for y, z in zip(answers(made, more, other)[0], answers(made, more, state)[0], strict=True):
        assert y.equal(z)


@pytest.mark.parametrize("family", ["adaptive", "converted", "x3d", "encoder of 2"])
def test_other_networks_step_as_they_did(family: str) -> None:
    """Padded and strided skeleton networks among them."""
    stepped = FAMILIES[family]()
    assert joint_rows.joint_rows(fold_batch_norm(stepped.network), fresh(stepped).layers) is None


def test_integers_keep_the_usual_state() -> None:
    made = stepper(*FAMILIES["graph"](), "onnxruntime", StepOptions(threads=1, precision="int8"))
    assert isinstance(made, OnnxStepper) and made.rows is None


def test_rows_that_answer_otherwise_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(leaf: Tensor) -> object:
        rows = known(leaf)
        return rows * 1.01 if isinstance(rows, Tensor) else rows

    known = joint_rows._rows_of
    monkeypatch.setattr(joint_rows, "_rows_of", wrong)
    made = stepper(*FAMILIES["graph"](), "onnxruntime", THREAD)
    assert isinstance(made, OnnxStepper) and made.rows is None and difference(made) < 1e-4
    assert "state not in rows of joints" in made.summary
