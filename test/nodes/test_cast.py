"""Playback follows what the machine can do, in both directions, and a run is over when all that came of it was seen."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from co_perception.nodes.cast import ROUND, WAITING, Cast, Run, Worker
from co_perception.nodes.tally import Tally


class Camera:
    """As much of a camera node as the pace needs."""

    finished = True

    def __init__(self, published: int) -> None:
        self.published = published
        self.rates: list[float] = []

    def set_parameters(self, changes: list[Any]) -> None:
        self.rates += [change.value for change in changes]


def node(step_s: float = 0.0, **counts: int) -> Any:
    tally = Tally()
    for event, times in counts.items():
        tally.count(event.replace("_", " "), times)
    for _ in range(ROUND if step_s else 0):
        tally.time("step", step_s)
    return SimpleNamespace(tally=tally)


def cast(published: int, video: Any, **others: Any) -> Any:
    """Camera and video, seen by everybody; with `pose` and `skeleton` too, or with `fusion`."""
    camera = Camera(published)
    workers = {"video": Worker(video, lambda: camera.published, 50.0)}
    if "skeleton" in others:
        pose = workers["pose"] = Worker(others["pose"], lambda: camera.published, 50.0)
        workers["skeleton"] = Worker(others["skeleton"], pose.processed, 50.0)
    fusion, answers = others.get("fusion"), others.get("answers", workers["video"].processed())
    audience = SimpleNamespace(heard=[None] * answers)
    film = SimpleNamespace(pictures=published, answers=answers)
    return Cast(camera, workers, fusion, audience, film, Run(speed=0.5))  # type: ignore[arg-type]


def both(answers: int = 10, **said: int) -> Any:
    """Ten frames, all of which video answered, and five of which the clock of the skeletons had no tick for."""
    return cast(
        10,
        node(processed=10),
        pose=node(processed=10),
        skeleton=node(processed=5, early=5),
        fusion=node(**{"received_from_video": 10, "received_from_skeleton": 5, "joined": 5, "alone": 5} | said),
        answers=answers,
    )


def test_frames_that_pile_up_slow_the_playback() -> None:
    players = cast(WAITING + 11, node(processed=10))
    players.keep_pace(fitting=1.0)
    players.keep_pace(fitting=None)
    assert players.camera.rates == pytest.approx([0.485, 0.5 * 0.97**2])


def test_it_goes_faster_again_but_not_beyond_what_fits() -> None:
    players = cast(10, node(processed=8, early=1))
    for _ in range(3):
        players.keep_pace(fitting=0.52)
    assert players.camera.rates == pytest.approx([0.515, 0.52])


def test_what_fits_has_to_be_known() -> None:
    players = cast(10, node(processed=10))
    players.keep_pace(players.fitting())
    assert players.camera.rates == []


def test_a_few_frames_waiting_change_nothing() -> None:
    players = cast(14, node(processed=10))
    players.keep_pace(fitting=1.0)
    assert players.camera.rates == []


def test_the_slowest_counts_for_the_pace_and_for_what_waits() -> None:
    players = cast(20, node(0.02, processed=20), pose=node(0.08, processed=18), skeleton=node(0.001, processed=7))
    assert players.waiting() == 11  # at the skeletons, which were sent what came of 18 pictures
    assert players.fitting() == pytest.approx(0.5 / (0.08 * 50))
    players.film.pictures = 3
    assert players.waiting() == 17


def test_all_is_answered_once_every_frame_met_its_fate_and_was_seen() -> None:
    players = cast(12, node(processed=8, early=2, unreadable=1, displaced=1))
    assert players.all_answered()
    players.film.answers = 7
    assert not players.all_answered()
    players.film.answers, players.camera.published = 8, 13
    assert not players.all_answered()


def test_with_two_recognisers_all_is_answered_once_fusion_has_told_what_it_got() -> None:
    assert both().all_answered()
    assert not both(alone=4).all_answered()  # one frame waits for the other recogniser
    assert not both(received_from_skeleton=4).all_answered()  # one answer is on its way
    assert both(answers=9, alone=4, late=1).all_answered()  # one came too late, and nothing is told of it
    assert not both(answers=9).all_answered()


def test_a_new_file_begins_a_chapter() -> None:
    run = Run()
    for stamp_ns, origin in [(1, "a"), (2, "a"), (3, "b"), (4, "a")]:
        run.sent(stamp_ns, origin)
    assert run.chapters == [(1, "a"), (3, "b"), (4, "a")]
    assert set(run.sent_ns) == {1, 2, 3, 4}
