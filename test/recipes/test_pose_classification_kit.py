"""Held poses from the published file, and from small ones written here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from co_perception.data.samples import Samples
from co_perception.runtime.store.store import locate
from co_perception.skeletons.layouts import layout
from recipes.readers.pose_classification_kit import held_poses


@pytest.fixture(scope="module")
def published() -> Samples:
    samples, skipped = held_poses(locate("pose_kit_body"))
    assert not skipped
    return samples


def test_the_published_file_is_read_whole(published: Samples) -> None:
    # Counted by hand in the file: 10,681 rows, 20 classes; stretches and windows as measured when it was chosen.
    assert sum(clip.data.shape[1] for clip, _ in published) == 10_681
    assert len(published) == 489 and len(published.classes) == 20
    windows = published.windows(16, 16)
    assert len(windows) == 512 and min(windows.counts().values()) == 11


def test_joints_are_where_their_names_say(published: Samples) -> None:
    joints = layout("body25").joints
    standing = next(clip for clip, answer in published if published.classes[answer.data] == "T")
    assert standing.layout == "body25" and standing.data.shape[0] == 3
    at = {joint: standing.data[:2, :, number, 0].mean(1) for number, joint in enumerate(joints)}
    assert at["nose"][1] < at["neck"][1] < at["middle_hip"][1] < at["left_knee"][1] < at["left_ankle"][1]
    # Somebody who faces the camera has the right side on the left of the picture, and here both arms stretched out.
    right, left = ([at[f"{side}_{joint}"][0] for joint in ("shoulder", "elbow", "wrist")] for side in ("right", "left"))
    assert right[::-1] + left == sorted(right + left)


def test_what_was_not_found_has_no_score(published: Samples) -> None:
    for clip, _ in published:
        lost = clip.data[2] == 0
        assert not clip.data[:2, lost].any() and set(np.unique(clip.data[2])) <= {0, 1}
    # Counted in the file: 5.0 % of all joints are 0, 0.
    scores = np.concatenate([clip.data[2].ravel() for clip, _ in published])
    assert (scores == 0).mean() == pytest.approx(0.0498, abs=1e-4)


def test_stretches_end_at_jumps_and_between_classes(tmp_path: Path) -> None:
    steps = [("A", 0.0), ("A", 0.05), ("A", 0.2), ("B", 0.2), ("B", 0.21)]
    samples, _ = held_poses(write(tmp_path, [(label, [x] * 50) for label, x in steps]))
    assert [(item.label, item.group, item.read().data.shape[1]) for item in samples.items] == [
        (0, "A 0", 2), (0, "A 2", 1), (1, "B 3", 2)
    ]  # fmt: skip


def test_bad_rows_are_listed_and_other_files_refused(tmp_path: Path) -> None:
    cells: list[Sequence[object]] = [[1.0] * 50, ["x"] * 50, [1.0] * 49, ["nan"] * 50]
    rows = [("A", each) for each in cells]
    samples, skipped = held_poses(write(tmp_path, rows))
    assert len(samples) == 1 and len(skipped) == 3
    assert "poses.csv:3" in skipped.report()
    with pytest.raises(ValueError, match="nothing to learn from"):
        held_poses(write(tmp_path, rows[1:]))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="other columns"):
        held_poses(tmp_path / "other.csv")


def write(folder: Path, rows: Sequence[tuple[str, Sequence[object]]]) -> Path:
    names = [f"{axis}{joint}" for joint in range(25) for axis in "xy"]
    lines = [",".join(["label", "accuracy", *names])]
    lines += [",".join([label, "20.0", *map(str, cells)]) for label, cells in rows]
    path = folder / "poses.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
