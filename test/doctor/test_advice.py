"""Twenty and more planted faults, each named alone, and none in clean recordings: whole bags through the doctor."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import bag_writer
from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag, write_messages
from helpers.drawn_people import Figure

from co_perception.doctor import advice
from co_perception.doctor.advice import delay_words, examine, start_lines
from co_perception.doctor.bag_observation import observe_bag
from co_perception.doctor.observation import Sender, StreamObservation
from co_perception.engine import node_command

pytest.importorskip("rosbags")
Pixels = np.ndarray
STEP = SECOND // 15
WIDTH, HEIGHT = 200, 180  # of pictures: as small as passes for one
TYPES = bag_writer.store()


def people(count: int = 120, step: int = STEP) -> list[Frame]:
    """Somebody who waves, at 15 Hz; messages arrive 20 ms after their stamp."""
    figure = Figure("wave", 3)
    return [
        Frame(T0 + n * step, [Person("p1", figure.frame(n * step / SECOND))], T0 + n * step + SECOND // 50)
        for n in range(count)
    ]


def delayed(frames: Sequence[Frame], late_ns: Callable[[int], int]) -> list[Frame]:
    """Arrivals by a function of the number of the frame, in their order."""
    return [replace(each, log_ns=each.stamp_ns + late_ns(n)) for n, each in enumerate(frames)]


def stamped(frames: Sequence[Frame], stamp_ns: Callable[[int, int], int]) -> list[Frame]:
    """Other stamps; arrivals stay."""
    return [replace(each, stamp_ns=stamp_ns(n, each.stamp_ns)) for n, each in enumerate(frames)]


def changed(frames: Sequence[Frame], change: Callable[[int, Person], Person], **more: Any) -> list[Frame]:
    """Other people in each frame."""
    return [replace(each, people=[change(n, one) for one in each.people], **more) for n, each in enumerate(frames)]


def joints(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[int, Person], Person]:
    return lambda _, person: replace(person, joints=change(person.joints.copy()))


def strangers(person: Person) -> list[Person]:
    """The person twice, side by side and without ids."""
    aside = np.array([300, 0, 0, 0], np.float32)
    return [Person("", person.joints), Person("", person.joints + aside)]


def turned(values: np.ndarray) -> np.ndarray:
    """The picture of a camera that lies on its side."""
    return np.concatenate([480 - values[:, 1:2], values[:, 0:1], values[:, 2:]], 1)


def smaller(values: np.ndarray) -> np.ndarray:
    values[:, :2] *= 0.12
    return values


def upper(values: np.ndarray) -> np.ndarray:
    values[11:] = 0
    return values


PEOPLE_FAULTS: dict[str, Callable[[], list[Frame]]] = {
    "stamps/none": lambda: stamped(people(), lambda n, ns: 0),
    "stamps/other clock": lambda: stamped(people(), lambda n, ns: ns - 5000 * SECOND),
    "stamps/set": lambda: stamped(people(), lambda n, ns: ns - (n > 60) * 3 * SECOND),
    "stamps/ahead": lambda: stamped(people(), lambda n, ns: ns + SECOND // 2),
    "stamps/late": lambda: sorted(
        delayed(people(), lambda n: SECOND // 50 + (n % 10 == 4) * 3 * STEP), key=lambda each: each.log_ns or 0
    ),
    "stamps/repeated": lambda: stamped(people(), lambda n, ns: ns - n % 2 * STEP),
    "stamps/fast": lambda: stamped(people(), lambda n, ns: T0 + round(n * STEP * 1.2) - 2 * SECOND),
    "lag/long": lambda: delayed(people(), lambda n: SECOND),
    "lag/grows": lambda: delayed(people(), lambda n: n * STEP // 4),
    "lag/bursts": lambda: delayed(people(), lambda n: (9 - n % 10) * STEP + n % 10 * 1000),
    "rate/slow": lambda: people(40, SECOND // 3),
    "rate/lost": lambda: [each for n, each in enumerate(people()) if n % 7 not in (2, 5)],
    "rate/pauses": lambda: [each for n, each in enumerate(people()) if not 40 < n < 70],
    "rate/few": lambda: people(3),
    "people/nobody": lambda: [replace(each, people=[]) for each in people()],
    "people/unknown layout": lambda: changed(people(), lambda n, one: replace(one, layout="mine")),
    "people/wrong joints": lambda: changed(people(), joints(lambda values: values[:15])),
    "people/unknown axes": lambda: changed(people(), joints(lambda v: np.nan_to_num(v, nan=2)), coordinates=1),
    "people/wrong unit": lambda: changed(people(), joints(lambda v: v / [640, 480, 1, 1])),
    "people/no ids": lambda: [replace(each, people=strangers(each.people[0])) for each in people()],
    "people/ids change": lambda: changed(people(), lambda n, one: replace(one, id=f"p{n // 6}")),
    "people/turned camera": lambda: changed(people(), joints(turned)),
    "people/small": lambda: changed(people(), joints(smaller)),
    "people/half": lambda: changed(people(), joints(upper)),
}  # fmt: skip


def scene(n: int) -> Pixels:
    """A smooth picture that changes, with a head's color at the head of `people`."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    gray = 110 + 60 * np.sin(x / 30 + n / 9) + 50 * np.cos(y / 25)
    picture = np.stack([gray, gray, gray], -1)
    picture += np.random.default_rng(n).normal(0, 3, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def image_bag(path: Path, message: Callable[[int], Any], count: int = 12) -> Path:
    """Pictures at 15 Hz that arrive after 20 ms."""
    found = [(T0 + n * STEP + SECOND // 50, message(n)) for n in range(count)]
    return write_messages(path, {"/camera/image_raw": found}, types=TYPES)


def picture(n: int, pixels: Pixels, encoding: str = "rgb8", **fields: Any) -> Any:
    found = bag_writer.image(TYPES, T0 + n * STEP, pixels, encoding)
    return replace(found, **fields)


def mosaic(n: int) -> Pixels:
    """What a sensor with a mosaic of colors sees of a greenish scene."""
    rgb = scene(n) * np.array([0.5, 1.0, 0.4])
    found = rgb[..., 1].copy()
    found[0::2, 0::2], found[1::2, 1::2] = rgb[0::2, 0::2, 0], rgb[1::2, 1::2, 2]
    return found[..., None].astype(np.uint8)


def deep(n: int) -> Pixels:
    """(H, W, 6) bytes of a picture of 16 bits, the low byte first."""
    values = (scene(n).astype(np.uint16) << 8) + np.random.default_rng(n).integers(0, 256, (HEIGHT, WIDTH, 3))
    return np.ascontiguousarray(values.astype("<u2")).view(np.uint8).reshape(HEIGHT, WIDTH, 6)


IMAGE_FAULTS: dict[str, Callable[[int], Any]] = {
    "encoding/unknown": lambda n: picture(n, scene(n), "RGB"),
    "encoding/lies": lambda n: picture(n, scene(n)[..., :1], "rgb8"),
    "encoding/lies: more channels": lambda n: picture(n, scene(n), "mono8"),
    "encoding/lies: mosaic": lambda n: picture(n, mosaic(n), "mono8"),
    "encoding/lies: byte order": lambda n: picture(n, deep(n), "rgb16", is_bigendian=1),
    "encoding/no picture": lambda n: picture(n, deep(n)[..., :2], "16UC1"),
    "picture/empty": lambda n: picture(n, np.full((240, 320, 3), 90, np.uint8)),
    "picture/dark": lambda n: picture(n, scene(n) // 12),
    "picture/frozen": lambda n: picture(n, scene(0)),
    "picture/sizes": lambda n: picture(n, scene(n)[: 170 + n % 2 * 10]),
    "picture/small": lambda n: picture(n, scene(n)[:100, :120]),
}


@pytest.mark.parametrize("fault", PEOPLE_FAULTS)
def test_a_fault_of_people_is_named_alone(fault: str, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", {"/skeletons": PEOPLE_FAULTS[fault]()})
    assert [found.fault for found in examine(observe_bag(bag))] == [fault]


@pytest.mark.parametrize("fault", IMAGE_FAULTS)
def test_a_fault_of_pictures_is_named_alone(fault: str, tmp_path: Path) -> None:
    bag = image_bag(tmp_path / "bag", IMAGE_FAULTS[fault])
    found = examine(observe_bag(bag))
    assert {each.fault for each in found} >= {fault.partition(":")[0]}
    assert len(found) == 1 + (fault == "picture/empty"), found  # an empty picture is a frozen one too


@pytest.mark.parametrize(
    "encoding",
    ["rgb8", "mono8", "bayer_rggb8", "rgb16", "bgr8"],
)
def test_clean_pictures_have_no_fault(encoding: str, tmp_path: Path) -> None:
    make = {"mono8": lambda n: scene(n)[..., :1], "bayer_rggb8": mosaic, "rgb16": deep}.get(encoding, scene)
    bag = image_bag(tmp_path / "bag", lambda n: picture(n, make(n), encoding))
    assert examine(observe_bag(bag)) == []


def test_clean_people_have_no_fault(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    shaken = delayed(people(200), lambda n: int(SECOND * (0.03 + 0.02 * rng.random())))
    assert examine(observe_bag(write_bag(tmp_path / "bag", {"/skeletons": shaken}))) == []


def test_short_pauses_are_no_lost_frames(tmp_path: Path) -> None:
    paused = [each for n, each in enumerate(people(150)) if n % 30 >= 12]  # 0.8 s every two seconds
    assert examine(observe_bag(write_bag(tmp_path / "bag", {"/skeletons": paused}))) == []


@pytest.mark.parametrize("exchanged", [False, True])
def test_faces_tell_exchanged_colors(exchanged: bool, tmp_path: Path) -> None:
    frames = people(20)

    def message(n: int) -> tuple[int, Any]:
        pixels = np.full((480, 640, 3), 90 + n, np.uint8)
        pixels[::3, n::7] = 180
        x, y = frames[n].people[0].joints[0, :2].astype(int)
        pixels[max(y - 12, 0) : y + 12, max(x - 12, 0) : x + 12] = (200, 150, 120)[:: -1 if exchanged else 1]
        return frames[n].log_ns or 0, picture(n, pixels)

    skeletons = [(each.log_ns or 0, bag_writer.skeleton_array(each, TYPES)) for each in frames]
    bag = write_messages(tmp_path / "bag", {"/a_image": map(message, range(20)), "/skeletons": skeletons}, types=TYPES)
    assert [each.fault for each in examine(observe_bag(bag))] == ["encoding/exchanged colors"] * exchanged


def test_a_turned_camera_is_told_how_to_be_turned_back(tmp_path: Path) -> None:
    [found] = examine(observe_bag(write_bag(tmp_path / "bag", {"/s": PEOPLE_FAULTS["people/turned camera"]()})))
    assert "rotate to 270" in found.remedy  # the picture was turned clockwise by a quarter


def test_a_recording_without_a_usable_topic_names_those_there_are(tmp_path: Path) -> None:
    kinds = TYPES.types
    text = [(T0, kinds["std_msgs/msg/String"](data="a"))]
    [found] = examine(observe_bag(write_messages(tmp_path / "bag", {"/camera/theora": text}, types=TYPES)))
    assert found.fault == "topics/none" and "/camera/theora" in found.words


def test_a_cut_recording_is_named(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", {"/skeletons": people()})
    [file] = bag.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert "recording/damaged" in [each.fault for each in examine(observe_bag(file))]


def _observed(tmp_path: Path) -> StreamObservation:
    return observe_bag(write_bag(tmp_path / "bag", {"/skeletons": people()}))


@pytest.mark.parametrize("seed", range(3))
def test_a_file_that_is_played_slower_is_no_clock_that_is_set(tmp_path: Path, seed: int) -> None:
    """As fast as a busy machine follows: a recording of the demo was said to be of a clock that was set three times."""
    frames, draw = people(240), np.random.default_rng(seed)
    late_ns = np.cumsum(draw.uniform(0.05, 0.65, len(frames)) * SECOND).astype(int)
    faults = [each.fault for each in examine(observe_bag(write_bag(tmp_path / "a", {"/skeletons": delayed(
        frames, lambda n: int(late_ns[n]))})))]  # fmt: skip
    assert "lag/grows" in faults and "stamps/set" not in faults


def test_a_slow_computer_is_named(tmp_path: Path) -> None:
    clean = _observed(tmp_path)
    assert examine(replace(clean, costs_ms={"recognizing": 3.0})) == []
    [found] = examine(replace(clean, costs_ms={"pose": 80.0, "recognizing": 3.0}))
    assert found.fault == "computer/slow" and "83 ms" in found.words


def test_several_senders_and_lossy_delivery_are_named(tmp_path: Path) -> None:
    [topic] = _observed(tmp_path).topics
    two = replace(topic, senders=(Sender("/a", True), Sender("/b", True)))
    large = replace(topic, senders=(Sender("/a", False),), message_bytes=900_000)
    assert [each.fault for each in examine(StreamObservation((two,), live=True))] == ["delivery/several senders"]
    [found] = examine(StreamObservation((large,), live=True))
    assert found.fault == "delivery/lossy" and ("image_transport", "compressed") in found.settings


def test_the_line_to_use_names_the_topics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/ros/jazzy/bin/ros2")
    skeletons = _observed(tmp_path)
    [line] = start_lines(skeletons, [])
    assert line.endswith("recognizer:=skeleton pose:=none skeleton_topic:=/skeletons use_sim_time:=true")
    coded = [(T0, bag_writer.compressed(TYPES, T0, b"\xff\xd8\xff"))] * 9
    pictures = observe_bag(write_messages(tmp_path / "b", {"/eye/image/compressed": coded}, types=TYPES))
    [line] = start_lines(replace(pictures, live=True), [])
    assert line.endswith("recognizer:=skeleton image_topic:=/eye/image image_transport:=compressed")
    assert start_lines(StreamObservation(()), []) == []


def test_without_a_ros2_command_each_node_has_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_command, "has_command", lambda: False)
    monkeypatch.setattr(advice, "has_command", lambda: False)
    entry = f"{shlex.quote(sys.executable)} -m co_perception.nodes.entry"
    recognizer = f"{entry} skeleton_activity --ros-args -p use_sim_time:=true"
    skeletons = _observed(tmp_path)
    assert start_lines(skeletons, []) == [recognizer.replace("-p", "-r skeletons:=/skeletons -p")]
    coded = [(T0, bag_writer.compressed(TYPES, T0, b"\xff\xd8\xff"))] * 9
    pictures = observe_bag(write_messages(tmp_path / "b", {"/eye/image/compressed": coded}, types=TYPES))
    estimator = "pose --ros-args -r image_raw/compressed:=/eye/image/compressed -p image_transport:=compressed"
    assert start_lines(pictures, []) == [f"{entry} {estimator} -p use_sim_time:=true", recognizer]


def test_the_delay_to_expect_is_lag_and_work_and_the_first_frames(tmp_path: Path) -> None:
    # 0.3 of 32 frames at 15 Hz are 0.64 s, messages take 0.02 s, and the work is 0.1 s.
    words = delay_words(replace(_observed(tmp_path), costs_ms={"recognizing": 100.0}))
    assert "first label 0.8 s" in words and "later ones 0.12 s" in words
