"""Description of the machine, memory, and energy from Linux's RAPL counters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.machine import Energy, describe, memory_bytes


def zone(root: Path, name: str, microjoules: int, turn: int = 1_000_000_000) -> None:
    (root / name).mkdir(exist_ok=True)
    (root / name / "energy_uj").write_text(f"{microjoules}\n")
    (root / name / "max_energy_range_uj").write_text(f"{turn}\n")


def test_energy_is_the_sum_over_packages_and_not_of_their_parts(tmp_path: Path) -> None:
    later = {"intel-rapl:0": 3_000_000, "intel-rapl:1": 1_500_000, "intel-rapl:0:0": 9_000_000}
    for name in later:
        zone(tmp_path, name, 1_000_000)
    energy = Energy(tmp_path)
    assert energy.joules() == 0
    for name, microjoules in later.items():
        zone(tmp_path, name, microjoules)
    assert energy.joules() == pytest.approx(2.5)


def test_a_counter_that_began_anew_has_gone_round_once(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", 9_000_000, turn=10_000_000)
    energy = Energy(tmp_path)
    zone(tmp_path, "intel-rapl:0", 500_000, turn=10_000_000)
    assert energy.joules() == pytest.approx(1.5)


def test_no_counters_are_no_energy(tmp_path: Path) -> None:
    assert Energy(tmp_path).joules() is Energy(tmp_path / "nowhere").joules() is None


def test_memory_grows_by_what_is_held() -> None:
    before = memory_bytes()
    held = np.ones(64 << 20, np.uint8)
    now, most = memory_bytes(), memory_bytes("VmHWM")
    assert before is not None and now is not None and most is not None
    assert now - before > held.nbytes // 2 and most >= now - (1 << 20)


def test_the_header_names_device_and_versions() -> None:
    header = describe(2, "cpu")
    assert header["threads"] == 2 and header["cores"] >= 1 and header["device"]
    assert {"python", "torch", "numpy"} <= header["versions"].keys()
