"""Description of the machine; memory, energy and the load by other processes during a run."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from co_perception.evaluation.provenance import machine, versions

PACKAGES = ("co_perception", "torch", "numpy", "onnxruntime", "openvino", "continual-inference")
POWERCAP = Path("/sys/class/powercap")
IDLE = (3, 4)  # columns of /proc/stat: idle, and waiting for a disk; steal, what the hypervisor took, counts as busy


def describe(threads: int, device: str) -> dict[str, Any]:
    """Device, cores, threads and versions, for a header."""
    import torch

    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else machine(),
        "processor": machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "system": platform.platform(),
        "versions": {name: version for name, version in versions(PACKAGES).items() if version},
        "energy": "RAPL" if Energy().joules() is not None else None,
    }


def memory_bytes(field: str = "VmRSS") -> int | None:
    """Resident memory of this process; "VmHWM": its peak. None where the system does not report it."""
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


class Energy:
    """Joules that the processors' packages have used, by RAPL, where the system lets it be read."""

    def __init__(self, root: Path = POWERCAP) -> None:
        # Packages have one number; what lies within them (cores, memory controller) has two.
        self._counters = [zone for zone in sorted(root.glob("intel-rapl:*")) if zone.name.count(":") == 1]
        self._before = self._read()
        self._joules = 0.0

    def joules(self) -> float | None:
        """Used since this was made; None where it cannot be read."""
        now = self._read()
        if not now or not self._before:
            return None
        for zone, (value, was) in zip(self._counters, zip(now, self._before, strict=True), strict=True):
            turn = int((zone / "max_energy_range_uj").read_text()) if value < was else 0
            self._joules += (value - was + turn) / 1e6
        self._before = now
        return self._joules

    def _read(self) -> list[int]:
        try:
            return [int((zone / "energy_uj").read_text()) for zone in self._counters]
        except (OSError, ValueError):
            return []


class Others:
    """cores: how many were busy on average for others than this process and those it started and waited for; None where
    the system does not report it."""

    cores: float | None = None


@contextmanager
def others() -> Iterator[Others]:
    """The load by other processes while the block runs; results of a busy machine are unreliable."""
    found, began = Others(), perf_counter()
    busy, own = _busy_s(), sum(os.times()[:4])
    yield found
    if busy is not None and (now := _busy_s()) is not None:
        found.cores = max(now - busy - (sum(os.times()[:4]) - own), 0.0) / (perf_counter() - began)


def _busy_s() -> float | None:
    try:
        with open("/proc/stat") as file:
            ticks = [int(value) for value in file.readline().split()[1:9]]
    except OSError:
        return None
    return sum(value for column, value in enumerate(ticks) if column not in IDLE) / os.sysconf("SC_CLK_TCK")
