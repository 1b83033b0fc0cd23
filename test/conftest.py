"""Settings that must stand before anything under test is imported."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# A domain of its own on this machine: a robot or a second test run near by is neither heard nor disturbed.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)

# The middleware's look-up of types has ended a node of this suite.
os.environ.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(Path(__file__).parent / "fastdds.xml"))

# torch reads this once, when it is imported.
os.environ["OMP_NUM_THREADS"] = "2"


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Training is bit-equal on one thread of torch; and small layers are slower on two."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
