"""Derive a small recogniser from a trained one: adapt it to one's own activities while it is pruned."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.adapters.attach import (
    AdapterConfig,
    attach,
    attach_masks,
    forms,
    plain_state,
    set_masks,
)
from co_perception.adapters.blocks import set_blocks
from co_perception.adapters.choice import chosen, density_at
from co_perception.adapters.coupling import channel_groups
from co_perception.adapters.file import Adapter, extract
from co_perception.adapters.forms import Blocks
from co_perception.adapters.groups import Axes, ChannelGroup, stay
from co_perception.adapters.importance import channel_scores
from co_perception.engine.learners import Dataset
from co_perception.learners.trainable import TrainableLearner
from co_perception.training.config import TrainConfig
from co_perception.training.examples import Batches, Drawn, Examples
from co_perception.training.fit import fit
from co_perception.training.modes import answers


@dataclass(frozen=True, kw_only=True)
class AdaptConfig:
    """How a network is derived.

    adapter: what is learned, see `AdapterConfig`; density: share of the channels that stay (of blocks, for splopa);
    importance: which ones, "magnitude", "gradient" or "taylor"; schedule, until: how density falls, as in
    `choice.density_at`, from epoch to epoch; least, multiple: as in `choice.chosen`; examples: how many the gradients
    are summed over, each time.
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
        """ValueError where some setting is out of range, or the last of so many epochs would still be pruned after."""
        reached = density_at((epochs - 1) / epochs, self.density, self.schedule, self.until)
        if reached > self.density:
            raise ValueError(
                f"the last of {epochs} epochs would train with density {reached:.2f}, what is pruned after it would "
                f"not recover: give more epochs, or until={(epochs - 1) / epochs:.2f} at most"
            )


def adapt(
    learner: TrainableLearner, dataset: Dataset, how: AdaptConfig, config: TrainConfig | None = None
) -> tuple[Adapter, dict[str, Any]]:
    """Train the learner's network on `dataset` and prune it meanwhile, in place of `fit`; afterwards it is the small
    network, with its last weights, and all streams are reset. What fails or is interrupted leaves it as it was.

    learner: with the weights of the source: loaded, or with `start_from` where its classes are others.
    Returns: the adapter, which stacks on the source, and what `fit` returns.
    Raises: as `TrainableLearner.fit`; ValueError for a learner without weights or whose network is pruned already, and
    for settings that do not go together.
    """
    config = config or TrainConfig()
    how.check(config.epochs)
    if learner.pruned or not (learner.loaded or learner.begun):
        what = "a pruned network is no source" if learner.pruned else "there are no weights to adapt"
        raise ValueError(f"{what}: load() a whole model, or start_from() one where the classes are others")
    examples = learner._read_dataset(dataset, config)
    classifier = learner._classifier()
    source = {name: value.clone() for name, value in learner.model.state_dict().items()}
    pupil = copy.deepcopy(learner.model)
    attach(pupil, how.adapter, classifier)
    pruning = Pruning(pupil, learner.model, tuple(learner.model.frame_shape), examples, how, config)
    result = fit(pupil, examples, None, config, learner.labels, on_epoch=pruning)
    adapter = extract(pupil, source, pruning.axes, how.adapter, classifier, _about(learner))
    learner.become(adapter.stack(source))
    return adapter, result


class Pruning:
    """Told the number of epochs done, brings the network to the density of that moment. axes: what stays so far."""

    def __init__(
        self,
        network: nn.Module,
        plain: Any,
        frame_shape: tuple[int, ...],
        examples: Examples,
        how: AdaptConfig,
        config: TrainConfig,
    ) -> None:
        self.network, self.examples, self.how, self.config = network, examples, how, config
        self.plain = copy.deepcopy(plain).requires_grad_(True)
        self.axes: Axes = {}
        self._kept: dict[str, Tensor] = {}
        self._groups: tuple[ChannelGroup, ...] = ()
        if how.adapter.method != "splopa" and how.density < 1:
            self._groups = channel_groups(plain, frame_shape)
            attach_masks(network, self._groups)

    def __call__(self, epochs: int, measures: Mapping[str, float]) -> None:
        how = self.how
        density = density_at(epochs / self.config.epochs, how.density, how.schedule, how.until)
        if density < 1 and epochs < self.config.epochs:
            self.prune(density, epochs)

    def prune(self, density: float, epoch: int = 0) -> None:
        """To this density now, by the importance at this moment."""
        weights = plain_state(self.network)
        gradients = {} if self.how.importance == "magnitude" else self._gradients(weights, epoch)
        if self.how.adapter.method == "splopa":
            blocks = cast(dict[str, Blocks], forms(self.network))
            set_blocks(blocks, density, self.how.importance, weights, gradients)
            return
        scores = channel_scores(self._groups, self.how.importance, weights, gradients)
        self._kept = chosen(self._groups, scores, density, self._kept, least=self.how.least, multiple=self.how.multiple)
        self.axes = stay(self._groups, self._kept, {name: value.shape for name, value in weights.items()})
        set_masks(self.network, self.axes)

    @torch.enable_grad()
    def _gradients(self, weights: Mapping[str, Tensor], epoch: int) -> dict[str, Tensor]:
        """Of the loss, by every weight as it is read, over some examples; norms as they are on the robot."""
        self.plain.load_state_dict(weights)
        self.plain.eval().zero_grad()
        batches = Batches(self.examples.labels, self.config.batch_size, seed=self.config.seed)
        batches.set_epoch(epoch)
        seen = 0
        for draws in batches:
            x, labels = Drawn(self.examples, None)[draws]
            logits = answers(self.plain, x, self.config)
            F.cross_entropy(logits.flatten(0, 1), labels.repeat_interleave(logits.shape[1]), reduction="sum").backward()
            seen += len(labels)
            if seen >= self.how.examples:
                break
        return {
            name: torch.zeros_like(weight) if weight.grad is None else weight.grad
            for name, weight in self.plain.named_parameters()
        }


def derived(source: TrainableLearner, adapter: Adapter, **settings: Any) -> TrainableLearner:
    """A new learner with the network that the adapter makes of that of `source`, which stays as it is.

    settings: of its constructor. Raises: ValueError where the adapter belongs to another source.
    """
    about = adapter.about
    own = {name: about[name] for name in ("min_progress", "threshold")}
    learner = type(source)(source.variant, classes=about["labels"], **(own | settings))
    learner.become(adapter.stack(source.model.state_dict()))
    return learner


def _about(learner: TrainableLearner) -> dict[str, Any]:
    return {
        "network": learner.variant.name,
        "labels": list(learner.labels),
        "label_set": learner.label_set,
        "min_progress": learner.min_progress,
        "threshold": learner.threshold,
    }
