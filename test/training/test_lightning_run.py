"""Learning rates over a training, what decays, and two processes that train as one does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from helpers.ddp_training import train
from helpers.tiny_training import small
from torch.optim import SGD, Adam, AdamW

from co_perception.training.config import TrainConfig
from co_perception.training.lightning_run import make_optimizer, schedule

ROOT = Path(__file__).parents[2]


def rates(config: TrainConfig, steps: int) -> list[float]:
    optimizer = make_optimizer(small().parameters(), config)
    course = schedule(optimizer, config, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        course.step()
    return found


def test_the_cosine_is_torchs_after_the_warmup() -> None:
    found = rates(TrainConfig(lr=0.5, warmup=0.1), 100)
    assert found[:10] == pytest.approx([0.05 * (step + 1) for step in range(10)])
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD(small().parameters(), lr=0.5), 90)
    wanted = []
    for _ in range(90):
        wanted.append(reference.get_last_lr()[0])
        reference.optimizer.step()
        reference.step()
    assert found[10:] == pytest.approx(wanted)


def test_other_schedules() -> None:
    assert set(rates(TrainConfig(schedule="constant", warmup=0.0), 9)) == {1e-3}
    assert rates(TrainConfig(schedule="step", warmup=0.0, lr=1.0), 8) == pytest.approx([1] * 4 + [0.1] * 2 + [0.01] * 2)


@pytest.mark.parametrize(("name", "kind"), [("sgd", SGD), ("adam", Adam), ("adamw", AdamW)])
def test_the_optimizer_is_the_one_asked_for(name: str, kind: type) -> None:
    """OpenDR's "sgd" was an Adam with a momentum it does not take."""
    network = small()
    network.fc.requires_grad_(False)
    optimizer = make_optimizer(network.parameters(), TrainConfig(optimizer=name, momentum=0.5, weight_decay=0.1))  # type: ignore[arg-type]
    assert type(optimizer) is kind
    if kind is SGD:
        assert optimizer.param_groups[0]["momentum"] == 0.5
    decaying, still = optimizer.param_groups
    assert [value.dim() for value in decaying["params"]] == [3] and decaying["weight_decay"] == 0.1
    assert len(still["params"]) == 3 and still["weight_decay"] == 0


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Launched as Lightning launches them."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'test'}", "OMP_NUM_THREADS": "1"}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    command = [sys.executable, str(ROOT / "test/helpers/ddp_training.py"), str(tmp_path / "two"), "2"]
    subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    train(tmp_path / "one", 1)
    found = [torch.load(tmp_path / name, weights_only=True) for name in ("one/0.pt", "two/0.pt", "two/1.pt")]
    alone, ranks = found[0], found[1:]
    for name, size in (("drawn", 32), ("validated", 9)):
        both = [Counter(rank[name]) for rank in ranks]
        assert sum(both, Counter()) == Counter({example: 2 for example in range(size)})  # once in each of two epochs
        assert max(some.total() for some in both) <= 2 * (size + 1) // 2
    for rank in ranks:
        torch.testing.assert_close(rank["weights"], alone["weights"])
        assert rank["history"][-1] == pytest.approx(alone["history"][-1], abs=1e-6)
        assert rank["evaluated"]["accuracy"] == pytest.approx(rank["history"][-1]["val_accuracy"])
    assert ranks[0]["weights"].keys() == ranks[1]["weights"].keys()
    assert all(torch.equal(value, ranks[1]["weights"][name]) for name, value in ranks[0]["weights"].items())
