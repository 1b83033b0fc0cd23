"""The cache of optimized programs: what is whole is used, everything else is made anew, and answers stay the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from co_perception.learners.bundle_file import FOLDER, Bundle
from co_perception.learners.metadata import shipped
from co_perception.runtime.steppers import onnx_session, optimized_cache
from co_perception.runtime.steppers.bundle_step import BundleStep
from co_perception.runtime.steppers.optimized_cache import CONSTANTS, MODEL, SUMS


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, into which small programs go, too."""
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path))
    monkeypatch.setattr(optimized_cache, "LARGE", 0)
    return tmp_path / "optimized"


@pytest.fixture
def optimized(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where programs are optimized to, from now on."""
    made: list[Path] = []
    real = onnx_session.open_session

    def noted(model: Any, threads: int | None, **options: Any) -> Any:
        if "written" in options:
            made.append(options["written"])
        return real(model, threads, **options)

    monkeypatch.setattr(optimized_cache, "open_session", noted)
    return made


def answers() -> NDArray[np.float32]:
    """Of the shipped model's programs to some frames."""
    bundle = Bundle.read(shipped("cotcn_everyday") / FOLDER)
    step = BundleStep(bundle.steps[0], bundle.programs[0], bundle.constants, threads=1)
    draw, state, found = np.random.default_rng(0), step.init_state(2), []
    for _ in range(step.format.settles + 3):
        x = draw.normal(size=(2, step.format.frame_shape[0], 1, *step.format.frame_shape[1:])).astype(np.float32)
        answer, state = step(x, state)
        found.append(answer)
    return np.stack(found)


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> NDArray[np.float32]:
    with monkeypatch.context() as patch:
        patch.setattr(optimized_cache, "LARGE", 1 << 30)
        return answers()


def same(one: NDArray[np.float32], other: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_program_is_optimized_once(root: Path, optimized: list[Path], wanted: NDArray[np.float32]) -> None:
    same(answers(), wanted)
    assert len(optimized) == len(list(root.iterdir())) == 2  # cold and settled
    same(answers(), wanted)
    assert len(optimized) == 2 and not list(root.glob(".*"))


@pytest.mark.parametrize("name", [MODEL, CONSTANTS, SUMS])
@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "gone"])
def test_what_is_damaged_is_made_anew(
    name: str, damage: str, root: Path, optimized: list[Path], wanted: NDArray[np.float32]
) -> None:
    answers()
    for entry in root.iterdir():
        whole = (entry / name).read_bytes()
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        (entry / name).write_bytes({"flipped": flipped, "cut": whole[:middle], "empty": b"", "gone": b""}[damage])
        if damage == "gone":
            (entry / name).unlink()
    same(answers(), wanted)
    assert len(optimized) == 4
    same(answers(), wanted)
    assert len(optimized) == 4


def test_a_foreign_entry_with_right_sums_that_cannot_be_opened_is_made_anew(
    root: Path, optimized: list[Path], wanted: NDArray[np.float32]
) -> None:
    answers()
    for entry in root.iterdir():
        (entry / MODEL).write_bytes(b"no model")
        sums = {name: optimized_cache.file_digest(entry / name) for name in (MODEL, CONSTANTS)}
        (entry / SUMS).write_text(json.dumps(sums))
    same(answers(), wanted)
    assert len(optimized) == 4


@pytest.mark.parametrize("other", ["processor", "runtime"])
def test_another_processor_or_onnx_runtime_makes_its_own(
    other: str, root: Path, optimized: list[Path], wanted: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers()
    before = {entry.name for entry in root.iterdir()}
    if other == "processor":
        monkeypatch.setattr(optimized_cache, "_processor", lambda: ["model name: another"])
    else:
        monkeypatch.setattr("onnxruntime.__version__", "1.27.99")
    same(answers(), wanted)
    after = {entry.name for entry in root.iterdir()}
    assert len(optimized) == 4 and len(after) == 2 and not before & after  # those before are gone


def test_where_nothing_can_be_written_it_runs_all_the_same(
    root: Path, wanted: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    root.write_text("a file where the cache would be")
    same(answers(), wanted)
    root.unlink()
    answers()
    shutil.rmtree(root)
    monkeypatch.setattr("os.replace", _refuse)
    same(answers(), wanted)
    assert not list(root.iterdir())


def _refuse(*_: object) -> None:
    raise PermissionError("read-only")
