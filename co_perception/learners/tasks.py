"""Several recognisers derived from one source, which is held once: change the task without reading a file.

What is held: the source's frozen weights, and each task's adapter, some ten or hundred kB. A pruned network has its own
narrower tensors, so that of the networks only those are in memory that somebody uses: `learner` makes one from what is
held, in milliseconds, and keeps no hold on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from co_perception.adapters.file import Adapter
from co_perception.learners.adapting import derived
from co_perception.learners.trainable import TrainableLearner

ADAPTER = "adapter.safetensors"  # what `co-perception adapt` writes for each task into its folder


class Tasks:
    """source: a learner with the weights that all adapters belong to; adapters: by the name of the task.

    Raises: ValueError that names an adapter which belongs to another source or another kind of network.
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
    def read(source: TrainableLearner, folder: Path | str) -> Tasks:
        """The tasks in a folder: each a folder that `co-perception adapt` wrote, by its name.

        Raises: FileNotFoundError where there is none; ValueError as the constructor.
        """
        files = sorted(Path(folder).glob(f"*/{ADAPTER}"))
        if not files:
            raise FileNotFoundError(f"no {ADAPTER} in the folders of {folder}: `co-perception adapt --out` writes them")
        return Tasks(source, {file.parent.name: Adapter.load(file) for file in files})

    @property
    def names(self) -> tuple[str, ...]:
        """Of the tasks, sorted."""
        return tuple(sorted(self.adapters))

    @property
    def bytes(self) -> int:
        """Held for all tasks together, the networks in use apart: the source, and every adapter."""
        source = sum(value.numel() * value.element_size() for value in self.source.model.state_dict().values())
        return source + sum(adapter.bytes for adapter in self.adapters.values())

    def learner(self, name: str, **settings: Any) -> TrainableLearner:
        """A learner of that task. settings: of its constructor. Raises: ValueError that names the tasks there are."""
        if name not in self.adapters:
            raise ValueError(f"no task {name!r}; there are: {', '.join(self.names)}")
        return derived(self.source, self.adapters[name], **settings)
