"""What the people of a recording show, noted as they are read: by that a model tells if it was trained on them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from co_perception.data.bags.bag_frames import RecordedFrame
from co_perception.data.content_sketch import ContentSketch
from co_perception.data.known_content import joints_digest
from co_perception.data.messages.people import DetectedPeople
from co_perception.skeletons.layouts import layout as layout_called
from co_perception.skeletons.mapping import convert

CHUNK = 4096  # digests that wait to be joined, so that memory stays bounded


class ShownContent:
    """Sketch of each person's joints in the layout of a model, as its training had them.

    Only frames that are read count. Each is read once, by who answers it: reading counts messages.

    Args:
        layout: of the model's joints.
    """

    def __init__(self, layout: str) -> None:
        self._layout = layout_called(layout)
        self._sketch, self._waiting = ContentSketch.of(()), list[bytes]()

    def noting(self, frame: RecordedFrame) -> RecordedFrame:
        """The same frame, whose people are noted when it is read."""
        return replace(frame, read=partial(self._read, frame))

    def sketch(self) -> ContentSketch:
        """Of everything that was read so far."""
        self._sketch, self._waiting = self._sketch.joined(ContentSketch.of(self._waiting)), []
        return self._sketch

    def _read(self, frame: RecordedFrame) -> DetectedPeople:
        people: DetectedPeople = frame.read()
        try:
            for pose in people.poses:
                self._waiting.append(joints_digest(convert(pose.data, layout_called(pose.layout), self._layout)))
        except ValueError:  # who answers the frame refuses it in words
            pass
        if len(self._waiting) >= CHUNK:
            self.sketch()
        return people
