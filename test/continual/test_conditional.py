"""Conditional through the contract suite, against the choice made on the whole clip."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming


def positive(module: nn.Module, x: Tensor) -> Tensor:
    return x.flatten(3).mean(-1).mean(1) > 0 if x.dim() > 3 else x.mean(1) > 0


@pytest.mark.parametrize("kernels", [(5, 3), (1, 7)])
def test_each_frame_is_answered_by_the_layer_chosen_for_it(kernels: tuple[int, int]) -> None:
    torch.manual_seed(0)
    on_true, on_false = (co.Conv1d(3, 4, kernel, padding=kernel // 2).double() for kernel in kernels)
    layer = co.Conditional(positive, on_true, on_false)

    def reference(x: Tensor) -> Tensor:
        on, off = (F.conv1d(x, conv.weight, conv.bias, padding="same") for conv in (on_true, on_false))
        return torch.where((x.mean(1) > 0)[:, None], on, off)

    check_streaming(layer, (3,), reference=reference, tolerance=1e-12)


def test_the_other_layer_is_the_identity_and_waits_as_long() -> None:
    conv = co.Conv2d(3, 3, (5, 1), padding=(2, 0)).double()

    def reference(x: Tensor) -> Tensor:
        chosen = (x.mean((1, 3)) > 0)[:, None, :, None]
        return torch.where(chosen, F.conv2d(x, conv.weight, conv.bias, padding=(2, 0)), x)

    check_streaming(co.Conditional(positive, conv), (3, 4), reference=reference, tolerance=1e-12)


def test_one_bool_may_follow_the_mode() -> None:
    layer = co.Conditional(lambda module, x: not module.training, nn.Softmax(1))
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(layer.eval().clip(x), x.softmax(1))
    assert torch.equal(layer.train().clip(x), x)


def test_what_has_no_answer_per_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="another number of frames"):
        co.Conditional(positive, co.Conv1d(3, 3, 3))
    layer = co.Conditional(lambda module, x: x > 0, nn.ReLU())
    with pytest.raises(ValueError, match="bools"):
        layer.clip(torch.randn(2, 3, 4))
