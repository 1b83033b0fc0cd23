"""The same work on many tasks: one after the other, in several processes, or on a cluster. Results come in the order of
the tasks and do not depend on where they were made."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[T], R], tasks: Sequence[T], jobs: int = 1) -> Iterator[R]:
    """What `work` makes of each task.

    jobs: processes at a time; with several, `work` is a function of a module, and tasks and results can be pickled.
    Raises: ValueError for no job; what `work` raises.
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
