"""Recordings as streams of frames for a recogniser: what its node would have been sent, without ROS.

A frame is read only when somebody wants to see it: most pictures of a fast camera are never decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from co_perception.data.bag_file import IMAGES, SKELETONS, Bag, Stamped
from co_perception.data.damage import reading
from co_perception.data.image_messages import to_rgb
from co_perception.data.people_messages import Reading, from_skeletons
from co_perception.engine.data import Image


@dataclass(frozen=True, eq=False)
class Frame:
    """One instant of a recording.

    Args:
        stamp_ns: of its header.
        told_ns: the stamp that the recogniser is told; another one where clocks are at fault, see `data.faults`.
        read: what is to be seen. Raises ValueError for what cannot be understood, ImportError for a missing package.
    """

    stamp_ns: int
    told_ns: int
    read: Callable[[], Any]


@dataclass(frozen=True)
class Sighting:
    """A picture, and the people that were found in it."""

    image: Image
    people: Reading


Frames = Iterator[Frame]


def skeleton_frames(bag: Bag, topic: str | None = None) -> Frames:
    """The people of each SkeletonArray as a `Reading`, by stamp.

    topic: where the bag has several. Raises: BagError where there is no such topic.
    """
    return _frames(bag, bag.topic(SKELETONS, topic), _read_people)


def image_frames(bag: Bag, topic: str | None = None) -> Frames:
    """Each Image or CompressedImage as an `Image`, by stamp. topic and errors as in `skeleton_frames`."""
    return _frames(bag, bag.topic(IMAGES, topic), _read_picture)


def paired(pictures: Frames, people: Frames) -> Frames:
    """The pictures whose people are known by a message of the same stamp, as `Sighting`; the others are left out."""
    picture, found = next(pictures, None), next(people, None)
    while picture and found:
        if picture.stamp_ns == found.stamp_ns:
            yield replace(picture, read=partial(_read_both, picture, found))
        behind = picture.stamp_ns <= found.stamp_ns, picture.stamp_ns >= found.stamp_ns
        picture = next(pictures, None) if behind[0] else picture
        found = next(people, None) if behind[1] else found


def _read_both(picture: Frame, people: Frame) -> Sighting:
    return Sighting(picture.read(), people.read())


def _frames(bag: Bag, topic: str, read: Callable[[Stamped], Any]) -> Frames:
    for found in bag.messages(topic):
        yield Frame(found.stamp_ns, found.stamp_ns, partial(read, found))


def _read_people(found: Stamped) -> Reading:
    with reading("a message of skeletons", "one with the fields of SkeletonArray"):  # its definition is the recording's
        people = from_skeletons(found.message)
    people.check()
    return people


def _read_picture(found: Stamped) -> Image:
    with reading("a message of a picture", "one with the fields of Image"):
        return Image(to_rgb(found.message), found.stamp_ns)
