"""Tasks on the machines of a Ray cluster. ray is imported here only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def on_ray(work: Callable[[T], R], tasks: Sequence[T], address: str) -> Iterator[R]:
    """What `work` makes of each task, in their order, wherever a CPU is free.

    Args:
        work: a function of a module that all machines have; tasks and results can be pickled.
        address: of the cluster's head, such as "10.0.0.1:6379"; "auto": the one this machine belongs to; "local": a
            new one of this machine alone.

    Raises: ImportError without ray; ConnectionError where there is no cluster; RuntimeError where a machine fails; what
        `work` raises.
    """
    ray = _ray()
    ours = not ray.is_initialized()
    if ours:
        ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=None)
    try:
        # One attempt each: the same task fails the same way again.
        remote = ray.remote(num_cpus=1, max_retries=0)(work)
        waiting = [remote.remote(task) for task in tasks]
        for place, reference in enumerate(waiting):
            try:
                yield ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                raise error.as_instanceof_cause() from None
            except ray.exceptions.RayError as error:
                raise RuntimeError(f"a task was lost on the cluster: {error}") from error
            waiting[place] = None  # its memory is free again
    finally:
        if ours:
            ray.shutdown()


def _ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # or it would report to its makers
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            f"running on a cluster needs Ray, which is not installed: pip install 'co_perception[cluster]'. ({error})"
        ) from error
    return ray
