"""Recordings: MCAP and SQLite files, the metadata of their folder, and everything that is read out of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import copyfile

from co_perception.data.annotation_topic import EVENTS, STRING, topic_annotations
from co_perception.data.bag_file import IMAGES, SKELETONS, Bag, BagError
from co_perception.data.bag_frames import image_frames, skeleton_frames
from co_perception.evaluation.recorded import ACTIVITIES, recorded
from co_perception.evaluation.records import FrameRecord
from fuzz.target import of_file, scratch

MOST_MESSAGES = 200


def _everything(path: Path) -> None:
    """What training and evaluation would ask of a recording."""
    with Bag(path) as bag:
        asked = (bag.name, bag.start_ns, bag.end_ns)
        assert all(asked[:1]) and asked[1] <= asked[2]
        for kinds, read in ((SKELETONS, skeleton_frames), (IMAGES, image_frames)):
            for topic in _of(bag, kinds):
                for frame in islice(read(bag, topic), MOST_MESSAGES):
                    _tried(frame.read)
        for topic in _of(bag, ACTIVITIES):
            _tried(partial(_records, bag, topic))
        for topic in _of(bag, (EVENTS, STRING)):
            _tried(partial(topic_annotations, bag, topic))


def _records(bag: Bag, topic: str) -> list[FrameRecord]:
    return list(recorded(bag, topic)[2])


def _of(bag: Bag, kinds: tuple[str, ...]) -> list[str]:
    return [name for name, kind in bag.topics.items() if kind in kinds]


def _tried(read: Callable[[], object]) -> None:
    """What is documented to be refused, for one frame or one topic."""
    try:
        read()
    except (ValueError, BagError, ImportError):
        return


def folder(data: bytes) -> None:
    """A metadata.yaml beside a whole recording."""
    place = scratch() / "recording"
    place.mkdir(exist_ok=True)
    copyfile(WHOLE, place / "recording.mcap")
    (place / "metadata.yaml").write_bytes(data)
    _everything(place)


WHOLE = Path(__file__).parents[2] / "test/corpus/mcap/0_people"
mcap = of_file("recording.mcap", _everything)
sqlite = of_file("recording.db3", _everything)
