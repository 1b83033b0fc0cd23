"""Keys out of a real terminal and out of a pipe."""

from __future__ import annotations

import os
import pty
import termios

from co_perception.nodes.keyboard import Keyboard

FLAGS = 3  # index of the local modes in what tcgetattr gives


def test_a_terminal_gives_each_key_at_once_and_is_left_as_it_was() -> None:
    leader, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    with Keyboard(terminal) as keyboard:
        assert keyboard.pressed() == ""
        os.write(leader, b"1")
        assert keyboard.pressed() == "1"
        os.write(leader, b"2 q")
        assert keyboard.pressed() == "2 q"
        modes = termios.tcgetattr(terminal)[FLAGS]
        assert not modes & (termios.ICANON | termios.ECHO)
        assert modes & termios.ISIG  # Ctrl-C interrupts
    assert termios.tcgetattr(terminal) == before
    os.close(leader)
    os.close(terminal)


def test_a_pipe_gives_its_characters_and_then_nothing() -> None:
    out, into = os.pipe()
    with Keyboard(out) as keyboard:
        os.write(into, b"1")
        assert keyboard.pressed() == "1"
        os.close(into)
        assert keyboard.pressed() == keyboard.pressed() == ""
    os.close(out)
