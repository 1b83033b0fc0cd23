"""The training loop, in Lightning. Nothing else in the package imports it.

Lightning brings the loop, mixed precision, devices and their launcher, logs and the progress bar. What makes a resumed
training end bit-equal is this package's: order and augmentation (`examples`), dropout (seeded anew for each batch), the
learning rate (a function of the step), the best weights and files that are whole (`checkpoints`).

Lightning is optional and imported when a training begins. The classes below are therefore written without it as base
and joined with it by `_with_base`.
"""

from __future__ import annotations

import logging
import math
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from co_perception.training import checkpoints
from co_perception.training.checkpoints import FOLDER, STATE_KEY, RunState
from co_perception.training.config import EXTRA, TrainConfig
from co_perception.training.domain_adaptation import JointBatchSampler, JointDataset, JointExamples, adaptation_loss
from co_perception.training.examples import EpochBatchSampler, ExampleDataset, Examples
from co_perception.training.metrics import collection, mean, take
from co_perception.training.modes import answer_loss, answer_stride, answers, mean_logits, set_training

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Checkpoint
    from lightning.pytorch.plugins.io import TorchCheckpointIO
else:
    LightningModule = Checkpoint = TorchCheckpointIO = object

EpochCallback = Callable[[int, Mapping[str, float]], None]  # of the number of epochs done and their measures
Part = TypeVar("Part")
_DROPOUT = 2  # what a random stream is for; `examples` has the others


def run(
    network: nn.Module,
    train: Examples,
    val: Examples | None,
    state: RunState,
    folder: Path | None,
    checkpoint: Path | None,
    on_epoch: EpochCallback | None,
    source: Examples | None = None,
) -> None:
    """Train the network in place until the last epoch, or until `patience` ends it.

    Args:
        state: takes the measures of each epoch and the best weights.
        folder: for checkpoints and logs; None writes nothing.
        checkpoint: file to resume from, or None.
        on_epoch: called after each epoch; may raise to end the training.
        source: examples to adapt from, with the state's `adaptation`; None: `train` is all.
    """
    with _quiet(), torch.random.fork_rng(), _interruptible():
        from lightning.pytorch import LightningModule

        module = _with_base(TrainingModule, LightningModule)(network, train, val, state, on_epoch, source)
        _trainer(state, folder).fit(module, ckpt_path=checkpoint, weights_only=True)


class TrainingModule(LightningModule):
    """Loss, measures, optimizer and data of one training, for Lightning to call."""

    def __init__(
        self,
        network: nn.Module,
        train: Examples,
        val: Examples | None,
        state: RunState,
        on_epoch: EpochCallback | None,
        source: Examples | None,
    ) -> None:
        super().__init__()
        self.train_examples, self.val_examples, self.source_examples = train, val, source
        self.run_state, self.on_epoch = state, on_epoch
        self.network, self.losses, self.val_losses = network, mean(), mean()
        self.measures = collection(len(state.classes))

    def training_step(self, batch: tuple[Tensor, ...], number: int) -> Tensor:
        config = self.run_state.config
        # Dropout is seeded for each batch, because what else draws between two of them differs after a resume.
        seed = np.random.SeedSequence([config.seed, _DROPOUT, self.current_epoch, number, self.global_rank])
        value = int(seed.generate_state(1)[0])
        torch.default_generator.manual_seed(value)  # torch.manual_seed costs milliseconds where devices are unused
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(value)
        x, labels, *of_source = batch
        if adaptation := self.run_state.adaptation:
            loss = adaptation_loss(self.network, x, labels, of_source[0], adaptation, config.label_smoothing)
        else:
            logits = answers(self.network, x, config).float()
            loss = answer_loss(logits, labels, x, config, answer_stride(self.network, config))
        self.losses.update(loss.detach(), len(labels))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        x, labels = batch
        config = self.run_state.config
        stride = answer_stride(self.network, config)
        logits = mean_logits(answers(self.network, x, config).float(), x, config, stride)
        self.val_losses.update(F.cross_entropy(logits, labels), len(labels))
        self.measures.update(logits, labels)

    def on_train_start(self) -> None:
        self.trainer.should_stop = self.run_state.stalled  # it was killed after its last epoch

    def on_train_epoch_start(self) -> None:
        set_training(self.network, self.run_state.config)

    def on_train_epoch_end(self) -> None:
        measures = {"loss": take(self.losses)}
        if self.val_examples is not None:
            validation = self.measures.compute()
            self.measures.reset()
            measures["val_loss"] = take(self.val_losses)
            measures |= {f"val_{name}": float(value) for name, value in validation.items()}
        self.run_state.record(measures, self.network)
        self.log_dict(measures, prog_bar=True, rank_zero_only=True)
        self.trainer.should_stop = self.run_state.stalled
        if self.on_epoch is not None:
            self.on_epoch(len(self.run_state.history), measures)

    def configure_optimizers(self) -> Any:
        config = self.run_state.config
        optimizer = make_optimizer(self.network.parameters(), config)
        rate = schedule(optimizer, config, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    def train_dataloader(self) -> DataLoader:
        config = self.run_state.config
        if self.source_examples is None:
            return self._loader(self.train_examples, config.seed, config.balance)
        joint = JointExamples(self.train_examples, self.source_examples)
        sampler = JointBatchSampler(
            joint.target.labels, joint.source.labels, config.batch_size,
            seed=config.seed, balance=config.balance, **self._place(),
        )  # fmt: skip
        dataset = JointDataset(joint, config.seed)
        return DataLoader(dataset, sampler=sampler, batch_size=None, num_workers=config.workers)

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        return [] if self.val_examples is None else self._loader(self.val_examples, None, False)

    def _loader(self, examples: Examples, seed: int | None, balance: bool) -> DataLoader:
        config = self.run_state.config
        sampler = EpochBatchSampler(examples.labels, config.batch_size, seed=seed, balance=balance, **self._place())
        dataset = ExampleDataset(examples, seed)
        return DataLoader(dataset, sampler=sampler, batch_size=None, num_workers=config.workers)

    def _place(self) -> dict[str, int]:
        return {"rank": self.trainer.global_rank, "world": self.trainer.world_size}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[STATE_KEY] = self.run_state.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.run_state.restore(checkpoint[STATE_KEY])


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoint files as `checkpoints` writes and reads them."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: object = None) -> None:
        checkpoints.write(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, *_: object, **__: object) -> dict[str, Any]:
        return checkpoints.read(Path(path))


class EpochCheckpoint(Checkpoint):
    """Saves before the first epoch and after each. Lightning calls it after every hook that changes what it saves."""

    def __init__(self, folder: Path, state: RunState) -> None:
        self.folder, self.run_state = folder, state

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.run_state.history:
            self.on_train_epoch_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.save_checkpoint(checkpoints.path_of(self.folder, len(self.run_state.history)))
        if trainer.is_global_zero:
            checkpoints.tidy(self.folder)


def _trainer(state: RunState, folder: Path | None) -> Trainer:
    import lightning.pytorch as lightning
    from lightning.pytorch.callbacks import Checkpoint, TQDMProgressBar
    from lightning.pytorch.loggers import TensorBoardLogger
    from lightning.pytorch.plugins.io import TorchCheckpointIO

    config = state.config
    progress_bar = [TQDMProgressBar()] if sys.stderr.isatty() else []
    saving = [_with_base(EpochCheckpoint, Checkpoint)(folder / FOLDER, state)] if folder else []
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
        callbacks=[*progress_bar, *saving],
        plugins=[_with_base(AtomicCheckpointIO, TorchCheckpointIO)()],
        default_root_dir=folder,
        enable_checkpointing=folder is not None,
        enable_progress_bar=bool(progress_bar),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        inference_mode=False,
    )


def _with_base(part: type[Part], base: type[object]) -> type[Part]:
    """`part`, written without its optional base class, as a subclass of it."""
    return type(part.__name__, (part, base), {})


def make_optimizer(parameters: Iterable[nn.Parameter], config: TrainConfig) -> Optimizer:
    """Optimizer of the parameters that require a gradient: SGD, Adam (arXiv:1412.6980) or AdamW (arXiv:1711.05101).

    Scales and biases (parameters of one axis) do not decay.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [parameter for parameter in trained if parameter.dim() <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0)
    return (AdamW if config.optimizer == "adamw" else Adam)(groups, lr=config.lr)


def schedule(optimizer: Optimizer, config: TrainConfig, steps: int) -> LambdaLR:
    """Learning rate by the step alone: linear warm-up, then cosine (arXiv:1608.03983), steps, or constant."""

    def factor(step: int) -> float:
        done = step / max(steps, 1)  # share of the training before this step
        if done < config.warmup:
            return min((done + 1 / max(steps, 1)) / config.warmup, 1.0)
        past = min((done - config.warmup) / (1 - config.warmup), 1.0)
        if config.schedule == "cosine":
            return (1 + math.cos(math.pi * past)) / 2
        return 0.1 ** ((past >= 0.5) + (past >= 0.75)) if config.schedule == "step" else 1.0

    return LambdaLR(optimizer, factor)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advertisements, and its advice against what is done on purpose here."""
    try:
        import lightning.pytorch  # noqa: F401
    except ImportError as error:
        raise ImportError(EXTRA) from error
    levels = {logger: logger.level for logger in map(logging.getLogger, ("lightning.pytorch", "lightning.fabric"))}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        for logger in levels:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in levels.items():
                logger.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Keep Ctrl-C a KeyboardInterrupt: Lightning raises SystemExit and leaves the signal ignored."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
