"""One recording through one recogniser, from the bag's file to files of records: a task that any process can do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from co_perception.data.bag_file import IMAGES, SKELETONS, Bag
from co_perception.data.bag_frames import Frames, Sighting, image_frames, paired, skeleton_frames
from co_perception.data.faults import Fault
from co_perception.data.people_messages import Reading, sifted
from co_perception.engine.data import Image
from co_perception.engine.settings import Value, values_of
from co_perception.evaluation.recorded import ACTIVITIES, recorded
from co_perception.evaluation.records import FRAMES, LATENCIES, FrameRecord, RecordWriter
from co_perception.learners.recognisers import KINDS, PERSON
from co_perception.learners.replay import replay
from co_perception.pose.finder import FINDING, Finder, build

ACTIVITY = "activity"
"""The kind of recogniser that answered while the recording was made."""
RECOGNISERS = (*KINDS, ACTIVITY)
Settings = tuple[tuple[str, Value], ...]
Told = Callable[[float], None]


@dataclass(frozen=True)
class Task:
    """What is to be done; it can be pickled.

    Args:
        bag: where the recording lies, on the machine that does it.
        recording: its name in the records.
        recogniser: one of RECOGNISERS.
        folder: where the records are written.
        settings: those of the recogniser that are not as in its node's table.
        pose: those of the pose estimator that finds people in the bag's pictures; None: the bag has skeletons, or
            nobody needs them.
        topic: of what the recogniser looks at, where there are several.
        fault: what goes wrong with the frames.
    """

    bag: str
    recording: str
    recogniser: str
    folder: str
    settings: Settings = ()
    pose: Settings | None = None
    topic: str | None = None
    fault: Fault = Fault()


@dataclass(frozen=True)
class Done:
    """What came of a task.

    Args:
        classes, recogniser: labels and name; empty where it did not get so far.
        records: how many were written.
        origin_ns: stamp at which the recording starts.
        span_ns: stamps of the first and the last frame that was looked at; None without a frame.
        damage: what of the recording is lost.
        error: why it ended early, empty where it did not.
    """

    task: Task
    classes: tuple[str, ...] = ()
    recogniser: str = ""
    records: int = 0
    origin_ns: int = 0
    span_ns: tuple[int, int] | None = None
    damage: tuple[str, ...] = ()
    error: str = ""


def perform(task: Task, told: Told = lambda share: None) -> Done:
    """Does it. What goes wrong with one recording is told in the result, and what was written before stays.

    told: is given the share of the recording that is done, now and then.
    """
    run = _Run(task, told)
    try:
        run.write()
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        run.done = replace(run.done, error=str(error) or type(error).__name__)
    return run.done


def perform_away(task: Task) -> tuple[Done, dict[str, bytes]]:
    """The same on a machine that does not share the folder: its files come with the result."""
    with TemporaryDirectory(prefix="co_perception_") as folder:
        done = perform(replace(task, folder=folder))
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name in (FRAMES, LATENCIES)}
    return replace(done, task=task), files


def brought_home(away: tuple[Done, dict[str, bytes]]) -> Done:
    """Writes the files of `perform_away` where the task wanted them."""
    done, files = away
    folder = Path(done.task.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return done


class _Run:
    """A task on its way; `done` is what is known so far."""

    def __init__(self, task: Task, told: Told) -> None:
        self.task, self._told = task, told
        self.done = Done(task)

    def write(self) -> None:
        """Writes all records."""
        with Bag(self.task.bag) as bag, ExitStack() as stack:
            try:
                records = self._recorded(bag) if self.task.recogniser == ACTIVITY else self._replayed(bag, stack)
                with RecordWriter(self.task.folder, self.done.classes) as writer:
                    for record in records:
                        writer.write(record)
                        self.done = replace(self.done, records=self.done.records + 1)
            finally:
                self.done = replace(self.done, damage=tuple(bag.damage))

    def _recorded(self, bag: Bag) -> Iterator[FrameRecord]:
        topic = bag.topic(ACTIVITIES, self.task.topic)
        name, classes, records = recorded(bag, topic)
        self._know(bag, topic, classes, name)
        return (replace(self._looked_at(record), recording=self.task.recording) for record in records)

    def _replayed(self, bag: Bag, stack: ExitStack) -> Iterator[FrameRecord]:
        task = self.task
        pictures = task.recogniser == "video" or task.pose is not None
        topic = bag.topic(IMAGES if pictures else SKELETONS, task.topic)
        values, learner = _loaded(task.recogniser, task.settings)
        self._know(bag, topic, learner.labels, learner.name)
        source = image_frames(bag, topic) if pictures else skeleton_frames(bag, topic)
        frames = task.fault.spoil(self._watched(source, bag.count(topic)))
        each_person = task.recogniser == "video" and values.subject == PERSON
        if task.pose is not None:
            finding = values_of(FINDING, dict(task.pose))
            estimator = build(finding)
            stack.callback(estimator.close)
            frames = posed(frames, Finder(estimator, finding), with_picture=each_person)
        elif each_person:
            frames = paired(frames, skeleton_frames(bag))
        return replay(KINDS[task.recogniser].recogniser(learner, values), frames, task.recording)

    def _know(self, bag: Bag, topic: str, classes: Any, name: str) -> None:
        self.done = replace(self.done, classes=tuple(classes), recogniser=name, origin_ns=bag.origin_ns(topic))

    def _watched(self, frames: Frames, count: int) -> Frames:
        for number, frame in enumerate(frames):
            self._told(number / count)
            yield self._looked_at(frame)

    def _looked_at(self, one: Any) -> Any:
        """One with a stamp."""
        first_ns = self.done.span_ns[0] if self.done.span_ns else one.stamp_ns
        self.done = replace(self.done, span_ns=(first_ns, one.stamp_ns))
        return one


def posed(frames: Frames, finder: Finder, with_picture: bool = False) -> Frames:
    """The people in each picture in its place, as the node `pose` would have sent them; it looks at every frame.

    with_picture: as `Sighting`, else as `Reading`.
    """
    for frame in frames:
        try:
            image = Image(frame.read().data, frame.told_ns)
        except ValueError:
            yield frame  # whoever reads it is told again
            continue
        height, width = image.data.shape[:2]
        people = sifted(finder.find(image).poses, (width, height))
        yield replace(frame, read=partial(_checked, people, image if with_picture else None))


def _checked(people: Reading, image: Image | None) -> Reading | Sighting:
    people.check()
    return people if image is None else Sighting(image, people)


@lru_cache(maxsize=1)
def _loaded(recogniser: str, settings: Settings) -> tuple[SimpleNamespace, Any]:
    """The settings and the learner, once for all recordings that a process reads: each begins with a fresh state."""
    kind = KINDS[recogniser]
    values = values_of(kind.table, dict(settings))
    return values, kind.loaded(values)
