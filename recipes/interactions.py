"""Recipe: heads on Inception-I3D taught six acts of two people from 60 short videos (UT-Interaction, set 1).

    python -m recipes.interactions --data DATA --folds 10 [--heads linear gru attention deepcot] [--crop center]

Classes are the six acts and "nothing", shown by nine videos of people alone in two other homes (GMDCSA24). Each of the
ten pairs of people is held out once, and with it one of the homes, in turn. Settings of the heads are those of the
command, fixed before the first run; nothing chose an epoch, and nothing is shipped. Features are computed once and
stored, about 7 s of one core for each video; a fold then takes seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch

from co_perception.commands.train_video import head_settings
from co_perception.data.datasets.video_folder import Clip
from co_perception.data.samples import Sample, Samples
from co_perception.learners.head_examples import HeadExamples
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.variants import CENTER, CROPS, HEADS
from co_perception.runtime.steppers.choose import stepper
from co_perception.runtime.steppers.options import StepOptions
from recipes.report import Report, arguments

ACTS = ("shake hands", "hug", "kick", "point", "punch", "push")
NOTHING = len(ACTS)
CLASSES = (*ACTS, "nothing")
CHOOSING = 5
NETWORK = "coi3d_inception"
CONFIG = head_settings().replace(accelerator="cpu")


def main() -> None:
    """Compute features once, hold out each pair, print."""
    extra: dict[str, dict[str, Any]] = {
        "--data": {"type": Path, "required": True, "help": "folder with ut_interaction and gmdcsa24"},
        "--heads": {"nargs": "+", "default": list(HEADS), "choices": HEADS},
        "--crop": {"default": CENTER, "choices": CROPS, "help": "what of a picture the network sees"},
        "--choose": {"action": "store_true", "help": f"use the first {CHOOSING} pairs alone, to choose settings by"},
    }
    chosen = arguments(__doc__ or "", extra)
    report = Report("interactions", "six acts of two people and nothing, a pair held out; heads on Inception-I3D")
    samples = read_samples(chosen.data)
    if chosen.choose:
        samples = samples.filter(lambda item: item.label == NOTHING or int(item.subject) <= CHOOSING)
    learner, begin_s = head_learner("linear", samples, chosen.crop), process_time()
    learner.progress = show_progress
    learner.read_dataset(samples, CONFIG)
    report.note("cpu_s_of_features", round(process_time() - begin_s, 1))
    for away in folds(samples)[: chosen.folds]:
        train, held_out = divided(samples, away)
        for kind in chosen.heads:
            _judge(kind, chosen.crop, train, held_out, report)
        acts = [item.label for item in held_out.items if item.label != NOTHING]
        report.add("chance: the most frequent act", max(acts.count(act) for act in set(acts)) / len(acts))
    report.close()


def show_progress(what: str, done: int, whole: int) -> None:
    """One line on standard error that says what is being done."""
    del done, whole
    print(f"\r{what}   ", end="", file=sys.stderr, flush=True)


def read_samples(data: Path) -> Samples:
    """The videos, each with its pair or home as the subject."""
    items = []
    for file in sorted((data / "ut_interaction").glob("*_*_*.avi"), key=lambda path: int(path.stem.split("_")[0])):
        _, pair, act = file.stem.split("_")
        items.append(Sample(Clip(file), int(act), pair, str(file), str(file)))
    for file in sorted((data / "gmdcsa24").rglob("*.mp4")):
        items.append(Sample(Clip(file), NOTHING, file.parts[-3], str(file), str(file)))
    return Samples(items, CLASSES)


def folds(samples: Samples) -> list[set[str]]:
    """Who is held out in each fold: a pair, and one of the homes in turn."""
    pairs = sorted({item.subject for item in samples.items if item.label != NOTHING}, key=int)
    homes = sorted({item.subject for item in samples.items if item.label == NOTHING})
    return [{pair, homes[number % len(homes)]} for number, pair in enumerate(pairs)]


def divided(samples: Samples, away: set[str]) -> tuple[Samples, Samples]:
    """The videos of everybody else, and those of the people who are held out."""
    return samples.filter(lambda item: item.subject not in away), samples.filter(lambda item: item.subject in away)


def head_learner(kind: str, samples: Samples, crop: str = CENTER) -> ContinualVideoLearner:
    """A learner of the published trunk with a head to be trained."""
    learner = ContinualVideoLearner(NETWORK, head=kind, crop=crop, classes=samples.classes)
    learner.start_from()
    return learner


def _judge(kind: str, crop: str, train: Samples, held_out: Samples, report: Report) -> None:
    """Trains a head; adds its accuracy per clip and per answer on what is held out."""
    learner, begin_s = head_learner(kind, train, crop), process_time()
    learner.fit(train, config=CONFIG)
    report.add(f"{kind}: CPU s of training", process_time() - begin_s)
    best, labels = learner.predict(held_out, config=CONFIG), np.array(held_out.labels)
    acts = labels != NOTHING
    report.add(f"{kind}: accuracy per clip of acts", float((best[acts] == labels[acts]).mean()))
    report.add(f"{kind}: share of other clips called nothing", float((best[~acts] == NOTHING).mean()))
    right, answers = _answers(learner, held_out)
    report.add(f"{kind}: accuracy per answer", right / answers)
    report.add(f"{kind}: CPU ms of the head a step", step_ms(learner))


def _answers(learner: ContinualVideoLearner, held_out: Samples) -> tuple[int, int]:
    """How many of the answers that count are right, and how many there are, each video a stream of its own."""
    examples = learner.read_dataset(held_out, CONFIG)
    assert isinstance(examples, HeadExamples)
    right = answers = 0
    for part, label in zip(examples.parts, examples.labels, strict=True):
        with torch.no_grad():
            logits = learner.model.classifier_head.clip(torch.from_numpy(part.stream.rows.T[None].copy()))[0]
        counted = logits.argmax(0).numpy()[part.counted]
        right, answers = right + int((counted == label).sum()), answers + len(counted)
    return right, answers


def step_ms(learner: ContinualVideoLearner) -> float:
    """CPU time of the head for one vector in ONNX Runtime, one thread [ms]; the mean of 400."""
    features = learner.model.trunk.frame_out(learner.frame_shape)[0]
    step = stepper(learner.model.classifier_head, (features,), "onnxruntime", StepOptions(1))
    state, x = step.init_state(1), torch.randn(1, features, 1)
    for number in range(500):
        if number == 100:
            begin_s = process_time()
        _, state = step(x, state)
    return (process_time() - begin_s) / 400 * 1000


if __name__ == "__main__":
    main()
