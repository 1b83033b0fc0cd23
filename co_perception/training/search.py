"""Hyperparameter search with Optuna (arXiv:1907.10902): tree-structured Parzen estimator and median pruning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from co_perception.training.config import EXTRA, TrainConfig
from co_perception.training.examples import Examples
from co_perception.training.fit import check_labels, fit_checked
from co_perception.training.shared_content import check_separate

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Between:
    """Any number from low to high; whole numbers between whole ones."""

    low: float
    high: float
    log: bool = False  # draw uniformly in the logarithm


@dataclass(frozen=True)
class OneOf:
    """One of these values."""

    values: tuple[str | float | bool | None, ...]


Space = Mapping[str, Between | OneOf]  # settings of `TrainConfig` that vary, by name


@dataclass(frozen=True)
class SearchResult:
    """The best settings of a search."""

    config: TrainConfig
    score: float  # their `config.select` on the validation examples, by which they were chosen: no figure to report
    trials: int  # done in all


def search(
    network: Callable[[], nn.Module],
    train: Examples,
    val: Examples,
    classes: Sequence[str],
    space: Space,
    *,
    base: TrainConfig,
    trials: int = 20,
    storage: Path | str | None = None,
) -> SearchResult:
    """Train with `trials` settings drawn from `space`, and return the best.

    Trials that after some epochs are worse than the median of the others at that point are broken off.

    Args:
        network: makes a fresh network for each trial.
        train, val, classes: as in `fit`. `val` chooses, so it is a part of the takes to train on: what is reported is
            measured on a third part, which no trial has seen.
        space: settings that vary.
        base: all other settings.
        trials: number of trials, those of an earlier call with the same storage included.
        storage: file that takes every trial; its folder is made. Called again with it, after a kill too, the search
            goes on.

    Raises:
        ValueError: for a space that has no such setting, or a value that it cannot have, and for recordings that are in
            both sets.
    """
    fixed = sorted({"select", "seed"} & space.keys())
    if fixed or not space:
        raise ValueError(f"a search varies settings of a training, and neither select nor seed, got {sorted(space)}")
    for name, kind in space.items():
        for value in kind.values if isinstance(kind, OneOf) else (kind.low, kind.high):
            base.replace(**{name: value})
        if isinstance(kind, Between) and isinstance(getattr(base, name), int) and not isinstance(kind.low, int):
            raise ValueError(f"{name} is a whole number: give Between whole numbers, got {kind.low!r}")
    sets: dict[str, Examples | None] = {"training": train, "validation": val}
    check_labels(sets, classes)
    check_separate(sets)
    study, key = _study(storage, base), f"val_{base.select}"

    def objective(trial: Trial) -> float:
        from optuna import TrialPruned

        def on_epoch(epoch: int, measures: Mapping[str, float]) -> None:
            trial.report(measures[key], epoch)
            if trial.should_prune():
                raise TrialPruned

        config = base.replace(**{name: _suggest(trial, name, kind) for name, kind in space.items()})
        return float(fit_checked(network(), train, val, config, classes, on_epoch=on_epoch)[key])

    while (done := len(_finished(study))) < trials:
        study.optimize(objective, n_trials=trials - done)
    return SearchResult(base.replace(**study.best_params), study.best_value, len(_finished(study)))


def _study(storage: Path | str | None, base: TrainConfig) -> Study:
    try:
        import optuna
    except ImportError as error:
        raise ImportError(EXTRA) from error
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = None
    if storage is not None:
        Path(storage).parent.mkdir(parents=True, exist_ok=True)
        journal = optuna.storages.JournalStorage(JournalFileBackend(str(storage)))
    study = optuna.create_study(
        storage=journal,
        study_name="training",
        load_if_exists=True,
        direction="minimize" if base.select == "loss" else "maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),
    )
    # Seeded by what is there already: a resumed search does not propose its first trials again.
    study.sampler = optuna.samplers.TPESampler(seed=base.seed + len(study.trials))
    return study


def _finished(study: Study) -> list[FrozenTrial]:
    """Trials that ended, pruned or not; those that a kill interrupted do not count."""
    return [trial for trial in study.trials if trial.state.name in ("COMPLETE", "PRUNED")]


def _suggest(trial: Trial, name: str, kind: Between | OneOf) -> str | float | bool | None:
    if isinstance(kind, OneOf):
        return trial.suggest_categorical(name, kind.values)
    if isinstance(kind.low, int) and isinstance(kind.high, int):
        return trial.suggest_int(name, kind.low, kind.high, log=kind.log)
    return trial.suggest_float(name, kind.low, kind.high, log=kind.log)
