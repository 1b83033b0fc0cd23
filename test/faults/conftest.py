"""As the tests of nodes: real rclpy, beside processes where something is to be killed."""

import nodes.conftest
import pytest
from nodes.conftest import bench as bench
from nodes.conftest import fake as fake
from nodes.conftest import make_image as make_image
from nodes.conftest import make_video as make_video

DEADLINE_S = 90.0


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that load torch take their time to come up, beside others on two cores."""
    monkeypatch.setattr(nodes.conftest, "DEADLINE_S", DEADLINE_S)
