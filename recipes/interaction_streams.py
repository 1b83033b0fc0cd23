"""Recipe: heads on Inception-I3D that answer uncut streams: six acts of two people (UT-Interaction, set 1) and between.

    python -m recipes.interaction_streams --data DATA [--one 1 2 3 4 5] [--other 6 7 8 9 10] [--heads linear gru]

A stream is the videos of one pair of people, joined with stretches of a person alone at home (GMDCSA24) before, between
and after them, at the network's rate. The pairs are in two groups, each with a home of its own. The heads are taught
the streams of one group and answer those of the other, and the other way round, so each pair is held out once, and
nobody in a stream that is answered was trained on. Settings of the heads are those of the command, fixed before the
first run; nothing chose an epoch, and nothing is shipped. Features are computed once and stored, about 35 s of one core
for each stream.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from co_perception.continual.timing import Timing
from co_perception.data.datasets.video_folder import Clip
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import Pixels, Video
from co_perception.evaluation.metrics.average_precision import Ranking
from co_perception.learners.head_examples import HeadExamples
from co_perception.learners.stream_features import counted_steps
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.variants import CENTER, CROPS, HEADS
from recipes.interactions import CLASSES, CONFIG, NOTHING, head_learner, read_samples, show_progress, step_ms
from recipes.report import Report

ONE, OTHER = ("1", "2", "3", "4", "5"), ("6", "7", "8", "9", "10")  # pairs, unless others are named
BETWEEN_S = (2.0, 4.0)  # how long nobody of the pair is in sight, drawn
FIRST_S = 4.5  # of a stream, so that no act lies in its warm-up
CHANCE = ("always nothing", "a class drawn each time")
ADDED = "added ms a step"
FIGURES = ("mean average precision per frame", "acts found", "delay, s", "false onsets a minute")


@dataclass(frozen=True)
class Piece:
    """A part of a video file in a stream: `frames` of them, at the stream's rate, all of one class."""

    clip: Clip
    frames: int
    label: int


@dataclass(frozen=True)
class JoinedStream:
    """Pieces of videos one after the other, as one `PictureStream`."""

    pieces: tuple[Piece, ...]
    rate_hz: float

    def pictures(self) -> Iterator[tuple[Pixels, float]]:
        count = 0
        for piece in self.pieces:
            for pixels, _ in islice(piece.clip.pictures(), piece.frames):
                yield pixels, count / self.rate_hz
                count += 1

    def content(self) -> str:
        return " + ".join(f"{piece.clip.content()} {piece.frames}" for piece in self.pieces)

    def length_s(self) -> float:
        return sum(piece.frames for piece in self.pieces) / self.rate_hz

    @cached_property
    def spans_s(self) -> list[tuple[float, float]]:
        """From when to when each piece is shown [s]."""
        ends = np.cumsum([0, *(piece.frames for piece in self.pieces)]) / self.rate_hz
        return list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))


@dataclass(frozen=True)
class JoinedPart:
    """One piece of a stream as an example, with what the stream showed before as its context."""

    stream: JoinedStream
    start_s: float
    end_s: float

    def whole(self, rate_hz: float) -> JoinedStream:
        """The stream, which is made for one rate."""
        assert rate_hz == self.stream.rate_hz
        return self.stream

    def __call__(self) -> Video:
        """The pictures of all of it, which may differ in size, are no `Video`."""
        raise TypeError("a part of a joined stream is read as a stream, for a head")


@dataclass(frozen=True)
class Truth:
    """What a stream shows at each answer that counts, and when.

    Args:
        labels: (S,) the class of the frame that each answer describes.
        piece: (S,) number of the piece which that frame lies in.
        starts_s: (P,) when each piece begins [s].
        known_s: (S,) when the robot has the answer [s].
        seconds: that the answers last in all.
    """

    labels: NDArray[np.int64]
    piece: NDArray[np.int64]
    starts_s: NDArray[np.float64]
    known_s: NDArray[np.float64]
    seconds: float


def main() -> None:
    """Compute features once, train each head, print."""
    parser = options(__doc__ or "")
    parser.add_argument("--heads", nargs="+", default=list(HEADS), choices=HEADS)
    chosen = parser.parse_args()
    report = Report("interaction_streams", "six acts of two people in uncut streams, held out by group")
    videos = read_samples(chosen.data)
    one, other = grouped_streams(videos, (chosen.one, chosen.other), ContinualVideoLearner(head="linear").rate_hz)
    report.note("groups", [chosen.one, chosen.other])
    for taught, held_out in ((one, other), (other, one)):
        for kind in chosen.heads:
            learner = head_learner(kind, videos, chosen.crop)
            learner.progress = show_progress
            learner.fit(examples(list(taught.values())), config=CONFIG)
            for stream in held_out.values():
                _report(report, kind, figures(*answers(learner, stream)))
            report.add(f"{kind}: {ADDED}", step_ms(learner))
        for pair, stream in held_out.items():
            truth = answers(learner, stream)[1]
            _report(report, CHANCE[0], figures(np.eye(len(CLASSES))[np.full(len(truth.labels), NOTHING)], truth))
            drawn = np.random.default_rng(int(pair)).integers(len(CLASSES), size=len(truth.labels))
            _report(report, CHANCE[1], figures(np.eye(len(CLASSES))[drawn], truth))
    report.close()
    print(table(report.content["figures"], [*chosen.heads, *CHANCE]))


def options(about: str) -> argparse.ArgumentParser:
    """The options of the recipes that have streams."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", type=Path, required=True, help="folder with ut_interaction and gmdcsa24")
    parser.add_argument("--one", nargs="+", default=ONE, help="pairs of one group, with the first home")
    parser.add_argument("--other", nargs="+", default=OTHER, help="pairs of the other group, with the other home")
    parser.add_argument("--crop", default=CENTER, choices=CROPS, help="what of a picture the network sees")
    return parser


def grouped_streams(
    videos: Samples, groups: tuple[Sequence[str], Sequence[str]], rate_hz: float
) -> tuple[dict[str, JoinedStream], dict[str, JoinedStream]]:
    """The streams of both groups by their pair. Raises: ValueError for a pair in both, or without videos at home."""
    homes = sorted({item.subject for item in videos.items if item.label == NOTHING})
    if not homes:
        raise ValueError("expected --data to hold ut_interaction and gmdcsa24, found no video of people alone at home")
    if both := set(groups[0]) & set(groups[1]):
        raise ValueError(f"expected each pair in one of the groups, got {', '.join(sorted(both))} in both")
    one, other = (
        {pair: joined(videos, pair, home, rate_hz) for pair in group}
        for group, home in zip(groups, (homes[0], homes[-1]), strict=True)
    )
    return one, other


def joined(videos: Samples, pair: str, home: str, rate_hz: float) -> JoinedStream:
    """The pair's videos in an order that is drawn, with stretches of the home between; the same for each call."""
    rng = np.random.default_rng(int(pair))
    acts = [(cast(Clip, item.data), item.label) for item in videos.items if item.subject == pair]
    alone = [cast(Clip, item.data) for item in videos.items if item.subject == home]
    pieces = [_stretch(alone, FIRST_S, rate_hz, rng)]
    for number in rng.permutation(len(acts)):
        clip, label = acts[number]
        pieces.append(Piece(replace(clip, rate_hz=rate_hz), int(clip.length_s() * rate_hz), label))
        pieces.append(_stretch(alone, float(rng.uniform(*BETWEEN_S)), rate_hz, rng))
    return JoinedStream(tuple(pieces), rate_hz)


def _stretch(videos: Sequence[Clip], seconds: float, rate_hz: float, rng: np.random.Generator) -> Piece:
    """A stretch of one of the videos that are long enough."""
    lengths = [video.length_s() for video in videos]
    long_enough = [number for number, length_s in enumerate(lengths) if length_s > seconds + 0.2]
    if not long_enough:
        raise ValueError(f"no video between the acts lasts {seconds + 0.2:.1f} s: the longest has {max(lengths):.1f} s")
    number, frames = int(rng.choice(long_enough)), int(seconds * rate_hz)
    start_s = round(float(rng.uniform(0, lengths[number] - seconds - 0.2)), 2)
    return Piece(replace(videos[number], start_s=start_s, rate_hz=rate_hz), frames, NOTHING)


def examples(streams: Sequence[JoinedStream]) -> Samples:
    """Each piece of each stream as an example of its class."""
    items = []
    for place, stream in enumerate(streams):
        for piece, (start_s, end_s) in zip(stream.pieces, stream.spans_s, strict=True):
            source = f"stream {place}, {start_s:g} to {end_s:g} s"
            items.append(Sample(JoinedPart(stream, start_s, end_s), piece.label, str(place), str(place), source))
    return Samples(items, CLASSES)


def answers(learner: ContinualVideoLearner, stream: JoinedStream) -> tuple[NDArray[np.float64], Truth]:
    """Probabilities (S, classes) of all answers after the warm-up, and the truth."""
    held = learner.read_dataset(examples([stream]), CONFIG)
    assert isinstance(held, HeadExamples)
    features = held.parts[0].stream
    with torch.no_grad():
        logits = learner.model.classifier_head.clip(torch.from_numpy(features.rows.T[None].copy()))[0]
    timing, lag = learner.model.trunk.timing, learner.model.trunk.lag_after(0)
    counted = counted_steps(timing, len(features.rows), features.frames, CONFIG.min_progress)
    scores = logits.softmax(0).T.double().numpy()
    return scores[counted], truth_of(stream, timing, lag, np.flatnonzero(counted))


def truth_of(stream: JoinedStream, timing: Timing, lag: int, steps: NDArray[np.int64]) -> Truth:
    """The truth at these answers of a trunk, which come `lag` steps after the frame that they describe."""
    ends = np.cumsum([piece.frames for piece in stream.pieces])
    piece = np.searchsorted(ends, steps * timing.stride, side="right").clip(max=len(ends) - 1)
    labels = np.array([each.label for each in stream.pieces])[piece]
    starts_s = np.array([start_s for start_s, _ in stream.spans_s])
    known_s = ((steps + lag + 1) * timing.stride - 1) / stream.rate_hz
    return Truth(labels, piece, starts_s, known_s, len(steps) * timing.stride / stream.rate_hz)


def figures(scores: NDArray[np.float64], truth: Truth) -> dict[str, float]:
    """`FIGURES` of one stream.

    An act is found where an answer that describes it names it; the delay lasts until the robot has that answer. An
    onset is an answer with an act as the best class after one with another class; those beyond the first that fits an
    act are false.
    """
    best = scores.argmax(1)
    acts = sorted(set(truth.labels.tolist()) - {NOTHING})
    precisions = [
        Ranking(truth.labels == act, scores[:, act].astype(np.float32)).average_precisions()[0] for act in acts
    ]
    onsets = np.flatnonzero((best != NOTHING) & (best != np.concatenate([[NOTHING], best[:-1]])))
    ends = [int(np.append(np.flatnonzero(best[onset:] != best[onset]), len(best) - onset)[0]) for onset in onsets]
    runs = [(int(best[onset]), set(truth.piece[onset : onset + end])) for onset, end in zip(onsets, ends, strict=True)]
    delays, right = list[float](), 0
    pieces = [number for number in np.unique(truth.piece) if truth.labels[truth.piece == number][0] != NOTHING]
    for number in pieces:
        inside = np.flatnonzero(truth.piece == number)
        label = int(truth.labels[inside[0]])
        hits = inside[best[inside] == label]
        if len(hits):
            delays.append(float(truth.known_s[hits[0]] - truth.starts_s[number]))
        right += any(run == label and number in over for run, over in runs)
    false = (len(runs) - right) / truth.seconds * 60
    late = float(np.mean(delays)) if delays else float("nan")
    return dict(zip(FIGURES, (float(np.mean(precisions)), len(delays) / len(pieces), late, false), strict=True))


def _report(report: Report, who: str, found: Mapping[str, float]) -> None:
    for name, value in found.items():
        report.add(f"{who}: {name}", value)


def table(found: Mapping[str, Sequence[float]], who: Sequence[str]) -> str:
    """Mean and deviation over the pairs, as Markdown."""
    names = [*FIGURES, ADDED]
    lines = ["| head | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for each in who:
        cells = [np.array(found.get(f"{each}: {name}", [np.nan])) for name in names]
        shown = ["" if np.isnan(c).all() else f"{np.nanmean(c):.3f} ± {np.nanstd(c):.3f}" for c in cells]
        lines.append(f"| {each} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
