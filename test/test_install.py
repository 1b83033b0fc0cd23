"""`make env` finds what usually stands in the way of an install, and says what to do; nothing is installed here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


class Machine:
    """A machine whose programs are stand-ins: `put` makes one that prints a line, or ends with a status."""

    def __init__(self, folder: Path) -> None:
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._folder = folder

    def put(self, name: str, prints: str = "", status: int = 0) -> str:
        program = self._bin / name
        program.write_text(f"#!/bin/sh\necho '{prints}'\nexit {status}\n")
        program.chmod(0o755)
        return str(program)

    def check(self, call: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a check of tools/install_checks.sh."""
        return self._bash(f"set -euo pipefail; source '{ROOT}/tools/install_checks.sh'; {call}", variables)

    def make_env(self, level: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs tools/make_env.sh of a copy, in which no environment can be made by accident."""
        shutil.copytree(ROOT / "tools", self._folder / "tools")
        return self._bash(f"'{self._folder}/tools/make_env.sh' {level}", variables)

    def _bash(self, code: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items()
               if name not in ("ROS_DISTRO", "PIP_ARGS", "PYTHON", "CC", "CXX")}  # fmt: skip
        path = f"{self._bin}:/usr/bin:/bin"
        return subprocess.run(
            ["bash", "-c", code], env=own | {"PATH": path} | variables, capture_output=True, text=True, timeout=60
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_python_too_new_for_the_wheels_is_named_with_the_remedy(machine: Machine) -> None:
    machine.put("python3", "3.15")
    found = machine.make_env("demo", PYTHON="python3")
    assert found.returncode == 1
    assert "python3 here is 3.15, which is too new" in found.stderr
    assert "make env PYTHON=python3.12" in found.stderr


@pytest.mark.parametrize(
    ("version", "fits"), [("3.9", False), ("3.10", False), ("3.11", True), ("3.13", True), ("3.14", False), ("", False)]
)
def test_the_wheels_are_for_some_pythons(machine: Machine, version: str, fits: bool) -> None:
    assert (machine.check(f"has_wheels '{version}'").returncode == 0) == fits


def test_an_old_python_is_told_so(machine: Machine) -> None:
    machine.put("python3", "3.9")
    assert "3.9, which is too old" in machine.check("explain_python python3").stderr


def test_a_missing_compiler_is_named(machine: Machine) -> None:
    found = machine.check(f"check_tools '{sys.executable}'", CXX="no-such-compiler")
    assert found.returncode == 1
    assert "no-such-compiler" in found.stderr and "sudo apt install build-essential" in found.stderr


def test_a_python_without_venv_is_told(machine: Machine) -> None:
    found = machine.check(f"check_tools '{machine.put('python3', status=1)}'")
    assert found.returncode == 1 and "sudo apt install python3-venv" in found.stderr


def test_another_processor_needs_a_ros_of_its_own(machine: Machine) -> None:
    machine.put("uname", "Linux aarch64")
    found = machine.check("check_platform")
    assert found.returncode == 1 and "Linux aarch64" in found.stderr and "Jazzy or later" in found.stderr


@pytest.mark.parametrize(
    ("version", "status", "refused"),
    [("2.5.0a0+872d972", 0, True), ("2.8.0", 0, False), ("2.13.0+cpu", 0, False), ("", 1, False)],
)
def test_a_torch_of_the_system_that_is_too_old_is_refused(
    machine: Machine, version: str, status: int, refused: bool
) -> None:
    found = machine.check(f"check_torch '{machine.put('python', version, status)}'")
    assert (found.returncode == 1) == refused
    assert ("2.8 or later" in found.stderr) == refused


@pytest.mark.parametrize(("system", "refused"), [("0.26.4", True), ("same", False)])
def test_two_numpys_of_different_major_versions_are_refused(
    machine: Machine, tmp_path: Path, system: str, refused: bool
) -> None:
    import numpy

    version = numpy.__version__ if system == "same" else system
    (tmp_path / "apt/numpy").mkdir(parents=True)
    (tmp_path / "apt/numpy/__init__.py").write_text(f"__version__ = '{version}'\n")
    found = machine.check(f"check_numpy '{sys.executable}' '{tmp_path}/apt'")
    assert (found.returncode == 1) == refused
    assert (f"NumPy {numpy.__version__}" in found.stderr and "pip uninstall numpy" in found.stderr) == refused


def test_a_jetson_is_told_where_its_torch_is(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "release").write_text("# R36 (release), REVISION: 4.0\n")
    found = machine.check("advise_torch", TEGRA_RELEASE=str(tmp_path / "release"))
    assert found.returncode == 0 and "Jetson" in found.stdout and "docs/bundle.md" in found.stdout


def test_without_a_gpu_the_smaller_torch_is_named_once_nobody_chose(machine: Machine) -> None:
    assert "download.pytorch.org/whl/cpu" in machine.check("advise_torch").stdout
    assert machine.check("advise_torch", PIP_ARGS="--index-url x").stdout == ""
    machine.put("nvidia-smi")
    assert machine.check("advise_torch").stdout == ""


@pytest.mark.parametrize(
    ("log", "remedy"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("[Errno -3] Temporary failure in name resolution')': /simple/torch/", "No package index was reached"),
        ("connection broken by 'ProxyError('Cannot connect to proxy.'", "HTTPS_PROXY"),
        ("SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "--cert FILE"),
        ("ERROR: No matching distribution found for ros-rclpy<9.2,>=9.1", "Name another Python"),
        ("error: command '/usr/bin/x86_64-linux-gnu-g++' failed with exit code 1", "A compiler failed"),
        ("g++: fatal error: Killed signal terminated program cc1plus", "memory ran out"),
        ("something that nobody has met yet", ""),
    ],
)
def test_what_pip_and_compilers_print_is_explained(machine: Machine, tmp_path: Path, log: str, remedy: str) -> None:
    (tmp_path / "log").write_text(f"Collecting torch\n{log}\n")
    found = machine.check(f"explain_failure '{tmp_path}/log'")
    assert found.returncode == 0 and remedy in found.stdout and bool(found.stdout) == bool(remedy)


@pytest.mark.slow
def test_pip_without_a_network_is_understood(machine: Machine, tmp_path: Path) -> None:
    """pip's own words, from an index on a port of this machine where nobody listens."""
    pip = [sys.executable, "-m", "pip", "--isolated", "install", "--retries", "1", "--target", str(tmp_path / "target")]
    done = subprocess.run([*pip, "--index-url", "http://127.0.0.1:9/simple", "no-such-package"],
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode != 0
    (tmp_path / "log").write_text(done.stdout + done.stderr)
    assert "No package index was reached" in machine.check(f"explain_failure '{tmp_path}/log'").stdout


def test_an_unknown_level_is_refused(machine: Machine) -> None:
    found = machine.make_env("everything")
    assert found.returncode == 1 and "there are: all, demo" in found.stderr
