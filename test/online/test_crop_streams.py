"""Several people through one video network: a reduced network with random weights, real state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.small_video_networks import write_small_network

from co_perception.continual.state import save
from co_perception.engine.data import Image
from co_perception.engine.target import Category
from co_perception.learners.video import ContinualVideoLearner
from co_perception.online.crop_streams import CropStreams
from co_perception.online.crops import PersonCrop, Region, cut_square, square_around
from co_perception.online.people import People, Policy

FRAMES = 84  # the reduced network's first answer comes with the 67th frame of a stream


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> ContinualVideoLearner:
    learner = ContinualVideoLearner(threads=1)
    learner.load(write_small_network(tmp_path_factory.mktemp("learner")))
    return learner


def film(frames: int, seed: int = 0) -> list[Image]:
    pictures = np.random.default_rng(seed).integers(0, 256, (frames, 96, 160, 3), dtype=np.uint8)
    return [Image(pixels, stamp_ns=40_000_000 * i) for i, pixels in enumerate(pictures)]


def walking(image: Image, index: int, id: str) -> PersonCrop:
    """`left` goes to the right, `right` stands and trembles."""
    region = Region(10 + 0.3 * index, 20, 20, 40) if id == "left" else Region(110 + index % 3, 30, 25, 40)
    return PersonCrop(image, region, id=id)


def both(image: Image, index: int) -> list[PersonCrop]:
    return [walking(image, index, id) for id in ("left", "right")]


def scores(answers: Sequence[Category]) -> np.ndarray[Any, Any]:
    return np.stack([answer.probabilities for answer in answers if answer.probabilities is not None])


def alone(learner: ContinualVideoLearner, id: str, pictures: Sequence[Image], skipped: Sequence[int] = ()) -> Any:
    streams = CropStreams(learner)
    return [streams.infer([walking(p, i, id)])[0] for i, p in enumerate(pictures) if i not in skipped]


@pytest.mark.slow
def test_interleaved_people_are_answered_as_each_alone(learner: ContinualVideoLearner) -> None:
    """The other misses frames, so that the two are at different places of the network's step of eight frames."""
    pictures, missed = film(FRAMES), {3, 4, 40}
    streams = CropStreams(learner)
    heard: dict[str, list[Category]] = {"left": [], "right": []}
    for index, image in enumerate(pictures):
        ids = ["left"] if index in missed else (["right", "left"] if index % 2 else ["left", "right"])
        for id, answer in zip(ids, streams.infer([walking(image, index, id) for id in ids]), strict=True):
            heard[id].append(answer)
    for id, skipped in (("left", set[int]()), ("right", missed)):
        wanted = alone(learner, id, pictures, sorted(skipped))
        assert heard[id] == wanted  # progress, delay, status, label and confidence
        np.testing.assert_array_equal(scores(heard[id]), scores(wanted))
    assert not np.array_equal(scores(heard["left"])[0], scores(heard["right"])[0])


def test_without_smoothing_it_is_the_learner_on_the_cut_out_pictures(learner: ContinualVideoLearner) -> None:
    pictures = film(FRAMES)
    streams = CropStreams(learner, margin=0.25, smoothing_s=0)
    heard = [streams.infer(both(p, i))[0] for i, p in enumerate(pictures)]
    learner.reset()
    crops = [walking(p, i, "left") for i, p in enumerate(pictures)]
    parts = [cut_square(g.image.data, square_around(g.region, (160, 96), 0.25)) for g in crops]
    wanted = learner.infer(parts)
    assert heard == wanted
    np.testing.assert_array_equal(scores(heard), scores(wanted))


def test_whoever_is_released_comes_back_fresh_and_the_other_goes_on(learner: ContinualVideoLearner) -> None:
    streams, pictures = CropStreams(learner), film(12)
    for index, image in enumerate(pictures[:10]):
        streams.infer(both(image, index))
    streams.release("left")
    assert streams.ids == ("right",)
    left, right = streams.infer(both(pictures[10], 10))
    assert left.progress == pytest.approx(1 / 107)
    assert right.progress == pytest.approx(11 / 107)
    streams.reset()
    assert not streams.ids


def test_a_frame_that_fails_steps_nobody(learner: ContinualVideoLearner, monkeypatch: pytest.MonkeyPatch) -> None:
    streams, pictures = CropStreams(learner), film(3)
    streams.infer(both(pictures[0], 0))
    steps = iter([True, False])

    def fail_second(frame: Any) -> Any:
        if not next(steps):
            raise RuntimeError("out of memory")
        return ContinualVideoLearner.infer(learner, frame)

    with monkeypatch.context() as patch:
        patch.setattr(learner, "infer", fail_second)
        with pytest.raises(RuntimeError, match="out of memory"):
            streams.infer(both(pictures[1], 1))
    answers = streams.infer(both(pictures[2], 2))
    assert [answer.progress for answer in answers] == [pytest.approx(2 / 107)] * 2


def test_streams_from_a_file_go_on_bit_equal(learner: ContinualVideoLearner, tmp_path: Path) -> None:
    pictures, file = film(FRAMES), tmp_path / "people.safetensors"
    streams = CropStreams(learner)
    for index, image in enumerate(pictures[:70]):
        ids = ["left", "right"] if index > 2 else ["left"]
        streams.infer([walking(image, index, id) for id in ids])
    assert streams.save_streams(file, ["left", "right"]) == ["left", "right"]
    rest = [[walking(p, 70 + i, id) for id in ("left", "right")] for i, p in enumerate(pictures[70:])]
    wanted = [streams.infer(crops) for crops in rest]
    other = CropStreams(learner)
    other.infer([walking(pictures[0], 0, "somebody else")])
    assert other.load_streams(file) == ["left", "right"]
    assert other.ids == ("left", "right")
    heard = [other.infer(crops) for crops in rest]
    assert heard == wanted
    for place in (0, 1):
        one, two = ([answers[place] for answers in both] for both in (heard, wanted))
        np.testing.assert_array_equal(scores(one), scores(two))


def test_files_that_do_not_fit_change_nothing(learner: ContinualVideoLearner, tmp_path: Path) -> None:
    streams, (image,) = CropStreams(learner), film(1)
    with pytest.raises(ValueError, match="no streams to write"):
        streams.save_streams(tmp_path / "none.safetensors")
    streams.infer([walking(image, 0, "left")])
    file = tmp_path / "one.safetensors"
    streams.save_streams(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        streams.load_streams(file)
    network = learner.variant.name
    assert whole.count(network.encode()) == 1
    file.write_bytes(whole.replace(network.encode(), b"x" * len(network)))
    with pytest.raises(ValueError, match=f"holds streams of x+, this network is {network}"):
        streams.load_streams(file)
    save(learner.snapshot().stages, file, {"network": network})
    with pytest.raises(ValueError, match="holds streams of another model"):
        streams.load_streams(file)
    learner.save_streams(file, {"left": learner.snapshot()}, {})
    with pytest.raises(ValueError, match="does not say where its people are"):
        streams.load_streams(file)
    assert streams.ids == ("left",)


def test_memory_is_told_and_does_not_grow(learner: ContinualVideoLearner) -> None:
    streams, sizes = CropStreams(learner), []
    for index, image in enumerate(film(24)):
        streams.infer([walking(image, index, "left")])
        sizes.append(streams.bytes_per_person)
    assert sizes[8:16] == sizes[16:]  # frames that wait for a step of eight come and go
    assert 100_000 < max(sizes) < 10_000_000


def test_people_carries_crops_as_it_carries_poses(learner: ContinualVideoLearner) -> None:
    """Missed ticks are held, absence makes a fresh state, and nobody else notices."""
    people = People(CropStreams(learner), Policy("hold", max_hold_frames=3, max_gap_s=0.3, max_people=2))
    pictures = film(20)
    told = []
    for index, image in enumerate(pictures):
        ids = ["right"] if index in (5, 6, *range(10, 19)) else ["left", "right"]
        crops = [walking(image, index, id) for id in ids]
        told.append({a.subject: a for a in people.answer(crops, image.stamp_ns or 0)})
    steps = [round(107 * answers["left"].category.progress) for answers in told]
    assert steps == [1, 2, 3, 4, 5, 5, 5, 6, 7, 8, *[8] * 9, 1]  # two steps were held, which is no real input
    assert [round(107 * answers["right"].category.progress) for answers in told] == list(range(1, 21))
    assert told[7]["left"].missing == 2


@pytest.mark.slow
def test_a_blank_is_a_black_picture(learner: ContinualVideoLearner) -> None:
    """Policy zero: what is stepped then equals a film that is black there."""
    pictures = film(FRAMES)
    people = People(CropStreams(learner), Policy("zero"))
    seen = [i for i in range(FRAMES) if i not in (20, 21)]
    heard = [people.answer([walking(pictures[i], 0, "left")], 0, tick=i)[0].category for i in seen]
    dark = [Image(np.zeros_like(p.data), 0) if i in (20, 21) else p for i, p in enumerate(pictures)]
    streams = CropStreams(learner)
    wanted = [streams.infer([walking(p, 0, "left")])[0] for p in dark]
    np.testing.assert_array_equal(scores(heard), scores(wanted))
