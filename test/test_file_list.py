"""The files that CMake installs, which are those of a Debian package: with stand-ins for ament, and with ament."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CMAKE = shutil.which("cmake") or shutil.which("cmake", path=str(Path(sys.executable).parent))
pytestmark = pytest.mark.skipif(CMAKE is None, reason="there is no cmake")

NODES = ("camera_node", "fusion_node", "outputs_node", "people_activity_node", "pose_node", "score_node",
         "skeleton_activity_node", "video_activity_node")  # fmt: skip
PROGRAMS = {"bin/co-perception", *(f"lib/co_perception/{name}" for name in (*NODES, "co-perception"))}
SHARED = {f"share/co_perception/{name}" for name in (
    "package.xml", "launch/activity.launch.py", "config/activity.yaml", "config/fastdds.xml",
    "config/foxglove_layout.json", "config/people.rviz")}  # fmt: skip
INTERFACES = {f"share/co_perception/{file.parent.name}/{file.name}"
              for kind in ("msg", "srv", "action") for file in ROOT.glob(f"{kind}/*.{kind}")}  # fmt: skip
PYTHON = {str(file.relative_to(ROOT)) for file in (ROOT / "co_perception").rglob("*")
          if file.is_file() and "__pycache__" not in file.parts}  # fmt: skip
SITE = "lib/python3/site-packages"

# What CMakeLists.txt takes from ament, as far as files are installed: the rest does nothing.
AMENT = """
function(rosidl_generate_interfaces name)
  foreach(file ${ARGN})
    if(file MATCHES "^(msg|srv|action)/")
      install(FILES ${file} DESTINATION share/${name}/${CMAKE_MATCH_1})
    endif()
  endforeach()
endfunction()
function(ament_get_python_install_dir variable)
  set(${variable} lib/python3/site-packages PARENT_SCOPE)
endfunction()
function(ament_python_install_package name)
  install(DIRECTORY ${name}/ DESTINATION lib/python3/site-packages/${name}
    PATTERN "__pycache__" EXCLUDE PATTERN "*.pyc" EXCLUDE)
endfunction()
function(ament_export_dependencies)
endfunction()
function(ament_package)
  install(FILES package.xml DESTINATION share/${PROJECT_NAME})
endfunction()
"""
PACKAGES = ("ament_cmake", "ament_cmake_python", "rosidl_default_generators", "action_msgs", "builtin_interfaces",
            "geometry_msgs", "sensor_msgs", "std_msgs")  # fmt: skip


def stand_ins(folder: Path, version: str) -> Path:
    """A folder where CMake finds each package that CMakeLists.txt asks for, with this version of ament."""
    folder.mkdir()
    for name in PACKAGES:
        (folder / f"{name}Config.cmake").write_text(AMENT if name == "ament_cmake" else "")
        lines = f'set(PACKAGE_VERSION "{version}")\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n'
        (folder / f"{name}ConfigVersion.cmake").write_text(lines)
    return folder


def run(*words: str) -> None:
    done = subprocess.run([str(CMAKE), *words], capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def files(prefix: Path, folder: str = ".") -> set[str]:
    paths = (prefix / folder).rglob("*")
    return {str(path.relative_to(prefix)) for path in paths if path.is_file() and path.suffix != ".pyc"}


@pytest.mark.parametrize("version", ["2.5.0", "2.8.7"], ids=["before Lyrical", "Lyrical"])
def test_these_files_are_installed_and_no_other(version: str, tmp_path: Path) -> None:
    search = [f"-D{name}_DIR={tmp_path / 'ament'}" for name in PACKAGES]
    stand_ins(tmp_path / "ament", version)
    prefix, build = tmp_path / "prefix", str(tmp_path / "build")
    run("-S", str(ROOT), "-B", build, f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DBUILD_TESTING=OFF", *search)
    run("--install", build)
    wanted = PROGRAMS | SHARED | INTERFACES | {f"{SITE}/{name}" for name in PYTHON}
    assert files(prefix) == wanted, sorted(files(prefix) ^ wanted)
    assert all(os.access(prefix / program, os.X_OK) for program in PROGRAMS)


def test_every_script_is_a_node_or_the_command() -> None:
    assert {path.name for path in (ROOT / "scripts").iterdir() if path.is_file()} == {*NODES, "co-perception"}


@pytest.mark.skipif(not (Path(sys.prefix) / "share/co_perception").is_dir(), reason="made by make env with wheels only")
def test_ament_itself_has_installed_these_files_in_the_environment() -> None:
    """By `make env`, which leaves out the Python package and the command: pip has put them there."""
    prefix = Path(sys.prefix)
    wanted = {name for name in PROGRAMS | SHARED | INTERFACES if not name.startswith("bin/")}
    found = {name for folder in ("lib/co_perception", "share/co_perception") for name in files(prefix, folder)}
    assert not wanted - found, f"run make env: {sorted(wanted - found)}"
    generated = re.compile(
        r"share/co_perception/(cmake|environment|msg|srv|action)/|share/co_perception/(package|local_setup)[.]"
    )
    assert not {name for name in found - wanted if not generated.match(name)}
