"""What a node says of frames that it lost."""

from __future__ import annotations

from typing import Any, cast

import pytest

pytest.importorskip("rclpy")

from co_perception.nodes.working import WorkingNode


@pytest.mark.parametrize(("lost", "told"), [(1, "1 frame lost on the way"), (4, "4 frames lost on the way")])
def test_one_frame_is_one_frame(lost: int, told: str) -> None:
    assert WorkingNode.lossy(cast("Any", None), lost).startswith(told)
