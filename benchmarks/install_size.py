"""What `pip install co_perception` takes on the disk without torch, and that the node `skeleton_activity` runs there.

Builds the wheel, installs it with each set of extras into an environment of its own, and prints the size of that
without pip and setuptools. Where `make env` installed rclpy as wheels, those are added (they are printed apart: a robot
has its own ROS 2), and the node is run from its bundle until it listens. pip fetches packages where they are not in
its cache.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.remote import ROOT
from bench.results import write_json

EXTRAS = {
    "skeletons in, activity out": "",
    "pose estimation": "[pose]",
    "camera and pose": "[camera,pose]",
    "compressed pictures": "[video,pose]",
}
ROS = ("ros-rclpy", "ros-common-interfaces", "ros-rmw-fastrtps-cpp")
TOOLS = ("pip", "setuptools", "pkg_resources", "_distutils_hack")


def install(folder: Path, packages: Sequence[str]) -> Path:
    """An environment with these packages; its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin/python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def site_of(python: Path) -> Path:
    """Where packages of an environment lie."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip())


def megabytes(site: Path) -> float:
    """Size of packages on the disk, without those that only install others."""
    files = (file for file in site.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in files if not file.relative_to(site).parts[0].startswith(TOOLS)) / 1e6


def add_messages(site: Path) -> None:
    """The messages that `make env` has generated for the same Python, with the hook that finds their libraries."""
    own, prefix = Path(sysconfig.get_path("purelib")), Path(sys.prefix)
    shutil.copytree(own / "co_perception", site / "co_perception", dirs_exist_ok=True)
    for library in (prefix / "lib").glob("libco_perception__*"):
        shutil.copy(library, site.parents[1])
    for hook in own.glob("_co_perception_start_hook.*"):
        shutil.copy(hook, site)


def listens(python: Path, folder: Path) -> str:
    """Runs the node until it listens; what it logged."""
    code = "import importlib.util as u; raise SystemExit(u.find_spec('torch') is not None)"
    subprocess.run([str(python), "-c", code], check=True)
    command = [str(python), "-m", "co_perception.nodes.entry", "skeleton_activity"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stderr is not None
        said = ""
        try:
            for line in process.stderr:
                said += line
                if "Listening on" in line:
                    return said
        finally:
            process.kill()
    raise RuntimeError(f"the node ended before it listened: {said}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Installs, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(EXTRAS), choices=list(EXTRAS))
    parser.add_argument("--out", type=Path, default=ROOT / "out/bench")
    chosen = parser.parse_args(arguments)
    rows: dict[str, float] = {}
    with TemporaryDirectory() as scratch:
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*build, "-w", scratch, str(ROOT)], check=True)
        [wheel] = Path(scratch).glob("*.whl")
        for name in chosen.sets:
            rows[name] = megabytes(site_of(install(Path(scratch, name.split()[0]), [f"{wheel}{EXTRAS[name]}"])))
            print(f"{name:30} {rows[name]:6.0f} MB")
        found = {each.name.replace("_", "-"): each.version for each in metadata.distributions()}
        ros = [f"{name}=={found[name]}" for name in ROS if name in found]
        if len(ros) == len(ROS):
            python = install(Path(scratch, "node"), [str(wheel), *ros])
            site = site_of(python)
            rows["with rclpy as wheels"] = megabytes(site)
            add_messages(site)
            print(
                f"{'with rclpy as wheels':30} {rows['with rclpy as wheels']:6.0f} MB\n{listens(python, Path(scratch))}"
            )
    write_json(chosen.out / "install_size.json", {"megabytes": rows, "python": sys.version})
    return 0


if __name__ == "__main__":
    sys.exit(main())
