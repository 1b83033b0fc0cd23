"""What a recogniser said, frame by frame and subject by subject, as lines of JSON that two runs can be compared by.

`frames.jsonl` begins with a line that names the classes; then comes one line for each frame and subject, keys sorted,
probabilities to six digits: the same run again gives the same bytes. How long things took is never the same again, so
it lies in a file of its own, `latencies.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from co_perception.data.damage import reading
from co_perception.engine.target import Category, Status

FRAMES, LATENCIES = "frames.jsonl", "latencies.jsonl"
FORMAT = "co_perception frames 1"
DIGITS = 6
LONGEST_LINE = 1 << 24  # bytes; of thousands of classes it has some hundred thousand
MOST_NS = 2**63 - 1
ANSWERED = (Status.VALID, Status.UNCERTAIN)

Key = tuple[str, int, str]
"""Recording, stamp and subject: what tells one record from another."""


@dataclass(frozen=True)
class FrameRecord:
    """What stood for one subject after one frame.

    Args:
        stamp_ns: stamp of the frame.
        subject: whose activity; empty: the scene's.
        status: how far it can be trusted; None where the recogniser never got to see this frame (it was dropped).
        progress: share of the receptive field that was real input, 0..1.
        delay_ns: from the instant the scores describe to the frame.
        probabilities: (classes,) float32, None while no score stands; compared by nobody.
        missing: ticks just before this frame for which the source had no frame at all; not those without this subject.
        latency_s: from having the frame to having the answer.
        truth: what the subject did, None where that is not known.
        recording: name of the recording.

    Raises: ValueError where one of them is out of its range.
    """

    stamp_ns: int
    subject: str = ""
    status: Status | None = Status.VALID
    progress: float = 1.0
    delay_ns: int = 0
    probabilities: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    missing: int = 0
    latency_s: float | None = None
    truth: str | None = None
    recording: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.progress <= 1.0:
            raise ValueError(f"progress is a share 0..1, got {self.progress}.")
        if self.delay_ns < 0 or self.missing < 0:
            raise ValueError(f"delay_ns and missing are 0 or more, got {self.delay_ns} and {self.missing}.")
        values = self.probabilities
        if values is not None and (values.ndim != 1 or values.dtype != np.float32 or not np.isfinite(values).all()):
            raise ValueError(f"probabilities are (classes,) float32 and finite, got {values.shape} {values.dtype}.")

    @classmethod
    def of(cls, category: Category, stamp_ns: int, described_ns: int, **others: Any) -> FrameRecord:
        """The record of a learner's answer to the frame of `stamp_ns`; `others` as in the class."""
        delay_ns, scores = max(stamp_ns - described_ns, 0), category.probabilities
        return cls(
            stamp_ns, status=category.status, progress=category.progress, delay_ns=delay_ns, probabilities=scores,
            **others,
        )  # fmt: skip

    @property
    def key(self) -> Key:
        return self.recording, self.stamp_ns, self.subject

    @property
    def dropped(self) -> bool:
        """Whether the recogniser never got to see this frame."""
        return self.status is None

    @property
    def answered(self) -> bool:
        """Whether its scores are an answer to this frame: neither warm-up nor left over from earlier."""
        return self.status in ANSWERED and self.probabilities is not None

    @property
    def best(self) -> int:
        """Index of the best class, of equals the first; -1 without scores."""
        return -1 if self.probabilities is None else int(np.argmax(self.probabilities))

    def label(self, classes: Sequence[str]) -> str:
        """What a robot would have acted on: the best class where it is valid, else nothing."""
        return classes[self.best] if self.status == Status.VALID and self.best >= 0 else ""


class RecordWriter:
    """Writes records into a folder, one after the other, so that a long run needs no memory.

    Args:
        folder: made where it does not exist; `frames.jsonl` and `latencies.jsonl` in it are replaced.
        classes: names of the classes, by index.
    """

    def __init__(self, folder: Path | str, classes: Sequence[str]) -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.classes = tuple(classes)
        self._stack = ExitStack()
        self._frames = self._open(folder / FRAMES)
        self._latencies = self._open(folder / LATENCIES)
        self._frames.write(_text({"format": FORMAT, "classes": list(self.classes)}))

    def write(self, record: FrameRecord) -> None:
        """The next record. Raises ValueError where its probabilities are not those of the classes."""
        self._frames.write(_text(_plain(record, self.classes)))
        if record.latency_s is not None:
            self._latencies.write(_text({"key": record.key, "latency_s": record.latency_s}))

    def _open(self, path: Path) -> TextIO:
        return self._stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()


def write_records(folder: Path | str, classes: Sequence[str], records: Iterable[FrameRecord]) -> None:
    """All records at once, see `RecordWriter`."""
    with RecordWriter(folder, classes) as writer:
        for record in records:
            writer.write(record)


def read_classes(folder: Path | str) -> tuple[str, ...]:
    """The classes of a folder's records. Raises as `read_records`."""
    path = Path(folder) / FRAMES
    head = next(_lines(path), {})
    if head.get("format") != FORMAT or not isinstance(head.get("classes"), list):
        raise ValueError(f"{path} does not begin with the line of {FORMAT!r} that names the classes.")
    return tuple(map(str, head["classes"]))


def read_records(folder: Path | str) -> Iterator[FrameRecord]:
    """The records of a folder in their order, without latencies.

    Raises: FileNotFoundError; ValueError that names the file and the line for what is no record.
    """
    classes, path = read_classes(folder), Path(folder) / FRAMES
    for number, found in enumerate(_lines(path), 1):
        if number > 1:
            with reading(f"{path}, line {number} is no record", "one that was written here"):
                record = _record(found, len(classes))
            yield record


def read_latencies(folder: Path | str) -> dict[Key, float]:
    """Seconds from having a frame to having its answer, by `FrameRecord.key`; nothing where none were written."""
    path = Path(folder) / LATENCIES
    if not path.exists():
        return {}
    found: dict[Key, float] = {}
    for number, row in enumerate(_lines(path), 1):
        with reading(f"{path}, line {number} is no latency", "one that was written here"):
            recording, stamp_ns, subject = row["key"]
            found[recording, stamp_ns, subject] = float(row["latency_s"])
    return found


def with_latencies(records: Iterable[FrameRecord], latencies: Mapping[Key, float]) -> Iterator[FrameRecord]:
    """The records with what `read_latencies` says of them."""
    return (replace(record, latency_s=latencies.get(record.key)) for record in records)


def _plain(record: FrameRecord, classes: Sequence[str]) -> dict[str, Any]:
    scores = record.probabilities
    if scores is not None and len(scores) != len(classes):
        raise ValueError(f"{len(classes)} classes were named, and a record scores {len(scores)}: of which network?")
    return {
        "recording": record.recording,
        "stamp_ns": int(record.stamp_ns),
        "subject": record.subject,
        "status": "dropped" if record.status is None else Status(record.status).name.lower(),
        "label": record.label(classes),
        "truth": record.truth,
        "progress": round(float(record.progress), DIGITS),
        "delay_ns": int(record.delay_ns),
        "missing": int(record.missing),
        "probabilities": None if scores is None else [round(value, DIGITS) for value in scores.tolist()],
    }


def _record(found: Mapping[str, Any], classes: int) -> FrameRecord:
    scores = found["probabilities"]
    for name in ("stamp_ns", "delay_ns", "missing"):
        if type(found[name]) is not int or abs(found[name]) > MOST_NS:
            raise ValueError(f"{name} is a whole number of 64 bits, got {type(found[name]).__name__}")
    for name in ("recording", "subject", "truth"):
        if not isinstance(found[name], str) and not (found[name] is None and name == "truth"):
            raise ValueError(f"{name} is a text, got {type(found[name]).__name__}")
    if scores is not None and len(scores) != classes:
        raise ValueError(f"{len(scores)} probabilities of {classes} classes")
    status = None if found["status"] == "dropped" else Status[found["status"].upper()]
    return FrameRecord(
        found["stamp_ns"], found["subject"], status, found["progress"], found["delay_ns"],
        None if scores is None else np.array(scores, np.float32),
        found["missing"], truth=found["truth"], recording=found["recording"],
    )  # fmt: skip


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            yield _object(path, number, line)


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}, line {number} is not JSON: {error}. Was the run that wrote it ended?") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}, line {number} is no JSON object.")
    return found
