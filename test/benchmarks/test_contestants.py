"""Contestants time the right network on the right clip, warmed up, and report the size of its state."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench import subjects
from bench.contestants import CLIP, enter, exists, held_bytes
from co_perception.networks.cost import stream_bytes


@torch.no_grad()
def test_a_step_gives_the_networks_answer_to_the_frames_in_turn() -> None:
    subject = subjects.build("costgcn_short")
    contestant = enter("eager", subject.name, 1)
    chunks = subjects.frames(subject.frame_shape, subject.stride)
    # It is warm: as if it had been given the frames over and over.
    fed = torch.cat([chunks[place % len(chunks)] for place in range(subject.steps_to_warm + 1)], 2)
    wanted, _ = subject.network(fed, subject.network.init_state(1, subject.frame_shape))
    torch.testing.assert_close(contestant.step(), wanted[:, :, -1:], rtol=1e-4, atol=1e-4)
    assert contestant.facts["state_bytes"] == stream_bytes(subject.network, subject.frame_shape)
    assert (contestant.facts["backend"], contestant.facts["dtype"]) == ("eager", "float32")


@torch.no_grad()
def test_a_clip_is_the_published_one() -> None:
    subject = subjects.build("costgcn_short")
    contestant = enter(CLIP, subject.name, 1)
    answers = [subject.network.classify(clip) for clip in subjects.frames(subject.frame_shape, subject.clip, 2)]
    assert contestant.facts["frames"] == subject.clip == 16
    got = contestant.step()
    assert min((got - answer).abs().max() for answer in answers) < 1e-4


def test_every_network_has_a_subject_whose_clip_has_an_answer() -> None:
    with torch.device("meta"):
        built = [subjects.build(name) for name in ("coslow_r50", "cox3d_s", "costr", "cooadtr_b1", "coi3d_inception")]
    assert [subject.clip for subject in built] == [8, 13, 300, 64, 64]
    assert [subject.stride for subject in built] == [1, 1, 4, 1, 8]
    assert built[1].steps_to_warm == 69 + 1


def test_frames_are_the_same_every_time() -> None:
    one, other = (subjects.frames((3, 4, 4), 2) for _ in range(2))
    assert one[0].shape == (1, 3, 2, 4, 4) and len(one) == subjects.DIFFERENT
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one[0], one[1])


def test_the_references_state_is_counted_as_its_code_keeps_it() -> None:
    continual: Any = pytest.importorskip("continual")
    kernel, channels, side = 3, 4, 5
    network = continual.Sequential(
        continual.Conv3d(2, channels, kernel, padding=(0, 1, 1)), torch.nn.BatchNorm3d(channels), continual.Delay(2)
    ).eval()
    unfed = held_bytes(network)
    with torch.no_grad():
        for _ in range(8):
            network.forward_step(torch.zeros(1, 2, side, side))
    # (k - 1)^2 output maps of the convolution, 2 maps of the delay, and its whole numbers as before.
    assert held_bytes(network) - unfed == 4 * channels * side**2 * ((kernel - 1) ** 2 + 2)


def test_a_reference_is_there_for_what_was_published() -> None:
    alone = {name for name in subjects.VARIANTS if not exists(name)}
    movinets = {f"movinet_a{size}_stream" for size in (0, 1, 2)}
    assert alone == {"costgcn_short", "cotrans_short", "coi3d_inception", *movinets}
