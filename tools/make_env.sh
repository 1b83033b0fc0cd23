#!/usr/bin/env bash
# Makes .venv, in which everything of this repository runs; a second run does only what changed.
#
#   tools/make_env.sh demo   what `make demo` needs: no torch, nothing to train or to test with
#   tools/make_env.sh [all]  everything; `make env` and every other target call it
#
#   a ROS 2 is sourced   the environment sees the system's packages, rclpy among them, and its Python is the system's
#   none is              the real rclpy comes as wheels, and nothing needs sourcing afterwards
#
# Settings: PYTHON (interpreter to use), PIP_ARGS (more options for pip, such as an index with CPU builds of torch).
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/install_checks.sh
venv=$PWD/.venv
log=$venv/make_env.log
level=${1:-all}
[[ $level = all || $level = demo ]] || fail "there is no level '$level'; there are: all, demo"

# Runs a command silently; shows the end of what it said if it fails, and what that means.
quietly() {
  "$@" >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    fail "this failed: $1 ... (all of its output: $log)" "$(explain_failure "$log")"
  }
}

# One line for the content of files, to see whether a step has to be done again.
fingerprint() {
  { find "$@" -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum; echo "$ros $PWD ${PIP_ARGS:-}"; } | sha256sum
}
done_before() { [ "$(cat "$venv/$1.stamp" 2>/dev/null)" = "$2" ]; }

site_packages() { "$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

find_ros() {
  ros=wheels
  if [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ]; then
    ros=$ROS_DISTRO
  elif [ -n "${ROS_DISTRO:-}" ]; then
    say "ROS_DISTRO is '$ROS_DISTRO', but no ROS 2 is sourced: taking the wheels." \
        "To use yours: source /opt/ros/$ROS_DISTRO/setup.bash && make clean env"
  fi
  if [ "$ros" = wheels ]; then
    # What another environment left behind must not reach into this one.
    unset PYTHONPATH LD_LIBRARY_PATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
  fi
}

# --- what has to be there before -------------------------------------------------------------------------------------

find_python() {
  local candidates=(${PYTHON:-python3.11 python3.12 python3.13 python3})
  [ "$ros" = wheels ] || candidates=(${PYTHON:-python3})
  for python in "${candidates[@]}"; do
    python=$(command -v "$python") || continue
    if [ "$ros" != wheels ]; then
      "$python" -c 'import rclpy' 2>/dev/null && return
    elif has_wheels "$(version_of "$python")"; then
      return
    fi
  done
  [ "$ros" = wheels ] || fail "ROS 2 $ros is sourced, but ${candidates[*]} cannot import its rclpy." \
    "Name the Python it was built for (make env PYTHON=/usr/bin/python3), or use a shell without it: ROS_DISTRO= make env"
  explain_python "${candidates[@]}"
}

check_machine() {
  [ "$ros" != wheels ] || check_platform
  check_tools "$python"
  [ "$ros" = wheels ] || command -v cmake >/dev/null || fail "needs cmake to build the messages." "sudo apt install cmake"
}

# --- the three steps -------------------------------------------------------------------------------------------------

make_venv() {
  local made_for
  made_for=$(cat "$venv/ros.stamp" 2>/dev/null || true)
  [ -z "$made_for" ] || [ "$made_for" = "$ros" ] || fail \
    ".venv was made for '$made_for', and this shell has '$ros' (wheels: no ROS 2 sourced)." \
    "Use a shell like the one it was made in, or start anew: make clean env"
  [ -z "$made_for" ] || [ ! -x "$venv/bin/python" ] || return 0
  say "making .venv with $("$python" --version) for ROS 2: $ros"
  "$python" -m venv --clear $([ "$ros" = wheels ] || echo --system-site-packages) "$venv"
  echo "$ros" >"$venv/ros.stamp"
}

# Extras of setup.py. Those of the demo come without torch: the model of the skeletons is shipped as a bundle.
demo_extras=ros,video,pose,bench
all_extras=$demo_extras,behaviours,mediapipe,train,adapt,recipes,cluster,dev

install_packages() {
  local state extras=${level}_extras
  state=$(fingerprint setup.py pyproject.toml constraints.txt tools/make_env.sh tools/install_checks.sh tools/ros_start_hook.py)
  done_before "packages-all" "$state" && return
  done_before "packages-$level" "$state" && return
  extras=${!extras}
  cp constraints.txt "$venv/constraints.txt"
  if [ "$ros" = wheels ]; then
    extras=$extras,ros-wheels
  else
    [ "$level" = demo ] || check_torch "$venv/bin/python"
    # The system's rclpy is compiled against the system's NumPy: that version stays.
    { "$venv/bin/python" -c 'import numpy; print(f"numpy=={numpy.__version__}")'
      "$venv/bin/python" -c 'import torch' 2>/dev/null || grep '^torch==' constraints.txt; } >"$venv/constraints.txt"
  fi
  local pip=("$venv/bin/python" -m pip install --quiet --constraint "$venv/constraints.txt" ${PIP_ARGS:-}) torch=()
  if [ "$level" = demo ]; then
    say "installing what the demo needs, about 1 GB (two minutes on a fast line)"
  else
    advise_torch
    say "installing torch and the packages of setup.py, about 2.7 GB (some minutes)"
    torch=(torch)
  fi
  # torch first and alone: nothing that comes later may bring a build of its own choice.
  quietly "${pip[@]}" 'setuptools<80' wheel "${torch[@]}"
  quietly "${pip[@]}" --no-build-isolation --config-settings editable_mode=compat --editable ".[$extras]"
  [ "$ros" != wheels ] || mend_wheels
  cp tools/ros_start_hook.py "$(site_packages)/_co_perception_start_hook.py"
  echo 'import _co_perception_start_hook' >"$(site_packages)/_co_perception_start_hook.pth"
  echo "$state" >"$venv/packages-$level.stamp"
}

# The wheels carry paths of the machine they were built on: name ours instead.
mend_wheels() {
  local include numpy
  read -r include numpy < <("$venv/bin/python" -c 'import numpy, sysconfig
print(sysconfig.get_path("include"), numpy.get_include())')
  find "$venv/share" -name '*pyExport.cmake' -print0 | xargs -0 -r sed -i -E \
    -e "s#/opt/python/cp[0-9]+-cp[0-9]+/include/python3\.[0-9]+#$include#g" \
    -e "s#/opt/python/cp[0-9]+-cp[0-9]+/lib/python3\.[0-9]+/site-packages/numpy/_core/include#$numpy#g"
}

# The packages whose headers and generators make the messages, with their versions.
built_against() { (cd "$1" && ls -d numpy-*.dist-info ros_*.dist-info 2>/dev/null) || "$venv/bin/python" -c 'import numpy
print(numpy.__version__)'; }

# The messages go into the environment, the Python of the checkout is used where it lies: edits are live.
build_messages() {
  local state site build=$venv/build_messages sources=(package.xml CMakeLists.txt)
  for source in msg srv action launch config scripts; do [ ! -e "$source" ] || sources+=("$source"); done
  site=$(site_packages)
  state=$(fingerprint "${sources[@]}"; built_against "$site")
  [ ! -d "$site/co_perception/msg" ] || ! done_before messages "$state" || return 0
  say "building the messages"
  rm -rf "$build"
  export PATH=$venv/bin:$PATH CMAKE_PREFIX_PATH=$venv:${CMAKE_PREFIX_PATH:-} AMENT_PREFIX_PATH=$venv:${AMENT_PREFIX_PATH:-}
  quietly cmake -S . -B "$build" -Wno-dev -DCMAKE_INSTALL_PREFIX="$venv" -DPYTHON_INSTALL_DIR="${site#"$venv/"}" \
    -DPython3_EXECUTABLE="$venv/bin/python" -DBUILD_TESTING=OFF -DCO_PERCEPTION_INSTALL_PYTHON=OFF \
    $(command -v ninja >/dev/null && echo -G Ninja)
  quietly cmake --build "$build" --parallel "$(nproc)"
  # What an earlier version installed and this one does not must not stay.
  rm -rf "$site/co_perception" "$venv"/{share,lib,include}/co_perception "$venv"/lib/libco_perception__*
  quietly cmake --install "$build"
  # Left without an __init__.py, the generated half is a place that the checkout's __path__ takes in.
  rm -rf "$build" "$site/co_perception/__init__.py" "$site"/co_perception-*.egg-info
  echo "$state" >"$venv/messages.stamp"
}

# Two at once, of `make weights` and `make demo` say, would build over each other.
wait_for_turn() {
  command -v flock >/dev/null || return 0
  exec 9<tools/make_env.sh
  flock --nonblock 9 || { say "waiting for another make env"; flock 9; }
}

{ # read as a whole before it runs: bash would trip over an edit made meanwhile
  wait_for_turn
  find_ros
  find_python
  [ -f "$venv/messages.stamp" ] || check_machine
  make_venv
  install_packages
  [ "$ros" = wheels ] || check_numpy "$venv/bin/python"
  build_messages
  say "ready ($ros, $level): .venv/bin/python"
  exit
}
