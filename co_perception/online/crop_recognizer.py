"""Recognizer of each person's activity from crops of an image around them."""

from __future__ import annotations

from typing import Any

from co_perception.data.messages.people import ImageWithPeople
from co_perception.engine.data import Image
from co_perception.online.crop_streams import CropStreams, Restorable
from co_perception.online.crops import person_crops
from co_perception.online.people import People, Policy
from co_perception.online.people_recognizers import PeopleRecognizer, Reading, RefusalObserver
from co_perception.online.recognizer import StreamingLearner


class PersonRecognizer(PeopleRecognizer[ImageWithPeople]):
    """Recognizes each person's activity from the part of the image around them, with a video network.

    Args:
        learner: steps one person's stream at a time.
        margin: room around each person, see `crops.square_around`.
        policy, rate_hz, observer: as in `PeopleRecognizer`.

    Raises:
        ValueError: for a learner whose state cannot be taken out.
    """

    def __init__(
        self,
        learner: StreamingLearner,
        policy: Policy,
        rate_hz: float,
        margin: float,
        observer: RefusalObserver | None = None,
    ) -> None:
        if not isinstance(learner, Restorable):
            raise ValueError(f"{learner.name} has no snapshot and restore, which subject: person needs; use scene.")
        self.streams: CropStreams[Any] = CropStreams(learner, margin)
        super().__init__(learner, People(self.streams, policy), rate_hz, observer)

    def _read(self, observation: ImageWithPeople, stamp_ns: int) -> Reading:
        image = observation.image
        if image.stamp_ns != stamp_ns:
            image = Image(image.data, stamp_ns)
        crops, refused = person_crops(observation.people, image)
        return observation.people, refused, crops
