"""The files that colcon or a Debian package installs: built by CMake into a folder, listed, and imported from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("catkin_pkg")
ROOT = Path(__file__).parents[1]
CMAKE = shutil.which("cmake", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
PREFIX, SITE = "opt/ros/here", "lib/python3/site-packages"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CMAKE is None, reason="no cmake"),
    pytest.mark.skipif(not (Path(sys.prefix) / "share/ament_cmake").is_dir(), reason="ament is not in this prefix"),
]


def cmake(*arguments: str, **more: str) -> None:
    binaries = str(Path(sys.executable).parent)
    prefixes = {"CMAKE_PREFIX_PATH": sys.prefix, "AMENT_PREFIX_PATH": sys.prefix}
    run = subprocess.run(
        [str(CMAKE), *arguments], capture_output=True, text=True,
        env={**os.environ, **prefixes, "PATH": f"{binaries}:{os.environ['PATH']}", **more},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Every file that is installed, by its path in the prefix."""
    folder = tmp_path_factory.mktemp("package")
    build, stage = str(folder / "build"), folder / "stage"
    ninja = ["-G", "Ninja"] if shutil.which("ninja", path=str(Path(sys.executable).parent)) else []
    cmake("-S", str(ROOT), "-B", build, "-Wno-dev", *ninja, f"-DCMAKE_INSTALL_PREFIX=/{PREFIX}",
          f"-DPYTHON_INSTALL_DIR={SITE}", f"-DPython3_EXECUTABLE={sys.executable}", "-DBUILD_TESTING=OFF")  # fmt: skip
    cmake("--build", build, "--parallel", "2")
    cmake("--install", build, DESTDIR=str(stage))
    assert [path.name for path in stage.iterdir()] == ["opt"], "nothing is installed outside of the prefix"
    root = stage / PREFIX
    return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}


def in_folder(installed: Mapping[str, Path], folder: str) -> set[str]:
    """Paths under a folder of the prefix, from there; Python's own cache is left out."""
    return {name.removeprefix(f"{folder}/") for name in installed
            if name.startswith(f"{folder}/") and "__pycache__" not in name}  # fmt: skip


def test_programs_launch_files_and_settings_are_where_ros_looks(installed: Mapping[str, Path]) -> None:
    scripts = {path.name for path in (ROOT / "scripts").iterdir() if path.is_file()}
    assert in_folder(installed, "lib/co_perception") == scripts and in_folder(installed, "bin") == {"co-perception"}
    assert all(os.access(installed[f"lib/co_perception/{name}"], os.X_OK) for name in scripts)
    share = in_folder(installed, "share/co_perception")
    for folder in ("launch", "config", "msg", "srv", "action"):
        files = {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir() if path.is_file()}
        assert files <= share, f"of {folder} these are missing: {files - share}"
    assert {"package.xml", "cmake/co_perceptionConfig.cmake"} <= share
    for kind in ("packages", "rosidl_interfaces"):
        assert f"share/ament_index/resource_index/{kind}/co_perception" in installed


def test_the_python_package_is_whole_and_has_nothing_of_tests(installed: Mapping[str, Path]) -> None:
    files = {str(path.relative_to(ROOT / "co_perception")) for path in (ROOT / "co_perception").rglob("*")
             if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    found = in_folder(installed, f"{SITE}/co_perception")
    assert files <= found, f"missing: {sorted(files - found)[:5]}"
    generated = {name for name in found - files if name.split("/")[0] not in ("msg", "srv", "action")}
    assert not [name for name in generated if not name.endswith(".so")], "of no source"
    assert {name.split("/")[0] for name in installed} == {"bin", "include", "lib", "share"}


def test_it_runs_from_there(installed: Mapping[str, Path]) -> None:
    root = installed["bin/co-perception"].parents[1]
    code = (
        "import co_perception, co_perception.msg as msg\n"
        "print(co_perception.__version__, msg.Activity().class_id, co_perception.__file__)"
    )
    paths = {
        "PYTHONPATH": f"{root / SITE}:{sysconfig.get_path('purelib')}",
        "LD_LIBRARY_PATH": f"{root / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}",
    }
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=root, env={**os.environ, **paths}
    )
    assert run.returncode == 0, run.stderr
    version = ElementTree.parse(ROOT / "package.xml").findtext("version")
    assert run.stdout.split() == [version, "-1", str(root / SITE / "co_perception/__init__.py")]
