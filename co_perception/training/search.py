"""Which settings train best: a search with Optuna (Akiba et al., KDD 2019)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from co_perception.training.config import EXTRA, TrainConfig, asdict
from co_perception.training.examples import Examples
from co_perception.training.fit import fit

if TYPE_CHECKING:
    from optuna import Study, Trial


@dataclass(frozen=True)
class Between:
    """Any number from low to high; log: as many below the geometric mean as above. Whole numbers between whole ones."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class OneOf:
    """One of these values."""

    values: tuple[str | float | bool | None, ...]


Space = Mapping[str, Between | OneOf]
"""What may vary: names of settings in `TrainConfig`."""


@dataclass(frozen=True)
class Found:
    """config: the best settings; score: their `config.select` on the validation examples; trials: done in all."""

    config: TrainConfig
    score: float
    trials: int


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
) -> Found:
    """The best of `trials` trainings, each from a fresh `network()`, with settings out of `space` and else of `base`.

    Those that after some epochs are worse than the median of the others at that point are broken off. storage: a file
    that takes every trial; called again with it, after a kill too, the search goes on until there are `trials`.
    Raises: ValueError for a space that has no such setting, or a value that it cannot have.
    """
    _check(space, base)
    study = _study(storage, base)

    def objective(trial: Trial) -> float:
        config = base.replace(**{name: _suggest(trial, name, kind) for name, kind in space.items()})
        return _score(fit(network(), train, val, config, classes, on_epoch=_report(trial, config)), config)

    while (done := len(_done(study))) < trials:
        study.optimize(objective, n_trials=trials - done)
    return Found(base.replace(**study.best_params), study.best_value, len(_done(study)))


def _study(storage: Path | str | None, base: TrainConfig) -> Study:
    try:
        import optuna
    except ImportError as error:
        raise ImportError(EXTRA) from error
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = None if storage is None else optuna.storages.JournalStorage(JournalFileBackend(str(storage)))
    study = optuna.create_study(
        storage=kept,
        study_name="training",
        load_if_exists=True,
        direction="minimize" if base.select == "loss" else "maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),
    )
    # Seeded by what is there already: a resumed search does not propose its first trials again.
    study.sampler = optuna.samplers.TPESampler(seed=base.seed + len(study.trials))
    return study


def _report(trial: Trial, config: TrainConfig) -> Callable[[int, Mapping[str, float]], None]:
    from optuna import TrialPruned

    def on_epoch(epoch: int, measures: Mapping[str, float]) -> None:
        trial.report(_score(measures, config), epoch)
        if trial.should_prune():
            raise TrialPruned

    return on_epoch


def _done(study: Study) -> list[Any]:
    """Trials that ended, broken off or not; those that a kill left behind are none."""
    return [trial for trial in study.trials if trial.state.name in ("COMPLETE", "PRUNED")]


def _score(measures: Mapping[str, Any], config: TrainConfig) -> float:
    return float(measures[f"val_{config.select}"])


def _suggest(trial: Trial, name: str, kind: Between | OneOf) -> Any:
    if isinstance(kind, OneOf):
        return trial.suggest_categorical(name, kind.values)
    if isinstance(kind.low, int) and isinstance(kind.high, int):
        return trial.suggest_int(name, kind.low, kind.high, log=kind.log)
    return trial.suggest_float(name, kind.low, kind.high, log=kind.log)


def _check(space: Space, base: TrainConfig) -> None:
    fixed = sorted({"select", "seed"} & space.keys())
    if fixed or not space:
        raise ValueError(f"a search varies settings of a training, and neither select nor seed, got {sorted(space)}")
    for name, kind in space.items():
        for value in kind.values if isinstance(kind, OneOf) else (kind.low, kind.high):
            base.replace(**{name: value})
        if isinstance(kind, Between) and isinstance(asdict(base)[name], int) and not isinstance(kind.low, int):
            raise ValueError(f"{name} is a whole number: give Between whole numbers, got {kind.low!r}")
