"""Training, prediction and evaluation of a network on examples."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from co_perception.training import checkpoints
from co_perception.training.checkpoints import STATE_KEY, RunState, digest
from co_perception.training.config import TrainConfig
from co_perception.training.domain_adaptation import AdaptationSettings, check_adaptation
from co_perception.training.examples import Examples
from co_perception.training.metrics import measure
from co_perception.training.modes import answer_stride, answers, mean_logits
from co_perception.training.shared_content import check_separate


def fit(
    network: nn.Module,
    train: Examples,
    val: Examples | None,
    config: TrainConfig,
    classes: Sequence[str],
    folder: Path | str | None = None,
    *,
    resume: bool = False,
    start: str = "",
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
    source: Examples | None = None,
    adaptation: AdaptationSettings | None = None,
) -> dict[str, Any]:
    """Train the parameters of `network` that require gradients, in place.

    The network ends on the CPU, in evaluation mode, with the best weights on `val`, or the last ones without it.

    Args:
        network: has `classify` of clips (B, C, T, ...) to logits (B, classes); in step mode it is `Streaming`, with
            answers (B, classes, steps); in head mode it is a head, see `modes.answers`.
        train, val: examples, for validation or None.
        config: settings.
        classes: class names in the order of their labels.
        folder: takes checkpoints, settings and TensorBoard logs; None writes nothing.
        resume: go on from the newest checkpoint in the folder, to the same weights as if nothing had happened; without
            one, begin.
        start: name and digest of the model whose weights `network` has; empty: random ones.
        on_epoch: called with the number of epochs done and their measures; may raise to end the training.
        source: many examples of the same classes from elsewhere, for supervised domain adaptation to those of `train`,
            which may be few; None: `train` alone. Half of every batch is the source's.
        adaptation: weights of the losses with a source; None: the default ones.

    Returns:
        `loss` of the last pass over the examples of the best epoch, the figures of `metrics.measure` on `val` after
        that epoch with val_ before their names, `best_epoch`, `epochs` (done), `history` (of those measures), `content`
        (of what was trained on, a `ContentSketch`).

    Raises:
        ValueError: for examples that do not fit the classes, recordings that are in two of the sets, and for a folder
            that holds a training which is not to be resumed or is another one.
        RuntimeError: where the loss is no longer a number.
    """
    if source is None and adaptation is not None:
        raise ValueError("adaptation has weights of losses, and there is no source to adapt from: give source=")
    sets = {"training": train, "validation": val, "source": source}
    check_labels(sets, classes)
    if source is not None:
        check_adaptation(network, train, source, config)
    contents = check_separate(sets)
    content = contents["training"].joined(contents["source"]) if source is not None else contents["training"]
    result = fit_checked(
        network, train, val, config, classes, folder,
        resume=resume, start=start, on_epoch=on_epoch, source=source, adaptation=adaptation,
    )  # fmt: skip
    return result | {"content": content}


def fit_checked(
    network: nn.Module,
    train: Examples,
    val: Examples | None,
    config: TrainConfig,
    classes: Sequence[str],
    folder: Path | str | None = None,
    *,
    resume: bool = False,
    start: str = "",
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
    source: Examples | None = None,
    adaptation: AdaptationSettings | None = None,
) -> dict[str, Any]:
    """`fit` of sets that passed `check_labels` and `check_separate`, which reads all examples; without `content`."""
    if source is not None:
        adaptation = adaptation or AdaptationSettings()
    path = None if folder is None else Path(folder)
    given = (train, val) if source is None else (train, val, source)
    state = RunState(config, tuple(classes), "" if path is None else digest(*given), start, adaptation)
    checkpoint = None if path is None else _open_folder(path, state, resume)
    # Its imports take seconds, which commands without a training need not wait for.
    from co_perception.training.lightning_run import run

    run(network, train, val, state, path, checkpoint, on_epoch, source)
    network.load_state_dict(state.best)
    network.eval()
    return state.result()


def predict(network: nn.Module, examples: Examples, batch_size: int = 32, config: TrainConfig | None = None) -> Tensor:
    """Logits of all examples; the network keeps its mode and its device.

    Args:
        network: as in `fit`.
        examples: may differ in length.
        batch_size: examples at once.
        config: its mode says whether clips are classified whole or streamed.

    Returns:
        (N, classes) on the CPU: of the clips, or in the other modes the mean of the answers past warm-up.
    """
    config = config or TrainConfig()
    device, stride = next(network.parameters()).device, answer_stride(network, config)
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            logits = []
            for begin in range(0, len(examples), batch_size):
                indices = range(begin, min(begin + batch_size, len(examples)))
                tensors = (examples.tensor(index, None) for index in indices)
                for _, group in itertools.groupby(tensors, key=lambda tensor: tensor.shape):
                    x = torch.stack(list(group)).to(device)  # (B, C, T, ...) of one shape
                    logits.append(mean_logits(answers(network, x, config).float(), x, config, stride).cpu())
    finally:
        for module, training in modes.items():
            module.training = training
    return torch.cat(logits)


def evaluate(
    network: nn.Module,
    examples: Examples,
    classes: Sequence[str],
    batch_size: int = 32,
    config: TrainConfig | None = None,
) -> dict[str, float]:
    """`loss`, `accuracy`, `balanced_accuracy` and `f1` of a network on examples, as `metrics.measure` defines them."""
    check_labels({"evaluation": examples}, classes)
    return measure(predict(network, examples, batch_size, config), torch.as_tensor(examples.labels))


def _open_folder(folder: Path, state: RunState, resume: bool) -> Path | None:
    """Make the folder of a training; returns its newest whole checkpoint where one is to be resumed.

    Nothing in the folder of another training is changed.
    """
    place = folder / checkpoints.FOLDER
    existing = checkpoints.list_checkpoints(place)
    if existing and not resume:
        raise ValueError(
            f"{folder} holds a training already: give resume=True (--resume) to go on with it, or another folder"
        )
    place.mkdir(parents=True, exist_ok=True)
    newest = checkpoints.newest(place)
    if existing and newest is None:
        warnings.warn(f"no checkpoint in {place} is whole; the training begins anew", stacklevel=3)
    if newest is not None:
        state.check(checkpoints.read(newest)[STATE_KEY])
    state.config.to_yaml(folder / "config.yaml")
    return newest


def check_labels(sets: Mapping[str, Examples | None], classes: Sequence[str]) -> None:
    """Raises ValueError for sets, by their names in errors, without examples or with labels that fit no class."""
    for name, examples in sets.items():
        if examples is None:
            continue
        if not len(examples):
            raise ValueError(f"there are no {name} examples")
        if len(examples) != len(examples.labels):
            raise ValueError(f"{len(examples)} {name} examples with {len(examples.labels)} labels")
        outside = sorted({int(label) for label in examples.labels if not 0 <= label < len(classes)})
        if outside:
            raise ValueError(f"labels of the {name} examples lie outside the {len(classes)} classes: {outside[:5]}")
