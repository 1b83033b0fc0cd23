"""Examples to train a head on: the steps of a stream in which an activity is shown, with those before as context.

An answer of a trunk describes the frame at its place (`delay` says how long ago that was when it comes). So a labelled
part of a recording has the steps whose frame lies in it. They are trained as the robot will compute them: with what the
stream showed before, and without the answers of a stream that has just begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.continual.timing import Timing
from co_perception.learners.preprocess_video import clip_frames
from co_perception.learners.stream_features import (
    FeatureExtractor,
    PictureStream,
    StreamFeatures,
    VideoInMemory,
    counted_steps,
)
from co_perception.learners.trainable import Pairs

PATIENCE_S = 10.0  # between two words of one long recording
MOST_STEPS = 256  # of an example at once; a longer one is cut
Progress = Callable[[str, int, int], None]  # of what is done, how much of it, and of how much


@runtime_checkable
class StreamPart(Protocol):
    """A labelled part of a longer stream; a `Clip` of a file and a `BagClip` are such."""

    @property
    def start_s(self) -> float:
        """On the clock of the stream's pictures [s]."""
        ...

    @property
    def end_s(self) -> float:
        """The same."""
        ...

    def whole(self, rate_hz: float) -> PictureStream:
        """The stream that it is a part of, at a rate."""
        ...


@dataclass(frozen=True)
class Part:
    """What of a stream one example shows: the steps from `first` to before `last` that count."""

    stream: StreamFeatures
    first: int
    last: int
    counted: NDArray[np.bool_]  # (steps of the stream,)
    frames: slice  # of the stream


@dataclass(frozen=True, eq=False)
class HeadExamples:
    """Labelled parts of streams as inputs of a head: (F + 1, T), the last channel is 1 for steps that count.

    Args:
        parts: one for each example.
        labels: the class of each.
        context: most steps before a part, where the stream has them; in training a random number up to it.
    """

    parts: Sequence[Part]
    labels: Sequence[int]
    context: int

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def length(self) -> int:
        """Steps of an example; those of shorter ones are followed by zeros, which do not count."""
        longest = max((part.last - part.first + min(self.context, part.first) for part in self.parts), default=1)
        return min(longest, MOST_STEPS)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """(F + 1, T) float32."""
        part, most = self.parts[index], self.length
        context = min(self.context, part.first)
        before = context if rng is None else int(rng.integers(context + 1))
        spare = max(part.last - part.first + before - most, 0)
        start = part.first - before + (spare // 2 if rng is None else int(rng.integers(spare + 1)))
        stop = min(part.last, start + most)
        rows = part.stream.rows[start:stop]
        found = np.zeros((rows.shape[1] + 1, most), np.float32)
        found[:-1, : len(rows)] = rows.T
        found[-1, max(part.first - start, 0) : len(rows)] = part.counted[max(part.first, start) : stop]
        return torch.from_numpy(found)

    def digests(self, index: int) -> Iterator[bytes]:
        """Of what the pictures of an example show."""
        part = self.parts[index]
        yield from (int(each).to_bytes(8, "little") for each in part.stream.digests[part.frames] if each)

    def rows(self) -> NDArray[np.float32]:
        """(N, F) the features of all steps that count."""
        return np.concatenate([p.stream.rows[p.first : p.last][p.counted[p.first : p.last]] for p in self.parts])


def head_examples(
    dataset: Pairs,
    labels: Sequence[int],
    extractor: FeatureExtractor,
    min_progress: float,
    context: int,
    progress: Progress | None = None,
) -> HeadExamples:
    """The dataset as examples of a head; features that are not stored yet are computed now.

    Args:
        dataset: of Videos. The `Samples` of a reader of video files or recordings are each a `StreamPart`, of which
            the rest of the stream is used as context.
        progress: gets what is done, in frames.

    Raises:
        ValueError: for an example that is no Video, or too short; names it.
    """
    wanted = [_part(dataset, index, extractor) for index in range(len(labels))]
    streams = _features([recording for recording, _ in wanted], extractor, progress)
    timing, rate_hz = extractor.timing, extractor.variant.rate_hz
    parts = []
    for (_, span_s), stream in zip(wanted, streams, strict=True):
        counted = counted_steps(timing, len(stream.rows), stream.frames, min_progress)
        parts.append(part_of(stream, span_s, counted, timing, rate_hz))
    return HeadExamples(parts, labels, context)


def _part(dataset: Pairs, index: int, extractor: FeatureExtractor) -> tuple[PictureStream, tuple[float, float]]:
    """The recording that an example is a part of, and from when to when [s]."""
    items: Any = getattr(dataset, "items", None)
    given = items[index].data if items is not None and not callable(items) else None
    if isinstance(given, StreamPart):
        return given.whole(extractor.variant.rate_hz), (given.start_s, given.end_s)
    try:
        frames = clip_frames(dataset[index][0], extractor.variant, 1)
    except ValueError as error:
        raise ValueError(f"example {index}: {error}") from error
    return VideoInMemory(frames, extractor.variant.rate_hz), (0.0, np.inf)


def _features(
    recordings: Sequence[PictureStream], extractor: FeatureExtractor, progress: Progress | None
) -> list[StreamFeatures]:
    """Features of each recording; those that are equal are computed, and held, once."""
    found: dict[str, StreamFeatures] = {}
    names = [recording.content() for recording in recordings]
    missing = dict[str, PictureStream]()
    for name, recording in zip(names, recordings, strict=True):
        if name not in found and name not in missing:
            stored = extractor.stored(recording)
            if stored is None:
                missing[name] = recording
            else:
                found[name] = stored
    frames = {name: round(each.length_s() * extractor.variant.rate_hz) for name, each in missing.items()}
    clock = _Clock(sum(frames.values()), progress)
    for number, (name, recording) in enumerate(missing.items()):
        before = clock.done

        def note(done: int, number: int = number, before: int = before) -> None:
            clock.show(f"features of recording {number + 1} of {len(missing)}", before + done)

        try:
            found[name] = extractor.compute(recording, note)
        except ValueError as error:
            first = names.index(name)
            raise ValueError(f"example {first}: {error}") from error
        clock.done = before + frames[name]
    return [found[name] for name in names]


class _Clock:
    """Progress in frames, with the time that the rest takes at the rate so far."""

    def __init__(self, whole: int, progress: Progress | None) -> None:
        self.done, self._whole, self._progress, self._begin_s = 0, whole, progress, monotonic()
        self._shown = "", 0.0  # what, and when

    def show(self, what: str, done: int) -> None:
        """Tells what is done: at once where it is something else, or after ten seconds."""
        now_s = monotonic()
        if self._progress is None or (what == self._shown[0] and now_s - self._shown[1] < PATIENCE_S):
            return
        self._shown = what, now_s
        rest_s = (now_s - self._begin_s) / max(done, 1) * max(self._whole - done, 0)
        self._progress(f"{what}, {rest_s / 60:.0f} min {rest_s % 60:.0f} s to go", done, self._whole)


def part_of(
    stream: StreamFeatures, span_s: tuple[float, float], counted: NDArray[np.bool_], timing: Timing, rate_hz: float
) -> Part:
    """The part of a stream from one time to another [s].

    Where no step lies in it, it has the nearest one; where none of its steps counts, all of them do.

    Args:
        counted: (steps,) which answers of the stream count, see `counted_steps`.
        timing, rate_hz: of the trunk.
    """
    begin, end = ((edge_s - stream.begin_s) * rate_hz for edge_s in span_s)
    first_frame, end_frame = max(round(begin), 0), int(min(max(end, 0), stream.frames))
    described = np.arange(len(stream.rows)) * timing.stride
    inside = np.flatnonzero((described >= begin) & (described < end))
    if not len(inside):
        middle = (first_frame + end_frame) / 2 / timing.stride
        inside = np.array([min(round(middle), len(stream.rows) - 1)])
    first, last = int(inside[0]), int(inside[-1]) + 1
    if not counted[first:last].any():
        counted = counted.copy()
        counted[first:last] = True
    return Part(stream, first, last, counted, slice(first_frame, end_frame))
