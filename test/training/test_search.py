"""The search finds the settings that train, and goes on where it was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.tiny_training import CLASSES, CONFIG, Noise, small
from torch import nn

from co_perception.training.config import TrainConfig
from co_perception.training.search import Between, OneOf, SearchResult, Space, search
from co_perception.training.shared_content import check_separate

SPACE: Space = {"lr": Between(1e-9, 5e-2, log=True), "optimizer": OneOf(("sgd", "adamw"))}
BASE = CONFIG.replace(epochs=3, batch_size=15, balance=False, select="loss")


def run(storage: Path | None, trials: int, network: Any = small, space: Space = SPACE) -> SearchResult:
    return search(network, Noise(60, 1), Noise(30, 2), CLASSES, space, base=BASE, trials=trials, storage=storage)


@pytest.mark.slow
def test_it_finds_a_rate_that_trains_and_resumes(tmp_path: Path) -> None:
    storage, made = tmp_path / "search.log", [0]

    def network() -> nn.Module:
        made[0] += 1
        if made[0] == 5:
            raise KeyboardInterrupt
        return small()

    with pytest.raises(KeyboardInterrupt):
        run(storage, 8, network)
    found = run(storage, 8, network)
    assert found.trials == 8 and made[0] == 9  # the one that was broken off is done again
    assert found.config.lr > 1e-4 and found.config.replace(lr=BASE.lr, optimizer=BASE.optimizer) == BASE
    assert found.score < 1.0
    assert run(storage, 8, network) == found and made[0] == 9


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "varies settings"),
        ({"seed": Between(0, 9)}, "neither select nor seed"),
        ({"color": OneOf(("red",))}, "no setting 'color'"),
        ({"optimizer": OneOf(("sgd", "lamb"))}, "one of adamw, adam, sgd"),
        ({"lr": Between(0.0, 1.0)}, "above 0"),
        ({"batch_size": Between(8.0, 32.0)}, "whole number"),
    ],
)
def test_a_space_of_other_things_is_refused(space: Space, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(None, 1, space=space)


def test_sets_are_compared_once_and_not_in_every_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault: each trial read all examples once more, to compare sets that had been compared."""
    compared = list[list[str]]()

    def counted(sets: dict[str, Any]) -> Any:
        compared.append([*sets])
        return check_separate(sets)

    for module in ("fit", "search"):
        monkeypatch.setattr(f"co_perception.training.{module}.check_separate", counted)
    assert run(None, 2, space={"patience": OneOf((None, 2))}).trials == 2
    assert compared == [["training", "validation"]]


def test_whole_numbers_stay_whole() -> None:
    found = run(None, 1, space={"batch_size": Between(20, 30), "patience": OneOf((None, 2))})
    assert isinstance(found.config.batch_size, int) and found.config != TrainConfig()
