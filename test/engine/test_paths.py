"""~ is the user's home wherever a path is given: to a command, to a node, as a source of video."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_options import options

from co_perception.data.video_source import resolve
from co_perception.engine.paths import expanded, user_path
from co_perception.engine.settings import table_of, values_of
from co_perception.learners.recognizers import KINDS, SkeletonSettings, VideoSettings
from co_perception.pose.finder import PoseSettings

OF_FILES = {"BAG", "DIR", "FILE", "MODEL", "SOURCE"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_home_is_at_the_beginning_alone(home: Path) -> None:
    assert expanded("~/a b/c") == f"{home}/a b/c" and user_path("~") == home
    assert expanded("~root/x") == os.path.expanduser("~root") + "/x" != "~root/x"
    for plain in ("", "a~/b", "/x/~/y", "./~", "~nobody_of_this_name/x", "http://host/~user/a.mjpg", "cotcn_everyday"):
        assert expanded(plain) == plain


def test_a_source_is_found_at_home(home: Path) -> None:
    for name in ("a.mp4", "b, c.mp4", "d.mp4"):
        (home / name).touch()
    assert resolve("~/a.mp4") == [f"{home}/a.mp4"]
    assert resolve("~/b, c.mp4") == [f"{home}/b, c.mp4"]
    assert resolve("~/d*.mp4, ~/a.mp4") == [f"{home}/d.mp4", f"{home}/a.mp4"]
    with pytest.raises(FileNotFoundError, match=f"{home}/none.mp4"):
        resolve("~/a.mp4,~/none.mp4")


def test_every_option_that_names_a_file_looks_for_it_at_home(home: Path) -> None:
    named = {name: each for name, each in options().items() if each.metavar in OF_FILES}
    assert {"train --config", "evaluate --model", "evaluate bags", "adapt source", "demo --out"} <= set(named)
    assert {name: str(each.type("~/x")) for name, each in named.items() if callable(each.type)} == dict.fromkeys(
        named, f"{home}/x"
    )
    assert [name for name, each in options().items() if each.type is Path] == []


def test_settings_with_a_path_hold_it_as_it_is_looked_for(home: Path) -> None:
    for kind, names in ((SkeletonSettings, ("model_path", "tasks")), (VideoSettings, ("model_path",))):
        rows = {row.name: row for row in table_of(kind)}
        for name in names:
            assert getattr(values_of(kind, {name: "~/x"}), name) == rows[name].parse("~/x") == f"{home}/x"
    assert values_of(PoseSettings, {"model_path": "~/x"}).model_path == f"{home}/x"


@pytest.mark.parametrize("settings", [{"model_path": "~/lesson"}, {"tasks": "~/adapters"}])
def test_an_error_names_the_file_that_was_looked_for(home: Path, settings: dict[str, str]) -> None:
    with pytest.raises(FileNotFoundError, match=f"{home}/{next(iter(settings.values()))[2:]}"):
        KINDS["skeleton"].find_weights(values_of(SkeletonSettings, settings))
