"""Which backend steps a network here: the one that was asked for, or the best that works.

stepper = stepper(network, (3, 160, 160))          # .name, .precision, .said
stepper = stepper(network, (3, 160, 160), "onnxruntime", threads=2)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from co_perception.continual.fold import fold_batch_norm, is_folded
from co_perception.continual.layer import Clock, Streaming
from co_perception.continual.state import leaves, unflatten
from co_perception.runtime.backends import AUTO, BACKENDS, FLOAT32
from co_perception.runtime.compiled_stepper import CompiledStepper
from co_perception.runtime.cuda_stepper import CudaStepper
from co_perception.runtime.onnx_operations import Unknown
from co_perception.runtime.onnx_stepper import OnnxStepper
from co_perception.runtime.openvino_stepper import OpenVinoStepper
from co_perception.runtime.program import Program
from co_perception.runtime.stepper import EagerStepper, Stepper

STEPPERS: dict[str, Callable[..., Stepper]] = {
    "eager": EagerStepper,
    "compiled": CompiledStepper,
    "onnxruntime": OnnxStepper,
    "openvino": OpenVinoStepper,
    "cuda": CudaStepper,
}
TOLERANCE = 1e-4  # of the largest number compared, that a backend may differ from the network in float32


def stepper(
    network: Streaming,
    frame_shape: tuple[int, ...],
    backend: str = AUTO,
    *,
    threads: int | None = None,
    precision: str = FLOAT32,
    lag: int = 0,
) -> Stepper:
    """A stepper for `network`, its norms folded, whose answers were compared with the network's on random frames. One
    that `fold_batch_norm` made is shared, not copied.

    backend: one of BACKENDS, or "auto": ONNX Runtime on a CPU and captured graphs on a GPU, and the network as it is
    where that does not work; `said` tells why. precision: other than "float32" only where it was asked for; `said`
    tells how far its answers are off.
    Raises: ValueError for a backend or precision that there is not; ImportError that names what to install and
    RuntimeError where a backend that was asked for does not work, or answers otherwise than the network.
    """
    if backend not in (AUTO, *BACKENDS):
        raise ValueError(f"no backend {backend!r}; there are: {', '.join((AUTO, *BACKENDS))}")
    folded = network if is_folded(network) else fold_batch_norm(network)
    folded.requires_grad_(False)
    settings: dict[str, Any] = dict(lag=lag, threads=threads)
    if precision != FLOAT32:
        settings["precision"] = precision
    if backend != AUTO:
        return _made(backend, folded, frame_shape, settings)
    wanted = "cuda" if next(folded.parameters(), torch.empty(0)).device.type == "cuda" else "onnxruntime"
    try:
        return _made(wanted, folded, frame_shape, settings)
    except (ImportError, RuntimeError, ValueError) as error:
        if precision != FLOAT32:
            raise
        plain = _made("eager", folded, frame_shape, settings)
        plain.said = f"eager, since {wanted} does not work here: {error}"
        return plain


def _made(backend: str, network: Streaming, frame_shape: tuple[int, ...], settings: dict[str, Any]) -> Stepper:
    if "precision" in settings and backend not in ("onnxruntime", "openvino"):
        raise ValueError(f"the backend {backend!r} steps in float32 only, got precision {settings['precision']!r}")
    try:
        made = STEPPERS[backend](network, frame_shape, **settings)
    except Unknown as error:
        raise RuntimeError(f"{backend} cannot step this network: {error}") from error
    if backend == "eager":
        made.said = "eager"
        return made
    off = difference(made)
    if made.precision == FLOAT32 and not off <= TOLERANCE:
        raise RuntimeError(f"{backend} answers otherwise than the network, by {off:.2g} of the largest number")
    made.said = f"{backend} in {made.precision}, within {off:.1g} of the network"
    return made


@torch.no_grad()
def difference(made: Stepper, streams: int = 2, network: Streaming | None = None) -> float:
    """By how much a stepper differs from its network, or from another, on random frames and past frames, in answers and
    in what is kept, as a share of the largest number. The larger of two batch sizes."""
    network = network or made.network
    worst = 0.0
    for count in (1, streams):
        frames, age, past = _apart(Program(made).example(count), made.stride)
        state = made.init_state(count)
        layers = unflatten(state.layers, past)
        wanted, kept = network.unrolled(frames, layers, Clock(age, None, made.lag, settled=True))
        got, found = made._step(frames, state._replace(age=age, layers=layers))
        for own, other in zip((*wanted, *leaves(kept)), (*got, *leaves(found)), strict=True):
            off = float((own.float() - other.float()).abs().max() / own.float().abs().max().clamp(min=1e-3))
            worst = off if off > worst or off != off else worst  # NaN counts
    return worst


def _apart(
    example: list[torch.Tensor], stride: int
) -> tuple[tuple[torch.Tensor, ...], torch.Tensor, list[torch.Tensor]]:
    return tuple(example[:stride]), example[stride], example[stride + 1 :]
