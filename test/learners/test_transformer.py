"""The transformer learner on small networks: feature vectors as a stream, runs of them as clips."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.answers import scores
from numpy.typing import NDArray

from co_perception.continual.check import check_streaming
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import Timeseries, Vector
from co_perception.engine.target import Status
from co_perception.learners.transformer import ContinualTransformerLearner
from co_perception.networks.oadtr import Standardize
from co_perception.networks.variants_features import COOADTR_B1, COTRANS_SHORT, FeatureVariant
from co_perception.training.config import TrainConfig

CLASSES = ("still", "shaking")
SMALL = dataclasses.replace(
    COTRANS_SHORT, stem=(), depth=2, window=8, table=15, width=16, heads=2, feedforward=16, dropout=0.0
)


def learner(variant: FeatureVariant = SMALL, **settings: object) -> ContinualTransformerLearner:
    torch.manual_seed(0)
    made = ContinualTransformerLearner(variant, **{"classes": CLASSES, **settings})  # type: ignore[arg-type]
    made._loaded = True
    return made


def rows(seed: int, frames: int = 30, features: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(frames, features)).astype(np.float32)


def vectors(values: NDArray[np.float32]) -> list[Vector]:
    return [Vector(row) for row in values]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_frame_is_answered_as_the_run_up_to_it(depth: int) -> None:
    made = learner(dataclasses.replace(SMALL, depth=depth))
    values = rows(1)
    answers = made.infer(vectors(values))
    for frame in (0, 3, 7, 8, 29):
        run = made.infer(Timeseries(values[: frame + 1], made.rate_hz))
        np.testing.assert_allclose(scores(run), scores(answers[frame : frame + 1]), atol=1e-5)
    assert np.ptp(scores(answers)[:, 0]) > 0.05


def test_convolutions_before_attention_stream_and_survive_saving(tmp_path: Path) -> None:
    stem = dataclasses.replace(SMALL, stem=(3, 2), depth=1)
    made = learner(stem)
    for name, value in made.model.named_buffers():
        if name.endswith("running_mean"):
            value.normal_()
    check_streaming(made.model, (6,), frames=24, tolerance=1e-4, export=False)
    assert (stem.reach, made.receptive_field) == (3, 11)
    values = torch.randn(20, 6, generator=torch.Generator().manual_seed(0)).numpy()
    streamed = made.infer(vectors(values))
    assert [answer.progress for answer in streamed[:12]] == [min(frame, 11) / 11 for frame in range(1, 13)]
    made.save(tmp_path)
    again = ContinualTransformerLearner(stem)
    again.load(tmp_path)
    assert again.variant == made.variant
    np.testing.assert_allclose(scores(streamed), scores(again.infer(vectors(values))))
    np.testing.assert_allclose(scores(streamed[-1:]), scores(again.infer(Timeseries(values, again.rate_hz))), atol=1e-5)


def test_a_network_whose_blocks_answer_one_token_each_streams_and_survives_saving(tmp_path: Path) -> None:
    deep = dataclasses.replace(SMALL, deep=True, depth=3, stem=(3,))
    made = learner(deep)
    assert made.receptive_field == 2 + 3 * 7 + 1 and type(made.model.get_submodule("encoder")).__name__ == (
        "DeepContinualEncoder"
    )
    values = rows(1)
    answers = made.infer(vectors(values))
    for frame in (0, 7, 29):
        run = made.infer(Timeseries(values[: frame + 1], made.rate_hz))
        np.testing.assert_allclose(scores(run), scores(answers[frame : frame + 1]), atol=1e-5)
    made.save(tmp_path)
    again = ContinualTransformerLearner(deep)
    again.load(tmp_path)
    assert again.variant == made.variant and again.variant.window == 8
    np.testing.assert_allclose(scores(answers), scores(again.infer(vectors(values))))


def test_a_full_window_is_what_training_classifies() -> None:
    made = learner()
    values = rows(1, 8)
    with torch.no_grad():
        wanted = made.model.classify(torch.from_numpy(values.T)[None]).softmax(1)
    np.testing.assert_allclose(scores(made.infer(Timeseries(values, made.rate_hz))), wanted, atol=1e-6)


def test_warm_up_is_said_until_enough_of_the_window_was_seen() -> None:
    answers = learner(min_progress=0.5).infer(vectors(rows(1, 12)))
    assert [answer.progress for answer in answers] == [min(frame, 8) / 8 for frame in range(1, 13)]
    assert [answer.status for answer in answers] == [Status.WARMING_UP] * 3 + [Status.VALID] * 9
    assert {answer.delay for answer in answers} == {0}


def test_reset_forgets_and_a_snapshot_goes_on_bit_equal() -> None:
    made, values = learner(), vectors(rows(1))
    first = made.infer(values)
    made.reset()
    np.testing.assert_array_equal(scores(made.infer(values[:10])), scores(first[:10]))
    snapshot = made.snapshot()
    made.infer(Timeseries(rows(5), made.rate_hz))  # a clip leaves the stream alone
    wanted = made.infer(values[10:])
    made.infer(vectors(rows(9)))
    made.restore(snapshot)
    np.testing.assert_array_equal(scores(made.infer(values[10:])), scores(wanted))
    with pytest.raises(ValueError, match="another network"):
        learner(dataclasses.replace(SMALL, width=32)).restore(snapshot)
    with pytest.raises(ValueError, match="snapshot"):
        made.restore(None)  # type: ignore[arg-type]


def test_wrong_input_is_refused_and_the_stream_goes_on() -> None:
    made = learner()
    before = made.snapshot()
    nan = np.full(6, np.nan, np.float32)
    for wrong, message in (
        (Vector(np.zeros(5, np.float32)), "takes 6 features.*features=5"),
        ([Vector(rows(1, 1)[0]), Vector(nan)], "NaN"),
        (Timeseries(np.zeros((6, 9), np.float32)), "time first"),
        (rows(1), "got ndarray"),
        ("vector", "got str"),
    ):
        with pytest.raises(ValueError, match=message):
            made.infer(wrong)  # type: ignore[arg-type]
    assert made.snapshot() is before


def test_a_run_of_another_rate_is_taken_at_the_networks() -> None:
    made, values = learner(), rows(1, 8)
    fast = Timeseries(values.repeat(2, 0), rate_hz=2 * made.rate_hz)
    np.testing.assert_array_equal(scores(made.infer(fast)), scores(made.infer(Timeseries(values, made.rate_hz))))


def test_the_published_network_keeps_its_classes_and_takes_features_as_they_are() -> None:
    made = ContinualTransformerLearner("cooadtr_b1", features=6, window=16)
    assert made.labels[0] == "background" and made.labels[-1] == "ambiguous" and len(made.labels) == 22
    assert made.name == "cooadtr_b1/thumos14" and made.receptive_field == 16
    assert not [module for module in made.model.modules() if isinstance(module, Standardize)]
    with pytest.raises(RuntimeError, match="no weights yet"):
        made.infer(Vector(np.zeros(6, np.float32)))
    with pytest.raises(RuntimeError, match="no weights yet"):
        made.optimize()


def shaking(label: int, seed: int) -> Timeseries:
    """A sensor far from zero and in odd units, still or shaking."""
    noise = np.random.default_rng(seed).normal(0, 1, (10, 6))
    moves = noise * [9, 1, 1, 1e-6, 1, 0] * (0.1, 1)[label]
    return Timeseries((np.array([5000, -3, 0, 1e-3, 7, 7]) + moves).astype(np.float32), SMALL.rate_hz)


def test_it_learns_from_raw_units_and_saves_what_it_measured(tmp_path: Path) -> None:
    samples = Samples([Sample(shaking(place % 2, place), place % 2) for place in range(40)], CLASSES)
    made = ContinualTransformerLearner(SMALL, classes=CLASSES)
    result = made.fit(samples, epochs=12, config=TrainConfig(lr=1e-2, batch_size=8, select="loss", accelerator="cpu"))
    assert made.loaded and result["loss"] < 0.3
    other = Samples([Sample(shaking(place % 2, 100 + place), place % 2) for place in range(20)], CLASSES)
    assert made.eval(other)["accuracy"] >= 0.9
    together = np.concatenate([samples[place][0].data for place in range(40)])
    standard = made.model.get_submodule("standard")
    np.testing.assert_allclose(standard.mean, together.mean(0, dtype=np.float64), rtol=1e-5)  # type: ignore[arg-type]
    np.testing.assert_allclose(standard.deviation[:5], together.astype(np.float64).std(0)[:5], rtol=1e-3)  # type: ignore[index]
    assert float(standard.deviation[5]) == 1  # type: ignore[index]  # what never changes is only centered
    made.save(tmp_path)
    again = ContinualTransformerLearner("cotrans_short")
    again.load(tmp_path)
    assert again.labels == CLASSES and again.variant == made.variant
    for place in range(4):
        np.testing.assert_array_equal(scores(again.infer(other[place][0])), scores(made.infer(other[place][0])))


def test_saved_twice_the_second_is_read(tmp_path: Path) -> None:
    made = learner(dataclasses.replace(COOADTR_B1, features=6, width=16, heads=2, feedforward=16, window=8, table=15))
    made.save(tmp_path)
    made.model.head.bias += 1  # type: ignore[operator, union-attr]
    made.save(tmp_path)
    other = ContinualTransformerLearner("cooadtr_b1")
    other.load(tmp_path)
    assert torch.equal(other.model.head.bias, made.model.head.bias)  # type: ignore[arg-type, union-attr]
    with pytest.raises(ValueError, match="holds cooadtr_b1"):
        ContinualTransformerLearner("cotrans_short").load(tmp_path)
