"""The scripts from end to end, as short as they can be: what they print and leave behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib.image
import pytest
from benchmark_scripts import script

from bench import subjects
from bench.remote import PEERS, ROOT
from bench.rows import Row

pytestmark = pytest.mark.slow


def test_steps_of_a_small_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (
        "--networks costgcn_short --backends eager nonsense --seconds 0 --rounds 2 --block 2 --threads 1 --no-reference"
    )
    assert script("steps").main([*asked.split(), "--out", str(tmp_path)]) == 0
    [told] = json.loads((tmp_path / "steps.json").read_text())
    assert told.keys() == Row.__dataclass_fields__.keys()
    assert (told["network"], told["backend"], told["samples"]) == ("costgcn_short", "eager", 4)
    assert 0 < told["ms_min"] <= told["ms_p50"] <= told["ms_p95"]
    assert told["clip_ratio"] == pytest.approx(told["clip_ms_p50"] / told["ms_p50"], rel=1e-3)
    assert told["gmacs_per_s"] == pytest.approx(told["macs_per_step"] / told["ms_p50"] / 1e6, rel=1e-3)
    assert told["reference_ms_p50"] is None and told["ratio"] is None
    header = json.loads((tmp_path / "machine.json").read_text())
    assert told["peak_share"] == pytest.approx(
        told["gmacs_per_s"] / header["matrix_product"]["gmacs_per_s_max"], rel=1e-3
    )
    assert header["matrix_product"]["gmacs_per_s_p50"] <= header["matrix_product"]["gmacs_per_s_max"]
    assert matplotlib.image.imread(tmp_path / "steps.png").std() > 0.01
    said = capsys.readouterr()
    assert "costgcn_short" in said.out and "costgcn_short without nonsense: ValueError" in said.err
    assert "| costgcn_short | eager |" in (tmp_path / "steps.md").read_text()


@pytest.mark.skipif(not PEERS.exists(), reason="no .venv-peers: make peers-env")
def test_steps_beside_the_reference(tmp_path: Path) -> None:
    asked = "--networks cooadtr_b1_anet --backends eager --seconds 0 --rounds 1 --block 2 --threads 1 --no-clip"
    assert script("steps").main([*asked.split(), "--out", str(tmp_path)]) == 0
    [told] = json.loads((tmp_path / "steps.json").read_text())
    assert told["ratio"] == pytest.approx(told["reference_ms_p50"] / told["ms_p50"], rel=1e-3)
    # Keys and values of the 63 frames before, queries and keys of 1024 numbers each.
    assert told["reference_state_bytes"] >= told["state_bytes"] == 63 * 2 * 1024 * 4 + 8
    header = json.loads((tmp_path / "machine.json").read_text())
    assert header["reference"]["continual-inference"] == "1.2.4"


def test_without_the_peers_it_says_how_to_make_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script("steps"), "PEERS", tmp_path / "nowhere")
    assert script("steps").arguments(["--quick"]).no_reference
    assert "make peers-env" in capsys.readouterr().err


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ValueError, match="no network 'coxyz'"):
        script("steps").arguments(["--networks", "coxyz"])


def test_several_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "--networks costgcn_short --backends eager --people 1 3 --seconds 0 --threads 2"
    assert script("streams").main([*asked.split(), "--out", str(tmp_path)]) == 0
    one, three = json.loads((tmp_path / "streams.json").read_text())["rows"]
    assert (one["people"], one["share"], three["people"]) == (1, 1, 3)
    assert three["share"] == pytest.approx(three["ms_p50"] / 3 / one["ms_p50"], rel=1e-3)
    assert (tmp_path / "streams.png").exists() and "of one alone" in capsys.readouterr().out


def test_training(tmp_path: Path) -> None:
    asked = "--networks cotrans_short --modes clip --threads 2 --epochs 1 --clips 8"
    assert script("training").main([*asked.split(), "--out", str(tmp_path)]) == 0
    [told] = json.loads((tmp_path / "training.json").read_text())["rows"]
    assert (told["mode"], told["clips"], told["frames"]) == ("clip", 8, 100)
    assert told["clips_per_s"] == pytest.approx(8 / told["epoch_s"], rel=1e-3)


def test_endurance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "--networks costgcn_short --backends eager --steps 25 --block 10 --threads 1"
    assert script("endurance").main([*asked.split(), "--out", str(tmp_path)]) == 0
    [told] = json.loads((tmp_path / "endurance.json").read_text())["rows"]
    assert len(told["memory_bytes"]) == len(told["threads"]) == len(told["descriptors"]) == len(told["ms_p50"]) == 3
    assert told["threads_gained"] == told["descriptors_gained"] == 0 < min(told["threads"] + told["descriptors"])
    assert told["grown_bytes"] == told["memory_bytes_at_end"] - told["memory_bytes_after_warm_up"]
    assert told["ms_p50_last"] == told["ms_p50"][-1] > 0
    assert "memory first" in capsys.readouterr().out
    more = "--networks cox3d_s@32 --backends eager --steps 1 --threads 1 --add"
    assert script("endurance").main([*more.split(), "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "endurance.json").read_text())["rows"]
    assert [row["network"] for row in rows] == ["costgcn_short", "cox3d_s@32"] and rows[0] == told


@pytest.mark.parametrize("name", ["costgcn_short@32", "cox3d_s@0", "cox3d_s@wide", "cox3d_s@-1"])
def test_a_size_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="only video networks have a size"):
        subjects.variant(name)


def test_a_size_makes_the_same_network_of_smaller_pictures() -> None:
    small = subjects.build("cox3d_s@32")
    assert small.frame_shape == (3, 32, 32)
    whole = subjects.build("cox3d_s").network.state_dict()
    assert all(whole[name].equal(value) for name, value in small.network.state_dict().items())


def test_make_bench_runs_what_can_be_run_alone() -> None:
    """A node that waits for its signal, or a plot of what is not there, would end it."""
    named = re.search(r"^BENCHES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()}
    assert scripts - set(named[1].split()) == {"node_process", "node_plot"} and set(named[1].split()) <= scripts
