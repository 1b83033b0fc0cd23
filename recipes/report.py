"""Report of a recipe: figures with their spread over folds, on the screen and as JSON in out/recipes."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "co_perception" / "models"


class Report:
    """Figures of a recipe: one number per fold for each method that is compared."""

    def __init__(self, name: str, about: str) -> None:
        self.name, self.started = name, time.perf_counter()
        self.content: dict[str, Any] = {"recipe": name, "about": about, "figures": {}}
        print(f"{name}: {about}", flush=True)

    def add(self, what: str, value: float) -> None:
        """One fold's figure."""
        self.content["figures"].setdefault(what, []).append(round(float(value), 4))
        print(f"  {time.perf_counter() - self.started:5.0f} s  {what}: {value:.3f}", flush=True)

    def note(self, what: str, value: object) -> None:
        """Adds another fact to the JSON file."""
        self.content[what] = value

    def close(self) -> None:
        """Print the table and write the file."""
        self.content["machine"] = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
        self.content["seconds"] = round(time.perf_counter() - self.started)
        print(f"{'':44} mean   std    folds")
        for what, values in self.content["figures"].items():
            folds = " ".join(f"{value:.3f}" for value in values)
            print(f"{what:44} {np.mean(values):.3f}  {np.std(values):.3f}  {folds}")
        target = ROOT / "out" / "recipes" / f"{self.name}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(self.content, indent=1) + "\n")
        print(f"{self.content['seconds']} s; written to {target.relative_to(ROOT)}")


def arguments(about: str, extra: Mapping[str, Mapping[str, Any]] | None = None) -> argparse.Namespace:
    """The options of a recipe."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--folds", type=int, default=5, help="how many of the folds are run; 0: none, only --ship")
    for name, options in (extra or {}).items():
        parser.add_argument(name, **options)
    return parser.parse_args()


def accuracy(found: Sequence[int] | NDArray[Any], wanted: Sequence[int]) -> float:
    """Share of equal labels."""
    return float(np.mean(np.array(found) == np.array(wanted)))
