"""A ROS domain of this test run's own, and whether anybody is in one. No ROS in here."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

LOCKS: list[IO[str]] = []
DDS_PORT, PORTS_OF_A_DOMAIN = 7400, 250  # OMG DDSI-RTPS 2.2, 9.6.1.1: the first port of a domain is 7400 + 250 * id


def has_participants(domain: int) -> bool:
    """Whether a process of any user or container that shares our network listens in a ROS domain.

    A node that a killed run has left behind holds no lock, but it answers to discovery, and its endpoints are matched.
    """
    first = DDS_PORT + PORTS_OF_A_DOMAIN * domain
    for port in (first, *range(first + 10, first + 30)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return True
    return False


def free_ros_domain() -> int:
    """A ROS domain that no other test run on this machine uses: each holds the lock of a file until it ends."""
    for number in range(os.getpid(), os.getpid() + 100):
        domain = 1 + number % 100
        try:
            lock = open(Path(tempfile.gettempdir()) / f"co_perception_domain_{domain}", "w")  # noqa: SIM115
            LOCKS.append(lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        if not has_participants(domain):
            return domain
    raise RuntimeError("all ROS domains from 1 to 100 are in use by other test runs")
