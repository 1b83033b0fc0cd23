"""Models that come with the package: folders in `co_perception/models/`, as a learner's `save` writes them, each with a
model card."""

from __future__ import annotations

from pathlib import Path

from co_perception.learners.metadata import FILE

FOLDER = Path(__file__).parents[1] / "models"


def shipped_names() -> tuple[str, ...]:
    """Names of the models there are."""
    return tuple(sorted(found.parent.name for found in FOLDER.glob(f"*/{FILE}")))


def shipped(name: str) -> Path:
    """The folder of a shipped model, for `load`; FileNotFoundError names those there are."""
    if name not in shipped_names():
        raise FileNotFoundError(f"no model {name!r} is shipped; there are: {', '.join(shipped_names()) or 'none'}")
    return FOLDER / name
