"""Adaptation of a trained recognizer to other activities while it is pruned, with Structured Pruning Adapters.

Method: Hedegaard, Alok, Jose and Iosifidis, Pattern Recognition 2024, arXiv:2211.10155.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.adapters.attach import AdapterConfig, attach, attach_masks, forms, plain_state, set_masks
from co_perception.adapters.coupling import channel_groups
from co_perception.adapters.file import Adapter, extract
from co_perception.adapters.forms import Blocks
from co_perception.adapters.groups import Axes, ChannelGroup, retained_axes
from co_perception.adapters.selection import channel_scores, density_at, select_blocks, select_channels
from co_perception.continual.layer import Streaming
from co_perception.engine.learners import Dataset
from co_perception.learners.trainable import TrainableLearner
from co_perception.training.config import TrainConfig
from co_perception.training.examples import EpochBatchSampler, ExampleDataset, Examples
from co_perception.training.fit import fit
from co_perception.training.modes import answers

ADAPTER = "adapter.safetensors"  # what `co-perception adapt` writes for each task into its folder


@dataclass(frozen=True, kw_only=True)
class AdaptConfig:
    """Settings of an adaptation.

    Args:
        adapter: what is learned, see `AdapterConfig`.
        density: share of the channels that remain (of blocks, for splopa).
        importance: score by which channels remain: "magnitude", "gradient" or "taylor" (arXiv:1906.10771).
        schedule: how density falls from epoch to epoch, as in `selection.density_at`.
        until: share of the training in which it falls.
        least, multiple: as in `selection.select_channels`.
        examples: number of examples that gradients are summed over, each time.
    """

    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    density: float = 0.3
    importance: str = "taylor"
    schedule: str = "cubic"
    until: float = 0.5
    least: float = 0.5
    multiple: int = 1
    examples: int = 128

    def check(self, epochs: int) -> None:
        """Raises: ValueError for a setting out of range, or a schedule that would still prune after the last epoch."""
        reached = density_at((epochs - 1) / epochs, self.density, self.schedule, self.until)
        if reached > self.density:
            raise ValueError(
                f"the last of {epochs} epochs would train with density {reached:.2f}, what is pruned after it would "
                f"not recover: give more epochs, or until={(epochs - 1) / epochs:.2f} at most"
            )


def adapt(
    learner: TrainableLearner, dataset: Dataset, settings: AdaptConfig, config: TrainConfig | None = None
) -> tuple[Adapter, dict[str, Any]]:
    """Train the learner's network on `dataset` and prune it meanwhile, in place of `fit`.

    Afterwards the learner has the small network with its last weights, and all streams are reset. What fails or is
    interrupted leaves it as it was.

    Args:
        learner: with the weights of the source: loaded, or with `start_from` where its classes are others.
        dataset: (input, Category) pairs.

    Returns:
        The adapter, which stacks on the source, and what `fit` returns.

    Raises:
        As `TrainableLearner.fit`.
        ValueError: for a learner without weights or whose network is pruned already, and for settings that do not go
            together.
    """
    config = config or TrainConfig()
    settings.check(config.epochs)
    if learner.pruned or not (learner.loaded or learner.begun):
        what = "a pruned network is no source" if learner.pruned else "there are no weights to adapt"
        raise ValueError(f"{what}: load() a whole model, or start_from() one where the classes are others")
    examples = learner.read_dataset(dataset, config)
    classifier = learner.classifier_names()
    source = {name: value.clone() for name, value in learner.model.state_dict().items()}
    model = copy.deepcopy(learner.model)
    attach(model, settings.adapter, classifier)
    pruning = Pruning(model, learner.model, learner.frame_shape, examples, settings, config)
    result = fit(model, examples, None, config, learner.labels, on_epoch=pruning)
    about = {
        "network": learner.variant.name,
        "labels": list(learner.labels),
        "label_set": learner.label_set,
        "min_progress": learner.min_progress,
        "threshold": learner.threshold,
    }
    adapter = extract(model, source, pruning.axes, settings.adapter, classifier, about)
    learner.become(adapter.stack(source))
    learner.trained_on = learner.trained_on.joined(result["content"])
    return adapter, result


class Pruning:
    """Epoch callback that prunes a network in training to the density of the schedule.

    Args:
        network: in training, with adapters attached.
        plain: the same network without adapters, for gradients; copied.
        frame_shape: (C, *space) of an input frame.

    `axes` holds the channels that remain so far.
    """

    def __init__(
        self,
        network: nn.Module,
        plain: Streaming,
        frame_shape: tuple[int, ...],
        examples: Examples,
        settings: AdaptConfig,
        config: TrainConfig,
    ) -> None:
        self.network, self.examples, self.settings, self.config = network, examples, settings, config
        self.plain = copy.deepcopy(plain).requires_grad_(True)
        self.axes: Axes = {}
        self._remaining: dict[str, Tensor] = {}
        self._groups: tuple[ChannelGroup, ...] = ()
        if settings.adapter.method != "splopa" and settings.density < 1:
            self._groups = channel_groups(plain, frame_shape)
            attach_masks(network, self._groups)

    def __call__(self, epochs: int, measures: Mapping[str, float]) -> None:
        settings = self.settings
        density = density_at(epochs / self.config.epochs, settings.density, settings.schedule, settings.until)
        if density < 1 and epochs < self.config.epochs:
            self.prune(density, epochs)

    def prune(self, density: float, epoch: int = 0) -> None:
        """Prune to this density, by the importance at this moment."""
        settings = self.settings
        weights = plain_state(self.network)
        gradients = {} if settings.importance == "magnitude" else self._gradients(weights, epoch)
        if settings.adapter.method == "splopa":
            blocks = cast(dict[str, Blocks], forms(self.network))
            select_blocks(blocks, density, settings.importance, weights, gradients)
            return
        scores = channel_scores(self._groups, settings.importance, weights, gradients)
        self._remaining = select_channels(
            self._groups, scores, density, self._remaining, least=settings.least, multiple=settings.multiple
        )
        self.axes = retained_axes(self._groups, self._remaining, {name: value.shape for name, value in weights.items()})
        set_masks(self.network, self.axes)

    @torch.enable_grad()
    def _gradients(self, weights: Mapping[str, Tensor], epoch: int) -> dict[str, Tensor]:
        """Gradients of the loss by every weight over some examples, with norms as they are on the robot."""
        self.plain.load_state_dict(weights)
        self.plain.eval().zero_grad()
        batches = EpochBatchSampler(self.examples.labels, self.config.batch_size, seed=self.config.seed)
        batches.set_epoch(epoch)
        count, dataset = 0, ExampleDataset(self.examples, None)
        for indices in batches:
            x, labels = dataset[indices]
            logits = answers(self.plain, x, self.config)
            F.cross_entropy(logits.flatten(0, 1), labels.repeat_interleave(logits.shape[1]), reduction="sum").backward()
            count += len(labels)
            if count >= self.settings.examples:
                break
        return {
            name: torch.zeros_like(weight) if weight.grad is None else weight.grad
            for name, weight in self.plain.named_parameters()
        }


def derived(source: TrainableLearner, adapter: Adapter, **settings: Any) -> TrainableLearner:
    """A new learner: the network of `source`, which stays as it is, with an adapter stacked on it.

    `settings` are keywords of the learner's constructor. Raises: ValueError for an adapter of another source.
    """
    about = adapter.about
    own = {name: about[name] for name in ("min_progress", "threshold")}
    learner = type(source)(source.variant, classes=about["labels"], **(own | settings))
    learner.become(adapter.stack(source.model.state_dict()))
    return learner


class AdapterTasks:
    """The adapters of several tasks beside their source: change the task without reading a file.

    In memory are the source's frozen weights, and each task's adapter, some ten or hundred kB. A pruned network has its
    own narrower tensors, so networks are in memory only while they are used: `learner` makes one in milliseconds, and
    keeps no reference to it.

    Args:
        source: a learner with the weights that all adapters belong to.
        adapters: by the name of the task.

    Raises:
        ValueError: for an adapter of another source or another kind of network; it names the adapter.
    """

    def __init__(self, source: TrainableLearner, adapters: Mapping[str, Adapter]) -> None:
        self.source, self.adapters = source, dict(adapters)
        for name, adapter in adapters.items():
            network = adapter.about.get("network")
            if network != source.variant.name:
                raise ValueError(f"task {name!r} was derived from {network}, the source is {source.variant.name}")
            try:
                adapter.check(source.model.state_dict())
            except ValueError as error:
                raise ValueError(f"task {name!r}: {error}") from error

    @staticmethod
    def read(source: TrainableLearner, folder: Path | str) -> AdapterTasks:
        """The tasks in a folder: each a folder that `co-perception adapt` wrote, by its name.

        Raises:
            FileNotFoundError: where there is none.
            ValueError: as the constructor.
        """
        files = sorted(Path(folder).glob(f"*/{ADAPTER}"))
        if not files:
            raise FileNotFoundError(f"no {ADAPTER} in the folders of {folder}: `co-perception adapt --out` writes them")
        return AdapterTasks(source, {file.parent.name: Adapter.load(file) for file in files})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.adapters))

    @property
    def bytes(self) -> int:
        """Memory of the source and all adapters, without the networks in use."""
        source = sum(value.numel() * value.element_size() for value in self.source.model.state_dict().values())
        return source + sum(adapter.bytes for adapter in self.adapters.values())

    def learner(self, name: str, **settings: Any) -> TrainableLearner:
        """A learner of that task; `settings` are those of its constructor. Raises: ValueError for an unknown task."""
        if name not in self.adapters:
            raise ValueError(f"no task {name!r}; there are: {', '.join(self.names)}")
        return derived(self.source, self.adapters[name], **settings)
