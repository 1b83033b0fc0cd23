"""Nodes at work talk to nobody but the middleware, and write nowhere but where they were told: watched from outside."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from co_perception.runtime.store import store

pytestmark = pytest.mark.slow  # all tests share one traced process, which takes long
SCRIPT = Path(__file__).with_name("quiet_nodes.py")
ROOT = Path(__file__).parents[2]
CALLS = "connect,sendto,sendmsg,openat,creat,mkdir,rename,unlink,link,symlink,truncate,execve"
ADDRESS = re.compile(r'sin6?_addr.*?"([0-9a-fA-F.:]+)"')
DISCOVERY = ipaddress.ip_network("239.255.0.0/16")  # multicast of DDS; leaves no machine that is told LOCALHOST


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """System calls of nodes that run without a network, and the folder that was home and working folder to them."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed: apt install strace")
    alone = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*alone, "strace", "-o", os.devnull, "true"], capture_output=True).returncode:
        pytest.skip("this kernel gives no network namespace of one's own, or lets nobody be traced")
    home, trace = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("trace") / "calls"
    told = {"HOME": str(home), "CO_PERCEPTION_CACHE": str(store.root()), "ROS_LOG_DIR": str(home / "log")}
    told |= {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    told |= {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(home / "tmp")}
    # As an interpreter finds it that need not start itself anew for its libraries (tools/ros_start_hook.py).
    libraries = [sys.executable, "-c", "import os; print(os.environ.get('LD_LIBRARY_PATH', ''))"]
    told["LD_LIBRARY_PATH"] = subprocess.run(libraries, check=True, capture_output=True, text=True).stdout.strip()
    (home / "tmp").mkdir()
    strace = ["strace", "-f", "-qq", "-s", "256", "-e", f"trace={CALLS}", "-o", str(trace)]
    command = [*alone, *strace, sys.executable, str(SCRIPT), "movenet", "mediapipe", "skeleton", "video"]
    ran = subprocess.run(command, env=os.environ | told, cwd=home, capture_output=True, text=True, timeout=250)
    assert ran.returncode == 0, ran.stderr[-3000:]
    said = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith("ready ")]
    assert said == ["movenet", "mediapipe", "skeleton", "video"]
    return trace.read_text(errors="replace").splitlines(), home


def test_nobody_is_spoken_to_but_this_machine(watched: tuple[list[str], Path]) -> None:
    lines, _ = watched
    found = {address for line in lines for address in ADDRESS.findall(line)}
    assert found, "the middleware speaks to itself over loopback"
    addresses = map(ipaddress.ip_address, found)
    assert not [one for one in addresses if not (one.is_loopback or one.is_unspecified or one in DISCOVERY)]


def test_no_program_is_started(watched: tuple[list[str], Path]) -> None:
    lines, _ = watched
    started = [line for line in lines if "execve(" in line and line.endswith("= 0")]
    assert len(started) == 1, started[1:]


def test_nothing_is_written_but_logs_temporary_files_and_shared_memory(watched: tuple[list[str], Path]) -> None:
    lines, home = watched
    writing = re.compile(
        r'(?:openat\([^,]*, |creat\(|mkdir\(|rename\()"([^"]*)".*?(O_WRONLY|O_RDWR|O_CREAT|mkdir|rename|creat|$)'
    )
    matches = [found for line in lines if "= -1" not in line and (found := writing.search(line))]
    paths = {found[1] for found in matches if found[2] or "openat" not in found[0]}
    allowed = ("/dev/", "/proc/self/", str(home / "log"), str(home / "tmp"))
    assert not sorted(path for path in paths if not path.startswith(allowed))
    assert {path.relative_to(home).parts[0] for path in home.rglob("*")} <= {"log", "tmp"}
