"""Chooses the backend that steps a network: the one that was asked for, or the best that works here.

made = stepper(network, (3, 160, 160))          # .name, .precision, .summary
made = stepper(network, (3, 160, 160), "onnxruntime", StepOptions(threads=2))
"""

from __future__ import annotations

from dataclasses import replace

import torch

from co_perception.continual.layer import Streaming
from co_perception.continual.norm import fold_batch_norm, is_folded
from co_perception.continual.state import leaves, unflatten
from co_perception.continual.timing import Clock
from co_perception.runtime.steppers.onnx_operations import UnsupportedOperationError
from co_perception.runtime.steppers.onnx_stepper import OnnxStepper
from co_perception.runtime.steppers.openvino_stepper import OpenVinoStepper
from co_perception.runtime.steppers.options import AUTO, BACKENDS, FLOAT32, StepOptions
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.stepper import DEFAULT, EagerStepper, Stepper
from co_perception.runtime.steppers.torch_steppers import CompiledStepper, CudaStepper

STEPPERS: dict[str, type[Stepper]] = {
    "eager": EagerStepper,
    "compiled": CompiledStepper,
    "onnxruntime": OnnxStepper,
    "openvino": OpenVinoStepper,
    "cuda": CudaStepper,
}
TOLERANCE = 1e-4  # of the largest number compared, that a backend may differ from the network in float32


def stepper(
    network: Streaming, frame_shape: tuple[int, ...], backend: str = AUTO, options: StepOptions = DEFAULT
) -> Stepper:
    """A stepper for `network` with its norms folded, whose answers were compared with the network's on random frames.

    Args:
        network: in evaluation mode. One that `fold_batch_norm` made is shared, not copied.
        frame_shape: (C, *space) of a frame.
        backend: one of BACKENDS, or "auto": ONNX Runtime on a CPU and captured graphs on a GPU, and the network itself
            where that does not work; `summary` says why.
        options: with a precision other than "float32", `summary` says how far answers are off.

    Raises: ValueError for an unknown backend or precision; ImportError that names what to install; RuntimeError where a
        backend that was asked for does not work, or answers otherwise than the network.
    """
    if backend not in (AUTO, *BACKENDS):
        raise ValueError(f"no backend {backend!r}; there are: {', '.join((AUTO, *BACKENDS))}")
    folded = network if is_folded(network) else fold_batch_norm(network)
    folded.requires_grad_(False)
    if backend != AUTO:
        return _checked(backend, folded, frame_shape, options)
    wanted = "cuda" if next(folded.parameters(), torch.empty(0)).device.type == "cuda" else "onnxruntime"
    try:
        return _checked(wanted, folded, frame_shape, options)
    except (ImportError, RuntimeError, ValueError) as error:
        if options.precision != FLOAT32:
            raise
        plain = EagerStepper(folded, frame_shape, options)
        plain.summary = f"eager, since {wanted} does not work here: {error}"
        return plain


def _checked(backend: str, network: Streaming, frame_shape: tuple[int, ...], options: StepOptions) -> Stepper:
    """A stepper of this backend. RuntimeError where it cannot step the network, or answers otherwise."""
    try:
        made = STEPPERS[backend](network, frame_shape, options)
    except UnsupportedOperationError as error:
        raise RuntimeError(f"{backend} cannot step this network: {error}") from error
    if backend == "eager":
        return made
    off = difference(made)
    if made.precision == FLOAT32 and not off <= TOLERANCE:
        if isinstance(made, OnnxStepper) and made.layout.leaves:  # made of internal operations of ONNX Runtime
            return _checked(backend, network, frame_shape, replace(options, nchwc_state=False))
        if isinstance(made, OnnxStepper) and made.rows:
            plain = _checked(backend, network, frame_shape, replace(options, joint_rows=False))
            plain.summary += f"; state not in rows of joints, which would be off by {off:.2g}"
            return plain
        raise RuntimeError(f"{backend} answers otherwise than the network, by {off:.2g} of the largest number")
    note = f" ({made.note})" if made.note else ""
    made.summary = f"{backend} in {made.precision}, within {off:.1g} of the network{note}"
    return made


@torch.no_grad()
def difference(made: Stepper, streams: int = 2, network: Streaming | None = None) -> float:
    """By how much a stepper differs from its network, or from another, on random frames and past frames.

    Answers and the next state are compared, for 1 and for `streams` streams; the largest difference counts, as a share
    of the largest number.
    """
    network = network or made.network
    worst = 0.0
    for count in (1, streams):
        example = Program(made).example(count)
        frames, age, past = tuple(example[: made.stride]), example[made.stride], example[made.stride + 1 :]
        state = made.init_state(count)
        layers = unflatten(state.layers, past)
        expected, history = network.unrolled(frames, layers, Clock(age, None, made.lag, settled=True))
        got, found = made._step(frames, state._replace(age=age, layers=layers))
        for own, other in zip((*expected, *leaves(history)), (*got, *leaves(found)), strict=True):
            off = float((own.float() - other.float()).abs().max() / own.float().abs().max().clamp(min=1e-3))
            worst = off if off > worst or off != off else worst  # NaN counts
    return worst
