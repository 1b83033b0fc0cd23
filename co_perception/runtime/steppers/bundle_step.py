"""The step of a bundle in NumPy and ONNX Runtime, without torch: arrays in, arrays out, the state as a value.

A step has one or two programs of one network: "cold" masks what lies before a stream's first frame, where the network
pads, and is right at any age; "settled" is for streams in steady state. Programs are portable; ONNX Runtime optimizes
them for the processor as it opens them. `bundle_programs` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.stages import StageState, step_stages
from co_perception.engine.state_tree import State, leaves, nested, unflatten
from co_perception.runtime.steppers.onnx_session import Session
from co_perception.runtime.steppers.optimized_cache import SharedConstants, open_program

TIME = 2  # the axis of frames in x
NEW = "new_"  # before the name of a leaf that a program makes


@dataclass(frozen=True)
class LeafFormat:
    """One leaf of a state, without the axis of streams."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class ProgramFormat:
    """What is known of one program.

    Args:
        rotation: the source of each leaf of the next state: (False, i) the i-th leaf given, (True, i) the i-th that the
            program makes.
        constants: names of the shared constants that it uses.
    """

    rotation: tuple[tuple[bool, int], ...]
    constants: tuple[str, ...]


@dataclass(frozen=True)
class StepFormat:
    """What the programs of a step have in common.

    Args:
        stride: frames of a step.
        settles: frames after which a stream is in steady state; 0: from the first on.
        frame_shape: (C, *space) of a frame.
        answer_shape: of an answer, without streams: (classes,) of the last step, (C', *space') of one before.
        states: the leaves of a state.
        programs: by name, "cold", "settled", or both.
    """

    stride: int
    settles: int
    frame_shape: tuple[int, ...]
    answer_shape: tuple[int, ...]
    states: tuple[LeafFormat, ...]
    programs: Mapping[str, ProgramFormat]


class BundleProgram:
    """One program of a bundle. Raises: ValueError where it is not of this format."""

    def __init__(self, session: Session, step: StepFormat, rotation: Sequence[tuple[bool, int]]) -> None:
        names = [leaf.name for leaf in step.states]
        frames = numbered("x", step.stride)
        self._session, self._rotation, self._inputs = session, rotation, [*frames, "age", *names]
        made = {place: name for name, (new, place) in zip(names, rotation, strict=True) if new}
        self._outputs = ["y", *(NEW + made[place] for place in range(len(made)))]
        self._read = {given.name: given for given in session.get_inputs()}
        self._check(step)

    def __call__(
        self, frames: Sequence[NDArray[Any]], age: NDArray[np.int64], given: Sequence[NDArray[Any]]
    ) -> tuple[NDArray[np.float32], list[NDArray[Any]]]:
        """The answer, and the leaves of the next state."""
        arrays = zip(self._inputs, (*frames, age, *given), strict=True)
        feeds = {name: np.ascontiguousarray(array) for name, array in arrays if name in self._read}
        answer, *made = self._session.run(self._outputs, feeds)
        return answer, [made[place] if new else given[place] for new, place in self._rotation]

    def _check(self, step: StepFormat) -> None:
        frame = ("tensor(float)", step.frame_shape)
        wanted = dict.fromkeys(numbered("x", step.stride), frame) | {"age": ("tensor(int64)", ())}
        wanted |= {leaf.name: (ONNX_TYPES.get(leaf.dtype, leaf.dtype), leaf.shape) for leaf in step.states}
        found = {name: (given.type, tuple(given.shape[1:])) for name, given in self._read.items()}
        wrong = sorted(name for name, kind in found.items() if wanted.get(name) != kind)
        if wrong:
            raise ValueError(f"a program takes other inputs than its bundle says: {wrong[:5]}")
        missing = set(self._outputs) - {made.name for made in self._session.get_outputs()}
        if missing:
            raise ValueError(f"a program does not give what its bundle says: {sorted(missing)[:5]}")


ONNX_TYPES = {"float32": "tensor(float)", "int64": "tensor(int64)", "bool": "tensor(bool)", "float64": "tensor(double)"}


class BundleStep:
    """Steps the streams of a bundle: `y, state = step(x, state)`. Neither is written into.

    Args:
        step: the format.
        programs: ONNX files by the names of the format; at least "cold" where `settles` is above 0.
        constants: those that programs share.
        threads: CPU threads of a step; None: `onnx_session.default_threads`.

    Raises:
        ValueError: for programs that are damaged, or do not fit together.
        ImportError: without ONNX Runtime.
    """

    name = "onnxruntime"

    def __init__(
        self,
        step: StepFormat,
        programs: Mapping[str, bytes],
        constants: SharedConstants,
        threads: int | None = None,
    ) -> None:
        self.format = step
        if COLD not in programs and (step.settles or SETTLED not in programs):
            raise ValueError("there is no program for the first frames of a stream")
        made, self._retained = {}, []  # what the sessions use of the constants' memory
        for name, model in programs.items():
            try:
                session, used = open_program(model, constants, step.programs[name].constants, threads)
            except ImportError:
                raise
            except Exception as error:  # of onnxruntime's own, one class per status
                raise ValueError(f"the program {name} cannot be run: {error}") from error
            self._retained.append(used)
            made[name] = BundleProgram(session, step, step.programs[name].rotation)
        self._cold, self._settled = made.get(COLD) or made[SETTLED], made.get(SETTLED) or made[COLD]

    def init_state(self, streams: int) -> State:
        """The state of streams before their first frame."""
        layers = {leaf.name: np.zeros((streams, *leaf.shape), leaf.dtype) for leaf in self.format.states}
        return State(np.zeros(streams, np.int64), layers_of(layers))

    def __call__(self, x: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], State]:
        """Answers (N, *answer_shape) of one step x (N, C, stride, *space) of N streams, and their next state."""
        step = self.format
        wanted = (len(state.age), step.frame_shape[0], step.stride, *step.frame_shape[1:])
        if x.shape != wanted:
            raise ValueError(f"expected one step x (N, C, T, *space) = {wanted}, got {x.shape}")
        return self.step_frames([x[:, :, place] for place in range(step.stride)], state)

    def step_frames(self, frames: Sequence[NDArray[np.float32]], state: State) -> tuple[NDArray[np.float32], State]:
        """As a call, of the frames (N, C, *space) of a step one by one."""
        step, age = self.format, state.age
        if not len(age):  # ONNX Runtime refuses products of matrices without rows
            return np.zeros((0, *step.answer_shape), np.float32), state
        cold = step.settles > 0 and len(age) > 0 and int(age.min()) < step.settles
        program = self._cold if cold else self._settled
        answer, following = program(frames, age, leaves(state.layers))
        if answer.shape != (len(age), *step.answer_shape):
            raise ValueError(f"a program answers {answer.shape}, its bundle says {step.answer_shape} for each stream")
        return answer, State(age + step.stride, unflatten(state.layers, following))


class BundlePipeline:
    """Steps a stream frame by frame through the stages of a bundle: `answer, stages = pipeline(frame, stages)`."""

    def __init__(self, steps: Sequence[BundleStep]) -> None:
        self._steps = [step.step_frames for step in steps]
        self._strides = [step.format.stride for step in steps]
        self._init = [step.init_state for step in steps]

    def init_state(self, streams: int) -> tuple[StageState, ...]:
        """The state of streams before their first frame."""
        fresh = [init(streams) for init in self._init]
        return tuple(StageState(state.age, (), state.layers) for state in fresh)

    def __call__(
        self, frame: NDArray[np.float32], stages: Sequence[StageState]
    ) -> tuple[NDArray[np.float32] | None, tuple[StageState, ...]]:
        """The answer to a frame (N, C, *space), None where none is due, and the next state."""
        return step_stages(self._steps, self._strides, frame, stages)


SETTLED, COLD = "settled", "cold"
ALONE = "state"  # the name of a leaf that is the whole state


def layers_of(named: Mapping[str, NDArray[Any]]) -> Any:
    """The tree of a state's leaves."""
    return named[ALONE] if list(named) == [ALONE] else nested(named)


def numbered(name: str, count: int) -> list[str]:
    """Names of the inputs or outputs of several frames."""
    return [name] if count == 1 else [f"{name}.{place}" for place in range(count)]
