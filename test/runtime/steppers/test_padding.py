"""Padding of batches and channels changes no answer and no state."""

from __future__ import annotations

import dataclasses

import torch
from helpers.stepper_networks import FAMILIES, stream
from torch import nn

from co_perception.continual.conv import Conv3d
from co_perception.continual.norm import fold_batch_norm
from co_perception.continual.state import leaves
from co_perception.networks.build import build_video
from co_perception.networks.variants import COX3D_S
from co_perception.runtime.steppers.onnx_stepper import CHANNELS, OnnxStepper
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.padding import bucket, filled, fit, widened
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.stepper import EagerStepper


def depthwise(network: nn.Module) -> list[int]:
    return [layer.groups for layer in network.modules() if isinstance(layer, Conv3d) and layer.groups > 1]


@torch.no_grad()
def test_all_depthwise_convolutions_of_x3d_become_wide_enough() -> None:
    network, shape = FAMILIES["x3d"]()
    folded = fold_batch_norm(network)
    wide = widened(folded, CHANNELS)
    assert depthwise(folded) == [24, 54, 54, 108, 216, 432] and depthwise(wide) == [24, 56, 56, 108, 216, 432]
    clip = stream(FAMILIES["x3d"](), 20)
    torch.testing.assert_close(wide.clip(clip), folded.clip(clip), rtol=0, atol=1e-5)
    assert depthwise(folded)[1] == 54, "the network itself is left as it was"


def test_the_state_is_that_of_the_network() -> None:
    variant = dataclasses.replace(COX3D_S, size=64, blocks=(1, 1, 1, 1), window=5)
    network = fold_batch_norm(build_video(variant).eval())
    made = OnnxStepper(network, variant.frame_shape, StepOptions(threads=1))
    plain = EagerStepper(network, variant.frame_shape)
    wide = Program(plain, multiple=CHANNELS)
    tensors = wide.example(1)
    program = [leaf.shape for leaf in wide(*tensors)[1:]]
    own = [leaf.shape for leaf in Program(plain)(*tensors)[1:]]
    assert program == own and {shape[1] for shape in own} >= {54}
    shapes = [[leaf.shape for leaf in leaves(stepper.init_state(2))] for stepper in (made, plain)]
    assert shapes[0] == shapes[1]


def test_nothing_is_done_where_channels_are_looked_at_together() -> None:
    network = FAMILIES["resnet"]().network
    before = {name: value.shape for name, value in network.state_dict().items()}
    assert {name: value.shape for name, value in widened(network, 64).state_dict().items()} == before


def test_leaves_are_fitted() -> None:
    leaf = torch.ones(2, 3, 4, 4)
    assert fit(leaf, leaf) is leaf
    assert fit(leaf, torch.empty(1, 5, 4, 4)).sum((2, 3)).tolist() == [[16, 16, 16, 0, 0]] * 2
    assert fit(leaf, torch.empty(1, 2, 4, 4)).shape == (2, 2, 4, 4)
    assert fit(torch.ones(2, 3), torch.empty(1, 4)).tolist() == [[1, 1, 1, 0]] * 2


def test_the_least_that_has_place() -> None:
    assert [bucket(n) for n in (0, 1, 2, 3, 5, 16, 17, 64, 65, 130)] == [1, 1, 2, 4, 8, 16, 32, 64, 128, 192]


def test_rows_are_filled_up_with_the_last() -> None:
    rows = torch.arange(6).view(3, 2)
    assert filled(rows, 3) is rows
    assert filled(rows, 5).tolist() == [[0, 1], [2, 3], [4, 5], [4, 5], [4, 5]]
