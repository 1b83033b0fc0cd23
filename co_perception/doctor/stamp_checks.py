"""Checks of stamps and arrivals of a stream: clock, order, lag, rate and evenness. docs/stamps.md defines the words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from co_perception.doctor.findings import Finding, Severity
from co_perception.doctor.observation import StreamObservation, TopicObservation
from co_perception.engine.stamp_order import Order, StampOrder
from co_perception.engine.time import FAR_S, NANO
from co_perception.online.input_rate import InputRate

Seconds = NDArray[np.float64]
LEAST = 8  # messages from which on a stream is judged
LAG_S, AHEAD_S = 0.3, 0.05
SEVERAL = 0.02  # share of the messages that may be out of order without a word
SPEED, SPEED_S = 0.03, 4.0  # difference of the clocks' speeds that tells, over so long at least
LOST = 0.1  # share of frames that may be lost without a word
IN_A_ROW = 4.5  # usual steps in one: three frames are lost
BURST, BURST_S = 4.0, 0.15


@dataclass(frozen=True)
class RecognizerNeeds:
    """What the recognizer needs of its input; the defaults are those of the everyday model.

    Args:
        rate_hz: ticks of the network's clock. min_progress: share of real input behind a label.
        field: frames that an answer is computed from. max_gap_s: longer steps begin anew.
    """

    rate_hz: float = 15.0
    min_progress: float = 0.3
    field: int = 32
    max_gap_s: float = 1.0


NEEDS = RecognizerNeeds()


def check_stamps(observation: StreamObservation) -> Iterator[Finding]:
    """All checks of stamps, of each topic; a stream without stamps is checked no further."""
    for topic in observation.topics:
        if len(topic.stamps_ns) < LEAST:
            yield _few(topic, observation.live)
        elif (topic.stamps_ns == 0).mean() > 0.5 or len(np.unique(topic.stamps_ns)) == 1:
            yield Finding(
                "stamps/none",
                topic.topic,
                "Messages carry no time: header.stamp is zero, or always the same.",
                "Let the driver stamp each frame when it is taken (header.stamp = time of acquisition).",
            )
        else:
            yield from _clock(topic)
            yield from _order(topic)
            yield from _rate(topic)


def _few(topic: TopicObservation, live: bool) -> Finding:
    count = len(topic.stamps_ns)
    return Finding(
        "rate/few",
        topic.topic,
        f"Only {count} message(s) {'came' if live else 'are recorded'}: too few to judge.",
        "See whether the sender runs and is not paused (ros2 topic hz), and look again.",
    )


def _lags_s(topic: TopicObservation) -> Seconds:
    return np.asarray((topic.arrivals_ns - topic.stamps_ns) / NANO)


def _clock(topic: TopicObservation) -> Iterator[Finding]:
    """Stamps of another clock, of one that runs at another speed or was set; lag."""
    lags_s = _lags_s(topic)
    middle = float(np.median(lags_s))
    sets = _clock_sets(topic)
    if sets:
        yield Finding(
            "stamps/set",
            topic.topic,
            f"The clock behind the stamps was set {len(sets)} time(s) while it ran, by "
            f"{', '.join(f'{step:+.1f} s' for step in sets[:3])}: each time the recognizer forgets what it saw.",
            "Set the clock before the driver starts (NTP, PTP), and let the driver keep one clock.",
        )
        return
    if (speed := _speed(topic)) is not None:
        yield _wrong_speed(topic, speed)
    elif abs(middle) > FAR_S:
        yield Finding(
            "stamps/other clock",
            topic.topic,
            f"Stamps are {abs(middle):.0f} s {'behind' if middle > 0 else 'ahead of'} the time at which messages "
            "arrive: they are by another clock.",
            "Let the driver stamp by the system's clock, set the clocks (NTP, PTP), or for a recording that is played "
            "or a simulator set use_sim_time:=true everywhere and play with --clock.",
        )
    elif middle > LAG_S and not list(_bursts(topic)):
        yield Finding(
            "lag/long",
            topic.topic,
            f"Messages arrive {middle:.2f} s after their stamp: every label is late by as much.",
            "Look for queues on the way: lower the size or rate of the pictures, take depth 1 and best effort, "
            "compress, or move sender and receiver to one machine.",
            Severity.WARNING,
        )
    elif middle < -AHEAD_S:
        yield Finding(
            "stamps/ahead",
            topic.topic,
            f"Stamps are {-middle:.2f} s ahead of the arrival of their messages.",
            "Set the clocks of both machines (NTP, PTP), and let the driver stamp the acquisition and no deadline.",
        )


def _clock_sets(topic: TopicObservation) -> list[float]:
    """Seconds by which the stamps' clock was set, each time: the distance to arrivals changes at once and stays."""
    lags_s = _lags_s(topic)
    if len(lags_s) < 2 * LEAST:
        return []
    before, after = (
        np.lib.stride_tricks.sliding_window_view(part, LEAST) for part in (lags_s[:-LEAST], lags_s[LEAST:])
    )
    change = np.median(before, 1) - np.median(after, 1)
    arrivals = topic.arrivals_ns / NANO
    held = arrivals[LEAST : len(arrivals) - LEAST + 1] - arrivals[LEAST - 1 : len(arrivals) - LEAST]
    step = np.diff(lags_s)[LEAST - 1 : len(lags_s) - LEAST]  # lags that only grow, step by step, are not set
    sudden = (np.abs(change) > NEEDS.max_gap_s + held) & (np.abs(step) > NEEDS.max_gap_s)
    found, at = list[float](), 0
    while at < len(change):
        if not sudden[at]:
            at += 1
            continue
        end = at + int(np.argmin(np.append(sudden[at:], False)))
        found.append(float(change[at:end][np.abs(change[at:end]).argmax()]))
        at = end + LEAST
    return found


def _speed(topic: TopicObservation) -> float | None:
    """Seconds of stamps per second of arrival where that is not 1; None where it is, or cannot be told."""
    if topic.seconds < SPEED_S:
        return None
    arrivals = (topic.arrivals_ns - topic.arrivals_ns[0]) / NANO
    stamps = (topic.stamps_ns - topic.stamps_ns[0]) / NANO
    speed = float(np.polyfit(arrivals, stamps, 1)[0])
    off = np.abs(speed - 1)
    return speed if off > SPEED and off * topic.seconds > 0.2 else None


def _wrong_speed(topic: TopicObservation, speed: float) -> Finding:
    facts = f"In {topic.seconds:.1f} s of arrivals the stamps advance by {speed * topic.seconds:.1f} s"
    if speed < 1:
        return Finding(
            "lag/grows",
            topic.topic,
            f"{facts}: the lag grows, or the frames are stamped as of a faster camera than there is. (What a file that "
            "was played slower gave can be used as it is.)",
            "Lower the rate or size of the pictures until sender and network keep up, take a queue of depth 1, and let "
            "the driver stamp the acquisition instead of counting frames.",
        )
    return Finding(
        "stamps/fast",
        topic.topic,
        f"{facts}: people seem to move {speed:.2f} times slower than they do.",
        "Let the driver stamp the acquisition instead of counting frames at a rate that the camera does not reach; "
        "play a video at its own rate.",
    )


def _order(topic: TopicObservation) -> Iterator[Finding]:
    """Messages that come late, and stamps that repeat."""
    order = StampOrder(NEEDS.max_gap_s)
    counts = Counter(order.place(int(stamp_ns)).order for stamp_ns in topic.stamps_ns)
    count = len(topic.stamps_ns)
    if counts[Order.LATE] > SEVERAL * count:
        two = counts[Order.LATE] > 0.2 * count
        yield Finding(
            "stamps/late",
            topic.topic,
            f"{counts[Order.LATE] / count:.0%} of the messages have an older stamp than one before them"
            f"{', as of two senders on one topic' if two else ''}: they are not used.",
            "Let one node publish on the topic (ros2 topic info -v), over one connection, in the order of acquisition.",
        )
    if counts[Order.DUPLICATE] > SEVERAL * count:
        yield Finding(
            "stamps/repeated",
            topic.topic,
            f"{counts[Order.DUPLICATE] / count:.0%} of the messages repeat the stamp before: they are not used.",
            "Let the driver publish each frame once, with a stamp of its own that is not cut to whole units.",
        )


def _rate(topic: TopicObservation) -> Iterator[Finding]:
    """Rate, pauses, lost frames and bursts, of the stamps in their order."""
    stamps_ns = np.unique(topic.stamps_ns)
    steps_s = np.diff(stamps_ns) / NANO
    if len(steps_s) < LEAST:
        return
    middle = float(np.median(steps_s))
    if middle > NEEDS.max_gap_s or 1 / middle < 0.97 * NEEDS.min_progress * NEEDS.rate_hz:
        yield _too_slow(topic, stamps_ns)
        return
    pauses = steps_s[(steps_s > NEEDS.max_gap_s) & (steps_s < FAR_S * 360)]
    if len(pauses) and not _clock_sets(topic):
        yield Finding(
            "rate/pauses",
            topic.topic,
            f"The stream stops {len(pauses)} time(s) for up to {pauses.max():.1f} s: each time the recognizer begins "
            "anew.",
            "See whether the driver reconnects, the link breaks down, or the recorder could not keep up.",
            Severity.WARNING,
        )
    short = steps_s[steps_s <= min(IN_A_ROW * middle, NEEDS.max_gap_s)]  # longer ones are pauses
    lost = np.rint(short / middle - 1).clip(0).sum()
    share = float(lost / (lost + len(short)))
    if share > LOST and np.median(np.abs(short / middle - np.rint(short / middle))) < 0.2:
        yield Finding(
            "rate/lost",
            topic.topic,
            f"{share:.0%} of the frames are missing between others that come every {middle * 1e3:.0f} ms.",
            "Pictures are lost on the way: compress them, lower their size, or ask for reliable delivery "
            "(image_reliability:=reliable).",
            Severity.WARNING,
        )
    yield from _bursts(topic)


def _too_slow(topic: TopicObservation, stamps_ns: NDArray[np.int64]) -> Finding:
    rate = InputRate(NEEDS.rate_hz, NEEDS.min_progress, NEEDS.max_gap_s)
    for stamp_ns in stamps_ns:
        rate.note(int(stamp_ns))
    return _slow(topic.topic, rate.first_warning or f"Frames come at {topic.rate_hz:.3g} Hz, which is too slow.")


def slow_rate(topic: str, hz: float) -> Finding | None:
    """The fault of frames that come at this rate; None where it will do."""
    words = InputRate(NEEDS.rate_hz, NEEDS.min_progress, NEEDS.max_gap_s).warning_of(hz)
    return _slow(topic, words) if words else None


def _slow(topic: str, words: str) -> Finding:
    first, _, _ = words.partition(" Raise ")
    remedy = "Raise the rate of the camera or of the pose estimator; cameras are slow in the dark."
    return Finding("rate/slow", topic, first, remedy)


def _bursts(topic: TopicObservation) -> Iterator[Finding]:
    """Frames that are taken evenly, and arrive several at once."""
    arrivals_s, stamps_s = np.diff(topic.arrivals_ns) / NANO, np.diff(topic.stamps_ns) / NANO
    usual = float(np.median(np.abs(stamps_s)))
    together = float((arrivals_s < usual / 5).mean())
    long = float(np.percentile(arrivals_s, 95))
    if together > 0.4 and usual > 0.004 and long > max(BURST * usual * 0.7, BURST_S):
        yield Finding(
            "lag/bursts",
            topic.topic,
            f"Frames arrive several at once: {together:.0%} within {usual * 200:.0f} ms of the one before, then none "
            f"for {long * 1e3:.0f} ms. Labels come as unevenly.",
            "Look for power saving of the wireless link, a queue that is emptied by a timer, or a busy executor of the "
            "sender.",
            Severity.WARNING,
        )
