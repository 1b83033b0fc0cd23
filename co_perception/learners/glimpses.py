"""The people of a picture, as a video network looks at them one by one: where each of them is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from co_perception.data.people_messages import Box, Reading, Refusal
from co_perception.engine.data import Image
from co_perception.learners.crops import Glimpse, Region


def glimpses_of(reading: Reading, image: Image) -> tuple[list[Glimpse], list[Refusal]]:
    """Everybody who has a place in the picture, and who could not be used, in the message or here.

    Raises: ValueError where the people were found in a picture of another size.
    """
    size = (image.data.shape[1], image.data.shape[0])
    if all(reading.size) and reading.size != size:
        raise ValueError(
            f"the skeletons are of a picture of {reading.size[0]} x {reading.size[1]} pixels, this one has {size[0]} x "
            f"{size[1]}: the pose estimator looks at another topic, or at smaller copies."
        )
    places = dict(_places(reading.regions, size))
    here = [pose for pose in reading.poses if pose.id in places]
    lost = [pose.id for pose in reading.poses if pose.id not in places]
    refused = [Refusal("no place", f"{id!r} has no region of interest in the picture") for id in lost]
    return [Glimpse(image, places[pose.id], pose.confidence, pose.id) for pose in here], [*reading.refused, *refused]


def _places(regions: Mapping[str, Box], size: tuple[int, int]) -> Iterator[tuple[str, Region]]:
    for id, box in regions.items():
        region = Region(box.x_offset, box.y_offset, box.width, box.height).within(size)
        if region is not None and (region.width or region.height):
            yield id, region
