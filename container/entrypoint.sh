#!/usr/bin/env bash
# Sources ROS 2, the package and the environment of its Python packages, then runs what was asked for.
set -e
source "/opt/ros/$ROS_DISTRO/setup.bash"
source /opt/co_perception/setup.bash
source /opt/venv/bin/activate
# Programs of ROS 2 start with the system's Python, which is to see the environment's packages.
PYTHONPATH="$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))'):$PYTHONPATH"
export PYTHONPATH
exec "$@"
