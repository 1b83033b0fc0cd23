"""Makes ROS work in a virtual environment without sourcing anything. `make env` copies this into the environment.

The dynamic loader reads LD_LIBRARY_PATH once, before Python runs. So where a recorded path is missing, the paths are
added and the interpreter starts itself again, once, under the same process id. The ROS wheels bring a hook of the same
kind, which trusts a flag in the environment: started from another environment of wheels it leaves the other one's
libraries in place. This one looks at the paths themselves and runs first.
"""

import json
import os
import sys
from pathlib import Path

RESTARTED = "_CO_PERCEPTION_RESTARTED"  # holds the process id: inherited by children, it does not stop them


def add_missing(recorded: dict[str, list[str]]) -> bool:
    """Put the recorded paths before those of the environment; True where one was missing."""
    changed = False
    for variable, paths in recorded.items():
        present = [path for path in os.environ.get(variable, "").split(os.pathsep) if path]
        missing = [path for path in paths if path not in present]
        if missing:
            os.environ[variable] = os.pathsep.join(missing + present)
            changed = True
    return changed


def apply() -> None:
    """Complete the environment, and restart the interpreter where it was not complete."""
    recorded = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    os.environ["_ROS_WHEELS_BOOTSTRAP_COMPLETE"] = "1"
    incomplete = add_missing(recorded)
    if incomplete and sys.executable and os.environ.get(RESTARTED) != str(os.getpid()):
        os.environ[RESTARTED] = str(os.getpid())
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


apply()
