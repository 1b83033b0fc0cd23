"""Time of Inception-I3D's slowest frame: whole steps against pipelined stages, in torch and in ONNX Runtime.

All run interleaved in one process on the same random frames and weights. Prints milliseconds per frame.

    python benchmarks/spread.py --threads 1
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.machine import describe
from co_perception.commands.output import print_table
from co_perception.continual.container import Sequential
from co_perception.continual.norm import fold_batch_norm
from co_perception.continual.pipeline import Pipeline
from co_perception.networks.inception import InceptionCoI3D
from co_perception.runtime.steppers.choose import stepper
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.stepper import Stepper

BACKENDS = ("eager", "onnxruntime")
Chunk = Callable[[Tensor], list[float]]  # (1, C, stride, H, W) to the seconds of each of its frames


def whole(network: InceptionCoI3D, backend: str, threads: int) -> Chunk:
    """All of a step's work on its last frame."""
    step = stepper(network, network.variant.frame_shape, backend, StepOptions(threads))
    state = step.init_state(1)

    def run(x: Tensor) -> list[float]:
        nonlocal state
        begin = perf_counter()
        _, state = step(x, state)
        return [0.0] * (x.shape[2] - 1) + [perf_counter() - begin]

    return run


def spread(network: InceptionCoI3D, backend: str, threads: int) -> Chunk:
    """A stage of it on each frame, as the learner does."""

    def make(part: Sequential, shape: tuple[int, ...], lag: int) -> Stepper:
        return stepper(part, shape, backend, StepOptions(threads, lag=lag))

    steps = Pipeline(network, make, network.variant.frame_shape)
    state = steps.init_state(1, network.variant.frame_shape, torch.empty(0))

    def run(x: Tensor) -> list[float]:
        nonlocal state
        seconds = []
        for frame in x.unbind(2):
            begin = perf_counter()
            _, state = steps(frame, state)
            seconds.append(perf_counter() - begin)
        return seconds

    return run


@torch.no_grad()
def main(given: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=25, help="of eight frames, of each")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(given)
    torch.set_num_threads(chosen.threads)
    network = fold_batch_norm(InceptionCoI3D().eval())
    stride, shape = network.timing.stride, network.variant.frame_shape
    contestants: dict[tuple[str, str], Chunk] = {
        (way, backend): make(network, backend, chosen.threads)
        for backend in BACKENDS
        for way, make in (("whole steps", whole), ("spread", spread))
    }
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in contestants}
    warm_up = -(-network.settles(0) // stride) + 2  # before, all do as the network itself does
    for number in range(warm_up + chosen.steps):
        x = torch.rand(1, shape[0], stride, *shape[1:])
        for key, run in contestants.items():
            seconds[key] += run(x) if number >= warm_up else run(x)[:0]
    machine: dict[str, Any] = describe(chosen.threads, "cpu")
    print(f"{machine['device']}, {machine['versions']}")
    print(f"{warm_up * stride} frames of warm-up, {chosen.steps * stride} measured; milliseconds per frame")
    print_table([("how", "backend", "mean", "p50", "p95", "max"), *(_row(key, seconds[key]) for key in seconds)])
    return 0


def _row(key: tuple[str, str], seconds: Sequence[float]) -> tuple[str, ...]:
    ms = 1000 * np.array(seconds)
    figures = (ms.mean(), *np.percentile(ms, [50, 95]), ms.max())
    return (*key, *(f"{figure:.1f}" for figure in figures))


if __name__ == "__main__":
    main()
