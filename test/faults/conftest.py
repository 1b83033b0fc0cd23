"""As the tests of nodes: real rclpy, beside processes where something is to be killed."""

import os
from pathlib import Path

import nodes.conftest
import pytest
from nodes.conftest import bench as bench
from nodes.conftest import fake as fake

DEADLINE_S = 90.0


def with_helpers() -> dict[str, str]:
    """The environment in which a process finds this folder's files, and the helpers beside it."""
    here = str(Path(__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that load torch take their time to come up, beside others on two cores."""
    monkeypatch.setattr(nodes.conftest, "DEADLINE_S", DEADLINE_S)
