"""What is trained in step mode: the stream itself, with gradients."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.training.config import TrainConfig
from co_perception.training.modes import (
    answer_loss,
    answer_stride,
    answers,
    first_counted,
    least_frames,
    mean_logits,
    set_training,
    streamed,
)


def network(padding: int = 0) -> co.Sequential:
    """Receptive field 7; strided by 2 in its second layer."""
    torch.manual_seed(0)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        one=co.Conv1d(3, 4, 3, padding=padding), norm=nn.BatchNorm1d(4), relu=nn.ReLU(),
        two=co.Conv1d(4, 4, 3, stride=2, padding=padding), pool=co.AvgPool1d(2, stride=1), fc=co.Linear(4, 5),
    )  # fmt: skip
    net = co.Sequential(layers).double()
    nn.init.normal_(net.get_parameter("norm.weight"))
    return net.eval()


def clips(frames: int) -> Tensor:
    return torch.randn(2, 3, frames, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def gradients(net: nn.Module, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(net.parameters())))


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_without_padding_answers_and_gradients_are_the_clips(chunk: int) -> None:
    """Two routes to one number: the unrolled stream, and the plain network on the whole clip."""
    net, x = network(), clips(16)
    offline = net.clip(x)
    stream = streamed(net, x, min_progress=1.0, chunk=chunk)
    assert stream.shape == (2, offline.shape[2], 5)
    torch.testing.assert_close(stream, offline.movedim(1, 2))
    weight = torch.randn_like(stream)
    wanted = gradients(net, (offline.movedim(1, 2) * weight).sum())
    for got, other in zip(gradients(net, (stream * weight).sum()), wanted, strict=True):
        torch.testing.assert_close(got, other)
    assert all(gradient.abs().sum() > 0 for gradient in wanted)


@pytest.mark.parametrize("min_progress", [0.0, 0.5, 0.75, 1.0])
def test_answers_stand_from_min_progress_on(min_progress: float) -> None:
    net, x = network(padding=1), clips(30)
    field, before, stride = net.timing.receptive_field, net.timing.before, net.timing.stride
    offline = net.clip(x).movedim(1, 2)
    shares = [min(field, field - before + place * stride) / field for place in range(offline.shape[1])]
    first = next(place for place, share in enumerate(shares) if share >= min_progress)
    assert first_counted(net, min_progress) == first
    stream = streamed(net, x, min_progress=min_progress, chunk=3)
    torch.testing.assert_close(stream, offline[:, first : first + stream.shape[1]])
    least = least_frames(net, min_progress)
    assert streamed(net, x[:, :, :least], min_progress=min_progress).shape[1] == 1
    with pytest.raises(ValueError, match=f"the first takes {least}"):
        streamed(net, x[:, :, : least - 1], min_progress=min_progress)


def test_zeros_at_the_end_of_an_example_do_not_count() -> None:
    """Examples of several lengths in one batch have the loss and the scores that each has alone."""
    net, config = network(padding=1), TrainConfig(mode="step", min_progress=0.5, frames=30)
    stride, labels = answer_stride(net, config), torch.tensor([3, 1])
    x = clips(30)
    x[1, :, 18:] = 0
    alone = [answers(net, part, config) for part in (x[:1], x[1:, :, :18])]
    assert stride == 2 and alone[0].shape[1] == alone[1].shape[1] + 6
    together = answers(net, x, config)
    wanted = torch.stack([logits[0].mean(0) for logits in alone])
    torch.testing.assert_close(mean_logits(together, x, config, stride), wanted)
    losses = [
        F.cross_entropy(logits[0], label.expand(logits.shape[1])) for logits, label in zip(alone, labels, strict=True)
    ]
    torch.testing.assert_close(answer_loss(together, labels, x, config, stride), torch.stack(losses).mean())
    empty = answer_loss(answers(net, 0 * x, config), labels, 0 * x, config, stride)
    assert torch.isfinite(empty)
    every = mean_logits(together, x, config.replace(frames=None), stride)  # no example is filled up then
    torch.testing.assert_close(every, together.mean(1))


def test_norms_stand_still_in_step_mode_only() -> None:
    net, x = network(), clips(16)[:1]  # one stream, frame by frame: nothing to take statistics of
    config = TrainConfig(mode="step", chunk=1)
    set_training(net, config)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    answers(net, x, config).sum().backward()
    assert net.training and not net.get_submodule("norm").training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.get_parameter("norm.weight").grad is not None
    set_training(net, TrainConfig())
    net.clip(x)
    assert not torch.equal(net.state_dict()["norm.running_mean"], before["norm.running_mean"])
