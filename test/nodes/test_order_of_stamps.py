"""For every order of stamps, what a node takes of its messages the replay of their recording takes.

Answers and counts are compared. The node's own callbacks and worker are called, without middleware between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rclpy")
pytest.importorskip("rosbags")

from helpers.bag_writer import (
    SECOND,
    T0,
    Frame,
    Person,
    image,
    skeleton_array,
    standing,
    store,
    write_bag,
    write_messages,
)
from helpers.bare_nodes import Answers, NodeWithoutMiddleware, PoseWithoutMiddleware, Somebody
from helpers.fake_learners import FakeLearner, FakePeopleLearner, FakeRestorable
from helpers.stamp_streams import by_definition
from helpers.stamp_streams import orders as stamp_orders

from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.bag_frames import image_frames, skeleton_frames
from co_perception.data.messages.people import from_skeletons
from co_perception.engine.settings import Value, values_of
from co_perception.learners.paired_frames import paired
from co_perception.learners.recognizers import KINDS
from co_perception.learners.replay import posed, replay
from co_perception.nodes import image_inputs
from co_perception.nodes.image_inputs import ImagePeopleInput, ImagePeopleSettings, read_image
from co_perception.pose.finder import Finder, PoseSettings

TICK = SECOND // 30
TYPES = store()
PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None)


def replayed(recognizer: Any, frames: Any, counts: Counter[str]) -> Answers:
    records = replay(recognizer, frames, counts=counts)
    answered = [(each, each.status) for each in records]
    return [
        (each.stamp_ns, each.subject, status.name, each.progress) for each, status in answered if status is not None
    ]


@st.composite
def orders(draw: Callable[[Any], Any]) -> list[tuple[int, int]]:
    """(stamp [ns], publisher) in the order of arrival: messages of one or two publishers at 30 Hz, overtaken by others,
    repeated, stamped ahead for a time, by a clock that is set back for good, or at 0."""
    stamps = [(n * TICK, 0) for n in range(draw(st.integers(10, 60)))]
    if draw(st.booleans()):
        shift = draw(st.sampled_from([0, 1, TICK // 2, SECOND, 10 * SECOND, -3 * SECOND]))
        second = [(n * TICK + shift, 1) for n in range(draw(st.integers(1, 30)))]
        places = sorted(draw(st.lists(st.integers(0, len(stamps)), min_size=len(second), max_size=len(second))))
        for place, entry in reversed(list(zip(places, second, strict=True))):
            stamps.insert(place, entry)
    for kind in draw(st.lists(st.sampled_from(["swap", "late", "repeat", "ahead", "back", "zero"]), max_size=6)):
        at, length = draw(st.integers(0, len(stamps) - 1)), draw(st.integers(1, 20))
        jump = draw(st.sampled_from([TICK // 3, SECOND // 2, SECOND, SECOND + 1, 4295 * SECOND]))
        if kind in ("swap", "late"):
            stamps.insert(min(at + (1 if kind == "swap" else length), len(stamps) - 1), stamps.pop(at))
        elif kind == "repeat":
            stamps.insert(at + draw(st.integers(0, 2)), stamps[at])
        elif kind == "ahead":
            stamps[at : at + length] = [(stamp + jump, who) for stamp, who in stamps[at : at + length]]
        elif kind == "back":
            stamps[at:] = [(stamp - jump, who) for stamp, who in stamps[at:]]
        else:
            stamps[at] = -T0, stamps[at][1]
    return [(max(T0 + stamp, 0), who) for stamp, who in stamps]


def people_at(n: int, publisher: int) -> list[Person]:
    """Of one publisher, who counts their messages by where they stand; some cannot be read."""
    return [Person(f"p{publisher}", standing(n % 300), "octopus8" if n % 13 == 5 else "coco17")]


@pytest.mark.slow
@PROPERTY
@given(order=orders(), missing=st.sampled_from(["hold", "skip"]))
def test_skeletons(order: Sequence[tuple[int, int]], missing: str) -> None:
    kind, types = KINDS["skeleton"], TYPES
    values = values_of(kind.settings, {"missing": missing})
    frames = [Frame(ns, people_at(n, who), log_ns=T0 + n * TICK) for n, (ns, who) in enumerate(order)]
    live, direct = FakePeopleLearner(), FakePeopleLearner()
    node = NodeWithoutMiddleware(kind.recognizer(live, values))
    for frame in frames:
        node.receive(from_skeletons, skeleton_array(frame, types))
    with TemporaryDirectory() as folder, Bag(write_bag(Path(folder, "b"), {"/s": frames}, types=types)) as bag:
        counts = Counter[str]()
        found = replayed(kind.recognizer(direct, values), skeleton_frames(bag), counts)
        assert not bag.damage
    assert counts == node.counts
    assert found == node.answers
    assert direct.shown == live.shown
    settled = ("processed", "unreadable", "early", "late", "duplicate")
    assert sum(counts[event] for event in settled) == counts["received"] == len(order)


def defined(order: Sequence[int]) -> tuple[list[int], Counter[str], int]:
    """The frames that a pose estimator looks at, how many are late or doubled, and the epochs after the first."""
    kinds = by_definition(order, 1.0)
    dropped = [
        kind if kind == "late" or (kind == "duplicate" and ns) else ""
        for (kind, _), ns in zip(kinds, order, strict=True)
    ]
    used = [ns for kind, ns in zip(dropped, order, strict=True) if not kind]
    return used, Counter(filter(None, dropped)), kinds[-1][1]


@pytest.mark.slow
@PROPERTY
@given(order=stamp_orders())
def test_epochs_ids_and_answers_are_those_that_the_page_defines(order: list[int]) -> None:
    """Pictures through a pose estimator to a recognizer: as the nodes do it, as the replay does, as docs/stamps.md."""
    kind, types = KINDS["skeleton"], TYPES
    values, finding = values_of(kind.settings, {}), values_of(PoseSettings, {"second_look": 0})
    messages = [(T0 + n * TICK, picture(types, ns, n)) for n, ns in enumerate(order)]
    node = NodeWithoutMiddleware(kind.recognizer(FakePeopleLearner(), values))
    pose = PoseWithoutMiddleware(node, finding)
    for _, message in messages:
        pose.receive(message)
    direct = kind.recognizer(FakePeopleLearner(), values)
    with TemporaryDirectory() as folder, Bag(write_messages(Path(folder, "b"), {"/i": messages}, types=types)) as bag:
        counts = Counter[str]()
        frames = posed(image_frames(bag), Finder(Somebody(), finding), counts=counts)
        assert replayed(direct, frames, counts) == node.answers
    assert counts == node.counts + pose.counts
    used, unused, ids = defined(order)
    assert pose.counts == unused
    # The recognizer goes by the stamps that are left: of a clock that was set back a little it waits for three again.
    again = by_definition(used, 1.0)
    assert {event: node.counts[event] for event in ("late", "duplicate")} == {
        event: sum(kind == event for kind, _ in again) for event in ("late", "duplicate")
    }
    assert direct.pacer.epoch == node.epoch == again[-1][1]
    assert {subject for _, subject, _, _ in node.answers} <= {f"p{number}" for number in range(1, 2 + ids)}


def picture(types: Any, stamp_ns: int, n: int) -> Any:
    return image(types, stamp_ns, np.full((4, 4, 3), n % 200, np.uint8))


@PROPERTY
@given(order=orders())
def test_pictures(order: Sequence[tuple[int, int]]) -> None:
    kind, types = KINDS["video"], TYPES
    values = values_of(kind.settings, {})
    messages = [(T0 + n * TICK, picture(types, ns, n)) for n, (ns, _) in enumerate(order)]
    live, direct = FakeLearner(), FakeLearner()
    node = NodeWithoutMiddleware(kind.recognizer(live, values))
    for _, message in messages:
        node.receive(read_image, message)
    with TemporaryDirectory() as folder, Bag(write_messages(Path(folder, "b"), {"/i": messages}, types=types)) as bag:
        counts = Counter[str]()
        assert replayed(kind.recognizer(direct, values), image_frames(bag), counts) == node.answers
    assert (counts, direct.shown) == (node.counts, live.shown)


@pytest.mark.slow
@PROPERTY
@given(pictures=orders(), delay=st.sampled_from([0, 1, TICK + 1, SECOND]), lost=st.integers(2, 9))
def test_pictures_with_people(pictures: Sequence[tuple[int, int]], delay: int, lost: int) -> None:
    """The people of each picture come `delay` later, or never."""
    kind, types = KINDS["video"], TYPES
    chosen: dict[str, Value] = {"subject": "person", "model_rate_hz": 10.0}
    values = values_of(kind.settings, chosen)
    shown = [(T0 + 2 * n * TICK, picture(types, ns, n)) for n, (ns, _) in enumerate(pictures)]
    seen = [
        (T0 + 2 * n * TICK + delay + 1, skeleton_array(Frame(ns, [Person("p", standing(2.0))]), types))
        for n, (ns, _) in enumerate(pictures)
        if n % lost
    ]
    live, direct = FakeRestorable(), FakeRestorable()
    node = NodeWithoutMiddleware(kind.recognizer(live, values))
    pair_input = ImagePeopleInput(values_of(ImagePeopleSettings, {}))
    arrivals = sorted(
        [*((at, "image", message) for at, message in shown), *((at, "skeletons", message) for at, message in seen)],
        key=lambda entry: entry[0],
    )
    with pytest.MonkeyPatch.context() as patch:
        for at, name, message in arrivals:
            patch.setattr(image_inputs, "monotonic", partial(float, at / SECOND))
            pair_input._put(name, node.receive, node.counters, message)  # type: ignore[arg-type]
    node.counts["left at stop"] += pair_input._synchronizer.waiting
    topics = {"/i": shown, "/s": seen}
    with TemporaryDirectory() as folder, Bag(write_messages(Path(folder, "b"), topics, types=types)) as bag:
        counts = Counter[str]()
        frames = paired(image_frames(bag), skeleton_frames(bag), counts)
        assert replayed(kind.recognizer(direct, values), frames, counts) == node.answers
    assert +counts == +node.counts
    assert direct.looks == live.looks


@pytest.mark.parametrize(
    ("name", "stamps", "epochs", "late"),
    [
        ("reordered", [n + (n % 15 == 0) - (n % 15 == 1) for n in range(150)], 1, 10),
        ("back", [(n if n < 150 else n - 300) + 600 for n in range(300)], 2, 0),
        ("stamps_ahead", [n + (71 * 60 * 30 if n < 40 else 0) for n in range(540)], 2, 0),
        ("back for good", [n - (270 if n >= 270 else 0) for n in range(540)], 2, 0),
    ],
)
def test_the_faults(tmp_path: Path, name: str, stamps: Sequence[int], epochs: int, late: int) -> None:
    """faults/reordered and faults/stamps_ahead: epochs and drops are the same in both, and no message is lost."""
    log = count(T0, TICK)
    frames = [Frame(T0 + stamp * TICK, [Person("p", standing(1.0))], log_ns=next(log)) for stamp in stamps]
    recognizer = KINDS["skeleton"].recognizer(FakePeopleLearner(), values_of(KINDS["skeleton"].settings, {}))
    with Bag(write_bag(tmp_path / "b", {"/s": frames})) as bag:
        assert bag.count("/s") == len(stamps)
        counts = Counter[str]()
        list(replay(recognizer, skeleton_frames(bag), counts=counts))
        assert not bag.damage
    assert (recognizer.pacer.epoch + 1, counts["late"], counts["received"]) == (epochs, late, len(stamps))
