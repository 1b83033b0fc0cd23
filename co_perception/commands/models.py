"""Which model is meant by a name on the command line."""

from __future__ import annotations

from pathlib import Path


def model_folder(name: str) -> Path:
    """The folder of a model: a folder that a learner saved, one that `train` wrote, or the name of a shipped model.

    Raises: ValueError or FileNotFoundError that lists the shipped models, where it is none of them.
    """
    from co_perception.learners.metadata import FILE
    from co_perception.learners.trainable import MODEL

    for folder in (Path(name), Path(name) / MODEL):
        if (folder / FILE).is_file():
            return folder
    from co_perception.learners.shipped import shipped

    return shipped(name)
