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
from co_perception.runtime.steppers.bundle_step import COLD, SETTLED, LeafFormat, ProgramFormat, StepFormat
from co_perception.runtime.steppers.onnx_graph import onnx_graph, share_constants
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.stepper import EagerStepper

CHANNELS = 4  # see `padding`: on every processor, and nothing of it is seen from outside


LARGE = 1 << 22  # numbers of constants from which on a second program of them would cost more than masks do


class BundlePrograms(NamedTuple):
    """What `bundle_step.BundleStep` takes."""

    step: StepFormat
    programs: dict[str, bytes]


def bundle_programs(
    network: Streaming, frame_shape: tuple[int, ...], constants: dict[str, NDArray[np.generic]], lag: int = 0
) -> BundlePrograms:
    """The programs of a network in evaluation mode, which should be folded.

    A large network has one program for streams of any age: masks cost it a hundredth of its time, and ONNX Runtime
    would hold the weights of another one a second time.

    Args:
        constants: gets those that the programs share, by name.
        lag: frames that inputs arrive late, for a part of a larger network.

    Raises: UnsupportedOperationError for a network of other operations than those that are translated.
    """
    eager = EagerStepper(network, frame_shape, StepOptions(lag=lag))
    settles, large = network.settles(lag), sum(value.numel() for value in network.parameters()) >= LARGE
    names = [COLD] if settles and large else [SETTLED, COLD] if settles else [SETTLED]
    made = {name: Program(eager, multiple=CHANNELS, settled=name == SETTLED) for name in names}
    programs, formats = {}, {}
    for name, program in made.items():
        programs[name], used = share_constants(onnx_graph(program).model, constants)
        formats[name] = ProgramFormat(tuple(program.rotation), tuple(used))
    program, fresh = made[names[0]], dict(named_leaves(eager.init_state(1).layers))
    dtypes = [str(leaf.dtype).removeprefix("torch.") for leaf in fresh.values()]
    states = tuple(map(LeafFormat, program.names, program.leaf_shapes, dtypes))
    answer = tuple(program.shapes[0])
    return BundlePrograms(StepFormat(program.stride, settles, tuple(frame_shape), answer, states, formats), programs)
