"""The benchmark scripts from end to end, with few steps: their output and files."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from scipy.io import savemat

from bench import subjects
from bench.remote import PEERS, ROOT
from bench.results import Row

pytestmark = pytest.mark.slow


def script(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.{name}")


def rows_of(name: str, options: str, out: Path) -> Any:
    """The rows that a benchmark leaves in its JSON file."""
    assert script(name).main([*options.split(), "--out", str(out)]) == 0
    content = json.loads((out / f"{name}.json").read_text())
    return content["rows"] if isinstance(content, dict) else content


def test_steps_of_a_small_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--networks costgcn_short --backends eager nonsense --seconds 0 --rounds 2 --block 2 --threads 1"
    [found] = rows_of("steps", f"{options} --no-reference", tmp_path)
    assert found.keys() == Row.__dataclass_fields__.keys()
    assert (found["network"], found["backend"], found["samples"]) == ("costgcn_short", "eager", 4)
    assert 0 < found["ms_min"] <= found["ms_p50"] <= found["ms_p95"]
    assert found["clip_ratio"] == pytest.approx(found["clip_ms_p50"] / found["ms_p50"], rel=1e-3)
    assert found["gmacs_per_s"] == pytest.approx(found["macs_per_step"] / found["ms_p50"] / 1e6, rel=1e-3)
    assert found["reference_ms_p50"] is None and found["ratio"] is None
    product = json.loads((tmp_path / "machine.json").read_text())["matrix_product"]
    assert found["peak_share"] == pytest.approx(found["gmacs_per_s"] / product["gmacs_per_s_max"], rel=1e-3)
    assert product["gmacs_per_s_p50"] <= product["gmacs_per_s_max"]
    assert matplotlib.image.imread(tmp_path / "steps.png").std() > 0.01
    captured = capsys.readouterr()
    assert "costgcn_short" in captured.out and "costgcn_short without nonsense: ValueError" in captured.err
    assert "| costgcn_short | eager |" in (tmp_path / "steps.md").read_text()


@pytest.mark.skipif(not PEERS.exists(), reason="no .venv-peers: make peers-env")
def test_steps_beside_the_reference(tmp_path: Path) -> None:
    options = "--networks cooadtr_b1_anet --backends eager --seconds 0 --rounds 1 --block 2 --threads 1 --no-clip"
    [found] = rows_of("steps", options, tmp_path)
    assert found["ratio"] == pytest.approx(found["reference_ms_p50"] / found["ms_p50"], rel=1e-3)
    # Keys and values of the 63 frames before, queries and keys of 1024 numbers each.
    assert found["reference_state_bytes"] >= found["state_bytes"] == 63 * 2 * 1024 * 4 + 8
    header = json.loads((tmp_path / "machine.json").read_text())
    assert header["reference"]["continual-inference"] == "1.2.4"


def test_options_without_the_peers_and_of_an_unknown_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script("steps"), "PEERS", tmp_path / "nowhere")
    assert script("steps").arguments(["--quick"]).no_reference
    assert "make peers-env" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no network 'coxyz'"):
        script("steps").arguments(["--networks", "coxyz"])


def test_several_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--networks costgcn_short --backends eager --people 1 3 --seconds 0 --threads 2"
    one, three = rows_of("streams", options, tmp_path)
    assert (one["people"], one["share"], three["people"]) == (1, 1, 3)
    assert three["share"] == pytest.approx(three["ms_p50"] / 3 / one["ms_p50"], rel=1e-3)
    assert (tmp_path / "streams.png").exists() and "of one alone" in capsys.readouterr().out


def test_training(tmp_path: Path) -> None:
    options = "--networks cotrans_short --modes clip --threads 2 --epochs 1 --clips 8"
    [found] = rows_of("training", options, tmp_path)
    assert (found["mode"], found["clips"], found["frames"]) == ("clip", 8, 100)
    assert found["clips_per_s"] == pytest.approx(8 / found["epoch_s"], rel=1e-3)


def test_endurance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--networks costgcn_short --backends eager --steps 25 --block 10 --threads 1"
    [found] = rows_of("endurance", options, tmp_path)
    assert [len(found[figure]) for figure in ("memory_bytes", "threads", "descriptors", "ms_p50")] == [3] * 4
    assert found["threads_gained"] == found["descriptors_gained"] == 0 < min(found["threads"] + found["descriptors"])
    assert found["grown_bytes"] == found["memory_bytes_at_end"] - found["memory_bytes_after_warm_up"]
    assert found["ms_p50_last"] == found["ms_p50"][-1] > 0
    assert "memory first" in capsys.readouterr().out
    rows = rows_of("endurance", "--networks cox3d_s@32 --backends eager --steps 1 --threads 1 --add", tmp_path)
    assert [row["network"] for row in rows] == ["costgcn_short", "cox3d_s@32"] and rows[0] == found


def test_a_size_makes_the_same_network_of_smaller_pictures() -> None:
    small = subjects.build("cox3d_s@32")
    assert small.frame_shape == (3, 32, 32)
    whole = subjects.build("cox3d_s").network.state_dict()
    assert all(whole[name].equal(value) for name, value in small.network.state_dict().items())
    for name in ("costgcn_short@32", "cox3d_s@0", "cox3d_s@wide", "cox3d_s@-1"):
        with pytest.raises(ValueError, match="only video networks have a size"):
            subjects.variant(name)


def test_latency_of_a_node(tmp_path: Path) -> None:
    """The node that is measured is the package's own, with stopwatches where it has its parts."""
    pytest.importorskip("rclpy")
    options = ["--cases", "rgb8", "--load", "without", "--seconds", "2", "--out", str(tmp_path / "found.json")]
    subprocess.run([sys.executable, str(ROOT / "benchmarks/node_latency.py"), *options], check=True, timeout=200)
    [found] = json.loads((tmp_path / "found.json").read_text())["results"]
    assert found["sent"] == 60 and found["answered"] > 20
    assert all(found["parts_ms"][part]["max"] > 0 for part in found["parts_ms"])


def test_make_bench_runs_what_can_be_run_alone() -> None:
    """A node that waits for its signal, a plot of what is not there, or files that nobody named, would end it."""
    named = re.search(r"^BENCHES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()}
    assert (
        scripts - set(named[1].split())
        == {
            "clips",
            "convert_networks",
            "coordinates",
            "identity",
            "node_process",
            "node_plot",
            "read_files",
            "shown_clips",
            "studio_keys",
            "studio_latency",
            "studio_scroll",
            "tune",
            "why",
        }
        and set(named[1].split()) <= scripts
    )


def test_coordinates_of_a_few_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both forms of a take are the same person, so a network gives both one label, however little it was trained."""
    rng = np.random.default_rng(0)
    for action, person in ((1, 1), (2, 1), (1, 2), (2, 2)):
        joints = rng.uniform(-0.8, 0.8, (20, 3, 1)) + [[0], [0], [3]] + rng.normal(0, 0.02, (20, 3, 40))
        savemat(tmp_path / f"a{action}_s{person}_t1_skeleton.mat", {"d_skel": joints})
    script("coordinates").main([str(tmp_path), "--seeds", "1", "--epochs", "1"])
    printed = capsys.readouterr().out
    assert "2 takes of 1 people to train on, 2 of others held out." in printed and "chance 3.7%" in printed
    assert printed.count("+0.0 points between the forms") == 2


def test_startup_of_a_node_from_its_bundle(tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    command = [sys.executable, "benchmarks/startup.py", "--rounds", "1", "--cases", "bare", "bundle"]
    subprocess.run(
        [*command, "--out", str(tmp_path)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL
    )  # of its own: ROS begins once in a process
    rows = json.loads((tmp_path / "startup.json").read_text())["rows"]
    assert rows.keys() == {"bare", "bundle"} and all(row["ready_s"] > 0 for row in rows.values())
    assert rows["bundle"]["later_mb"] < 150 and rows["bundle"]["later_mb"] < 2 * rows["bare"]["later_mb"]
