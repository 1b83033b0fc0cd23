"""A run becomes a picture; what is drawn follows from the moments."""

from pathlib import Path

import numpy as np
import pytest

from co_perception.evaluation.moments import Moment
from co_perception.evaluation.timeline import curve, draw_timeline, leading, span


def moment(index: int, *hypotheses: tuple[str, float], label: str = "", warm: bool = True) -> Moment:
    return Moment(time_s=index / 10, label=label, progress=min(index / 4, 1.0), hypotheses=hypotheses, warm=warm)


RUN = [
    moment(0, warm=False),
    moment(1, ("run", 0.5), ("sit", 0.3), warm=False),
    moment(2, ("sit", 0.6), ("run", 0.2), label="sit"),
    moment(3, ("sit", 0.7), ("fall", 0.2), label="sit"),
    moment(4, ("fall", 0.9), ("sit", 0.1), label="fall"),
]

PERSON = [moment(index, ("wave", 0.9), label="wave") for index in (2, 3, 4)]


def test_the_labels_that_led_longest_come_first() -> None:
    assert leading(RUN, 6) == ["sit", "run", "fall"]  # the last two are even
    assert leading(RUN, 1) == ["sit"]


def test_a_score_that_was_not_told_is_unknown_not_zero() -> None:
    values = curve(RUN, "run")
    assert np.isnan(values[[0, 3, 4]]).all()
    assert values[1:3].tolist() == [0.5, 0.2]


def test_a_run_lasts_as_long_after_its_last_answer_as_answers_are_apart() -> None:
    assert span([RUN[:3], RUN[2:4]]) == pytest.approx((0.0, 0.4))
    assert span([RUN[:1]]) == (0.0, 1.0)


def test_a_picture_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    chapters = [(0.0, "one"), (0.3, "two")]
    draw_timeline({"": RUN}, tmp_path / "run.png", title="A run", subtitle="by nobody", chapters=chapters)
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    draw_timeline({"": RUN, "p1": PERSON}, tmp_path / "run.svg", title="A run", chapters=chapters)
    drawn = (tmp_path / "run.svg").read_text()
    assert all(word in drawn for word in ("A run", "scene", "p1", "warming up", "two", "fall", "wave"))


def test_without_a_scene_there_are_rows_only(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_timeline({"p1": PERSON}, tmp_path / "people.svg", title="A person")
    drawn = (tmp_path / "people.svg").read_text()
    assert "p1" in drawn and "probability" not in drawn


@pytest.mark.parametrize("run", [RUN[:1], [RUN[2]], RUN[:2]], ids=["one, cold", "one, warm", "never warm"])
def test_short_runs_are_drawn_too(tmp_path: Path, run: list[Moment]) -> None:
    pytest.importorskip("matplotlib")
    draw_timeline({"": run}, tmp_path / "run.png", title="A run")
    assert (tmp_path / "run.png").stat().st_size > 0


@pytest.mark.parametrize("tracks", [{}, {"": []}])
def test_an_empty_run_is_refused(tmp_path: Path, tracks: dict[str, list[Moment]]) -> None:
    with pytest.raises(ValueError, match="at least one moment"):
        draw_timeline(tracks, tmp_path / "run.png", title="Nothing")
