"""Jobs that pages ask for: they become commands of the command line, and what is wrong is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import Any

import pytest

pytest.importorskip("rosbags")

from helpers.asgi_browser import reply_of
from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag
from helpers.drawn_people import Figure

from co_perception.cli import make_parser
from co_perception.studio.endpoints import Question
from co_perception.studio.job_endpoints import STARTS, JobEndpoints
from co_perception.studio.jobs import Job, JobQueue
from co_perception.studio.recording_annotations import AnnotatedRecording
from co_perception.studio.results_folder import ResultsFolder


class Waiting(JobQueue):
    """A queue in which nothing begins."""

    def _run(self) -> None:
        pass


@pytest.fixture
def queue() -> Waiting:
    return Waiting()


@pytest.fixture
def endpoints(tmp_path: Path, queue: Waiting) -> JobEndpoints:
    recordings = []
    for name in ("monday", "tuesday"):
        frames = [Frame(T0 + n * SECOND // 15, [Person("p0", Figure("wave", 1).frame(n / 15))]) for n in range(3)]
        recordings.append(AnnotatedRecording(write_bag(tmp_path / name, {"/skeletons": frames})))
    return JobEndpoints(recordings, ResultsFolder(tmp_path / "out", ("cotcn_everyday",)), queue)


def start(endpoints: JobEndpoints, **content: Any) -> Any:
    [endpoint] = [each for each in endpoints.endpoints() if each.method == "POST" and each.path == "/api/jobs"]
    return reply_of(endpoint, Question(content=content)).content


def parsed(job: Job) -> Any:
    return make_parser().parse_args(list(job.arguments))


ALL = {"recordings": [0, 1], "name": "one"}


def test_a_training_is_the_command_of_the_terminal(endpoints: JobEndpoints, queue: Waiting, tmp_path: Path) -> None:
    start(endpoints, kind="train", epochs=7, by="group", start="costgcn_short_poses", **ALL)
    found = parsed(queue.job(1))
    assert found.sources == [tmp_path / "monday", tmp_path / "tuesday"] and found.out == tmp_path / "out/train/one"
    assert (found.epochs, found.by, found.start, found.background) == (7, "group", "costgcn_short_poses", "")
    start(endpoints, kind="train", start="cotcn_everyday", rest=True, recordings=[0], name="two")
    assert (parsed(queue.job(2)).start, parsed(queue.job(2)).background) == ("cotcn_everyday", "other")


@pytest.mark.parametrize("start_of", sorted(filter(None, STARTS)))
def test_what_a_training_begins_from_is_shipped(start_of: str) -> None:
    from co_perception.learners.metadata import shipped_names

    assert start_of in shipped_names()


def test_an_evaluation_and_rules_are_commands(endpoints: JobEndpoints, queue: Waiting, tmp_path: Path) -> None:
    start(endpoints, kind="evaluate", model="cotcn_everyday", **ALL)
    found = parsed(queue.job(1))
    assert found.bags == [tmp_path / "monday", tmp_path / "tuesday"] and found.model == "cotcn_everyday"
    assert queue.job(1).report == found.out / "summary.json"
    start(endpoints, kind="tune", model="cotcn_everyday", per_hour=2.5, nothing=True, **ALL)
    rules = parsed(queue.job(2))
    assert rules.false_alarms_per_hour == 2.5 and rules.nothing and rules.out == tmp_path / "out/tune/one"


def test_an_examination_is_of_a_recording_or_of_the_graph(
    endpoints: JobEndpoints, queue: Waiting, tmp_path: Path
) -> None:
    start(endpoints, kind="doctor", name="a", recordings=[1])
    assert parsed(queue.job(1)).bag == tmp_path / "tuesday"
    start(endpoints, kind="doctor", name="b", seconds=5)
    assert parsed(queue.job(2)).bag is None and parsed(queue.job(2)).seconds == 5


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "record", **ALL}, {"kind": "train", "name": "../x", "recordings": [0]}, {"kind": "train", "name": "a"},
        {"kind": "train", "name": "a", "recordings": [2]}, {"kind": "train", "name": "a", "recordings": [-1]},
        {"kind": "train", "name": "a", "recordings": [0, 0]}, {"kind": "train", "name": "a", "recordings": "0"},
        {"kind": "train", "name": "a", "recordings": [True]}, {"kind": "train", "epochs": 1e9, **ALL},
        {"kind": "train", "epochs": "--resume", **ALL}, {"kind": "train", "by": "--ray", **ALL},
        {"kind": "train", "start": "/etc", **ALL}, {"kind": "evaluate", "model": "/etc", **ALL},
        {"kind": "evaluate", **ALL}, {"kind": "tune", "model": "cotcn_everyday", **ALL},
        {"kind": "tune", "model": "cotcn_everyday", "per_hour": float("nan"), **ALL},
        {"kind": "doctor", "name": "a", "seconds": 1e6},
    ],
    ids=lambda content: f"{content['kind']}-{len(str(content))}-{str(content)[-14:-1]}",
)  # fmt: skip
def test_what_makes_no_sense_is_refused(endpoints: JobEndpoints, queue: Waiting, content: dict[str, Any]) -> None:
    with pytest.raises((LookupError, ValueError)):
        start(endpoints, **content)
    assert not queue.all()


def test_one_name_is_made_once_at_a_time(endpoints: JobEndpoints, queue: Waiting) -> None:
    start(endpoints, kind="train", **ALL)
    with pytest.raises(ValueError, match="'one' is being made already"):
        start(endpoints, kind="train", **ALL)
    start(endpoints, kind="doctor", **ALL)
    assert len(queue.all()) == 2
    queue.stop(1)
    start(endpoints, kind="train", **ALL)  # what was stopped goes on
    assert len(queue.all()) == 3


def test_of_pages_that_start_the_same_at_once_one_is_heard(
    endpoints: JobEndpoints, queue: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = queue.all

    def slow() -> list[Job]:
        found = known()
        sleep(0.1)
        return found

    monkeypatch.setattr(queue, "all", slow)

    def ask(_: int) -> str:
        try:
            start(endpoints, kind="train", **ALL)
        except ValueError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(ask, range(3))) == ["", *["'one' is being made already"] * 2]
    assert len(known()) == 1
