"""Results of the studio: names, what is whole, models by their keys, and files that pages may read."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.asgi_browser import reply_of

from co_perception.studio.endpoints import Question
from co_perception.studio.results_folder import ResultsFolder

FILES = (
    "gallery/mine/taught.json", "train/lesson/model/metadata.json", "evaluate/run 1/summary.json",
    "evaluate/run 1/report.html", "evaluate/half/report.html", "evaluate/.run_x/summary.json",
)  # fmt: skip


@pytest.fixture
def results(tmp_path: Path) -> ResultsFolder:
    for path in FILES:
        file = tmp_path / "out" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    (tmp_path / "out" / "secret.txt").write_text("secret")
    return ResultsFolder(tmp_path / "out", ("cotcn_everyday",))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "/etc", ".hidden", "-rf", "a" * 61, "a\0b", "a\n", "a.", "a "]
)
def test_what_is_no_name_is_refused(results: ResultsFolder, name: str) -> None:
    with pytest.raises(ValueError, match="a name has up to 60"):
        results.folder("train", name)


def test_names_of_people_and_places_are_names(results: ResultsFolder) -> None:
    for name in ("run 1", "küche", "2024-05-01_b.c", "跳"):
        assert results.folder("train", name).parent == results.root / "train"


def test_only_whole_results_are_listed_and_may_not_be_made_again(results: ResultsFolder) -> None:
    assert {(each["kind"], each["name"]) for each in results.all()} == {
        ("gallery", "mine"), ("train", "lesson"), ("evaluate", "run 1")}  # fmt: skip
    with pytest.raises(ValueError, match="there is 'run 1' already"):
        results.new("evaluate", "run 1")
    assert results.new("evaluate", "half") == results.root / "evaluate" / "half"  # an earlier one came to nothing


def test_models_are_found_by_their_keys_and_nothing_else_is(results: ResultsFolder) -> None:
    assert results.models()[-1] == "cotcn_everyday" and set(results.models()[:-1]) == {"gallery/mine", "train/lesson"}
    assert results.model("cotcn_everyday") == "cotcn_everyday"
    assert results.model("gallery/mine") == str((results.root / "gallery/mine").resolve())
    assert results.model("train/lesson") == str((results.root / "train/lesson/model").resolve())
    for key in ("evaluate/run 1", "nothing", "train/none", "/etc", "train"):
        with pytest.raises((LookupError, ValueError)):
            results.model(key)


def ask(results: ResultsFolder, kind: str, name: str, file: str) -> bytes:
    endpoint = next(each for each in results.endpoints() if each.path.endswith("{file}"))
    reply = reply_of(endpoint, Question({"kind": kind, "name": name, "file": file}))
    assert isinstance(reply.content, bytes)
    return reply.content


def test_pages_read_the_files_of_results_and_no_others(results: ResultsFolder) -> None:
    assert ask(results, "evaluate", "run 1", "summary.json") == b"{}"
    for kind, name, file in (
        ("evaluate", "run 1", "frames.jsonl"), ("evaluate", "run 1", "../../secret.txt"),
        ("evaluate", "half", "report.html"),
        ("train", "lesson", "metadata.json"), ("..", "out", "secret.txt"), ("evaluate", "..", "summary.json"),
    ):  # fmt: skip
        with pytest.raises((LookupError, ValueError)):
            ask(results, kind, name, file)


def test_reports_run_nothing(results: ResultsFolder) -> None:
    endpoint = next(each for each in results.endpoints() if each.path.endswith("{file}"))
    reply = reply_of(endpoint, Question({"kind": "evaluate", "name": "run 1", "file": "report.html"}))
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "script" not in policy
