"""Maps a function over many tasks: here, in several processes, or on the machines of a Ray cluster.

Results come in the order of the tasks and do not depend on where they were made. ray is imported here, when needed.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[T], R], tasks: Sequence[T], jobs: int = 1) -> Iterator[R]:
    """The results of `work` for each task, in this process or in several.

    Args:
        work: with several jobs, a function of a module; tasks and results can be pickled then.
        jobs: processes at a time.

    Raises: ValueError for less than one job; what `work` raises.
    """
    if jobs < 1:
        raise ValueError(f"there is at least 1 job, got {jobs}.")
    if jobs == 1 or len(tasks) < 2:
        yield from map(work, tasks)
        return
    # Not forked: torch's threads do not survive it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(tasks)), context) as pool:
        try:
            yield from pool.map(work, tasks)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def on_ray(work: Callable[[T], R], tasks: Sequence[T], address: str) -> Iterator[R]:
    """The results of `work` for each task, on the machines of a Ray cluster.

    Args:
        work: a function of a module that all machines have; tasks and results can be pickled.
        address: of the cluster's head, such as "10.0.0.1:6379"; "auto": the one this machine belongs to; "local": a
            new one of this machine alone.

    Raises: ImportError without ray; ConnectionError where there is no cluster; RuntimeError where a machine fails; what
        `work` raises.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # or it would report to its makers
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            f"running on a cluster needs Ray, which is not installed: pip install 'co_perception[cluster]'. ({error})"
        ) from error
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
