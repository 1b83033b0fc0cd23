"""Stored features are those that the robot computes frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.motion_videos import moving
from helpers.small_video_networks import network, small
from numpy.typing import NDArray

from co_perception.continual.pipeline import Pipeline
from co_perception.continual.state import State
from co_perception.continual.timing import Timing
from co_perception.learners import stream_features
from co_perception.learners.preprocess_video import to_input
from co_perception.learners.stream_features import (
    FeatureExtractor,
    StreamFeatures,
    VideoInMemory,
    counted_steps,
    trunk_digest,
)
from co_perception.networks.variants import COI3D_R50, HeadVariant
from co_perception.networks.video import VideoNetwork
from co_perception.runtime.steppers.stepper import Stepper

VARIANT = small(COI3D_R50, blocks=(1, 1, 1, 1), short_side=36, head=HeadVariant("linear"))
RATE_HZ = VARIANT.rate_hz


def trunk_network() -> VideoNetwork:
    return network(VARIANT, published=False).float()


def stepped(net: VideoNetwork, frames: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(n, F) what a robot gets from the trunk, frame by frame, of a stream that does not end."""
    trunk, answers = net.trunk, []
    pipeline = Pipeline(trunk)
    state = pipeline.init_state(1, VARIANT.frame_shape, torch.empty(0))
    with torch.no_grad():
        for frame in frames:
            y, state = pipeline(to_input(frame, VARIANT)[None], state)
            if y is not None:
                answers.append(y[0].numpy())
    return np.array(answers[trunk.lag_after(0) :])


@pytest.mark.parametrize("at_once", [8, 160])
def test_features_are_those_of_the_stream(at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a recording computed in chunks, and of one computed as a clip, whose last answers see its end."""
    monkeypatch.setattr(stream_features, "AT_ONCE", at_once)
    monkeypatch.setattr(stream_features, "CHUNK", 6)
    net, frames = trunk_network(), moving(0, 31, 1)
    found = FeatureExtractor(net, folder=tmp_path).compute(VideoInMemory(frames, RATE_HZ))
    expected = stepped(net, frames)
    assert found.frames == 31 and found.rows.dtype == np.float32
    assert len(found.rows) >= len(expected) > 5
    np.testing.assert_allclose(found.rows[: len(expected)], expected, rtol=1e-3, atol=1e-5)


def test_a_program_of_the_step_gives_the_same_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the start of the stream does not matter any more; before that, and for short recordings, the trunk does."""
    monkeypatch.setattr(stream_features, "AT_ONCE", 16)
    monkeypatch.setattr(stream_features, "CHUNK", 6)
    net = trunk_network()
    frames = moving(0, net.trunk.settles(0) + 40, 1)
    plain = FeatureExtractor(net, folder=tmp_path / "plain").compute(VideoInMemory(frames, RATE_HZ))
    monkeypatch.setattr(stream_features, "STEPPED", len(frames) + 1)
    extractor, steps = FeatureExtractor(net, folder=tmp_path / "steps"), list[int]()
    step_by_step = stream_features._step_by_step

    def counted(made: Stepper, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        steps.append(x.shape[2])
        return step_by_step(made, x, state)

    monkeypatch.setattr(stream_features, "_step_by_step", counted)
    first = extractor.compute(VideoInMemory(frames[:-1], RATE_HZ))
    assert not steps  # too few frames so far
    second = extractor.compute(VideoInMemory(frames, RATE_HZ))
    assert len(steps) > 3
    np.testing.assert_allclose(first.rows, plain.rows[: len(first.rows)], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(second.rows, plain.rows, rtol=1e-3, atol=1e-5)


def test_pictures_of_a_stream_may_differ_in_size(tmp_path: Path) -> None:
    """As where one video follows another: each is scaled as the robot would scale it."""
    net, frames = trunk_network(), moving(0, 31, 1)
    shown = [frame if number < 16 else frame[:, 4:].repeat(2, 0).repeat(2, 1) for number, frame in enumerate(frames)]

    class Changing(VideoInMemory):
        def pictures(self) -> Iterator[tuple[NDArray[np.uint8], float]]:
            yield from ((pixels, number / RATE_HZ) for number, pixels in enumerate(shown))

    found = FeatureExtractor(net, folder=tmp_path).compute(Changing(frames, RATE_HZ))
    expected = stepped(net, shown)
    np.testing.assert_allclose(found.rows[: len(expected)], expected, rtol=1e-3, atol=1e-5)


def test_a_recording_costs_once_whatever_holds_it(tmp_path: Path) -> None:
    net, frames = trunk_network(), moving(0, 20, 1)
    extractor, recording = FeatureExtractor(net, folder=tmp_path), VideoInMemory(frames, RATE_HZ)
    assert extractor.stored(recording) is None
    first, seen = extractor.compute(recording, note=lambda frames: None), VideoInMemory(frames.copy(), RATE_HZ)
    second = FeatureExtractor(trunk_network(), folder=tmp_path).stored(seen)
    assert second is not None and np.array_equal(first.rows, second.rows) and second.frames == 20
    assert np.array_equal(first.digests, second.digests) and len(set(second.digests.tolist())) == 20
    assert extractor.stored(VideoInMemory(frames[1:], RATE_HZ)) is None
    assert extractor.stored(VideoInMemory(frames, RATE_HZ + 1)) is None


def test_other_weights_and_other_pictures_have_features_of_their_own(tmp_path: Path) -> None:
    net, recording = trunk_network(), VideoInMemory(moving(0, 20, 1), RATE_HZ)
    FeatureExtractor(net, folder=tmp_path).compute(recording)
    digest = trunk_digest(net)
    torch.nn.init.zeros_(net.classifier_head.get_parameter("head.weight"))
    assert trunk_digest(net) == digest  # of the trunk alone
    net.get_parameter("s1.conv.weight").data.mul_(1.01)
    assert trunk_digest(net) != digest and FeatureExtractor(net, folder=tmp_path).stored(recording) is None


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    extractor, recording = FeatureExtractor(trunk_network(), folder=tmp_path), VideoInMemory(moving(0, 20, 1), RATE_HZ)
    extractor.compute(recording)
    [file] = tmp_path.rglob("*.safetensors")
    content = file.read_bytes()
    for damaged in (b"", content[:-9], b"x" * 100):
        file.write_bytes(damaged)
        assert extractor.stored(recording) is None
        with pytest.raises(ValueError, match="features"):
            StreamFeatures.from_file(file)


def test_a_short_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 frames at 3.75 Hz are too short for an answer of coi3d_r50"):
        FeatureExtractor(trunk_network(), folder=tmp_path).compute(VideoInMemory(moving(0, 1, 1), RATE_HZ))


def test_answers_count_where_enough_of_their_field_is_real() -> None:
    """Field 8, stride 2, three frames of padding before: answer i sees frames 2 i - 3 to 2 i + 4."""
    timing = Timing(8, 2, 3, 3)
    assert counted_steps(timing, 10, 20, 0.75).tolist() == [False, True, *[True] * 6, True, False]
    assert counted_steps(timing, 10, 20, 1.0).tolist() == [False, False, *[True] * 6, False, False]
    # of four frames answers 0 and 1 see 0 to 3, answer 2 sees 1 to 3
    assert counted_steps(timing, 3, 4, 0.75).tolist() == [True, True, False]
