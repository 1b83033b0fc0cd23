"""Checks of pictures: encodings that lie, pictures that show nothing, and sizes that pose estimators cannot use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from co_perception.doctor.findings import Finding, Severity
from co_perception.doctor.observation import StreamObservation, TopicObservation
from co_perception.doctor.picture_sample import PictureSample

MOST_BROKEN = 0.05  # share of the pictures that may be unreadable without a word
SMALL, LARGE = 160, 8_000_000  # pixels of the shorter side, and of the whole picture
DARK, FLAT = 22.0, 3.0
HEADS = 8  # heads from which on colors are judged
BLUISH = -0.15  # faces in bluish light reach -0.07; those of exchanged colors begin at -0.2


def check_pictures(observation: StreamObservation) -> Iterator[Finding]:
    """All checks of pictures, of each topic with some."""
    for topic in observation.images:
        if not topic.pictures:
            continue
        unreadable = [each for each in topic.pictures if each.problem]
        if len(unreadable) > MOST_BROKEN * len(topic.pictures):
            yield _unreadable(topic, unreadable)
        readable = [each for each in topic.pictures if not each.problem]
        if readable:
            yield from _encoding(topic, readable)
            yield from _content(topic, readable)
            yield from _sizes(topic, readable)


def _unreadable(topic: TopicObservation, unreadable: Sequence[PictureSample]) -> Finding:
    """The fault of most pictures that cannot be read, in the words of the reader."""
    worst, count = Counter((each.known, each.scene, each.problem) for each in unreadable).most_common(1)[0]
    known, scene, problem = worst
    fault = "encoding/unknown" if not known else "encoding/lies" if scene else "encoding/no picture"
    return Finding(
        fault,
        topic.topic,
        f"{count} of {len(topic.pictures)} pictures that were looked at cannot be read: {problem.rstrip('.')}.",
        "Name the topic of the color pictures (image_topic:=...), or let the driver publish rgb8, bgr8, mono8 or JPEG "
        "with width, height and step of what it sends.",
    )


def _middle(pictures: Sequence[PictureSample], value: Callable[[PictureSample], float]) -> float:
    return float(np.median([value(each) for each in pictures]))


def _encoding(topic: TopicObservation, pictures: Sequence[PictureSample]) -> Iterator[Finding]:
    """What the numbers of the pictures say against the names of their encodings."""
    coding = Counter(each.coding for each in pictures).most_common(1)[0][0]
    why = ""
    if (spare := _middle(pictures, lambda each: each.spare)) > 0.9:
        why = f"each row has {1 + spare:.1f} times the bytes that its pixels take: the pixels are of more channels"
    elif (mosaic := _middle(pictures, lambda each: each.mosaic)) > 1.2:
        why = (
            f"neighbors differ {mosaic:.1f} times as much as pixels two apart: it is the mosaic of a color sensor, or "
            "luma and chroma in turn"
        )
    elif (rough := _middle(pictures, lambda each: each.low_first)) > 2.0:
        why = f"the high bytes are {rough:.0f} times as rough as the low ones: is_bigendian is the other one"
    if why:
        yield Finding(
            "encoding/lies",
            topic.topic,
            f"Pictures say {coding}, and {why}.",
            "Mend encoding, step and is_bigendian in the driver: pose estimators find nobody in such pictures.",
        )
    redness = [value for each in pictures for value in each.redness]
    if len(redness) >= HEADS and (middle := float(np.median(redness))) < BLUISH:
        yield Finding(
            "encoding/exchanged colors",
            topic.topic,
            f"Faces are blue ({-middle:.0%} more blue than red at {len(redness)} heads): red and blue are exchanged.",
            f"The pictures say {coding}: let the driver name the order that it sends (bgr8 for OpenCV's arrays).",
        )


def _content(topic: TopicObservation, pictures: Sequence[PictureSample]) -> Iterator[Finding]:
    """Pictures that show nothing, or always the same."""
    if _middle(pictures, lambda each: each.contrast) < FLAT:
        yield Finding(
            "picture/empty",
            topic.topic,
            "Pictures have one color: nothing is in them.",
            "Take the cap off the lens, and see whether the driver sends what the sensor sees.",
        )
    elif (bright := _middle(pictures, lambda each: each.brightness)) < DARK:
        yield Finding(
            "picture/dark",
            topic.topic,
            f"Pictures are dark: {bright:.0f} of 255 on average.",
            "Switch a light on, open the iris, or let the camera expose longer (at 15 frames a second up to 60 ms).",
        )
    digests = [each.digest for each in pictures if each.digest]
    same = sum(one == other for one, other in zip(digests, digests[1:], strict=False))
    if len(digests) > 4 and same > 0.5 * (len(digests) - 1):
        yield Finding(
            "picture/frozen",
            topic.topic,
            f"{same + 1} of {len(digests)} pictures are the same to the last bit, under different stamps.",
            "The driver repeats its last frame: see whether the camera is still connected, and start the driver again.",
        )


def _sizes(topic: TopicObservation, pictures: Sequence[PictureSample]) -> Iterator[Finding]:
    sizes = Counter(each.size for each in pictures)
    width, height = sizes.most_common(1)[0][0]
    if len(sizes) > 1:
        listed = ", ".join(f"{wide} x {high}" for (wide, high), _ in sizes.most_common(3))
        yield Finding(
            "picture/sizes",
            topic.topic,
            f"The size of the pictures changes: {listed}. Are two cameras on one topic?",
            "Give each camera a topic of its own, and fix the size in the driver.",
        )
    if min(width, height) < SMALL:
        yield Finding(
            "picture/small",
            topic.topic,
            f"Pictures are {width} x {height} pixels: a person is too small in them for a pose estimator.",
            "Let the driver send 640 x 480 or more.",
        )
    elif width * height > LARGE:
        yield Finding(
            "picture/large",
            topic.topic,
            f"Pictures are {width} x {height} pixels: reading them takes longer than recognizing does.",
            "Let the driver send a smaller size, or a compressed picture.",
            Severity.WARNING,
        )
