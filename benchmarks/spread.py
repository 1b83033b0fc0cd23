"""What spreading the work of Inception-I3D over its step does to the dearest frame: whole steps against stages.

Both run interleaved in one process on the same random frames and weights. Prints milliseconds per frame.
"""

from __future__ import annotations

import platform
from time import perf_counter

import numpy as np
import torch

from co_perception.continual.fold import fold_batch_norm
from co_perception.continual.spread import Spread
from co_perception.networks.inception import InceptionCoI3D

WARM_UP, STEPS = 3, 12


@torch.no_grad()
def main() -> None:
    """Measure and print."""
    network = fold_batch_norm(InceptionCoI3D())
    stride, shape = network.timing.stride, network.variant.frame_shape
    spread = Spread(network)
    whole, parts = network.init_state(1, shape), spread.init_state(1, shape, torch.empty(0))
    times: dict[str, list[float]] = {"whole steps": [], "spread": []}
    for _ in range(WARM_UP + STEPS):
        x = torch.rand(1, shape[0], stride, *shape[1:])
        begin = perf_counter()
        _, whole = network(x, whole)
        times["whole steps"] += [0.0] * (stride - 1) + [perf_counter() - begin]
        for frame in x.unbind(2):
            begin = perf_counter()
            _, parts = spread(frame, parts)
            times["spread"].append(perf_counter() - begin)
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{WARM_UP * stride} frames of warm-up, {STEPS * stride} measured; milliseconds per frame")
    for name, seconds in times.items():
        ms = 1000 * np.array(seconds[WARM_UP * stride :])
        p50, p95 = np.percentile(ms, [50, 95])
        print(f"{name:12} mean {ms.mean():6.1f}  p50 {p50:6.1f}  p95 {p95:6.1f}  max {ms.max():6.1f}")


if __name__ == "__main__":
    main()
