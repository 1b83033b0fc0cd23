"""Replay of recordings through a recognizer, and as an evaluation task: from a bag to files of records, in any process.

Frames are answered as the recognizer's node would have answered them had it kept up.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

from co_perception.data.bags.bag_file import IMAGES, SKELETONS, Bag
from co_perception.data.bags.bag_frames import (
    Fault,
    FrameStream,
    RecordedFrame,
    image_frames,
    skeleton_frames,
)
from co_perception.data.bags.recorded_clock import RecordedClock
from co_perception.data.content_sketch import ContentSketch
from co_perception.data.messages.decoding_counts import MALFORMED
from co_perception.data.messages.people import SENSELESS, DetectedPeople, ImageWithPeople, from_poses
from co_perception.engine.data import Image
from co_perception.engine.settings import Value, values_of
from co_perception.engine.stage_counts import LOST_RECORDINGS, Stage, StageCounts
from co_perception.engine.time import NANO
from co_perception.evaluation.activity_topic import ACTIVITIES, recorded, unlisted_score
from co_perception.evaluation.provenance import digest_of_all
from co_perception.evaluation.records import FrameRecord, RecordWriter
from co_perception.evaluation.result_folder import FRAMES, LATENCIES, ResultFileError, writing
from co_perception.learners.paired_frames import OUTDATED, UNPAIRED, WAITING, paired
from co_perception.learners.recognizers import KINDS, PERSON, RecognizerSettings, VideoSettings
from co_perception.learners.shown_content import ShownContent
from co_perception.online.pacing import Verdict
from co_perception.online.recognizer import NOT_TAKEN, Recognizer, label_groups
from co_perception.pose.finder import Finder, PoseSettings, build
from co_perception.skeletons.separate_people import SeparatePeople

ACTIVITY = "activity"  # the kind of recognizer that answered while the recording was made
RECOGNIZERS = (*KINDS, ACTIVITY)
Settings = tuple[tuple[str, Value], ...]
Report = Callable[[float], None]  # takes the share of a recording that is done, now and then


RECEIVED, UNREADABLE, PROCESSED = "received", "unreadable", "processed"


def replay(
    recognizer: Recognizer[Any],
    frames: Iterable[RecordedFrame],
    recording: str = "",
    counts: Counter[str] | None = None,
) -> Iterator[FrameRecord]:
    """One record for each subject after each frame that the recognizer's clock takes.

    The pacer judges every stamp, frames it takes are read, and the recognizer answers them: in this order, by the same
    `online.recognizer` that the node has. No frame is dropped for lack of time, so the same frames always give the same
    records. A frame that cannot be read is a record without a status: a node would have dropped it. Frames without
    people have no record. What `Fault.drop` loses is `FrameRecord.missing` of the next record, as `dropped_frames` is
    of a message's.

    Args:
        recognizer: with a fresh state.
        frames: in the order in which they arrived.
        recording: its name, for the records.
        counts: gets what became of the frames, under the names of the node's diagnostics: received, processed, early,
            late, duplicate, unreadable.
    """
    counts = Counter() if counts is None else counts
    missing = steps_back = before_ns = 0
    for frame in frames:
        missing += frame.lost
        admission = recognizer.admit(frame.reported_ns)
        counts[RECEIVED] += 1
        if admission.verdict != Verdict.TAKE:
            counts[admission.verdict.value] += 1
            continue
        steps_back, before_ns = steps_back + (frame.stamp_ns < before_ns), frame.stamp_ns
        began_ns = perf_counter_ns()
        try:
            answered = recognizer.answer(frame.read(), frame.reported_ns, admission)
        except ValueError:
            counts[UNREADABLE] += 1
            yield FrameRecord(frame.stamp_ns, status=None, progress=0.0, recording=recording, steps_back=steps_back)
            continue
        if answered is None:
            continue
        counts[PROCESSED] += 1
        latency_s = (perf_counter_ns() - began_ns) / NANO
        for answer in answered.answers:
            # Stamps that are wrong on purpose are wrong for the recognizer only.
            described_ns = frame.stamp_ns - (frame.reported_ns - answer.described_ns)
            yield FrameRecord.of(
                answer.category, frame.stamp_ns, described_ns,
                subject=answer.subject, missing=missing, latency_s=latency_s, recording=recording,
                steps_back=steps_back,
            )  # fmt: skip
        missing = 0 if answered.answers else missing


@dataclass(frozen=True)
class EvaluationTask:
    """One recording to be answered by one recognizer; it can be pickled."""

    bag: str  # where the recording lies, on the machine that does it
    recording: str  # its name in the records
    recognizer: str  # one of RECOGNIZERS
    folder: str  # where the records are written
    settings: Settings = ()  # those of the recognizer that are not as in its node's table
    pose: Settings | None = None  # of the estimator that finds people in the bag's pictures; None: not needed
    topic: str | None = None  # of what the recognizer looks at, where there are several
    fault: Fault = Fault()  # what goes wrong with the frames


@dataclass
class TaskResult:
    """Result of a task, filled while it is performed."""

    task: EvaluationTask
    classes: tuple[str, ...] = ()  # labels; empty where it did not get so far
    groups: tuple[str, ...] = ()  # of each label; empty where all are one group
    recognizer: str = ""  # name; likewise
    topic: str = ""  # of what the recognizer looks at
    records: int = 0  # number of records that were written
    clock: RecordedClock = RecordedClock()  # that stamps the frames
    frames_ns: tuple[int, int] | None = None  # lowest and highest stamp of the frames that were looked at
    counts: Counter[str] = field(default_factory=Counter)  # what became of the frames, as of `replay`
    damage: tuple[str, ...] = ()  # what of the recording is lost, or cannot be read
    stages: StageCounts = field(default_factory=StageCounts)  # what was lost between messages and windows
    warnings: tuple[str, ...] = ()  # what makes answers doubtful though everything was read
    unlisted: float = 0.0  # most that a class can have scored that recorded answers do not list
    error: str = ""  # why it ended early, empty where it did not
    contents: set[bytes] = field(default_factory=set)  # digests of what its frames show; of answers, their scores
    trained_on: tuple[int, int] | None = None  # poses of the model's training, of those compared; None: none can be

    def note_training(self, known: ContentSketch, shown: ShownContent) -> None:
        """Notes whether the model was trained on what was shown."""
        sketch = shown.sketch()
        shared, compared = known.shared(sketch)
        self.trained_on = shared if known.contains(sketch) else 0, compared

    def note_rate(self, recognizer: Recognizer[Any]) -> None:
        """Notes whether the frames came too slowly for a label."""
        self.warnings += tuple(filter(None, [recognizer.input_rate.first_warning]))

    def note_frame(self, stamp_ns: int) -> None:
        """Notes that the frame of this stamp is looked at."""
        lowest_ns, highest_ns = self.frames_ns or (stamp_ns, stamp_ns)
        self.frames_ns = min(lowest_ns, stamp_ns), max(highest_ns, stamp_ns)


class LearnerCache:
    """The settings and the learner of the newest task: a process loads a learner once for all its recordings.

    A learner is known by its settings and the content of its files.

    Each recording gets a new recognizer, which resets the learner before its first frame.
    """

    def __init__(self) -> None:
        self._loaded: tuple[tuple[str, Settings, str], RecognizerSettings, Any] | None = None

    def load(self, recognizer: str, settings: Settings) -> tuple[RecognizerSettings, Any]:
        """Settings and learner of a recognizer, with weights. Raises what the learner raises."""
        kind = KINDS[recognizer]
        values: RecognizerSettings = values_of(kind.settings, dict(settings))
        files = filter(None, (kind.weights(values), getattr(values, "tasks", "")))  # they may be others since
        key = (recognizer, settings, digest_of_all(path for path in files if Path(path).exists()))
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # the memory of one is free before another is loaded
            self._loaded = key, values, kind.loaded(values)
        return self._loaded[1:]


PROCESS_CACHE = LearnerCache()  # a pool of processes hands its workers tasks and nothing that outlives them


def run_task(
    task: EvaluationTask, report: Report = lambda share: None, cache: LearnerCache = PROCESS_CACHE
) -> TaskResult:
    """Performs a task. Errors of one recording are part of the result, and what was written before stays.

    Raises:
        ResultFileError: where the result cannot be written.
    """
    result = TaskResult(task)
    try:
        with Bag(task.bag) as bag, ExitStack() as stack:
            try:
                answers = task.recognizer == ACTIVITY
                records = _recorded(bag, result) if answers else _replayed(bag, result, report, cache, stack)
                with RecordWriter(task.folder, result.classes, result.groups) as writer:
                    for record in records:
                        writer.write(record)
                        result.records += 1
                result.clock = bag.clock(result.topic)  # known when all was read
            finally:
                lost = sum(result.counts[event] for event in (UNPAIRED, OUTDATED, WAITING))
                result.stages.lose(Stage.PEOPLE, "pictures without skeletons of the same stamp", lost)
                result.damage = (*bag.damage, *_unreadable(result.stages, result.topic))
    except ResultFileError:
        raise  # it is not the recording's
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        result.error = str(error) or type(error).__name__
        if not result.stages.passed(Stage.MESSAGES):
            result.stages.lose(Stage.MESSAGES, LOST_RECORDINGS, detail=result.error)
    return result


def run_task_remotely(task: EvaluationTask) -> tuple[TaskResult, dict[str, bytes]]:
    """The same on a machine that does not share the folder: its files come with the result."""
    with TemporaryDirectory(prefix="co_perception_") as folder:
        result = run_task(replace(task, folder=folder))
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name in (FRAMES, LATENCIES)}
    return replace(result, task=task), files


def store_result(away: tuple[TaskResult, dict[str, bytes]]) -> TaskResult:
    """Writes the files of `run_task_remotely` where the task wanted them."""
    result, files = away
    folder = Path(result.task.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        with writing(folder / name):
            (folder / name).write_bytes(content)
    return result


def _recorded(bag: Bag, result: TaskResult) -> Iterator[FrameRecord]:
    """The records of the answers in the bag."""
    result.topic = bag.topic(ACTIVITIES, result.task.topic)
    answers = recorded(bag, result.topic, result.stages)
    result.recognizer, result.classes, result.groups = answers.recognizer, answers.classes, answers.groups

    def noted() -> Iterator[FrameRecord]:
        for record in answers.records:
            result.note_frame(record.stamp_ns)
            if record.probabilities is not None:
                result.contents.add(blake2b(record.probabilities.tobytes(), digest_size=8).digest())
            result.unlisted = max(result.unlisted, unlisted_score(record))
            yield replace(record, recording=result.task.recording)

    return noted()


def _replayed(
    bag: Bag, result: TaskResult, report: Report, cache: LearnerCache, stack: ExitStack
) -> Iterator[FrameRecord]:
    """The records of a recognizer's answers to the frames in the bag. `stack` closes what it opens."""
    task = result.task
    images = task.recognizer == "video" or task.pose is not None
    topic = result.topic = bag.topic(IMAGES if images else SKELETONS, task.topic)
    values, learner = cache.load(task.recognizer, task.settings)
    result.classes, result.recognizer = tuple(learner.labels), learner.name
    result.groups = label_groups(learner)

    clean = task.fault == Fault(seed=task.fault.seed)
    known = not images and len(learner.trained_on.digests) > 0
    shown = ShownContent(learner.layout) if clean and known else None

    def watched(frames: FrameStream, count: int) -> FrameStream:
        for number, frame in enumerate(frames):
            report(number / count)
            result.note_frame(frame.stamp_ns)
            if clean:
                result.contents.add(frame.content())
            yield frame if shown is None else shown.noting(frame)

    stages = result.stages
    source = image_frames(bag, topic, stages) if images else skeleton_frames(bag, topic, stages)
    frames = task.fault.apply(watched(source, bag.count(topic)))
    each_person = isinstance(values, VideoSettings) and values.subject == PERSON
    if task.pose is not None:
        finding = values_of(PoseSettings, dict(task.pose))
        if finding.camera_motion == "tf":
            raise ValueError("camera_motion 'tf' needs the node pose, which looks TF up: take 'image' here.")
        estimator = build(finding)
        stack.callback(estimator.close)
        frames = posed(frames, Finder(estimator, finding), each_person, result.counts, stages)
    elif each_person:
        frames = paired(frames, skeleton_frames(bag, counts=stages), result.counts)
    recognizer = KINDS[task.recognizer].recognizer(learner, values)
    recognizer.counts = stages
    stack.callback(result.note_rate, recognizer)
    if shown is not None:
        stack.callback(result.note_training, learner.trained_on, shown)
    return replay(recognizer, frames, task.recording, result.counts)


def _unreadable(counts: StageCounts, topic: str) -> Iterator[str]:
    """One line for each cause of which messages of a topic, or people in them, cannot be read: how many, and why."""
    messages, people = counts.stages[Stage.DECODED], counts.stages[Stage.POSES]
    lost = [(reason, number, messages) for reason, number in messages.lost.items()]
    lost += [(reason, number, people) for reason, number in people.lost.items() if reason in SENSELESS]
    for reason, number, count in lost:
        what = "people" if count is people else "messages" if reason == MALFORMED else f"pictures of {topic}"
        yield f"{number} {what} cannot be read: {reason} ({count.details.get(reason, '')})"


def posed(
    frames: FrameStream,
    finder: Finder,
    with_image: bool = False,
    counts: Counter[str] | None = None,
    stages: StageCounts | None = None,
) -> FrameStream:
    """The people in each `Image`, as the node `pose` would have sent them.

    Each frame is then a `DetectedPeople`, or `with_image` an `ImageWithPeople`; late and doubled ones are left out, and
    counted.
    """
    separate = SeparatePeople()
    for frame in frames:
        place = finder.place(frame.reported_ns)
        if place.dropped:
            verdict = Verdict(place.dropped.value)
            if counts is not None:
                counts[verdict.value] += 1
            if stages is not None:
                stages.lose(Stage.CLOCK, NOT_TAKEN[verdict])
            continue
        try:
            image = Image(frame.read().data, frame.reported_ns)
        except ValueError as error:
            yield replace(frame, read=partial(_fail, error))
            continue
        height, width = image.data.shape[:2]
        found = finder.find(image, place)
        people = from_poses(
            found.poses, (width, height), separate, frame.reported_ns, finder.turn, motions=found.motions
        )
        yield replace(frame, read=partial(_checked, people, image if with_image else None))


def _fail(error: ValueError) -> None:
    raise error


def _checked(people: DetectedPeople, image: Image | None) -> DetectedPeople | ImageWithPeople:
    people.check()
    return people if image is None else ImageWithPeople(image, people)
