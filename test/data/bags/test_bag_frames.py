"""Frames of a recording: ordered by stamp, decoded on demand, from all encodings of a camera. Faults injected into
them: of the size asked for, reproducible, and independent of each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import (
    T0,
    Frame,
    Person,
    compressed,
    image,
    skeleton_array,
    standing,
    store,
    write_bag,
    write_messages,
)  # fmt: skip
from helpers.stick_figures import person

from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.bag_frames import Fault, RecordedFrame, image_frames, skeleton_frames, with_noise
from co_perception.data.bags.recorded_file import BagError
from co_perception.data.messages.image import encode_jpeg
from co_perception.data.messages.people import DetectedPeople, from_poses
from co_perception.engine.data import Image
from co_perception.learners.paired_frames import paired

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GRAY = RGB[..., :1]


@pytest.fixture(scope="module")
def types() -> Any:
    return store()


def test_people_are_read_as_the_node_reads_them(tmp_path: Path) -> None:
    people = [Person("a", standing(5)), Person("b", standing(9), "octopus8"), Person("a", standing(7))]
    bad = [Person("b", standing(9), "octopus8")]
    recorded = [Frame(T0 + 2, people, log_ns=1), Frame(T0 + 1, [], log_ns=2), Frame(T0 + 3, bad, log_ns=3)]
    with Bag(write_bag(tmp_path / "b", {"/s": recorded})) as bag:
        two, nobody, strange = skeleton_frames(bag)
        assert [nobody.stamp_ns - T0, two.stamp_ns - T0, two.reported_ns - T0] == [1, 2, 2]
        assert nobody.read().poses == []
        reading = two.read()
        assert [pose.id for pose in reading.poses] == ["a"]
        assert [refusal.kind for refusal in reading.refused] == ["unknown layout", "repeated id"]
        with pytest.raises(ValueError, match="octopus8"):
            strange.read().check()


@pytest.mark.parametrize(
    ("encoding", "pixels", "step"),
    [("rgb8", RGB, None), ("bgr8", RGB[..., ::-1], 30), ("bgra8", np.dstack([RGB[..., ::-1], GRAY]), None)],
)
def test_pictures_of_any_encoding(tmp_path: Path, types: Any, encoding: str, pixels: Any, step: int | None) -> None:
    message = image(types, T0, pixels, encoding, step)
    with Bag(write_messages(tmp_path / "b", {"/i": [(T0, message)]}, types=types)) as bag:
        (frame,) = image_frames(bag)
        np.testing.assert_array_equal(frame.read().data, RGB)
        assert frame.read().stamp_ns == T0


def test_compressed_pictures_are_decoded_when_they_are_looked_at(tmp_path: Path, types: Any) -> None:
    pytest.importorskip("cv2")
    smooth = np.linspace(0, 255, 16 * 24 * 3).reshape(16, 24, 3).astype(np.uint8)
    sent = [encode_jpeg(smooth, 95), b"no picture"]
    messages = [(T0 + n, compressed(types, T0 + n, coded)) for n, coded in enumerate(sent)]
    with Bag(write_messages(tmp_path / "b", {"/i": messages}, "sqlite3", types)) as bag:
        good, bad = image_frames(bag)
        assert np.abs(good.read().data.astype(int) - smooth).mean() < 3
        with pytest.raises(ValueError, match="not a readable JPEG or PNG"):
            bad.read()


def test_the_topic_is_named_where_there_are_several(tmp_path: Path, types: Any) -> None:
    topics = {name: [(T0, image(types, T0, RGB))] for name in ("/left", "/right")}
    with Bag(write_messages(tmp_path / "b", topics, types=types)) as bag:
        with pytest.raises(BagError, match="several topics"):
            image_frames(bag)
        assert len(list(image_frames(bag, "/left"))) == 1
        with pytest.raises(BagError, match="no topic of co_perception/msg/SkeletonArray"):
            skeleton_frames(bag)


def test_pictures_and_people_of_one_stamp_belong_together(tmp_path: Path, types: Any) -> None:
    pictures = [(T0 + n, image(types, T0 + n, np.full((4, 4, 3), n, np.uint8))) for n in (0, 1, 3, 4, 6)]
    people = [(T0 + n, skeleton_array(Frame(T0 + n, [Person("a", standing(n))]), types)) for n in (1, 2, 3, 5, 6, 7)]
    with Bag(write_messages(tmp_path / "b", {"/i": pictures, "/s": people}, types=types)) as bag:
        found = list(paired(image_frames(bag), skeleton_frames(bag)))
        assert [frame.stamp_ns - T0 for frame in found] == [1, 3, 6]
        pairs = [frame.read() for frame in found]
        assert [int(each.image.data[0, 0, 0]) for each in pairs] == [1, 3, 6]
        assert [each.people.poses[0].data[0, 0] for each in pairs] == [1.0, 3.0, 6.0]
        assert not list(paired(image_frames(bag), iter(())))


PERIOD_NS = 33_333_333


def frames(count: int, read: Callable[[], Any] = lambda: None) -> list[RecordedFrame]:
    return [RecordedFrame(10**12 + n * PERIOD_NS, 10**12 + n * PERIOD_NS, read) for n in range(count)]


def stamps(fault: Fault, count: int = 3000) -> list[int]:
    return [frame.stamp_ns for frame in fault.apply(frames(count))]


def test_nothing_is_done_unless_it_is_asked_for_and_names_tell_what_is() -> None:
    source = frames(20)
    assert list(Fault(seed=7).apply(source)) == source
    assert Fault(seed=7).name == "clean"
    fault = Fault(drop=0.2, jitter_ms=15.0, rate_hz=10, noise=0.02, seed=3)
    assert fault.name == "rate_hz=10 drop=0.2 jitter_ms=15 noise=0.02"


def test_a_share_of_the_frames_is_lost_and_a_larger_share_loses_them_too() -> None:
    few, many = set(stamps(Fault(drop=0.2))), set(stamps(Fault(drop=0.5)))
    assert len(few) / 3000 == pytest.approx(0.8, abs=0.03)
    assert len(many) / 3000 == pytest.approx(0.5, abs=0.03)
    assert many < few
    assert stamps(Fault(drop=0.2)) == sorted(few)
    assert set(stamps(Fault(drop=0.2, seed=1))) != few


def test_a_slower_camera_gives_the_first_frame_of_each_tick() -> None:
    remaining = stamps(Fault(rate_hz=10), 300)
    assert len(remaining) == 100
    ticks = [round((stamp_ns - 10**12) / 1e9 * 10 - 0.02) for stamp_ns in remaining]
    assert ticks == sorted(set(ticks))
    assert stamps(Fault(rate_hz=100), 300) == stamps(Fault(), 300)


def test_stamps_tremble_and_keep_their_order() -> None:
    found = list(Fault(jitter_ms=15).apply(frames(3000)))
    wrong = np.array([frame.reported_ns - frame.stamp_ns for frame in found]) / 1e6
    assert wrong.std() == pytest.approx(15, rel=0.1)
    assert abs(wrong.mean()) < 2
    reported = [frame.reported_ns for frame in found]
    assert reported == sorted(set(reported))
    assert [frame.stamp_ns for frame in found] == stamps(Fault())
    wild = [frame.reported_ns for frame in Fault(jitter_ms=1000).apply(frames(100))]
    assert wild == sorted(set(wild))


def test_joints_tremble_with_the_size_of_their_person() -> None:
    small, large = person(100, size=10), person(500, size=40)
    small.data[3] = 0
    reading = from_poses([small], (640, 480))
    wrong: dict[float, list[np.ndarray]] = {10.0: [], 40.0: []}
    for seed in range(300):
        for size, pose in ((10.0, small), (40.0, large)):
            both = DetectedPeople([pose], reading.regions, [])
            (found,) = with_noise(both, 0.02, np.random.default_rng(seed)).poses
            assert (found.id, found.confidence) == (pose.id, pose.confidence)
            np.testing.assert_array_equal(found.data[:, 2], pose.data[:, 2])
            wrong[size].append((found.data - pose.data)[pose.found, :2])
            assert not found.data[~pose.found].any()
    # From the eyes to the ankles somebody is 7.2 heads high.
    for size, each in wrong.items():
        assert np.concatenate(each).std() == pytest.approx(0.02 * 7.2 * size, rel=0.05)


def test_pictures_get_grain() -> None:
    gray = Image(np.full((40, 50, 3), 128, np.uint8), 5)
    found = with_noise(gray, 0.05, np.random.default_rng(0))
    assert (found.data.dtype, found.stamp_ns) == (np.uint8, 5)
    assert (found.data - 128.0).std() == pytest.approx(0.05 * 255, rel=0.05)
    white = with_noise(Image(np.full((8, 8, 3), 255, np.uint8), 0), 0.2, np.random.default_rng(0))
    assert white.data.max() == 255
    with pytest.raises(TypeError, match="str"):
        with_noise("text", 0.1, np.random.default_rng(0))


def test_noise_is_drawn_for_each_frame_and_the_same_each_time() -> None:
    source = frames(2, lambda: from_poses([person(100)], (0, 0)))
    one, other = ([frame.read().poses[0].data for frame in Fault(noise=0.01).apply(source)] for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


@pytest.mark.parametrize("wrong", [{"drop": 1.0}, {"drop": -0.1}, {"noise": -1.0}, {"rate_hz": -1}, {"seed": -1}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Fault(**wrong)


@pytest.mark.parametrize("name", ["rate_hz", "jitter_ms", "noise", "drop"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_fault_is_no_impossible_number(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Fault(**{name: value})
