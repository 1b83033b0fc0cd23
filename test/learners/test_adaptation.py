"""A learner derived from another: trained while it is pruned, saved, loaded, and stacked on its source again."""

from __future__ import annotations

import copy
import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.answers import scores
from helpers.drawn_people import ACTIVITIES, RATE_HZ, Figure

from co_perception.adapters.attach import AdapterConfig
from co_perception.adapters.file import Adapter
from co_perception.continual.check import check_streaming
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Category, Pose
from co_perception.learners.adaptation import ADAPTER, AdaptConfig, AdapterTasks, adapt, derived
from co_perception.learners.metadata import Metadata
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.variants_skeleton import COSTGCN_SHORT
from co_perception.training.config import TrainConfig

ROOT = Path(__file__).parents[2]
NARROW = dataclasses.replace(
    COSTGCN_SHORT, mixers=("graph",) * 2, channels=(32, 32), strides=(1, 1), pool=12, dropout=0.0
)
QUICK = TrainConfig(epochs=4, batch_size=8, lr=1e-2, accelerator="cpu")
LONGER = QUICK.replace(epochs=24)  # enough to know three activities of drawn people
RANK2 = AdapterConfig(rank=2, block=8, prototypes=4)
Adapted = tuple[ContinualSkeletonLearner, Adapter]


def drawn(names: tuple[str, ...], seed: int, each: int = 8) -> Samples:
    """People who wave, squat or stand, one window each."""
    items = []
    for label, name in enumerate(names):
        for number in range(each):
            figure = Figure(name, 100 * seed + 10 * label + number)
            joints = np.stack([figure.frame(t / RATE_HZ)[:, [0, 1, 3]] for t in range(COSTGCN_SHORT.clip)])
            items.append(Sample(SkeletonSequence(joints.transpose(2, 0, 1)[..., None], "coco17", RATE_HZ), label))
    return Samples(items, names)


def learner(classes: tuple[str, ...]) -> ContinualSkeletonLearner:
    return ContinualSkeletonLearner(NARROW, classes=classes, augment=None)


@pytest.fixture(scope="module")
def source() -> ContinualSkeletonLearner:
    """Knows two activities."""
    made = learner(ACTIVITIES[:2])
    made.fit(drawn(ACTIVITIES[:2], 0), config=LONGER)
    return made


def with_new_head(source: ContinualSkeletonLearner, classes: tuple[str, ...] = ACTIVITIES) -> ContinualSkeletonLearner:
    """The source with a new classifier."""
    made = learner(classes)
    body = {name: value for name, value in source.model.state_dict().items() if not name.startswith("fc.")}
    made.model.load_state_dict(body, strict=False)
    made.begun = True
    return made


def adapted(
    source: ContinualSkeletonLearner,
    method: str = "splora",
    density: float = 0.4,
    train: TrainConfig = QUICK,
    **how: Any,
) -> Adapted:
    made = with_new_head(source)
    config = AdaptConfig(adapter=dataclasses.replace(RANK2, method=method), density=density, examples=16, **how)
    adapter, result = adapt(made, drawn(ACTIVITIES, 1), config, train)
    assert result["epochs"] == train.epochs
    return made, adapter


@pytest.fixture(scope="module")
def small(source: ContinualSkeletonLearner) -> Adapted:
    return adapted(source, train=LONGER)


def test_it_is_smaller_streams_and_learned(small: Adapted) -> None:
    made, adapter = small
    widths = [len(value) for name, value in made.model.state_dict().items() if name.endswith("t_conv.weight")]
    assert made.pruned and all(1 <= width < 32 for width in widths)
    check_streaming(copy.deepcopy(made.model).requires_grad_(True), (3, 17, 1))
    assert made.eval(drawn(ACTIVITIES, 2))["accuracy"] >= 0.7  # a third by chance
    assert adapter.about["labels"] == list(ACTIVITIES)


def test_optimized_it_answers_as_before(small: Adapted, tmp_path: Path) -> None:
    made, _ = small
    made.save(tmp_path)
    folded = learner(ACTIVITIES)
    folded.load(tmp_path)
    folded.optimize()
    clips = [clip for clip, _ in drawn(ACTIVITIES, 3, each=2)]
    np.testing.assert_allclose(scores(made.infer(clips)), scores(folded.infer(clips)), atol=1e-5)
    assert len(scores(made.infer(clips))) == len(clips)


def test_adapter_and_source_make_the_same_recognizer(
    source: ContinualSkeletonLearner, small: Adapted, tmp_path: Path
) -> None:
    made, adapter = small
    adapter.save(tmp_path / ADAPTER)
    again = derived(source, Adapter.load(tmp_path / ADAPTER))
    assert again.labels == ACTIVITIES and again.variant.classes == 3
    for name, value in made.model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], value, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_saved_it_is_loaded_by_a_process_that_knows_its_name_alone(small: Adapted, tmp_path: Path) -> None:
    made, _ = small
    made.save(tmp_path / "model")
    assert Metadata.read(tmp_path / "model").pruned
    clip = drawn(ACTIVITIES, 4, each=1)[0][0]
    np.save(tmp_path / "clip.npy", clip.data)
    code = f"""
import numpy as np, sys
from co_perception.engine.data import SkeletonSequence
from co_perception.learners.skeleton import ContinualSkeletonLearner
learner = ContinualSkeletonLearner("costgcn_short", augment=None)
learner.load({str(tmp_path / "model")!r})
clip = SkeletonSequence(np.load({str(tmp_path / "clip.npy")!r}), "coco17", {RATE_HZ})
np.save({str(tmp_path / "answer.npy")!r}, learner.infer(clip)[0].probabilities)
assert "torch_pruning" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), scores(made.infer(clip))[0], atol=1e-6)


@pytest.mark.parametrize("method", ["finetune", "splopa"])
def test_other_methods_go_the_same_way(source: ContinualSkeletonLearner, method: str) -> None:
    made, adapter = adapted(source, method, importance="gradient")
    again = derived(source, adapter)
    found = again.model.state_dict()
    assert all(torch.allclose(value, found[name], atol=1e-6) for name, value in made.model.state_dict().items())
    numbers = sum(value.numel() for value in made.model.parameters())
    assert (adapter.learned <= numbers) if method == "finetune" else (adapter.learned < 0.5 * numbers)


def test_the_source_is_untouched_and_a_failure_leaves_the_learner_as_it_was(source: ContinualSkeletonLearner) -> None:
    before = {name: value.clone() for name, value in source.model.state_dict().items()}
    made = with_new_head(source)
    with pytest.raises(ValueError, match="the last of 4 epochs would train with density"):
        adapt(made, drawn(ACTIVITIES, 1), AdaptConfig(until=0.9), QUICK)
    with pytest.raises(ValueError, match="classes"):
        adapt(made, drawn(ACTIVITIES[:2], 1), AdaptConfig(), QUICK)
    assert not made.pruned and not made.loaded
    adapted(source)
    assert all(torch.equal(value, before[name]) for name, value in source.model.state_dict().items())


def test_what_is_pruned_is_no_source(small: Adapted, tmp_path: Path) -> None:
    made, _ = small
    with pytest.raises(ValueError, match="a pruned network is no source"):
        adapt(made, drawn(ACTIVITIES, 1), AdaptConfig(), QUICK)
    with pytest.raises(ValueError, match="there are no weights to adapt"):
        adapt(learner(ACTIVITIES), drawn(ACTIVITIES, 1), AdaptConfig(), QUICK)
    made.save(tmp_path)
    with pytest.raises(ValueError, match="is pruned: start from the model"):
        learner(("a", "b")).start_from(tmp_path)


def test_a_pruned_learner_makes_room_for_a_whole_network(
    source: ContinualSkeletonLearner, small: Adapted, tmp_path: Path
) -> None:
    small[0].save(tmp_path / "small")
    source.save(tmp_path / "whole")
    made = learner(ACTIVITIES)
    made.load(tmp_path / "small")
    made.load(tmp_path / "whole")
    assert not made.pruned and made.labels == ACTIVITIES[:2]
    assert all(torch.equal(value, source.model.state_dict()[n]) for n, value in made.model.state_dict().items())


def test_tasks_share_their_source(source: ContinualSkeletonLearner, small: Adapted, tmp_path: Path) -> None:
    made, adapter = small
    _, other = adapted(source, density=0.2, importance="magnitude")
    for name, each in (("kitchen", adapter), ("gym", other)):
        (tmp_path / name).mkdir()
        each.save(tmp_path / name / ADAPTER)
    tasks = AdapterTasks.read(source, tmp_path)
    assert tasks.names == ("gym", "kitchen")
    whole = sum(value.numel() * value.element_size() for value in source.model.state_dict().values())
    assert tasks.bytes == whole + adapter.bytes + other.bytes
    for file in tmp_path.rglob("*.safetensors"):
        file.unlink()  # changing the task reads no file
    pose = Pose(Figure("wave", 7).frame(0.0)[:, [0, 1, 3]], "coco17", id="a")
    kitchen, gym = tasks.learner("kitchen"), tasks.learner("gym")
    assert kitchen.bytes_per_stream != gym.bytes_per_stream  # type: ignore[attr-defined]
    [answer], [expected] = kitchen.infer(pose), made.infer(pose)
    assert isinstance(answer, Category) and answer.status == expected.status
    with pytest.raises(ValueError, match="no task 'pool'; there are: gym, kitchen"):
        tasks.learner("pool")


def test_tasks_of_another_source_are_named(source: ContinualSkeletonLearner, small: Adapted) -> None:
    stranger = learner(ACTIVITIES[:2])
    with pytest.raises(ValueError, match="task 'kitchen': this adapter belongs to another source"):
        AdapterTasks(stranger, {"kitchen": small[1]})
    with pytest.raises(ValueError, match="task 'kitchen' was derived from costgcn_short, the source is other"):
        stranger.variant = dataclasses.replace(stranger.variant, name="other")
        AdapterTasks(stranger, {"kitchen": small[1]})
