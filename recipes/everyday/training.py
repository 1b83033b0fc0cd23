"""Training of the everyday model: examples without end, a loss for each group where a set says something."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from co_perception.networks.temporal import CoTcn
from co_perception.networks.variants_skeleton import COTCN
from co_perception.skeletons.layouts import BODY13
from co_perception.skeletons.normalize import placed
from recipes.everyday.drawing import ACTION, Batch, Drawing, Floats
from recipes.everyday.examples import ExampleSource
from recipes.everyday.falls import FallSettings, simulated
from recipes.everyday.labels import GROUPS, UNKNOWN
from recipes.everyday.muon import Muon
from recipes.readers.takes import Take
from recipes.report import ROOT

Pair = tuple[torch.optim.Optimizer, OneCycleLR]
TRAININGS = ROOT / "out" / "recipes" / "everyday" / "trainings"  # networks that were trained, by name
SLICES: dict[str, slice] = {}
for _name, _classes in GROUPS.items():
    _begin = max((part.stop for part in SLICES.values()), default=0)
    SLICES[_name] = slice(_begin, _begin + len(_classes))
VARIANT = dataclasses.replace(
    COTCN,
    width=128,
    dropout=0.05,
    body_memory=60,
    classes=sum(map(len, GROUPS.values())),
    labels="",
    groups=tuple(name for name, classes in GROUPS.items() for _ in classes),
)


@dataclass(frozen=True)
class TrainSettings:
    """How the network is trained. Chosen on people of fold 0 who were held out, never on a test set.

    Args:
        steps, batch: batches, and windows of each.
        lr: the highest learning rate, of a one-cycle schedule; `muon` is that of `Muon`, for the convolutions.
        bfloat16: products of layers in bfloat16. Processors with instructions for it (AVX-512 BF16) need two thirds of
            the time, others a multiple; nothing of the accuracy is lost that shows.
        smoothing: share of the target spread over a group's classes.
        action_weight: of the loss of the data sets' own actions, which only training knows: acts that are "none" for
            the model differ from each other as much as its classes do.
        first: frames of a window before answers count.
        falls: what is simulated for `Drawing.simulated` of the windows; with a share of 0 nothing is.
    """

    steps: int = 22000
    batch: int = 56
    lr: float = 3e-3
    muon: float = 0.03
    bfloat16: bool = False
    weight_decay: float = 1e-2
    smoothing: float = 0.05
    action_weight: float = 0.3
    first: int = 5
    seed: int = 0
    drawing: Drawing = field(default_factory=Drawing)
    falls: FallSettings = FallSettings()


def network_input(joints: Floats) -> Tensor:
    """Joints (B, T, 13, 3) as the network takes them, (B, 6, T, 13, 1)."""
    values = placed(joints, BODY13)
    return torch.from_numpy(np.ascontiguousarray(values.transpose(0, 3, 1, 2)[..., None]))


def trained(takes: Sequence[Take], settings: TrainSettings) -> CoTcn:
    """A network trained on these takes, in evaluation mode. Prints the loss ten times."""
    motions = simulated(settings.falls) if settings.drawing.simulated else ()
    source, rng = ExampleSource(takes, settings.drawing, motions), np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    network = CoTcn(VARIANT).train()
    actions = nn.Linear(VARIANT.width, source.actions)  # left behind after training
    optimizers = _optimizers([*network.named_parameters(), *actions.named_parameters("actions")], settings)
    began, losses = time.process_time(), list[float]()
    for step in range(1, settings.steps + 1):
        batch = source.draw(settings.batch, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            loss = _loss(network, actions, batch, settings)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        for optimizer, schedule in optimizers:
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        losses.append(loss.item())
        if step % max(settings.steps // 10, 1) == 0:
            print(f"  {step} steps, {time.process_time() - began:.0f} s: loss {np.mean(losses):.3f}", flush=True)
            losses.clear()
    return network.eval()


def _optimizers(learned: Sequence[tuple[str, nn.Parameter]], settings: TrainSettings) -> list[Pair]:
    """Optimizers and their schedules: one for the matrices within the network, one for all else."""
    inner = [weight for name, weight in learned if weight.ndim > 1 and not name.startswith(("fc.", "actions."))]
    outer = [weight for _, weight in learned if not any(weight is other for other in inner)]
    adam = torch.optim.AdamW(outer, lr=settings.lr, weight_decay=settings.weight_decay)
    muon = Muon(inner, lr=settings.muon, weight_decay=settings.weight_decay)
    steps = settings.steps
    return [
        (adam, OneCycleLR(adam, settings.lr, total_steps=steps, pct_start=0.2)),
        (muon, OneCycleLR(muon, settings.muon, total_steps=steps, pct_start=0.1, cycle_momentum=False)),
    ]


def _loss(network: CoTcn, actions: nn.Linear, batch: Batch, settings: TrainSettings) -> Tensor:
    """Loss of the groups, and of the data sets' own actions in every fourth frame."""
    features, goals = network_input(batch.joints), torch.from_numpy(batch.targets)
    for layer in network.layers[:-1]:
        features = layer.clip(features)
    some = slice(settings.first, None, 4)
    named = actions(features[:, :, some].transpose(1, 2)).flatten(0, 1)
    own = F.cross_entropy(named, goals[:, some, ACTION].flatten(), ignore_index=UNKNOWN, reduction="sum")
    known = (goals[:, some, ACTION] != UNKNOWN).sum().clamp(min=1)
    return masked_loss(network.layers[-1].clip(features), goals, settings) + settings.action_weight * own / known


def masked_loss(logits: Tensor, goals: Tensor, settings: TrainSettings) -> Tensor:
    """Mean cross-entropy of the frames of which something is known, summed over groups.

    Args:
        logits: (B, classes, T).
        goals: (B, T, groups or more), classes or UNKNOWN.
    """
    total = logits.new_zeros(())
    for group, part in enumerate(SLICES.values()):
        goal = goals[:, settings.first :, group]
        if (goal != UNKNOWN).any():
            total = total + F.cross_entropy(
                logits[:, part, settings.first :], goal, ignore_index=UNKNOWN, label_smoothing=settings.smoothing
            )
    return total


def trained_once(name: str, takes: Sequence[Take], settings: TrainSettings) -> CoTcn:
    """As `trained`, from the folder of trainings if it was trained before with the same settings."""
    path = TRAININGS / f"{name.replace(' ', '_')}.safetensors"
    if path.exists():
        with safe_open(path, "pt") as file:
            if file.metadata().get("settings") == repr(settings):
                network = CoTcn(VARIANT)
                network.load_state_dict(load_file(path))
                return network.eval()
    print(f"{name}: {len(takes)} takes", flush=True)
    network = trained(takes, settings)
    TRAININGS.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), path, {"settings": repr(settings)})
    return network


@torch.no_grad()
def probabilities(network: CoTcn, streams: Sequence[Floats], batch: int = 64) -> list[Floats]:
    """Probabilities (T, classes) of each frame of streams (T, 13, 3), a softmax over each group."""
    found: list[Floats] = [np.zeros((0, 0), np.float32)] * len(streams)
    order = sorted(range(len(streams)), key=lambda number: len(streams[number]))
    for start in range(0, len(order), batch):
        numbers = order[start : start + batch]
        longest = max(len(streams[number]) for number in numbers)
        joints = np.zeros((len(numbers), longest, *streams[0].shape[1:]), np.float32)
        for row, number in enumerate(numbers):
            joints[row, : len(streams[number])] = streams[number]
        logits = network.clip(network_input(joints))
        rows = torch.cat([logits[:, part].softmax(1) for part in SLICES.values()], 1).transpose(1, 2).numpy()
        for row, number in enumerate(numbers):
            found[number] = rows[row, : len(streams[number])]
    return found
