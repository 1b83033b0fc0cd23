"""A row of files plays as one video; what breaks off is told and passed over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av")

from co_perception.nodes.video_source import VideoSource, resolve

MakeVideo = Callable[..., Path]


def played(source: object, **options: Any) -> list[tuple[int, str]]:
    """(milliseconds, file name) of every frame."""
    with VideoSource(str(source), **options) as opened:
        return [(round((frame.time_s or 0.0) * 1e3), Path(frame.origin).name) for frame in opened.frames()]


def test_files_run_on_in_the_order_given(make_video: MakeVideo) -> None:
    one, two = make_video("one.mp4", frames=3), make_video("two.mp4", frames=2)
    assert played(f"{two},{one}") == [
        (0, "two.mp4"),
        (40, "two.mp4"),
        (80, "one.mp4"),
        (120, "one.mp4"),
        (160, "one.mp4"),
    ]
    assert played(f"{two}, {one}", gap_s=1.0)[1:3] == [(40, "two.mp4"), (1080, "one.mp4")]


def test_a_pattern_plays_in_name_order(make_video: MakeVideo) -> None:
    folder = make_video("cam2.mp4", frames=1).parent
    make_video("cam1.mp4", frames=1)
    assert played(folder / "cam*.mp4") == [(0, "cam1.mp4"), (40, "cam2.mp4")]


def test_a_comma_in_a_file_name_is_no_separator(make_video: MakeVideo) -> None:
    assert played(make_video("a,b.mp4", frames=1)) == [(0, "a,b.mp4")]


def test_a_damaged_file_in_a_row_is_told_and_passed_over(make_video: MakeVideo) -> None:
    folder = make_video("1.mp4", frames=2).parent
    (folder / "2.mp4").write_text("no video")
    make_video("3.mp4", frames=2)
    problems: list[str] = []
    assert played(folder / "?.mp4", problem=problems.append) == [
        (0, "1.mp4"),
        (40, "1.mp4"),
        (80, "3.mp4"),
        (120, "3.mp4"),
    ]
    assert len(problems) == 1
    assert "2.mp4" in problems[0]


def test_closing_ends_the_frames(make_video: MakeVideo) -> None:
    source = VideoSource(str(make_video()))
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []


@pytest.mark.parametrize(("source", "error"), [("", ValueError), ("/nowhere/*.mp4", FileNotFoundError)])
def test_nothing_to_play_is_an_error(source: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        resolve(source)
