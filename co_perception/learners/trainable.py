"""Base of the learners that can be trained: `fit`, `eval`, and a start from weights of other classes."""

from __future__ import annotations

import copy
import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.adapters.groups import resize
from co_perception.continual.layer import Streaming
from co_perception.data.content_sketch import ContentSketch
from co_perception.engine.data import Data
from co_perception.engine.label_groups import names_of
from co_perception.engine.learners import Dataset
from co_perception.engine.target import Category
from co_perception.learners.base import NetworkLearner, NetworkVariant, eager
from co_perception.learners.metadata import MODEL
from co_perception.learners.weights import read_checkpoint
from co_perception.training.config import TrainConfig
from co_perception.training.domain_adaptation import AdaptationSettings
from co_perception.training.examples import Examples
from co_perception.training.fit import evaluate, fit, predict

Pairs = Sequence[tuple[Data, Category]]


class TrainableLearner(NetworkLearner):
    """A learner whose network is trained on examples (Data, Category).

    A subclass says how a dataset becomes inputs of its network, `_examples`.
    """

    begun = False  # there are weights to train from, but not to infer with
    start = ""  # name, with digest, of the model whose weights were loaded or begun from; empty: random ones

    @abstractmethod
    def _examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> Examples:
        """The dataset as inputs of this network, all of one shape, each read when it is needed.

        Raises: ValueError for inputs of the wrong kind or length.
        """

    def fit(
        self,
        dataset: Dataset,
        val_dataset: Dataset | None = None,
        *,
        epochs: int | None = None,
        config: TrainConfig | None = None,
        folder: Path | str | None = None,
        resume: bool = False,
        source: Dataset | None = None,
        adaptation: AdaptationSettings | None = None,
        on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
    ) -> dict[str, Any]:
        """Train from the present weights, or from random ones drawn with the seed, and reset all streams.

        Ends with the weights that were best on `val_dataset` (without one: the last). A training that fails or is
        interrupted leaves the learner as it was.

        Args:
            dataset, val_dataset: (input, Category) pairs.
            epochs: instead of the config's.
            folder: takes checkpoints, logs, and the trained learner as `save` writes it (in `folder/model`), which
                `load(folder)` finds; None writes nothing.
            resume: go on with the training in the folder after a kill.
            source: (input, Category) pairs of the same classes from elsewhere, usually many, for supervised domain
                adaptation to those of `dataset`, which may be few (`training.domain_adaptation`).
            adaptation: weights of the losses with a source.
            on_epoch: called with the number of epochs done and their measures; may raise to end the training.

        Returns:
            As `training.fit.fit`.

        Raises:
            As `training.fit.fit`.
            ValueError: where the dataset's class names are not the learner's.
        """
        config = config or TrainConfig()
        config = config if epochs is None else config.replace(epochs=epochs)
        self._trained_part(config)  # that there is one
        train = self.read_dataset(dataset, config)
        val = None if val_dataset is None else self.read_dataset(val_dataset, config)
        others = None if source is None else self.read_dataset(source, config)
        network = self._training_network(config, train)
        result = fit(
            network, train, val, config, self.labels, folder,
            resume=resume, start=self.start, on_epoch=on_epoch, source=others, adaptation=adaptation,
        )  # fmt: skip
        self._trained_part(config).load_state_dict(network.state_dict())
        known = self.trained_on if self._loaded or self.begun else ContentSketch.of(())
        self.trained_on = known.joined(result["content"])
        self._loaded = True
        self._note_training(train)
        self._use(self.model, eager)
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        if folder is not None and not (distributed and torch.distributed.get_rank()):  # one process of all writes
            self.save(Path(folder) / MODEL)
        return result

    def load(self, path: Path | str | None = None) -> None:
        if self.pruned:  # make room for a whole network
            self.pruned = False
            self._build()
        super().load(path)
        self.start = self.name

    def eval(self, dataset: Dataset, *, config: TrainConfig | None = None) -> dict[str, float]:
        """`accuracy`, `balanced_accuracy`, `f1` and `loss` on a dataset; weights and streams stay as they are.

        The config's mode says whether clips are classified whole or streamed, its batch size what fits into memory.
        """
        self._need_weights()
        config = config or TrainConfig()
        examples = self._evaluation_examples(self.read_dataset(dataset, config), config)
        return evaluate(self._trained_part(config), examples, self.labels, config.batch_size, config)

    def predict(self, dataset: Dataset, *, config: TrainConfig | None = None) -> NDArray[np.int64]:
        """(N,) the best class of each example, as `eval` counts it."""
        self._need_weights()
        config = config or TrainConfig()
        examples = self._evaluation_examples(self.read_dataset(dataset, config), config)
        best: NDArray[np.int64] = (
            predict(self._trained_part(config), examples, config.batch_size, config).argmax(1).numpy()
        )
        return best

    def start_from(self, path: Path | str | None = None, *, classes: int | None = None) -> None:
        """Load all weights but the classifier's from a model of other classes, to `fit` from there.

        Of a causal temporal network the sizes are taken over, too.

        Args:
            path: a saved folder, a checkpoint file, a name of published weights, or None for the network's own.
            classes: how many the checkpoint file has, where that differs from the published network.

        Raises:
            As `load`.
            ValueError: for a pruned model.
        """
        source = copy.copy(self)
        source.variant = self._source_variant(classes or self._published_classes())
        source.labels = ()
        source._build()
        source.load(path)
        if source.pruned:
            raise ValueError(f"{path} is pruned: start from the model it was derived from, or load() and fit() it")
        self.variant = self._begun_variant(source.variant)
        self._build()
        body_names = self.model.state_dict().keys() - self.classifier_names()
        body = {name: value for name, value in source.model.state_dict().items() if name in body_names}
        self.model.load_state_dict(body, strict=False)
        self.begun, self.start, self.trained_on = True, source.name, source.trained_on
        self._use(self.model, eager)

    def become(self, tensors: Mapping[str, Tensor]) -> None:
        """Resize the network's layers to these tensors, all of its own by name, and load them. Resets all streams.

        Raises:
            ValueError: for tensors that are not this network's, or answer for other classes.
        """
        network = copy.deepcopy(self.model)
        resize(network, tensors)
        classes = network.frame_out(self.frame_shape)[0]
        if classes != self.variant.classes:
            raise ValueError(f"these weights answer for {classes} classes, this learner has {self.variant.classes}")
        self.model = network.eval().requires_grad_(False)
        self._loaded = self.pruned = True
        self._use(self.model, eager)

    def _read(self, path: Path) -> None:
        if self.pruned:
            self.become(read_checkpoint(path))
        else:
            super()._read(path)

    def _evaluation_examples(self, examples: Examples, config: TrainConfig) -> Examples:
        """The examples that `eval` measures on: these, or more of each than is trained on at once."""
        del config
        return examples

    def _note_training(self, examples: Examples) -> None:  # most kinds have nothing to note
        """Notes in `variant` what a model has to know of the examples that it was trained on, before it is saved."""

    def _training_network(self, config: TrainConfig, examples: Examples) -> Streaming:
        """The network to train on these examples, a copy of its own beside the one that answers."""
        del examples
        if self._loaded or self.begun:
            return copy.deepcopy(self.model).requires_grad_(True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            return self._network().requires_grad_(True)

    def _trained_part(self, config: TrainConfig) -> Streaming:
        """What of the model the mode trains and evaluates: all of it."""
        if config.mode == "head":
            raise ValueError(
                f"mode 'head' trains the head of a video network, {self.variant.name} has none: train in mode 'clip'"
            )
        return self.model

    def classifier_names(self) -> set[str]:
        """Names of the tensors whose shape depends on the number of classes."""
        other = copy.copy(self)
        other.variant = dataclasses.replace(self.variant, classes=self.variant.classes + 1)
        own = self.model.state_dict()
        with torch.device("meta"):  # shapes alone are asked for
            shapes = {name: value.shape for name, value in other._network().state_dict().items()}
        return {name for name, shape in shapes.items() if shape != own[name].shape}

    def _source_variant(self, classes: int) -> NetworkVariant:
        """The record of the network that `start_from` reads weights of."""
        return dataclasses.replace(self.variant, classes=classes)

    def _begun_variant(self, source: NetworkVariant) -> NetworkVariant:
        """The record of this network after it began with weights of one of the record `source`."""
        del source
        return self.variant

    @abstractmethod
    def _published_classes(self) -> int:
        """Number of classes of the published network of this name."""

    def read_dataset(self, dataset: Dataset, config: TrainConfig) -> Examples:
        """A dataset as inputs of this network.

        Raises: ValueError for other classes, for inputs of another kind, and for labels in groups: the answer in a
            dataset is one class, and says nothing about the other groups.
        """
        if len(names := names_of(self.groups)) > 1:
            raise ValueError(
                f"{self.variant.name} answers in {len(names)} groups ({', '.join(names)}), and a dataset gives one "
                "class of each example: it would be taught that all others are wrong. Train a model of one group: a "
                "learner with classes=dataset.classes, which start_from() gives this one's body"
            )
        named = getattr(dataset, "classes", None)
        if named is not None and tuple(named) != self.labels:
            theirs, own = _first_names(named), _first_names(self.labels)
            raise ValueError(
                f"the dataset's classes {theirs} are not this learner's {own}, or in another order: make the learner "
                "with classes=dataset.classes"
            )
        pairs, labels = indexed(dataset), getattr(dataset, "labels", None)
        if labels is None:
            labels = []
            for index in range(len(pairs)):
                target = pairs[index][1]
                if not isinstance(target, Category):
                    raise ValueError(f"a dataset gives (input, Category), got a {type(target).__name__} as its answer")
                labels.append(int(target.data))
        return self._examples(pairs, labels, config)


def indexed(dataset: Dataset) -> Pairs:
    """The pairs of a dataset by index: itself where it has indices, else a list."""
    pairs = dataset if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") else list(dataset)
    return cast(Pairs, pairs)


def _first_names(names: Iterable[str], shown: int = 4) -> str:
    names = list(names)
    return f"({', '.join(names[:shown])}{', ...' if len(names) > shown else ''})"
