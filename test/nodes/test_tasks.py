"""Several recognizers in one node: a parameter says which answers, and no file is read for it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

rclpy = pytest.importorskip("rclpy")
pytest.importorskip("torch_pruning")

from helpers.drawn_people import ACTIVITIES, RATE_HZ, Figure  # noqa: E402
from helpers.node_stream import RecognizerStream, overrides_of  # noqa: E402
from helpers.random_models import skeleton_model  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from co_perception.adapters.attach import AdapterConfig, attach, attach_masks, plain_state, set_masks  # noqa: E402
from co_perception.adapters.coupling import channel_groups  # noqa: E402
from co_perception.adapters.file import extract  # noqa: E402
from co_perception.adapters.groups import retained_axes  # noqa: E402
from co_perception.adapters.selection import channel_scores, select_channels  # noqa: E402
from co_perception.engine.settings import values_of  # noqa: E402
from co_perception.learners.adaptation import ADAPTER  # noqa: E402
from co_perception.learners.recognizers import KINDS, SkeletonSettings  # noqa: E402
from co_perception.learners.skeleton import ContinualSkeletonLearner  # noqa: E402
from co_perception.msg import ActivityArray, Keypoint, LabelInfo, Skeleton, SkeletonArray  # noqa: E402
from co_perception.nodes.core.messages import to_time  # noqa: E402
from co_perception.nodes.core.qos import latched_qos  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402

LOSSLESS = {"reliability": "reliable", "queue_depth": 100, "threads": 1}


def derive(model: Path, folder: Path, density: float, classes: tuple[str, ...], seed: int) -> None:
    """An adapter as if it had been trained."""
    source = ContinualSkeletonLearner("costgcn_short")
    source.load(model)
    pupil, state = source.model, source.model.state_dict()
    state = {name: value.clone() for name, value in state.items()}
    groups = channel_groups(pupil, tuple(pupil.frame_shape))
    torch.manual_seed(seed)
    attach(pupil, AdapterConfig(rank=2), {"fc.weight", "fc.bias"})
    attach_masks(pupil, groups)
    kept = select_channels(groups, channel_scores(groups, "magnitude", plain_state(pupil), {}), density)
    axes = retained_axes(groups, kept, {name: value.shape for name, value in state.items()})
    set_masks(pupil, axes)
    about = {"network": "costgcn_short", "labels": list(classes), "label_set": "own", "min_progress": 0.75,
             "threshold": 0.0}  # fmt: skip
    folder.mkdir(parents=True)
    extract(pupil, state, axes, AdapterConfig(rank=2), {"fc.weight", "fc.bias"}, about).save(folder / ADAPTER)


def frame(number: int) -> SkeletonArray:
    joints = Figure("wave", 3).frame(number / RATE_HZ)
    keypoints = [Keypoint(x=float(x), y=float(y), z=float("nan"), score=float(s)) for x, y, _, s in joints]
    message = SkeletonArray(skeletons=[Skeleton(subject_id="a", layout="coco17", score=1.0, keypoints=keypoints)])
    message.header.stamp, message.header.frame_id = to_time(round(number / RATE_HZ * 1e9)), "eye"
    return message


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and two tasks of it."""
    root = tmp_path_factory.mktemp("tasks")
    model = skeleton_model(root / "model", ACTIVITIES)
    derive(model, root / "tasks" / "kitchen", 0.3, ACTIVITIES, 1)
    derive(model, root / "tasks" / "gym", 0.5, ("lift", "rest", "row"), 2)
    return model, root / "tasks"


@pytest.mark.slow
def test_a_parameter_changes_who_answers(bench: Any, folders: tuple[Path, Path], tmp_path: Path) -> None:
    model, tasks = (Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in folders)
    settings = {**LOSSLESS, "model_path": str(model), "tasks": str(tasks), "task": "kitchen"}
    stream = RecognizerStream(
        bench, SkeletonActivityNode(parameter_overrides=overrides_of(settings)), {"skeletons": SkeletonArray}
    )
    node, heard = stream.node, stream.answers
    labels = bench.listen(LabelInfo, "skeleton_activity/label_info", latched_qos())
    shutil.rmtree(model)
    shutil.rmtree(tasks)  # whatever comes now is in memory

    def answers(count: int) -> ActivityArray:
        before = len(heard)
        for number in range(before, before + count):
            stream.publish({"skeletons": frame(number)})
        return stream.answered(before + count)[-1]

    first = answers(20)
    assert first.activities[0].label in ACTIVITIES and "wave" in labels[-1].labels
    [told] = node.set_parameters([Parameter("task", value="gym")])
    assert told.successful
    begun = answers(1)
    assert begun.state_epoch > first.state_epoch and begun.activities[0].label == ""  # it warms up
    assert answers(20).activities[0].label in ("lift", "rest", "row")
    bench.until(lambda: list(labels[-1].labels) == ["lift", "rest", "row"])
    node.set_parameters([Parameter("task", value="pool")])  # there is none: it is told, and the gym goes on
    same = answers(1)
    assert same.state_epoch == heard[-2].state_epoch and same.activities[0].label in ("lift", "rest", "row")
    node.set_parameters([Parameter("task", value="")])
    assert answers(20).activities[0].label in ACTIVITIES


@pytest.mark.slow
def test_a_replay_is_answered_by_the_task_too(folders: tuple[Path, Path]) -> None:
    kind = KINDS["skeleton"]
    values = values_of(SkeletonSettings, {"model_path": str(folders[0]), "tasks": str(folders[1]), "task": "gym"})
    learner = kind.loaded(values)
    assert learner.labels == ("lift", "rest", "row") and learner.pruned
    values = replace(values, task="pool")
    with pytest.raises(ValueError, match="no task 'pool'; there are: gym, kitchen"):
        kind.loaded(values)
    with pytest.raises(FileNotFoundError, match="co-perception adapt"):
        kind.loaded(replace(values, tasks=str(folders[0])))
