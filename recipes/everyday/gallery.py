"""Recipe: what of the everyday model's features tells activities apart that it was not trained on.

    python -m recipes.everyday.gallery --data DATA [--figures]

Fits the linear discriminant of `networks.gallery` to the acts of the sets of DATA/train, each take from random sides,
and writes `gallery.safetensors` beside the model's weights: from then on `co-perception show` adds activities to
galleries on this model. With --figures it measures too: activities of a set that the discriminant was fitted
without, each shown five times by one person, are asked of all others, from any side. Window, dimensions, shrinkage and
reserve were chosen on Kinder-Gator, NW-UCLA and UTKinect, which are not reported.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from safetensors.torch import load_file

from co_perception.learners.gallery import DISCOUNT, EMBEDDING
from co_perception.learners.metadata import shipped
from co_perception.networks.gallery import LEAST_VARIANCE, CoGallery
from co_perception.networks.variants_skeleton import COGALLERY
from recipes.everyday import bodies as body
from recipes.everyday.drawing import RATE_HZ
from recipes.everyday.estimator import estimated, seen_from_anywhere
from recipes.everyday.labels import NONE, label_of, moving_span
from recipes.everyday.measure import SEEN
from recipes.everyday.sets import test_takes, train_takes
from recipes.everyday.training import VARIANT, network_input
from recipes.readers.takes import Take

Floats = NDArray[np.floating]
SETS = ("kinder_gator", "utd_mhad", "ui_prmd", "vicon_physical")
REPORTED = ("ui_prmd", "utd_mhad", "msr_action3d")
SHRINKAGE, RESERVE, SHARPNESS = 0.3, 0.4, 7.0
VIEWS, ENDS, MOST_FRAMES, FEWEST = 2, 5, 300, 8
SHOWS, EPISODES = 5, 60
LOST = 0.05
NOTHING = -1  # in place of the number of an act


@dataclass(frozen=True, eq=False)
class Windows:
    """Takes from random sides, each as a few windows.

    Args:
        features: (N, ENDS, 2 C) mean and deviation of the features in each window.
        acts, people, takes: (N,) what is done, by whom, and the number of the take.
        known: acts that the model has a label for.
    """

    features: Floats
    acts: NDArray[np.str_]
    people: NDArray[np.str_]
    takes: NDArray[np.intp]
    known: frozenset[str]


@torch.no_grad()
def windows(network: CoGallery, takes: Sequence[Take], views: int, seed: int) -> Windows:
    """The windows of takes, as a camera at `views` random sides and an estimator give them."""
    rng, rows, of = np.random.default_rng(seed), list[Floats](), list[int]()
    layers = list(network.layers)[:-2]
    for number, take in enumerate(takes):
        even = take.at_rate(RATE_HZ)
        joints = even.joints[:MOST_FRAMES]
        if len(joints) < FEWEST:
            continue
        first, last = moving_span(even)
        last = max(min(last, len(joints)), 4)
        begin = min(first + network.variant.memory // 2, last - 1)
        ends = np.linspace(begin, last - 1, ENDS).round().astype(int)
        flat = joints.shape[-1] == 2
        bodies = np.repeat((joints if flat else body.completed(joints))[None], 1 if flat else views, 0)
        points = bodies if flat else seen_from_anywhere(bodies, rng)
        batch = estimated(points, np.zeros((*points.shape[:2], 3), np.int64), SEEN, rng)
        x = network_input(batch.joints)
        for layer in layers:
            x = layer.clip(x)
        rows += list(moments(x[:, :, ends].movedim(1, -1).numpy()))
        of += [number] * len(points)
    chosen = [takes[number] for number in of]
    known = frozenset(_act(take) for take in takes if label_of(take) not in (NONE, None))
    acts, people = np.array([_act(take) for take in chosen]), np.array([take.person for take in chosen])
    return Windows(np.stack(rows), acts, people, np.array(of), known)


def moments(pooled: Floats) -> Floats:
    """Mean and deviation (..., 2 C) of features, of the means of what `WithSquares` gives (..., 2 C + 1)."""
    mean, squares = np.split(pooled[..., :-1] / pooled[..., -1:], 2, -1)
    return np.concatenate([mean, np.sqrt(np.maximum(squares - mean**2, 0) + LEAST_VARIANCE)], -1)


def _act(take: Take) -> str:
    return f"{take.dataset}/{take.action}"


def fitted(parts: Sequence[Windows], dims: int, shrinkage: float = SHRINKAGE) -> tuple[Floats, Floats]:
    """Center (2 C,) and projection (dims, 2 C): a discriminant of the acts, the covariance within them shrunk.

    All acts count alike. Features are divided by their deviation before.
    """
    features = np.concatenate([part.features[:, 1::2].reshape(-1, part.features.shape[-1]) for part in parts])
    acts = np.concatenate([np.repeat(part.acts, part.features[:, 1::2].shape[1]) for part in parts])
    center, scale = features.mean(0), features.std(0) + 1e-4
    values, names = (features - center) / scale, np.unique(acts)
    means = np.stack([values[acts == name].mean(0) for name in names])
    within = np.mean([np.cov(values[acts == name].T, bias=True) for name in names], 0)
    size = len(within)
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / size * np.eye(size)
    power, axes = np.linalg.eigh(within)
    whitening = axes / np.sqrt(power)
    between = np.linalg.svd((means - means.mean(0)) @ whitening, full_matrices=False)[2][:dims]
    return center.astype(np.float32), ((whitening @ between.T).T / scale).astype(np.float32)


@dataclass(frozen=True)
class ShownFigures:
    """Means over episodes: accuracy, share of unknown acts rejected at `LOST` of the known ones, that share at the
    fixed reserve, the known ones lost by it, and the share of unknown acts rejected at `LOST` if the same person showed
    these, too, as something else: by the cosine with the best act less that with the nearest of these rivals.

    The last three are of a gallery that has the rivals as "other": accuracy of the acts, and the shares of the rivals,
    and of acts that are neither, which it calls other.
    """

    accuracy: float
    rejected: float
    rejected_fixed: float
    lost_fixed: float
    rejected_rivals: float
    right_other: float
    rejected_other: float
    rejected_neither: float


def measured(asked: Windows, projection: tuple[Floats, Floats], ways: int, acts: Sequence[str]) -> ShownFigures:
    """Episodes: `ways` of the acts, shown by one person drawn at random, asked of all other people."""
    center, matrix = projection
    vectors = (asked.features - center) @ matrix.T
    vectors /= np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    rng, rival_rng, rows = np.random.default_rng(ways), np.random.default_rng(ways), list[tuple[float, ...]]()
    for _ in range(EPISODES):
        person = rng.choice(np.unique(asked.people))
        own = [act for act in acts if ((asked.acts == act) & (asked.people == person)).any()]
        if len(own) < ways:
            continue
        chosen = rng.choice(own, ways, replace=False).tolist()
        means = np.stack([_prototype(vectors[_shown(asked, act, person, rng)]) for act in chosen])
        others = asked.people != person
        known = others & np.isin(asked.acts, chosen)
        strange = others & np.isin(asked.acts, [act for act in acts if act not in chosen])
        scores, unknown = (vectors[known] @ means.T).mean(1), (vectors[strange] @ means.T).mean(1)
        best = scores.max(1)
        wanted = [chosen.index(act) for act in asked.acts[known]]
        away = unknown.max(1)
        rejected = [np.mean(away < limit) if len(away) else np.nan for limit in (np.quantile(best, LOST), RESERVE)]
        rivals = rival_rng.permutation([act for act in own if act not in chosen])[:ways].tolist()
        told = others & np.isin(asked.acts, rivals)
        shown = [vectors[_shown(asked, act, person, rival_rng)] for act in rivals]
        asked_of = [vectors[which] for which in (known, told, strange & ~told)]
        right, lost = np.mean(scores.argmax(1) == wanted), np.mean(best < RESERVE)
        rows.append((right, *rejected, lost, *_with_rivals(asked_of, wanted, means, shown)))
    return ShownFigures(*np.mean(rows, 0).tolist())


def _with_rivals(
    windows: Sequence[Floats], wanted: Sequence[int], means: Floats, rivals: Sequence[Floats]
) -> tuple[float, ...]:
    """The last four of `ShownFigures`, of takes of the acts, of the rivals, and of neither; NaN without rivals."""
    if not rivals:
        return (float("nan"),) * 4
    known, shown, neither = (_answers(each, means, rivals) for each in windows)
    margins = [_margin(each, means, rivals) for each in windows[:2]]
    away = np.mean(margins[1] < np.quantile(margins[0], LOST))
    strange = np.mean(neither == NOTHING) if len(neither) else np.nan
    return float(away), float(np.mean(known == wanted)), float(np.mean(shown == NOTHING)), float(strange)


def _margin(windows: Floats, means: Floats, rivals: Sequence[Floats]) -> Floats:
    """How much nearer takes (N, ENDS, dims) are to the best of `means` than to the nearest of what rivals show."""
    against = np.stack([_prototype(each) for each in rivals])
    return np.asarray((windows @ means.T).mean(1).max(1) - (windows @ against.T).mean(1).max(1))


def _answers(windows: Floats, means: Floats, rivals: Sequence[Floats]) -> NDArray[np.intp]:
    """Answers to takes (N, ENDS, dims): which of `means`, `NOTHING` for other, of which the rivals are shows."""
    shows = np.concatenate([each.mean(1) for each in rivals])
    examples = DISCOUNT * shows / np.linalg.norm(shows, axis=-1, keepdims=True)
    acts, none = (windows @ means.T).mean(1), np.maximum((windows @ examples.T).max(-1), RESERVE).mean(1)
    return np.where(acts.max(1) > none, acts.argmax(1), NOTHING)


def _shown(asked: Windows, act: str, person: str, rng: np.random.Generator) -> NDArray[np.intp]:
    """Five views of one person's takes of an act: of as many takes as there are."""
    places = rng.permutation(np.flatnonzero((asked.acts == act) & (asked.people == person)))
    takes = asked.takes[places]
    turn = np.array([int((takes[:at] == take).sum()) for at, take in enumerate(takes)])
    return places[np.argsort(turn, kind="stable")][:SHOWS]


def _prototype(vectors: Floats) -> Floats:
    """Of the windows (shows, ENDS, dims) of a few shows, as `learners.gallery` makes it."""
    shows = vectors.mean(1)
    mean = (shows / np.linalg.norm(shows, axis=-1, keepdims=True)).mean(0)
    return np.asarray(mean / np.linalg.norm(mean))


def figures(network: CoGallery, data: Path, parts: Mapping[str, Windows]) -> None:
    """Prints the figures of each reported set, with the discriminant of the other `parts`."""
    for number, name in enumerate(REPORTED):
        takes = train_takes(data, [name]) if name in SETS else test_takes(data, name)
        asked = windows(network, takes, 4, 100 + number)
        projection = fitted([part for other, part in parts.items() if other != name], COGALLERY.dims)
        names = np.unique(asked.acts).tolist()
        for which, acts in (("all", names), ("not known", [act for act in names if act not in asked.known])):
            for ways in (5, 10):
                if len(acts) >= ways:
                    found = measured(asked, projection, ways, acts)
                    print(f"{name}, {len(acts)} acts {which}, {ways} ways, chance {1 / ways:.2f}: {found}", flush=True)


def main() -> None:
    """Fit, write and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and, for figures, test/")
    parser.add_argument("--figures", action="store_true", help="measure too")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    folder = shipped("cotcn_everyday")
    network = CoGallery(replace(COGALLERY, body_memory=VARIANT.body_memory)).eval()
    weights = load_file(folder / "weights.safetensors")
    network.load_state_dict({**network.state_dict(), **{n: v for n, v in weights.items() if not n.startswith("fc.")}})
    parts = {
        name: windows(network, train_takes(chosen.data, [name]), VIEWS, number) for number, name in enumerate(SETS)
    }
    center, projection = fitted(list(parts.values()), COGALLERY.dims)
    arrays = {
        "embedding.center": center, "embedding.projection": projection,
        "comparison.reserve": np.array([RESERVE], np.float32),
        "comparison.sharpness": np.array([SHARPNESS], np.float32),
    }  # fmt: skip
    save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, folder / EMBEDDING)
    print(f"written: {folder / EMBEDDING}", flush=True)
    if chosen.figures:
        figures(network, chosen.data, parts)


if __name__ == "__main__":
    main()
