"""Fuzz targets of recordings: MCAP and SQLite files, the metadata of their folder, and all that is read from them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import copyfile

from co_perception.data.annotations.sources import EVENTS, STRING, topic_annotations
from co_perception.data.bags.bag_file import IMAGES, SKELETONS, Bag
from co_perception.data.bags.bag_frames import image_frames, skeleton_frames
from co_perception.data.bags.recorded_file import BagError
from co_perception.evaluation.activity_topic import ACTIVITIES, recorded
from co_perception.evaluation.records import FrameRecord
from fuzz.target import of_file, scratch

MOST_MESSAGES = 200


def _everything(path: Path) -> None:
    """Reads a recording as training and evaluation do."""
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
    return list(recorded(bag, topic).records)


def _of(bag: Bag, kinds: tuple[str, ...]) -> list[str]:
    return [name for name, kind in bag.topics.items() if kind in kinds]


def _tried(read: Callable[[], object]) -> None:
    """Reads one frame or topic; documented errors are allowed."""
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
