"""Keys of a terminal and of a pipe, and the activities they stand for."""

from __future__ import annotations

import os
import termios
import time

import pytest

from co_perception.nodes.recording.terminal import Keyboard, keys_of


def keys(keyboard: Keyboard) -> str:
    return "".join(press.key for press in keyboard.pressed())


def test_keys_as_they_are_written() -> None:
    assert keys_of("wave=1, sit down=s") == {"1": "wave", "s": "sit down"}
    assert keys_of("") == {}
    for wrong in ("wave", "wave=12", "=1", "wave= ", "wave=q"):
        with pytest.raises(ValueError, match="written as wave=1"):
            keys_of(wrong)
    with pytest.raises(ValueError, match="wave and for walk"):
        keys_of("wave=1,walk=1")


def test_a_terminal_gives_each_key_at_once_and_is_left_as_it_was(terminal: tuple[int, int]) -> None:
    leader, screen = terminal
    before = termios.tcgetattr(screen)
    with Keyboard(screen) as keyboard:
        assert keyboard.pressed() == []
        os.write(leader, b"1")
        before_ns = time.monotonic_ns()
        (press,) = keyboard.pressed()
        assert press.key == "1" and before_ns <= press.at_ns <= time.monotonic_ns()
        os.write(leader, b"2 q")
        assert keys(keyboard) == "2 q"
        modes = termios.tcgetattr(screen)[3]  # the local modes
        assert not modes & (termios.ICANON | termios.ECHO)
        assert modes & termios.ISIG  # Ctrl-C interrupts
    assert termios.tcgetattr(screen) == before


def test_a_pipe_gives_its_characters_and_then_nothing() -> None:
    out, into = os.pipe()
    with Keyboard(out) as keyboard:
        os.write(into, b"1")
        assert keys(keyboard) == "1"
        os.close(into)
        assert keys(keyboard) == keys(keyboard) == ""
    os.close(out)
