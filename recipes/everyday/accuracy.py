"""Accuracy of the everyday model on people and data sets that it never saw, with a floor beside each figure.

    python -m recipes.everyday.accuracy --data DATA [--steps 22000] [--folds 5] [--jobs 1] [--leave-out QUESTION]

Four questions: people never seen, folds by person within the sets of DATA/train; data sets never seen, those of
DATA/test and the test part of JHMDB; the same without JHMDB's training part; and the whole chain on DATA/video. The
floor is extremely randomized trees (Geurts, Ernst and Wehenkel, Machine Learning 2006) on trivial features of the same
takes. Networks and results go to out/recipes/everyday, and those that are there for the same settings are not trained
or measured again, so that what was stopped goes on where it was; the table goes to docs/accuracy.md. Nothing is chosen
on what is reported.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from co_perception.learners.metadata import Metadata
from co_perception.networks.temporal import CoTcn
from recipes.everyday import video
from recipes.everyday.__main__ import everyday_model, of_held_out_people
from recipes.everyday.accuracy_page import page
from recipes.everyday.calibration import calibrated, calibration_error, fitted, rejected
from recipes.everyday.card import NAME, card
from recipes.everyday.labels import GROUPS, NONE
from recipes.everyday.measure import (
    ANSWERS,
    Floats,
    Stream,
    answers,
    false_alarms,
    floor_features,
    streams,
    take_scores,
)
from recipes.everyday.sets import FOLDS, person_folds, test_takes, train_takes
from recipes.everyday.training import TrainSettings, probabilities, trained_once
from recipes.readers.takes import Take
from recipes.report import MODELS, ROOT

RESULTS, TABLE = ROOT / "out" / "recipes" / "everyday" / "results", ROOT / "docs" / "accuracy.md"
NEVER_SEEN = ("nw_ucla", "utkinect", "msr_action3d", "sbu", "jhmdb")
VIDEO_MODEL = ROOT / "out" / "recipes" / "everyday" / "model"
FLOOR_TREES = 300
Answering = Callable[[Sequence[Stream]], Floats]


def main() -> None:
    """Measure what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/, test/ and, for the whole chain, video/"
    )
    parser.add_argument("--steps", type=int, default=TrainSettings.steps, help="batches of each training")
    parser.add_argument("--folds", type=int, default=FOLDS, help=f"how many of the {FOLDS} folds are run")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, each on one core")
    parser.add_argument(
        "--leave-out", action="append", default=[], help='a question that is not measured, "without JHMDB"'
    )
    chosen = parser.parse_args()
    questions = ["never seen", "fold 0", "without JHMDB", *(f"fold {fold}" for fold in range(1, chosen.folds))]
    questions = [question for question in questions if question not in chosen.leave_out]
    content: dict[str, Any] = {"settings": f"{chosen.steps} batches"}
    with ProcessPoolExecutor(chosen.jobs, get_context("spawn")) as pool:
        answer = partial(measured, data=chosen.data, settings=TrainSettings(steps=chosen.steps))
        content |= zip(questions, pool.map(answer, questions), strict=True)
    if (chosen.data / "video").is_dir():
        content["video"] = answer("video")
    TABLE.write_text(page(content), "utf-8")
    shipped = MODELS / NAME
    if shipped.is_dir():
        saved = Metadata.read(shipped)
        limits = saved.thresholds or (saved.threshold,) * len(GROUPS)
        (shipped / "README.md").write_text(card(content, limits), "utf-8")
    print(f"written: {TABLE.relative_to(ROOT)} and the card of {NAME}")


def measured(question: str, data: Path, settings: TrainSettings) -> dict[str, Any]:
    """What was measured for a question, from the file of its results if that is of the same settings."""
    path = RESULTS / f"{question.replace(' ', '_')}.json"
    if path.exists():
        known = dict[str, Any](json.loads(path.read_text()))
        if known.pop("settings", "") == repr(settings):
            return known
    torch.set_num_threads(1)
    takes = train_takes(data)
    if question == "video":
        found = video.measured(everyday_model(takes, settings, VIDEO_MODEL), data / "video")
    elif question.startswith("fold"):
        found = fold_results(takes, int(question.split()[1]), settings)
    else:
        all_sets = question == "never seen"
        trained_on = takes if all_sets else [take for take in takes if take.dataset != "jhmdb"]
        by_group, _ = of_held_out_people(takes, settings)
        network = calibrated(trained_once("all" if all_sets else question, trained_on, settings), by_group)
        found = never_seen(data, network, floor(trained_on), NEVER_SEEN if all_sets else ("jhmdb",))
    RESULTS.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"settings": repr(settings), **found}) + "\n")
    return found


def fold_results(takes: Sequence[Take], fold: int, settings: TrainSettings) -> dict[str, Any]:
    """Answers of the network and of the floor for the people of one fold.

    Every second person is answered by the network calibrated on the others of the fold, and the other way round; errors
    of confidence, rejection and false alarms are those of one half.
    """
    known, unseen = person_folds(takes, FOLDS, fold)
    network = trained_once(f"fold {fold}", known, settings)
    tests = streams(unseen, seed=100 + fold, views=2)
    trees = floor(known)
    people = sorted({(test.take.dataset, test.take.person) for test in tests})
    halves = [[test for test in tests if people.index((test.take.dataset, test.take.person)) % 2 == n] for n in (0, 1)]
    fits = [fitted(network, half) for half in halves[::-1]]
    fitting = [calibrated(network, by_group) for by_group, _ in fits]
    told = [name for half, each in zip(halves, fitting, strict=True) for name in answers(scores(each, half))]
    (others, _), (_, limits) = halves, fits[0]
    rows = probabilities(fitting[0], [test.joints for test in others])
    tests = [*halves[0], *halves[1]]
    return {
        "wanted": [test.label for test in tests],
        "person": [f"{test.take.dataset} {test.take.person}" for test in tests],
        "network": told,
        "floor": answers(trees(tests)),
        "thresholds": limits,
        "calibration": calibration_error(rows, others),
        "rejected": rejected(rows, others, limits),
        "alarms": false_alarms(rows, others, limits),
    }


def never_seen(data: Path, network: CoTcn, trees: Answering, names: Sequence[str]) -> dict[str, Any]:
    """Answers for sets that were not trained on: among all labels, among those that the set has, and of the floor."""
    found = dict[str, Any]()
    for name in names:
        tests = streams(test_takes(data, name), seed=7)
        rows, wanted = scores(network, tests), [test.label for test in tests]
        common = sorted(set(wanted) - {NONE})
        common_or_none = [*common, NONE]
        found[name] = {
            "wanted": wanted,
            "person": [test.take.person for test in tests],
            "network": answers(rows),
            "network, common labels and none": answers(rows, common_or_none),
            "network, common labels": answers(rows, common),
            "floor, common labels": answers(trees(tests), common),
        }
    return found


def scores(network: CoTcn, tests: Sequence[Stream]) -> Floats:
    """(N, answers) of the network."""
    return np.stack([take_scores(rows) for rows in probabilities(network, [test.joints for test in tests])])


def floor(takes: Sequence[Take]) -> Answering:
    """The trees after their training, from streams to scores (N, answers)."""
    from sklearn.ensemble import ExtraTreesClassifier

    known = streams(takes, seed=1)
    trees = ExtraTreesClassifier(FLOOR_TREES, random_state=0, class_weight="balanced")
    trees.fit(np.stack([floor_features(stream) for stream in known]), [stream.label for stream in known])

    def classify(tests: Sequence[Stream]) -> Floats:
        rows = np.zeros((len(tests), len(ANSWERS)))
        votes = trees.predict_proba(np.stack([floor_features(test) for test in tests]))
        rows[:, [ANSWERS.index(label) for label in trees.classes_]] = votes
        return rows

    return classify


if __name__ == "__main__":
    main()
