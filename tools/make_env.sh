#!/usr/bin/env bash
# Makes .venv, in which everything of this repository runs. `make env` calls it; a second run does only what changed.
#
#   a ROS 2 is sourced   the environment sees the system's packages, rclpy among them, and its Python is the system's
#   none is              the real rclpy comes as wheels, and nothing needs sourcing afterwards
#
# Settings: PYTHON (interpreter to use), PIP_ARGS (more options for pip, such as an index with CPU builds of torch).
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/.venv
log=$venv/make_env.log

say() { echo "make env: $*"; }
fail() { printf 'make env: %s\n' "$@" >&2; exit 1; }

# Runs a command silently; shows the end of what it said if it fails.
quietly() {
  "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; fail "this failed: $1 ... (all of its output: $log)"; }
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

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

find_python() {
  local candidates=(${PYTHON:-python3.11 python3.12 python3.13 python3})
  [ "$ros" = wheels ] || candidates=(${PYTHON:-python3})
  for python in "${candidates[@]}"; do
    python=$(command -v "$python") || continue
    if [ "$ros" != wheels ]; then
      "$python" -c 'import rclpy' 2>/dev/null && return
    elif suits "$python"; then
      return
    fi
  done
  [ "$ros" = wheels ] || fail "ROS 2 $ros is sourced, but ${candidates[*]} cannot import its rclpy." \
    "Name the Python it was built for (make env PYTHON=/usr/bin/python3), or use a shell without it: ROS_DISTRO= make env"
  fail "needs Python 3.11, 3.12 or 3.13 (rclpy has wheels for these); found none of: ${candidates[*]}." \
    "Install one (Debian, Ubuntu: sudo apt install python3 python3-venv python3-dev) or name it: make env PYTHON=/path/to/python3.11"
}

check_machine() {
  [ "$ros" != wheels ] || [ "$(uname -sm)" = "Linux x86_64" ] || fail \
    "rclpy has wheels for Linux on x86_64 only, and this is $(uname -sm)." \
    "Install ROS 2 for this machine (Jazzy or later), source it, and run make env again."
  "$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv module." \
    "Debian, Ubuntu: sudo apt install python3-venv"
  "$python" -c 'import os, sysconfig as s; raise SystemExit(not os.path.exists(s.get_path("include") + "/Python.h"))' ||
    fail "$python comes without Python.h, which the messages are compiled against." \
      "Debian, Ubuntu: sudo apt install python3-dev"
  command -v "${CC:-cc}" >/dev/null && command -v "${CXX:-c++}" >/dev/null ||
    fail "needs a C and a C++ compiler to build the messages, and found none (looked for ${CC:-cc} and ${CXX:-c++})." \
      "Debian, Ubuntu: sudo apt install build-essential"
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

install_packages() {
  local state extras=ros,ros-wheels,behaviours,video,pose,mediapipe,train,adapt,recipes,bench,cluster,dev
  state=$(fingerprint setup.py pyproject.toml constraints.txt tools)
  done_before packages "$state" && return
  cp constraints.txt "$venv/constraints.txt"
  if [ "$ros" != wheels ]; then
    extras=ros,behaviours,video,pose,mediapipe,train,adapt,recipes,bench,cluster,dev
    # The system's rclpy is compiled against the system's NumPy: that version stays.
    { "$venv/bin/python" -c 'import numpy; print(f"numpy=={numpy.__version__}")'
      "$venv/bin/python" -c 'import torch' 2>/dev/null || grep '^torch==' constraints.txt; } >"$venv/constraints.txt"
  fi
  local pip=("$venv/bin/python" -m pip install --quiet --constraint "$venv/constraints.txt" ${PIP_ARGS:-})
  say "installing torch and the packages of setup.py (some minutes on a slow line)"
  # torch first and alone: nothing that comes later may bring a build of its own choice.
  quietly "${pip[@]}" 'setuptools<80' wheel torch
  quietly "${pip[@]}" --no-build-isolation --config-settings editable_mode=compat --editable ".[$extras]"
  [ "$ros" != wheels ] || mend_wheels
  cp tools/ros_start_hook.py "$(site_packages)/_co_perception_start_hook.py"
  echo 'import _co_perception_start_hook' >"$(site_packages)/_co_perception_start_hook.pth"
  echo "$state" >"$venv/packages.stamp"
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

# The messages go into the environment, the Python of the checkout is used where it lies: edits are live.
build_messages() {
  local state site build=$venv/build_messages sources=(package.xml CMakeLists.txt)
  for source in msg srv action launch config scripts; do [ ! -e "$source" ] || sources+=("$source"); done
  state=$(fingerprint "${sources[@]}" "$venv/packages.stamp")
  done_before messages "$state" && return
  say "building the messages"
  site=$(site_packages)
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
  build_messages
  say "ready ($ros): .venv/bin/python"
  exit
}
