"""Gallery of activities that somebody showed a few times: known at once, without a training.

A gallery is a saved model of the network `cogallery` (`networks.gallery`): a folder that the node `skeleton_activity`,
`evaluate` and `ContinualSkeletonLearner("cogallery").load(folder)` take. Beside its weights lie the vectors of the
shows, so that more can be added and some taken away. What must not be taken for an activity is shown as `OTHER`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from co_perception.data.parsing import parse_errors
from co_perception.engine.files import write_files
from co_perception.learners.metadata import FILE, Metadata, SkeletonMetadata, restored, shipped, shipped_names
from co_perception.learners.preprocess_pose import to_input
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.learners.weights import read_checkpoint
from co_perception.networks.gallery import PROTOTYPES, CoGallery
from co_perception.networks.variants_skeleton import COGALLERY, GalleryVariant

Vectors = NDArray[np.float32]
EMBEDDING = "gallery.safetensors"  # beside a model's weights: center, projection, reserve and sharpness
SHOWS = "shows.safetensors"  # beside a gallery's weights: the vector of each show
OTHER = "other"  # the last class: none of the activities
DISCOUNT = 0.9  # of the cosine with an example of `OTHER`: the nearest of many shows, beside means of a few
LEAST_S = 0.4  # of a show
FADED = 5  # memories of a body's size after which less than a hundredth is left of it
PRESENT = 0.5  # share of a show's frames in which the person has to be found
MOST_SHOWS = 100_000


@dataclass(frozen=True, eq=False)
class Show:
    """One time that somebody showed an activity.

    Args:
        label: the activity, or `OTHER`: an example of what is none.
        vector: (dims,) of length one.
        source: where it was shown, in words.
    """

    label: str
    vector: Vectors
    source: str = ""


@dataclass(frozen=True)
class LeaveOneOut:
    """What becomes of each show if the gallery did not have it.

    Args:
        shows: number of those that could be asked: their activity has others, or they are of `OTHER`.
        right: number that got their activity.
        confusions: number of shows by activity and the one that they got instead, the most frequent first.
        alone: activities with a single show, of which nothing can be said.
    """

    shows: int
    right: int
    confusions: tuple[tuple[tuple[str, str], int], ...]
    alone: tuple[str, ...]

    def words(self) -> str:
        """The figure, and what to show again."""
        lines = [f"Left out one by one, {self.right} of {self.shows} shows are recognized by the others."]
        if not self.shows:
            lines = ["No activity has two shows: nothing can be said yet about how well they are told apart."]
        counts = dict(self.confusions)
        for (label, other), count in self.confusions:
            back = counts.pop((other, label), 0)
            if (label, other) not in counts:  # told with the other way round
                continue
            instead = "none of them" if other == OTHER else other
            if back:
                lines.append(f"{label} and {other} are confused ({count + back}): show them once more, from the side.")
            elif label == OTHER:
                lines.append(f"{OTHER} is taken for {other} ({count}): show more that is not {other}.")
            else:
                lines.append(f"{label} is taken for {instead} ({count}): show {label} once more, from another side.")
        if self.alone and self.shows:
            lines.append(f"Shown once only: {', '.join(self.alone)}.")
        return "\n".join(lines)


class Gallery:
    """Shows of activities, on the features of a trained model.

    Args:
        model: the name of a shipped model, its folder, or the folder of a gallery.

    Raises:
        FileNotFoundError: where there is none.
        ValueError: for a model of another network, without an embedding, or a damaged file.
    """

    def __init__(self, model: Path | str) -> None:
        folder = shipped(str(model)) if str(model) in shipped_names() else Path(model)
        saved = Metadata.read(folder)
        if not isinstance(saved, SkeletonMetadata) or not saved.dilations:
            raise ValueError(f"{folder} holds {saved.network}: a gallery is made on cotcn, such as cotcn_everyday")
        self._saved = saved
        self._weights = read_checkpoint(folder / saved.weights)
        if not saved.memory:
            self._weights = {name: value for name, value in self._weights.items() if not name.startswith("fc.")}
            self._weights |= _embedding(folder)
        dims = len(self._weights["embedding.projection"])
        self.variant: GalleryVariant = replace(
            restored(COGALLERY, saved), dims=dims, memory=saved.memory or COGALLERY.memory, classes=2, groups=(),
            labels="", name=COGALLERY.name,
        )  # fmt: skip
        self.shows: tuple[Show, ...] = read_shows(folder / SHOWS, dims) if (folder / SHOWS).is_file() else ()
        self._network = CoGallery(self.variant).eval().requires_grad_(False)
        self._network.load_state_dict({**self._weights, PROTOTYPES: torch.zeros(1, dims)})

    @property
    def labels(self) -> tuple[str, ...]:
        """The activities that were shown, in alphabetical order."""
        return tuple(sorted({show.label for show in self.shows} - {OTHER}))

    @property
    def counts(self) -> dict[str, int]:
        """Number of shows of each activity, and of `OTHER` where there are any."""
        counts = Counter(show.label for show in self.shows)
        return {label: counts[label] for label in (*self.labels, OTHER) if counts[label]}

    @property
    def context(self) -> int:
        """Frames before one on which its vector depends, but for a hundredth of a body's size before these."""
        return self._network.receptive_field - 1 + FADED * self.variant.body_memory

    def vectors(self, joints: NDArray[np.float32], layout: str, coordinates: str) -> tuple[Vectors, NDArray[np.bool_]]:
        """(T, dims) of length one for each frame of one person, and (T,) whether the person was found in it.

        Args:
            joints: (T, V, 3 or 4) at the rate of the network, from the first frame in which the person is seen.
            layout, coordinates: as of a `Pose`.
        """
        made = to_input(joints[:, None], layout, self.variant, coordinates)
        found = self._network.vectors(torch.from_numpy(made.values)[None])[0].T.numpy()
        return found, made.present[:, 0]

    def show(self, label: str, vectors: Vectors, present: NDArray[np.bool_], source: str = "") -> None:
        """Adds a show: vectors (T, dims) and presence (T,) of its frames, which follow each other.

        Raises:
            ValueError: for one without a label, that is too short, does not show the person, or was shown before.
        """
        if not label:
            raise ValueError("it has no label: name the activity, or 'other' for what is none")
        least = round(LEAST_S * self.variant.rate_hz)
        if len(vectors) < least:
            raise ValueError(f"it lasts {len(vectors) / self.variant.rate_hz:.1f} s, and a show {LEAST_S:g} s at least")
        if present.mean() < PRESENT:
            raise ValueError(f"the person is found in {present.mean():.0%} of its frames only")
        begin = min(self.variant.memory, len(vectors)) // 2  # earlier frames look back to what was done before
        chosen = present & (np.arange(len(vectors)) >= begin)
        vector = _unit(vectors[chosen if chosen.any() else present].mean(0))
        known = [show.vector for show in self.shows if show.label == label]
        if known and np.isclose(np.stack(known), vector, atol=1e-5).all(1).any():
            raise ValueError("it was shown before")
        self.shows += (Show(label, vector, source),)

    def forget(self, label: str) -> None:
        """Takes an activity, or `OTHER`, away. Raises: ValueError for one that was not shown."""
        if label not in self.counts:
            raise ValueError(f"{label!r} was not shown; there are: {', '.join(self.counts) or 'none'}")
        self.shows = tuple(show for show in self.shows if show.label != label)

    def leave_one_out(self) -> LeaveOneOut:
        """Each show asked of a gallery without it; one of `OTHER` without all that are of the same annotation."""
        vectors = np.stack([show.vector for show in self.shows]) if self.shows else np.zeros((0, self.variant.dims))
        names, counts = np.array([show.label for show in self.shows]), self.counts
        sources = np.array([show.source or str(number) for number, show in enumerate(self.shows)])
        sums = {label: vectors[names == label].sum(0) for label in self.labels}
        reserve, right, confusions = float(self._weights["comparison.reserve"][0]), 0, Counter[tuple[str, str]]()
        asked = [number for number, name in enumerate(names) if counts[name] > 1 or (name == OTHER and sums)]
        for number in asked:
            own, vector = str(names[number]), vectors[number]
            cosines = {label: _unit(total - vector * (label == own)) @ vector for label, total in sums.items()}
            rest = (names == OTHER) & (sources != sources[number])
            cosines[OTHER] = max(reserve, DISCOUNT * float((vectors[rest] @ vector).max(initial=-1.0)))
            answer = max(cosines, key=lambda label: cosines[label])
            right += answer == own
            confusions[own, answer] += answer != own
        return LeaveOneOut(
            len(asked),
            right,
            tuple((pair, count) for pair, count in confusions.most_common() if count),
            tuple(label for label in self.labels if counts[label] == 1),
        )

    def learner(self) -> ContinualSkeletonLearner:
        """A learner that knows what was shown. Raises: ValueError before any activity was."""
        if not self.labels:
            raise ValueError("nothing was shown yet that is an activity: a gallery knows one at least")
        learner = ContinualSkeletonLearner(
            self.variant,
            classes=(*self.labels, OTHER),
            min_progress=self._saved.min_progress,
            threshold=0.0,
            needs=self._saved.needs,
        )
        learner.load_tensors({**self._weights, PROTOTYPES: torch.from_numpy(self._prototypes())}, "the gallery")
        return learner

    def save(self, folder: Path | str, beside: Mapping[str, bytes] | None = None) -> None:
        """Writes the gallery into a folder, which is made where it is missing. Raises as `learner`.

        Args:
            beside: further files there, by name, that are written with it.
        """
        metadata, weights = self.learner().saved_content()
        arrays = {f"show.{number}": show.vector for number, show in enumerate(self.shows)}
        words = {f"show.{number}": f"{show.label}\n{show.source}" for number, show in enumerate(self.shows)}
        into = Path(folder)
        into.mkdir(parents=True, exist_ok=True)
        written = {metadata.weights: weights, FILE: metadata.to_json().encode(), SHOWS: save(arrays, words)}
        written |= beside or {}
        write_files({into / name: content for name, content in written.items()})

    def _prototypes(self) -> Vectors:
        """(activities + shows of `OTHER`, dims): the mean direction of the shows of each, then each of `OTHER`."""
        each = [[show.vector for show in self.shows if show.label == label] for label in self.labels]
        examples = [DISCOUNT * show.vector for show in self.shows if show.label == OTHER]
        return np.stack([*(_unit(np.mean(vectors, 0)) for vectors in each), *examples]).astype(np.float32)


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def _embedding(folder: Path) -> dict[str, torch.Tensor]:
    """The arrays beside a model's weights that make vectors of its features, by their names in the network."""
    path = folder / EMBEDDING
    if not path.is_file():
        raise ValueError(
            f"{folder} has no {EMBEDDING}, which tells what of its features activities are told apart by: take "
            "cotcn_everyday, or fit one with recipes/everyday/gallery.py"
        )
    with parse_errors(path, "what recipes/everyday/gallery.py wrote"):
        found = {name: torch.from_numpy(value) for name, value in load_file(path).items()}
    wanted = {"embedding.center", "embedding.projection", "comparison.reserve", "comparison.sharpness"}
    if set(found) != wanted or found["embedding.projection"].ndim != 2:
        raise ValueError(f"{path} has {', '.join(sorted(found))}, expected {', '.join(sorted(wanted))}")
    return found


def read_shows(path: Path, dims: int) -> tuple[Show, ...]:
    """The shows in a gallery's file, with vectors of `dims` numbers. Raises: ValueError for a damaged one."""
    shows = list[Show]()
    try:
        with parse_errors(path, "what a gallery's save() wrote"), safe_open(path, "numpy") as file:
            words = file.metadata() or {}
            if len(words) > MOST_SHOWS:
                raise ValueError(f"it has {len(words)} shows, and a gallery {MOST_SHOWS} at most")
            for number in range(len(words)):
                label, _, source = words[f"show.{number}"].partition("\n")
                with np.errstate(over="ignore"):  # what is too large is infinite then, and refused
                    vector = np.asarray(file.get_tensor(f"show.{number}"), np.float32)
                if vector.shape != (dims,) or not np.isfinite(vector).all() or not label:
                    raise ValueError(f"show {number} is no vector of {dims} numbers with a label")
                shows.append(Show(label, vector, source))
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged, or not what a gallery's save() wrote ({error})") from error
    return tuple(shows)
