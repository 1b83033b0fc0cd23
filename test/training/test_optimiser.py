"""Learning rates over a training, and what decays."""

from __future__ import annotations

import pytest
import torch
from tiny_training import small
from torch.optim import SGD, Adam, AdamW

from co_perception.training.config import TrainConfig
from co_perception.training.optimiser import optimiser, schedule


def rates(config: TrainConfig, steps: int) -> list[float]:
    optimizer = optimiser(small().parameters(), config)
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
def test_the_optimiser_is_the_one_asked_for(name: str, kind: type) -> None:
    """OpenDR's "sgd" was an Adam with a momentum it does not take."""
    network = small()
    network.fc.requires_grad_(False)
    optimizer = optimiser(network.parameters(), TrainConfig(optimizer=name, momentum=0.5, weight_decay=0.1))  # type: ignore[arg-type]
    assert type(optimizer) is kind
    if kind is SGD:
        assert optimizer.param_groups[0]["momentum"] == 0.5
    decaying, still = optimizer.param_groups
    assert [value.dim() for value in decaying["params"]] == [3] and decaying["weight_decay"] == 0.1
    assert len(still["params"]) == 3 and still["weight_decay"] == 0
