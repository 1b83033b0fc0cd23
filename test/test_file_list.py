"""The files that CMake installs, which are those of a Debian package: with stand-ins for ament, and with ament."""

from __future__ import annotations

import os
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


def run(*words: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run([str(CMAKE), *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def files(prefix: Path) -> set[str]:
    return {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file() and path.suffix != ".pyc"}


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


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.skipif(not (Path(sys.prefix) / "share/ament_cmake").is_dir(), reason="ament is not in this environment")
def test_with_ament_itself_there_are_generated_files_besides(tmp_path: Path) -> None:
    """The messages are generated and compiled, as colcon has it done: some minutes."""
    prefix, build, home = tmp_path / "prefix", str(tmp_path / "build"), sys.prefix
    site = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    paths = {"PATH": f"{home}/bin:{os.environ['PATH']}", "AMENT_PREFIX_PATH": home, "CMAKE_PREFIX_PATH": home}
    environment = {**os.environ, **paths}
    environment.pop("PYTHONPATH", None)
    run("-S", str(ROOT), "-B", build, "-Wno-dev", f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DBUILD_TESTING=OFF",
        f"-DPYTHON_INSTALL_DIR={site}", f"-DPython3_EXECUTABLE={sys.executable}",
        environment=environment)  # fmt: skip
    run("--build", build, environment=environment)
    run("--install", build, environment=environment)
    found = files(prefix)
    wanted = PROGRAMS | SHARED | INTERFACES | {f"{site}/{name}" for name in PYTHON}
    assert not wanted - found, sorted(wanted - found)
    generated = (f"{site}/co_perception/msg/", f"{site}/co_perception/srv/", f"{site}/co_perception/action/",
                 f"{site}/co_perception/co_perception_s__", f"{site}/co_perception-", f"{site}/co_perception/__init__",
                 "lib/libco_perception__", "include/co_perception/", "share/ament_index/",
                 "share/co_perception/")  # fmt: skip
    assert not {name for name in found - wanted if not name.startswith(generated)}
    ours = (ROOT / "co_perception/__init__.py").read_text()
    assert (prefix / site / "co_perception/__init__.py").read_text() == ours, "the generated one lies over ours"
