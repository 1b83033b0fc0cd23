"""Speed-up by pruning: a step of CoX3D-S and CoST-GCN* whole and with three tenths of the channels, in one run.

Random weights: which channels go does not matter for time. Both run interleaved on the same frames. Prints milliseconds
per step on each backend, multiply-adds, parameters and bytes of state. Then the memory of several tasks of one model.
"""

from __future__ import annotations

import argparse
import copy
import platform
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch

from co_perception.adapters.attach import AdapterConfig, attach, attach_masks, plain_state, set_masks
from co_perception.adapters.coupling import channel_groups
from co_perception.adapters.file import Adapter, extract
from co_perception.adapters.groups import resize, retained_axes
from co_perception.adapters.selection import channel_scores, select_channels
from co_perception.networks.cost import macs_per_step, params, stream_bytes
from co_perception.networks.stgcn import CoStGcn
from co_perception.networks.variants import COX3D_S
from co_perception.networks.variants_skeleton import COSTGCN_MOD, COSTGCN_SHORT
from co_perception.networks.x3d import CoX3D
from co_perception.runtime.steppers.choose import stepper
from co_perception.runtime.steppers.options import StepOptions

WARM_UP, STEPS = 5, 100
NETWORKS: dict[str, Callable[[], Any]] = {
    "cox3d_s": lambda: CoX3D(COX3D_S),
    "costgcn_mod": lambda: CoStGcn(COSTGCN_MOD),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--density", type=float, default=0.3)
    parser.add_argument("--multiple", type=int, default=1, help="channels of each layer: multiples of this")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--backends", nargs="*", default=["eager", "onnxruntime"])
    options = parser.parse_args()
    torch.manual_seed(0)
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"density {options.density}, multiples of {options.multiple}; medians of {STEPS} steps, interleaved")
    for name in options.networks:
        compare(NETWORKS[name]().eval(), options.density, options.multiple, options.backends)
    tasks()


def compare(network: Any, density: float, multiple: int, backends: list[str]) -> None:
    """One network, whole and pruned."""
    shape = tuple(network.variant.frame_shape if isinstance(network, CoX3D) else network.frame_shape)
    small, adapter = pruned(network, shape, density, multiple, AdapterConfig(rank=8))
    name = network.variant.name
    print(
        f"{name}: multiply-adds {macs_per_step(network, shape) / 1e6:.1f} M to {macs_per_step(small, shape) / 1e6:.1f} "
        f"M; parameters {params(network) / 1e6:.2f} M to {params(small) / 1e6:.2f} M; state "
        f"{stream_bytes(network, shape) / 1e6:.2f} MB to {stream_bytes(small, shape) / 1e6:.2f} MB; adapter of rank 8 "
        f"{adapter.bytes / 1e3:.0f} kB",
        flush=True,
    )
    for backend in backends:
        whole_ms, small_ms = step_ms([network, small], shape, backend)
        print(f"{name}, {backend}: {whole_ms:.2f} ms to {small_ms:.2f} ms, {whole_ms / small_ms:.1f} x", flush=True)


def pruned(
    network: Any, shape: tuple[int, ...], density: float, multiple: int, config: AdapterConfig
) -> tuple[Any, Adapter]:
    """The network with these channels gone and adapters that have moved a little."""
    source = {name: value.clone() for name, value in network.state_dict().items()}
    groups, pupil = channel_groups(network, shape), copy.deepcopy(network)
    attach(pupil, config)
    attach_masks(pupil, groups)
    scores = channel_scores(groups, "magnitude", plain_state(pupil), {})
    retained = select_channels(groups, scores, density, least=1.0, multiple=multiple)
    axes = retained_axes(groups, retained, {name: value.shape for name, value in source.items()})
    set_masks(pupil, axes)
    adapter = extract(pupil, source, axes, config)
    small = copy.deepcopy(network)
    resize(small, adapter.stack(source))
    return small, adapter


def step_ms(networks: list[Any], shape: tuple[int, ...], backend: str) -> list[float]:
    """Median milliseconds of a step of each on a backend, interleaved."""
    steps = [stepper(network, shape, backend, StepOptions(torch.get_num_threads())) for network in networks]
    states = [step.init_state(1) for step in steps]
    times: list[list[float]] = [[] for _ in steps]
    warm = max(network.settles(0) for network in networks) + WARM_UP  # until then the plain network steps
    for _ in range(warm + STEPS):
        x = torch.rand(1, shape[0], 1, *shape[1:])
        for place, step in enumerate(steps):
            began = perf_counter()
            _, states[place] = step(x, states[place])
            times[place].append(perf_counter() - began)
    return [1e3 * float(np.median(each[warm:])) for each in times]


def tasks(count: int = 8) -> None:
    """Memory of several tasks of one `costgcn_short`, and how long a change takes."""
    network = CoStGcn(COSTGCN_SHORT).eval()
    source = network.state_dict()
    whole = sum(value.numel() * value.element_size() for value in source.values())
    for method, density in (("splora", 0.3), ("splora", 1.0)):
        small, adapter = pruned(network, tuple(network.frame_shape), density, 1, AdapterConfig(method=method, rank=4))
        own = sum(value.numel() * value.element_size() for value in small.state_dict().values())
        times = []
        for _ in range(9):
            began = perf_counter()
            other = CoStGcn(COSTGCN_SHORT)
            resize(other, adapter.stack(source))
            times.append(perf_counter() - began)
        print(
            f"{count} tasks of costgcn_short, {method}, density {density}: source {whole / 1e3:.0f} kB + {count} x "
            f"{adapter.bytes / 1e3:.0f} kB + the one in use {own / 1e3:.0f} kB; {count} whole models "
            f"{count * whole / 1e3:.0f} kB; a change takes {1e3 * float(np.median(times)):.0f} ms"
        )


if __name__ == "__main__":
    main()
