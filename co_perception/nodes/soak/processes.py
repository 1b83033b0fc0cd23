"""Start nodes as processes, as a launch file does, and read their resource usage from /proc. No ROS in here."""

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

NOTHING: Mapping[str, str] = MappingProxyType({})
PATIENCE_S = 10.0  # for which a node that was asked to end may take its time before it is killed
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Resources of a process: resident memory with shared libraries, threads, open files, CPU time of all threads."""

    memory_mb: float
    threads: int
    descriptors: int
    cpu_s: float


def usage(pid: int) -> Usage:
    """The usage of a running process. Raises OSError where there is none, or no permission."""
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
class NodeCommand:
    """How to start a node of this package.

    Args:
        module: the node's module in co_perception.nodes.
        parameters: by name.
        remappings: of topics, by their name in the node.
        name: of the node; empty: its own.
    """

    module: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    @property
    def arguments(self) -> list[str]:
        """The command line."""
        arguments = [sys.executable, "-m", "co_perception.nodes.entry", self.module, "--ros-args"]
        for old, new in {**self.remappings, **({"__node": self.name} if self.name else {})}.items():
            arguments += ["-r", f"{old}:={new}"]
        for name, value in self.parameters.items():
            arguments += ["-p", f"{name}:={json.dumps(value)}"]  # read as YAML, which JSON is
        return arguments


class NodeProcess:
    """A running node process; a context manager that ends it.

    Args:
        command: the node.
        log: file that takes what it writes; appended to.
        environment: variables besides those of this process.
        prefix: command that runs it, such as one that enters a network namespace.
    """

    def __init__(
        self, command: NodeCommand, log: Path, environment: Mapping[str, str] = NOTHING, prefix: Sequence[str] = ()
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*prefix, *command.arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **environment},
            )  # fmt: skip

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
        """Kills it, as a crash would: no signal handler runs."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Sends SIGINT, and kills it after PATIENCE_S; returns the exit status. Idempotent."""
        if self.alive:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()
