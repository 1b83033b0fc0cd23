"""Recording that is begun, marked and ended from a page: the work of `co-perception record` with buttons as keys."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from co_perception.engine.time import NANO
from co_perception.nodes.recording.performance import MOST_LABELS, Performance
from co_perception.nodes.recording.record import RecordingPlan, RecordNode
from co_perception.nodes.recording.terminal import STOP, KeyPress

KEYS = "123456789abcdefghijklmnoprstuvwxyz"  # of the labels in their order; q ends a recording in a terminal
NAME = re.compile(r"\w[\w.-]{0,79}")
MOST_TOPICS, MOST_LETTERS = 32, 100


class Buttons:
    """Keys that a page presses."""

    def __init__(self) -> None:
        self._pressed: list[KeyPress] = []

    def press(self, keys: str, at_ns: int) -> None:
        """Presses one key, or several one after the other, at that time by the steady clock."""
        self._pressed += [KeyPress(key, at_ns) for key in keys]

    def pressed(self) -> list[KeyPress]:
        """The keys pressed since the last call."""
        keys, self._pressed = self._pressed, []
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
        self._buttons, self._prompted_s = Buttons(), 0.0  # up to which the countdown has marked
        self._screen: TextIO = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - closed by close()
        plan = RecordingPlan(self.path, tuple(request.topics), {key: label for label, key in self._keys.items()})
        try:
            self.node = RecordNode(plan, self._buttons, self._screen)
        except BaseException:
            self._screen.close()
            raise

    def mark(self, label: str, at_s: float | None, now_ns: int) -> None:
        """Begins a label, or ends it if it is the current one; the empty label ends any. Raises: ValueError.

        Args:
            at_s: when it was pressed, in `seconds` of the recording; None: now.
            now_ns: by the steady clock, when that was asked.
        """
        if label and label not in self._keys:
            raise ValueError(f"{label!r:.100} is none of this recording's labels: {', '.join(self._keys)}")
        at_ns = now_ns if at_s is None else min(self.node.began_ns + round(at_s * NANO), now_ns)
        self._buttons.press(self._keys[label] if label else STOP, max(at_ns, self.node.began_ns))

    def look(self) -> dict[str, Any]:
        """Lets the countdown mark what it tells, and says where all stands; to be called several times a second."""
        node, performance = self.node, self._request.performance
        state, shown = None, None
        if performance is not None:
            seconds = node.seconds
            state = performance.at(seconds)
            for change_s, label in performance.changes(self._prompted_s, seconds):
                # A key that is pressed again ends its label: somebody may have pressed it before the countdown did.
                keys = STOP + self._keys.get(label, "")
                self._buttons.press(keys, node.began_ns + round(change_s * NANO))
            self._prompted_s = seconds
            shown = {**asdict(state), "whole_s": performance.act_s if state.label else performance.rest_s}
        return {
            "name": self._request.name,
            "labels": list(self._request.labels),
            "seconds": round(node.seconds, 3),
            "messages": node.messages,
            "awaited": node.awaited,
            "warnings": node.warnings,
            "label": node.annotations.label,
            "performance": shown,
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
            "slow": self.node.slow,
            "problem": self.node.problem,
        }
        self.node.destroy_node()
        self._screen.close()
        return found
