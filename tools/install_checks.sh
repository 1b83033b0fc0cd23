# shellcheck shell=bash
# Obstacles that an install usually meets, and what to do about each. tools/make_env.sh sources this, and so does
# test/test_install.py, which gives every check a machine that has the obstacle.

say() { echo "make env: $*"; }
fail() { printf '%s\n' "$@" | sed '/^$/d; s/^/make env: /' >&2; exit 1; }

# Versions of Python for which rclpy has wheels, first and last.
WHEELS_SINCE=3.11 WHEELS_UNTIL=3.13
TORCH_SINCE=2.8

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
not_after() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }
has_wheels() { [ -n "$1" ] && not_after "$WHEELS_SINCE" "$1" && not_after "$1" "$WHEELS_UNTIL"; }

# explain_python CANDIDATE...: none of these will do, without a ROS 2 that is sourced.
explain_python() {
  local found="found none of: $*" version
  version=$(version_of python3) && {
    found="python3 here is $version"
    not_after "$version" "$WHEELS_UNTIL" || found="$found, which is too new"
    not_after "$WHEELS_SINCE" "$version" || found="$found, which is too old"
  }
  fail "needs Python $WHEELS_SINCE to $WHEELS_UNTIL, for which rclpy has wheels; $found." \
    "Install one beside it (Debian, Ubuntu: sudo apt install python3.12 python3.12-venv python3.12-dev, where your" \
    "release has it) and name it: make env PYTHON=python3.12" \
    "Or source a ROS 2 of your own, Jazzy or later: its Python will do."
}

check_platform() {
  [ "$(uname -sm)" = "Linux x86_64" ] || fail \
    "rclpy has wheels for Linux on x86_64 only, and this is $(uname -sm)." \
    "Install ROS 2 for this machine (Jazzy or later), source it, and run make env again."
}

# check_tools PYTHON
check_tools() {
  "$1" -c 'import venv, ensurepip' 2>/dev/null || fail "$1 has no venv module." \
    "Debian, Ubuntu: sudo apt install python3-venv"
  "$1" -c 'import os, sysconfig as s; raise SystemExit(not os.path.exists(s.get_path("include") + "/Python.h"))' ||
    fail "$1 comes without Python.h, which the messages are compiled against." \
      "Debian, Ubuntu: sudo apt install python3-dev"
  command -v "${CC:-cc}" >/dev/null && command -v "${CXX:-c++}" >/dev/null ||
    fail "needs a C and a C++ compiler to build the messages, and found none (looked for ${CC:-cc} and ${CXX:-c++})." \
      "Debian, Ubuntu: sudo apt install build-essential"
}

# check_torch PYTHON: a torch of the system stays, so it must be one that will do.
check_torch() {
  local version
  version=$("$1" -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null) || return 0
  not_after "$TORCH_SINCE" "$version" || fail \
    "the system has torch $version, and networks need $TORCH_SINCE or later." \
    "Remove it (pip uninstall torch) or take a newer one; a robot that runs bundles needs none: docs/bundle.md" \
    "make demo needs none either."
}

# check_numpy PYTHON [FOLDER]: rclpy from apt is compiled for the NumPy of apt, in FOLDER.
check_numpy() {
  local ours theirs folder=${2:-/usr/lib/python3/dist-packages}
  [ -d "$folder/numpy" ] || return 0
  ours=$("$1" -c 'import numpy; print(numpy.__version__)' 2>/dev/null) || return 0
  theirs=$("$1" -I -c 'import sys; sys.path.insert(0, sys.argv[1]); import numpy; print(numpy.__version__)' "$folder" \
    2>/dev/null) || return 0
  [ "${ours%%.*}" = "${theirs%%.*}" ] || fail \
    "$1 imports NumPy $ours, and the system's ROS packages are compiled for $theirs: rclpy and messages would crash." \
    "Remove the newer one where it was installed (.venv/bin/pip uninstall numpy; or pip uninstall --user numpy)," \
    "and run make env again: it keeps the system's version."
}

# advise_torch: what to know before torch is installed. Says nothing where its usual build is the right one.
advise_torch() {
  if [ -e "${TEGRA_RELEASE:-/etc/nv_tegra_release}" ]; then
    say "this is a Jetson: torch from PyPI does not use its GPU. Install NVIDIA's build for your JetPack first" \
        "(docs.nvidia.com, 'Installing PyTorch for Jetson Platform'). Bundles run without torch: docs/bundle.md"
  elif [ -z "${PIP_ARGS:-}" ] && ! command -v nvidia-smi >/dev/null; then
    say "no NVIDIA GPU here. If pip takes torch's build for CUDA, with some 5 GB of libraries, stop and take the other:" \
        'make env PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"'
  fi
}

# explain_failure LOG: what the output of pip or of the compiler means. Nothing where it is not known.
explain_failure() {
  local has=(grep -qiE -- )
  if "${has[@]}" 'No space left on device' "$1"; then
    echo "The disk is full. make demo needs 1.2 GB in .venv and ~/.cache, make env 3 GB; TMPDIR names another /tmp."
  elif "${has[@]}" 'name resolution|NewConnectionError|ConnectTimeout|ProxyError|Network is unreachable' "$1"; then
    echo "No package index was reached. Without a network: PIP_ARGS=\"--no-index --find-links FOLDER\", with a folder of" \
      "wheels from another machine. Behind a proxy: HTTPS_PROXY. With a mirror: PIP_ARGS=\"--index-url URL\"."
  elif "${has[@]}" 'CERTIFICATE_VERIFY_FAILED|SSLError' "$1"; then
    echo "The index's certificate is not trusted. Behind a company's proxy: PIP_ARGS=\"--cert FILE\" with its certificate."
  elif "${has[@]}" 'Requires-Python|No matching distribution found' "$1"; then
    echo "The index has no build of a package for this Python and machine. Name another Python: make clean env" \
      "PYTHON=python3.12. Or the index was not reached; then the first lines of the log say so."
  elif "${has[@]}" 'command .*(gcc|cc|c\+\+|g\+\+).* failed|Killed signal terminated program' "$1"; then
    echo "A compiler failed. Where it was killed, memory ran out: close programs, or add swap. Else the log has why."
  fi
}
