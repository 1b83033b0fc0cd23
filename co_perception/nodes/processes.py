"""Nodes as processes of their own, as a launch file starts them, and what the kernel says of each. No ROS in here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

NOTHING: Mapping[str, str] = MappingProxyType({})
PATIENCE_S = 10.0  # for which a node that was asked to end may take its time before it is killed
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a process has and has used. memory_mb: resident, shared libraries included; cpu_s: of all its threads."""

    memory_mb: float
    threads: int
    descriptors: int
    cpu_s: float


def usage(pid: int) -> Usage:
    """Of a running process. Raises OSError where there is none or it is somebody else's."""
    folder = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    # The name of the program, in brackets, may contain anything.
    _, _, counted = (folder / "stat").read_text().rpartition(")")
    user, system = counted.split()[11:13]
    return Usage(
        memory_mb=int(status["VmRSS"].split()[0]) * 1024 / 1e6 if "VmRSS" in status else 0.0,
        threads=int(status["Threads"]),
        descriptors=len(os.listdir(folder / "fd")),
        cpu_s=(int(user) + int(system)) / _TICKS_PER_S,
    )


@dataclass(frozen=True)
class Part:
    """A node of this package: the module it lives in, parameters by name, topics as `remappings`, its own name."""

    module: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    @property
    def command(self) -> list[str]:
        """What starts it."""
        command = [sys.executable, "-m", "co_perception.nodes.entry", self.module, "--ros-args"]
        for old, new in {**self.remappings, **({"__node": self.name} if self.name else {})}.items():
            command += ["-r", f"{old}:={new}"]
        for name, value in self.parameters.items():
            command += ["-p", f"{name}:={json.dumps(value)}"]  # read as YAML, which JSON is
        return command


class Running:
    """A part that was started. Ends it when left.

    Args:
        part: which.
        log: file that takes what it writes; appended to.
        environment: variables besides those of this process.
        prefix: command that runs it, such as one that enters a network namespace.
    """

    def __init__(
        self, part: Part, log: Path, environment: Mapping[str, str] = NOTHING, prefix: Sequence[str] = ()
    ) -> None:
        self.part, self.log = part, log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*prefix, *part.command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **environment},
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        status = self.process.poll()
        if status is None:
            return "has not ended"
        if status >= 0:
            return f"ended by itself with status {status}"
        return f"was ended by {signal.Signals(-status).name}"

    def kill(self) -> None:
        """As a crash: no signal handler runs."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Asks it to end, and kills it where it does not; gives its exit status. May be repeated."""
        if self.alive:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()
