"""No dumps of this process's memory: neither a core file, nor to another process of the same user."""

from __future__ import annotations

import ctypes
import os
import resource

SET_DUMPABLE = 4  # prctl(2), PR_SET_DUMPABLE


def forbid_memory_dumps() -> None:
    """Lets nobody but root read the memory of this process, and the kernel write no core file of it, until it ends.

    A limit of 0 for core files does not stop one that goes to a program (core(5)); that the process is not dumpable
    does (prctl(2)), and it keeps debuggers and /proc/PID/mem from other processes of its user.

    Raises:
        OSError: where the kernel refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(SET_DUMPABLE, 0, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_DUMPABLE): {os.strerror(number)}")
