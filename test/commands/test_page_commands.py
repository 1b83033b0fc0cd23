"""The commands on the pages, run as they are printed, on recordings of drawn figures that have their names."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("lightning")

from helpers.drawn_people import ACTIVITIES, recording
from helpers.page_blocks import ROOT, page_blocks

from co_perception import cli
from co_perception.data.annotations.intervals import read_annotations

DAYS = ("monday", "tuesday", "wednesday", "friday", "quiet_evening", "kitchen", "lab_monday", "lab_friday")
# Where a command is run that needs a camera, a browser, running nodes, a network or minutes; by its first words.
ELSEWHERE = {
    "record": "test/nodes/recording/test_record.py",
    "studio": "test/commands/test_studio.py",
    "doctor": "test/nodes/test_doctor.py",
    "why": "test/commands/test_why.py",
    "tune": "test/commands/test_tune.py",
    "annotations": "test/commands/test_annotation_formats.py",
    "weights": "test/test_cli.py",
    "train videos/": "test/commands/test_train_video.py",
    "train kitchen --source": "test/commands/test_train_source.py",
    "bundle coi3d_inception": "test/learners/test_bundle_video.py",
}
# What would take minutes, or needs a model that was trained for as long, is done with less: what is added to a command.
SHORTER = {"train": "--epochs 2", "adapt": "--epochs 3 --no-baseline"}
WITHOUT = " --require map=0.8"  # which a model of four epochs does not reach


def printed() -> list[str]:
    """The commands of `co-perception` on the pages, each once, in the order of the pages."""
    blocks = [block for block in page_blocks() if not block.mark and block.language == ""]
    commands = [command for block in blocks for command in block.commands() if command.startswith("co-perception ")]
    return list(dict.fromkeys(command.removeprefix("co-perception ") for command in commands))


def elsewhere(command: str) -> bool:
    return any(command.startswith(words) for words in ELSEWHERE)


HERE = [command for command in printed() if not elsewhere(command)]


def test_where_a_command_is_run_it_is_named() -> None:
    commands = printed()
    for words, file in ELSEWHERE.items():
        assert any(command.startswith(words) for command in commands), f"no page has {words} any more"
        assert f'"{words.split()[0]}"' in (ROOT / file).read_text() or words.split()[0] in file
    assert {command.split()[0] for command in HERE} >= {"train", "evaluate", "adapt", "show", "bundle"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of some days, each with other people, and what the commands of a first day have left there."""
    made = tmp_path_factory.mktemp("pages")
    for seed, day in enumerate(DAYS):
        recording(made / day, seed, rounds=4, seconds=2.0, activities=ACTIVITIES)
    lines = ["recording,start_ns,end_ns,label,subject"]
    for day in ("monday", "friday"):
        marked = read_annotations(made / day / "annotations.csv")
        lines += [f"{day},{each.start_ns},{each.end_ns},{each.label}," for each in marked]
    (made / "truth.csv").write_text("\n".join(lines) + "\n")
    return made


@pytest.fixture(scope="module")
def lesson(folder: Path) -> Path:
    """What `train` leaves for the commands that follow it."""
    assert cli.main(["train", str(folder / "monday"), "--out", str(folder / "taught"), "--epochs", "4"]) == 0
    return folder / "taught"


@pytest.mark.slow
@pytest.mark.parametrize("command", HERE)
def test_a_printed_command_does_its_work(
    command: str, folder: Path, lesson: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    word, *words = shlex.split(command.replace(WITHOUT, ""))
    out = Path(words[words.index("--out") + 1]) if "--out" in words else None
    for left in (Path("lesson"), *([out] if out else [])):
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(lesson, "lesson", ignore=shutil.ignore_patterns("checkpoints")) if word != "train" else None
    status = cli.main([word, *words, *shlex.split(SHORTER.get(word, ""))])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert said.out.strip()
    if out is not None:
        assert any(out.iterdir())
