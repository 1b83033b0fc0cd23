"""Observation of a recording: all stamps, and a sample of its pictures and people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from co_perception.data.bags.bag_file import IMAGES, SKELETONS, Bag, StampedMessage
from co_perception.data.bags.bag_frames import decoded_packets
from co_perception.data.messages.video_packets import codec_of
from co_perception.doctor.observation import HeadPlaces, StreamObservation, TopicObservation, TopicObserver

PICTURES, PEOPLE = 60, 3000  # of a topic that are looked into, spread over it


def observe_bag(path: Path | str) -> StreamObservation:
    """What a recording holds for a recognizer.

    Raises:
        FileNotFoundError, BagError, ImportError: as `Bag`, for what cannot be read at all.
    """
    heads = HeadPlaces()
    with Bag(path) as bag:
        # People first: where their heads are tells whether the colors of pictures are right.
        kinds = sorted(bag.topics.items(), key=lambda named: (named[1] not in SKELETONS, named[0]))
        found = [_observe_topic(bag, topic, kind, heads) for topic, kind in kinds if kind in (*IMAGES, *SKELETONS)]
        others = {topic: kind for topic, kind in kinds if kind not in (*IMAGES, *SKELETONS)}
        return StreamObservation(tuple(found), others, tuple(bag.damage))


def _observe_topic(bag: Bag, topic: str, kind: str, heads: HeadPlaces) -> TopicObservation:
    looked_into = PEOPLE if kind in SKELETONS else PICTURES
    observer = TopicObserver(topic, kind, bag.count(topic) // looked_into, heads)
    for found in _messages(bag, topic, kind):
        observer.add(found.stamp_ns, found.log_ns, found.message)
    return observer.observed()


def _messages(bag: Bag, topic: str, kind: str) -> Iterator[StampedMessage]:
    """The messages of a topic; of video the first pictures decoded, as each needs those before it, then packets."""
    messages = bag.messages(topic)
    if kind in SKELETONS:
        return messages
    first = next(messages, None)
    if first is None:
        return iter(())
    again = bag.messages(topic)
    return decoded_packets(again) if codec_of(first.message) else again
