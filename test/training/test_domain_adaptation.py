"""DAGE-LDA against its definition, batches of two domains, and a training that gains by the source."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny_training import CLASSES, CONFIG, Noise, Small, small
from torch import Tensor

from co_perception.training import checkpoints
from co_perception.training.domain_adaptation import (
    AdaptationSettings,
    JointBatchSampler,
    JointDataset,
    JointExamples,
    adaptation_loss,
    dage_lda,
)
from co_perception.training.fit import evaluate, fit
from co_perception.training.modes import answers


class Embedding(Small):
    """`Small` that tells its features."""

    def clip_features(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)).relu().mean(2)

    def classify_features(self, features: Tensor) -> Tensor:
        return self.fc(self.drop(features))


def embedding() -> Embedding:
    network = Embedding()
    network.load_state_dict(small().state_dict())
    return network


class Elsewhere(Noise):
    """The same classes, with an offset in a channel that tells nothing."""

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        return super().tensor(index, rng) + torch.tensor([[0.0], [0.0], [0.0], [4.0]])


def by_pairs(features: Tensor, labels: Tensor) -> Tensor:
    """tr(F' L F) / tr(F' B F) from the two graphs, as the paper writes it."""
    same = labels[:, None] == labels
    traces = []
    for links in (same, ~same):
        weights = links.to(features)
        laplacian = torch.diag(weights.sum(1)) - weights
        traces.append(torch.trace(features.T @ laplacian @ features))
    return traces[0] / traces[1]


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1], [0, 1, 2, 1, 7], [3, 3, 3, 3, 5], [0, 1, 1, 0, 1]])
def test_the_loss_is_that_of_the_two_graphs(labels: list[int]) -> None:
    features = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    goal = torch.tensor(labels)
    assert float(dage_lda(features, goal)) == pytest.approx(float(by_pairs(features, goal)), rel=1e-12)
    total = [0.0, 0.0]
    for one in range(5):
        for other in range(5):
            total[labels[one] != labels[other]] += float(((features[one] - features[other]) ** 2).sum())
    assert float(dage_lda(features, goal)) == pytest.approx(total[0] / total[1], rel=1e-12)
    moved = features.clone().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: dage_lda(x, goal), (moved,))


def test_far_from_zero_the_loss_is_as_exact() -> None:
    features = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(12) % 3
    wanted = float(dage_lda(features, labels))
    assert float(dage_lda(features + 1000, labels)) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("labels", [[1, 1, 1, 1], [0, 1, 2, 3]])
def test_one_class_alone_and_classes_without_a_pair_cost_nothing(labels: list[int]) -> None:
    features = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    loss = dage_lda(features, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0 and features.grad is not None and torch.equal(features.grad, torch.zeros(4, 3))
    assert math.isfinite(float(dage_lda(torch.ones(4, 3), torch.tensor([0, 0, 1, 1]))))


def test_the_losses_are_weighted_by_domain() -> None:
    """One example of the target, of a class that the source does not have."""
    network = embedding().eval()
    x, labels = torch.randn(5, 4, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([2, 0, 0, 1, 1])
    of_source = torch.tensor([False, True, True, True, True])
    settings = AdaptationSettings(embedding=0.3, source=0.2)
    logits = answers(network, x, CONFIG)[:, 0]
    target, source = (
        torch.nn.functional.cross_entropy(logits[chosen], labels[chosen]) for chosen in (~of_source, of_source)
    )
    wanted = 0.7 * (0.8 * target + 0.2 * source) + 0.3 * by_pairs(network.clip_features(x), labels)
    found = adaptation_loss(network, x, labels, of_source, settings, 0.0)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    without = adaptation_loss(network, x, labels, of_source, AdaptationSettings(embedding=0.0, source=0.0), 0.0)
    assert without.item() == pytest.approx(target.item(), rel=1e-5)


def test_half_of_a_batch_is_of_each_domain_and_the_smaller_one_repeats() -> None:
    target, source = Noise(3, 0), Elsewhere(20, 1)
    sampler = JointBatchSampler(target.labels, source.labels, 7, seed=5)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 7 == -(-20 // 3)
    assert all(sum(index.example < 3 for index in batch) == 4 and len(batch) == 7 for batch in batches)
    drawn = [index for batch in batches for index in batch]
    assert {index.example for index in drawn} == set(range(23)) and len(set(drawn)) == len(drawn)
    again = JointBatchSampler(target.labels, source.labels, 7, seed=5)
    assert list(again) == batches
    again.set_epoch(1)
    assert list(again) != batches
    x, labels, of_source = JointDataset(JointExamples(target, source), 5)[batches[0]]
    assert of_source.tolist() == [False] * 4 + [True] * 3 and x.shape == (7, 4, 6)
    assert labels.tolist() == [([*target.labels, *source.labels])[index.example] for index in batches[0]]


def test_two_processes_share_an_epoch_and_balanced_classes_come_equally_often() -> None:
    labels = [0] * 9 + [1] * 2
    parts = [list(JointBatchSampler([0, 1], labels, 4, seed=1, balance=True, rank=rank, world=2)) for rank in (0, 1)]
    drawn = [index for part in parts for batch in part for index in batch]
    assert len(set(drawn)) == len(drawn) == 2 * 3 * 4 and {len(part) for part in parts} == {3}
    of_source = Counter(labels[index.example - 2] for index in drawn if index.example >= 2)
    assert of_source == {0: 6, 1: 6}


def test_a_few_examples_and_a_source_beat_the_few_alone() -> None:
    config = CONFIG.replace(epochs=8, batch_size=12)
    few, held_out = Elsewhere(3, 1), Elsewhere(60, 2)
    alone, adapted = embedding(), embedding()
    fit(alone, few, None, config, CLASSES)
    result = fit(adapted, few, None, config, CLASSES, source=Noise(60, 3))
    assert result["epochs"] == 8
    found = evaluate(adapted, held_out, CLASSES)["accuracy"]
    assert found > max(evaluate(alone, held_out, CLASSES)["accuracy"], 0.6)


def test_a_resumed_adaptation_ends_bit_equal_and_other_weights_are_refused(tmp_path: Path) -> None:
    def end(epoch: int, measures: object) -> None:
        if epoch == 2:
            raise InterruptedError

    few, source = Elsewhere(4, 1), Noise(18, 3)
    whole, resumed = embedding(), embedding()
    fit(whole, few, None, CONFIG, CLASSES, source=source)
    with pytest.raises(InterruptedError):
        fit(embedding(), few, None, CONFIG, CLASSES, tmp_path, source=source, on_epoch=end)
    with pytest.raises(ValueError, match="the domain adaptation was .*'embedding': 0.25"):
        fit(embedding(), few, None, CONFIG, CLASSES, tmp_path, resume=True, source=source,
            adaptation=AdaptationSettings(0.5))  # fmt: skip
    with pytest.raises(ValueError, match="the digest of the examples was"):
        fit(embedding(), few, None, CONFIG, CLASSES, tmp_path, resume=True, source=Noise(18, 4))
    fit(resumed, few, None, CONFIG, CLASSES, tmp_path, resume=True, source=source)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert len(checkpoints.list_checkpoints(tmp_path / checkpoints.FOLDER)) == checkpoints.KEPT


def test_what_cannot_be_adapted_is_refused_in_words() -> None:
    few, source = Noise(6, 1), Noise(12, 2)
    with pytest.raises(ValueError, match="Adapt in mode 'clip' first"):
        fit(embedding(), few, None, CONFIG.replace(mode="step"), CLASSES, source=source)
    with pytest.raises(ValueError, match="Small does not tell the features"):
        fit(small(), few, None, CONFIG, CLASSES, source=source)
    with pytest.raises(ValueError, match="no source to adapt from"):
        fit(embedding(), few, None, CONFIG, CLASSES, adaptation=AdaptationSettings())
    with pytest.raises(ValueError, match="batch_size is 3"):
        fit(embedding(), few, None, CONFIG.replace(batch_size=3), CLASSES, source=source)
    with pytest.raises(ValueError, match="no source examples"):
        fit(embedding(), few, None, CONFIG, CLASSES, source=Noise(0, 2))
    few.labels, source.labels = [0, 1] * 3, [2] * 12
    with pytest.raises(ValueError, match="examples of no common class"):
        fit(embedding(), few, None, CONFIG, CLASSES, source=source)
    for wrong in ({"embedding": 1.0}, {"source": -0.1}):
        with pytest.raises(ValueError, match="a share from 0 to below 1"):
            AdaptationSettings(**wrong)
