"""What the machine is, and what it tells of itself while it works: memory and energy."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

from co_perception.evaluation.run import machine, versions

PACKAGES = ("co_perception", "torch", "numpy", "onnxruntime", "openvino", "continual-inference")
POWERCAP = Path("/sys/class/powercap")


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
    """Resident memory of this process; "VmHWM": the most it ever had. None where the system does not tell."""
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
