"""Prediction records: one for each frame and subject, and their files.

`frames.jsonl` begins with a line that names the classes; then comes one line for each frame and subject, keys sorted,
probabilities with as many digits as tell a float32 from all others, so that what is read is what was written: the same
run again gives the same bytes. Latencies differ from run to run, so they have a file of their own, `latencies.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.parsing import parse_errors
from co_perception.engine.target import Category, Status
from co_perception.evaluation.result_folder import FRAMES, LATENCIES, writing

FORMAT = "co_perception frames 1"
DIGITS = 6  # of a share
LONGEST_LINE = 1 << 24  # bytes; a line with thousands of classes has some hundred thousand
MOST_NS = 2**63 - 1
ANSWERED = (Status.VALID, Status.UNCERTAIN)

Key = tuple[str, int, str] | tuple[str, int, str, str]
"""Recording, stamp, subject, and the group of a label set that has some: no two records of a run share them."""


@dataclass(frozen=True)
class FrameRecord:
    """The prediction about one subject after one frame.

    Args:
        stamp_ns: stamp of the frame.
        subject: whose activity; empty: the scene's.
        status: how far it can be trusted; None where the recognizer never got to see this frame (it was dropped).
        progress: share of the receptive field that was real input, 0..1.
        delay_ns: from the instant the scores describe to the frame.
        probabilities: (classes,) float32, None without scores; ignored by `==`.
        missing: frames of the source since the last record's that never reached the recognizer: dropped_frames of a
            message, or what a fault of the replay loses. Of all subjects of a frame it is the same.
        latency_s: from having the frame to having the answer.
        truth: what the subject did, None where that is not known.
        recording: name of the recording.
        group: of the label set that it answers; its probabilities are 0 for the classes of other groups. Empty where
            all classes are one group, and of a frame that never got to the recognizer.
        steps_back: how often stamps had gone back in its recording when it was answered.

    Raises:
        ValueError: where one of them is out of its range.
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
    group: str = ""
    steps_back: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.progress <= 1.0:
            raise ValueError(f"progress is a share 0..1, got {self.progress}.")
        if self.delay_ns < 0 or self.missing < 0:
            raise ValueError(f"delay_ns and missing are 0 or more, got {self.delay_ns} and {self.missing}.")
        values = self.probabilities
        if values is not None and (values.ndim != 1 or values.dtype != np.float32 or not np.isfinite(values).all()):
            raise ValueError(f"probabilities are (classes,) float32 and finite, got {values.shape} {values.dtype}.")

    @classmethod
    def of(
        cls,
        category: Category,
        stamp_ns: int,
        described_ns: int,
        *,
        subject: str = "",
        missing: int = 0,
        latency_s: float | None = None,
        recording: str = "",
        steps_back: int = 0,
    ) -> FrameRecord:
        """The record of a learner's answer to the frame of `stamp_ns`, whose scores describe `described_ns`."""
        return cls(
            stamp_ns, subject, category.status, category.progress, max(stamp_ns - described_ns, 0),
            category.probabilities, missing, latency_s, recording=recording, group=category.group,
            steps_back=steps_back,
        )  # fmt: skip

    @property
    def key(self) -> Key:
        place = self.recording, self.stamp_ns, self.subject
        return (*place, self.group) if self.group else place

    @property
    def dropped(self) -> bool:
        """Whether the recognizer never got to see this frame."""
        return self.status is None

    @property
    def answered(self) -> bool:
        """Whether its scores are an answer to this frame: neither warm-up nor left over from earlier."""
        return self.status in ANSWERED and self.probabilities is not None

    @property
    def best(self) -> int:
        """Index of the best class, the first of equals; -1 without scores."""
        return -1 if self.probabilities is None else int(np.argmax(self.probabilities))

    def top(self, most: int) -> list[tuple[int, float]]:
        """(index, probability) of the best classes, best first, of equals the lower index; empty without scores."""
        if self.probabilities is None:
            return []
        best = np.argsort(-self.probabilities, kind="stable")[:most]
        return [(int(k), float(self.probabilities[k])) for k in best]

    def label(self, classes: Sequence[str]) -> str:
        """What a robot would have acted on: the best class where the status is VALID, else the empty string."""
        return classes[self.best] if self.status == Status.VALID and self.best >= 0 else ""


class RecordWriter:
    """Writes records into a folder one by one, so that a long run needs no memory.

    Args:
        folder: made where it does not exist; `frames.jsonl` and `latencies.jsonl` in it are replaced.
        classes: names of the classes, by index.
        groups: the group of each; empty: all are one group.
    """

    def __init__(self, folder: Path | str, classes: Sequence[str], groups: Sequence[str] = ()) -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.classes = tuple(classes)
        self._paths = [folder / name for name in (FRAMES, LATENCIES)]
        self._frames, self._latencies = (path.open("w", encoding="utf-8", newline="\n") for path in self._paths)
        of_groups = {"groups": list(groups)} if groups else {}
        self._frames.write(_json_line({"format": FORMAT, "classes": list(self.classes), **of_groups}))

    def write(self, record: FrameRecord) -> None:
        """Writes the next record.

        Raises:
            ValueError: where its probabilities are not those of the classes.
            ResultFileError: where the disk is full.
        """
        scores = record.probabilities
        if scores is not None and len(scores) != len(self.classes):
            raise ValueError(
                f"{len(self.classes)} classes were named, and a record scores {len(scores)}: of which network?"
            )
        values = {
            "recording": record.recording,
            "stamp_ns": int(record.stamp_ns),
            "subject": record.subject,
            "status": "dropped" if record.status is None else Status(record.status).name.lower(),
            "label": record.label(self.classes),
            "truth": record.truth,
            "progress": round(float(record.progress), DIGITS),
            "delay_ns": int(record.delay_ns),
            "missing": int(record.missing),
            "probabilities": None if scores is None else [float(str(value)) for value in scores],
            **({"group": record.group} if record.group else {}),
            **({"steps_back": int(record.steps_back)} if record.steps_back else {}),
        }
        with writing(self._paths[0]):
            self._frames.write(_json_line(values))
        if record.latency_s is not None:
            with writing(self._paths[1]):
                self._latencies.write(_json_line({"key": record.key, "latency_s": record.latency_s}))

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            with writing(self._paths[0]):
                self._frames.close()
        finally:
            with writing(self._paths[1]):
                self._latencies.close()


def write_records(
    folder: Path | str, classes: Sequence[str], records: Iterable[FrameRecord], groups: Sequence[str] = ()
) -> None:
    """Writes all records of a run, see `RecordWriter`."""
    with RecordWriter(folder, classes, groups) as writer:
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

    Raises:
        FileNotFoundError: without a file.
        ValueError: for a line that is no record, with the file and its number.
    """
    classes, path = read_classes(folder), Path(folder) / FRAMES
    for number, found in enumerate(_lines(path), 1):
        if number > 1:
            with parse_errors(f"{path}, line {number} is no record", "one that was written here"):
                record = _from_json(found, len(classes))
            yield record


def read_latencies(folder: Path | str) -> dict[Key, float]:
    """Seconds from having a frame to having its answer, by `FrameRecord.key`; nothing where none were written."""
    path = Path(folder) / LATENCIES
    if not path.exists():
        return {}
    found: dict[Key, float] = {}
    for number, row in enumerate(_lines(path), 1):
        with parse_errors(f"{path}, line {number} is no latency", "one that was written here"):
            recording, stamp_ns, subject, *group = row["key"]
            key = (recording, stamp_ns, subject)
            found[(*key, group[0]) if group else key] = float(row["latency_s"])
    return found


def read_run(folder: Path | str) -> list[FrameRecord]:
    """The records of a folder with their latencies. Raises as `read_records`."""
    latencies = read_latencies(folder)
    return [replace(record, latency_s=latencies.get(record.key)) for record in read_records(folder)]


def first_of_each(records: Iterable[FrameRecord]) -> list[FrameRecord]:
    """The records without those of a key that an earlier one has: a clock that is set back repeats stamps."""
    found: dict[Key, FrameRecord] = {}
    for record in records:
        found.setdefault(record.key, record)
    return list(found.values())


def _from_json(found: Mapping[str, Any], classes: int) -> FrameRecord:
    scores = found["probabilities"]
    for name in ("stamp_ns", "delay_ns", "missing", *(["steps_back"] if "steps_back" in found else [])):
        if type(found[name]) is not int or abs(found[name]) > MOST_NS:
            raise ValueError(f"{name} is a whole number of 64 bits, got {type(found[name]).__name__}")
    for name in ("recording", "subject", "truth", *(["group"] if "group" in found else [])):
        if not isinstance(found[name], str) and not (found[name] is None and name == "truth"):
            raise ValueError(f"{name} is a text, got {type(found[name]).__name__}")
    if scores is not None and len(scores) != classes:
        raise ValueError(f"{len(scores)} probabilities of {classes} classes")
    status = None if found["status"] == "dropped" else Status[found["status"].upper()]
    return FrameRecord(
        found["stamp_ns"], found["subject"], status, found["progress"], found["delay_ns"],
        None if scores is None else np.array(scores, np.float32),
        found["missing"], truth=found["truth"], recording=found["recording"], group=found.get("group", ""),
        steps_back=found.get("steps_back", 0),
    )  # fmt: skip


def _json_line(values: Mapping[str, object]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            try:
                found = json.loads(line.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                why = f"{error}. Was the run that wrote it ended?"
                raise ValueError(f"{path}, line {number} is not JSON: {why}") from error
            if not isinstance(found, dict):
                raise ValueError(f"{path}, line {number} is no JSON object.")
            yield found
