"""Recording that is begun, marked and ended from a page: the work of `co-perception record` with buttons as keys."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from co_perception.nodes.recording.performance import MOST_LABELS, Performance
from co_perception.nodes.recording.record import RecordingPlan, RecordNode
from co_perception.nodes.recording.terminal import STOP

KEYS = "123456789abcdefghijklmnoprstuvwxyz"  # of the labels in their order; q ends a recording in a terminal
NAME = re.compile(r"\w[\w.-]{0,79}")
MOST_TOPICS, MOST_LETTERS = 32, 100


class Buttons:
    """Keys that a page presses."""

    def __init__(self) -> None:
        self._pressed = ""

    def press(self, keys: str) -> None:
        """Presses one key, or several one after the other."""
        self._pressed += keys

    def pressed(self) -> str:
        """The keys pressed since the last call."""
        keys, self._pressed = self._pressed, ""
        return keys


@dataclass(frozen=True)
class RecordingRequest:
    """What is to be recorded.

    Args:
        name: of a new folder.
        topics: to be recorded.
        labels: that may be marked.
        performance: what the performer is told, and marked as it is told; None: only what buttons mark.

    Raises:
        ValueError: for a name that is no plain name of a folder, for too many labels or topics, or none.
    """

    name: str
    topics: Sequence[str]
    labels: tuple[str, ...]
    performance: Performance | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"a recording is named by letters, digits, - and _, got {self.name!r:.100}")
        if not 1 <= len(self.topics) <= MOST_TOPICS:
            raise ValueError(f"1 to {MOST_TOPICS} topics are recorded, got {len(self.topics)}: choose the skeletons")
        whole = all(label.strip() == label and 0 < len(label) <= MOST_LETTERS for label in self.labels)
        if not whole or len(set(self.labels)) < len(self.labels) or len(self.labels) > MOST_LABELS:
            raise ValueError(f"labels are up to {MOST_LABELS} different short texts, got {list(self.labels)!r:.100}")


class RecordingSession:
    """A recording that runs, and its countdown. All of it runs on the thread that spins `node`.

    Args:
        folder: in which the recording's folder is made.
        request: what is recorded.

    Raises:
        FileExistsError, OSError: where the recording cannot be made.
    """

    def __init__(self, folder: Path, request: RecordingRequest) -> None:
        self.path, self._request = folder / request.name, request
        self._keys = dict(zip(request.labels, KEYS, strict=False))
        self._buttons, self._begun_s = Buttons(), monotonic()
        self._prompted = ""  # the label that the countdown has begun
        self._screen: TextIO = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - closed by close()
        plan = RecordingPlan(self.path, tuple(request.topics), {key: label for label, key in self._keys.items()})
        try:
            self.node = RecordNode(plan, self._buttons, self._screen)
        except BaseException:
            self._screen.close()
            raise

    def mark(self, label: str) -> None:
        """Begins a label, or ends it if it is the current one; the empty label ends any. Raises: ValueError."""
        if label and label not in self._keys:
            raise ValueError(f"{label!r:.100} is none of this recording's labels: {', '.join(self._keys)}")
        self._buttons.press(self._keys[label] if label else STOP)

    def look(self) -> dict[str, Any]:
        """Lets the countdown mark what it tells, and says where all stands; to be called several times a second."""
        node, performance = self.node, self._request.performance
        state = None
        if performance is not None:
            state = performance.at(monotonic() - self._begun_s)
            if state.label != self._prompted:
                self._prompted = state.label
                # A key that is pressed again ends its label: somebody may have pressed it before the countdown did.
                self._buttons.press(STOP + self._keys.get(state.label, ""))
        return {
            "name": self._request.name,
            "labels": list(self._request.labels),
            "seconds": round(node.seconds, 1),
            "messages": node.messages,
            "awaited": node.awaited,
            "label": node.annotations.label,
            "performance": asdict(state) if state is not None else None,
            "done": node.done or (state is not None and state.over),
        }

    def close(self) -> dict[str, Any]:
        """Ends the recording, and says what is in it."""
        intervals = self.node.close()
        found = {
            "name": self._request.name,
            "path": str(self.path),
            "messages": self.node.messages,
            "marked": len(intervals),
            "lacking": self.node.lacking,
            "problem": self.node.problem,
        }
        self.node.destroy_node()
        self._screen.close()
        return found
