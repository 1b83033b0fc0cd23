"""Training speed of small networks in clips per second, in clip mode and in step mode, on random examples.

Each training is one call of `fit`; the first epoch, which also builds, does not count. Prints a table; leaves
training.json in out/bench.

    python benchmarks/training.py --networks costgcn_short --epochs 3 --threads 1
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from bench import subjects
from bench.machine import describe, memory_bytes
from bench.results import number, parser, size, write_json
from co_perception.commands.output import print_table
from co_perception.training.config import TrainConfig
from co_perception.training.fit import fit
from co_perception.training.modes import least_frames

NETWORKS = ("costgcn_short", "cotrans_short")
MODES = ("clip", "step")
HEADER = ("network", "mode", "threads", "frames", "clips/s", "frames/s", "s of an epoch", "memory")


@dataclass(frozen=True)
class Row:
    """frames: of a clip. epoch_s: the median epoch, `clips` of them in batches of `batch_size`."""

    network: str
    mode: str
    threads: int
    epochs: int
    clips: int
    batch_size: int
    frames: int
    epoch_s: float
    clips_per_s: float
    frames_per_s: float
    memory_bytes: int | None


class Noise:
    """`count` random clips (C, frames, *space) of the network's classes, the same every time."""

    def __init__(self, shape: tuple[int, ...], frames: int, classes: int, count: int) -> None:
        draw = np.random.default_rng(0)
        self.labels = [int(label) for label in draw.integers(0, classes, count)]
        self._clips = torch.from_numpy(draw.normal(size=(count, shape[0], frames, *shape[1:])).astype(np.float32))

    def __len__(self) -> int:
        return len(self.labels)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """The clip as it is."""
        return self._clips[index]


def measure(network: str, mode: str, threads: int, epochs: int, clips: int) -> Row:
    """One training."""
    subject = subjects.build(network)
    config = TrainConfig(epochs=epochs + 1, mode=mode, accelerator="cpu")  # type: ignore[arg-type]
    # A clip for step mode has answers to train: as many as a clip has frames.
    frames = subject.clip if mode == "clip" else least_frames(subject.network, config.min_progress) + subject.clip
    classes = subject.network.variant.classes
    examples = Noise(subject.frame_shape, frames, classes, clips)
    ends: list[float] = []
    names = tuple(map(str, range(classes)))
    fit(subject.network, examples, None, config, names, on_epoch=lambda epoch, measures: ends.append(perf_counter()))
    epoch_s = float(np.median(np.diff(ends)))
    speed = (epoch_s, clips / epoch_s, clips * frames / epoch_s)
    return Row(network, mode, threads, epochs, clips, config.batch_size, frames, *speed, memory_bytes())


def cells(row: Row) -> tuple[str, ...]:
    """A line of the table."""
    speed = (number(row.clips_per_s), number(row.frames_per_s), number(row.epoch_s), size(row.memory_bytes))
    return (row.network, row.mode, str(row.threads), str(row.frames), *speed)


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    options = parser(__doc__, NETWORKS)
    options.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    options.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    options.add_argument("--epochs", type=int, default=3, help="that count; one more comes before them")
    options.add_argument("--clips", type=int, default=256, help="of an epoch")
    chosen = options.parse_args(given)
    rows = []
    for network, mode, threads in product(chosen.networks, chosen.modes, chosen.threads):
        print(f"{network}, mode {mode}, {threads} threads", file=sys.stderr)
        torch.set_num_threads(threads)
        rows.append(measure(network, mode, threads, chosen.epochs, chosen.clips))
    print_table([HEADER, *map(cells, rows)])
    write_json(chosen.out / "training.json", {"machine": describe(max(chosen.threads), "cpu"), "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
