"""Environment variables, seeds and fixtures of all tests; the variables are set before anything is imported."""

import importlib.util
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.ros_domain import free_ros_domain
from helpers.tls_server import Behavior, make_certificate, serving

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["ROS_DOMAIN_ID"] = str(free_ros_domain())

# The middleware's look-up of types has crashed a node of this suite.
os.environ.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(Path(__file__).parent / "fastdds.xml"))

# torch reads this once, when it is imported. On one thread training is bit-equal, and small layers are faster.
os.environ["OMP_NUM_THREADS"] = "1"

if importlib.util.find_spec("hypothesis"):  # the environment of test/peers has none
    from hypothesis import settings

    settings.register_profile("repeatable", max_examples=100, deadline=None, derandomize=True, database=None)
    settings.register_profile("random", max_examples=1000, deadline=None)
    settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Every test begins with the same random numbers, so that it does not depend on the tests before it."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


SCHEDULING = os.sched_getscheduler(0)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """No test leaves a real-time process behind, see `helpers.processes.own_scheduling`."""
    if os.sched_getscheduler(0) != SCHEDULING:
        os.sched_setscheduler(0, SCHEDULING, os.sched_param(0))
        pytest.fail(f"{item.nodeid} changed how this process is scheduled")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    """A learner's `threads` holds for its whole process: the next module begins with one again."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def umask_of_a_group() -> Iterator[None]:
    """New files are 0640, as of an account whose group runs the robot."""
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) of localhost, which no system trusts."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def behavior() -> Behavior:
    """What the server of `address` does: it has a file of 1 MiB."""
    return Behavior(bytes(range(256)) * 4096)


@pytest.fixture
def address(behavior: Behavior, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a file on a TLS server on this machine; the environment trusts its certificate, and names no proxy."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(behavior, *certificate) as url:
        yield url


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """A short real video file whose brightness rises with the frame index."""

    def make(name: str = "clip.mp4", frames: int = 10, rate_hz: int = 25, size: tuple[int, int] = (64, 48)) -> Path:
        import av
        import numpy as np

        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("mpeg4", rate=rate_hz)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for index in range(frames):
                picture = np.full((size[1], size[0], 3), min(20 + 10 * index, 250), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return make
