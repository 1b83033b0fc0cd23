"""Every block of code on a page is run by a test, or a mark above it says why not; blocks of Python are run here."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from helpers.page_blocks import ROOT, Block, page_blocks

BLOCKS = list(page_blocks())
# What a test runs wherever it stands: test_page_commands.py, test_launch.py, test_documented_interfaces.py.
COMMANDS = re.compile(r"co-perception \w+|ros2 launch co_perception \S+\.launch\.py|ros2 run co_perception \w+_node\b")
ONE_PROGRAM = ("docs/own_layer.md", "docs/own_network.md")  # whose blocks follow from each other
NODES = ("docs/own_node.md", "docs/own_behavior.md")  # those of test/nodes/test_page_nodes.py
PRINTS = (*ONE_PROGRAM, "docs/data.md", "docs/evaluation.md")  # which say beside a line what it prints
SHOWN = re.compile(r"^(?:    )?print\(.*\)  # (.+)$", re.MULTILINE)


def test_there_are_blocks_on_the_pages_and_no_indented_ones() -> None:
    assert len(BLOCKS) > 60 and {block.page for block in BLOCKS} >= {"README.md", "docs/teach.md", *ONE_PROGRAM}
    for page in {block.page for block in BLOCKS}:
        text = (ROOT / page).read_text()
        assert not re.search(r"^    (make|co-perception|ros2|pip|python3?|docker) ", text, re.MULTILINE), page


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_run_by_a_test_or_says_why_not(block: Block) -> None:
    if block.mark.startswith("run by "):
        assert (ROOT / block.mark.removeprefix("run by ").partition(",")[0]).is_file(), block.mark
    elif block.mark.startswith("not run: "):
        assert len(block.mark) > 25, "say why"
    elif block.mark == "output":
        assert not re.search(COMMANDS, block.text) or block.language == "", "a command is run"
    else:
        assert not block.mark, f"{block}: a mark is 'run by FILE', 'not run: REASON' or 'output', not {block.mark!r}"
        others = [each for each in block.commands() if not COMMANDS.match(each)] if block.language == "" else []
        assert block.language in ("", "python") and not others, f"no test runs {others or block.language}: mark it"


# --- what a block takes as given, by page ---------------------------------------------------------------------------


def recording() -> Any:
    """The joints of the drawn person of tools/ci/readme_example.py, who raises an arm."""
    spec = importlib.util.spec_from_file_location("readme_example", ROOT / "tools/ci/readme_example.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.recording()


def drawn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"recording": recording()}


def video(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    pytest.importorskip("torch")
    stored("i3d_kinetics400")
    pictures = np.random.default_rng(0).integers(0, 255, (10, 120, 160, 3), np.uint8)
    return {"camera": pictures}


def bundle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    from co_perception.engine.target import Pose

    return {"pose": Pose(recording()[0], "coco17", id="anna")}


def pose(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    pytest.importorskip("ai_edge_litert")
    from co_perception.data.video import VideoReader
    from co_perception.data.video_writer import VideoWriter

    stored("movenet_multipose")
    with VideoWriter("people.mp4", 15.0) as writer:
        for frame in islice(VideoReader(stored("sports2d_demo"), 240), 3):
            writer.write(frame.pixels)
    return {}


def data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    from helpers import page_files

    page_files.write_ntu(Path("nturgb+d_skeletons"))
    Path("NTU_RGBD_samples_with_missing_skeletons.txt").write_text("S001C001P001R001A001\n")
    page_files.write_kinetics(Path("kinetics-skeleton/kinetics_val"))
    page_files.write_pyskl(Path("ntu60_hrnet.pkl"))
    page_files.write_videos(Path("my_videos"), each=1)
    Path("my_clips.csv").write_text("path,label\nmy_videos/wave/0.mp4,wave\nmy_videos/sit/0.mp4,sit\n")
    return {}


def own_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    pytest.importorskip("lightning")
    from helpers import page_files

    page_files.write_joints_csv(Path("my_skeletons"))
    return {}


def training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    pytest.importorskip("lightning")
    from helpers.motion_videos import Moving
    from helpers.small_video_networks import network, pyslowfast, small

    from co_perception.networks.variants import COX3D_S

    reduced = small(COX3D_S, blocks=(1, 1, 1, 1), short_side=36, rate_hz=5.0)
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", {"cox3d_s": reduced})
    torch.save({"model_state": pyslowfast(network(reduced).float())}, "X3D_S.pyth")
    train, val, test = (Moving(8, 24, seed) for seed in range(3))
    train.classes = val.classes = test.classes = ("wave", "point", "nothing")  # type: ignore[assignment]
    return {"train": train, "val": val, "test": test}


def training_head(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    pytest.importorskip("lightning")
    from helpers import page_files

    from co_perception.runtime.store import store

    stored("i3d_kinetics400")
    cache = store.root()
    for name in ("assets", "weights"):  # features are computed anew, and not left behind
        (folder / "cache").mkdir(exist_ok=True)
        (folder / "cache" / name).symlink_to(cache / name)
    monkeypatch.setattr(store, "root", lambda: folder / "cache")
    page_files.write_videos(Path("videos"), frames=40)
    return {}


def training_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    pytest.importorskip("lightning")
    pytest.importorskip("optuna")
    from helpers.page_files import drawn_samples
    from helpers.tiny_training import CLASSES, Noise, small

    from co_perception.learners.skeleton import ContinualSkeletonLearner

    learner = ContinualSkeletonLearner("costgcn_short", classes=("wave", "squat", "stand"))
    return {
        "learner": learner, "few": drawn_samples(1, each=2), "many": drawn_samples(2), "samples": drawn_samples(3),
        "val_samples": drawn_samples(4), "build": small, "train": Noise(18, 1), "val": Noise(9, 2),
        "classes": CLASSES,
    }  # fmt: skip


def nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {}


def stored(name: str) -> Path:
    """What `make weights` has fetched; without it the test is skipped."""
    from co_perception.runtime.store import store

    try:
        return store.locate(name)
    except FileNotFoundError:
        pytest.skip(f"{name} is not fetched")


Given = Callable[[Path, pytest.MonkeyPatch], dict[str, Any]]
# Blocks that are one program, by page and their numbers among the blocks of Python there, and what they take as given.
PROGRAMS: list[tuple[str, tuple[int, ...], Given, bool]] = [  # the last says whether it is slow
    ("README.md", (0,), drawn, False),
    ("README.md", (1,), video, True),
    ("docs/behaviors.md", (0,), nothing, False),
    ("docs/bundle.md", (0,), bundle, False),
    ("docs/continual.md", (0,), nothing, False),
    ("docs/data.md", (0, 1), data, False),
    ("docs/data.md", (2, 3), own_files, True),
    ("docs/data.md", (5,), nothing, False),
    ("docs/evaluation.md", (0,), nothing, False),
    ("docs/pose.md", (0,), pose, True),
    ("docs/training.md", (0, 1), training, True),
    ("docs/training.md", (2,), training_head, True),
    ("docs/training.md", (3, 4), training_source, True),
    *((page, (), nothing, False) for page in ONE_PROGRAM),
]
# What would take minutes is done with less: as the page has it, and as it is run.
SHORTER: Mapping[str, str] = MappingProxyType(
    {
        "epochs=30": "epochs=2",
        'mode="step", epochs=5': 'mode="step", epochs=1',
        "epochs=40": "epochs=2",
        "TrainConfig(balance=True)": "TrainConfig(balance=True, epochs=1)",
        "TrainConfig(epochs=15)": "TrainConfig(epochs=1)",
        "trials=30": "trials=2",
    }
)


def python_of(page: str, numbers: tuple[int, ...]) -> list[Block]:
    """The blocks of Python of a page with these numbers; without numbers all of them."""
    found = [block for block in BLOCKS if block.page == page and block.language == "python"]
    return [found[number] for number in numbers] or found


def test_every_block_of_python_is_in_a_program() -> None:
    run = [block for page, numbers, _, _ in PROGRAMS for block in python_of(page, numbers)]
    assert len(set(run)) == len(run)
    unmarked = {block for block in BLOCKS if block.language == "python" and not block.mark and block.page not in NODES}
    assert unmarked == set(run), f"add to PROGRAMS, or mark: {sorted(map(str, unmarked ^ set(run)))}"
    text = "\n".join(block.text for block in run)
    assert not [part for part in SHORTER if part not in text], "no page has this any more"


@pytest.mark.parametrize(
    ("page", "numbers", "given"),
    [
        pytest.param(page, numbers, given, id=f"{page} {numbers}", marks=[pytest.mark.slow] * slow)
        for page, numbers, given, slow in PROGRAMS
    ],
)
def test_blocks_of_python_run_and_print_what_they_say(
    page: str, numbers: tuple[int, ...], given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if page == "docs/behaviors.md":
        pytest.importorskip("py_trees")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page", **given(tmp_path, monkeypatch)}
    for block in python_of(page, numbers):
        text = block.text
        for long, short in SHORTER.items():
            text = text.replace(long, short)
        exec(compile(text, str(block), "exec"), names)
        printed = capsys.readouterr().out.splitlines()
        if page in PRINTS and (promised := SHOWN.findall(block.text)):
            assert printed == promised, str(block)


def test_the_settings_of_a_training_on_the_page_are_read(tmp_path: Path) -> None:
    pytest.importorskip("jsonargparse")
    from co_perception.training.config import TrainConfig

    [block] = [block for block in BLOCKS if (block.page, block.language) == ("docs/training.md", "yaml")]
    (tmp_path / "train.yaml").write_text(block.text)
    read = TrainConfig.from_yaml(tmp_path / "train.yaml")
    assert (read.epochs, read.lr, read.batch_size, read.balance) == (40, 5e-4, 16, True)
    assert (read.select, read.precision) == ("f1", "bf16-mixed")
