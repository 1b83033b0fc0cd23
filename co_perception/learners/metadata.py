"""What a saved learner consists of: a weights file and a JSON beside it that says everything needed to use it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

FILE = "metadata.json"
FORMAT = 1


@dataclass(frozen=True)
class Metadata:
    """Written by `save`, read by `load`. Keys of OpenDR's metadata where it has them; class names, rate and window
    besides.

    weights: file name beside the JSON; window: frames of the receptive field; pool_window: frames that the head
    averages, where that is a choice; mean, std: of pixel values in [0, 1].
    """

    network: str
    labels: tuple[str, ...]
    label_set: str
    size: int
    short_side: int
    mean: float
    std: float
    rate_hz: float
    window: int
    stride: int
    min_progress: float
    threshold: float
    pool_window: int | None = None
    weights: str = "weights.safetensors"
    framework: str = "pytorch"
    version: int = FORMAT

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> Metadata:
        """ValueError says which key is missing or unknown; FileNotFoundError where there is no saved learner."""
        path = folder / FILE
        if not path.is_file():
            raise FileNotFoundError(f"no {FILE} in {folder}: give the folder that save(path) wrote")
        try:
            content: dict[str, Any] = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is not JSON ({error}); was the copy cut short?") from error
        if not isinstance(content, dict) or content.get("version") != FORMAT:
            raise ValueError(f"{path} is not of format {FORMAT}; save the learner again with this version")
        known = {field.name for field in fields(cls)}
        if set(content) != known:
            raise ValueError(f"{path}: missing {sorted(known - set(content))}, unknown {sorted(set(content) - known)}")
        return cls(**{**content, "labels": tuple(content["labels"])})
