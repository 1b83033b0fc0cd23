"""Client of a contestant's process: requests steps over a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

from bench.clock import LEAD

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-peers/bin/python"
LONGEST_S = 600.0  # that a contestant may take to be built, or for one block


class Gone(RuntimeError):
    """A contestant that cannot take part, or cannot go on; the message says why."""


class Remote:
    """A contestant's process, which computes only on request. After `Gone`, close it."""

    def __init__(
        self,
        contestant: str,
        network: str = "-",
        *,
        threads: int = 2,
        device: str = "cpu",
        python: Path | str = sys.executable,
        longest_s: float = LONGEST_S,
    ) -> None:
        paths = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "test"), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self.facts: dict[str, Any] = {}
        self.joules: list[float | None] = []  # of a step, block by block
        self.memory_bytes, self.peak_memory_bytes = 0, 0
        self._longest_s = longest_s
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed with the process
        self._process = subprocess.Popen(
            [str(python), "-m", "bench.worker", contestant, network, str(threads), device],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment,
        )  # fmt: skip

    def ready(self) -> dict[str, Any]:
        """Builds and warms up the contestant; returns its properties."""
        self.facts = self._ask("build")
        if "error" in self.facts:
            raise Gone(self.facts["error"])
        return self.facts

    def steps(self, count: int) -> list[int]:
        """Nanoseconds of each of the next `count` steps."""
        answer = self._ask(str(count))
        self.joules.append(None if answer["joules"] is None else answer["joules"] / (count + LEAD))
        self.memory_bytes, self.peak_memory_bytes = answer["memory_bytes"], answer["peak_memory_bytes"]
        return [int(value) for value in answer["ns"]]

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _ask(self, request: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{request}\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise Gone(self._last_words()) from error
        return self._read()

    def _read(self) -> dict[str, Any]:
        too_long = Timer(self._longest_s, self._process.kill)
        too_long.start()
        try:
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
        finally:
            too_long.cancel()
        if not line:
            raise Gone(self._last_words())
        return dict(json.loads(line))

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f"its process ended ({code}): {lines[-1] if lines else 'no message'}"
