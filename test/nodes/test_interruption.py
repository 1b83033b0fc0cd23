"""Signals between two points, at moments where nothing else is under way."""

from __future__ import annotations

import os
import signal

import pytest

from co_perception.nodes.interruption import Interruption

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@BOTH
def test_it_interrupts_once_while_armed(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interruption() as interruption:
        interruption.arm()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@BOTH
def test_one_that_came_early_interrupts_when_armed(number: signal.Signals) -> None:
    with Interruption() as interruption:
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            interruption.arm()


@BOTH
def test_one_that_comes_late_does_nothing(number: signal.Signals) -> None:
    with Interruption() as interruption:
        interruption.arm()
        interruption.disarm()
        os.kill(os.getpid(), number)
        interruption.disarm()
