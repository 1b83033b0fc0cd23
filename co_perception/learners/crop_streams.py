"""One video network, several people: each has a stream of their own, of pictures cut out around them.

The state of a video learner is a value. So one set of weights serves everybody: a person's stream is put in, stepped
by one frame, and taken out again. Each costs a step of the network, as if they were alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from co_perception.engine.data import Image
from co_perception.engine.target import Category
from co_perception.learners.crops import Glimpse, Square, crop_of, cut, follow, share_of

SMOOTHING_S = 0.4  # time constant of the square that follows a person


@runtime_checkable
class Restorable(Protocol):
    """A video learner with a state to take out and put in; `learners.video.ContinualVideoLearner` is one."""

    @property
    def rate_hz(self) -> float:
        """Frames per second that it is meant for."""

    @property
    def stream_bytes(self) -> int:
        """Memory of the stream as it stands."""

    def infer(self, data: Any) -> Sequence[Category]: ...

    def reset(self) -> None: ...

    def snapshot(self) -> Any: ...

    def restore(self, stream: Any) -> None: ...

    def save_streams(self, path: Path | str, streams: Mapping[str, Any], notes: Mapping[str, Any]) -> None: ...

    def load_streams(self, path: Path | str) -> Mapping[str, tuple[Any, Any]]: ...


class Following(NamedTuple):
    """A person's stream: the square that follows them, and the learner's state."""

    square: Square
    stream: Any


class CropStreams:
    """A stream for every id, as `people.People` wants it.

    Args:
        learner: its weights are used, and its own stream is lost.
        margin: room around each person, see `crops.crop_of`.
        smoothing_s: time constant of the square that follows, on the network's clock; 0: none.
    """

    persons = 1

    def __init__(self, learner: Restorable, margin: float = 0.25, smoothing_s: float = SMOOTHING_S) -> None:
        self._learner = learner
        self._margin = margin
        self._share = share_of(learner.rate_hz, smoothing_s)
        self._people: dict[str, Following] = {}
        self.bytes_per_person = 0
        """Memory of the stream stepped last; it changes a little with the frames that wait in it."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Everybody who has a stream."""
        return tuple(self._people)

    def infer(self, data: Sequence[Glimpse]) -> list[Category]:
        """Steps the streams of these people, newcomers' from the beginning. Where it raises, none was stepped."""
        stepped, answers = dict(self._people), []
        for glimpse in data:
            stepped[glimpse.id], answer = self._step(stepped.get(glimpse.id), glimpse)
            answers.append(answer)
        self._people = stepped
        return answers

    def reset(self, id: str | None = None) -> None:
        """Forgets one person, or everybody."""
        if id is None:
            self._people = {}
        else:
            self.release(id)

    def release(self, id: str) -> None:
        """Forgets one person."""
        self._people = {name: person for name, person in self._people.items() if name != id}

    def save_streams(self, path: Path | str, ids: Sequence[str] | None = None) -> list[str]:
        """Writes the streams of `ids`, or of everybody; gives whose. Raises as the learner's `save_streams`."""
        kept = {id: person for id, person in self._people.items() if ids is None or id in ids}
        streams = {id: person.stream for id, person in kept.items()}
        self._learner.save_streams(path, streams, {id: list(person.square) for id, person in kept.items()})
        return list(kept)

    def load_streams(self, path: Path | str) -> list[str]:
        """Continues what `save_streams` wrote, and forgets everybody else; gives who is here then."""
        loaded = self._learner.load_streams(path)
        self._people = {id: Following(_square(note, path), stream) for id, (stream, note) in loaded.items()}
        return list(loaded)

    def _step(self, before: Following | None, glimpse: Glimpse) -> tuple[Following, Category]:
        pixels = glimpse.image.data
        wanted = crop_of(glimpse.region, (pixels.shape[1], pixels.shape[0]), self._margin)
        square = follow(before.square if before else None, wanted, glimpse.region, self._share)
        if before is None:
            self._learner.reset()
        else:
            self._learner.restore(before.stream)
        (answer,) = self._learner.infer(Image(cut(pixels, square), glimpse.image.stamp_ns))
        self.bytes_per_person = self._learner.stream_bytes
        return Following(square, self._learner.snapshot()), answer


def _square(note: Any, path: Path | str) -> Square:
    try:
        return Square(*map(float, note))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} does not say where its people are: {note!r}. Are they of whole pictures?") from error
