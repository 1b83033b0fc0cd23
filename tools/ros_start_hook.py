"""Does at every start of .venv's Python what sourcing would do: says where libraries and packages lie.

`make env` copies it into the environment. The dynamic loader reads LD_LIBRARY_PATH once, before Python runs, so where
paths are missing the interpreter replaces itself, once, in the same process. The wheels bring a hook of the same kind;
it trusts a flag that any other environment may have left behind, and therefore does not get to act.
"""

import os
import sys
from pathlib import Path

RESTARTED = "_CO_PERCEPTION_RESTARTED"  # holds a process id: whatever else changes the paths, nobody restarts twice


def first(variable: str, paths: list[str]) -> bool:
    """Puts paths before those of the environment; True where they were not yet there."""
    present = [path for path in os.environ.get(variable, "").split(os.pathsep) if path]
    os.environ[variable] = os.pathsep.join([*paths, *(path for path in present if path not in paths)])
    return present[: len(paths)] != paths


def apply() -> None:
    library = Path(sys.prefix) / "lib"
    vendored = sorted(map(str, library.glob("python3.*/site-packages/ros_*.libs")))
    first("AMENT_PREFIX_PATH", [sys.prefix])
    os.environ["_ROS_WHEELS_BOOTSTRAP_COMPLETE"] = "1"
    incomplete = first("LD_LIBRARY_PATH", [str(library), *vendored])
    if incomplete and sys.executable and os.environ.get(RESTARTED) != str(os.getpid()):
        os.environ[RESTARTED] = str(os.getpid())
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


apply()
