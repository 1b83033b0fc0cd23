"""Figures of heads on uncut streams, against counts by hand; what a fold trains on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from co_perception.continual.timing import Timing
from co_perception.data.samples import Sample, Samples
from recipes.interaction_streams import (
    JoinedStream,
    Piece,
    Truth,
    examples,
    figures,
    grouped_streams,
    joined,
    table,
    truth_of,
)
from recipes.interactions import ACTS, CLASSES, NOTHING

RATE_HZ = 10.0


@dataclass(frozen=True)
class DrawnClip:
    """A clip without a file: pictures of one gray value."""

    path: Path
    start_s: float = 0.0
    rate_hz: float | None = None
    seconds: float = 6.0

    def length_s(self) -> float:
        return self.seconds

    def content(self) -> str:
        return f"{self.path} {self.start_s:g}"

    def pictures(self) -> Any:
        for number in range(round(self.seconds * RATE_HZ)):
            yield np.full((4, 6, 3), number, np.uint8), number / RATE_HZ


def piece(frames: int, label: int) -> Piece:
    return Piece(DrawnClip(Path("clip")), frames, label)  # type: ignore[arg-type]  # reads as a clip does


def scores(best: list[int]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.eye(len(CLASSES))[best] * 0.9 + 0.01


def truth() -> Truth:
    """20 frames of nothing, 20 of class 0, 20 of nothing, answers each 5 frames that come one step later."""
    stream = JoinedStream((piece(20, NOTHING), piece(20, 0), piece(20, NOTHING)), RATE_HZ)
    return truth_of(stream, Timing(5, 5), 1, np.arange(12))


def test_the_truth_of_an_answer_is_that_of_the_frame_it_describes() -> None:
    found = truth()
    assert found.labels.tolist() == [NOTHING] * 4 + [0] * 4 + [NOTHING] * 4
    assert found.piece.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert found.known_s[:2].tolist() == [0.9, 1.4]  # frames 9 and 14 complete the steps after those of frames 0 and 5
    assert found.seconds == 6.0


def test_right_answers_are_found_at_once_without_a_false_onset() -> None:
    found = figures(scores([NOTHING] * 4 + [0] * 4 + [NOTHING] * 4), truth())
    assert list(found.values()) == pytest.approx([1.0, 1.0, 0.9, 0.0])


def test_an_act_named_late_twice_and_where_there_is_none() -> None:
    found = figures(scores([NOTHING, 3, 3, NOTHING, NOTHING, 0, NOTHING, 0, NOTHING, 1, 0, NOTHING]), truth())
    # of four frames two have the class first, with one that is none: two of three, then the rest at equal scores
    assert found["mean average precision per frame"] == pytest.approx(0.5 * 2 / 3 + 0.5 * 4 / 12)
    assert found["acts found"] == 1.0
    assert found["delay, s"] == pytest.approx(1.4)
    assert found["false onsets a minute"] == pytest.approx(4 * 10)  # of 3, of 0 again, of 1, of 0 in the end


def test_answers_that_never_name_an_act_have_the_share_of_its_frames() -> None:
    found = figures(scores([NOTHING] * 12), truth())
    assert found["mean average precision per frame"] == pytest.approx(4 / 12)
    assert found["acts found"] == found["false onsets a minute"] == 0.0
    assert np.isnan(found["delay, s"])


def videos() -> Samples:
    items = []
    for pair in ("1", "2", "3"):
        for act in range(len(ACTS)):
            items.append(Sample(DrawnClip(Path(f"{pair}_{act}"), seconds=2.0), act, pair))  # type: ignore[arg-type]
    for home in ("Subject 1", "Subject 2"):
        items.append(Sample(DrawnClip(Path(f"{home}"), seconds=6.0), NOTHING, home))  # type: ignore[arg-type]
    return Samples(items, CLASSES)


def test_no_person_is_in_streams_of_both_groups() -> None:
    one, other = grouped_streams(videos(), (["1", "3"], ["2"]), RATE_HZ)
    first, second = (
        {str(piece.clip.path) for stream in group.values() for piece in stream.pieces} for group in (one, other)
    )
    assert list(one) == ["1", "3"] and list(other) == ["2"]
    assert not first & second
    assert {name[0] for name in first if "_" in name} == {"1", "3"}
    assert "Subject 1" in first and "Subject 2" in second
    with pytest.raises(ValueError, match="got 3 in both"):
        grouped_streams(videos(), (["1", "3"], ["3"]), RATE_HZ)


def test_a_stream_is_the_same_each_time_and_shows_what_its_parts_say() -> None:
    one, again = (joined(videos(), "1", "Subject 1", RATE_HZ) for _ in range(2))
    assert one.content() == again.content()
    assert one.content() != joined(videos(), "1", "Subject 2", RATE_HZ).content()
    pictures = list(one.pictures())
    assert len(pictures) == round(one.length_s() * RATE_HZ)
    np.testing.assert_allclose([time_s for _, time_s in pictures], np.arange(len(pictures)) / RATE_HZ)
    parts = examples([one])
    assert sorted(set(parts.labels)) == list(range(len(CLASSES)))
    begin = pictures[round(one.spans_s[1][0] * RATE_HZ)][0]
    assert begin.max() == 0  # each clip begins with its own first picture


def test_short_homes_are_refused() -> None:
    acts = [each for each in videos().items if each.label != NOTHING]
    home = Sample(DrawnClip(Path("home"), seconds=1.0), NOTHING, "Subject 1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the longest has 1"):
        joined(Samples([*acts, home], CLASSES), "1", "Subject 1", RATE_HZ)


def test_the_table_has_mean_and_deviation() -> None:
    text = table({"gru: delay, s": [1.0, 3.0], "gru: acts found": [1.0, 1.0]}, ["gru"])
    assert "| gru |  | 1.000 ± 0.000 | 2.000 ± 1.000 |" in text
