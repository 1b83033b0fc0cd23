"""Writes the programs of a bundle: the step of a network in ONNX, for any number of streams and on any processor.

Constants of a kilobyte and more are not in the programs but beside them, each once: the program for the first frames of
a stream and the one for its steady state have the same weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.continual.layer import Streaming
from co_perception.engine.state_tree import named_leaves
from co_perception.runtime.steppers.bundle_step import COLD, SETTLED, LeafFormat, StepFormat
from co_perception.runtime.steppers.onnx_graph import onnx_graph, share_constants
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.stepper import EagerStepper

CHANNELS = 4  # see `padding`: on every processor, and nothing of it is seen from outside


class BundlePrograms(NamedTuple):
    """What `bundle_step.BundleStep` takes."""

    step: StepFormat
    programs: dict[str, bytes]
    constants: dict[str, NDArray[np.generic]]


def bundle_programs(network: Streaming, frame_shape: tuple[int, ...]) -> BundlePrograms:
    """The programs of a network in evaluation mode, which should be folded.

    Raises: UnsupportedOperationError for a network of other operations than those that are translated.
    """
    eager, settles = EagerStepper(network, frame_shape), network.settles(0)
    made = {name: Program(eager, multiple=CHANNELS, settled=name == SETTLED) for name in (SETTLED, COLD)}
    if not settles:
        del made[COLD]
    constants: dict[str, NDArray[np.generic]] = {}
    programs = {name: share_constants(onnx_graph(program).model, constants) for name, program in made.items()}
    program, fresh = made[SETTLED], dict(named_leaves(eager.init_state(1).layers))
    dtypes = [str(leaf.dtype).removeprefix("torch.") for leaf in fresh.values()]
    states = tuple(map(LeafFormat, program.names, program.leaf_shapes, dtypes))
    rotations = {name: tuple(each.rotation) for name, each in made.items()}
    (classes,) = program.shapes[0]
    return BundlePrograms(
        StepFormat(program.stride, settles, tuple(frame_shape), classes, states, rotations), programs, constants
    )
