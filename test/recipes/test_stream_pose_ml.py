"""StreamPoseML's annotations, from the published file."""

from __future__ import annotations

from pathlib import Path

import pytest

from co_perception.runtime.store.store import locate
from recipes.readers.stream_pose_ml import step_intervals

STEPS = ("Left Step", "Right Step")


def test_the_published_steps() -> None:
    found = step_intervals(locate("stream_pose_labels"), STEPS)
    assert [interval.label for interval in found] == ["Right Step", "Left Step"] * 3
    # Frames as in the file, at 30 per second (29.97 by its times).
    frames = [(round(i.start_ns * 29.97e-9), round(i.end_ns * 29.97e-9)) for i in found]
    assert frames == [(7, 49), (51, 96), (98, 127), (128, 159), (161, 192), (194, 237)]
    assert all(interval.relative for interval in found)


def test_what_overlaps_is_refused_and_other_files_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="overlap"):
        step_intervals(locate("stream_pose_labels"), (*STEPS, "Successful Weight Transfer"))
    with pytest.raises(ValueError, match="its labels are"):
        step_intervals(locate("stream_pose_labels"), ["Hop"])
    for text in ("[1]", "{}", '{"annotations": [{"label": "Left Step"}]}', "nothing"):
        (tmp_path / "steps.json").write_text(text)
        with pytest.raises(ValueError, match="not a StreamPoseML file|not JSON"):
            step_intervals(tmp_path / "steps.json", STEPS)
