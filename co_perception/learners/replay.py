"""A recogniser on recorded frames: what its node would have said of them, had it kept up.

The pacer judges every stamp, what is taken is read, and the recogniser answers it: in this order, as in the node. Only
its hurry is missing, so the same frames always give the same records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter_ns

from co_perception.data.bag_frames import Frame
from co_perception.evaluation.records import FrameRecord
from co_perception.learners.pacing import NANO, Verdict
from co_perception.learners.recognisers import Recogniser
from co_perception.learners.recognition import Answer


def replay(recogniser: Recogniser, frames: Iterable[Frame], recording: str = "") -> Iterator[FrameRecord]:
    """One record for each subject after each frame that the recogniser's clock takes.

    Args:
        recogniser: with a fresh state.
        frames: by stamp.
        recording: its name, for the records.

    A frame that cannot be read is a record without a status: a node would have dropped it. Frames that nobody is in
    have none.
    """
    epoch, tick = -1, -1
    for frame in frames:
        admission = recogniser.pacer.admit(frame.told_ns)
        if admission.verdict != Verdict.TAKE:
            continue
        began_ns = perf_counter_ns()
        missing = admission.tick - tick - 1 if admission.epoch == epoch else 0
        epoch, tick = admission.epoch, admission.tick
        try:
            answers = recogniser.answer(frame.read(), frame.told_ns, admission)
        except ValueError:
            yield FrameRecord(frame.stamp_ns, status=None, progress=0.0, missing=missing, recording=recording)
            continue
        latency_s = (perf_counter_ns() - began_ns) / NANO
        yield from (_record(frame, answer, missing, latency_s, recording) for answer in answers)


def _record(frame: Frame, answer: Answer, missing: int, latency_s: float, recording: str) -> FrameRecord:
    # Stamps that are wrong on purpose are wrong for the recogniser only.
    described_ns = frame.stamp_ns - (frame.told_ns - answer.described_ns)
    return FrameRecord.of(
        answer.category, frame.stamp_ns, described_ns,
        subject=answer.subject, missing=missing, latency_s=latency_s, recording=recording,
    )  # fmt: skip
