"""What the container, compose, devcontainer, pixi and workflow files name is there; no image is built here."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from co_perception.runtime.store import assets

yaml = pytest.importorskip("yaml")
tomllib = pytest.importorskip("tomllib")  # from Python 3.11 on

ROOT = Path(__file__).parents[1]
CONTAINERFILE = (ROOT / "container/Containerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "container/compose.yaml").read_text())
SETUP = (ROOT / "setup.py").read_text()
LAUNCH = (ROOT / "launch/activity.launch.py").read_text()
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def stages() -> dict[str, str]:
    """The text of each stage, by name."""
    parts = re.split(r"^FROM .* AS (\w+)$", CONTAINERFILE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def commands() -> list[str]:
    """What services and tasks run."""
    tasks = tomllib.loads((ROOT / "pixi.toml").read_text())["tasks"].values()
    return [*(service["command"] for service in COMPOSE["services"].values()),
            *(task if isinstance(task, str) else task["cmd"] for task in tasks)]  # fmt: skip


def test_what_is_copied_into_the_image_is_there_and_not_left_out() -> None:
    sources = re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE)
    names = [name for line in sources for name in line.split()]
    assert len(names) > 8 and not [name for name in names if not (ROOT / name).exists()]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not set(names) & set(ignored)
    folders = set(re.findall(r"\b(msg|srv|action|launch|config|scripts)\b", (ROOT / "CMakeLists.txt").read_text()))
    assert folders <= set(names), "CMakeLists.txt installs what the image does not copy"


def test_the_packages_of_the_images_have_the_ranges_of_setup() -> None:
    named = re.findall(r"'([\w.\[\]-]+[<>=][^']*)'", CONTAINERFILE)
    assert len(named) >= 8
    assert not [each for each in named if f'"{each}"' not in SETUP and f'"{each}' not in SETUP]
    assert "torch" not in stages()["robot"]


def test_ffmpeg_is_in_no_image_but_those_that_say_so() -> None:
    """PyAV's wheels and the distribution's OpenCV bring FFmpeg with x264 and x265, see docs/licenses.md."""
    with_ffmpeg = {name for name, text in stages().items() if re.search(r"python3-opencv|'av[<>=]", text)}
    assert with_ffmpeg == {"camera"} and "FROM camera AS full" in CONTAINERFILE
    assert "FROM robot AS camera" in CONTAINERFILE and "under the GPL" in CONTAINERFILE
    for service in COMPOSE["services"].values():
        if "source:=" in service["command"]:
            assert service["build"]["target"] == "camera", "its camera node needs PyAV"


def test_services_build_stages_that_there_are() -> None:
    for name, service in COMPOSE["services"].items():
        build = service["build"]
        assert (ROOT / "container" / build["context"] / build["dockerfile"]).is_file(), name
        assert build["target"] in stages(), name
        for argument in build.get("args", {}):
            assert f"ARG {argument}" in CONTAINERFILE


def test_what_is_launched_and_fetched_is_known() -> None:
    arguments = set(re.findall(r'^    \("(\w+)", ', LAUNCH, re.MULTILINE))
    launched = [command for command in commands() if "activity.launch.py" in command]
    assert len(launched) >= 4
    assert {name for command in launched for name in re.findall(r"(\w+):=", command)} <= arguments
    fetched = [each for command in commands() for each in re.findall(r"weights fetch (\w+)", command)]
    assert fetched and set(fetched) <= set(assets.ASSETS)


def test_programs_may_be_started() -> None:
    for path in [ROOT / "container/entrypoint.sh", *(ROOT / "tools/ci").glob("*.sh"), ROOT / "tools/make_env.sh"]:
        assert os.access(path, os.X_OK), path


def test_the_devcontainer_makes_the_environment() -> None:
    settings: dict[str, Any] = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert "make env" in settings["postCreateCommand"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_step_of_a_workflow_is_a_script_of_the_repository(path: Path) -> None:
    jobs = yaml.safe_load(path.read_text())["jobs"]
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert runs
    for run in runs:
        script, *_ = shlex.split(run)
        assert (ROOT / script).is_file() and script.startswith("tools/ci/"), run
    hashed = re.findall(r"hashFiles\('([^']*)'\)", path.read_text())
    assert not [file for file in hashed if not (ROOT / file).is_file()]
    assert "github.workspace" not in path.read_text(), "in a job with a container it is no folder"
    parts = [part for job in jobs.values() for part in job.get("strategy", {}).get("matrix", {}).get("part", [])]
    nightly = (ROOT / "tools/ci/nightly.sh").read_text()
    assert not [part for part in parts if f"\n  {part})" not in nightly]
