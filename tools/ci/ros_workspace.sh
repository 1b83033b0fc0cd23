#!/usr/bin/env bash
# In an image of ROS 2 (ros:jazzy, ros:lyrical), as root: builds the package in a workspace with colcon as README.md says,
# then runs the launch file by launch_testing, the node tests and the launch tests with the distribution's own rclpy,
# launch, cv_bridge and tf2.
set -eo pipefail
package=$(cd "$(dirname "$0")/../.." && pwd)
workspace=${WORKSPACE:-/tmp/ws}
# shellcheck disable=SC1090  # where it lies depends on the distribution
source "/opt/ros/$ROS_DISTRO/setup.bash"
set -u
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
  python3-venv python3-pip "ros-$ROS_DISTRO-launch-testing-ros" "ros-$ROS_DISTRO-launch-testing-ament-cmake"
mkdir -p "$workspace/src"
ln -sfn "$package" "$workspace/src/co_perception"
cd "$workspace"
rosdep update -q --rosdistro "$ROS_DISTRO"
rosdep install --from-paths src --ignore-src -ry --rosdistro "$ROS_DISTRO"
python3 -m venv --system-site-packages venv && touch venv/COLCON_IGNORE
set +u
source venv/bin/activate
set -u
numpy=$(python3 -c 'import numpy; print(numpy.__version__)')
pip install -q "numpy==$numpy" ${PIP_ARGS:---extra-index-url https://download.pytorch.org/whl/cpu} \
  'src/co_perception[onnx,video,pose,ros,behaviours]' hypothesis pytest-timeout
python3 -c "import numpy; assert numpy.__version__ == '$numpy', 'rclpy needs the system NumPy'"
colcon build --packages-select co_perception --event-handlers console_direct+
set +u
source install/setup.bash
set -u
co-perception weights fetch movenet_multipose sports2d_demo i3d_kinetics400
cd "$package"
# From the workspace's install space, not from the checkout: that is what a robot runs.
python3 -c "import co_perception; assert '$workspace/install' in co_perception.__file__, co_perception.__file__"
python3 -m pytest -q -p no:cacheprovider test/launch_files test/nodes test/faults -m "not slow" \
  --override-ini "pythonpath=test benchmarks" --override-ini "addopts=--strict-markers --import-mode=importlib"
