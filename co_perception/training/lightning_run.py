"""The training itself, in Lightning. Nothing else here imports it.

Lightning brings the loop, mixed precision, devices and their launcher, logs and the progress bar. That a resumed
training ends bit-equal is made of parts of ours: order and augmentation (`examples`), dropout (seeded anew for each
batch), the rate (a function of the step), the best weights (`course`), files that are whole (`checkpoints`)."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from co_perception.training import checkpoints
from co_perception.training.config import EXTRA
from co_perception.training.course import Course
from co_perception.training.examples import Batches, Drawn, Examples
from co_perception.training.metrics import collection, mean
from co_perception.training.modes import answers, set_training
from co_perception.training.optimiser import optimiser, schedule

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

Epoch = Callable[[int, Mapping[str, float]], None]
COURSE = "course"  # its key in a checkpoint
_DROPOUT = 2  # what a random stream is for; `examples` has the others


def run(
    network: nn.Module,
    train: Examples,
    val: Examples | None,
    course: Course,
    folder: Path | None,
    checkpoint: Path | None,
    on_epoch: Epoch | None,
) -> None:
    """Train the network until the course is over. folder: of checkpoints and logs, None writes nothing; checkpoint:
    where to go on."""
    with _quiet(), torch.random.fork_rng(), _interruptible():
        trainer = _trainer(course, folder)
        trainer.fit(_module(network, train, val, course, on_epoch), ckpt_path=checkpoint, weights_only=True)


def _module(
    network: nn.Module, train: Examples, val: Examples | None, course: Course, on_epoch: Epoch | None
) -> LightningModule:
    import lightning.pytorch as lightning

    config = course.config

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.losses = mean()
            self.val_losses = mean()
            self.measures = collection(len(course.classes))

        def training_step(self, batch: tuple[Tensor, Tensor], place: int) -> Tensor:
            # Dropout: for each batch, because what else draws between two of them differs after a resume.
            seed = np.random.SeedSequence([config.seed, _DROPOUT, self.current_epoch, place, self.global_rank])
            _seed(int(seed.generate_state(1)[0]))
            x, labels = batch
            logits = answers(self.network, x, config).float()
            wanted = labels.repeat_interleave(logits.shape[1])
            loss = F.cross_entropy(logits.flatten(0, 1), wanted, label_smoothing=config.label_smoothing)
            self.losses.update(loss.detach(), len(labels))
            return loss

        def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
            x, labels = batch
            logits = answers(self.network, x, config).float().mean(1)
            self.val_losses.update(F.cross_entropy(logits, labels), len(labels))
            self.measures.update(logits, labels)

        def on_train_epoch_start(self) -> None:
            set_training(self.network, config)

        def on_train_epoch_end(self) -> None:
            measures = {"loss": self._take(self.losses)}
            if val is not None:
                found = self.measures.compute()
                self.measures.reset()
                measures["val_loss"] = self._take(self.val_losses)
                measures |= {f"val_{name}": float(value) for name, value in found.items()}
            course.record(measures, self.network)
            self.log_dict(measures, prog_bar=True, rank_zero_only=True)
            self.trainer.should_stop = course.stalled
            if on_epoch is not None:
                on_epoch(len(course.history), measures)

        def _take(self, metric: Any) -> float:
            value = float(metric.compute())
            metric.reset()
            return value

        def on_train_start(self) -> None:
            self.trainer.should_stop = course.stalled  # it was killed after its last epoch

        def configure_optimizers(self) -> Any:
            optimizer = optimiser(self.network.parameters(), config)
            rate = schedule(optimizer, config, int(self.trainer.estimated_stepping_batches))
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

        def train_dataloader(self) -> DataLoader:
            return self._loader(train, config.seed, config.balance)

        def val_dataloader(self) -> DataLoader | list[DataLoader]:
            return [] if val is None else self._loader(val, None, False)

        def _loader(self, examples: Examples, seed: int | None, balance: bool) -> DataLoader:
            place = {"rank": self.trainer.global_rank, "world": self.trainer.world_size}
            batches = Batches(examples.labels, config.batch_size, seed=seed, balance=balance, **place)
            return DataLoader(Drawn(examples, seed), sampler=batches, batch_size=None, num_workers=config.workers)

        def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            checkpoint[COURSE] = course.state()

        def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            course.restore(checkpoint[COURSE])

    return Module()


def _trainer(course: Course, folder: Path | None) -> Trainer:
    import lightning.pytorch as lightning
    from lightning.pytorch.callbacks import Checkpoint, TQDMProgressBar
    from lightning.pytorch.loggers import TensorBoardLogger
    from lightning.pytorch.plugins.io import TorchCheckpointIO

    class WholeFiles(TorchCheckpointIO):
        def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
            checkpoints.write(checkpoint, Path(path))

        def load_checkpoint(self, path: Any, *_: Any, **__: Any) -> dict[str, Any]:
            return checkpoints.read(Path(path))

    class EveryEpoch(Checkpoint):
        """The start and the end of each epoch. Lightning calls it after all that changes what it keeps."""

        def __init__(self, place: Path) -> None:
            self.place = place

        def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            if not course.history:
                self._save(trainer)

        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            self._save(trainer)

        def _save(self, trainer: Trainer) -> None:
            trainer.save_checkpoint(checkpoints.path_of(self.place, len(course.history)))
            if trainer.is_global_zero:
                checkpoints.tidy(self.place)

    config = course.config
    callbacks: list[Any] = [TQDMProgressBar()] if sys.stderr.isatty() else []
    return lightning.Trainer(
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.nodes,
        strategy=config.strategy,
        precision=config.precision,
        max_epochs=config.epochs,
        gradient_clip_val=config.clip_gradient,
        logger=TensorBoardLogger(folder, name="", version="logs") if folder else False,
        log_every_n_steps=1,
        callbacks=[*callbacks, EveryEpoch(folder / "checkpoints")] if folder else callbacks,
        plugins=[WholeFiles()],
        default_root_dir=folder,
        enable_checkpointing=folder is not None,
        enable_progress_bar=bool(callbacks),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        inference_mode=False,
    )


def _seed(value: int) -> None:
    """As `torch.manual_seed`, which costs milliseconds where devices are there but unused."""
    torch.default_generator.manual_seed(value)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advertisements and its advice on what is meant here."""
    try:
        import lightning.pytorch  # noqa: F401
    except ImportError as error:
        raise ImportError(EXTRA) from error
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C stays a KeyboardInterrupt: Lightning leaves by SystemExit and with the signal switched off."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
