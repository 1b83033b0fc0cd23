"""One video network for several people: each person has a stream of image crops and a network state.

The state of a video learner is a value. So one set of weights serves all people: a person's state is put in, stepped
by one frame, and taken out again. Each person costs a step of the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from co_perception.engine.data import Image
from co_perception.engine.target import Category
from co_perception.online.crops import PersonCrop, Square, cut_square, follow, smoothing_share, square_around

SMOOTHING_S = 0.4  # time constant of the square that follows a person

State = TypeVar("State")  # of one stream, as the learner keeps it


@runtime_checkable
class Restorable(Protocol[State]):
    """Video learner with a state to take out and put in; `learners.video.ContinualVideoLearner` is one."""

    @property
    def rate_hz(self) -> float: ...

    @property
    def receptive_field(self) -> int: ...

    @property
    def min_progress(self) -> float: ...

    @property
    def stream_bytes(self) -> int: ...

    def infer(self, data: Image) -> Sequence[Category]: ...

    def reset(self) -> None: ...

    def snapshot(self) -> State: ...

    def restore(self, stream: State) -> None: ...

    def save_streams(
        self, path: Path | str, streams: Mapping[str, State], notes: Mapping[str, list[float]]
    ) -> None: ...

    def load_streams(self, path: Path | str) -> Mapping[str, tuple[State, Any]]: ...


@dataclass(frozen=True)
class CropStream(Generic[State]):
    """One person's stream: the square that follows them, and the learner's state."""

    square: Square
    state: State


class CropStreams(Generic[State]):
    """A stream of crops for every id, as `people.People` wants it.

    Args:
        learner: its weights are used, and its own stream is lost.
        margin: room around each person, see `crops.square_around`.
        smoothing_s: time constant of the square that follows, on the network's clock; 0: none.
    """

    persons = 1

    def __init__(self, learner: Restorable[State], margin: float = 0.25, smoothing_s: float = SMOOTHING_S) -> None:
        self._learner = learner
        self._margin = margin
        self._share = smoothing_share(learner.rate_hz, smoothing_s)
        self._people: dict[str, CropStream[State]] = {}
        self.bytes_per_person = 0
        """Memory of the stream stepped last; it changes a little with the frames that wait in it."""

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._people)

    @property
    def rate_hz(self) -> float:
        """Frames per second of the network."""
        return self._learner.rate_hz

    @property
    def receptive_field(self) -> int:
        """Frames that one answer depends on."""
        return self._learner.receptive_field

    @property
    def min_progress(self) -> float:
        """Least share of real input behind a valid label."""
        return self._learner.min_progress

    def infer(self, data: Sequence[PersonCrop]) -> list[Category]:
        """Steps the streams of these people, new ones from the beginning. Where it raises, none was stepped."""
        stepped, answers = dict(self._people), list[Category]()
        for crop in data:
            pixels, before = crop.image.data, stepped.get(crop.id)
            wanted = square_around(crop.region, (pixels.shape[1], pixels.shape[0]), self._margin)
            square = follow(before.square if before else None, wanted, crop.region, self._share)
            if before is None:
                self._learner.reset()
            else:
                self._learner.restore(before.state)
            answers += self._learner.infer(Image(cut_square(pixels, square), crop.image.stamp_ns))
            self.bytes_per_person = self._learner.stream_bytes
            stepped[crop.id] = CropStream(square, self._learner.snapshot())
        self._people = stepped
        return answers

    def reset(self, id: str | None = None) -> None:
        """Forgets one person, or all."""
        self._people = {} if id is None else {name: held for name, held in self._people.items() if name != id}

    def release(self, id: str) -> None:
        self.reset(id)

    def save_streams(self, path: Path | str, ids: Sequence[str] | None = None) -> list[str]:
        """Writes the streams of `ids`, or all; returns the ids written. Raises as the learner's `save_streams`."""
        chosen = {id: person for id, person in self._people.items() if ids is None or id in ids}
        states = {id: person.state for id, person in chosen.items()}
        self._learner.save_streams(path, states, {id: list(person.square) for id, person in chosen.items()})
        return list(chosen)

    def load_streams(self, path: Path | str) -> list[str]:
        """Continues what `save_streams` wrote, and forgets all others; returns the ids read.

        Raises:
            ValueError, OSError: as the learner's `load_streams`, and for streams of whole images.
        """
        loaded, people = self._learner.load_streams(path), {}
        for id, (state, note) in loaded.items():
            try:
                people[id] = CropStream(Square(*map(float, note)), state)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"{path} does not say where its people are: {note!r}. Are they of whole pictures?"
                ) from error
        self._people = people
        return list(loaded)
