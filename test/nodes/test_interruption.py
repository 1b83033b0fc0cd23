"""Signals between two points, at moments where nothing else is under way."""

from __future__ import annotations

import os
import signal

import pytest

from co_perception.nodes.interruption import Interruption, interrupted

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


def test_an_interruption_is_known_by_what_was_made_of_it() -> None:
    def imported() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interruption:
            raise RuntimeError("a class could not be made") from interruption

    def loaded() -> None:
        try:
            imported()
        except RuntimeError as error:
            raise ValueError("cannot load the model") from error

    with pytest.raises(ValueError) as caught:
        loaded()
    assert interrupted(caught.value) and interrupted(KeyboardInterrupt())
    assert not interrupted(ValueError("no such model")) and not interrupted(None)
