"""The profiles of Fast DDS: what they switch off is off, and nodes with and without them hear each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy")

if not rclpy.get_rmw_implementation_identifier().startswith("rmw_fastrtps"):
    pytest.skip("another middleware", allow_module_level=True)

ROOT = Path(__file__).parents[2]
PROFILES = ("config/fastdds.xml", "test/fastdds.xml")
SPEAKER = """
import os, time
import rclpy
from std_msgs.msg import String

def names():
    return [open(f"/proc/self/task/{task}/comm").read().strip() for task in os.listdir("/proc/self/task")]

rclpy.init()
node = rclpy.create_node("speaker")
publisher = node.create_publisher(String, "spoken", 1)
end = time.monotonic() + 20
while not any(name.startswith("dds.ev") for name in names()) and time.monotonic() < end:
    time.sleep(0.05)  # a thread names itself once it runs
time.sleep(0.2)
print("threads", *names(), flush=True)
timer = node.create_timer(0.05, lambda: publisher.publish(String(data="x" * 1_000_000)))
rclpy.spin(node)
"""
LISTENER = """
import rclpy
from std_msgs.msg import String

rclpy.init()
node, heard = rclpy.create_node("listener"), []
node.create_subscription(String, "spoken", heard.append, 1)
while not heard:
    rclpy.spin_once(node)
print(len(heard[0].data))
"""


def started(program: str, profile: str) -> subprocess.Popen[str]:
    named = {"FASTDDS_DEFAULT_PROFILES_FILE": str(ROOT / profile) if profile else ""}
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, **named}
    )


@pytest.mark.timeout(60)
@pytest.mark.parametrize("listening", ("", *PROFILES))
@pytest.mark.parametrize("speaking", PROFILES)
def test_types_are_not_looked_up_and_messages_arrive(speaking: str, listening: str) -> None:
    with started(SPEAKER, speaking) as speaker, started(LISTENER, listening) as listener:
        try:
            assert speaker.stdout and listener.stdout
            # Fast DDS itself may have something to say before, such as of shared memory that a killed process left.
            line = next((said for said in speaker.stdout if said.startswith("threads ")), "")
            threads = line.split()
            assert any(name.startswith("dds.ev") for name in threads), f"threads of Fast DDS have names: {line}"
            assert not [name for name in threads if name.startswith("dds.tls")]
            assert listener.stdout.read().splitlines()[-1:] == ["1000000"]
        finally:
            speaker.kill()
            listener.kill()
