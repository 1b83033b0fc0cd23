"""What processes of these tests need to know."""

from __future__ import annotations

import os
from pathlib import Path


def with_helpers() -> dict[str, str]:
    """The environment in which a process finds this folder's files, and the helpers beside it."""
    here = str(Path(__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))}
