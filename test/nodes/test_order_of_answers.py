"""For every order of stamps, what consumers of a recognizer's answers make of them: events, score and fusion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rclpy")
pytest.importorskip("rosbags")

import numpy as np
from helpers.bag_writer import T0, Frame, Person, skeleton_array, standing, store, write_bag
from helpers.bare_nodes import FusionWithoutMiddleware, NodeWithoutMiddleware
from helpers.fake_learners import FakeLearner, FakePeopleLearner
from helpers.stamp_streams import TICK, by_definition, orders

from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.bag_frames import skeleton_frames
from co_perception.data.messages.people import from_skeletons
from co_perception.engine.data import Image
from co_perception.engine.settings import values_of
from co_perception.engine.stamp_order import Order, StampOrder
from co_perception.engine.time import nanoseconds
from co_perception.evaluation.activity_topic import ActivityReader
from co_perception.evaluation.records import FrameRecord, first_of_each
from co_perception.evaluation.subject_track import detected_events, detector_frames
from co_perception.learners.recognizers import KINDS
from co_perception.learners.replay import replay
from co_perception.online.events import Event, GroupEventDetector, Rules

TYPES = store()
PROPERTY = settings(max_examples=25)  # all else as the profile has it


def walkers(order: Sequence[int]) -> list[Frame]:
    """Somebody who walks from left to right and back, and somebody who comes and goes."""
    frames = []
    for n, ns in enumerate(order):
        people = [Person("p", standing(50 + 100 * (n // 12 % 3)))]
        people += [Person("q", standing(250))] if n % 40 < 25 else []
        frames.append(Frame(ns, people, log_ns=T0 + n * TICK))
    return frames


def answered(frames: Sequence[Frame]) -> tuple[NodeWithoutMiddleware, list[FrameRecord]]:
    """What the node `skeleton_activity` makes of these messages, and the replay of their recording."""
    kind = KINDS["skeleton"]
    values = values_of(kind.settings, {})
    node = NodeWithoutMiddleware(kind.recognizer(FakePeopleLearner(), values))
    for frame in frames:
        node.receive(from_skeletons, skeleton_array(frame, TYPES))
    with TemporaryDirectory() as folder, Bag(write_bag(Path(folder, "b"), {"/s": frames}, types=TYPES)) as bag:
        return node, list(replay(kind.recognizer(FakePeopleLearner(), values), skeleton_frames(bag)))


def unfinished(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """Everything of events but the time of the ends that come with the end of the stream."""
    return [(each.kind, each.subject, each.label, each.began_ns) for each in events]


@pytest.mark.slow
@PROPERTY
@given(order=orders())
def test_onsets_and_offsets_of_the_node_are_those_of_evaluate(order: list[int]) -> None:
    node, records = answered(walkers(order))
    detector, events = GroupEventDetector(Rules()), list[Event]()
    for message, scores in zip(node.messages, node.scores, strict=True):
        events += detector.update(nanoseconds(message.header.stamp), scores, message.state_epoch)
    frames, last_ns = detector_frames(records, FakePeopleLearner.labels)
    found = detected_events(frames, Rules(), "", last_ns)
    assert found[: len(events)] == events
    assert unfinished(found[len(events) :]) == unfinished(detector.end())


@pytest.mark.slow
@PROPERTY
@given(order=orders())
def test_the_records_of_score_are_those_of_evaluate(order: list[int]) -> None:
    """Of stamps that come again in a later epoch the first time counts in both."""
    node, records = answered(walkers(order))
    reader, scored = ActivityReader(FakePeopleLearner.labels), dict[Any, FrameRecord]()
    for message in node.messages:
        for record in reader.read(message):
            scored.setdefault(record.key, record)
    evaluated = first_of_each(records)
    assert [identity(each) for each in scored.values()] == [identity(each) for each in evaluated]
    for ours, theirs in zip(scored.values(), evaluated, strict=True):
        assert ours.progress == pytest.approx(theirs.progress, abs=1e-6)
        assert (ours.probabilities is None) == (theirs.probabilities is None)
        if ours.probabilities is not None and theirs.probabilities is not None:
            assert np.abs(ours.probabilities - theirs.probabilities).max() < 1e-6


def identity(record: FrameRecord) -> tuple[Any, ...]:
    return record.key, record.status, record.steps_back


@PROPERTY
@given(order=orders(), delay=st.integers(0, 3))
def test_fusion_answers_every_frame_once_and_counts_the_epochs_that_there_are(order: list[int], delay: int) -> None:
    """Two recognizers of different rates look at the same frames; one of them answers `delay` frames later."""
    learners = {"video": FakeLearner(), "skeleton": FakePeopleLearner()}
    nodes = {
        name: NodeWithoutMiddleware(KINDS[name].recognizer(learner, values_of(KINDS[name].settings, {})))
        for name, learner in learners.items()
    }
    fusion, sent = FusionWithoutMiddleware(learners), Counter[str]()
    upto = list[int]()  # how many answers the slower one had after each frame
    frames = walkers(order)
    for n, frame in enumerate([*frames, *[None] * delay]):
        if frame is not None:
            message = skeleton_array(frame, TYPES)
            nodes["skeleton"].receive(from_skeletons, message)
            nodes["video"].receive(lambda message: Image(np.zeros((4, 4, 3), np.uint8)), message)
        upto.append(len(nodes["video"].messages))
        due = {"skeleton": len(nodes["skeleton"].messages), "video": upto[-1 - delay] if n >= delay else 0}
        for name, number in due.items():
            for answer in nodes[name].messages[sent[name] : number]:
                fusion.receive(name, answer, n * TICK)
            sent[name] = number
    fusion.flush()
    counts, frames_answered = fusion.counts, {frame for node in nodes.values() for frame in node.frames}
    assert sum(sent.values()) == 2 * counts["joined"] + counts["alone"] + counts["late"]
    fused = in_order(fusion.messages)
    assert len(set(fused)) + fusion.dropped >= len(frames_answered)
    epochs = by_definition(order, 1.0)[-1][1]
    if not delay:
        assert (counts["late"], fusion.dropped, set(fused)) == (0, 0, frames_answered)
    assert fused[-1][0] == epochs


def in_order(messages: Sequence[Any]) -> list[tuple[int, int]]:
    """Epoch and stamp of each message, none of which may be late or doubled."""
    place, epoch, found = StampOrder().place, 0, []
    for message in messages:
        stamp_ns = nanoseconds(message.header.stamp)
        order = place(stamp_ns, message.state_epoch).order
        assert order not in (Order.LATE, Order.DUPLICATE)
        epoch += order == Order.JUMP
        found.append((epoch, stamp_ns))
    return found
