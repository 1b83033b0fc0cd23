"""Frames of a recording: by stamp, read when they are wanted, from whatever a camera sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from bag_writing import (
    SECOND,
    Frame,
    Person,
    compressed,
    image,
    skeleton_array,
    standing,
    store,
    write_bag,
    write_messages,
)

from co_perception.data.bag_file import Bag, BagError
from co_perception.data.bag_frames import image_frames, paired, skeleton_frames
from co_perception.data.image_messages import encode_jpeg

T0 = 1_700_000_000 * SECOND
RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREY = RGB[..., :1]


@pytest.fixture(scope="module")
def types() -> Any:
    return store()


def test_people_are_read_as_the_node_reads_them(tmp_path: Path) -> None:
    people = [Person("a", standing(5)), Person("b", standing(9), "octopus8"), Person("a", standing(7))]
    bad = [Person("b", standing(9), "octopus8")]
    recorded = [Frame(T0 + 2, people, log_ns=1), Frame(T0 + 1, [], log_ns=2), Frame(T0 + 3, bad, log_ns=3)]
    with Bag(write_bag(tmp_path / "b", {"/s": recorded})) as bag:
        nobody, two, strange = skeleton_frames(bag)
        assert [nobody.stamp_ns - T0, two.stamp_ns - T0, two.told_ns - T0] == [1, 2, 2]
        assert nobody.read().poses == []
        reading = two.read()
        assert [pose.id for pose in reading.poses] == ["a"]
        assert [refusal.kind for refusal in reading.refused] == ["unknown layout", "repeated id"]
        with pytest.raises(ValueError, match="octopus8"):
            strange.read()


@pytest.mark.parametrize(
    ("encoding", "pixels", "step"),
    [("rgb8", RGB, None), ("bgr8", RGB[..., ::-1], 30), ("bgra8", np.dstack([RGB[..., ::-1], GREY]), None)],
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
    people = [
        (T0 + n, skeleton_array(Frame(T0 + n, [Person("a", standing(n))]), types)) for n in (1, 2, 3, 5, 6, 7)
    ]
    with Bag(write_messages(tmp_path / "b", {"/i": pictures, "/s": people}, types=types)) as bag:
        found = list(paired(image_frames(bag), skeleton_frames(bag)))
        assert [frame.stamp_ns - T0 for frame in found] == [1, 3, 6]
        seen = [frame.read() for frame in found]
        assert [int(each.image.data[0, 0, 0]) for each in seen] == [1, 3, 6]
        assert [each.people.poses[0].data[0, 0] for each in seen] == [1.0, 3.0, 6.0]
        assert not list(paired(image_frames(bag), iter(())))
