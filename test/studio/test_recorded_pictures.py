"""Pictures of a recording by stamp: the right one, whatever the clocks, the transport and the order of questions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")
cv2 = pytest.importorskip("cv2")

from helpers.bag_writer import SECOND, T0, compressed, image, store, write_messages  # noqa: E402
from helpers.video_packets import packets  # noqa: E402

from co_perception.data.bags.bag_file import Bag  # noqa: E402
from co_perception.data.bags.recorded_clock import ClockPart, RecordedClock  # noqa: E402
from co_perception.studio.recorded_pictures import RecordedPictures, picture_topic  # noqa: E402

HZ, COUNT = 10, 120
AHEAD_NS = 4_000 * SECOND + 123_456_789  # the recorder's clock is another one than that of the stamps
CLOCK = RecordedClock((ClockPart(0, T0),))


def stamp_ns(number: int) -> int:
    return T0 + number * SECOND // HZ


def brightness(number: int) -> int:
    return 20 + 2 * (number % 100)


def raw(types: Any, number: int) -> Any:
    return image(types, stamp_ns(number), np.full((24, 32, 3), brightness(number), np.uint8))


def jpeg(types: Any, number: int) -> Any:
    coded = cv2.imencode(".jpg", np.full((24, 32, 3), brightness(number), np.uint8))[1]
    return compressed(types, stamp_ns(number), bytes(coded))


def recorded(path: Path, make: Callable[[Any, int], Any], numbers: Any = range(COUNT)) -> Path:
    types = store()
    shake = random.Random(1)

    def messages() -> Iterator[tuple[int, Any]]:
        for number in numbers:  # each needs another time on its way
            yield stamp_ns(number) + AHEAD_NS + shake.randrange(SECOND // 25), make(types, number)

    return write_messages(path, {"/eye": messages()}, types=types)


def shown(pictures: RecordedPictures, at_ns: int) -> tuple[int, float]:
    """Stamp and brightness of the picture at a stamp."""
    found = pictures.at(at_ns)
    return found.stamp_ns, float(cv2.imdecode(np.frombuffer(found.jpeg, np.uint8), cv2.IMREAD_COLOR).mean())


@pytest.mark.parametrize("make", [raw, jpeg])
def test_the_newest_picture_at_a_stamp_is_shown(tmp_path: Path, make: Callable[[Any, int], Any]) -> None:
    pictures = RecordedPictures(recorded(tmp_path / "b", make), "/eye", CLOCK)
    asked = [(number, part) for number in range(COUNT) for part in (0, 1, SECOND // HZ - 1)]
    random.Random(2).shuffle(asked)
    for number, part in asked:
        found_ns, light = shown(pictures, stamp_ns(number) + part)
        assert found_ns == stamp_ns(number) and abs(light - brightness(number)) <= 3


def test_video_is_decoded_from_a_keyframe_on(tmp_path: Path) -> None:
    made = packets(count=COUNT, keyframes=50)  # five seconds apart, the first one after the second packet

    def packet(types: Any, number: int) -> Any:
        return compressed(types, stamp_ns(number), made[number][0], "h264")

    pictures = RecordedPictures(recorded(tmp_path / "b", packet), "/eye", CLOCK)
    every = {}
    with Bag(tmp_path / "b") as bag:
        from co_perception.data.bags.bag_frames import image_frames

        every = {frame.stamp_ns: frame.read().data.mean() for frame in image_frames(bag)}
    for number in (60, 61, 62, 61, 3, 119, 49, 50, 0):  # onwards, back, and far
        found_ns, light = shown(pictures, stamp_ns(number) + 7)
        assert found_ns == stamp_ns(number) and abs(light - every[found_ns]) <= 3
    with pytest.raises(LookupError, match="no picture then"):
        pictures.at(stamp_ns(COUNT) + 5 * SECOND)  # the last one does not stand for it


def test_around_a_gap_the_picture_before_it_stands_for_a_while(tmp_path: Path) -> None:
    numbers = [*range(30), *range(80, COUNT)]
    pictures = RecordedPictures(recorded(tmp_path / "b", jpeg, numbers), "/eye", CLOCK)
    assert shown(pictures, stamp_ns(29))[0] == stamp_ns(29)
    assert shown(pictures, stamp_ns(40))[0] == stamp_ns(29)
    for nowhere in (stamp_ns(55), stamp_ns(0) - 60 * SECOND, stamp_ns(COUNT) + 60 * SECOND):
        with pytest.raises(LookupError, match="no picture then"):
            pictures.at(nowhere)
    assert shown(pictures, stamp_ns(0) - SECOND // 10)[0] == stamp_ns(0)  # the first one, soon after
    assert shown(pictures, stamp_ns(80) + 5)[0] == stamp_ns(80)


def test_a_clock_that_was_set_on_is_followed(tmp_path: Path) -> None:
    """Stamps jump by an hour in the middle, as of a camera whose clock is set."""
    types = store()
    hour_ns = 3600 * SECOND

    def messages() -> Iterator[tuple[int, Any]]:
        for number in range(COUNT):
            later = hour_ns if number >= 60 else 0
            made = np.full((24, 32, 3), brightness(number), np.uint8)
            yield stamp_ns(number), image(types, stamp_ns(number) + later, made)

    path = write_messages(tmp_path / "b", {"/eye": messages()}, types=types)
    with Bag(path) as bag:
        pictures = RecordedPictures(path, "/eye", bag.clock("/eye"))
    for number in (10, 90, 20, 60, 59):
        at_ns = stamp_ns(number) + (hour_ns if number >= 60 else 0)
        found_ns, light = shown(pictures, at_ns)
        assert found_ns == at_ns and abs(light - brightness(number)) <= 3


def test_only_a_part_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = RecordedPictures(recorded(tmp_path / "b", raw), "/eye", CLOCK)
    read = 0
    between = Bag.messages_between

    def counted(self: Bag, *arguments: Any) -> Iterator[Any]:
        nonlocal read
        for found in between(self, *arguments):
            read += 1
            yield found

    monkeypatch.setattr(Bag, "messages_between", counted)
    pictures.at(stamp_ns(100))
    assert read <= 2 * 2 * HZ + 2
    read = 0
    for number in range(50, 60):
        pictures.at(stamp_ns(number))
    assert read <= 10 * 5


def test_pictures_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    def depth(types: Any, number: int) -> Any:
        return image(types, stamp_ns(number), np.zeros((8, 8, 2), np.uint8), "16UC1")

    pictures = RecordedPictures(recorded(tmp_path / "b", depth), "/eye", CLOCK)
    with pytest.raises(ValueError, match="depth"):
        pictures.at(stamp_ns(3))


def test_a_compressed_topic_is_taken_first_and_a_wrong_name_is_told() -> None:
    topics = {"/a": "sensor_msgs/msg/Image", "/b": "sensor_msgs/msg/CompressedImage", "/c": "std_msgs/msg/String"}
    assert picture_topic(topics) == "/b" and picture_topic(topics, "/a") == "/a"
    assert picture_topic({"/c": "std_msgs/msg/String"}) is None
    with pytest.raises(ValueError, match="there are some on: /b, /a"):
        picture_topic(topics, "/c")
