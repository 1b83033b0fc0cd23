#!/usr/bin/env bash
# Asks rosdep for every key of package.xml, on the distributions that are supported. Needs rosdep and a network.
set -euo pipefail
cd "$(dirname "$0")/../.."
rosdep update -q --include-eol-distros
for pair in jazzy:ubuntu:noble kilted:ubuntu:noble lyrical:ubuntu:resolute; do
  IFS=: read -r distro os version <<<"$pair"
  echo "== $distro on $os $version"
  # shellcheck disable=SC2046  # one word for each key
  rosdep resolve --rosdistro "$distro" --os "$os:$version" $(rosdep keys --from-paths . --rosdistro "$distro" --ignore-src)
done
