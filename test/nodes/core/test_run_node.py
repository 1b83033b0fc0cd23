"""The executables: up by themselves or by a manager, down by a signal with exit status 0."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from co_perception.nodes.core.run_node import SignalGuard, interrupted

pytest.importorskip("rclpy")

import rclpy
from helpers.activity_messages import activity, part
from helpers.processes import run_or_dump, running
from lifecycle_msgs.srv import GetState
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import Image

from co_perception.msg import ActivityArray, ActivityEvent
from co_perception.nodes.camera import CameraNode
from co_perception.nodes.core import run_node
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.core.qos import image_qos
from co_perception.nodes.core.run_node import run

SCRIPTS = Path(__file__).parents[3] / "scripts"
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def camera(*parameters: str) -> Any:
    """Runs the executable of the camera."""
    wanted = [word for parameter in parameters for word in ("-p", parameter)]
    command = [sys.executable, str(SCRIPTS / "camera_node"), "--ros-args", *wanted]
    return running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@BOTH
def test_a_signal_ends_a_playing_node_with_status_zero(
    bench: Any, make_video: Callable[..., Path], number: signal.Signals
) -> None:
    with camera(f"source:={make_video()}", "loop:=true") as process:
        heard = bench.listen(Image, "image_raw", image_qos("reliable", 10))
        bench.until(lambda: heard or process.poll() is not None, "a frame")
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert heard, err
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_a_signal_while_the_node_is_being_made_is_no_failure() -> None:
    """ROS is taken away between `rclpy.init` and the end of the node's constructor."""

    def make() -> Any:
        rclpy.shutdown()
        return CameraNode()

    assert run(make) == 0


def test_a_signal_in_the_middle_of_a_node_being_made_is_no_failure_either() -> None:
    text = """
from rclpy.lifecycle import LifecycleNode
from co_perception.nodes.core import managed_node
from co_perception.nodes.core.run_node import main
from co_perception.nodes.fusion import FusionNode

def interrupted(node, name, **options):
    own(node, name, **options)
    raise KeyboardInterrupt

own = LifecycleNode.__init__
LifecycleNode.__init__ = interrupted
main(FusionNode)
"""
    process = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stderr) == (0, "")


def test_a_defect_is_not_taken_for_a_signal() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)
    assert not rclpy.ok()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (["source:=/nowhere/clip.mp4"], "/nowhere/clip.mp4"),
        (["source:=clip.mp4", "rate:=fast"], "rate is a number, got 'fast'"),
    ],
)
def test_what_cannot_come_up_by_itself_ends_with_status_one(parameters: list[str], reason: str) -> None:
    with camera(*parameters) as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert reason in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_without_autostart_it_waits_for_a_manager(bench: Any) -> None:
    with camera("source:=/nowhere/clip.mp4", "autostart:=false") as process:
        assert bench.call(GetState, "camera/get_state").current_state.label == "unconfigured"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err


@pytest.mark.parametrize("name", ["camera_node", "video_activity_node"])
def test_every_node_has_an_executable_of_three_lines(name: str) -> None:
    text = (SCRIPTS / name).read_text()
    assert text.startswith("#!/usr/bin/env python3\n")
    assert (SCRIPTS / name).stat().st_mode & 0o111
    compile(text, name, "exec")


@BOTH
def test_it_interrupts_once_while_armed(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with SignalGuard() as guard:
        guard.arm()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@BOTH
def test_one_that_came_early_interrupts_when_armed_and_one_that_comes_late_does_nothing(number: signal.Signals) -> None:
    with SignalGuard() as guard:
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            guard.arm()
    with SignalGuard() as guard:
        guard.arm()
        guard.disarm()
        os.kill(os.getpid(), number)
        guard.disarm()


def test_an_interruption_is_known_by_what_was_made_of_it() -> None:
    imported = RuntimeError("a class could not be made")
    imported.__context__ = KeyboardInterrupt()
    loaded = ValueError("cannot load the model")
    loaded.__cause__ = imported
    assert interrupted(loaded) and interrupted(KeyboardInterrupt())
    assert not interrupted(ValueError("no such model")) and not interrupted(None)


@BOTH
def test_end_never_told_where_a_signal_ends_the_node(bench: Any, number: signal.Signals) -> None:
    """Somebody waves until the node ends; a behavior must not go on taking it for true."""
    sender = bench.node.create_publisher(ActivityArray, "activity_video", 100)
    events = bench.listen(ActivityEvent, "activity_events")
    command = [sys.executable, str(SCRIPTS / "fusion_node"), "--ros-args", "-p", "max_wait_s:=0.0"]
    ticks = iter(range(10_000))

    def waving() -> bool:
        message = part("a", activity("1", wave=0.9)).message
        message.header.stamp = to_time(next(ticks) * 50_000_000)
        sender.publish(message)
        return bool(events) or process.poll() is not None

    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        bench.until(waving, "an onset")
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
        bench.until(lambda: len(events) >= 2, "the end")
    assert [(event.kind, event.label) for event in events] == [(0, "wave"), (1, "wave")], err
    assert (process.returncode, "Traceback" in err) == (0, False), err


def test_an_interrupt_that_python_drops_is_raised_again_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """One that comes in a callback of a weak reference, as `importlib` has one for each module."""
    lock = {"a lock"}
    callback = weakref.ref(lock, lambda reference: signal.raise_signal(signal.SIGTERM))
    with SignalGuard() as guard:
        guard.arm()
        with pytest.raises(KeyboardInterrupt):
            del lock
            time.sleep(20)
    assert callback() is None
    assert capsys.readouterr().err == ""


# A node whose constructor refuses a parameter. From then on signals come without end.
REFUSED = """
import subprocess, time
from rclpy.exceptions import ParameterException
from co_perception.nodes.core import run_node

guards = []

class Guard(run_node.SignalGuard):
    def arm(self):
        guards.append(self)
        super().arm()

class Refused(ParameterException):
    def __init__(self):
        Exception.__init__(self, "rate is a number")

def make():
    guards[0].disarm()
    subprocess.Popen(["sh", "-c", "while kill -INT $PPID && kill -TERM $PPID; do :; done"], stdout=-3, stderr=-3)
    time.sleep(0.2)
    raise Refused

run_node.SignalGuard = Guard
run_node.main(make)
"""


def test_signals_at_the_very_end_leave_a_node_its_own_status() -> None:
    """As Ctrl-C in a terminal, held down while a refused node ends: it ended with status -2 in Python's tear-down."""
    ended = run_or_dump([sys.executable, "-c", REFUSED], 15.0)
    assert (ended.returncode, ended.stderr.strip()) == (1, "rate is a number")


@BOTH
def test_a_signal_ends_a_node_that_loads_and_so_do_more(number: signal.Signals) -> None:
    """Foreign code that compiles cannot be interrupted; the process ends all the same, and says nothing."""
    loading = """
import threading
from co_perception.nodes.core import run_node
from co_perception.nodes.video_activity import VideoActivityNode

def compile(values):
    print("loading", flush=True)
    threading.Event().wait()

run_node.main(lambda: VideoActivityNode(compile))
"""
    with running([sys.executable, "-c", loading], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "loading\n"
        for _ in range(3):
            process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


@pytest.mark.slow
def test_a_node_that_hangs_at_its_end_ends_all_the_same() -> None:
    hanging = """
import threading
from co_perception.nodes.core import run_node
from co_perception.nodes.fusion import FusionNode

class Hanging(FusionNode):
    def begin(self, values):
        super().begin(values)
        self.while_active.callback(threading.Event().wait)
        print("up", flush=True)

run_node.main(Hanging)
"""
    with running([sys.executable, "-c", hanging], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in err) == (0, False), err


def test_a_node_that_somebody_else_has_activated_meanwhile_goes_on() -> None:
    class Activated:
        failure, ready, active = "", True, True

        def configure_in_background(self) -> TransitionCallbackReturn:
            return TransitionCallbackReturn.SUCCESS

        def trigger_activate(self) -> TransitionCallbackReturn:
            return TransitionCallbackReturn.ERROR  # as rclpy has it of an active node

        def trigger_deactivate(self) -> TransitionCallbackReturn:
            return TransitionCallbackReturn.SUCCESS

    guard = SignalGuard()
    spun: list[float] = []

    def spin_once(timeout_sec: float) -> None:
        spun.append(timeout_sec)
        guard.received = True

    executor: Any = SimpleNamespace(spin_once=spin_once, create_task=lambda _: SimpleNamespace(done=lambda: True))
    rclpy.init()
    try:
        node: Any = Activated()
        assert run_node._spin([node], executor, guard, starting=[node]) == 0
    finally:
        rclpy.try_shutdown()
    assert spun
