"""Training of a head on a video network for `co-perception train --recognizer video`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

from co_perception.commands.output import Bar

if TYPE_CHECKING:
    from co_perception.data.parsing import Skipped
    from co_perception.data.samples import Sample, Samples
    from co_perception.learners.video import ContinualVideoLearner
    from co_perception.training.config import TrainConfig

NETWORK, HEAD = "coi3d_inception", "gru"


@dataclass(frozen=True)
class VideoSources:
    """Videos and recordings to train on, as arguments of these names.

    Args:
        sources: recordings with pictures, folders with a folder of videos for each class, or tables of clips.
        annotations: file of the recordings' annotations; None: annotations.csv beside each.
        topic: of the pictures, where a recording has several.
        background: label of time without annotation; empty: it is left out.
    """

    sources: list[Path]
    annotations: Path | None
    topic: str | None
    background: str


def head_settings() -> TrainConfig:
    """Settings of a head, chosen before anything was measured that is reported."""
    from co_perception.training.config import TrainConfig

    return TrainConfig(mode="head", epochs=40, batch_size=16, weight_decay=1e-2, label_smoothing=0.1, balance=True)


def read_videos(given: VideoSources, rate_hz: float) -> tuple[Samples, Skipped]:
    """Labelled parts of videos and recordings with the same classes, and what could not be used.

    Raises:
        FileNotFoundError: for a source that is not there.
        ValueError: for options that change nothing, and where nothing can be used.
    """
    from co_perception.data.annotations.sources import read_any
    from co_perception.data.bags.labeled_videos import video_bag_samples
    from co_perception.data.bags.recorded_file import is_recording
    from co_perception.data.datasets.video_folder import video_samples, with_background
    from co_perception.data.parsing import Skipped

    for path in given.sources:
        if not path.exists():
            raise FileNotFoundError(f"there is nothing at {path}.")
    bags = [path for path in given.sources if is_recording(path)]
    for option in ("annotations", "topic"):
        if getattr(given, option) is not None and not bags:
            raise ValueError(f"--{option} is for recordings, and all sources are videos: leave it out.")
    parts, skipped = list["Samples"](), Skipped()
    if bags:
        annotations = None if given.annotations is None else read_any(given.annotations)
        samples, left_out = video_bag_samples(bags, annotations, rate_hz, given.background, topic=given.topic)
        parts, skipped = [samples], skipped + left_out
    for path in given.sources:
        if path not in bags:
            samples, left_out = video_samples(path)
            is_table = path.is_file() and given.background
            parts.append(with_background(samples, given.background) if is_table else samples)
            skipped += left_out
    names = {name for samples in parts for name in samples.classes}
    classes = sorted(names, key=lambda name: (name == given.background, name))
    samples = _taken_once(reduce(add, (part.with_classes(classes) for part in parts)), skipped)
    skipped.require(samples.items, ", ".join(map(str, given.sources)), "Is each annotation inside its recording?")
    return samples, skipped


def _taken_once(samples: Samples, skipped: Skipped) -> Samples:
    """The first of all parts with the same content: a copy would be trained on and held out alike. Decodes nothing."""
    first, items = dict[str, str](), list["Sample"]()
    for item in samples.items:
        content = item.data.content()  # type: ignore[union-attr]  # a `Clip` or a `BagClip`
        if content in first:
            skipped.add(item.source, f"the same content as {first[content]}: it is taken once")
            continue
        first[content] = item.source
        items.append(item)
    return type(samples)(items, samples.classes)


def video_learner(
    network: str, head: str, crop: str, start: Path | None, samples: Samples, bar: Bar
) -> ContinualVideoLearner:
    """A learner for the classes of the samples, with the weights to start from: the published ones unless given.

    Raises:
        As `ContinualVideoLearner.start_from`.
    """
    from co_perception.learners.video import ContinualVideoLearner

    learner = ContinualVideoLearner(network, head=head, crop=crop, classes=samples.classes)
    learner.start_from(start)
    learner.progress = bar
    return learner
