"""A recognizer of skeletons that takes its time over each step, as a process that can be killed within one.

Arguments: a file that is there while a step is under way; then as any node.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers.fake_learners import FakePeopleLearner
from rclpy.parameter import Parameter

from co_perception.nodes.core import run_node
from co_perception.nodes.skeleton_activity import SkeletonActivityNode

STEP_S = 0.03


def main() -> None:
    """Runs it."""
    at_work = Path(sys.argv.pop(1))
    learner = FakePeopleLearner()

    def step(poses: Sequence[Any]) -> None:
        at_work.touch()
        time.sleep(STEP_S)
        at_work.unlink()

    learner.before = step
    no_model = [Parameter("model", value=""), Parameter("reliability", value="reliable")]
    run_node.main(lambda: SkeletonActivityNode(lambda values: learner, parameter_overrides=no_model))


if __name__ == "__main__":
    main()
