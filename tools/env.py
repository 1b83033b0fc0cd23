"""`make env`: one virtual environment with torch, a real ROS 2 and this package's messages.

Where a ROS 2 is sourced, the environment sees the system's packages and uses that ROS. Where none is, rclpy comes from
Python wheels (requirements/ros-wheels.txt). Either way the messages are built into the environment, the Python sources
are read from the checkout, and nothing needs sourcing afterwards. Every step leaves a stamp with the hash of what it
depends on and is left out while that hash stands.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BUILD = VENV / "build"
EXTRAS = ".[video,ros,bench,dev]"
CONSTRAINTS = ROOT / "requirements" / "constraints.txt"
ROS_WHEELS = ROOT / "requirements" / "ros-wheels.txt"
WHEEL_PYTHONS = ((3, 10), (3, 13))  # the wheels exist from the first to the last
PROBE = """
import ensurepip, json, os, sys, sysconfig, venv
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
print(json.dumps({"version": sys.version_info[:2], "prefix": sys.base_prefix, "headers": os.path.exists(header)}))
"""


class Problem(Exception):
    """Something the user has to mend; the message says what and how."""


def run(*command: object, quiet: bool = False, **extra_env: str) -> None:
    """Run a command; when it fails, show what it said and stop."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **extra_env}, text=True, check=False,
        stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None,
    )  # fmt: skip
    if done.returncode:
        raise Problem(f"{done.stdout or ''}\nThis command failed: {shlex.join(words)}")


def ask(python: str | Path, code: str) -> str | None:
    """What a Python prints for a piece of code; None where it cannot run it."""
    try:
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def fingerprint(*parts: object) -> str:
    """A hash of texts, files and folders, by content."""
    digest = hashlib.sha256()
    for part in parts:
        files = [part] if isinstance(part, Path) and part.is_file() else []
        if isinstance(part, Path) and part.is_dir():
            files = sorted(path for path in part.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        for path in files:
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
        if not isinstance(part, Path):
            digest.update(repr(part).encode() + b"\0")
    return digest.hexdigest()


def stale(name: str, value: str) -> bool:
    """Whether a step's stamp is missing or belongs to other inputs."""
    stamp = VENV / "stamps" / name
    return not stamp.exists() or stamp.read_text() != value


def leave(name: str, value: str) -> None:
    """Say that a step is done for these inputs."""
    (VENV / "stamps").mkdir(exist_ok=True)
    (VENV / "stamps" / name).write_text(value)


def sourced_ros() -> str | None:
    """The prefixes of the sourced ROS 2; None where none is sourced."""
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "")
    others = [prefix for prefix in prefixes.split(os.pathsep) if prefix and Path(prefix) != VENV]
    found = others and ask(shutil.which("python3") or "python3", "import rclpy")
    return os.pathsep.join(others) if found is not None and others else None


def suitable(python: str, *, for_wheels: bool) -> str | None:
    """Why a Python does not serve; None where it does."""
    answer = ask(python, PROBE)
    if answer is None:
        return "does not run, or lacks venv and ensurepip (Debian and Ubuntu: the package python3-venv)"
    found = json.loads(answer)
    version = tuple(found["version"])
    if for_wheels and not WHEEL_PYTHONS[0] <= version <= WHEEL_PYTHONS[1]:
        return f"is Python {version[0]}.{version[1]}; the ROS 2 wheels exist for Python 3.10 to 3.13"
    if not found["headers"]:
        return "has no headers (Python.h) to build messages with (Debian and Ubuntu: the package python3-dev)"
    return None


def choose_python(wanted: str | None, *, for_wheels: bool) -> str:
    """The interpreter to build on: the one asked for, else python3, else the newest that serves."""
    names = [wanted] if wanted else ["python3"]
    if for_wheels and not wanted:
        names += ["python3.11", "python3.12", "python3.13", "python3.10"]
    reasons = []
    for name in names:
        path = shutil.which(name)
        reason = "is not there" if path is None else suitable(path, for_wheels=for_wheels)
        if path is not None and reason is None:
            return path
        reasons.append(f"  {name} {reason}")
    raise Problem(
        "No suitable Python was found:\n" + "\n".join(reasons)
        + "\nInstall one, name one (make env PYTHON=/path/to/python3.11), or source a ROS 2 and run again."
    )  # fmt: skip


def check_machine(*, for_wheels: bool) -> None:
    """Stop early, with the remedy, where the messages could not be built or the wheels not run."""
    if for_wheels and (sys.platform != "linux" or platform.machine() != "x86_64"):
        raise Problem(
            f"No ROS 2 is sourced, and this is {platform.system()} on {platform.machine()}: the ROS 2 wheels are for "
            "Linux on x86_64 only.\nInstall a ROS 2 (Jazzy or Lyrical), source its setup file and run `make env` again."
        )
    for variable, name in (("CC", "cc"), ("CXX", "c++")):
        if not shutil.which(os.environ.get(variable) or name):
            raise Problem(
                f"There is no compiler `{name}`, which building the messages takes.\n"
                f"Debian and Ubuntu: sudo apt install build-essential. Elsewhere install one, or set {variable}."
            )
    if not for_wheels and not shutil.which("cmake"):
        raise Problem("There is no `cmake`, which building the messages takes. Debian and Ubuntu: sudo apt install cmake")


def make_venv(python: str, *, for_wheels: bool) -> None:
    """An empty environment on the chosen Python; made anew where it stood on another Python or another ROS."""
    mark = fingerprint(ask(python, PROBE), for_wheels, str(ROOT))
    if PYTHON.exists() and not stale("python", mark):
        return
    if VENV.exists():
        print("env: the environment stood on another Python, ROS or folder: making it anew", flush=True)
        shutil.rmtree(VENV)
    print(f"env: making .venv on {python}", flush=True)
    run(python, "-m", "venv", *([] if for_wheels else ["--system-site-packages"]), VENV)
    leave("python", mark)


def numpy_of_ros() -> Path:
    """Constraints for a sourced ROS: its packages are compiled against the system's NumPy, so that one stays."""
    version = ask(shutil.which("python3") or "python3", "import numpy; print(numpy.__version__)")
    path = VENV / "numpy-of-ros.txt"
    path.write_text(f"numpy=={version}\n" if version else "")
    return path


def install_requirements(pip_args: list[str], *, for_wheels: bool) -> None:
    """Everything from the index, torch first: at the tested version nothing after it asks for another build."""
    constraints = CONSTRAINTS if for_wheels else numpy_of_ros()
    mark = fingerprint(ROOT / "setup.py", ROOT / "pyproject.toml", CONSTRAINTS, ROS_WHEELS, pip_args)
    if not stale("requirements", mark):
        return
    print("env: installing requirements (minutes, the first time)", flush=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", constraints, *pip_args]
    run(*pip, "setuptools", "wheel")
    run(*pip, "torch")
    if for_wheels:
        run(*pip, "--requirement", ROS_WHEELS)
        mend_wheels()
    run(*pip, "--no-build-isolation", "--config-settings", "editable_mode=compat", "--editable", EXTRAS)
    leave("requirements", mark)


def site_packages() -> Path:
    """The environment's own folder of packages."""
    return next((VENV / "lib").glob("python3.*")) / "site-packages"


def mend_wheels() -> None:
    """The wheels' CMake files name the Python and the NumPy of the machine that built them: name ours instead."""
    version = site_packages().parent.name
    built_on = f"/opt/python/cp{version[6:].replace('.', '')}-cp{version[6:].replace('.', '')}"
    include = ask(PYTHON, "import sysconfig; print(sysconfig.get_paths()['include'])")
    numpy = ask(PYTHON, "import numpy; print(numpy.get_include())")
    for path in (VENV / "share").rglob("*.cmake"):
        text = path.read_text(encoding="utf-8")
        if built_on in text:
            text = text.replace(f"{built_on}/include/{version}", str(include))
            text = text.replace(f"{built_on}/lib/{version}/site-packages/numpy/_core/include", str(numpy))
            path.write_text(text, encoding="utf-8")


def record_paths(prefixes: str | None) -> None:
    """Write down what sourcing would set, and the hook that sets it at the start of this environment's Python."""
    libraries = [VENV / "lib", *sorted(site_packages().glob("ros_*.libs"))]
    recorded = {"LD_LIBRARY_PATH": libraries, "AMENT_PREFIX_PATH": [VENV]}
    if prefixes:
        folders = tuple(prefixes.split(os.pathsep))
        for variable in ("LD_LIBRARY_PATH", "AMENT_PREFIX_PATH", "PYTHONPATH"):
            paths = [path for path in os.environ.get(variable, "").split(os.pathsep) if path.startswith(folders)]
            recorded[variable] = [*recorded.get(variable, []), *map(Path, paths)]
    texts = {variable: [str(path) for path in paths] for variable, paths in recorded.items()}
    (site_packages() / "_co_perception_ros.json").write_text(json.dumps(texts, indent=1))
    shutil.copyfile(ROOT / "tools" / "ros_paths.py", site_packages() / "_co_perception_ros.py")
    (site_packages() / "_co_perception_ros.pth").write_text("import _co_perception_ros\n")


def build_messages(prefixes: str | None) -> None:
    """Generate, compile and install the messages into the environment, then let the checkout's Python stand alone."""
    inputs = [ROOT / name for name in ("msg", "srv", "CMakeLists.txt", "package.xml", "launch", "config", "scripts")]
    mark = fingerprint(*inputs, prefixes, ROS_WHEELS)
    if not stale("messages", mark):
        return
    print("env: building the messages (half a minute)", flush=True)
    cmake = next((str(path) for path in [VENV / "bin" / "cmake"] if path.exists()), "cmake")
    ninja = ["-G", "Ninja"] if (VENV / "bin" / "ninja").exists() or shutil.which("ninja") else []
    python_folder = site_packages().relative_to(VENV)
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    shutil.rmtree(BUILD, ignore_errors=True)
    run(
        cmake, "-S", ROOT, "-B", BUILD, *ninja, "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF",
        f"-DCMAKE_INSTALL_PREFIX={VENV}", f"-DPYTHON_INSTALL_DIR={python_folder}", f"-DPython3_EXECUTABLE={PYTHON}",
        f"-DCMAKE_PREFIX_PATH={';'.join([str(VENV), *(prefixes or '').split(os.pathsep)])}",
        quiet=True, PATH=path,
    )  # fmt: skip
    run(cmake, "--build", BUILD, "--parallel", quiet=True, PATH=path)
    run(cmake, "--install", BUILD, quiet=True, PATH=path)
    shutil.rmtree(BUILD)
    remove_copies()
    leave("messages", mark)


def remove_copies() -> None:
    """Take the installed copies of our Python files away: sources come from the checkout, only messages from here."""
    installed = site_packages() / "co_perception"
    for path in installed.iterdir():
        if path.name not in ("msg", "srv") and "rosidl_typesupport" not in path.name:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in site_packages().glob("co_perception-*.egg-info"):  # pip's record of the checkout is the one to keep
        shutil.rmtree(path)


def main() -> int:
    """Make or complete the environment; 1 and a message where the machine lacks something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", help="the Python to build on (default: python3, or one that the ROS wheels serve)")
    parser.add_argument("--pip-args", default="", help="words for every `pip install`, e.g. an index with CPU torch")
    options = parser.parse_args()
    try:
        prefixes = sourced_ros()
        check_machine(for_wheels=prefixes is None)
        make_venv(choose_python(options.python, for_wheels=prefixes is None), for_wheels=prefixes is None)
        install_requirements(shlex.split(options.pip_args), for_wheels=prefixes is None)
        record_paths(prefixes)
        build_messages(prefixes)
    except Problem as problem:
        print(f"env: {problem}", file=sys.stderr)
        return 1
    print(f"env: ready ({'the sourced ROS 2' if prefixes else 'ROS 2 from wheels'}; use .venv/bin/python)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
