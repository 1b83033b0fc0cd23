"""What every learner that can be trained has: `fit`, `eval`, and a start from weights of other classes."""

from __future__ import annotations

import copy
import dataclasses
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from co_perception.adapters.resize import resize
from co_perception.engine.data import Data
from co_perception.engine.learners import Dataset
from co_perception.engine.target import Category, Target
from co_perception.learners.base import NetworkLearner, eager
from co_perception.learners.checkpoint_file import read_checkpoint
from co_perception.training.config import TrainConfig
from co_perception.training.examples import Examples
from co_perception.training.fit import evaluate, fit

Pairs = Sequence[tuple[Data, Category]]
MODEL = "model"  # what `fit` saves into its folder


class TrainableLearner(NetworkLearner):
    """A learner whose network is trained on examples (Data, Category).

    A subclass says what a dataset is to its network, `_examples`; all else is here.
    """

    begun = False  # there are weights to train from, though not to infer with

    @abstractmethod
    def _examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> Examples:
        """The dataset as this network's inputs. `tensor(index, rng)` augments where rng is given, and then only draws
        from it; tensors are of one shape.

        dataset: (input, answer) by index, each read when it is asked for; labels: its classes, known already.
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
    ) -> dict[str, Any]:
        """Train on `dataset`: from the weights there are, or from random ones drawn with the seed. It ends with the
        weights that were best on `val_dataset` (without one: the last), and resets all streams. What fails or is
        interrupted leaves the learner as it was.

        epochs: instead of the config's. folder: takes checkpoints, logs, and the trained learner as `save` writes it
        (in `folder/model`); None writes nothing. resume: go on with the training in the folder after a kill.
        Returns and raises: as `training.fit.fit`; ValueError too where the dataset's class names are not the learner's.
        """
        config = config or TrainConfig()
        config = config if epochs is None else config.replace(epochs=epochs)
        train = self._read_dataset(dataset, config)
        val = None if val_dataset is None else self._read_dataset(val_dataset, config)
        network = self._pupil(config.seed)
        result = fit(network, train, val, config, self.labels, folder, resume=resume)
        self.model.load_state_dict(network.state_dict())
        self._loaded = True
        self._use(self.model, eager)
        if folder is not None and _first_process():
            self.save(Path(folder) / MODEL)
        return result

    def load(self, path: Path | str | None = None) -> None:
        """As `NetworkLearner.load`; a pruned network makes room for what is loaded."""
        if self.pruned:
            self.pruned = False
            self._build()
        super().load(path)

    def eval(self, dataset: Dataset, *, config: TrainConfig | None = None) -> dict[str, float]:
        """`accuracy`, `balanced_accuracy`, `f1` and `loss` on a dataset; weights and streams stay as they are.

        config: its mode says whether clips are classified whole or streamed; its batch size what fits into memory.
        """
        self._need_weights()
        config = config or TrainConfig()
        examples = self._judged(self._read_dataset(dataset, config), config)
        return evaluate(self.model, examples, self.labels, config.batch_size, config)

    def start_from(self, path: Path | str | None = None, *, classes: int | None = None) -> None:
        """Take all but the classifier from weights of other classes, to `fit` from there; as `load` otherwise.

        path: a saved folder, a checkpoint file, or None for the published weights. classes: how many a checkpoint
        file knows, where that differs from the published network.
        """
        source = copy.copy(self)
        source.variant = dataclasses.replace(self.variant, classes=classes or self._published_classes())
        source.labels = ()
        source._build()
        source.load(path)
        if source.pruned:
            raise ValueError(f"{path} is pruned: start from the model it was derived from, or load() and fit() it")
        kept = {name: value for name, value in source.model.state_dict().items() if name not in self._classifier()}
        self._build()
        self.model.load_state_dict(kept, strict=False)
        self.begun = True
        self._use(self.model, eager)

    def become(self, tensors: Mapping[str, Tensor]) -> None:
        """Let the network be as wide as these tensors, all of its own by name, and take them. Resets all streams.

        Raises: ValueError for tensors that are not this network's, or answer for other classes.
        """
        network = copy.deepcopy(self.model)
        resize(network, tensors)
        classes = network.frame_out(tuple(network.frame_shape))[0]
        if classes != self.variant.classes:
            raise ValueError(f"these weights answer for {classes} classes, this learner has {self.variant.classes}")
        self.model = network.eval().requires_grad_(False)
        self._loaded = self.pruned = True
        self._use(self.model, eager)

    # Inside

    def _read(self, path: Path) -> None:
        if self.pruned:
            self.become(read_checkpoint(path))
        else:
            super()._read(path)

    def _judged(self, examples: Any, config: TrainConfig) -> Examples:
        """What `eval` measures on: the examples themselves, or more of each than is trained on at once."""
        del config
        return examples

    def _pupil(self, seed: int) -> Any:
        """A network to train, apart from the one that answers."""
        if self._loaded or self.begun:
            return copy.deepcopy(self.model).requires_grad_(True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._network().requires_grad_(True)

    def _classifier(self) -> set[str]:
        """Names of the tensors whose shape depends on the number of classes."""
        other = copy.copy(self)
        other.variant = dataclasses.replace(self.variant, classes=self.variant.classes + 1)
        own = self.model.state_dict()
        return {name for name, value in other._network().state_dict().items() if value.shape != own[name].shape}

    @abstractmethod
    def _published_classes(self) -> int:
        """How many classes the network of this name has in its own record."""

    def _read_dataset(self, dataset: Dataset, config: TrainConfig) -> Examples:
        named = getattr(dataset, "classes", None)
        if named is not None and tuple(named) != self.labels:
            raise ValueError(
                f"the dataset's classes {_some(named)} are not this learner's {_some(self.labels)}, or in another "
                "order: make the learner with classes=dataset.classes"
            )
        pairs: Any = dataset if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") else list(dataset)
        labels = getattr(dataset, "labels", None)
        if labels is None:
            labels = [_class(pairs[place][1]) for place in range(len(pairs))]
        return self._examples(pairs, labels, config)


def _class(target: Target) -> int:
    if not isinstance(target, Category):
        raise ValueError(f"a dataset gives (input, Category), got a {type(target).__name__} as its answer")
    return int(target.data)


def _first_process() -> bool:
    """Whether this one writes: all processes of a distributed training come here."""
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return not distributed or torch.distributed.get_rank() == 0


def _some(names: Iterable[str], shown: int = 4) -> str:
    names = list(names)
    return f"({', '.join(names[:shown])}{', ...' if len(names) > shown else ''})"
