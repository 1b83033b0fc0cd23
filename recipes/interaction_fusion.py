"""Recipe: six acts of two people by video, by their poses, and by both (UT-Interaction, set 1), a pair held out.

    python -m recipes.interaction_fusion --data DATA [--head gru] [--one 1 2 3 4 5] [--other 6 7 8 9 10]

Video: a head on Inception-I3D, taught the streams of all other pairs (`interaction_streams`), answers the stream of the
pair. Poses: MoveNet finds and follows the people as the node `pose` does; the two who move most in a video show what
the video shows; a logistic regression on what the everyday model's classifier reads answers windows of 2.1 s of each.
Both: the mean of the probabilities of the two, as the node `fusion` gives it, and the other's alone where one has none.
An act is told by the mean of all answers during it. "nothing" is a class of both, and only acts are judged, because
each stream shows one of two homes that others show too. Settings were fixed before the first run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from co_perception.commands.clips import record_clips
from co_perception.data.bags.labeled_bags import bag_samples
from co_perception.data.datasets.video_folder import Clip
from co_perception.data.parsing import Skipped
from co_perception.data.samples import Samples
from co_perception.learners.metadata import Metadata
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.variants import HEADS
from co_perception.training.config import TrainConfig
from recipes.interaction_streams import JoinedStream, answers, examples, grouped_streams, options
from recipes.interactions import CLASSES, CONFIG, NOTHING, head_learner, read_samples, show_progress
from recipes.report import MODELS, Report

EVERYDAY = MODELS / "cotcn_everyday"
WAYS = ("video", "poses", "both")
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of poses, each of one person.

    Args:
        features: (N, F) of the everyday model.
        labels: (N,) classes.
        videos: (N,) names of the video files, without the ending; of homes empty.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    videos: NDArray[np.str_]

    def pairs(self) -> NDArray[np.str_]:
        """(N,) number of the pair of people; of homes empty."""
        return np.array([name.split("_")[1] if name else "" for name in self.videos])


def main() -> None:
    """Hold out each pair, print."""
    parser = options(__doc__ or "")
    parser.add_argument("--head", default="gru", choices=HEADS)
    chosen = parser.parse_args()
    report = Report("interaction_fusion", "six acts of two people by video, poses and both, a pair held out")
    videos = read_samples(chosen.data)
    one, other = grouped_streams(videos, (chosen.one, chosen.other), head_learner(chosen.head, videos).rate_hz)
    streams = one | other
    windows = windows_of(videos)
    for pair in streams:
        by_video = video_answers(chosen.head, chosen.crop, videos, streams, pair)
        by_poses = pose_answers(windows, pair)
        labels = {video: int(video.split("_")[2]) for video in by_video}
        for way, found in zip(WAYS, (by_video, by_poses, fused(by_video, by_poses)), strict=True):
            report.add(f"{way}: accuracy per act", accuracy_of(found, labels))
            report.add(f"{way}: acts", len(labels))
        shown = list(labels.values())
        report.add("chance: accuracy per act", max(shown.count(each) for each in shown) / len(shown))
    report.close()


def video_answers(
    head: str, crop: str, videos: Samples, streams: Mapping[str, JoinedStream], pair: str
) -> dict[str, Floats]:
    """Probabilities (classes,) of each act of a pair, of a head that was taught the others' streams."""
    learner = head_learner(head, videos, crop)
    learner.progress = show_progress
    learner.fit(examples([stream for name, stream in streams.items() if name != pair]), config=CONFIG)
    scores, truth = answers(learner, streams[pair])
    pieces = streams[pair].pieces
    return {
        pieces[number].clip.path.stem: scores[truth.piece == number].mean(0)
        for number in np.unique(truth.piece)
        if pieces[number].label != NOTHING
    }


def windows_of(videos: Samples) -> Windows:
    """The people in all videos, as the everyday model sees them. Poses are found once and stored."""
    learner = ContinualSkeletonLearner(Metadata.read(EVERYDAY).network, classes=CLASSES)
    learner.start_from(EVERYDAY)
    window = learner.variant.clip
    with TemporaryDirectory() as folder:
        bags = _recordings(videos, Path(folder))
        samples, _ = bag_samples(bags, None, learner.variant.layout, learner.rate_hz, window, window // 4)
        samples = samples.with_classes(CLASSES)
        read = learner.read_dataset(samples, TrainConfig())
        inputs = torch.stack([read.tensor(number, None) for number in range(len(read))])
    network: Any = learner.model
    with torch.no_grad():
        features = torch.cat([network.clip_features(part) for part in inputs.split(64)])
    names = ["" if item.label == NOTHING else Path(item.recording).name for item in samples.items]
    return Windows(features.numpy(), np.array(samples.labels), np.array(names))


def _recordings(videos: Samples, folder: Path) -> list[Path]:
    """A recording of each video: in those of acts the two who move most act, in those of homes everybody."""
    found, skipped = list[Path](), Skipped()
    for who, is_act in {"two": True, "all": False}.items():
        rows = [item for item in videos.items if (item.label != NOTHING) == is_act]
        lines = [f'"{cast(Clip, item.data).path.resolve()}",{CLASSES[item.label]}\n' for item in rows]
        table = folder / f"{who}.csv"
        table.write_text("path,label\n" + "".join(lines), encoding="utf-8")
        found += record_clips([table], folder / who, who, (), skipped)
    if skipped:
        print(skipped.report())
    return found


def pose_answers(windows: Windows, pair: str) -> dict[str, Floats]:
    """Probabilities (classes,) of each act of a pair of which there are windows, by those of all other people."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    held_out = windows.pairs() == pair
    probe = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    probe.fit(windows.features[~held_out], windows.labels[~held_out])
    found = {}
    for video in np.unique(windows.videos[held_out]):
        scores = np.zeros(len(CLASSES))
        scores[probe.classes_] = probe.predict_proba(windows.features[windows.videos == video]).mean(0)
        found[str(video)] = scores
    return found


def fused(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> dict[str, Floats]:
    """The mean of both for each video, and that of one where the other has none."""
    both = {name: [each[name] for each in (one, other) if name in each] for name in {**one, **other}}
    return {name: np.mean(scores, axis=0) for name, scores in both.items()}


def accuracy_of(found: Mapping[str, Floats], labels: Mapping[str, int]) -> float:
    """Share of the videos of which the best class is the label; without an answer it is not."""
    right = [name in found and int(found[name].argmax()) == label for name, label in labels.items()]
    return float(np.mean(right))


if __name__ == "__main__":
    main()
