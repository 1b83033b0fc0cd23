"""Train a network on examples, and measure one."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from co_perception.training import checkpoints
from co_perception.training.config import TrainConfig
from co_perception.training.course import Course, digest
from co_perception.training.examples import Examples
from co_perception.training.metrics import measure
from co_perception.training.modes import answers


def fit(
    network: nn.Module,
    train: Examples,
    val: Examples | None,
    config: TrainConfig,
    classes: Sequence[str],
    folder: Path | str | None = None,
    *,
    resume: bool = False,
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
) -> dict[str, Any]:
    """Train the parameters of `network` that ask for gradients, in place; it ends on the CPU, in evaluation mode, with
    the best weights on `val`, or the last ones without it.

    network: has `classify` of clips (B, C, T, ...) to logits (B, classes); in step mode it is `Streaming`, with
    answers (B, classes, steps). classes: the names behind the labels.
    folder: takes checkpoints, settings and TensorBoard logs; None: nothing is written. resume: go on from the newest
    checkpoint in it, to the same weights as if nothing had happened; without one, begin.
    on_epoch: told the number of epochs done and their measures; may raise to end the training.

    Returns: `loss` of the last pass over the examples of the best epoch, `val_loss`, `val_accuracy`,
    `val_balanced_accuracy`, `val_f1` of that epoch, `best_epoch`, `epochs` (done), `history` (of those measures).
    Raises: ValueError for examples that do not fit the classes, and for a folder that holds a training which is not
    to be resumed or is another one; RuntimeError where the loss is no longer a number.
    """
    for name, examples in (("training", train), ("validation", val)):
        _check_labels(name, examples, classes)
    course = Course(config, tuple(classes), digest([*train.labels, -1, *(val.labels if val else ())]))
    place = None if folder is None else Path(folder)
    start = None if place is None else _open(place, config, resume)
    # Its imports take seconds, which commands without a training need not wait for.
    from co_perception.training.lightning_run import run

    run(network, train, val, course, place, start, on_epoch)
    network.load_state_dict(course.best)
    network.eval()
    return course.result()


def predict(network: nn.Module, examples: Examples, batch_size: int = 32, config: TrainConfig | None = None) -> Tensor:
    """Logits (N, classes) of all examples, on the CPU: of the clips, or in step mode the mean of the answers that
    stand. Examples may differ in length. The network stays as it is, and where it is."""
    config = config or TrainConfig()
    device = next(network.parameters()).device
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            stacks = _stacks(examples, batch_size)
            found = [answers(network, x.to(device), config).float().mean(1).cpu() for x in stacks]
    finally:
        for module, training in modes.items():
            module.training = training
    return torch.cat(found)


def _stacks(examples: Examples, batch_size: int) -> Iterator[Tensor]:
    """All examples in their order, those of one shape that follow each other together."""
    for begin in range(0, len(examples), batch_size):
        some = range(begin, min(begin + batch_size, len(examples)))
        tensors = (examples.tensor(index, None) for index in some)
        for _, alike in itertools.groupby(tensors, key=lambda tensor: tensor.shape):
            yield torch.stack(list(alike))


def evaluate(
    network: nn.Module,
    examples: Examples,
    classes: Sequence[str],
    batch_size: int = 32,
    config: TrainConfig | None = None,
) -> dict[str, float]:
    """`loss`, `accuracy`, `balanced_accuracy` and `f1` of a network on examples; see `metrics`."""
    _check_labels("evaluation", examples, classes)
    return measure(predict(network, examples, batch_size, config), torch.as_tensor(examples.labels))


def _open(folder: Path, config: TrainConfig, resume: bool) -> Path | None:
    """Make the folder of a training; its newest whole checkpoint where one is to be resumed."""
    place = folder / "checkpoints"
    there = checkpoints.found(place)
    if there and not resume:
        raise ValueError(f"{folder} holds a training already: give resume=True to go on with it, or another folder")
    place.mkdir(parents=True, exist_ok=True)
    newest = checkpoints.newest(place)
    if there and newest is None:
        warnings.warn(f"no checkpoint in {place} is whole; the training begins anew", stacklevel=3)
    config.to_yaml(folder / "config.yaml")
    return newest


def _check_labels(name: str, examples: Examples | None, classes: Sequence[str]) -> None:
    if examples is None:
        return
    if not len(examples):
        raise ValueError(f"there are no {name} examples")
    if len(examples) != len(examples.labels):
        raise ValueError(f"{len(examples)} {name} examples with {len(examples.labels)} labels")
    outside = sorted({int(label) for label in examples.labels if not 0 <= label < len(classes)})
    if outside:
        raise ValueError(f"labels of the {name} examples lie outside the {len(classes)} classes: {outside[:5]}")
