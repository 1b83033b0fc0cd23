"""A recurrence of layers is the recurrent layer of torch that does the same."""

from __future__ import annotations

import pytest
import torch
from helpers.refusals import assert_refused
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming
from co_perception.continual.framewise import EachFrame, Linear, streaming
from co_perception.continual.recurrence import Recurrence


class Sum(EachFrame):
    def clip(self, x: tuple[Tensor, Tensor]) -> Tensor:  # type: ignore[override]
        return x[0] + x[1]

    def frame_out(self, shape: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:  # type: ignore[override]
        return shape[0]


@pytest.fixture(scope="module")
def elman() -> tuple[Recurrence, nn.RNN]:
    """tanh(W x + V h), with the weights of torch's."""
    plain = nn.RNN(3, 4, batch_first=True).double().eval()
    of_input, of_state = Linear(3, 4).double(), Linear(4, 4).double()
    of_input.load_state_dict({"weight": plain.weight_ih_l0, "bias": plain.bias_ih_l0})
    of_state.load_state_dict({"weight": plain.weight_hh_l0, "bias": plain.bias_hh_l0})
    tanh = streaming(nn.Tanh())
    assert isinstance(tanh, EachFrame)
    layers = [(of_input, (0,)), (of_state, (1,)), (Sum(), (2, 3)), (tanh, (4,))]
    return Recurrence(1, [(4,)], layers, [5], 5), plain


def test_it_is_the_layer_of_torch(elman: tuple[Recurrence, nn.RNN]) -> None:
    layer, plain = elman
    assert layer.frame_out((3,)) == (4,)
    check_streaming(
        layer, (3,), reference=lambda x: plain(x.mT)[0].mT, tolerance=1e-12, export=False, gradients=False,
        dtype=torch.float64,
    )  # fmt: skip


def test_frames_from_before_a_clip_leave_no_trace(elman: tuple[Recurrence, nn.RNN]) -> None:
    layer, plain = elman
    late = co.Sequential(co.Conv1d(3, 3, 3, padding=1).double(), layer)

    def reference(x: Tensor) -> Tensor:
        return plain(late[0].clip(x).mT)[0].mT  # type: ignore[operator]

    check_streaming(
        late, (3,), reference=reference, tolerance=1e-12, export=False, gradients=False, dtype=torch.float64
    )


def test_every_state_goes_on() -> None:
    assert_refused("1 for 2 states", Recurrence, 1, [(4,), (2,)], [], [0], 0)
