"""One training in `devices` processes, as Lightning's launcher runs it: `python ddp_training.py FOLDER DEVICES`.

Each process writes what it drew, and its weights and measures at the end, to FOLDER/<rank>.pt."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from co_perception.training.fit import evaluate, fit
from helpers.tiny_training import CLASSES, CONFIG, Noise

BATCH = 8  # of all processes together


class Noted(Noise):
    """Notes the examples it is asked for."""

    def __init__(self, size: int, seed: int) -> None:
        super().__init__(size, seed)
        self.asked: list[int] = []

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        self.asked.append(index)
        return super().tensor(index, rng)


class Line(nn.Module):
    """Without anything that depends on who else is in a batch: shared out, its gradient is that of the whole batch."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(24, 3)
        with torch.no_grad():
            self.fc.weight.copy_(torch.linspace(-0.1, 0.1, 72).view(3, 24))
            self.fc.bias.zero_()

    def classify(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1))


def train(folder: Path, devices: int) -> None:
    """What this file is for."""
    torch.set_num_threads(1)
    network, examples, val = Line(), Noted(32, 1), Noted(9, 2)
    config = CONFIG.replace(
        epochs=2, balance=False, batch_size=BATCH // devices, devices=devices, strategy="ddp" if devices > 1 else "auto"
    )
    result = fit(network, examples, val, config, CLASSES, folder / "run")
    found = {
        # All are read once to compare what the sets show, and once for the digest, which also draws one.
        "drawn": examples.asked[2 * len(examples.labels) + 1 :],
        "validated": val.asked[2 * len(val.labels) + 1 :],
        "weights": network.state_dict(),
        "history": result["history"],
        "evaluated": evaluate(network, Noise(9, 2), CLASSES),
    }
    torch.save(found, folder / f"{os.environ.get('LOCAL_RANK', 0)}.pt")


if __name__ == "__main__":
    train(Path(sys.argv[1]), int(sys.argv[2]))
